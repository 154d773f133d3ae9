/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_BASE_FENCE_H
#define LIBSYNC_BASE_FENCE_H

/*
 * A pair of fences with very different prices, for the one pattern that
 * acquire and release cannot order: each side stores to one word and then
 * loads the word of the other side, and both loads must not miss both stores.
 *
 *     often:   store x; sync_fence_light(); load y
 *     seldom:  store y; sync_fence_heavy(); load x
 *
 * A light fence and a heavy fence behave towards each other as if both were
 * sequentially consistent fences.  Two light fences order nothing between
 * themselves.  An edge that carries data still needs its own release and
 * acquire: fences are invisible to ThreadSanitizer.
 *
 * The mode is fixed at the first use in the process:
 *   membarrier  light costs nothing, heavy interrupts every processor that
 *               runs this process (membarrier(2), PRIVATE_EXPEDITED);
 *   fenced      light and heavy are full fences.  Taken when membarrier is
 *               refused for whatever reason.
 *   qsbr        the same fences; the workers of pserialize_online() need none
 *               in their read sections, and nobody is ever interrupted.
 * The environment variable LIBSYNC_FENCE forces one of membarrier, fenced,
 * qsbr, or auto, which is the default: what sync_fence_choose() asked for,
 * else membarrier, else fenced.
 */

#include "libsync/base/atomic.h"
#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum sync_fence_mode {
	SYNC_FENCE_UNDECIDED,
	SYNC_FENCE_MEMBARRIER,
	SYNC_FENCE_FENCED,
	SYNC_FENCE_QSBR
};

/* Private to this header: the mode, an enum sync_fence_mode. */
extern struct sync_fence_state {
	SYNC_ATOMIC(int) mode;
} sync_fence_state;

/*
 * The part of sync_fence_light() for any mode but membarrier.
 * Context: any thread, signal handlers too; never sleeps; wait-free.
 */
void sync_fence_light_slow(void);

/*
 * The expensive side of the pair.
 * Context: any thread; never sleeps, but costs microseconds.
 * Order:   everything before it is seen by whatever follows a light fence
 *          that this fence did not see, and the other way round.
 */
void sync_fence_heavy(void);

/*
 * The mode of this process; fixes it at the first call.
 * Context: any thread, signal handlers too; wait-free.
 * Returns: SYNC_FENCE_MEMBARRIER, SYNC_FENCE_FENCED or SYNC_FENCE_QSBR.
 */
enum sync_fence_mode sync_fence_mode(void);

/*
 * Choose the mode at the start of a program, before anything uses it.
 * Context: any thread; wait-free.
 * Returns: 0 if the process is in the mode now; -EBUSY if it is in another, by
 *          an earlier use or by the environment; -ENOSYS if the system refuses
 *          membarrier, and nothing is decided then.
 */
int sync_fence_choose(enum sync_fence_mode mode);

/*
 * Keep the compiler, and nothing else, from moving accesses across.
 * Context: any thread, signal handlers too; wait-free.
 */
static inline void
sync_fence_compiler(void)
{
#ifdef __riscv
	port_fence_compiler();
#else
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
#endif
}

/*
 * A full fence for the calling thread.  On x86 a locked operation on the
 * stack: less than half the price of mfence, and ThreadSanitizer builds
 * accept it.
 * Context: any thread, signal handlers too; wait-free.
 */
static inline void
sync_fence_full(void)
{
#if defined(__x86_64__) || defined(__i386__)
	SYNC_ATOMIC(int) here = {0};

	sync_fence_compiler();
	(void)__atomic_fetch_or(&here.v, 0, __ATOMIC_SEQ_CST);
	sync_fence_compiler();
#else
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wtsan"
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#pragma GCC diagnostic pop
#endif
}

/*
 * The cheap side of the pair.
 * Context: any thread, signal handlers too; never sleeps; wait-free.
 * Order:   as for sync_fence_heavy().
 */
static inline void
sync_fence_light(void)
{
	sync_fence_compiler();
	/* relaxed: a wrong "undecided" only takes the slow way. */
	if (__builtin_expect(sync_load_relaxed(&sync_fence_state.mode) !=
				 SYNC_FENCE_MEMBARRIER,
		0))
		sync_fence_light_slow();
}

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_BASE_FENCE_H */
