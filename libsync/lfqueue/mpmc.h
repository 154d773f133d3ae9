/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_LFQUEUE_MPMC_H
#define LIBSYNC_LFQUEUE_MPMC_H

/*
 * Bounded queue of pointers: any number of threads on both sides, one item or
 * many at a time.  No operation waits for another, but the queue is not
 * lock-free: a thread that is stopped in the middle of an operation holds up
 * those who come to the same slot.
 *   - A producer that has claimed slots and not filled them yet hides the
 *     items behind them; other producers go on.
 *   - A consumer that has claimed slots and not emptied them yet makes the
 *     queue look full when the ring comes around to them; others go on.
 * Where threads may be stopped there for long, use lfqueue/pcq.h.
 *
 * With one thread on a side for ever, say so at creation: that side needs no
 * exchange then.  With one on both sides lfqueue/spsc.h is faster still.
 *
 * What may run together: everything but destroy, and with
 * LFQUEUE_MPMC_ONE_PRODUCER (_CONSUMER) pushes (pops) exclude each other.
 */

#include "libsync/base/atomic.h"
#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum lfqueue_mpmc_flags {
	LFQUEUE_MPMC_ONE_PRODUCER = 1, /* only one thread ever pushes */
	LFQUEUE_MPMC_ONE_CONSUMER = 2  /* only one thread ever pops */
};

struct lfqueue_mpmc;

/*
 * Make a queue for up to capacity items; capacity is a power of two, flags are
 * of enum lfqueue_mpmc_flags.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller owns *out until lfqueue_mpmc_destroy().
 * Returns: 0, or -EINVAL or -ENOMEM with *out untouched.
 */
int lfqueue_mpmc_create(
    size_t capacity, unsigned flags, struct lfqueue_mpmc **out);

/*
 * Free an empty queue.
 * Context: control thread, after all users have stopped; never sleeps.
 */
void lfqueue_mpmc_destroy(struct lfqueue_mpmc *q);

/*
 * Append item, which must not be NULL.
 * Context: any thread, or the one producer; also a signal or interrupt
 *          handler; never sleeps, never waits.  Not lock-free, see above.
 * Order:   everything before this call happens before everything after the
 *          pop that returns item.  The items of one producer are taken in the
 *          order in which it pushed them.
 * Owner:   the queue owns item on true, still the caller on false.
 * Returns: false if the next slot is not free: the queue is full, or a
 *          consumer is about to empty that slot.
 */
bool lfqueue_mpmc_push(struct lfqueue_mpmc *q, void *item);

/*
 * Take the oldest item.
 * Context: any thread, or the one consumer; also a signal or interrupt
 *          handler; never sleeps, never waits.  Not lock-free, see above.
 * Order:   as for lfqueue_mpmc_push().
 * Owner:   the caller owns the item returned.
 * Returns: NULL if the next slot is not filled: the queue is empty, or a
 *          producer is about to fill that slot.
 */
void *lfqueue_mpmc_pop(struct lfqueue_mpmc *q);

/*
 * Append the first items of items[0..n), as many as there are free slots for;
 * no other producer's come between them.
 * Context: as for lfqueue_mpmc_push().
 * Order:   as for lfqueue_mpmc_push(), for each item.
 * Owner:   the queue owns the items counted, still the caller the rest.
 * Returns: how many, 0 to n.
 */
size_t lfqueue_mpmc_push_bulk(
    struct lfqueue_mpmc *q, void *const items[], size_t n);

/*
 * Take up to n of the oldest items, those of consecutive slots.
 * Context: as for lfqueue_mpmc_pop().
 * Order:   as for lfqueue_mpmc_push().
 * Owner:   the caller owns the items in items[0..count).
 * Returns: the count, 0 to n.
 */
size_t lfqueue_mpmc_pop_bulk(struct lfqueue_mpmc *q, void *items[], size_t n);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_LFQUEUE_MPMC_H */
