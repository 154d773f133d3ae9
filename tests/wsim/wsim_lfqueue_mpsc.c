/* SPDX-License-Identifier: BSD-2-Clause */

/* Many producers, one consumer. */

#include <stdlib.h>

#include "libsync/lfqueue/mpsc.h"
#include "tests/wsim/wsim.h"

struct item {
	struct lfqueue_mpsc_node node; /* first */
	int producer, number;
};

static struct lfqueue_mpsc q;

static void
push(int producer, int number)
{
	struct item *i = malloc(sizeof(*i));

	i->producer = producer;
	i->number = number;
	lfqueue_mpsc_push(&q, &i->node);
}

static void *
produce(void *arg)
{
	const int me = *(int *)arg;

	for (int i = 0; i < 2; i++)
		push(me, i);
	return NULL;
}

static struct item *
wait_pop(void)
{
	struct lfqueue_mpsc_node *n;

	while ((n = lfqueue_mpsc_pop(&q)) == NULL)
		wsim_yield();
	return (struct item *)(void *)n;
}

static void
consume(int producers)
{
	int next[3] = {0, 0, 0};

	for (int k = 0; k < 2 * producers; k++) {
		struct item *i = wait_pop();

		wsim_assert(i->number == next[i->producer]++);
		free(i);
	}
	wsim_join_all();
	wsim_assert(lfqueue_mpsc_empty(&q));
	wsim_assert(lfqueue_mpsc_pop(&q) == NULL);
}

WSIM_TEST(one_producer)
{
	static int zero = 0;

	lfqueue_mpsc_init(&q);
	(void)wsim_spawn(produce, &zero);
	consume(1);
}

WSIM_TEST(two_producers_keep_their_order)
{
	static int ids[] = {0, 1};

	lfqueue_mpsc_init(&q);
	(void)wsim_spawn(produce, &ids[0]);
	(void)wsim_spawn(produce, &ids[1]);
	consume(2);
}

/* A node goes through the queue again at once. */
WSIM_TEST(popped_node_is_pushed_again)
{
	static int zero = 0;
	struct item *i;

	lfqueue_mpsc_init(&q);
	(void)wsim_spawn(produce, &zero);
	i = wait_pop();
	i->producer = 1;
	i->number = 0;
	lfqueue_mpsc_push(&q, &i->node);
	for (int k = 0; k < 2; k++) {
		i = wait_pop();
		wsim_assert(i->producer == 1 ? i->number == 0 : i->number == 1);
	}
	wsim_join_all();
	wsim_assert(lfqueue_mpsc_pop(&q) == NULL);
}

static void
push_from_handler(void *arg)
{
	(void)arg;
	push(1, 0);
}

static void *
produce_interrupted(void *arg)
{
	(void)arg;
	wsim_interrupt(wsim_self(), push_from_handler, NULL);
	push(0, 0);
	push(0, 1);
	return NULL;
}

/* A handler may push in the window of its own thread's push. */
WSIM_TEST(handler_pushes_in_the_window)
{
	int got = 0;

	lfqueue_mpsc_init(&q);
	(void)wsim_spawn(produce_interrupted, NULL);
	while (got < 2) {
		const struct item *i = wait_pop();

		if (i->producer == 0)
			wsim_assert(i->number == got++);
	}
	wsim_join_all();
}

static SYNC_ATOMIC(bool) armed;
static SYNC_ATOMIC(bool) woken;

static void *
produce_and_wake(void *arg)
{
	(void)arg;
	push(0, 0);
	/* seq_cst: the header's recipe. */
	if (sync_load_seq_cst(&armed))
		/* relaxed: only wakes. */
		sync_store_relaxed(&woken, true);
	return NULL;
}

WSIM_TEST(sleeping_consumer_is_woken)
{
	lfqueue_mpsc_init(&q);
	(void)wsim_spawn(produce_and_wake, NULL);
	/* seq_cst: the header's recipe. */
	sync_store_seq_cst(&armed, true);
	if (lfqueue_mpsc_empty(&q))
		/* relaxed: only waits. */
		while (!sync_load_relaxed(&woken))
			wsim_yield();
	wsim_assert(!lfqueue_mpsc_empty(&q));
	(void)wait_pop();
	wsim_join_all();
}
