/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A table of buckets of one cache line: a control word with seven tags of 8
 * bits, and seven slots.  A lookup loads the word, and looks into the slots
 * whose tag is the key's: one line for a miss, that and the item for a hit.
 * Writers lock the bucket by a bit of the word.  migrate.c moves everything to
 * another table, bucket by bucket.
 *
 * A full bucket is extended by a node, which is a bucket too: the item of the
 * last slot goes to the node together with the new one, and one store puts the
 * link to the node in the place of that item.  A node with one item left goes
 * the other way.
 *
 * Invariants
 *   I1  Only the holder of a head's DEMUX_LOCKED stores to that bucket and to
 *       the nodes chained to it.
 *   I2  While MOVED is not in the word, the chain is the truth about all keys
 *       that hash to it, and no two items in it have equal keys.  Afterwards
 *       nobody stores to the chain any more.
 *   I3  The tag of a slot is stored before the item, and cleared after it; so
 *       an item in a slot has its tag in every word read meanwhile.
 *   I4  What the last slot of a bucket refers to, directly or as a link, still
 *       has every item that it had, until that is removed: an item gets from
 *       slot to node and back by one store to that slot.  No item gets from
 *       one slot to another in any other way.
 *   I5  The tag of a last slot is cleared after the slot has become a link,
 *       and set before it stops to be one.  So who loads an item there that
 *       was in the chain all the time has loaded 0 or its tag before.
 *
 * The store to a slot is what a writer does; the rest is how to find it:
 *   insert   store of the item (or of the link to it)
 *   replace  store of the item
 *   remove   store of NULL
 *   lookup   found: the load of the slot, or, if that bucket was moved since
 *            the load of its word, the move, as slots are left as they were
 *            (I2).  Not found: if the item was there when the word was loaded,
 *            then its slot was looked into (I3, I4, I5), so it was removed
 *            meanwhile; if not, then that load.
 * Hence no lookup has to look twice, and plain inserts and removes never make
 * one begin again.  This is what differs from tables where a reader validates
 * a version of the bucket or of the table.
 *
 * Ordering pairs
 *   SLOT   a slot is stored (release) -> lookup loads it (acquire): the item,
 *          or the node and what is in it, is filled before it is seen.
 *          Killed by: demux-slot-relaxed.
 *   LOCK   the word is stored without DEMUX_LOCKED (release) -> the next
 *          holder's compare-exchange (acquire): what one writer did to the
 *          chain is seen by the next.  Killed by: demux-lock-relaxed.
 *   MOVED, NEXT, ROOT, LEFT: migrate.c.
 *
 * Reclamation: a node that was taken out of a chain is freed by
 * pserialize_call(), as are tables with the nodes they end with.  Items are
 * the caller's.
 */

#include "libsync/demux/demux.h"

#include "libsync/demux/demux_impl.h"
#include "libsync/port/types.h"

#define SPINS        64 /* before the holder is thought to be asleep */
#define SLEEP_NS     1000
#define HELP         4u  /* buckets moved with each insert during a move */
#define COUNT_PERIOD 64u /* inserts between two looks at all shards */
#define LAST         (DEMUX_SLOTS - 1)

/* What a writer of one key has locked. */
struct place {
	struct demux_table *table;
	struct demux_bucket *head;
	uint64_t ctl; /* of head, to be stored at the end */
	uint64_t tag;
};

uint64_t
demux_lock(struct demux_bucket *b)
{
	for (unsigned n = 0;; n++) {
		/* MOVED acquire: pairs with the release in migrate.c. */
		uint64_t m = sync_load_acquire(&b->ctl);

		if ((m & DEMUX_MOVED) != 0)
			return m;
		SYNC_POINT("demux_lock");
		/* LOCK acquire: pairs with the release in demux_unlock. */
		if ((m & DEMUX_LOCKED) == 0 &&
		    sync_cas_acquire(&b->ctl, &m, m | DEMUX_LOCKED))
			return m;
		/* In a kernel the holder is in a section, and never asleep. */
		if (PORT_BY_CPU || n < SPINS)
			port_pause();
		else
			port_sleep(SLEEP_NS);
	}
}

void
demux_unlock(struct demux_bucket *b, uint64_t ctl)
{
	/* LOCK release: pairs with the acquire in demux_lock.
	 * MOVED release: pairs with the loads of the word, if it is set. */
	sync_store_release(&b->ctl, ctl);
}

struct demux_bucket *
demux_chain_next(struct demux_bucket *b)
{
	/* relaxed: the lock on the chain orders it (I1). */
	char *p = sync_load_relaxed(&b->slot[LAST]);

	return demux_is_link(p) ? (void *)(p - DEMUX_LINK) : NULL;
}

static uint64_t
tag_at(uint64_t ctl, unsigned i)
{
	return ctl >> (8 * (i + 1)) & 0xff;
}

static uint64_t
with_tag(uint64_t ctl, unsigned i, uint64_t tag)
{
	const unsigned shift = 8 * (i + 1);

	return (ctl & ~((uint64_t)0xff << shift)) | tag << shift;
}

/* Set the tag of slot i of b, in the chain of head, whose word is *m. */
static void
set_tag(struct demux_bucket *head, uint64_t *m, struct demux_bucket *b,
    unsigned i, uint64_t tag)
{
	if (b == head) {
		*m = with_tag(*m, i, tag);
		/* relaxed: SLOT puts it before the item (I3). */
		sync_store_relaxed(&b->ctl, *m | DEMUX_LOCKED);
	} else {
		/* relaxed: only we store it (I1); as above. */
		sync_store_relaxed(
		    &b->ctl, with_tag(sync_load_relaxed(&b->ctl), i, tag));
	}
}

static uint64_t
get_tag(const struct demux_bucket *head, uint64_t m,
    const struct demux_bucket *b, unsigned i)
{
	/* relaxed: only the holder of the lock stores it (I1). */
	return tag_at(b == head ? m : sync_load_relaxed(&b->ctl), i);
}

/* COMMIT of every change. */
static void
set_slot(struct demux_bucket *b, unsigned i, void *to)
{
	SYNC_POINT("demux_set_slot");
	/* SLOT release: pairs with the loads in demux_lookup_chain. */
	sync_store_release(&b->slot[i], to);
}

static void
note_length(struct demux_table *t, size_t length)
{
	/* relaxed: these are numbers for people. */
	size_t longest = sync_load_relaxed(&t->longest);

	/* relaxed: as above. */
	sync_fetch_add_relaxed(&t->overflow, 1);
	/* relaxed: as above. */
	while (longest < length &&
	       !sync_cas_relaxed(&t->longest, &longest, length))
		;
}

int
demux_put(struct demux_table *t, struct demux_bucket *head, uint64_t *m,
    uint64_t tag, void *item, struct demux_spares *spares)
{
	struct demux_bucket *b = head, *next;
	struct demux_node *node = spares->first;
	size_t length = 1;

	for (;; b = next, length++) {
		for (unsigned i = 0; i < DEMUX_SLOTS; i++) {
			/* relaxed: the lock orders it (I1). */
			if (sync_load_relaxed(&b->slot[i]) != NULL)
				continue;
			set_tag(head, m, b, i, tag);
			set_slot(b, i, item);
			return 0;
		}
		next = demux_chain_next(b);
		if (next == NULL)
			break;
	}
	if (node == NULL)
		return -ENOBUFS;
	spares->first = node->next;
	/* relaxed: the lock orders it (I1). */
	sync_init(&node->bucket.slot[0], sync_load_relaxed(&b->slot[LAST]));
	sync_init(&node->bucket.slot[1], item);
	sync_init(&node->bucket.ctl,
	    with_tag(with_tag(0, 0, get_tag(head, *m, b, LAST)), 1, tag));
	set_slot(b, LAST, (char *)node + DEMUX_LINK);
	set_tag(head, m, b, LAST, 0);
	note_length(t, length);
	return 0;
}

bool
demux_clear(struct demux_bucket *head, uint64_t *m, void *item)
{
	for (struct demux_bucket *b = head; b != NULL; b = demux_chain_next(b))
		for (unsigned i = 0; i < DEMUX_SLOTS; i++) {
			/* relaxed: the lock orders it (I1). */
			if (sync_load_relaxed(&b->slot[i]) != item)
				continue;
			set_slot(b, i, NULL);
			set_tag(head, m, b, i, 0);
			return true;
		}
	return false;
}

static unsigned
bucket_used(const struct demux_bucket *b, unsigned *which)
{
	unsigned n = 0;

	for (unsigned i = 0; i < DEMUX_SLOTS; i++)
		/* relaxed: the lock orders it (I1). */
		if (sync_load_relaxed(&b->slot[i]) != NULL) {
			*which = i;
			n++;
		}
	return n;
}

static void
node_free(struct pserialize_head *head)
{
	port_free((char *)head - offsetof(struct demux_node, retire));
}

/*
 * Take the last node out of the chain if at most one item is in it; not if the
 * next insert would need it again.  Returns: true if that was done.
 */
static bool
shorten(struct place *at)
{
	struct demux_bucket *b = at->head, *last = demux_chain_next(b), *next;
	unsigned which = 0;
	void *only = NULL;

	if (last == NULL || bucket_used(at->head, &which) > DEMUX_SLOTS - 2)
		return false;
	while ((next = demux_chain_next(last)) != NULL) {
		b = last;
		last = next;
	}
	switch (bucket_used(last, &which)) {
	case 0:
		break;
	case 1:
		/* relaxed: the lock orders it (I1). */
		only = sync_load_relaxed(&last->slot[which]);
		set_tag(at->head, &at->ctl, b, LAST,
		    get_tag(at->head, at->ctl, last, which));
		break;
	default:
		return false;
	}
	set_slot(b, LAST, only);
	/* relaxed: a number for people. */
	sync_fetch_add_relaxed(&at->table->overflow, (size_t)-1);
	pserialize_call(&((struct demux_node *)last)->retire, node_free);
	return true;
}

int
demux_spares_get(struct demux_spares *spares)
{
	struct demux_node *node = demux_alloc(sizeof(*node));

	if (node == NULL)
		return -ENOMEM;
	node->next = spares->first;
	spares->first = node;
	return 0;
}

void
demux_spares_put(struct demux_spares *spares)
{
	while (spares->first != NULL) {
		struct demux_node *node = spares->first;

		spares->first = node->next;
		if (PORT_BY_CPU && pserialize_in_any_section())
			pserialize_call(&node->retire, node_free);
		else
			port_free(node);
	}
}

/* Lock the bucket where key is or would be.  Context: reader section. */
static struct place
place_lock(struct demux *d, const void *key)
{
	/* ROOT acquire: pairs with the release in migrate.c. */
	struct demux_table *t = sync_load_acquire(&d->root);
	struct place at;

	for (;;) {
		const uint64_t h = d->hash(key, d->key_size, t->seed);

		at.table = t;
		at.head = demux_at(t, h);
		at.tag = demux_tag(h);
		at.ctl = demux_lock(at.head);
		if ((at.ctl & DEMUX_MOVED) == 0)
			return at;
		/* NEXT acquire: pairs with the release in migrate.c. */
		t = sync_load_acquire(&t->next);
	}
}

static void *
place_find(const struct demux *d, const struct place *at, const void *key)
{
	return demux_lookup_chain(d, at->head, at->ctl, at->tag, key, d->equal);
}

/*
 * Threads have stacks of their own, so the address of a variable spreads them
 * over the shards well enough.  Returns: true if all shards are worth a look.
 */
static bool
count_add(struct demux *d, uint64_t n)
{
	const uint64_t where = (uint64_t)(uintptr_t)&n >> 14;
	const uint64_t i = where * UINT64_C(0x9e3779b97f4a7c15) >> 60;

	/* relaxed: a count orders nothing. */
	n += sync_fetch_add_relaxed(&d->writers->count[i % DEMUX_SHARDS].n, n);
	return n % COUNT_PERIOD == 0;
}

static int
try_insert(
    struct demux *d, void *item, struct demux_spares *spares, void **other)
{
	const void *key = demux_key(d, item);
	struct place at = place_lock(d, key);
	int r = -EEXIST;

	*other = place_find(d, &at, key);
	if (*other == NULL)
		r = demux_put(at.table, at.head, &at.ctl, at.tag, item, spares);
	demux_unlock(at.head, at.ctl);
	return r;
}

/* With -EEXIST, *other is valid if the caller is in a section. */
static int
insert(struct demux *d, void *item, void **other)
{
	struct demux_spares spares = {NULL};
	bool full = false;
	int r;

	SYNC_ASSERT(item != NULL && !demux_is_link(item));
	(void)demux_migrate_some(d, HELP);
	for (;;) {
		const uint64_t s = pserialize_read_enter();

		r = try_insert(d, item, &spares, other);
		pserialize_read_exit(s);
		if (r != -ENOBUFS)
			break;
		full = true;
		r = demux_spares_get(&spares);
		if (r != 0)
			break;
	}
	demux_spares_put(&spares);
	if (r == 0 && (count_add(d, 1) || full))
		demux_migrate_grow(d);
	return r;
}

int
demux_insert(struct demux *d, void *item)
{
	void *other;

	return insert(d, item, &other);
}

int
demux_lookup_or_insert(struct demux *d, void *item, void **out)
{
	void *other;
	int r;

	SYNC_ASSERT(pserialize_in_read_section());
	r = insert(d, item, &other);
	if (r == 0)
		*out = item;
	else if (r == -EEXIST)
		*out = other;
	return r == -EEXIST ? 0 : r;
}

int
demux_replace(struct demux *d, void *old, void *item)
{
	const uint64_t s = pserialize_read_enter();
	const void *key = demux_key(d, item);
	struct place at = place_lock(d, key);
	int r = -ENOENT;

	SYNC_ASSERT(d->equal(demux_key(d, old), key, d->key_size));
	SYNC_ASSERT(item != NULL && !demux_is_link(item));
	for (struct demux_bucket *b = at.head; r != 0 && b != NULL;
	     b = demux_chain_next(b))
		for (unsigned i = 0; r != 0 && i < DEMUX_SLOTS; i++)
			/* relaxed: the lock orders it (I1). */
			if (sync_load_relaxed(&b->slot[i]) == old) {
				set_slot(b, i, item);
				r = 0;
			}
	demux_unlock(at.head, at.ctl);
	pserialize_read_exit(s);
	return r;
}

int
demux_remove(struct demux *d, void *item)
{
	const uint64_t s = pserialize_read_enter();
	struct place at = place_lock(d, demux_key(d, item));
	const bool found = demux_clear(at.head, &at.ctl, item);

	while (found && shorten(&at))
		;
	demux_unlock(at.head, at.ctl);
	pserialize_read_exit(s);
	if (!found)
		return -ENOENT;
	(void)count_add(d, (uint64_t)-1);
	return 0;
}

void *
demux_lookup(const struct demux *d, const void *key)
{
	return demux_lookup_with(d, key, d->hash, d->equal);
}

size_t
demux_lookup_bulk(
    const struct demux *d, const void *const keys[], size_t n, void *items[])
{
	return demux_lookup_bulk_with(d, keys, n, items, d->hash, d->equal);
}

size_t
demux_count(const struct demux *d)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DEMUX_SHARDS; i++)
		/* relaxed: a count orders nothing. */
		sum += sync_load_relaxed(&d->writers->count[i].n);
	/* Less than none: a remove was counted before its insert. */
	return (int64_t)sum < 0 ? 0 : (size_t)sum;
}

static int
walk_chain(const struct demux_bucket *b, demux_walk_fn *fn, void *arg)
{
	while (b != NULL) {
		char *last, *p;

		/* Once: what it refers to has all that it had (I4).
		 * SLOT acquire: pairs with the stores in set_slot. */
		last = sync_load_acquire(&b->slot[LAST]);
		for (unsigned i = 0; i < DEMUX_SLOTS; i++) {
			int r;

			/* SLOT acquire: pairs with the stores in set_slot. */
			p = i == LAST ? last : sync_load_acquire(&b->slot[i]);
			if (p == NULL || demux_is_link(p))
				continue;
			r = fn(p, arg);
			if (r != 0)
				return r;
		}
		b = demux_is_link(last) ? (void *)(last - DEMUX_LINK) : NULL;
	}
	return 0;
}

int
demux_walk(struct demux *d, demux_walk_fn *fn, void *arg)
{
	struct demux_table *t;
	int r;

	SYNC_ASSERT(!pserialize_in_read_section());
	port_mutex_lock(&d->writers->move);
	r = demux_migrate_end(d);
	/* ROOT acquire: pairs with the release in migrate.c; it stays. */
	t = sync_load_acquire(&d->root);
	for (uint64_t i = 0; r == 0 && i <= t->mask; i++) {
		const uint64_t s = pserialize_read_enter();

		r = walk_chain(&t->bucket[i], fn, arg);
		pserialize_read_exit(s);
	}
	port_mutex_unlock(&d->writers->move);
	return r;
}

void
demux_stats(const struct demux *d, struct demux_stats *out)
{
	const uint64_t s = pserialize_read_enter();
	/* ROOT acquire: pairs with the release in migrate.c. */
	const struct demux_table *t = sync_load_acquire(&d->root);

	out->items = demux_count(d);
	out->buckets = (size_t)t->mask + 1;
	/* relaxed: these are numbers for people. */
	out->overflow = sync_load_relaxed(&t->overflow);
	out->longest = sync_load_relaxed(&t->longest);
	out->moves = sync_load_relaxed(&d->writers->moves);
	out->failures = sync_load_relaxed(&d->writers->failures);
	out->moving = sync_load_relaxed(&t->next) != NULL;
	pserialize_read_exit(s);
}

bool
demux_migrate(struct demux *d, size_t buckets)
{
	return demux_migrate_some(d, buckets) != 0;
}

int
demux_resize(struct demux *d, size_t items)
{
	const uint64_t buckets = demux_migrate_buckets(items);

	return buckets == 0 ? -EINVAL : demux_migrate_to(d, buckets, NULL);
}

int
demux_rehash(struct demux *d, const uint64_t seed[2])
{
	return demux_migrate_to(d, 0, seed);
}

int
demux_create(const struct demux_config *cfg, struct demux **out)
{
	const uint64_t buckets = demux_migrate_buckets(cfg->items);
	struct demux_table *t;
	struct demux *d;

	if (cfg->key_size == 0 || buckets == 0)
		return -EINVAL;
	d = port_alloc(sizeof(*d));
	if (d == NULL)
		return -ENOMEM;
	d->writers = port_alloc(sizeof(*d->writers));
	if (d->writers == NULL)
		goto free_d;
	t = demux_migrate_table(buckets, cfg->seed);
	if (t == NULL)
		goto free_writers;
	sync_init(&d->root, t);
	d->key_offset = cfg->key_offset;
	d->key_size = cfg->key_size;
	d->hash = cfg->hash != NULL ? cfg->hash : demux_hash_siphash13;
	d->equal = cfg->equal != NULL ? cfg->equal : demux_equal_bytes;
	*out = d;
	return 0;

free_writers:
	port_free(d->writers);
free_d:
	port_free(d);
	return -ENOMEM;
}

void
demux_destroy(struct demux *d)
{
	/* relaxed: the caller has stopped all users. */
	struct demux_table *t = sync_load_relaxed(&d->root);
	/* relaxed: as above. */
	struct demux_table *next = sync_load_relaxed(&t->next);

	if (next != NULL)
		demux_migrate_free(next);
	demux_migrate_free(t);
	port_free(d->writers);
	port_free(d);
}
