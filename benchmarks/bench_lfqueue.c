/* SPDX-License-Identifier: BSD-2-Clause */

/* Our queues; the loops and the names of what they do: queue_loops.h. */

#include "benchmarks/queue_loops.h"
#include "libsync/lfqueue/atomicq.h"
#include "libsync/lfqueue/mpmc.h"
#include "libsync/lfqueue/mpsc.h"
#include "libsync/lfqueue/pcq.h"
#include "libsync/lfqueue/segq.h"
#include "libsync/lfqueue/spsc.h"
#include "libsync/lfqueue/stack.h"

static void *
spsc_setup(size_t burst)
{
	struct lfqueue_spsc *q;

	if (lfqueue_spsc_create(QUEUE_CAPACITY, &q) != 0)
		abort();
	return queue_ctx(q, burst);
}

static void
spsc_teardown(void *ctx)
{
	lfqueue_spsc_destroy(((struct queue_ctx *)ctx)->q);
	free(ctx);
}

static inline size_t
spsc_push(struct lfqueue_spsc *q, void **v, size_t n)
{
	return n == 1 ? lfqueue_spsc_push(q, v[0])
		      : lfqueue_spsc_push_bulk(q, v, n);
}

static inline size_t
spsc_pop(struct lfqueue_spsc *q, void **v, size_t n)
{
	return n == 1 ? (v[0] = lfqueue_spsc_pop(q)) != NULL
		      : lfqueue_spsc_pop_bulk(q, v, n);
}

QUEUE_LOOPS(spsc, spsc_push, spsc_pop);

static void *
mpmc_make(size_t burst, unsigned flags)
{
	struct lfqueue_mpmc *q;

	if (lfqueue_mpmc_create(QUEUE_CAPACITY, flags, &q) != 0)
		abort();
	return queue_ctx(q, burst);
}

static void *
mpmc_setup(size_t burst)
{
	return mpmc_make(burst, 0);
}

static void *
mpmc_one_consumer(size_t burst)
{
	return mpmc_make(burst, LFQUEUE_MPMC_ONE_CONSUMER);
}

static void
mpmc_teardown(void *ctx)
{
	lfqueue_mpmc_destroy(((struct queue_ctx *)ctx)->q);
	free(ctx);
}

static inline size_t
mpmc_push(struct lfqueue_mpmc *q, void **v, size_t n)
{
	return n == 1 ? lfqueue_mpmc_push(q, v[0])
		      : lfqueue_mpmc_push_bulk(q, v, n);
}

static inline size_t
mpmc_pop(struct lfqueue_mpmc *q, void **v, size_t n)
{
	return n == 1 ? (v[0] = lfqueue_mpmc_pop(q)) != NULL
		      : lfqueue_mpmc_pop_bulk(q, v, n);
}

QUEUE_LOOPS(mpmc, mpmc_push, mpmc_pop);

static void *
segq_setup(size_t burst)
{
	struct lfqueue_segq *q;

	if (lfqueue_segq_create(&q) != 0)
		abort();
	return queue_ctx(q, burst);
}

static void
segq_teardown(void *ctx)
{
	lfqueue_segq_destroy(((struct queue_ctx *)ctx)->q);
	free(ctx);
}

static inline size_t
segq_push(struct lfqueue_segq *q, void **v, size_t n)
{
	(void)n;
	return lfqueue_segq_push(q, v[0]) == 0;
}

static inline size_t
segq_pop(struct lfqueue_segq *q, void **v, size_t n)
{
	(void)n;
	return (v[0] = lfqueue_segq_pop(q)) != NULL;
}

QUEUE_LOOPS(segq, segq_push, segq_pop);

static void *
pcq_setup(size_t burst)
{
	struct lfqueue_pcq *q;

	if (lfqueue_pcq_create(QUEUE_CAPACITY, &q) != 0)
		abort();
	return queue_ctx(q, burst);
}

static void
pcq_teardown(void *ctx)
{
	lfqueue_pcq_destroy(((struct queue_ctx *)ctx)->q);
	free(ctx);
}

static inline size_t
pcq_push(struct lfqueue_pcq *q, void **v, size_t n)
{
	(void)n;
	return lfqueue_pcq_put(q, v[0]);
}

static inline size_t
pcq_pop(struct lfqueue_pcq *q, void **v, size_t n)
{
	(void)n;
	return (v[0] = lfqueue_pcq_get(q)) != NULL;
}

QUEUE_LOOPS(pcq, pcq_push, pcq_pop);

struct mpsc_node {
	struct lfqueue_mpsc_node node; /* first: a node is its object */
	SYNC_ATOMIC(bool) busy;
};

static void *
mpsc_setup(size_t arg)
{
	struct lfqueue_mpsc *q = queue_alloc(sizeof(*q));

	lfqueue_mpsc_init(q);
	return queue_ctx(q, arg);
}

static void
queue_free(void *ctx)
{
	free(((struct queue_ctx *)ctx)->q);
	free(ctx);
}

static inline void
mpsc_push(struct lfqueue_mpsc *q, struct mpsc_node *x)
{
	lfqueue_mpsc_push(q, &x->node);
}

static inline struct mpsc_node *
mpsc_pop(struct lfqueue_mpsc *q)
{
	return (void *)lfqueue_mpsc_pop(q);
}

QUEUE_NODE_LOOPS(mpsc, struct mpsc_node, mpsc_push, mpsc_pop);

struct atomicq_node {
	struct lfqueue_atomicq_link link; /* at offset 0 */
	SYNC_ATOMIC(bool) busy;
};

/* With objects for a turn behind it. */
struct atomicq_some {
	struct lfqueue_atomicq q;
	struct atomicq_node node[QUEUE_OBJECTS]
	    __attribute__((aligned(SYNC_CACHELINE)));
};

static void *
atomicq_setup(size_t arg)
{
	struct lfqueue_atomicq *q = queue_alloc(sizeof(*q));

	lfqueue_atomicq_init(q, 0);
	return queue_ctx(q, arg);
}

static void *
atomicq_setup_some(size_t arg)
{
	struct atomicq_some *s = queue_alloc(sizeof(*s));

	lfqueue_atomicq_init(&s->q, 0);
	for (int i = 0; i < QUEUE_OBJECTS; i++)
		lfqueue_atomicq_push_fifo(&s->q, &s->node[i]);
	return queue_ctx(s, arg);
}

QUEUE_NODE_LOOPS(atomicq, struct atomicq_node, lfqueue_atomicq_push_fifo,
    lfqueue_atomicq_pop);

static inline bool
atomicq_take(void *q, void **x)
{
	return (*x = lfqueue_atomicq_pop(q)) != NULL;
}

QUEUE_TURN(atomicq_fifo, void *, atomicq_take, lfqueue_atomicq_push_fifo);
QUEUE_TURN(atomicq_lifo, void *, atomicq_take, lfqueue_atomicq_push_lifo);

struct stack_some {
	struct lfqueue_stack s;
	struct {
		struct lfqueue_stack_node node
		    __attribute__((aligned(SYNC_CACHELINE)));
	} object[QUEUE_OBJECTS];
};

static void *
stack_setup_some(size_t arg)
{
	struct stack_some *s = queue_alloc(sizeof(*s));

	lfqueue_stack_init(&s->s);
	for (int i = 0; i < QUEUE_OBJECTS; i++)
		lfqueue_stack_push(&s->s, &s->object[i].node);
	return queue_ctx(s, arg);
}

static inline bool
stack_take(void *s, struct lfqueue_stack_node **x)
{
	return (*x = lfqueue_stack_pop(s)) != NULL;
}

QUEUE_TURN(stack, struct lfqueue_stack_node *, stack_take, lfqueue_stack_push);

const struct bench bench_lfqueue[] = {
    QUEUE_BENCH("lfqueue_atomicq/push_pop_fifo", atomicq_fifo_turn,
	atomicq_setup_some, queue_free, QUEUE_SINGLE, 1),
    QUEUE_BENCH("lfqueue_atomicq/push_pop_lifo", atomicq_lifo_turn,
	atomicq_setup_some, queue_free, QUEUE_SINGLE, 1),
    QUEUE_BENCH("lfqueue_stack/push_pop_lifo", stack_turn, stack_setup_some,
	queue_free, QUEUE_SINGLE, 1),
    QUEUE_BENCH("lfqueue_atomicq/turn_fifo", atomicq_fifo_turn,
	atomicq_setup_some, queue_free, QUEUE_SINGLE, 2, 4, 8),
    QUEUE_BENCH("lfqueue_atomicq/turn_lifo", atomicq_lifo_turn,
	atomicq_setup_some, queue_free, QUEUE_SINGLE, 2, 4, 8),
    QUEUE_BENCH("lfqueue_stack/turn_lifo", stack_turn, stack_setup_some,
	queue_free, QUEUE_SINGLE, 2, 4, 8),
    QUEUE_BENCH("lfqueue_spsc/push_pop_spsc", spsc_push_pop, spsc_setup,
	spsc_teardown, QUEUE_BURSTS, 1),
    QUEUE_BENCH("lfqueue_spsc/transfer_1_1", spsc_transfer_n_1, spsc_setup,
	spsc_teardown, QUEUE_BURSTS, 2),
    QUEUE_BENCH("lfqueue_mpmc/push_pop_mpmc", mpmc_push_pop, mpmc_setup,
	mpmc_teardown, QUEUE_BURSTS, 1),
    QUEUE_BENCH("lfqueue_mpmc/transfer_n_1", mpmc_transfer_n_1,
	mpmc_one_consumer, mpmc_teardown, QUEUE_BURSTS, 2, 4, 8),
    QUEUE_BENCH("lfqueue_mpmc/transfer_n_n", mpmc_transfer_n_n, mpmc_setup,
	mpmc_teardown, QUEUE_BURSTS, 2, 4, 8),
    QUEUE_BENCH("lfqueue_segq/push_pop_mpmc", segq_push_pop, segq_setup,
	segq_teardown, QUEUE_SINGLE, 1),
    QUEUE_BENCH("lfqueue_segq/transfer_n_n", segq_transfer_n_n, segq_setup,
	segq_teardown, QUEUE_SINGLE, 2, 4, 8),
    QUEUE_BENCH("lfqueue_pcq/push_pop_mpmc", pcq_push_pop, pcq_setup,
	pcq_teardown, QUEUE_SINGLE, 1),
    QUEUE_BENCH("lfqueue_pcq/transfer_n_n", pcq_transfer_n_n, pcq_setup,
	pcq_teardown, QUEUE_SINGLE, 2, 4, 8),
    {.name = "lfqueue_mpsc/nodes_n_1",
	.setup = mpsc_setup,
	.run = mpsc_nodes_n_1,
	.thread_fini = mpsc_nodes_free,
	.teardown = queue_free,
	.threads = {2, 4, 8}},
    {.name = "lfqueue_atomicq/nodes_n_1",
	.setup = atomicq_setup,
	.run = atomicq_nodes_n_1,
	.thread_fini = atomicq_nodes_free,
	.teardown = queue_free,
	.threads = {2, 4, 8}},
    {.name = NULL},
};
