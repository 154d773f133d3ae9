/* SPDX-License-Identifier: BSD-2-Clause */

/* Counters that are added to and read at the same time. */

#include "libsync/percpu/counters.h"
#include "tests/wsim/wsim.h"

static struct percpu_counters *c;

static void *
count(void *arg)
{
	const unsigned shard = *(unsigned *)arg;

	for (int i = 0; i < 3; i++)
		percpu_counters_add(c, shard, 0, 1);
	return NULL;
}

WSIM_TEST(sum_never_runs_backwards_and_ends_exact)
{
	static unsigned shard[] = {0, 1};
	uint64_t last = 0;

	wsim_assert(percpu_counters_create(2, 1, &c) == 0);
	(void)wsim_spawn(count, &shard[0]);
	(void)wsim_spawn(count, &shard[1]);
	for (int i = 0; i < 3; i++) {
		const uint64_t now = percpu_counters_sum(c, 0);

		wsim_assert(now >= last && now <= 6);
		last = now;
	}
	wsim_join_all();
	wsim_assert(percpu_counters_sum(c, 0) == 6);
	percpu_counters_destroy(c);
}

/* Two owners of one shard lose counts: why the contract forbids them. */
WSIM_MUST_FAIL(two_owners_lose_counts, WSIM_ASSERT)
{
	static unsigned zero = 0;

	wsim_assert(percpu_counters_create(1, 1, &c) == 0);
	(void)wsim_spawn(count, &zero);
	(void)wsim_spawn(count, &zero);
	wsim_join_all();
	wsim_assert(percpu_counters_sum(c, 0) == 6);
}
