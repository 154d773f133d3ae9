/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A reliable transfer over IPv4 protocol 253 (RFC 3692): numbered chunks, a
 * fixed window, cumulative acknowledgements, go-back-N after 20 ms without
 * progress.  It stands in for TCP where no kernel is at the ends.
 *
 * Ordering pairs
 *   ARRIVED  input stores arrived (release) -> run_bulk_received loads it
 *            (acquire): the bytes counted have been written.
 */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "apps/psnet-run/run.h"
#include "stack/core/timer.h"
#include "stack/proto/ipv4/ipv4.h"

#define BULK_PROTO  253
#define BULK_WINDOW 256
#define BULK_CHUNK  1400
#define BULK_STALL  UINT64_C(20000000) /* ns */

enum bulk_kind {
	BULK_DATA = 1,
	BULK_ACK = 2
};

/* Wire format, host order: both ends are one process. */
struct bulk_hdr {
	uint32_t kind;
	uint32_t seq; /* of the chunk, or the first one missing */
};

/* [o] worker 0 of the stack  [a] atomic */
struct bulk {
	struct timer timer;          /* [o] */
	const uint8_t *src;          /* [o] sender; NULL: idle */
	uint8_t *dst;                /* [o] receiver; NULL: idle */
	size_t size;                 /* [o] bytes */
	uint32_t peer;               /* [o] network order */
	uint32_t next, acked;        /* [o] sender: chunks */
	uint64_t progress;           /* [o] sender: clock of the last ack, ns */
	uint32_t expected;           /* [o] receiver: chunks */
	SYNC_ATOMIC(size_t) arrived; /* [a] bytes in order */
	SYNC_ATOMIC(uint64_t) resent; /* [a] chunks */
};

static uint32_t
nchunks(const struct bulk *b)
{
	return (uint32_t)((b->size + BULK_CHUNK - 1) / BULK_CHUNK);
}

static size_t
chunk_len(const struct bulk *b, uint32_t seq)
{
	const size_t at = (size_t)seq * BULK_CHUNK;

	return b->size - at < BULK_CHUNK ? b->size - at : BULK_CHUNK;
}

static void
send_one(struct worker *w, uint32_t dst, enum bulk_kind kind, uint32_t seq,
    const uint8_t *data, size_t len)
{
	const struct bulk_hdr h = {.kind = kind, .seq = seq};
	struct pkt *p = pkt_alloc(w);

	if (p == NULL)
		return; /* the timer tries again */
	memcpy(p->data, &h, sizeof(h));
	if (len > 0)
		memcpy(p->data + sizeof(h), data, len);
	p->len = (uint32_t)(sizeof(h) + len);
	ipv4_output(w, p, 0, dst, BULK_PROTO, 0, 0, true);
}

static void
send_window(struct worker *w, struct bulk *b)
{
	while (b->next < nchunks(b) && b->next < b->acked + BULK_WINDOW) {
		send_one(w, b->peer, BULK_DATA, b->next,
		    b->src + (size_t)b->next * BULK_CHUNK,
		    chunk_len(b, b->next));
		b->next++;
	}
}

static void
check_progress(struct worker *w, struct timer *t)
{
	struct bulk *b = (struct bulk *)t;

	if (b->src == NULL || b->acked == nchunks(b))
		return;
	if (w->now - b->progress >= BULK_STALL) {
		/* relaxed: a statistic; only this worker writes it. */
		const uint64_t n = sync_load_relaxed(&b->resent);

		/* relaxed: as above. */
		sync_store_relaxed(&b->resent, n + b->next - b->acked);
		b->next = b->acked;
		b->progress = w->now;
		send_window(w, b);
	}
	timer_arm(w, t, w->now + BULK_STALL / 4);
}

static void
input_data(struct bulk *b, const struct pkt *p, const struct bulk_hdr *h)
{
	const size_t len = p->len - sizeof(*h);

	if (b->dst == NULL || h->seq != b->expected || h->seq >= nchunks(b) ||
	    len != chunk_len(b, h->seq))
		return;
	memcpy(b->dst + (size_t)h->seq * BULK_CHUNK, p->data + sizeof(*h), len);
	b->expected++;
	/* ARRIVED release: pairs with the acquire in run_bulk_received. */
	sync_store_release(&b->arrived, (size_t)h->seq * BULK_CHUNK + len);
}

static void
input_ack(struct bulk *b, struct worker *w, uint32_t seq)
{
	if (b->src == NULL || seq <= b->acked || seq > nchunks(b))
		return;
	b->acked = seq;
	b->progress = w->now;
	if (b->next < seq)
		b->next = seq;
	send_window(w, b);
}

/* Returns: whom to acknowledge to, network order; 0: nobody. */
static uint32_t
input_one(struct bulk *b, struct worker *w, const struct pkt *p)
{
	const struct ipv4_hdr *ip = (const void *)p->l3;
	struct bulk_hdr h;

	if (p->len < sizeof(h))
		return 0;
	memcpy(&h, p->data, sizeof(h));
	if (h.kind == BULK_ACK)
		input_ack(b, w, h.seq);
	if (h.kind != BULK_DATA)
		return 0;
	input_data(b, p, &h);
	return ip->src;
}

static void
bulk_input(void *state, struct worker *w, struct pkt_batch *in)
{
	struct bulk *b = state;
	uint32_t ack_to = 0;

	for (unsigned int i = 0; i < in->n; i++) {
		const uint32_t from = input_one(b, w, in->pkt[i]);

		if (from != 0)
			ack_to = from;
		pkt_free(w, in->pkt[i]);
	}
	in->n = 0;
	if (ack_to != 0)
		send_one(w, ack_to, BULK_ACK, b->expected, NULL, 0);
}

static int
bulk_init(struct stack *st, void **state)
{
	struct bulk *b = calloc(1, sizeof(*b));

	(void)st;
	if (b == NULL)
		return -1;
	timer_init(&b->timer, check_progress);
	*state = b;
	return 0;
}

const struct proto run_proto_bulk = {
    .name = "bulk",
    .carrier = PROTO_CARRIER_IPV4,
    .number = BULK_PROTO,
    .init = bulk_init,
    .fini = free,
    .input = bulk_input,
};

/* What the control thread wants done on worker 0. */
struct order {
	struct bulk *b;
	const uint8_t *src;
	uint8_t *dst;
	size_t size;
	uint32_t peer;
};

static int
carry_out(struct worker *w, void *arg)
{
	const struct order *o = arg;
	struct bulk *b = o->b;

	timer_cancel(w, &b->timer);
	b->src = o->src;
	b->dst = o->dst;
	b->size = o->size;
	b->peer = o->peer;
	b->next = b->acked = b->expected = 0;
	b->progress = w->now;
	/* relaxed: the caller waits for this function. */
	sync_store_relaxed(&b->arrived, 0);
	if (b->src != NULL || b->dst != NULL)
		/* relaxed: as above. */
		sync_store_relaxed(&b->resent, 0);
	if (b->src != NULL) {
		send_window(w, b);
		timer_arm(w, &b->timer, w->now + BULK_STALL / 4);
	}
	return 0;
}

static void
give_order(struct stack *st, struct order o)
{
	o.b = proto_state(st, &run_proto_bulk);
	worker_call(stack_worker(st, 0), carry_out, &o);
}

void
run_bulk_send(struct stack *st, uint32_t dst, const uint8_t *src, size_t size)
{
	give_order(st, (struct order){.src = src, .size = size, .peer = dst});
}

void
run_bulk_receive(struct stack *st, uint8_t *dst, size_t size)
{
	give_order(st, (struct order){.dst = dst, .size = size});
}

void
run_bulk_stop(struct stack *st)
{
	give_order(st, (struct order){.size = 0});
}

size_t
run_bulk_received(struct stack *st)
{
	const struct bulk *b = proto_state(st, &run_proto_bulk);

	/* ARRIVED acquire: pairs with the release in input_data. */
	return sync_load_acquire(&b->arrived);
}

uint64_t
run_bulk_resent(struct stack *st)
{
	const struct bulk *b = proto_state(st, &run_proto_bulk);

	/* relaxed: a statistic. */
	return sync_load_relaxed(&b->resent);
}
