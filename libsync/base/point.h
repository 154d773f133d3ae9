/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_BASE_POINT_H
#define LIBSYNC_BASE_POINT_H

/*
 * SYNC_POINT("name"): a place between two steps that another thread may get in
 * between, such as the gap from a load to the compare-exchange that relies on
 * it.  What it does is fixed when a file is compiled:
 *
 *   SYNC_TEST_POINTS  calls sync_test_point(name), which the test supplies and
 *                     may hold a thread in;
 *   SYNC_CHECKS       a thread gives up its processor or sleeps a moment there
 *                     with the odds of sync_point_yield(), or of the
 *                     environment variable LIBSYNC_YIELD=SEED/N, one in N;
 *                     without either it is a load and a branch;
 *   neither, or in a kernel
 *                     nothing.
 */

#include "libsync/base/atomic.h"
#include "libsync/port/local.h"
#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Private to this header. */
extern struct sync_point_state {
	SYNC_ATOMIC(uint32_t) one_in; /* 0: never */
} sync_point_state;

/* The part of SYNC_POINT for a process that wants to be disturbed. */
void sync_point_hit(const char *name);

/*
 * Disturb each thread at one point in one_in from now on, as the seed decides;
 * 0: never.  The same seed gives the same decisions to a thread that passes the
 * same points, counted in the order in which threads come to their first.
 * Context: any thread; never sleeps; wait-free.
 */
void sync_point_yield(uint32_t seed, uint32_t one_in);

/* Context: any thread, signal handlers too; may sleep, holds nothing. */
static inline void
sync_point(const char *name)
{
	/* relaxed: a hint. */
	if (__builtin_expect(
		sync_load_relaxed(&sync_point_state.one_in) != 0, 0))
		sync_point_hit(name);
}

#ifdef SYNC_TEST_POINTS
void sync_test_point(const char *name);
#define SYNC_POINT(name) sync_test_point(name)
#elif defined(SYNC_CHECKS) && !PORT_BY_CPU
#define SYNC_POINT(name) sync_point(name)
#else
#define SYNC_POINT(name) ((void)0)
#endif

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_BASE_POINT_H */
