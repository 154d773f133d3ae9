/* SPDX-License-Identifier: BSD-2-Clause */

/* The bounded queue, in rings of one and two slots. */

#include "libsync/lfqueue/mpmc.h"
#include "tests/wsim/wsim.h"

static struct lfqueue_mpmc *q;
static int value[4]; /* plain: a queue that does not hand it over is a race */
static int taken[4];

static bool
push(int i)
{
	value[i] = i + 1;
	return lfqueue_mpmc_push(q, &value[i]);
}

/* Returns: the number of an item, or -1. */
static int
pop(void)
{
	int *x = lfqueue_mpmc_pop(q);

	if (x == NULL)
		return -1;
	wsim_assert(*x == x - value + 1);
	*x = 0;
	return (int)(x - value);
}

static void
settle(void)
{
	int i;

	while ((i = pop()) >= 0)
		taken[i]++;
	lfqueue_mpmc_destroy(q);
}

static void *
push_two(void *arg)
{
	int first = *(int *)arg;

	for (int i = first; i < first + 2; i++)
		if (!push(i))
			taken[i]++; /* ours still */
	return NULL;
}

static void *
pop_two(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		int x = pop();

		if (x >= 0)
			taken[x]++;
	}
	return NULL;
}

static void
run(size_t capacity, unsigned flags, int producers, int consumers)
{
	int first[] = {0, 2};

	wsim_assert(lfqueue_mpmc_create(capacity, flags, &q) == 0);
	for (int i = 0; i < producers; i++)
		(void)wsim_spawn(push_two, &first[i]);
	for (int i = 0; i < consumers; i++)
		(void)wsim_spawn(pop_two, NULL);
	wsim_join_all();
	settle();
	for (int i = 0; i < 2 * producers; i++)
		wsim_assert(taken[i] == 1);
}

WSIM_TEST(one_slot)
{
	run(1, 0, 2, 1);
}

WSIM_TEST(one_slot_two_consumers)
{
	run(1, 0, 1, 2);
}

WSIM_TEST(two_slots)
{
	run(2, 0, 2, 1);
}

WSIM_TEST(one_producer)
{
	run(1, LFQUEUE_MPMC_ONE_PRODUCER, 1, 2);
}

WSIM_TEST(one_consumer)
{
	run(1, LFQUEUE_MPMC_ONE_CONSUMER, 2, 1);
}

WSIM_TEST(one_of_each)
{
	run(1, LFQUEUE_MPMC_ONE_PRODUCER | LFQUEUE_MPMC_ONE_CONSUMER, 1, 1);
}

/* Always one at least: this one is put in before another is taken out. */
static void *
push_then_pop(void *arg)
{
	int x;

	(void)arg;
	wsim_assert(push(1));
	x = pop();
	wsim_assert(x >= 0);
	taken[x]++;
	return NULL;
}

WSIM_TEST(queue_that_is_never_empty_does_not_look_so)
{
	int x;

	wsim_assert(lfqueue_mpmc_create(4, 0, &q) == 0);
	wsim_assert(push(0));
	(void)wsim_spawn(push_then_pop, NULL);
	x = pop();
	wsim_assert(x >= 0);
	taken[x]++;
	wsim_join_all();
	settle();
	wsim_assert(taken[0] == 1 && taken[1] == 1);
}

WSIM_TEST(bulk_pops_share_what_bulk_pushes_bring)
{
	void *in[2] = {&value[0], &value[1]}, *out[2];
	int first = 2;
	size_t n;

	value[0] = 1;
	value[1] = 2;
	wsim_assert(lfqueue_mpmc_create(2, 0, &q) == 0);
	wsim_assert(lfqueue_mpmc_push_bulk(q, in, 2) == 2);
	(void)wsim_spawn(pop_two, NULL);
	(void)wsim_spawn(push_two, &first);
	n = lfqueue_mpmc_pop_bulk(q, out, 2);
	for (size_t i = 0; i < n; i++) {
		int *x = out[i];

		wsim_assert(*x == x - value + 1);
		taken[x - value]++;
	}
	wsim_join_all();
	settle();
	for (int i = 0; i < 4; i++)
		wsim_assert(taken[i] == 1);
}
