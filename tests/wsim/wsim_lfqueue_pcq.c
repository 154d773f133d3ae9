/* SPDX-License-Identifier: BSD-2-Clause */

/* The bounded queue that no stopped thread holds up. */

#include "libsync/lfqueue/pcq.h"
#include "tests/wsim/wsim.h"

static struct lfqueue_pcq *q;
static int value[4]; /* plain: a queue that does not hand it over is a race */
static int taken[4];

static bool
put(int i)
{
	value[i] = i + 1;
	return lfqueue_pcq_put(q, &value[i]);
}

static int
get(void)
{
	int *x = lfqueue_pcq_get(q);

	if (x == NULL)
		return -1;
	wsim_assert(*x == x - value + 1);
	*x = 0;
	taken[x - value]++;
	return (int)(x - value);
}

static void *
put_two(void *arg)
{
	for (int i = *(int *)arg, end = i + 2; i < end; i++)
		if (!put(i))
			taken[i]++; /* ours still */
	return NULL;
}

static void
settle(int items)
{
	while (get() >= 0)
		continue;
	lfqueue_pcq_destroy(q);
	for (int i = 0; i < items; i++)
		wsim_assert(taken[i] == 1);
}

WSIM_TEST(two_producers_one_place)
{
	int first = 0, second = 2;

	wsim_assert(lfqueue_pcq_create(1, &q) == 0);
	(void)wsim_spawn(put_two, &first);
	(void)wsim_spawn(put_two, &second);
	(void)get();
	wsim_join_all();
	settle(4);
}

WSIM_TEST(the_consumer_gets_what_it_peeked)
{
	int first = 0;

	wsim_assert(lfqueue_pcq_create(1, &q) == 0);
	(void)wsim_spawn(put_two, &first);
	for (int i = 0; i < 2; i++) {
		int *x = lfqueue_pcq_peek(q);

		if (x != NULL) {
			wsim_assert(*x == x - value + 1);
			wsim_assert(get() == x - value);
		}
	}
	wsim_join_all();
	settle(2);
}

/* The place of the first item is the next one to be used. */
static void *
turn(void *arg)
{
	(void)arg;
	(void)get();
	wsim_assert(put(2));
	return NULL;
}

/* Where others get: an item that was in front at some moment of the call. */
WSIM_TEST(item_behind_another_is_not_peeked)
{
	const int *x;

	wsim_assert(lfqueue_pcq_create(2, &q) == 0);
	wsim_assert(put(0));
	wsim_assert(put(1));
	(void)wsim_spawn(turn, NULL);
	x = lfqueue_pcq_peek(q);
	wsim_assert(x == &value[0] || x == &value[1]);
	wsim_join_all();
	settle(3);
}
