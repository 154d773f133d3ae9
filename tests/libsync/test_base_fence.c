/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/fence.h"
#include "tests/libsync/gate.h"
#include "tests/stress.h"

/* The tests have one thread when they call this. */
static void
force(const char *mode)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	cr_assert_eq(setenv("LIBSYNC_FENCE", mode, 1), 0);
}

Test(base_fence, mode_is_decided_once)
{
	enum sync_fence_mode mode = sync_fence_mode();

	cr_assert(mode == SYNC_FENCE_MEMBARRIER || mode == SYNC_FENCE_FENCED);
	force(mode == SYNC_FENCE_FENCED ? "auto" : "fenced");
	cr_assert_eq(sync_fence_mode(), mode);
}

Test(base_fence, environment_forces_fenced)
{
	force("fenced");
	cr_assert_eq(sync_fence_mode(), SYNC_FENCE_FENCED);
	sync_fence_light();
	sync_fence_heavy();
}

Test(base_fence, light_decides_too)
{
	force("fenced");
	sync_fence_light();
	force("auto");
	cr_assert_eq(sync_fence_mode(), SYNC_FENCE_FENCED);
}

Test(base_fence, unknown_mode_aborts, .signal = SIGABRT)
{
	force("often");
	(void)sync_fence_mode();
}

/*
 * The litmus test "store buffering", round by round on fresh words: the light
 * side stores x and loads y, the heavy side stores y and loads x.
 */
struct round {
	SYNC_ATOMIC(int) x;
	char apart[SYNC_CACHELINE];
	SYNC_ATOMIC(int) y;
	bool light_saw, heavy_saw;
	char apart_too[SYNC_CACHELINE];
};

static struct round *rounds;
static unsigned long n;
static SYNC_ATOMIC(unsigned long) reached;

static void *
light_side(void *arg)
{
	(void)arg;
	for (unsigned long i = 0; i < n; i++) {
		struct round *r = &rounds[i];

		/* relaxed: only keeps the two sides close together. */
		for (int k = 0; sync_load_relaxed(&reached) <= i; k++)
			if (k > 1000)
				sched_yield();
		/* relaxed: the fences are what is tested. */
		sync_store_relaxed(&r->x, 1);
		sync_fence_light();
		/* relaxed: as above. */
		r->light_saw = sync_load_relaxed(&r->y) != 0;
	}
	return NULL;
}

static void *
heavy_side(void *arg)
{
	(void)arg;
	for (unsigned long i = 0; i < n; i++) {
		struct round *r = &rounds[i];

		/* relaxed: only keeps the two sides close together. */
		sync_store_relaxed(&reached, i + 1);
		/* relaxed: the fences are what is tested. */
		sync_store_relaxed(&r->y, 1);
		sync_fence_heavy();
		/* relaxed: as above. */
		r->heavy_saw = sync_load_relaxed(&r->x) != 0;
	}
	return NULL;
}

Test(base_fence, stress_one_side_sees_the_other, .timeout = 100)
{
	pthread_t light, heavy;
	unsigned long missed = 0;

	n = stress_n(30000);
	rounds = calloc(n, sizeof(*rounds));
	cr_assert_not_null(rounds);
	cr_assert_eq(pthread_create(&light, NULL, light_side, NULL), 0);
	cr_assert_eq(pthread_create(&heavy, NULL, heavy_side, NULL), 0);
	pthread_join(light, NULL);
	pthread_join(heavy, NULL);
	for (unsigned long i = 0; i < n; i++)
		missed += !rounds[i].light_saw && !rounds[i].heavy_saw;
	cr_assert_eq(missed, 0);
	free(rounds);
}
