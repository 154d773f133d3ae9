/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A power-of-two ring of frame slots with free-running counters, as in
 * libsync/lfqueue/spsc.c, the frames lying in the slots.
 *
 * A frame chosen for overtaking stays in its slot while the consumer goes on
 * behind it: slots are popped out of order, but released in order.
 *
 * Invariants
 *   I1  head <= first <= tail and tail - head <= limit; counters wrap.
 *   I2  Slots in [head, first) are popped, those in [first, tail) as their
 *       taken says, all others belong to the producer.
 *   I3  Only the producer writes tail; only the consumer writes head.
 *   I4  Frames of [first, tail) that may not be overtaken have ascending due.
 *
 * Ordering pairs
 *   FRAME  publish stores tail (release) -> the consumer loads it (acquire):
 *          a slot is filled before it is seen.
 *   SLOT   release stores head (release) -> fill loads it (acquire): a slot
 *          has been read before it is filled again.
 *   SLEEP  arm sets armed (acq_rel) -> publish clears it (acq_rel), and the
 *          other way round: of a consumer that arms and looks at tail, and a
 *          producer that stores tail and looks at armed, the later one sees
 *          what the earlier one did.  Else both would miss, and the consumer
 *          sleep on a full ring.
 */

#include "drivers/wire/ring.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/wire/wire.h"
#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"

#define QUEUE_LEN_DEFAULT 256
#define MILLION           1000000
#define NS_PER_S          UINT64_C(1000000000)
#define OVERTAKE_MAX      4

/* [c] constant  [a] atomic, see I3  [p] producer only  [k] consumer only */
struct wire_ring {
	size_t mask;                  /* [c] slots - 1 */
	size_t limit;                 /* [c] frames at most */
	uint64_t rate_bps;            /* [c] 0: no limit */
	uint64_t delay;               /* [c] ns */
	uint32_t loss, reorder;       /* [c] ppm */
	struct wire_ring_frame *slot; /* owned as I2 says */

	alignas(SYNC_CACHELINE) SYNC_ATOMIC(size_t) tail; /* [a] published */
	size_t filled;                                    /* [p] next to fill */
	size_t head_seen;        /* [p] last view of head */
	uint64_t idle_at;        /* [p] ns: the sender has sent all */
	uint64_t random;         /* [p] state of the generator */
	SYNC_ATOMIC(bool) armed; /* [a] the consumer sleeps; seldom set */

	alignas(SYNC_CACHELINE) SYNC_ATOMIC(size_t) head; /* [a] released */
	size_t first;     /* [k] oldest not popped */
	size_t newest;    /* [k] behind the newest popped */
	size_t tail_seen; /* [k] last view of tail */
};

/* splitmix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t
random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool
random_hits(struct wire_ring *r, uint32_t ppm)
{
	return ppm != 0 && random_next(&r->random) % MILLION < ppm;
}

int
wire_ring_create(const struct wire_config *cfg, uint64_t rate_bps,
    uint64_t salt, struct wire_ring **out)
{
	const size_t limit =
	    cfg->queue_len != 0 ? cfg->queue_len : QUEUE_LEN_DEFAULT;
	struct wire_ring *r = aligned_alloc(SYNC_CACHELINE, sizeof(*r));
	size_t slots = 1;

	if (r == NULL)
		return -ENOMEM;
	while (slots < limit)
		slots *= 2;
	*r = (struct wire_ring){
	    .mask = slots - 1,
	    .limit = limit,
	    .rate_bps = rate_bps,
	    .delay = cfg->delay_ns,
	    .loss = cfg->loss_ppm,
	    .reorder = cfg->reorder_ppm,
	    .slot = calloc(slots, sizeof(r->slot[0])),
	    .random = cfg->seed + (salt << 32),
	};
	sync_init(&r->armed, true);
	if (r->slot == NULL) {
		free(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

void
wire_ring_destroy(struct wire_ring *r)
{
	free(r->slot);
	free(r);
}

/* The ns that len bytes take to send. */
static uint64_t
sending_time(const struct wire_ring *r, size_t len)
{
	if (r->rate_bps == 0)
		return 0;
	return (len * 8 * NS_PER_S + r->rate_bps - 1) / r->rate_bps;
}

enum wire_ring_fate
wire_ring_fill(struct wire_ring *r, uint64_t now, const void *data, size_t len)
{
	struct wire_ring_frame *f = &r->slot[r->filled & r->mask];
	/* Both are drawn for each frame: one does not shift the other's luck. */
	const bool lost = random_hits(r, r->loss);
	const bool late = random_hits(r, r->reorder);

	SYNC_ASSERT(len <= WIRE_RING_FRAME_MAX);
	if (lost)
		return WIRE_RING_LOST;
	if (r->filled - r->head_seen >= r->limit) {
		/* SLOT acquire: pairs with the release in release. */
		r->head_seen = sync_load_acquire(&r->head);
		if (r->filled - r->head_seen >= r->limit)
			return WIRE_RING_FULL;
	}
	if (r->idle_at < now)
		r->idle_at = now;
	r->idle_at += sending_time(r, len);
	f->due = r->idle_at + r->delay;
	f->len = (uint32_t)len;
	f->taken = false;
	f->overtake = 0;
	if (late)
		f->overtake =
		    (uint8_t)(1 + random_next(&r->random) % OVERTAKE_MAX);
	memcpy(f->data, data, len);
	r->filled++;
	return WIRE_RING_SENT;
}

bool
wire_ring_publish(struct wire_ring *r)
{
	/* FRAME release: pairs with the acquire in published. */
	sync_store_release(&r->tail, r->filled);
	/* SLEEP acq_rel: pairs with arm. */
	return sync_xchg_acq_rel(&r->armed, false);
}

/* The consumer's view of tail. */
static size_t
published(struct wire_ring *r)
{
	/* FRAME acquire: pairs with the release in publish. */
	r->tail_seen = sync_load_acquire(&r->tail);
	return r->tail_seen;
}

/* When frame i, which is not taken, may be popped. */
static uint64_t
ready_at(const struct wire_ring *r, size_t i)
{
	const struct wire_ring_frame *f = &r->slot[i & r->mask];
	const size_t passed = r->newest - i; /* those behind it, plus one */

	if (f->overtake == 0 || (passed <= r->mask + 1 && passed > f->overtake))
		return f->due;
	return f->due + WIRE_LATE_MAX;
}

const struct wire_ring_frame *
wire_ring_pop(struct wire_ring *r, uint64_t now)
{
	size_t tail = r->tail_seen, i = r->first;

	for (;; i++) {
		if (i == tail) {
			tail = published(r);
			if (i == tail)
				return NULL;
		}
		if (r->slot[i & r->mask].taken)
			continue;
		if (ready_at(r, i) <= now)
			break;
		if (r->slot[i & r->mask].overtake == 0)
			return NULL; /* I4: nor has any other behind it */
	}
	r->slot[i & r->mask].taken = true;
	if (r->newest - i - 1 > r->mask)
		r->newest = i + 1;
	while (r->first != tail && r->slot[r->first & r->mask].taken)
		r->first++;
	return &r->slot[i & r->mask];
}

void
wire_ring_release(struct wire_ring *r)
{
	/* SLOT release: pairs with the acquire in fill. */
	sync_store_release(&r->head, r->first);
}

uint64_t
wire_ring_due(struct wire_ring *r)
{
	const size_t tail = published(r);
	uint64_t due = UINT64_MAX;

	for (size_t i = r->first; i != tail; i++) {
		const struct wire_ring_frame *f = &r->slot[i & r->mask];

		if (f->taken)
			continue;
		if (ready_at(r, i) < due)
			due = ready_at(r, i);
		if (f->overtake == 0)
			break;
	}
	return due;
}

void
wire_ring_arm(struct wire_ring *r)
{
	/* SLEEP acq_rel: pairs with publish. */
	(void)sync_xchg_acq_rel(&r->armed, true);
}

void
wire_ring_flush(struct wire_ring *r)
{
	r->first = published(r);
	r->newest = r->first;
	wire_ring_release(r);
}
