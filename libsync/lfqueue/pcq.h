/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_LFQUEUE_PCQ_H
#define LIBSYNC_LFQUEUE_PCQ_H

/*
 * Queue of pointers with a fixed capacity: any number of producers and
 * consumers; put fails when it is full.  Lock-free: a thread that is stopped
 * anywhere in an operation holds up nobody and loses nothing; all it takes
 * with it is one place of the capacity.
 *
 * The contract is that of pcq(9) of NetBSD, with all of the capacity to use,
 * any order of construction, and any number of consumers.
 *
 * Use lfqueue/mpmc.h where threads are not stopped in the middle for long: it
 * is several times faster.
 *
 * Every operation may run together with every other, but create and destroy
 * with nothing.  Progress where the processor cannot exchange 16 bytes: see
 * libsync/port/cas16.h.
 */

#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lfqueue_pcq;

/*
 * Make a queue for up to maxitems items, any number from 1.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller owns *out until lfqueue_pcq_destroy().
 * Returns: 0, or -EINVAL or -ENOMEM with *out untouched.
 */
int lfqueue_pcq_create(size_t maxitems, struct lfqueue_pcq **out);

/*
 * Free an empty queue.
 * Context: control thread, after all users have stopped; never sleeps.
 */
void lfqueue_pcq_destroy(struct lfqueue_pcq *q);

/*
 * Append item, which must not be NULL.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          lock-free.
 * Order:   everything before this call happens before everything after the
 *          get that returns item.
 * Owner:   the queue owns item on true, still the caller on false.
 * Returns: false if it is full: as many items are queued, or in the hands of
 *          puts and gets that have not ended, as it has places.
 */
bool lfqueue_pcq_put(struct lfqueue_pcq *q, void *item);

/*
 * Take the oldest item.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          lock-free.
 * Order:   as for lfqueue_pcq_put().
 * Owner:   the caller owns the item returned.
 * Returns: NULL if the queue was empty at some moment of the call.
 */
void *lfqueue_pcq_get(struct lfqueue_pcq *q);

/*
 * Look at the oldest item.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          lock-free.
 * Order:   as for lfqueue_pcq_put().
 * Owner:   the item stays the queue's.  With one consumer, that one may use
 *          it until it gets it.
 * Returns: NULL if the queue was empty at some moment of the call.  Where
 *          others get, an item that was the oldest at some moment.
 */
void *lfqueue_pcq_peek(const struct lfqueue_pcq *q);

/*
 * The capacity.
 * Context: any thread; never sleeps; wait-free.
 */
size_t lfqueue_pcq_maxitems(const struct lfqueue_pcq *q);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_LFQUEUE_PCQ_H */
