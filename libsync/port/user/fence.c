/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The light/heavy pair on membarrier(2).
 *
 * Registering is idempotent and holds for the whole process, so threads may
 * decide at the same time; the first compare-exchange fixes the answer, and
 * whoever wrote "membarrier" had registered before.
 *
 * Ordering pairs
 *   MODE  decide stores mode (release) -> sync_fence_mode loads it (acquire):
 *         the registration happened before membarrier is used.
 *         No test can fail without it: a registration is the kernel's, not
 *         memory of the program.
 */

#include "libsync/base/fence.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libsync/base/assert.h"
#include "libsync/base/point.h"

struct sync_fence_state sync_fence_state;

static bool
membarrier(int cmd)
{
	return syscall(SYS_membarrier, cmd, 0, 0) == 0;
}

static bool
membarrier_register(void)
{
	int saved = errno;
	bool ok = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);

	errno = saved;
	return ok;
}

/*
 * Linux forks the registration before it forks the memory: a child made while
 * another thread decides can have our mode and no registration.  It catches up
 * here, before the one barrier that its readers have to be reached by.
 */
static bool
membarrier_catch_up(void)
{
	return errno == EPERM && membarrier_register() &&
	       membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

/*
 * membarrier fails after it was registered: a sandbox was closed too late.  The
 * readers run without fences, and without the call nothing can reach them any
 * more, so to go on would free what they look at.
 */
static void
refused(void)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the last thing done. */
	fprintf(stderr,
	    "libsync: membarrier(2) is refused (%s), but was in use before: "
	    "allow it in the sandbox, enter the sandbox before the first use "
	    "of "
	    "libsync, or set LIBSYNC_FENCE=fenced\n",
	    strerror(errno));
	abort();
}

static bool
named(const char *want, const char *mode)
{
	return want != NULL && strcmp(want, mode) == 0;
}

/*
 * What the process is to use if the environment does not say, wish comes first.
 * Returns: SYNC_FENCE_UNDECIDED if the wish cannot be met.
 */
static enum sync_fence_mode
choose(enum sync_fence_mode wish)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody here changes it. */
	const char *want = secure_getenv("LIBSYNC_FENCE");

	if (named(want, "fenced"))
		return SYNC_FENCE_FENCED;
	if (named(want, "qsbr"))
		return SYNC_FENCE_QSBR;
	if (named(want, "membarrier")) {
		SYNC_REQUIRE(membarrier_register() &&
			     "LIBSYNC_FENCE=membarrier, which is refused");
		return SYNC_FENCE_MEMBARRIER;
	}
	SYNC_REQUIRE((want == NULL || named(want, "auto")) &&
		     "LIBSYNC_FENCE: auto, membarrier, fenced or qsbr");
	if (wish == SYNC_FENCE_FENCED || wish == SYNC_FENCE_QSBR)
		return wish;
	if (membarrier_register())
		return SYNC_FENCE_MEMBARRIER;
	return wish == SYNC_FENCE_MEMBARRIER ? SYNC_FENCE_UNDECIDED
					     : SYNC_FENCE_FENCED;
}

static enum sync_fence_mode
decide(enum sync_fence_mode wish)
{
	int seen, mine;

	/* MODE acquire: pairs with the release below, in another thread. */
	seen = sync_load_acquire(&sync_fence_state.mode);
	if (seen != SYNC_FENCE_UNDECIDED)
		return (enum sync_fence_mode)seen;
	mine = (int)choose(wish);
	if (mine == SYNC_FENCE_UNDECIDED)
		return SYNC_FENCE_UNDECIDED;
	SYNC_POINT("fence_decide");
	/* MODE acq_rel: publishes our registration or takes another's. */
	if (sync_cas_acq_rel(&sync_fence_state.mode, &seen, mine))
		return (enum sync_fence_mode)mine;
	return (enum sync_fence_mode)seen;
}

enum sync_fence_mode
sync_fence_mode(void)
{
	return decide(SYNC_FENCE_UNDECIDED);
}

int
sync_fence_choose(enum sync_fence_mode mode)
{
	enum sync_fence_mode now;

	SYNC_REQUIRE(mode != SYNC_FENCE_UNDECIDED);
	now = decide(mode);
	if (now == SYNC_FENCE_UNDECIDED)
		return -ENOSYS;
	return now == mode ? 0 : -EBUSY;
}

void
sync_fence_light_slow(void)
{
	if (sync_fence_mode() != SYNC_FENCE_MEMBARRIER)
		sync_fence_full();
}

void
sync_fence_heavy(void)
{
	int saved = errno;

	if (sync_fence_mode() != SYNC_FENCE_MEMBARRIER) {
		sync_fence_full();
		return;
	}
	if (!membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) &&
	    !membarrier_catch_up())
		refused();
	errno = saved;
}
