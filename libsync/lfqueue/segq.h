/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_LFQUEUE_SEGQ_H
#define LIBSYNC_LFQUEUE_SEGQ_H

/*
 * Unbounded queue of pointers: any number of threads on both sides.  It grows
 * by segments, so that a push may fail for want of memory; a segment that was
 * used up is freed a grace period later (libsync/pserialize/pserialize.h).
 *
 * Use lfqueue/atomicq.h where items can carry a link: it allocates nothing.
 * Use lfqueue/mpmc.h where there is a bound: it is faster, and a bound is what
 * keeps a producer from using up all memory.
 *
 * Every operation may run together with every other, but create and destroy
 * with nothing.
 */

#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lfqueue_segq;

/*
 * Make an empty queue.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller owns *out until lfqueue_segq_destroy().
 * Returns: 0, or -ENOMEM with *out untouched.
 */
int lfqueue_segq_create(struct lfqueue_segq **out);

/*
 * Free an empty queue.
 * Context: control thread, after all users have stopped; never sleeps.
 */
void lfqueue_segq_destroy(struct lfqueue_segq *q);

/*
 * Append item, which must not be NULL.
 * Context: any thread outside a read section, not a signal handler;
 *          lock-free, but for the allocation of a segment once in about a
 *          thousand pushes, which may sleep.
 * Order:   everything before this call happens before everything after the
 *          lfqueue_segq_pop() that returns item.
 * Owner:   the queue owns item on 0, still the caller otherwise.
 * Returns: 0, or -ENOMEM.
 */
int lfqueue_segq_push(struct lfqueue_segq *q, void *item);

/*
 * Take the oldest item.
 * Context: any thread, not a signal handler; never sleeps; lock-free.
 * Order:   as for lfqueue_segq_push().
 * Owner:   the caller owns the item returned.
 * Returns: NULL if the queue was empty at some moment of the call.
 */
void *lfqueue_segq_pop(struct lfqueue_segq *q);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_LFQUEUE_SEGQ_H */
