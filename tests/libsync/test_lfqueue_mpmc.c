/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>

#include "libsync/lfqueue/mpmc.h"
#include "tests/libsync/lfqueue_many.h"

static struct lfqueue_mpmc *q;

static void
setup(void)
{
	cr_assert_eq(lfqueue_mpmc_create(4, 0, &q), 0);
}

static void
teardown(void)
{
	while (lfqueue_mpmc_pop(q) != NULL)
		continue;
	lfqueue_mpmc_destroy(q);
}

TestSuite(lfqueue_mpmc, .init = setup, .fini = teardown);

/* Another one, with these flags. */
static void
remake(size_t capacity, unsigned flags)
{
	teardown();
	cr_assert_eq(lfqueue_mpmc_create(capacity, flags, &q), 0);
}

Test(lfqueue_mpmc, create_rejects_what_it_cannot_make)
{
	struct lfqueue_mpmc *none = NULL;

	cr_assert_eq(lfqueue_mpmc_create(0, 0, &none), -EINVAL);
	cr_assert_eq(lfqueue_mpmc_create(3, 0, &none), -EINVAL);
	cr_assert_eq(lfqueue_mpmc_create(SIZE_MAX / 2 + 1, 0, &none), -EINVAL);
	cr_assert_eq(lfqueue_mpmc_create(4, 4, &none), -EINVAL);
	cr_assert_null(none);
}

Test(lfqueue_mpmc, takes_its_capacity_and_no_more)
{
	int item[64];

	for (unsigned flags = 0; flags < 4; flags++) {
		for (size_t cap = 1; cap <= 64; cap *= 2) {
			remake(cap, flags);
			for (size_t round = 0; round < 3; round++) {
				cr_assert_null(lfqueue_mpmc_pop(q));
				for (size_t i = 0; i < cap; i++)
					cr_assert(
					    lfqueue_mpmc_push(q, &item[i]));
				cr_assert_not(lfqueue_mpmc_push(q, &item[0]));
				for (size_t i = 0; i < cap; i++)
					cr_assert_eq(
					    lfqueue_mpmc_pop(q), &item[i]);
			}
		}
	}
}

Test(lfqueue_mpmc, bulk_takes_what_fits_and_gives_what_is_there)
{
	int item[6];
	void *in[6], *out[6];

	for (int i = 0; i < 6; i++)
		in[i] = &item[i];
	/* Every start offset, so that the ring's end falls on each place. */
	for (unsigned round = 0; round < 32; round++) {
		if (round % 8 == 0)
			remake(4, round / 8);
		cr_assert_eq(lfqueue_mpmc_pop_bulk(q, out, 6), 0);
		cr_assert_eq(lfqueue_mpmc_push_bulk(q, in, 0), 0);
		cr_assert_eq(lfqueue_mpmc_push_bulk(q, in, 3), 3);
		cr_assert_eq(lfqueue_mpmc_pop_bulk(q, out, 0), 0);
		cr_assert_eq(lfqueue_mpmc_push_bulk(q, in + 3, 3), 1);
		cr_assert_eq(lfqueue_mpmc_push_bulk(q, in + 4, 2), 0);
		cr_assert_eq(lfqueue_mpmc_pop_bulk(q, out, 1), 1);
		cr_assert_eq(lfqueue_mpmc_pop_bulk(q, out + 1, 5), 3);
		for (int i = 0; i < 4; i++)
			cr_assert_eq(out[i], &item[i]);
		/* No further than once around. */
		cr_assert_eq(lfqueue_mpmc_push_bulk(q, in, 6), 4);
		cr_assert_eq(lfqueue_mpmc_pop_bulk(q, out, 6), 4);
		/* Shift by one. */
		cr_assert(lfqueue_mpmc_push(q, &item[0]));
		cr_assert_eq(lfqueue_mpmc_pop(q), &item[0]);
	}
}

static bool
push(void *queue, struct many_msg *m, unsigned random)
{
	(void)random;
	return lfqueue_mpmc_push(queue, m);
}

static struct many_msg *
pop(void *queue, unsigned random)
{
	(void)random;
	return lfqueue_mpmc_pop(queue);
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

Test(lfqueue_mpmc, stress_keeps_each_producers_order, .timeout = 60)
{
	const struct many run = many_of(3, 3, 10000);

	many_transfer(&run);
}

Test(lfqueue_mpmc, stress_one_producer, .timeout = 60)
{
	struct many run;

	remake(8, LFQUEUE_MPMC_ONE_PRODUCER);
	run = many_of(1, 3, 20000);
	many_transfer(&run);
}

Test(lfqueue_mpmc, stress_one_consumer, .timeout = 60)
{
	struct many run;

	remake(8, LFQUEUE_MPMC_ONE_CONSUMER);
	run = many_of(3, 1, 10000);
	many_transfer(&run);
}

/* Full and empty all the time: each slot changes hands with every message. */
Test(lfqueue_mpmc, stress_one_place, .timeout = 60)
{
	struct many run;

	remake(1, 0);
	run = many_of(3, 3, 2000);
	many_transfer(&run);
}

Test(lfqueue_mpmc, stress_few_messages_in_turn, .timeout = 60)
{
	const struct many run = many_of(4, 3, 15000);

	many_recycle(&run);
}

#define BULK_THREADS 2

static unsigned long total;
static SYNC_ATOMIC(unsigned long) left;
static SYNC_ATOMIC(unsigned char) * seen;

/* Numbers, in runs of 1 to 5. */
static void *
bulk_producer(void *arg)
{
	const uintptr_t base = (uintptr_t)arg * total;

	for (uintptr_t i = 0; i < total;) {
		const size_t want = 1 + many_random() % 5;
		void *v[5];
		size_t n = 0, done;

		for (; n < want && i + n < total; n++)
			v[n] = (void *)(base + i + n + 1);
		done = lfqueue_mpmc_push_bulk(q, v, n);
		i += done;
		if (done < n)
			sched_yield();
	}
	return NULL;
}

static void *
bulk_consumer(void *arg)
{
	uintptr_t next[BULK_THREADS] = {0};

	(void)arg;
	/* relaxed: only a count. */
	while (sync_load_relaxed(&left) > 0) {
		void *v[5];
		const size_t n =
		    lfqueue_mpmc_pop_bulk(q, v, 1 + many_random() % 5);

		for (size_t i = 0; i < n; i++) {
			const uintptr_t x = (uintptr_t)v[i] - 1;

			cr_assert_lt(x, BULK_THREADS * total);
			cr_assert_geq(x, next[x / total]);
			next[x / total] = x + 1;
			/* relaxed: only counts. */
			cr_assert_eq(sync_fetch_add_relaxed(&seen[x], 1), 0);
			sync_fetch_add_relaxed(&left, -1UL);
		}
		if (n == 0)
			sched_yield();
	}
	return NULL;
}

Test(lfqueue_mpmc, stress_bulk_keeps_order_and_loses_nothing, .timeout = 60)
{
	pthread_t p[BULK_THREADS], c[BULK_THREADS];

	total = stress_n(30000);
	sync_init(&left, BULK_THREADS * total);
	seen = calloc(BULK_THREADS * total, sizeof(*seen));
	cr_assert(seen != NULL);
	for (uintptr_t i = 0; i < BULK_THREADS; i++) {
		cr_assert_eq(
		    pthread_create(&p[i], NULL, bulk_producer, (void *)i), 0);
		cr_assert_eq(
		    pthread_create(&c[i], NULL, bulk_consumer, NULL), 0);
	}
	for (int i = 0; i < BULK_THREADS; i++) {
		pthread_join(p[i], NULL);
		pthread_join(c[i], NULL);
	}
	for (unsigned long i = 0; i < BULK_THREADS * total; i++)
		/* relaxed: all have ended. */
		cr_assert_eq(sync_load_relaxed(&seen[i]), 1);
	free(seen);
}
