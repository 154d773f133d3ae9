/* SPDX-License-Identifier: BSD-2-Clause */

/* Queues of Concurrency Kit. */

#include <ck_fifo.h>
#include <ck_ring.h>
#include <ck_stack.h>

#include "benchmarks/queue_loops.h"

struct ring {
	ck_ring_t ring;
	ck_ring_buffer_t slot[QUEUE_CAPACITY];
};

static void *
ring_setup(size_t burst)
{
	struct ring *r = queue_alloc(sizeof(*r));

	ck_ring_init(&r->ring, QUEUE_CAPACITY);
	return queue_ctx(r, burst);
}

static void
queue_free(void *ctx)
{
	free(((struct queue_ctx *)ctx)->q);
	free(ctx);
}

/* It has no bursts. */
#define RING(mode)                                                             \
	static inline size_t mode##_push(struct ring *r, void **v, size_t n)   \
	{                                                                      \
		size_t i = 0;                                                  \
                                                                               \
		while (                                                        \
		    i < n && ck_ring_enqueue_##mode(&r->ring, r->slot, v[i]))  \
			i++;                                                   \
		return i;                                                      \
	}                                                                      \
	static inline size_t mode##_pop(struct ring *r, void **v, size_t n)    \
	{                                                                      \
		size_t i = 0;                                                  \
                                                                               \
		while (                                                        \
		    i < n && ck_ring_dequeue_##mode(&r->ring, r->slot, &v[i])) \
			i++;                                                   \
		return i;                                                      \
	}                                                                      \
	QUEUE_LOOPS(mode, mode##_push, mode##_pop)

RING(spsc);
RING(mpsc);
RING(mpmc);

struct fifo_entry {
	ck_fifo_mpmc_entry_t entry __attribute__((aligned(SYNC_CACHELINE)));
};

struct fifo {
	ck_fifo_mpmc_t fifo;
	struct fifo_entry object[QUEUE_OBJECTS + 1];
};

static void *
fifo_setup(size_t arg)
{
	struct fifo *f = queue_alloc(sizeof(*f));

	ck_fifo_mpmc_init(&f->fifo, &f->object[QUEUE_OBJECTS].entry);
	for (int i = 0; i < QUEUE_OBJECTS; i++)
		ck_fifo_mpmc_enqueue(&f->fifo, &f->object[i].entry, f);
	return queue_ctx(f, arg);
}

static inline bool
fifo_take(struct fifo *f, ck_fifo_mpmc_entry_t **x)
{
	void *value;

	return ck_fifo_mpmc_dequeue(&f->fifo, &value, x);
}

static inline void
fifo_put(struct fifo *f, ck_fifo_mpmc_entry_t *x)
{
	ck_fifo_mpmc_enqueue(&f->fifo, x, f);
}

QUEUE_TURN(fifo, ck_fifo_mpmc_entry_t *, fifo_take, fifo_put);

struct stack {
	ck_stack_t stack __attribute__((aligned(16)));
	struct {
		ck_stack_entry_t entry __attribute__((aligned(SYNC_CACHELINE)));
	} object[QUEUE_OBJECTS];
};

static void *
stack_setup(size_t arg)
{
	struct stack *s = queue_alloc(sizeof(*s));

	ck_stack_init(&s->stack);
	for (int i = 0; i < QUEUE_OBJECTS; i++)
		ck_stack_push_mpmc(&s->stack, &s->object[i].entry);
	return queue_ctx(s, arg);
}

static inline bool
stack_take(struct stack *s, ck_stack_entry_t **x)
{
	return (*x = ck_stack_pop_mpmc(&s->stack)) != NULL;
}

static inline void
stack_put(struct stack *s, ck_stack_entry_t *x)
{
	ck_stack_push_mpmc(&s->stack, x);
}

QUEUE_TURN(stack, ck_stack_entry_t *, stack_take, stack_put);

const struct bench bench_lfqueue_ck[] = {
    QUEUE_BENCH("ck_fifo/push_pop_fifo", fifo_turn, fifo_setup, queue_free,
	QUEUE_SINGLE, 1),
    QUEUE_BENCH("ck_stack/push_pop_lifo", stack_turn, stack_setup, queue_free,
	QUEUE_SINGLE, 1),
    QUEUE_BENCH("ck_fifo/turn_fifo", fifo_turn, fifo_setup, queue_free,
	QUEUE_SINGLE, 2, 4, 8),
    QUEUE_BENCH("ck_stack/turn_lifo", stack_turn, stack_setup, queue_free,
	QUEUE_SINGLE, 2, 4, 8),
    QUEUE_BENCH("ck_ring/push_pop_spsc", spsc_push_pop, ring_setup, queue_free,
	QUEUE_BURSTS, 1),
    QUEUE_BENCH("ck_ring/transfer_1_1", spsc_transfer_n_1, ring_setup,
	queue_free, QUEUE_BURSTS, 2),
    QUEUE_BENCH("ck_ring/push_pop_mpmc", mpmc_push_pop, ring_setup, queue_free,
	QUEUE_BURSTS, 1),
    QUEUE_BENCH("ck_ring/transfer_n_1", mpsc_transfer_n_1, ring_setup,
	queue_free, QUEUE_BURSTS, 2, 4, 8),
    QUEUE_BENCH("ck_ring/transfer_n_n", mpmc_transfer_n_n, ring_setup,
	queue_free, QUEUE_BURSTS, 2, 4, 8),
    {.name = NULL},
};
