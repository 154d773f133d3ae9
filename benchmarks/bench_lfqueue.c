/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Queues.  push_pop is one thread doing both; transfer is one thread on each
 * side, per item moved.
 */

#define _LGPL_SOURCE
#include <ck_ring.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <urcu/wfcqueue.h>

#include "benchmarks/bench.h"
#include "libsync/base/atomic.h"
#include "libsync/lfqueue/mpsc.h"
#include "libsync/lfqueue/spsc.h"

#define SPINS 256

static const int item;

static void
wait_a_little(unsigned *spins)
{
	if (++*spins % SPINS == 0)
		sched_yield();
}

static void *
allocate(size_t size)
{
	void *p =
	    aligned_alloc(SYNC_CACHELINE, SYNC_ROUNDUP(size, SYNC_CACHELINE));

	if (p == NULL)
		abort();
	return p;
}

/* The loops of a bounded queue; PUSH and POP are true when done. */
#define RING_LOOPS(name, PUSH, POP)                                            \
	static void name##_push_pop(void *q, int thread, size_t n)             \
	{                                                                      \
		void *p = NULL;                                                \
                                                                               \
		(void)thread;                                                  \
		for (size_t i = 0; i < n; i++) {                               \
			if (!PUSH(q, (void *)(uintptr_t)&item) || !POP(q, &p)) \
				abort();                                       \
		}                                                              \
		BENCH_KEEP(p);                                                 \
	}                                                                      \
	static void name##_transfer(void *q, int thread, size_t n)             \
	{                                                                      \
		unsigned spins = 0;                                            \
		void *p = NULL;                                                \
                                                                               \
		for (size_t i = 0; i < n; i++) {                               \
			while (thread == 0                                     \
				   ? !PUSH(q, (void *)(uintptr_t)&item)        \
				   : !POP(q, &p))                              \
				wait_a_little(&spins);                         \
		}                                                              \
		BENCH_KEEP(p);                                                 \
	}                                                                      \
	_Static_assert(1, "takes the semicolon")

static void *
spsc_setup(size_t capacity)
{
	struct lfqueue_spsc *q;

	if (lfqueue_spsc_create(capacity, &q) != 0)
		abort();
	return q;
}

static void
spsc_teardown(void *q)
{
	lfqueue_spsc_destroy(q);
}

static inline bool
spsc_pop(struct lfqueue_spsc *q, void **out)
{
	return (*out = lfqueue_spsc_pop(q)) != NULL;
}

RING_LOOPS(spsc, lfqueue_spsc_push, spsc_pop);

struct ck_queue {
	ck_ring_t ring;
	ck_ring_buffer_t slot[];
};

static void *
ck_setup(size_t capacity)
{
	struct ck_queue *q =
	    allocate(sizeof(*q) + capacity * sizeof(q->slot[0]));

	ck_ring_init(&q->ring, (unsigned)capacity);
	return q;
}

static inline bool
ck_push(struct ck_queue *q, void *p)
{
	return ck_ring_enqueue_spsc(&q->ring, q->slot, p);
}

static inline bool
ck_pop(struct ck_queue *q, void **out)
{
	return ck_ring_dequeue_spsc(&q->ring, q->slot, out);
}

RING_LOOPS(ck, ck_push, ck_pop);

static void *
mpsc_setup(size_t arg)
{
	struct lfqueue_mpsc *q = allocate(sizeof(*q));

	(void)arg;
	lfqueue_mpsc_init(q);
	return q;
}

static void
mpsc_push_pop(void *q, int thread, size_t n)
{
	struct lfqueue_mpsc_node node, *got = NULL;

	(void)thread;
	for (size_t i = 0; i < n; i++) {
		lfqueue_mpsc_push(q, &node);
		if ((got = lfqueue_mpsc_pop(q)) == NULL)
			abort();
	}
	BENCH_KEEP(got);
}

struct wfc_queue {
	struct cds_wfcq_tail tail;
	char pad[SYNC_CACHELINE];
	struct __cds_wfcq_head head;
};

static void *
wfcq_setup(size_t arg)
{
	struct wfc_queue *q = allocate(sizeof(*q));

	(void)arg;
	__cds_wfcq_init(&q->head, &q->tail);
	return q;
}

static void
wfcq_push_pop(void *ctx, int thread, size_t n)
{
	struct wfc_queue *q = ctx;
	struct cds_wfcq_node node, *got = NULL;

	(void)thread;
	for (size_t i = 0; i < n; i++) {
		cds_wfcq_node_init(&node);
		cds_wfcq_enqueue(&q->head, &q->tail, &node);
		got = __cds_wfcq_dequeue_nonblocking(&q->head, &q->tail);
		if (got == NULL || got == CDS_WFCQ_WOULDBLOCK)
			abort();
	}
	BENCH_KEEP(got);
}

const struct bench bench_lfqueue[] = {
    {.name = "lfqueue_spsc/push_pop_spsc",
	.setup = spsc_setup,
	.run = spsc_push_pop,
	.teardown = spsc_teardown,
	.args = {64, 1024},
	.threads = {1}},
    {.name = "ck_ring/push_pop_spsc",
	.setup = ck_setup,
	.run = ck_push_pop,
	.teardown = free,
	.args = {64, 1024},
	.threads = {1}},
    {.name = "lfqueue_spsc/transfer_spsc",
	.setup = spsc_setup,
	.run = spsc_transfer,
	.teardown = spsc_teardown,
	.args = {1024},
	.threads = {2}},
    {.name = "ck_ring/transfer_spsc",
	.setup = ck_setup,
	.run = ck_transfer,
	.teardown = free,
	.args = {1024},
	.threads = {2}},
    {.name = "lfqueue_mpsc/push_pop_mpsc",
	.setup = mpsc_setup,
	.run = mpsc_push_pop,
	.teardown = free,
	.threads = {1}},
    {.name = "urcu_wfcqueue/push_pop_mpsc",
	.setup = wfcq_setup,
	.run = wfcq_push_pop,
	.teardown = free,
	.threads = {1}},
    {.name = NULL},
};
