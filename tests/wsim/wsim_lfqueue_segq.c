/* SPDX-License-Identifier: BSD-2-Clause */

/* The unbounded queue. */

#include "libsync/lfqueue/segq.h"
#include "tests/wsim/wsim.h"

static struct lfqueue_segq *q;
static int value[4]; /* plain: a queue that does not hand it over is a race */
static int taken[4];

static void
push(int i)
{
	value[i] = i + 1;
	wsim_assert(lfqueue_segq_push(q, &value[i]) == 0);
}

static int
pop(void)
{
	int *x = lfqueue_segq_pop(q);

	if (x == NULL)
		return -1;
	wsim_assert(*x == x - value + 1);
	*x = 0;
	taken[x - value]++;
	return (int)(x - value);
}

static void
settle(int items)
{
	while (pop() >= 0)
		continue;
	for (int i = 0; i < items; i++)
		wsim_assert(taken[i] == 1);
}

static void *
push_two(void *arg)
{
	push(*(int *)arg);
	push(*(int *)arg + 1);
	return NULL;
}

static void *
push_then_pop(void *arg)
{
	push(1);
	wsim_assert(pop() >= 0);
	(void)arg;
	return NULL;
}

/* There is always one: the push comes before the other's pop. */
WSIM_TEST(queue_that_is_never_empty_does_not_look_so)
{
	wsim_assert(lfqueue_segq_create(&q) == 0);
	push(0);
	(void)wsim_spawn(push_then_pop, NULL);
	wsim_assert(pop() >= 0);
	wsim_join_all();
	settle(2);
}

WSIM_TEST(two_producers_lose_nothing)
{
	int first = 0, second = 2, last = -1;

	wsim_assert(lfqueue_segq_create(&q) == 0);
	(void)wsim_spawn(push_two, &first);
	(void)wsim_spawn(push_two, &second);
	for (int i = 0; i < 3; i++) {
		int x = pop();

		wsim_assert(x < 0 || x >= 2 || x > last);
		if (x >= 0 && x < 2)
			last = x;
	}
	wsim_join_all();
	settle(4);
}

static void *
pop_two(void *arg)
{
	(void)arg;
	(void)pop();
	(void)pop();
	return NULL;
}

WSIM_TEST(two_consumers_share)
{
	int first = 1;

	wsim_assert(lfqueue_segq_create(&q) == 0);
	push(0);
	(void)wsim_spawn(push_two, &first);
	(void)wsim_spawn(pop_two, NULL);
	(void)pop_two(NULL);
	wsim_join_all();
	settle(3);
}
