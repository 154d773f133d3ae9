/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_LFQUEUE_ATOMICQ_H
#define LIBSYNC_LFQUEUE_ATOMICQ_H

/*
 * Unbounded intrusive queue with any number of threads on both sides.  It is
 * neither FIFO nor LIFO by itself: every push says at which end, every pop
 * takes the head.  The interface is that of the atomic queue proposal for
 * NetBSD.
 *
 * Every operation may run together with every other, but init with nothing.
 *
 * Life of an item.  Other threads may still read the link of an item after it
 * was popped.  So the one that popped it may push it again at once, to this or
 * to another queue, and may give it back to a pool that keeps links as they
 * are; to free it, use pserialize_call() or wait for a grace period, unless no
 * other thread has used the queue since before the item was pushed.
 *
 * An item is in one queue per link at a time.  A link needs no initialisation,
 * but its owner leaves it alone for as long as the item lives.
 *
 * Where an item may be.  In a program: below 2^48, where allocators put it; a
 * tag in an address (MTE) is above.  In a kernel: anywhere, but no more than
 * LFQUEUE_ATOMICQ_REGIONS + 1 of the regions that have the upper 16 bits of an
 * address in common are used in one queue, the lowest being free.  A push of
 * an item elsewhere ends the program, or the kernel, by SYNC_REQUIRE.
 *
 * Progress is lock-free where the processor can exchange 16 bytes (x86-64,
 * aarch64); elsewhere a spin lock stands in for that, and everything but peek
 * blocks: see libsync/port/cas16.h.
 */

#include "libsync/base/pair.h"
#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the item, aligned to 16 bytes.  Private.  [a] atomic */
struct lfqueue_atomicq_link {
	struct sync_pair pair; /* [a] a neighbour's address, version */
};

#define LFQUEUE_ATOMICQ_REGIONS 7

/* Private, here only so that callers can embed it.  [c] constant  [a] atomic */
struct lfqueue_atomicq {
	struct sync_pair anchor; /* [a] head, tail, tag */
	size_t offset;           /* [c] of the link in an item */
#if PORT_HIGH_ADDRESSES
	/* [a] upper bits of addresses; 0: none yet */
	SYNC_ATOMIC(uint32_t) region[LFQUEUE_ATOMICQ_REGIONS];
#endif
};

/*
 * Make q an empty queue of items with their links at offset.
 * Context: any thread, before q is shared; never sleeps.
 * Owner:   q is the caller's; forgetting an empty queue needs no call, but a
 *          grace period if other threads used it.
 */
void lfqueue_atomicq_init(struct lfqueue_atomicq *q, size_t offset);

/*
 * Append item at the tail.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          lock-free.
 * Order:   everything before this call happens before everything after the
 *          pop that returns item.
 * Owner:   the queue owns item until it is popped.
 */
void lfqueue_atomicq_push_fifo(struct lfqueue_atomicq *q, void *item);

/*
 * Put item before the head.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          lock-free.
 * Order:   as for lfqueue_atomicq_push_fifo().
 * Owner:   as for lfqueue_atomicq_push_fifo().
 */
void lfqueue_atomicq_push_lifo(struct lfqueue_atomicq *q, void *item);

/*
 * Take the item at the head.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          lock-free.
 * Order:   as for lfqueue_atomicq_push_fifo().
 * Owner:   the caller owns the item; see "Life of an item" above.
 * Returns: NULL if the queue was empty at some moment of the call.
 */
void *lfqueue_atomicq_pop(struct lfqueue_atomicq *q);

/*
 * Look at the item at the head.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          wait-free.
 * Order:   everything before the push of the item returned happens before
 *          everything after this call.
 * Owner:   the item stays the queue's.  Inside a read section that began
 *          before, it is safe to read what no owner of a popped item writes.
 * Returns: NULL if the queue is empty.  A hint: another thread may pop at any
 *          moment.
 */
void *lfqueue_atomicq_peek(const struct lfqueue_atomicq *q);

/*
 * Take all items at once.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          lock-free.
 * Order:   as for lfqueue_atomicq_push_fifo().
 * Owner:   the caller owns all items; see "Life of an item" above.
 * Returns: the item that was at the head; lfqueue_atomicq_next() gives the
 *          others.  NULL if the queue was empty at some moment of the call.
 */
void *lfqueue_atomicq_pop_all(struct lfqueue_atomicq *q);

/*
 * The item behind item, of those that one lfqueue_atomicq_pop_all() returned.
 * Ask before item is pushed again or freed.
 * Context: who owns the items; never sleeps; wait-free.
 * Returns: NULL behind the last.
 */
void *lfqueue_atomicq_next(const struct lfqueue_atomicq *q, const void *item);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_LFQUEUE_ATOMICQ_H */
