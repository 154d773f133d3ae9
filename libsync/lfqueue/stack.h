/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_LFQUEUE_STACK_H
#define LIBSYNC_LFQUEUE_STACK_H

/*
 * Intrusive stack with any number of threads on both sides.  The node lies in
 * the caller's object, so a push cannot fail and allocates nothing.
 *
 * Every operation may run together with every other, but init with nothing.
 *
 * Life of a node.  Other threads may still read a node after it was popped.
 * So the one that popped it may push it again at once, to this or to another
 * stack; to free it, use pserialize_call() or wait for a grace period, unless
 * the stack is only ever emptied by lfqueue_stack_pop_all(), which reads no
 * node that is not its own.
 *
 * Progress is lock-free where the processor can exchange 16 bytes (x86-64,
 * aarch64); elsewhere a spin lock stands in for that, and everything but empty
 * and next blocks: see libsync/port/cas16.h.
 */

#include "libsync/base/pair.h"
#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the object.  Private.  [a] atomic */
struct lfqueue_stack_node {
	SYNC_ATOMIC(struct lfqueue_stack_node *) next; /* [a] */
};

/* Private, here only so that callers can embed it.  [a] atomic */
struct lfqueue_stack {
	struct sync_pair head; /* [a] top node, count of takings */
};

/*
 * Make s an empty stack.
 * Context: any thread, before s is shared; never sleeps.
 * Owner:   s is the caller's; forgetting an empty stack needs no call, but a
 *          grace period if other threads popped from it.
 */
void lfqueue_stack_init(struct lfqueue_stack *s);

/*
 * Put node on top.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          lock-free.
 * Order:   everything before this call happens before everything after the
 *          pop that returns node.
 * Owner:   the stack owns node until it is popped.
 */
void lfqueue_stack_push(
    struct lfqueue_stack *s, struct lfqueue_stack_node *node);

/*
 * Put the chain from first to last on top in one step: first will be popped
 * first.  lfqueue_stack_chain() made it, or lfqueue_stack_pop_all() returned
 * it.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          lock-free.
 * Order:   as for lfqueue_stack_push(), for each node.
 * Owner:   the stack owns the nodes until they are popped.
 */
void lfqueue_stack_push_all(struct lfqueue_stack *s,
    struct lfqueue_stack_node *first, struct lfqueue_stack_node *last);

/*
 * Take the node on top.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          lock-free.
 * Order:   as for lfqueue_stack_push().
 * Owner:   the caller owns the node; see "Life of a node" above.
 * Returns: NULL if the stack was empty at some moment of the call.
 */
struct lfqueue_stack_node *lfqueue_stack_pop(struct lfqueue_stack *s);

/*
 * Take all nodes at once.
 * Context: any thread, also a signal or interrupt handler; never sleeps;
 *          lock-free.
 * Order:   as for lfqueue_stack_push().
 * Owner:   the caller owns the nodes; see "Life of a node" above.
 * Returns: the node that was on top; lfqueue_stack_next() gives the others.
 *          NULL if the stack was empty at some moment of the call.
 */
struct lfqueue_stack_node *lfqueue_stack_pop_all(struct lfqueue_stack *s);

/*
 * Tell whether the stack is empty.  A hint where other threads push or pop.
 * Context: any thread; never sleeps; wait-free.
 */
bool lfqueue_stack_empty(const struct lfqueue_stack *s);

/*
 * The node below node in a chain that the caller owns.  Ask before node is
 * pushed again or freed.
 * Context: who owns the chain; never sleeps; wait-free.
 * Returns: NULL below the last.
 */
static inline struct lfqueue_stack_node *
lfqueue_stack_next(const struct lfqueue_stack_node *node)
{
	/* relaxed: the caller owns it. */
	return sync_load_relaxed(&node->next);
}

/*
 * Put node, which the caller owns, above below in a chain of its own; below is
 * NULL for the first node of a chain.
 * Context: who owns both; never sleeps; wait-free.
 */
static inline void
lfqueue_stack_chain(
    struct lfqueue_stack_node *node, struct lfqueue_stack_node *below)
{
	/* relaxed: others may read it, from when it was on a stack, but they
	 * will drop what they read. */
	sync_store_relaxed(&node->next, below);
}

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_LFQUEUE_STACK_H */
