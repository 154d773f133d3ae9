/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Dmitry Vyukov's intrusive exchange queue (1024cores, 2008).  A push swings
 * tail to the new node with one exchange and then links the node that it found
 * there to the new one; between the two the chain has a gap (the window).
 * The queue always holds at least one node: a stub of its own when empty.
 *
 * Invariants
 *   I1  Following next from head visits the queued nodes in push order, up to
 *       a gap that some producer is about to close.
 *   I2  The node in tail has next == NULL, and only the producer that takes it
 *       out of tail will store to its next.
 *   I3  The stub is queued at most once: only the consumer pushes it, and only
 *       when head and tail are both another node.
 *   I4  head is the stub, or the node that pop returns next.  Hence nothing is
 *       queued exactly if head and tail are both the stub.
 *
 * Ordering pairs
 *   TAIL  push exchanges tail (seq_cst, as release) -> the next push exchanges
 *         tail (seq_cst, as acquire): the clearing of a node's next comes
 *         before the store of its successor, which it would otherwise undo.
 *         As seq_cst also one side of the caller's store-then-load pattern:
 *         push exchanges tail, then the producer loads the caller's flag; the
 *         consumer stores that flag, then empty loads tail (seq_cst).  If
 *         neither saw the other, the consumer would sleep on a full queue.
 *   LINK  push stores next (release) -> pop loads next (acquire):
 *         a node's object is filled before the node is seen.
 */

#include "libsync/lfqueue/mpsc.h"

#include "libsync/port/types.h"

void
lfqueue_mpsc_init(struct lfqueue_mpsc *q)
{
	sync_init(&q->stub.next, NULL);
	sync_init(&q->tail, &q->stub);
	q->head = &q->stub;
}

struct lfqueue_mpsc_node *
lfqueue_mpsc_pop(struct lfqueue_mpsc *q)
{
	struct lfqueue_mpsc_node *head = q->head, *next;

	/* LINK acquire: pairs with the release in push. */
	next = sync_load_acquire(&head->next);
	if (head == &q->stub) {
		if (next == NULL)
			return NULL;
		q->head = head = next;
		/* LINK acquire: pairs with the release in push. */
		next = sync_load_acquire(&head->next);
	}
	if (next == NULL) {
		/* relaxed: LINK put head's exchange before this load; if head
		 * is still in tail, the stub's push finds the newest. */
		if (sync_load_relaxed(&q->tail) != head)
			return NULL;
		lfqueue_mpsc_push(q, &q->stub);
		/* LINK acquire: pairs with the release in push. */
		next = sync_load_acquire(&head->next);
		if (next == NULL)
			return NULL;
	}
	q->head = next;
	return head;
}

bool
lfqueue_mpsc_empty(const struct lfqueue_mpsc *q)
{
	if (q->head != &q->stub)
		return false;
	/* TAIL seq_cst: pairs with the exchange in push. */
	return sync_load_seq_cst(&q->tail) == &q->stub;
}
