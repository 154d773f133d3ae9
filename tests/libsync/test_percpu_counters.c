/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "libsync/percpu/counters.h"
#include "tests/stress.h"

#define SHARDS   3
#define COUNTERS 5

static struct percpu_counters *c;

static void
setup(void)
{
	cr_assert_eq(percpu_counters_create(SHARDS, COUNTERS, &c), 0);
}

static void
teardown(void)
{
	percpu_counters_destroy(c);
}

TestSuite(percpu_counters, .init = setup, .fini = teardown);

Test(percpu_counters, start_at_zero)
{
	for (unsigned i = 0; i < COUNTERS; i++)
		cr_assert_eq(percpu_counters_sum(c, i), 0);
}

Test(percpu_counters, counters_and_shards_are_separate)
{
	for (unsigned s = 0; s < SHARDS; s++)
		for (unsigned i = 0; i < COUNTERS; i++)
			percpu_counters_add(c, s, i, 100 * s + i);
	for (unsigned s = 0; s < SHARDS; s++)
		for (unsigned i = 0; i < COUNTERS; i++)
			cr_assert_eq(
			    percpu_counters_read(c, s, i), 100 * s + i);
	for (unsigned i = 0; i < COUNTERS; i++)
		cr_assert_eq(percpu_counters_sum(c, i), 300 + 3 * i);
}

Test(percpu_counters, shards_share_no_cache_line)
{
	for (unsigned s = 0; s < SHARDS; s++) {
		const struct percpu_counters_cell *a, *b;

		a = percpu_counters_at(c, s, 0);
		b = percpu_counters_at(c, s, COUNTERS - 1);
		cr_assert_eq((uintptr_t)a % SYNC_CACHELINE, 0);
		if (s + 1 < SHARDS)
			cr_assert((uintptr_t)(b + 1) <=
				  (uintptr_t)percpu_counters_at(c, s + 1, 0));
	}
}

Test(percpu_counters, create_rejects_nothing_and_too_much)
{
	struct percpu_counters *none = NULL;

	cr_assert_eq(percpu_counters_create(0, 1, &none), -EINVAL);
	cr_assert_eq(percpu_counters_create(1, 0, &none), -EINVAL);
	cr_assert_eq(
	    percpu_counters_create(UINT_MAX, UINT_MAX, &none), -EINVAL);
	cr_assert_null(none);
}

static unsigned long rounds;
static SYNC_ATOMIC(unsigned) running;

static void *
owner(void *arg)
{
	const unsigned shard = (unsigned)(uintptr_t)arg;

	for (unsigned long i = 0; i < rounds; i++) {
		percpu_counters_add(c, shard, 1, 1);
		percpu_counters_add(c, shard, 2, shard);
	}
	/* release: the reader's last sum is exact. */
	sync_fetch_sub_release(&running, 1);
	return NULL;
}

Test(percpu_counters, stress_sum_is_monotonic_and_exact_at_the_end,
    .timeout = 60)
{
	pthread_t t[SHARDS];
	uint64_t last = 0;

	rounds = stress_n(1000000);
	sync_init(&running, SHARDS);
	for (uintptr_t s = 0; s < SHARDS; s++)
		cr_assert_eq(pthread_create(&t[s], NULL, owner, (void *)s), 0);
	/* acquire: with the owners' release. */
	while (sync_load_acquire(&running) > 0) {
		const uint64_t sum = percpu_counters_sum(c, 1);

		cr_assert(sum >= last);
		last = sum;
		sched_yield();
	}
	cr_assert_eq(percpu_counters_sum(c, 1), SHARDS * rounds);
	cr_assert_eq(percpu_counters_sum(c, 2), (0 + 1 + 2) * rounds);
	for (unsigned s = 0; s < SHARDS; s++)
		pthread_join(t[s], NULL);
}

static SYNC_ATOMIC(unsigned long) handled;

static void
on_signal(int sig)
{
	(void)sig;
	/* relaxed: of this thread and its handlers. */
	sync_fetch_add_relaxed(&handled, 1);
	percpu_counters_add_sig(c, 0, 3, 1);
}

static void *
shooter(void *arg)
{
	/* acquire: nothing; the owner's end need not be seen at once. */
	while (sync_load_acquire(&running) > 0) {
		pthread_kill(*(pthread_t *)arg, SIGUSR1);
		sched_yield();
	}
	return NULL;
}

Test(percpu_counters, stress_add_sig_loses_nothing_to_a_handler, .timeout = 60)
{
	const struct sigaction sa = {.sa_handler = on_signal};
	pthread_t self = pthread_self(), t;
	unsigned long adds = 0;

	rounds = stress_n(200000);
	sync_init(&running, 1);
	cr_assert_eq(sigaction(SIGUSR1, &sa, NULL), 0);
	cr_assert_eq(pthread_create(&t, NULL, shooter, &self), 0);
	/* relaxed: of this thread and its handlers. */
	for (; adds < rounds || sync_load_relaxed(&handled) < 100; adds++)
		percpu_counters_add_sig(c, 0, 3, 1);
	/* release: the shooter may end. */
	sync_fetch_sub_release(&running, 1);
	pthread_join(t, NULL);
	cr_assert_eq(percpu_counters_read(c, 0, 3),
	    /* relaxed: as above. */
	    adds + sync_load_relaxed(&handled));
}
