/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Items that have left a table's tree, until nobody can have them.  They wait
 * in a ring, oldest first, and share a grace period: one is asked for at a
 * time, for all that the ring had then, and those that come meanwhile wait for
 * the next.  So a commit pays for its items only, not for a callback.
 *
 * When the period is over, the next transaction takes them back, or
 * housekeeping, which is rung for, if none comes.
 *
 * Invariants
 *   I1  head <= mark <= tail <= head + room; while asked, the period in
 *       progress, which began after they were pushed, is for [head, mark);
 *       without one the ring is empty between commits.
 *
 * Ordering pairs
 *   none: radix_lf_retire() and the store's queue bring their own.
 */

#include <errno.h>
#include <stdlib.h>

#include "libsync/base/assert.h"
#include "stack/core/stack.h"
#include "stack/route/table_impl.h"

#define ROOM_MIN ((size_t)16)

/* Nobody can have the items before mark any more. */
static void
grace_over(struct pserialize_head *head)
{
	struct route_table *t =
	    (struct route_table *)(void *)((char *)head -
					   offsetof(struct route_table,
					       retired.grace));

	struct stack *st = t->store->stack;

	lfqueue_mpsc_push(&t->store->returned, &t->retired.link);
	stack_housekeep_ring(st);
}

static void
ask(struct route_table *t)
{
	struct route_retired *r = &t->retired;

	r->asked = true;
	r->mark = r->tail;
	radix_lf_retire(t->tree, &r->grace, grace_over);
}

int
route_retire_reserve(struct route_table *t, size_t n)
{
	struct route_retired *r = &t->retired;
	struct route_item **bigger;
	size_t room = r->room == 0 ? ROOM_MIN : r->room;
	size_t i;

	while (r->tail - r->head + n > room)
		room *= 2;
	if (room == r->room)
		return 0;
	bigger = malloc(room * sizeof(struct route_item *));
	if (bigger == NULL)
		return -ENOMEM;
	for (i = r->head; i != r->tail; i++)
		bigger[i & (room - 1)] = r->item[i & (r->room - 1)];
	free(r->item);
	r->item = bigger;
	r->room = room;
	return 0;
}

void
route_retire_push(struct route_table *t, struct route_item *i)
{
	struct route_retired *r = &t->retired;

	SYNC_ASSERT(r->tail - r->head < r->room);
	r->item[r->tail++ & (r->room - 1)] = i;
}

void
route_retire_pushed(struct route_table *t)
{
	const struct route_retired *r = &t->retired;

	if (!r->asked && r->head != r->tail)
		ask(t);
}

static void
free_until_mark(struct route_table *t)
{
	struct route_retired *r = &t->retired;

	for (; r->head != r->mark; r->head++)
		route_store_item_free(
		    t->store, r->item[r->head & (r->room - 1)]);
	if (r->head == r->tail && r->room > ROUTE_RETIRED_KEPT) {
		free(r->item);
		r->item = NULL;
		r->head = r->mark = r->tail = r->room = 0;
	}
}

bool
route_store_collect(struct route_store *s)
{
	struct lfqueue_mpsc_node *n;
	struct route_table *t;
	bool any = false;

	while ((n = lfqueue_mpsc_pop(&s->returned)) != NULL) {
		t = (struct route_table *)(void *)((char *)n -
						   offsetof(struct route_table,
						       retired.link));
		t->retired.asked = false;
		free_until_mark(t);
		route_retire_pushed(t);
		any = true;
	}
	return any;
}

void
route_retire_fini(struct route_table *t)
{
	t->retired.mark = t->retired.tail;
	(void)route_store_collect(t->store);
	free(t->retired.item);
}
