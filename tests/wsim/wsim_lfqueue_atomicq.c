/* SPDX-License-Identifier: BSD-2-Clause */

/* The queue of either end: few items, used again at once. */

#include <stdlib.h>

#include "libsync/lfqueue/atomicq.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/wsim/wsim.h"

struct item {
	struct lfqueue_atomicq_link link;
	struct pserialize_head head;
	int value; /* plain: a queue that does not hand it over is a race */
#if PORT_HIGH_ADDRESSES
	char apart[1 << LFQUEUE_ATOMICQ_REGION]; /* each in another region */
#endif
};

static struct lfqueue_atomicq q, other;
static struct item it[4];
static int taken[4];

static void
push(int i)
{
	it[i].value = i + 1;
	lfqueue_atomicq_push_fifo(&q, &it[i]);
}

static int
take(struct item *x)
{
	wsim_assert(x->value == x - it + 1);
	x->value = 0;
	return (int)(x - it);
}

/* Empty both queues: each item once. */
static void
settle(int items)
{
	struct item *x;

	while ((x = lfqueue_atomicq_pop(&q)) != NULL)
		taken[take(x)]++;
	while ((x = lfqueue_atomicq_pop(&other)) != NULL)
		taken[take(x)]++;
	for (int i = 0; i < items; i++)
		wsim_assert(taken[i] == 1);
}

static void
begin(int items)
{
	lfqueue_atomicq_init(&q, 0);
	lfqueue_atomicq_init(&other, 0);
	for (int i = 0; i < items; i++)
		push(i);
}

static void *
push_two(void *arg)
{
	push(*(int *)arg);
	push(*(int *)arg + 1);
	return NULL;
}

WSIM_TEST(items_of_a_producer_come_in_order)
{
	int first = 0, last = -1, found = 0;

	begin(0);
	(void)wsim_spawn(push_two, &first);
	for (int i = 0; i < 3; i++) {
		struct item *x = lfqueue_atomicq_pop(&q);

		if (x == NULL)
			continue;
		wsim_assert(take(x) > last);
		last = (int)(x - it);
		taken[last]++;
		found++;
	}
	wsim_join_all();
	settle(2);
	wsim_assert(found <= 2);
}

WSIM_TEST(two_producers_lose_nothing)
{
	int first = 0, second = 2;

	begin(0);
	(void)wsim_spawn(push_two, &first);
	(void)wsim_spawn(push_two, &second);
	wsim_join_all();
	settle(4);
}

/* Take one and push it again, at the tail or before the head. */
static void *
turn_fifo(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		struct item *x = lfqueue_atomicq_pop(&q);

		if (x != NULL)
			push(take(x));
	}
	return NULL;
}

static void *
turn_lifo(void *arg)
{
	struct item *x = lfqueue_atomicq_pop(&q);

	(void)arg;
	if (x != NULL) {
		x->value = take(x) + 1;
		lfqueue_atomicq_push_lifo(&q, x);
	}
	return NULL;
}

WSIM_TEST(items_go_around_at_the_tail)
{
	begin(3);
	(void)wsim_spawn(turn_fifo, NULL);
	(void)wsim_spawn(turn_fifo, NULL);
	(void)turn_fifo(NULL);
	wsim_join_all();
	settle(3);
}

WSIM_TEST(items_go_around_at_both_ends)
{
	begin(2);
	(void)wsim_spawn(turn_lifo, NULL);
	(void)wsim_spawn(turn_fifo, NULL);
	(void)turn_lifo(NULL);
	wsim_join_all();
	settle(2);
}

static void *
move_to_other(void *arg)
{
	struct item *x = lfqueue_atomicq_pop(&q);

	(void)arg;
	if (x != NULL) {
		x->value = take(x) + 1;
		lfqueue_atomicq_push_fifo(&other, x);
	}
	return NULL;
}

WSIM_TEST(items_move_to_another_queue_at_once)
{
	int first = 2;

	begin(2);
	(void)wsim_spawn(push_two, &first);
	(void)wsim_spawn(move_to_other, NULL);
	(void)move_to_other(NULL);
	wsim_join_all();
	settle(4);
}

WSIM_TEST(all_are_taken_while_others_push)
{
	int first = 1;
	struct item *x, *next;

	begin(1);
	(void)wsim_spawn(push_two, &first);
	(void)wsim_spawn(turn_lifo, NULL);
	for (x = lfqueue_atomicq_pop_all(&q); x != NULL; x = next) {
		next = lfqueue_atomicq_next(&q, x);
		taken[take(x)]++;
	}
	wsim_join_all();
	settle(3);
}

static void
item_free(struct pserialize_head *head)
{
	free((char *)head - offsetof(struct item, head));
}

static void *
pop_and_free(void *arg)
{
	struct item *x = lfqueue_atomicq_pop(&q);

	(void)arg;
	if (x != NULL) {
		pserialize_perform();
		item_free(&x->head);
	}
	return NULL;
}

WSIM_TEST(items_are_freed_a_grace_period_after)
{
	lfqueue_atomicq_init(&q, 0);
	for (int i = 0; i < 3; i++)
		lfqueue_atomicq_push_fifo(
		    &q, aligned_alloc(16, sizeof(struct item)));
	(void)wsim_spawn(pop_and_free, NULL);
	(void)wsim_spawn(pop_and_free, NULL);
	lfqueue_atomicq_push_fifo(&q, aligned_alloc(16, sizeof(struct item)));
	wsim_join_all();
}

WSIM_MUST_FAIL(items_are_freed_at_once, WSIM_UAF)
{
	lfqueue_atomicq_init(&q, 0);
	for (int i = 0; i < 2; i++)
		lfqueue_atomicq_push_fifo(
		    &q, aligned_alloc(16, sizeof(struct item)));
	(void)wsim_spawn(pop_and_free, NULL);
	free(lfqueue_atomicq_pop(&q));
	wsim_join_all();
}
