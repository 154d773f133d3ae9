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
 */

#include "libsync/base/fence.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libsync/base/assert.h"

struct sync_fence_state sync_fence_state;

static bool
membarrier_register(void)
{
	int saved = errno;
	long err;

	err = syscall(
	    SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	errno = saved;
	return err == 0;
}

static enum sync_fence_mode
choose(void)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody here changes it. */
	const char *want = secure_getenv("LIBSYNC_FENCE");
	bool offered;

	if (want != NULL && strcmp(want, "fenced") == 0)
		return SYNC_FENCE_FENCED;
	offered = membarrier_register();
	if (want != NULL && strcmp(want, "membarrier") == 0)
		SYNC_REQUIRE(offered && "LIBSYNC_FENCE=membarrier");
	else
		SYNC_REQUIRE((want == NULL || strcmp(want, "auto") == 0) &&
			     "LIBSYNC_FENCE: auto, membarrier or fenced");
	return offered ? SYNC_FENCE_MEMBARRIER : SYNC_FENCE_FENCED;
}

enum sync_fence_mode
sync_fence_mode(void)
{
	int seen, mine;

	/* MODE acquire: pairs with the release below, in another thread. */
	seen = sync_load_acquire(&sync_fence_state.mode);
	if (seen != SYNC_FENCE_UNDECIDED)
		return (enum sync_fence_mode)seen;
	mine = (int)choose();
	/* MODE acq_rel: publishes our registration or takes another's. */
	if (sync_cas_acq_rel(&sync_fence_state.mode, &seen, mine))
		return (enum sync_fence_mode)mine;
	return (enum sync_fence_mode)seen;
}

void
sync_fence_light_slow(void)
{
	if (sync_fence_mode() == SYNC_FENCE_FENCED)
		sync_fence_full();
}

void
sync_fence_heavy(void)
{
	int saved = errno;

	if (sync_fence_mode() == SYNC_FENCE_FENCED) {
		sync_fence_full();
		return;
	}
	/*
	 * A refusal now, after registering, is a sandbox closed too late: the
	 * readers run without fences and nothing can reach them any more.
	 */
	SYNC_REQUIRE(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED,
			 0, 0) == 0);
	errno = saved;
}
