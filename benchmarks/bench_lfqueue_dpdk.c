/* SPDX-License-Identifier: BSD-2-Clause */

/* rte_ring, on memory of our own: it needs no environment then. */

#include <rte_ring.h>

#include "benchmarks/queue_loops.h"

static void *
ring_make(size_t burst, unsigned flags)
{
	const ssize_t size = rte_ring_get_memsize(QUEUE_CAPACITY);
	struct rte_ring *r;

	if (size < 0)
		abort();
	r = queue_alloc((size_t)size);
	if (rte_ring_init(r, "bench", QUEUE_CAPACITY, flags) != 0)
		abort();
	return queue_ctx(r, burst);
}

static void *
spsc_setup(size_t burst)
{
	return ring_make(burst, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static void *
mpsc_setup(size_t burst)
{
	return ring_make(burst, RING_F_SC_DEQ);
}

static void *
mpmc_setup(size_t burst)
{
	return ring_make(burst, 0);
}

static void
ring_teardown(void *ctx)
{
	free(((struct queue_ctx *)ctx)->q);
	free(ctx);
}

#define RING(mode, in, out)                                             \
	static inline size_t mode##_push(                               \
	    struct rte_ring *r, void **v, size_t n)                     \
	{                                                               \
		return n == 1 ? rte_ring_##in##_enqueue(r, v[0]) == 0   \
			      : rte_ring_##in##_enqueue_burst(          \
				    r, v, (unsigned)n, NULL);           \
	}                                                               \
	static inline size_t mode##_pop(                                \
	    struct rte_ring *r, void **v, size_t n)                     \
	{                                                               \
		return n == 1 ? rte_ring_##out##_dequeue(r, &v[0]) == 0 \
			      : rte_ring_##out##_dequeue_burst(         \
				    r, v, (unsigned)n, NULL);           \
	}                                                               \
	QUEUE_LOOPS(mode, mode##_push, mode##_pop)

RING(spsc, sp, sc);
RING(mpsc, mp, sc);
RING(mpmc, mp, mc);

const struct bench bench_lfqueue_dpdk[] = {
    QUEUE_BENCH("rte_ring/push_pop_spsc", spsc_push_pop, spsc_setup,
	ring_teardown, QUEUE_BURSTS, 1),
    QUEUE_BENCH("rte_ring/transfer_1_1", spsc_transfer_n_1, spsc_setup,
	ring_teardown, QUEUE_BURSTS, 2),
    QUEUE_BENCH("rte_ring/push_pop_mpmc", mpmc_push_pop, mpmc_setup,
	ring_teardown, QUEUE_BURSTS, 1),
    QUEUE_BENCH("rte_ring/transfer_n_1", mpsc_transfer_n_1, mpsc_setup,
	ring_teardown, QUEUE_BURSTS, 2, 4, 8),
    QUEUE_BENCH("rte_ring/transfer_n_n", mpmc_transfer_n_n, mpmc_setup,
	ring_teardown, QUEUE_BURSTS, 2, 4, 8),
    {.name = NULL},
};
