/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>

#include "libsync/lfqueue/pcq.h"
#include "tests/libsync/lfqueue_many.h"

static struct lfqueue_pcq *q;

static void
setup(void)
{
	cr_assert_eq(lfqueue_pcq_create(3, &q), 0);
}

static void
teardown(void)
{
	while (lfqueue_pcq_get(q) != NULL)
		continue;
	lfqueue_pcq_destroy(q);
}

TestSuite(lfqueue_pcq, .init = setup, .fini = teardown);

Test(lfqueue_pcq, create_rejects_what_it_cannot_make)
{
	struct lfqueue_pcq *none = NULL;

	cr_assert_eq(lfqueue_pcq_create(0, &none), -EINVAL);
	cr_assert_eq(lfqueue_pcq_create(SIZE_MAX / 2, &none), -EINVAL);
	cr_assert_null(none);
}

Test(lfqueue_pcq, takes_its_capacity_and_no_more)
{
	int item[3];

	cr_assert_eq(lfqueue_pcq_maxitems(q), 3);
	for (int round = 0; round < 3; round++) {
		cr_assert_null(lfqueue_pcq_get(q));
		cr_assert_null(lfqueue_pcq_peek(q));
		for (int i = 0; i < 3; i++)
			cr_assert(lfqueue_pcq_put(q, &item[i]));
		cr_assert_not(lfqueue_pcq_put(q, &item[0]));
		for (int i = 0; i < 3; i++) {
			cr_assert_eq(lfqueue_pcq_peek(q), &item[i]);
			cr_assert_eq(lfqueue_pcq_get(q), &item[i]);
		}
	}
}

Test(lfqueue_pcq, capacity_of_one_holds_one)
{
	struct lfqueue_pcq *one;
	int item;

	cr_assert_eq(lfqueue_pcq_create(1, &one), 0);
	for (int round = 0; round < 3; round++) {
		cr_assert(lfqueue_pcq_put(one, &item));
		cr_assert_not(lfqueue_pcq_put(one, &item));
		cr_assert_eq(lfqueue_pcq_get(one), &item);
		cr_assert_null(lfqueue_pcq_get(one));
	}
	lfqueue_pcq_destroy(one);
}

static bool
put(void *queue, struct many_msg *m, unsigned random)
{
	(void)random;
	return lfqueue_pcq_put(queue, m);
}

static struct many_msg *
get(void *queue, unsigned random)
{
	(void)random;
	return lfqueue_pcq_get(queue);
}

static struct many
many_of(unsigned producers, unsigned consumers, unsigned long each)
{
	return (struct many){.queue = q,
	    .push = put,
	    .pop = get,
	    .producers = producers,
	    .consumers = consumers,
	    .each = stress_n(each),
	    .fifo = true};
}

Test(lfqueue_pcq, stress_keeps_each_producers_order, .timeout = 60)
{
	const struct many run = many_of(3, 1, 10000);

	many_transfer(&run);
}

Test(lfqueue_pcq, stress_more_consumers, .timeout = 60)
{
	const struct many run = many_of(3, 3, 8000);

	many_transfer(&run);
}

static unsigned long total;

static void *
numbers(void *arg)
{
	for (uintptr_t i = 1; i <= total; i++)
		while (!lfqueue_pcq_put(arg, (void *)i))
			sched_yield();
	return NULL;
}

Test(lfqueue_pcq, stress_the_one_consumer_gets_what_it_peeked, .timeout = 60)
{
	pthread_t t;

	total = stress_n(20000);
	cr_assert_eq(pthread_create(&t, NULL, numbers, q), 0);
	for (uintptr_t i = 1; i <= total;) {
		void *seen = lfqueue_pcq_peek(q);

		if (seen == NULL) {
			sched_yield();
			continue;
		}
		cr_assert_eq((uintptr_t)seen, i);
		cr_assert_eq(lfqueue_pcq_get(q), seen);
		i++;
	}
	pthread_join(t, NULL);
}
