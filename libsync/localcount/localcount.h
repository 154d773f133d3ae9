/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_LOCALCOUNT_LOCALCOUNT_H
#define LIBSYNC_LOCALCOUNT_LOCALCOUNT_H

/*
 * Reference counts for a few objects that everybody holds, for as long as they
 * like, and gives to other threads: each thread counts in a cell of its own,
 * until somebody wants to know when the sum is zero.
 *
 * Use less (psref) if there are thousands of such objects, or if a holder lets
 * go soon: a count takes 256 bytes beside the object.  Use a plain atomic
 * count if the object is hardly ever held by two processors at a time.
 *
 * What may run together, on one count ("-" yes, "X" the caller must prevent
 * it):
 *
 *               acquire  release  drain  reinit, fini
 *   acquire        -        -       *         X
 *   release        -        -       -         X
 *   drain          *        -       X         X
 *
 * (*) A reference acquired while localcount_drain() runs is waited for like
 * the others, but it must come from one that is held already: the caller of
 * drain has made the object unreachable, and let a grace period pass.
 * localcount_tryacquire() may run at any time before fini.
 *
 * Life of a count, embedded in an object:
 *
 *   writer  localcount_init, publish the object
 *   user    in a section: find it, localcount_acquire; leave the section; any
 *           thread: localcount_release
 *   writer  make it unreachable; pserialize_perform; localcount_drain;
 *           localcount_fini; free
 *
 * After fork(2), references that threads of the parent held are still counted
 * in the child, as they belong to no thread.  A count that another thread of
 * the parent was draining is of no use in the child.
 *
 * Modelled on localcount(9) of NetBSD; the states are those of percpu_ref.
 */

#include "libsync/base/atomic.h"
#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct localcount_chunk;

/* Private to this module: what one thread counted. */
struct localcount_cell {
	SYNC_ATOMIC(uint64_t) n;
};

/* Embedded in the object.  Private: all fields. */
struct localcount {
	struct localcount_cell *cells;  /* [c] of the first shard */
	struct localcount_chunk *chunk; /* [c] that they are in */
	SYNC_ATOMIC(uint32_t) state;    /* [a] counted in cells or in total */
	SYNC_ATOMIC(uint64_t) total;    /* [a] all references, once drained */
};

/*
 * Make lc ready, with no reference.
 * Context: any thread, before lc can be found; takes a mutex for a moment,
 *          allocates.
 * Returns: 0, or -ENOMEM with lc of no use.
 */
int localcount_init(struct localcount *lc);

/*
 * Give back what lc has of memory.
 * Context: one thread, after localcount_drain(), or if lc could never be
 *          found; takes a mutex for a moment.
 */
void localcount_fini(struct localcount *lc);

/*
 * Hold lc.
 * Context: reader section in which lc was found, or lc held already; any
 *          thread, not a signal handler; never sleeps, but the first call of
 *          a thread takes a mutex for a moment; wait-free otherwise.
 * Owner:   the caller has one reference more, which anybody may release.
 */
void localcount_acquire(struct localcount *lc);

/*
 * Hold lc unless it is being drained.
 * Context: as for localcount_acquire().
 * Returns: true if the caller has one reference more.
 */
bool localcount_tryacquire(struct localcount *lc);

/*
 * Let go of one reference.
 * Context: reference held, by whatever thread acquired it; any thread, not a
 *          signal handler; never sleeps, but the first call of a thread takes
 *          a mutex for a moment; wait-free otherwise.
 * Order:   everything before happens before localcount_drain() returns.
 */
void localcount_release(struct localcount *lc);

/*
 * Wait until no reference is left, and until every section has ended in which
 * the last may have been released.
 * Context: one thread, outside a section, with no reference of its own, after
 *          lc was made unreachable and a grace period has passed; sleeps for
 *          as long as lc is held.
 * Order:   everything done under a reference happens before the return.
 */
void localcount_drain(struct localcount *lc);

/*
 * Make lc, which was drained, ready to be acquired again.
 * Context: the thread that drained, before lc can be found; never sleeps.
 */
void localcount_reinit(struct localcount *lc);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_LOCALCOUNT_LOCALCOUNT_H */
