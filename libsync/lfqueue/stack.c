/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * R. K. Treiber's stack (IBM RJ 5118, 1986) with a count in the word beside
 * the top pointer.
 *
 * Invariants
 *   I1  Following next from head.lo visits the nodes from top to bottom.
 *   I2  head.hi counts the changes that take nodes, those that take all too.
 * So an exchange by pop succeeds only if nothing was popped since it loaded
 * head, and then the same node on top means that nothing was pushed either:
 * the next that it read is that of the node on top.
 *
 * Linearization: the exchange of head; an empty pop, the load of head.lo.
 *
 * Ordering pairs
 *   HEAD  exchange of head (acq_rel) -> load or exchange of it (acquire):
 *         a node, its next and its object are seen by who finds it on top.
 *         Every change is an exchange, so that a pop takes from all pushes
 *         before it, not only from the last.
 *
 * Reclamation: pop follows a node that another may have popped, inside a read
 * section.
 */

#include "libsync/lfqueue/stack.h"

#include "libsync/base/assert.h"
#include "libsync/base/point.h"
#include "libsync/port/cas16.h"
#include "libsync/port/port.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"

static struct lfqueue_stack_node *
top(struct sync_pair_value head)
{
	return (struct lfqueue_stack_node *)(uintptr_t)head.lo;
}

static struct sync_pair_value
head_pushed(struct sync_pair_value head, const struct lfqueue_stack_node *node)
{
	return (struct sync_pair_value){(uintptr_t)node, head.hi};
}

static struct sync_pair_value
head_load(const struct lfqueue_stack *s)
{
	struct sync_pair_value head;

	/* The count first: then the node is of that count or later, or the
	 * exchange fails.  The other way around the node may be of an earlier
	 * time, and so may its next.
	 * HEAD acquire: pairs with its exchanges. */
	head.hi = sync_load_acquire(&s->head.hi);
	head.lo = sync_load_acquire(&s->head.lo);
	return head;
}

/* Wait longer each time that others were first. */
static void
back_off(unsigned *failed)
{
	for (unsigned i = 0; i < 1U << *failed; i++)
		port_pause();
	if (*failed < 6)
		(*failed)++;
}

void
lfqueue_stack_init(struct lfqueue_stack *s)
{
	sync_init(&s->head.lo, 0);
	sync_init(&s->head.hi, 0);
}

void
lfqueue_stack_push_all(struct lfqueue_stack *s,
    struct lfqueue_stack_node *first, struct lfqueue_stack_node *last)
{
	struct sync_pair_value head = head_load(s);
	unsigned failed = 0;

	SYNC_ASSERT(first != NULL && last != NULL);
	for (;;) {
		/* relaxed: the exchange orders it (HEAD). */
		sync_store_relaxed(&last->next, top(head));
		SYNC_POINT("stack_push");
		/* HEAD acq_rel: pairs with every load and exchange of it. */
		if (sync_cas16_acq_rel(
			&s->head, &head, head_pushed(head, first)))
			return;
		back_off(&failed);
		head = head_load(s); /* what was found is old by now */
	}
}

void
lfqueue_stack_push(struct lfqueue_stack *s, struct lfqueue_stack_node *node)
{
	lfqueue_stack_push_all(s, node, node);
}

struct lfqueue_stack_node *
lfqueue_stack_pop(struct lfqueue_stack *s)
{
	const uint64_t section = pserialize_read_enter();
	struct sync_pair_value head = head_load(s), want;
	struct lfqueue_stack_node *node, *next;
	unsigned failed = 0;

	while ((node = top(head)) != NULL) {
		/* relaxed: HEAD brought it, if node is still on top. */
		next = sync_load_relaxed(&node->next);
		want.lo = (uintptr_t)next;
		want.hi = head.hi + 1;
		SYNC_POINT("stack_pop");
		/* HEAD acq_rel: pairs with every load and exchange of it. */
		if (sync_cas16_acq_rel(&s->head, &head, want))
			break;
		back_off(&failed);
		head = head_load(s); /* what was found is old by now */
	}
	pserialize_read_exit(section);
	return node;
}

struct lfqueue_stack_node *
lfqueue_stack_pop_all(struct lfqueue_stack *s)
{
	struct sync_pair_value head = head_load(s), want;
	struct lfqueue_stack_node *node;
	unsigned failed = 0;

	while ((node = top(head)) != NULL) {
		want = (struct sync_pair_value){0, head.hi + 1};
		SYNC_POINT("stack_pop_all");
		/* HEAD acq_rel: pairs with every load and exchange of it. */
		if (sync_cas16_acq_rel(&s->head, &head, want))
			break;
		back_off(&failed);
		head = head_load(s); /* what was found is old by now */
	}
	return node;
}

bool
lfqueue_stack_empty(const struct lfqueue_stack *s)
{
	/* relaxed: nothing is read through it. */
	return sync_load_relaxed(&s->head.lo) == 0;
}
