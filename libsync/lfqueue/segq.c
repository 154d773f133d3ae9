/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A list of segments, each an array that is used once.  A push takes the next
 * place of the last segment by fetch-and-add and puts its item there, a pop
 * takes the next place of the first one and takes what is there.  A pop that
 * comes before the push spoils the place, and the push tries the next one.
 * After A. Correia and P. Ramalhete, "FAAArrayQueue" (2016).
 *
 * Invariants
 *   I1  A cell goes from NULL to an item to TAKEN, or from NULL to TAKEN; each
 *       place is given to one push and one pop.
 *   I2  first is tail or before it.  Segments before first are retired;
 *       a segment with a successor takes no push any more once SEGMENT places
 *       are given out, and that was so before the successor was linked.
 *   I3  first moves on only when all its places are given to pops and it has
 *       a successor.
 *
 * Linearization: items in the order of their places; an item is in once its
 * place was given to its push or, if that was later, to its pop; it is out at the
 * exchange of the cell; an empty one, the load of put, or of next.
 *
 * Ordering pairs
 *   CELL  push puts its item (release) -> pop exchanges it (acquire): what the
 *         item points to is filled before it is seen.
 *   NEXT  push links a segment (release) -> push and pop load next, first or
 *         tail, to which others carry it on (release), (acquire): a segment
 *         is filled in before it is seen.
 *   GOT   pop counts got up (release) -> pop loads it or counts it up
 *         (acquire): who sees a place given to a pop sees put and next at
 *         least as that thread did; or a queue that was never empty would
 *         look so.
 *
 * Reclamation: every operation is inside a read section; the pop that moves
 * first on retires the segment with pserialize_call().  tail is moved on
 * before first, so that no later section finds the segment there either.
 */

#include "libsync/lfqueue/segq.h"

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/base/point.h"
#include "libsync/port/port.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"

#ifdef LFQUEUE_SEGQ_SEGMENT
#define SEGMENT LFQUEUE_SEGQ_SEGMENT /* tests */
#else
#define SEGMENT 1024
#endif

/* [a] atomic  [o] who retires it */
struct segment {
	SYNC_ATOMIC(size_t) put; /* [a] places given to pushes */
	SYNC_ATOMIC(size_t)
	got __attribute__((aligned(SYNC_CACHELINE))); /* [a] ... to pops */
	SYNC_ATOMIC(struct segment *)
	next __attribute__((aligned(SYNC_CACHELINE))); /* [a] */
	struct pserialize_head head;                   /* [o] */
	SYNC_ATOMIC(void *) cell[SEGMENT];             /* [a] */
};

/* [a] atomic */
struct lfqueue_segq {
	SYNC_ATOMIC(struct segment *) first; /* [a] pops */
	SYNC_ATOMIC(struct segment *)
	tail __attribute__((aligned(SYNC_CACHELINE))); /* [a] pushes */
};

/* In a cell whose item was taken, or will never come. */
static char taken;
#define TAKEN ((void *)&taken)

int
lfqueue_segq_create(struct lfqueue_segq **out)
{
	struct lfqueue_segq *q;
	struct segment *s;

	q = port_alloc(sizeof(*q));
	if (q == NULL)
		return -ENOMEM;
	s = port_alloc(sizeof(*s));
	if (s == NULL) {
		port_free(q);
		return -ENOMEM;
	}
	sync_init(&q->first, s);
	sync_init(&q->tail, s);
	*out = q;
	return 0;
}

void
lfqueue_segq_destroy(struct lfqueue_segq *q)
{
	SYNC_REQUIRE(lfqueue_segq_pop(q) == NULL);
	/* relaxed: the caller has stopped all users. */
	port_free(sync_load_relaxed(&q->first));
	port_free(q);
}

/*
 * Put mine, which begins with the item, behind s, which is used up.
 * Returns: false if another thread was first.
 */
static bool
append(struct lfqueue_segq *q, struct segment *s, struct segment *mine)
{
	struct segment *next = NULL;

	SYNC_POINT("segq_append");
	/* NEXT release: pairs with the loads of next, first and tail. */
	if (!sync_cas_release(&s->next, &next, mine))
		return false;
	SYNC_POINT("segq_appended");
	/* NEXT release: likewise; if it fails, another moved it. */
	(void)sync_cas_release(&q->tail, &s, mine);
	return true;
}

/*
 * Push item, into *mine if a segment is needed, which then is NULL.
 * Returns: false if one is needed and *mine is NULL.
 */
static bool
push(struct lfqueue_segq *q, void *item, struct segment **mine)
{
	for (;;) {
		/* NEXT acquire: pairs with the exchanges of it. */
		struct segment *s = sync_load_acquire(&q->tail), *next;
		void *empty = NULL;
		size_t i;

		/* relaxed: the item comes with the cell; see GOT for pop. */
		i = sync_fetch_add_relaxed(&s->put, 1);
		SYNC_POINT("segq_push");
		if (i < SEGMENT) {
			/* CELL release: pairs with the exchange in pop. */
			if (sync_cas_release(&s->cell[i], &empty, item))
				return true;
			continue;
		}
		/* NEXT acquire: pairs with the exchange in append. */
		next = sync_load_acquire(&s->next);
		if (next != NULL) {
			/* NEXT release: pairs with the loads of tail. */
			(void)sync_cas_release(&q->tail, &s, next);
		} else if (*mine == NULL) {
			return false;
		} else if (append(q, s, *mine)) {
			*mine = NULL;
			return true;
		}
	}
}

int
lfqueue_segq_push(struct lfqueue_segq *q, void *item)
{
	struct segment *mine = NULL;
	bool done;

	SYNC_ASSERT(item != NULL && item != TAKEN);
	for (;;) {
		const uint64_t section = pserialize_read_enter();

		done = push(q, item, &mine);
		pserialize_read_exit(section);
		if (done)
			break;
		mine = port_alloc(sizeof(*mine));
		if (mine == NULL)
			return -ENOMEM;
		sync_init(&mine->put, 1);
		sync_init(&mine->cell[0], item);
	}
	if (mine != NULL) /* another thread's came first */
		port_free(mine);
	return 0;
}

static void
segment_free(struct pserialize_head *head)
{
	port_free((char *)head - offsetof(struct segment, head));
}

/* All places of s, the first segment, are given to pops: go on to next. */
static void
retire(struct lfqueue_segq *q, struct segment *s, struct segment *next)
{
	struct segment *was = s;

	/* NEXT release: pairs with the loads of tail. */
	(void)sync_cas_release(&q->tail, &was, next);
	SYNC_POINT("segq_retire");
	/* NEXT release: pairs with the loads of first. */
	if (sync_cas_release(&q->first, &s, next))
		pserialize_call(&s->head, segment_free);
}

/* Is every place that was given to a push of s also given to a pop? */
static bool
exhausted(const struct segment *s)
{
	/* GOT acquire: pairs with the count in pop. */
	const size_t got = sync_load_acquire(&s->got);

	/* relaxed: got brought one that is new enough (GOT). */
	return got >= SEGMENT || got >= sync_load_relaxed(&s->put);
}

void *
lfqueue_segq_pop(struct lfqueue_segq *q)
{
	const uint64_t section = pserialize_read_enter();
	struct segment *s, *next;
	void *item = NULL;
	size_t i;

	for (;;) {
		/* NEXT acquire: pairs with the exchanges of it. */
		s = sync_load_acquire(&q->first);
		i = SEGMENT;
		if (!exhausted(s)) {
			SYNC_POINT("segq_pop");
			/* GOT acq_rel: pairs with the load in exhausted, and
			 * with itself. */
			i = sync_fetch_add_acq_rel(&s->got, 1);
		}
		if (i < SEGMENT) {
			/* CELL acquire: pairs with the exchange in push. */
			item = sync_xchg_acquire(&s->cell[i], TAKEN);
			if (item != NULL)
				break;
			continue;
		}
		/* NEXT acquire: pairs with the exchange in append. */
		next = sync_load_acquire(&s->next);
		if (next == NULL)
			break;
		/* relaxed: places are given out once; see I3. */
		if (sync_load_relaxed(&s->got) >= SEGMENT)
			retire(q, s, next);
	}
	pserialize_read_exit(section);
	return item;
}
