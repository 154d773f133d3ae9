/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Queues of liburcu.  Where several threads take out, its own mutex is taken:
 * that is what its documentation offers beside a grace period for each object.
 */

#define _LGPL_SOURCE
#include <urcu/lfstack.h>
#include <urcu/wfcqueue.h>

#include "benchmarks/queue_loops.h"

struct object {
	union {
		struct cds_wfcq_node wfcq; /* first: a node is its object */
		struct cds_lfs_node lfs;
	} node __attribute__((aligned(SYNC_CACHELINE)));
	SYNC_ATOMIC(bool) busy;
};

struct wfcq {
	struct cds_wfcq_tail tail;
	char pad[SYNC_CACHELINE];
	struct cds_wfcq_head head;
	struct object object[QUEUE_OBJECTS];
};

static inline void
wfcq_put(struct wfcq *q, struct object *x)
{
	cds_wfcq_node_init(&x->node.wfcq);
	cds_wfcq_enqueue(&q->head, &q->tail, &x->node.wfcq);
}

static void *
wfcq_setup(size_t arg)
{
	struct wfcq *q = queue_alloc(sizeof(*q));

	cds_wfcq_init(&q->head, &q->tail);
	return queue_ctx(q, arg);
}

static void *
wfcq_setup_some(size_t arg)
{
	struct queue_ctx *c = wfcq_setup(arg);
	struct wfcq *q = c->q;

	for (int i = 0; i < QUEUE_OBJECTS; i++)
		wfcq_put(q, &q->object[i]);
	return c;
}

static void
wfcq_teardown(void *ctx)
{
	struct queue_ctx *c = ctx;

	cds_wfcq_destroy(
	    &((struct wfcq *)c->q)->head, &((struct wfcq *)c->q)->tail);
	free(c->q);
	free(c);
}

static inline bool
wfcq_take(struct wfcq *q, struct object **x)
{
	*x = (void *)cds_wfcq_dequeue_blocking(&q->head, &q->tail);
	return *x != NULL;
}

QUEUE_TURN(wfcq, struct object *, wfcq_take, wfcq_put);

static inline struct object *
wfcq_pop(struct wfcq *q)
{
	struct cds_wfcq_node *n = __cds_wfcq_dequeue_nonblocking(
	    cds_wfcq_head_cast(&q->head), &q->tail);

	return n == CDS_WFCQ_WOULDBLOCK ? NULL : (void *)n;
}

QUEUE_NODE_LOOPS(wfcq, struct object, wfcq_put, wfcq_pop);

struct lfs {
	struct cds_lfs_stack stack;
	struct object object[QUEUE_OBJECTS];
};

static inline void
lfs_put(struct lfs *s, struct object *x)
{
	(void)cds_lfs_push(&s->stack, &x->node.lfs);
}

static inline bool
lfs_take(struct lfs *s, struct object **x)
{
	return (*x = (void *)cds_lfs_pop_blocking(&s->stack)) != NULL;
}

static void *
lfs_setup(size_t arg)
{
	struct lfs *s = queue_alloc(sizeof(*s));

	cds_lfs_init(&s->stack);
	for (int i = 0; i < QUEUE_OBJECTS; i++) {
		cds_lfs_node_init(&s->object[i].node.lfs);
		lfs_put(s, &s->object[i]);
	}
	return queue_ctx(s, arg);
}

static void
lfs_teardown(void *ctx)
{
	struct queue_ctx *c = ctx;

	cds_lfs_destroy(&((struct lfs *)c->q)->stack);
	free(c->q);
	free(c);
}

QUEUE_TURN(lfs, struct object *, lfs_take, lfs_put);

const struct bench bench_lfqueue_urcu[] = {
    QUEUE_BENCH("urcu_wfcqueue/push_pop_fifo", wfcq_turn, wfcq_setup_some,
	wfcq_teardown, QUEUE_SINGLE, 1),
    QUEUE_BENCH("urcu_wfcqueue/turn_fifo", wfcq_turn, wfcq_setup_some,
	wfcq_teardown, QUEUE_SINGLE, 2, 4, 8),
    QUEUE_BENCH("urcu_lfstack/push_pop_lifo", lfs_turn, lfs_setup, lfs_teardown,
	QUEUE_SINGLE, 1),
    QUEUE_BENCH("urcu_lfstack/turn_lifo", lfs_turn, lfs_setup, lfs_teardown,
	QUEUE_SINGLE, 2, 4, 8),
    {.name = "urcu_wfcqueue/nodes_n_1",
	.setup = wfcq_setup,
	.run = wfcq_nodes_n_1,
	.thread_fini = wfcq_nodes_free,
	.teardown = wfcq_teardown,
	.threads = {2, 4, 8}},
    {.name = NULL},
};
