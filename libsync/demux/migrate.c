/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Moving a table to another one: larger, smaller, or with another seed.  The
 * new table is hung to the old one (next); then writers and helpers take the
 * old buckets one by one: lock it, put its items into the new buckets, and set
 * MOVED in its word.  From then on those who come to it go to next.  Whoever
 * moves the last one makes next the root.
 *
 * Invariants, beside those of demux.c
 *   M1  The items of a bucket that is not MOVED are looked for there only;
 *       so copies in the new table are not seen until it is, and a move that
 *       fails halfway takes its copies out again.
 *   M2  A table has a next for good, and root is a table whose next is NULL or
 *       not full yet.  Only the holder of the move mutex gives root a next.
 *   M3  Locks are taken from the older to the newer table, one in each.
 *
 * Ordering pairs
 *   MOVED  the word is stored with MOVED (release) -> lookup and writers load
 *          it (acquire): the copies are seen by whoever is sent to them.
 *          Killed by: demux-moved-relaxed, demux-moved-before-copies.
 *   NEXT   next is stored (release) -> loaded (acquire): the new table is
 *          filled before it is seen.  Killed by: demux-next-relaxed.
 *   LEFT   left is counted down (release) -> by who gets to 0 (acquire), who
 *          stores root: all copies are seen by whoever begins at the new root.
 *          Killed by: demux-left-relaxed.
 *   ROOT   root is stored (release) -> loaded (acquire): as NEXT, and see LEFT.
 *          Killed by: demux-root-relaxed.
 *
 * Reclamation: the old table goes to pserialize_call() after the store of
 * root.  It is entered through root, or through the next of a table that was
 * retired before it, so the sections that may be in it were open before.
 */

#include "libsync/demux/demux_impl.h"
#include "libsync/port/types.h"

#define BUCKETS_MAX ((uint64_t)(sizeof(size_t) > 4 ? 1ULL << 32 : 1ULL << 22))
#define END_STEP    64u

uint64_t
demux_migrate_buckets(size_t items)
{
	uint64_t n = DEMUX_BUCKETS_MIN;

	while (n < BUCKETS_MAX && n * DEMUX_LOAD < items)
		n *= 2;
	return n * DEMUX_LOAD < items ? 0 : n;
}

struct demux_table *
demux_migrate_table(uint64_t buckets, const uint64_t seed[2])
{
	struct demux_table *t;

	t = demux_alloc(
	    sizeof(*t) + (size_t)buckets * sizeof(struct demux_bucket));
	if (t == NULL)
		return NULL;
	t->mask = buckets - 1;
	t->bucket = (struct demux_bucket *)(t + 1);
	t->seed[0] = seed[0];
	t->seed[1] = seed[1];
	sync_init(&t->left, buckets);
	return t;
}

void
demux_migrate_free(struct demux_table *t)
{
	/* relaxed: nobody else uses the table any more. */
	uint64_t rest = sync_load_relaxed(&t->overflow);

	for (uint64_t i = 0; rest != 0 && i <= t->mask; i++) {
		struct demux_bucket *b = demux_chain_next(&t->bucket[i]);

		while (b != NULL) {
			struct demux_bucket *next = demux_chain_next(b);

			port_free(b); /* the first member of its node */
			b = next;
			rest--;
		}
	}
	port_free(t);
}

static void
table_free(struct pserialize_head *head)
{
	demux_migrate_free(
	    (struct demux_table *)(void *)((char *)head -
					   offsetof(
					       struct demux_table, retire)));
}

static void
begin(struct demux *d, struct demux_table *t, struct demux_table *next)
{
	/* relaxed: a number for people. */
	sync_fetch_add_relaxed(&d->writers->moves, 1);
	/* NEXT release: pairs with the acquire of whoever goes there. */
	sync_store_release(&t->next, next);
}

static void
bucket_moved(struct demux *d, struct demux_table *t, struct demux_table *next)
{
	SYNC_POINT("demux_moved");
	/* LEFT acq_rel: pairs with the others who move a bucket of t. */
	if (sync_fetch_add_acq_rel(&t->left, (uint64_t)-1) != 1)
		return;
	SYNC_POINT("demux_root");
	/* ROOT release: pairs with the loads of root.  COMMIT */
	sync_store_release(&d->root, next);
	pserialize_call(&t->retire, table_free);
}

/* Put one item into the table it moves to. */
static int
copy(struct demux *d, struct demux_table *next, void *item,
    struct demux_spares *spares)
{
	const uint64_t h = demux_hash_of(d, next, item);
	struct demux_bucket *to = demux_at(next, h);
	uint64_t m = demux_lock(to);
	int r;

	SYNC_ASSERT((m & DEMUX_MOVED) == 0);
	r = demux_put(next, to, &m, demux_tag(h), item, spares);
	demux_unlock(to, m);
	return r;
}

/* Take it out again. */
static void
copy_undo(struct demux *d, struct demux_table *next, void *item)
{
	struct demux_bucket *to = demux_at(next, demux_hash_of(d, next, item));
	uint64_t m = demux_lock(to);
	const bool there = demux_clear(to, &m, item);

	SYNC_ASSERT(there);
	(void)there;
	demux_unlock(to, m);
}

/*
 * Do something with the items of a locked chain, until it fails or until it
 * has come to end.  *at is the item that it failed with.
 */
static int
copy_chain(struct demux *d, struct demux_table *next, struct demux_bucket *b,
    struct demux_spares *spares, void **at)
{
	for (; b != NULL; b = demux_chain_next(b))
		for (unsigned i = 0; i < DEMUX_SLOTS; i++) {
			/* relaxed: we have the lock (I1 of demux.c). */
			void *item = sync_load_relaxed(&b->slot[i]);
			int r;

			if (item == NULL || demux_is_link(item))
				continue;
			*at = item;
			r = copy(d, next, item, spares);
			if (r != 0)
				return r;
		}
	return 0;
}

static void
copy_chain_undo(struct demux *d, struct demux_table *next,
    struct demux_bucket *b, const void *end)
{
	for (; b != NULL; b = demux_chain_next(b))
		for (unsigned i = 0; i < DEMUX_SLOTS; i++) {
			/* relaxed: we have the lock (I1 of demux.c). */
			void *item = sync_load_relaxed(&b->slot[i]);

			if (item == end)
				return;
			if (item != NULL && !demux_is_link(item))
				copy_undo(d, next, item);
		}
}

/* Returns: 0, also if it was moved before, or -ENOBUFS with nothing done. */
static int
move_bucket(struct demux *d, struct demux_table *t, struct demux_table *next,
    uint64_t i, struct demux_spares *spares)
{
	struct demux_bucket *b = &t->bucket[i];
	const uint64_t m = demux_lock(b);
	void *at = NULL;
	int r;

	if ((m & DEMUX_MOVED) != 0)
		return 0;
	r = copy_chain(d, next, b, spares, &at);
	if (r != 0) {
		copy_chain_undo(d, next, b, at);
		demux_unlock(b, m);
		return r;
	}
	SYNC_POINT("demux_copied");
	demux_unlock(b, m | DEMUX_MOVED);
	bucket_moved(d, t, next);
	return 0;
}

/* Move bucket *i, or the next one if that is -1; then *i says which. */
static int
step(struct demux *d, uint64_t *i, struct demux_spares *spares)
{
	const uint64_t s = pserialize_read_enter();
	/* ROOT acquire: pairs with the release in bucket_moved. */
	struct demux_table *t = sync_load_acquire(&d->root);
	/* NEXT acquire: pairs with the release in begin. */
	struct demux_table *next = sync_load_acquire(&t->next);
	int r = 1;

	if (next != NULL) {
		if (*i == UINT64_MAX)
			/* relaxed: the lock on the bucket is what counts. */
			*i = sync_fetch_add_relaxed(&t->cursor, 1);
		r = move_bucket(d, t, next, *i & t->mask, spares);
	}
	pserialize_read_exit(s);
	return r;
}

int
demux_migrate_some(struct demux *d, size_t buckets)
{
	struct demux_spares spares = {NULL};
	int r = 0;

	for (; r == 0 && buckets > 0; buckets--) {
		uint64_t i = UINT64_MAX;

		while ((r = step(d, &i, &spares)) == -ENOBUFS)
			if (demux_spares_get(&spares) != 0) {
				r = -ENOMEM;
				break;
			}
	}
	demux_spares_put(&spares);
	return r == 1 ? 0 : r == 0 ? 1 : r;
}

int
demux_migrate_end(struct demux *d)
{
	int r;

	while ((r = demux_migrate_some(d, END_STEP)) == 1)
		port_pause();
	return r;
}

void
demux_migrate_grow(struct demux *d)
{
	const size_t items = demux_count(d);
	const uint64_t buckets = demux_migrate_buckets(items);
	struct demux_table *t, *next;
	bool wanted;
	uint64_t s;

	if (!port_mutex_trylock(&d->writers->move))
		return;
	s = pserialize_read_enter();
	/* ROOT acquire: pairs with the release in bucket_moved. */
	t = sync_load_acquire(&d->root);
	/* relaxed: if it is NULL, nobody but us may change that (M2). */
	wanted = sync_load_relaxed(&t->next) == NULL && buckets > t->mask + 1;
	pserialize_read_exit(s);
	if (wanted) {
		next = demux_migrate_table(buckets, t->seed);
		if (next != NULL)
			begin(d, t, next);
		else
			/* relaxed: a number for people. */
			sync_fetch_add_relaxed(&d->writers->failures, 1);
	}
	port_mutex_unlock(&d->writers->move);
}

int
demux_migrate_to(struct demux *d, uint64_t buckets, const uint64_t seed[2])
{
	struct demux_table *t, *next;
	int r;

	SYNC_ASSERT(!pserialize_in_read_section());
	port_mutex_lock(&d->writers->move);
	r = demux_migrate_end(d);
	if (r != 0)
		goto unlock;
	/* ROOT acquire: pairs with the release in bucket_moved. */
	t = sync_load_acquire(&d->root);
	next = demux_migrate_table(buckets != 0 ? buckets : t->mask + 1,
	    seed != NULL ? seed : t->seed);
	if (next == NULL) {
		r = -ENOMEM;
		goto unlock;
	}
	begin(d, t, next);
	r = demux_migrate_end(d);
unlock:
	port_mutex_unlock(&d->writers->move);
	return r;
}
