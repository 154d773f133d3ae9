/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Disturbance at test points: xorshift per thread, begun from the seed and the
 * number of the thread, so that a run depends on the schedule alone.
 */

#include "libsync/base/point.h"

#include <sched.h>
#include <stdlib.h>

#include "libsync/base/assert.h"
#include "libsync/port/port.h"

#define SLEEP_ONE_IN 16u
#define SLEEP_MAX_NS 50000u

struct sync_point_state sync_point_state;

/* [a] atomic */
static struct {
	SYNC_ATOMIC(uint32_t) seed;    /* [a] */
	SYNC_ATOMIC(uint32_t) threads; /* [a] that came to a point */
} source;

static PORT_THREAD_LOCAL uint32_t state; /* 0: not begun */

static uint32_t
draw(void)
{
	uint32_t x = state;

	if (x == 0) {
		/* relaxed: only numbers the threads. */
		x = sync_fetch_add_relaxed(&source.threads, 1) + 1;
		/* relaxed: set before there are points to pass. */
		x = x * 2654435761u ^ sync_load_relaxed(&source.seed);
		x |= x == 0;
	}
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	state = x;
	return x;
}

void
sync_point_hit(const char *name)
{
	/* relaxed: a hint. */
	const uint32_t one_in = sync_load_relaxed(&sync_point_state.one_in);
	const uint32_t x = draw();

	(void)name;
	if (one_in == 0 || x % one_in != 0)
		return;
	if (x / one_in % SLEEP_ONE_IN == 0)
		port_sleep(x % SLEEP_MAX_NS + 1);
	else
		sched_yield();
}

void
sync_point_yield(uint32_t seed, uint32_t one_in)
{
	/* relaxed: numbers that decide about nothing but time. */
	sync_store_relaxed(&source.seed, seed);
	/* relaxed: as above. */
	sync_store_relaxed(&sync_point_state.one_in, one_in);
}

PORT_START(sync_point)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet. */
	const char *want = secure_getenv("LIBSYNC_YIELD");
	unsigned long seed, one_in;
	char *end;

	if (want == NULL || *want == '\0')
		return;
	seed = strtoul(want, &end, 0);
	SYNC_REQUIRE(*end == '/' && "LIBSYNC_YIELD: SEED/N");
	one_in = strtoul(end + 1, &end, 0);
	SYNC_REQUIRE(
	    *end == '\0' && one_in <= UINT32_MAX && "LIBSYNC_YIELD: SEED/N");
	sync_point_yield((uint32_t)seed, (uint32_t)one_in);
}
