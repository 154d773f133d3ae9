/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A singly linked list for readers; the writer also knows which link leads to
 * an entry, so it can remove in one step.
 *
 * Invariants
 *   I1  e is on a list exactly if e->prev is not NULL, and then
 *       *e->prev leads to e.
 *   I2  Only the writer stores links; a removed entry's next is not changed
 *       before pslist_entry_fini().
 *
 * Ordering pairs
 *   ENTRY  insert and remove store a link (release) -> reader_first and
 *          reader_next load it (acquire): an entry, and what it is embedded
 *          in, is filled before it is seen.  Removal makes a link lead to an
 *          entry that was published through another link, hence a release
 *          there as well.
 *
 * Reclamation: the caller's, as the head comment of pslist.h says.
 */

#include "libsync/pslist/pslist.h"

void
pslist_head_init(struct pslist_head *h)
{
	sync_init(&h->first.to, NULL);
}

void
pslist_head_fini(struct pslist_head *h)
{
	/* relaxed: the caller has stopped everybody else. */
	SYNC_REQUIRE(sync_load_relaxed(&h->first.to) == NULL);
	/* relaxed: as above. */
	sync_store_relaxed(&h->first.to, PSLIST_POISON);
}

void
pslist_entry_init(struct pslist_entry *e)
{
	sync_init(&e->next.to, NULL);
	sync_init(&e->prev, NULL);
}

void
pslist_entry_fini(struct pslist_entry *e)
{
	/* relaxed: the caller owns the entry again. */
	SYNC_REQUIRE(sync_load_relaxed(&e->prev) == NULL);
	/* relaxed: nobody may look; whoever does shall fall. */
	sync_store_relaxed(&e->next.to, PSLIST_POISON);
}

static void
insert(struct pslist_link *at, struct pslist_entry *e)
{
	/* relaxed: stored by the writer, us. */
	struct pslist_entry *next = sync_load_relaxed(&at->to);

	/* relaxed: only the writer stores it. */
	SYNC_REQUIRE(sync_load_relaxed(&e->prev) == NULL);
	/* relaxed: e is published below. */
	sync_store_relaxed(&e->next.to, next);
	/* relaxed: as above. */
	sync_store_relaxed(&e->prev, at);
	if (next != NULL)
		/* relaxed: readers only ask whether it is NULL. */
		sync_store_relaxed(&next->prev, &e->next);
	/* ENTRY release: pairs with the acquires in pslist.h.  COMMIT */
	sync_store_release(&at->to, e);
}

void
pslist_writer_insert_head(struct pslist_head *h, struct pslist_entry *e)
{
	insert(&h->first, e);
}

void
pslist_writer_insert_before(struct pslist_entry *at, struct pslist_entry *e)
{
	/* relaxed: stored by the writer, us. */
	struct pslist_link *prev = sync_load_relaxed(&at->prev);

	SYNC_REQUIRE(prev != NULL);
	insert(prev, e);
}

void
pslist_writer_insert_after(struct pslist_entry *at, struct pslist_entry *e)
{
	/* relaxed: stored by the writer, us. */
	SYNC_REQUIRE(sync_load_relaxed(&at->prev) != NULL);
	insert(&at->next, e);
}

void
pslist_writer_remove(struct pslist_entry *e)
{
	/* relaxed: stored by the writer, us; the same holds for next. */
	struct pslist_link *prev = sync_load_relaxed(&e->prev);
	struct pslist_entry *next = sync_load_relaxed(&e->next.to);

	SYNC_REQUIRE(prev != NULL);
	/* ENTRY release: pairs with the acquires in pslist.h.  COMMIT */
	sync_store_release(&prev->to, next);
	if (next != NULL)
		/* relaxed: readers only ask whether it is NULL. */
		sync_store_relaxed(&next->prev, prev);
	/* relaxed: the grace period that follows orders it. */
	sync_store_relaxed(&e->prev, NULL);
}

struct pslist_entry *
pslist_writer_first(const struct pslist_head *h)
{
	/* relaxed: stored by the writer, us. */
	return sync_load_relaxed(&h->first.to);
}

struct pslist_entry *
pslist_writer_next(const struct pslist_entry *e)
{
	/* relaxed: stored by the writer, us. */
	return sync_load_relaxed(&e->next.to);
}
