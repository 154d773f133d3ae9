/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_LFQUEUE_MPSC_H
#define LIBSYNC_LFQUEUE_MPSC_H

/*
 * Unbounded intrusive queue: any number of producers, one consumer.  The node
 * lies in the caller's object, so a push cannot fail and allocates nothing.
 * Use lfqueue/spsc.h where there is one producer only.
 *
 * What may run together ("-" yes, "X" the caller must prevent it):
 *
 *              init  push  pop  empty
 *   init        X     X     X     X
 *   push        X     -     -     -
 *   pop         X     -     X     X
 *   empty       X     -     X     -
 *
 * Sleeping consumer.  A consumer that sleeps while the queue is empty must not
 * miss the push that arrives while it falls asleep:
 *
 *   consumer                                producer
 *     sync_store_seq_cst(&armed, true);       lfqueue_mpsc_push(q, n);
 *     if (lfqueue_mpsc_empty(q))              if (sync_load_seq_cst(&armed))
 *             sleep until woken;                      wake the consumer;
 *     sync_store_relaxed(&armed, false);
 *
 * Both flag accesses must be seq_cst: push and empty are seq_cst on the
 * queue's side, so either empty sees the push or the producer sees the flag.
 * With anything weaker both may look first and miss each other.  The wake-up
 * itself must be one that a sleeper cannot lose (an eventfd, a semaphore).
 */

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* [a] atomic */
struct lfqueue_mpsc_node {
	SYNC_ATOMIC(struct lfqueue_mpsc_node *) next; /* [a] */
};

/*
 * Private, here only so that callers can embed it.  Padded, not aligned: the
 * object around it may come from any allocator.  [a] atomic  [k] consumer
 */
struct lfqueue_mpsc {
	SYNC_ATOMIC(struct lfqueue_mpsc_node *) tail; /* [a] newest node */
	char pad[SYNC_CACHELINE];       /* producers' line | consumer's line */
	struct lfqueue_mpsc_node *head; /* [k] oldest node */
	struct lfqueue_mpsc_node stub;  /* queued whenever nothing else is */
};

/*
 * Make q an empty queue.
 * Context: any thread, before q is shared; never sleeps.
 * Owner:   q is the caller's; forgetting an empty queue needs no call.
 */
void lfqueue_mpsc_init(struct lfqueue_mpsc *q);

/*
 * Append node.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          wait-free.  A producer that is stopped between its exchange and
 *          the one store after it (its window) holds back the node before
 *          its own, its own, and all later ones.
 * Order:   everything before this call happens before everything after the
 *          lfqueue_mpsc_pop() that returns node.  The nodes of one producer
 *          come out in the order in which it pushed them.
 * Owner:   the queue owns node until lfqueue_mpsc_pop() returns it.
 */
static inline void
lfqueue_mpsc_push(struct lfqueue_mpsc *q, struct lfqueue_mpsc_node *node)
{
	struct lfqueue_mpsc_node *prev;

	SYNC_ASSERT(node != NULL);
	/* relaxed: the exchange below orders it (TAIL). */
	sync_store_relaxed(&node->next, NULL);
	/* TAIL seq_cst: pairs with the next push and with the load in empty. */
	prev = sync_xchg_seq_cst(&q->tail, node);
	/* LINK release: pairs with the acquire in pop; it ends the window. */
	sync_store_release(&prev->next, node);
}

/*
 * Take the oldest node.
 * Context: the one consumer; never sleeps; never waits: a constant number of
 *          steps.
 * Order:   as for lfqueue_mpsc_push().
 * Owner:   the caller owns the node returned and may push it again at once.
 * Returns: NULL if the queue is empty, or if a producer in the window of its
 *          push holds back the oldest node; lfqueue_mpsc_empty() tells the
 *          two apart.
 */
struct lfqueue_mpsc_node *lfqueue_mpsc_pop(struct lfqueue_mpsc *q);

/*
 * Tell whether nothing is queued.
 * Context: the one consumer; never sleeps; wait-free.
 * Order:   see "Sleeping consumer" above.
 * Returns: true if no push has begun that pop has not returned; false also
 *          while a push is in its window, when pop still returns NULL.
 */
bool lfqueue_mpsc_empty(const struct lfqueue_mpsc *q);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_LFQUEUE_MPSC_H */
