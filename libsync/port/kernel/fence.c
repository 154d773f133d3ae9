/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The light/heavy pair of a kernel.  The variant is what the host gives:
 *
 *   LIBSYNC_VARIANT_XCALL   calls to other processors: light costs nothing
 *   LIBSYNC_VARIANT_SWITCH  a word from each processor when it is in no section
 *   LIBSYNC_VARIANT_FENCED  nothing
 *
 * so the mode is a constant from the first instruction on.
 */

#include "libsync/base/fence.h"

#include "libsync/base/assert.h"
#include "libsync/port/port.h"
#include "libsync/port/types.h"

#if defined(LIBSYNC_VARIANT_XCALL)
#define MODE SYNC_FENCE_MEMBARRIER
#elif defined(LIBSYNC_VARIANT_SWITCH)
#define MODE SYNC_FENCE_QSBR
#elif defined(LIBSYNC_VARIANT_FENCED)
#define MODE SYNC_FENCE_FENCED
#else
#error "one of LIBSYNC_VARIANT_XCALL, _SWITCH and _FENCED has to be defined"
#endif

struct sync_fence_state sync_fence_state = {.mode = {MODE}};

enum sync_fence_mode
sync_fence_mode(void)
{
	return MODE;
}

int
sync_fence_choose(enum sync_fence_mode mode)
{
	SYNC_REQUIRE(mode != SYNC_FENCE_UNDECIDED);
	return mode == MODE ? 0 : -EBUSY;
}

void
sync_fence_light_slow(void)
{
	sync_fence_full();
}

void
sync_fence_heavy(void)
{
	sync_fence_full();
#if defined(LIBSYNC_VARIANT_XCALL)
	port_xcall_barrier();
	sync_fence_full();
#endif
}
