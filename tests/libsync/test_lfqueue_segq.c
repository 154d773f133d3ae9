/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <signal.h>

#include "libsync/lfqueue/segq.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/libsync/lfqueue_many.h"

static struct lfqueue_segq *q;

static void
setup(void)
{
	cr_assert_eq(lfqueue_segq_create(&q), 0);
}

static void
teardown(void)
{
	lfqueue_segq_destroy(q);
	pserialize_barrier(); /* segments are freed by callbacks */
}

TestSuite(lfqueue_segq, .init = setup, .fini = teardown);

Test(lfqueue_segq, new_queue_is_empty)
{
	cr_assert_null(lfqueue_segq_pop(q));
	cr_assert_null(lfqueue_segq_pop(q));
}

Test(lfqueue_segq, pops_in_push_order)
{
	int item[5];

	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < 5; i++)
			cr_assert_eq(lfqueue_segq_push(q, &item[i]), 0);
		for (int i = 0; i < 5; i++)
			cr_assert_eq(lfqueue_segq_pop(q), &item[i]);
		cr_assert_null(lfqueue_segq_pop(q));
	}
}

Test(lfqueue_segq, grows_over_many_segments_and_shrinks_again)
{
	static char item[5000];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5000; i++)
			cr_assert_eq(lfqueue_segq_push(q, &item[i]), 0);
		for (int i = 0; i < 5000; i++)
			cr_assert_eq(lfqueue_segq_pop(q), &item[i]);
		cr_assert_null(lfqueue_segq_pop(q));
	}
}

Test(lfqueue_segq, destroying_with_items_is_reported, .signal = SIGABRT)
{
	int item;

	cr_assert_eq(lfqueue_segq_push(q, &item), 0);
	lfqueue_segq_destroy(q);
}

static bool
push(void *queue, struct many_msg *m, unsigned random)
{
	(void)random;
	return lfqueue_segq_push(queue, m) == 0;
}

static struct many_msg *
pop(void *queue, unsigned random)
{
	(void)random;
	return lfqueue_segq_pop(queue);
}

static struct many
many_of(unsigned producers, unsigned consumers, unsigned long each)
{
	return (struct many){.queue = q,
	    .push = push,
	    .pop = pop,
	    .producers = producers,
	    .consumers = consumers,
	    .each = stress_n(each),
	    .fifo = true};
}

Test(lfqueue_segq, stress_keeps_each_producers_order, .timeout = 60)
{
	const struct many run = many_of(3, 3, 15000);

	many_transfer(&run);
}

Test(lfqueue_segq, stress_one_consumer, .timeout = 60)
{
	const struct many run = many_of(4, 1, 10000);

	many_transfer(&run);
}

Test(lfqueue_segq, stress_few_messages_in_turn, .timeout = 60)
{
	const struct many run = many_of(4, 3, 20000);

	many_recycle(&run);
}
