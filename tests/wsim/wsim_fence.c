/* SPDX-License-Identifier: BSD-2-Clause */

/* The light and the heavy fence, in each mode that LIBSYNC_FENCE can force. */

#include "libsync/base/fence.h"
#include "tests/wsim/wsim.h"

static SYNC_ATOMIC(int) x, y;
static int saw_x, saw_y;

static void
often(bool fence)
{
	/* relaxed: the fences order. */
	sync_store_relaxed(&x, 1);
	if (fence)
		sync_fence_light();
	/* relaxed: as above. */
	saw_y = sync_load_relaxed(&y);
}

static void *
with_light(void *arg)
{
	(void)arg;
	often(true);
	return NULL;
}

static void *
without(void *arg)
{
	(void)arg;
	often(false);
	return NULL;
}

static void
seldom(void)
{
	/* relaxed: the fences order. */
	sync_store_relaxed(&y, 1);
	sync_fence_heavy();
	/* relaxed: as above. */
	saw_x = sync_load_relaxed(&x);
}

WSIM_TEST(light_and_heavy_do_not_miss_each_other)
{
	(void)wsim_spawn(with_light, NULL);
	seldom();
	wsim_join_all();
	wsim_assert(saw_x == 1 || saw_y == 1);
}

static void *
other_light(void *arg)
{
	(void)arg;
	/* relaxed: the fences order, or do not. */
	sync_store_relaxed(&y, 1);
	sync_fence_light();
	/* relaxed: as above. */
	saw_x = sync_load_relaxed(&x);
	return NULL;
}

static void *
heavy_alone(void *arg)
{
	(void)arg;
	sync_fence_heavy();
	return NULL;
}

/* In the fenced modes two light fences do order; the contract says nothing. */
WSIM_TEST(modes_agree_on_what_two_light_fences_do)
{
	const bool free = sync_fence_mode() == SYNC_FENCE_MEMBARRIER;

	(void)wsim_spawn(with_light, NULL);
	(void)wsim_spawn(other_light, NULL);
	(void)wsim_spawn(heavy_alone, NULL);
	wsim_join_all();
	wsim_assert(free || saw_x == 1 || saw_y == 1);
}

WSIM_MUST_FAIL(a_heavy_fence_alone_on_one_side_is_not_for_all, WSIM_ASSERT)
{
	(void)wsim_spawn(without, NULL);
	(void)wsim_spawn(heavy_alone, NULL);
	/* relaxed: the bug, no fence here. */
	sync_store_relaxed(&y, 1);
	/* relaxed: as above. */
	saw_x = sync_load_relaxed(&x);
	wsim_join_all();
	wsim_assert(saw_x == 1 || saw_y == 1);
}

static void *
decide(void *arg)
{
	*(enum sync_fence_mode *)arg = sync_fence_mode();
	return NULL;
}

WSIM_TEST(all_threads_get_the_same_mode)
{
	enum sync_fence_mode a, b;
	int t = wsim_spawn(decide, &a);

	(void)decide(&b);
	(void)wsim_join(t);
	wsim_assert(a == b && a != SYNC_FENCE_UNDECIDED);
}
