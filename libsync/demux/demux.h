/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_DEMUX_DEMUX_H
#define LIBSYNC_DEMUX_DEMUX_H

/*
 * A hash table of items with unique keys, for exact match at packet rate:
 * connections by 5-tuple, neighbours by address, fragments by datagram.
 * Readers take no lock, write nothing that is shared and never wait, also
 * while the table grows.  Writers on different buckets run in parallel.
 *
 * An item is any object of the caller that has its key at a fixed offset; the
 * key does not change while the item is in the table.  The table holds
 * pointers, and nothing inside the item.  Use radix_lf for longest match.
 *
 * What may run together ("-" yes, "X" the caller must prevent it):
 *
 *                           lookup  insert, replace,  resize,  destroy
 *                                   remove, migrate    walk
 *   lookup                     -           -             -        X
 *   insert, replace, remove,   -           -             -        X
 *   migrate
 *   resize, rehash, walk       -           -         - (waits)    X
 *
 * What is promised:
 *   - lookup, insert, replace and remove are linearizable.  An item that is in
 *     the table during the whole of a lookup is found by it;
 *   - no two items with equal keys are ever in the table;
 *   - between the old and the new item of a replace there is no gap.
 *
 * An item that was removed or replaced may be read until the read sections
 * that were open have ended: free it by pserialize_call() or after
 * pserialize_perform().  It may be inserted again at once, as long as its key
 * stays the same.
 *
 * A caller that looks for several keys in turn (connection, then listener)
 * does that in one read section, and so gets no item that is gone.
 */

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/base/point.h"
#include "libsync/demux/hash.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Equality of two keys of size bytes. */
typedef bool demux_equal_fn(const void *a, const void *b, size_t size);

/* Called by demux_walk() for each item; not 0 ends the walk. */
typedef int demux_walk_fn(void *item, void *arg);

struct demux_config {
	size_t key_offset;     /* of the key in an item */
	size_t key_size;       /* in bytes, not 0; given to hash and equal */
	demux_hash_fn *hash;   /* NULL: demux_hash_siphash13 */
	demux_equal_fn *equal; /* NULL: the bytes are compared */
	uint64_t seed[2]; /* for hash; a secret where keys come from afar */
	size_t items;     /* make room for so many at once; 0: few */
};

struct demux_stats {
	size_t items;      /* exact when no writer is at work */
	size_t buckets;    /* of the table that readers begin with */
	size_t overflow;   /* buckets chained to those */
	size_t longest;    /* most ever chained to one of them */
	uint64_t moves;    /* to another table: growth, resize, rehash */
	uint64_t failures; /* growth put off because there was no memory */
	bool moving;       /* right now */
};

/*
 * Private to this module, here for the inline functions below.
 *
 * ctl: DEMUX_LOCKED, DEMUX_MOVED, and from bit 8 one tag for each slot: 8 bits
 * of the hash of the item there, not 0.  A slot is NULL, an item, or, the last
 * one, the next bucket of the chain plus DEMUX_LINK.
 */
#define DEMUX_LOCKED   ((uint64_t)1)
#define DEMUX_MOVED    ((uint64_t)2)
#define DEMUX_SLOTS    7u
#define DEMUX_LINK     1
#define DEMUX_TAG_LAST ((uint64_t)0xff << 56)

/* [a] atomic, stored by the holder of DEMUX_LOCKED */
struct demux_bucket {
	SYNC_ATOMIC(uint64_t) ctl;             /* [a] */
	SYNC_ATOMIC(void *) slot[DEMUX_SLOTS]; /* [a] */
} __attribute__((aligned(SYNC_CACHELINE)));

struct demux_writers;

/* Private.  [c] constant  [a] atomic.  The first line is the readers'. */
struct demux_table {
	uint64_t mask;                          /* [c] buckets - 1 */
	uint64_t seed[2];                       /* [c] */
	struct demux_bucket *bucket;            /* [c] behind this structure */
	SYNC_ATOMIC(struct demux_table *) next; /* [a] where it moves to */

	SYNC_ATOMIC(uint64_t)
	cursor /* [a] the next bucket to be moved */
	    __attribute__((aligned(SYNC_CACHELINE)));
	SYNC_ATOMIC(uint64_t) left;    /* [a] buckets not moved yet */
	SYNC_ATOMIC(size_t) overflow;  /* [a] chained buckets */
	SYNC_ATOMIC(size_t) longest;   /* [a] */
	struct pserialize_head retire; /* [c] */
};

/* Private.  [c] constant  [a] atomic */
struct demux {
	SYNC_ATOMIC(struct demux_table *) root; /* [a] */
	size_t key_offset;                      /* [c] */
	size_t key_size;                        /* [c] */
	demux_hash_fn *hash;                    /* [c] */
	demux_equal_fn *equal;                  /* [c] */
	struct demux_writers *writers;          /* [c] */
};

/*
 * Make an empty table.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller owns *out until demux_destroy().
 * Returns: 0, or -EINVAL (key_size is 0 or items is out of range) or -ENOMEM
 *          with *out untouched.
 */
int demux_create(const struct demux_config *cfg, struct demux **out);

/*
 * Free the table.
 * Context: control thread, after all users have stopped; never sleeps.
 * Owner:   items that are still in it are the caller's again.
 */
void demux_destroy(struct demux *d);

/* Private: the slots of a bucket that may hold tag, as bits 8 * slot + 15. */
static inline uint64_t
demux_match(uint64_t ctl, uint64_t tag)
{
	const uint64_t low = UINT64_C(0x0101010101010101);
	const uint64_t x = ctl ^ (tag * low);

	/* A borrow may add a slot, which the comparison of keys then drops. */
	return (x - low) & ~x & (low << 7) & ~(uint64_t)0xff;
}

/* Private: the tag of an item with this hash. */
static inline uint64_t
demux_tag(uint64_t hash)
{
	const uint64_t tag = hash >> 56;

	return tag + (tag == 0);
}

static inline bool
demux_is_link(const void *slot)
{
	return ((uintptr_t)slot & DEMUX_LINK) != 0;
}

/* Equality of bytes, what equal is when the configuration has none. */
static inline bool
demux_equal_bytes(const void *a, const void *b, size_t size)
{
	const unsigned char *p = (const unsigned char *)a;
	const unsigned char *q = (const unsigned char *)b;
	uint64_t x, y;

	for (; size >= sizeof(x); size -= sizeof(x)) {
		__builtin_memcpy(&x, p, sizeof(x));
		__builtin_memcpy(&y, q, sizeof(y));
		if (x != y)
			return false;
		p += sizeof(x);
		q += sizeof(y);
	}
	for (; size > 0; size--)
		if (*p++ != *q++)
			return false;
	return true;
}

/* Private: look for key in the chain that begins with b, whose ctl was m. */
static inline __attribute__((always_inline)) void *
demux_lookup_chain(const struct demux *d, const struct demux_bucket *b,
    uint64_t m, uint64_t tag, const void *key, demux_equal_fn *equal)
{
	for (;;) {
		/* Without the last slot: that may be a link. */
		uint64_t x = demux_match(m, tag) & ~DEMUX_TAG_LAST;
		char *p;

		for (; x != 0; x &= x - 1) {
			const int i = __builtin_ctzll(x) / 8 - 1;

			SYNC_POINT("demux_lookup_slot");
			/* SLOT acquire: pairs with the stores in demux.c. */
			p = (char *)sync_load_acquire(&b->slot[i]);
			if (p != NULL &&
			    equal(p + d->key_offset, key, d->key_size))
				return p;
		}
		SYNC_POINT("demux_lookup_last");
		/* SLOT acquire: pairs with the stores in demux.c. */
		p = (char *)sync_load_acquire(&b->slot[DEMUX_SLOTS - 1]);
		if (__builtin_expect(!demux_is_link(p), 1)) {
			x = m & DEMUX_TAG_LAST;
			/* Without a tag: it came out of the chain since. */
			if (__builtin_expect(p != NULL, 0) &&
			    (x == tag << 56 || x == 0) &&
			    equal(p + d->key_offset, key, d->key_size))
				return p;
			return NULL;
		}
		b = (const struct demux_bucket *)(void *)(p - DEMUX_LINK);
		/* relaxed: as new as the link, which SLOT orders (I5). */
		m = sync_load_relaxed(&b->ctl);
	}
}

/*
 * demux_lookup() with the table's own functions in place: hash and equal are
 * those that it was created with, and the compiler builds them in.
 */
static inline __attribute__((always_inline)) void *
demux_lookup_with(const struct demux *d, const void *key, demux_hash_fn *hash,
    demux_equal_fn *equal)
{
	const struct demux_table *t;

	SYNC_ASSERT(pserialize_in_read_section());
	/* ROOT acquire: pairs with the release in migrate.c. */
	t = sync_load_acquire(&d->root);
	for (;;) {
		const uint64_t h = hash(key, d->key_size, t->seed);
		const struct demux_bucket *b = &t->bucket[h & t->mask];
		/* MOVED acquire: pairs with the release in migrate.c. */
		const uint64_t m = sync_load_acquire(&b->ctl);

		if (__builtin_expect((m & DEMUX_MOVED) == 0, 1))
			return demux_lookup_chain(
			    d, b, m, demux_tag(h), key, equal);
		/* NEXT acquire: pairs with the release in migrate.c. */
		t = sync_load_acquire(&t->next);
	}
}

/* Private: where a key of a group is to be looked for. */
struct demux_probe {
	const struct demux_bucket *bucket;
	uint64_t hash;
};

#define DEMUX_BULK 16u

/* Private: up to DEMUX_BULK lookups, each step for all keys. */
static inline __attribute__((always_inline)) size_t
demux_lookup_group(const struct demux *d, const void *const keys[], size_t n,
    void *items[], demux_hash_fn *hash, demux_equal_fn *equal)
{
	/* ROOT acquire: pairs with the release in migrate.c. */
	const struct demux_table *t = sync_load_acquire(&d->root);
	struct demux_probe probe[DEMUX_BULK];
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		probe[i].hash = hash(keys[i], d->key_size, t->seed);
		probe[i].bucket = &t->bucket[probe[i].hash & t->mask];
		__builtin_prefetch(probe[i].bucket);
	}
	for (size_t i = 0; i < n; i++) {
		const struct demux_bucket *b = probe[i].bucket;
		/* relaxed: a hint; the lookup below is what counts. */
		const uint64_t m = sync_load_relaxed(&b->ctl);
		const uint64_t x = demux_match(m, demux_tag(probe[i].hash));

		if (x != 0) {
			/* relaxed: as above; only an address to fetch. */
			const uintptr_t p = (uintptr_t)sync_load_relaxed(
			    &b->slot[__builtin_ctzll(x) / 8 - 1]);

			__builtin_prefetch((void *)(p + d->key_offset));
		}
	}
	for (size_t i = 0; i < n; i++) {
		const struct demux_bucket *b = probe[i].bucket;
		/* MOVED acquire: pairs with the release in migrate.c. */
		const uint64_t m = sync_load_acquire(&b->ctl);

		if (__builtin_expect((m & DEMUX_MOVED) == 0, 1))
			items[i] = demux_lookup_chain(
			    d, b, m, demux_tag(probe[i].hash), keys[i], equal);
		else
			items[i] = demux_lookup_with(d, keys[i], hash, equal);
		found += items[i] != NULL;
	}
	return found;
}

/* demux_lookup_bulk() as demux_lookup_with(). */
static inline __attribute__((always_inline)) size_t
demux_lookup_bulk_with(const struct demux *d, const void *const keys[],
    size_t n, void *items[], demux_hash_fn *hash, demux_equal_fn *equal)
{
	size_t found = 0;

	SYNC_ASSERT(pserialize_in_read_section());
	for (size_t i = 0; i < n; i += DEMUX_BULK)
		found += demux_lookup_group(d, keys + i,
		    n - i < DEMUX_BULK ? n - i : DEMUX_BULK, items + i, hash,
		    equal);
	return found;
}

/*
 * Find the item with this key.
 * Context: reader section; never sleeps; wait-free, but for one more step for
 *          each time that the whole table is moved meanwhile.
 * Order:   what was done before the insert or replace of an item happens
 *          before whatever the caller does with it.
 * Owner:   the item is valid until the section ends.
 * Returns: NULL if there is none.
 */
void *demux_lookup(const struct demux *d, const void *key);

/*
 * Find the items with the n keys, as n calls of demux_lookup() would, but
 * fetching their memory at the same time.
 * Context: as for demux_lookup().
 * Owner:   items[i] is the one for keys[i] or NULL, valid until the section
 *          ends.
 * Returns: how many were found, 0 to n.
 */
size_t demux_lookup_bulk(
    const struct demux *d, const void *const keys[], size_t n, void *items[]);

/*
 * Add item unless there is one with its key.
 * Context: any thread, not a signal handler; may sleep (allocates when a
 *          bucket is full); blocks while another writer is at work in the
 *          same bucket.
 * Order:   as for demux_lookup().
 * Owner:   the item stays the caller's, and in the table until it is removed.
 * Returns: 0, or -EEXIST or -ENOMEM with nothing changed.
 */
int demux_insert(struct demux *d, void *item);

/*
 * Add item, or find the one that has its key.
 * Context: reader section; otherwise as for demux_insert().
 * Owner:   *out is item if that was added, else the other one, which is valid
 *          until the section ends.
 * Returns: 0, or -ENOMEM with nothing changed and *out untouched.
 */
int demux_lookup_or_insert(struct demux *d, void *item, void **out);

/*
 * Put item in the place of old, which has an equal key, in one step: every
 * lookup finds one of the two.
 * Context: any thread, not a signal handler; never sleeps; blocks as
 *          demux_insert().
 * Order:   as for demux_lookup().
 * Owner:   the caller may retire old after 0.
 * Returns: 0, or -ENOENT with nothing changed if old is not in the table.
 */
int demux_replace(struct demux *d, void *old, void *item);

/*
 * Take out item.
 * Context: as for demux_replace().
 * Owner:   the caller may retire item after 0; of several callers one gets 0.
 * Returns: 0, or -ENOENT with nothing changed if item is not in the table.
 */
int demux_remove(struct demux *d, void *item);

/*
 * Do a part of a move to another table, if there is one: that of so many
 * buckets.  Every insert does some; this is for threads with time to spare.
 * Context: any thread, not a signal handler; may sleep (allocates); blocks as
 *          demux_insert().
 * Returns: true if there is more to do.
 */
bool demux_migrate(struct demux *d, size_t buckets);

/*
 * Make the table as large as items need, or smaller; it also grows by itself.
 * Context: control thread, not in a section; may sleep (allocates, waits for
 *          a walk).
 * Returns: 0, or -ENOMEM, or -EINVAL if items is out of range: the table is
 *          as before, or goes on moving as writers come.
 */
int demux_resize(struct demux *d, size_t items);

/*
 * Move all items to a table with another seed: keys that were chosen to share
 * buckets then do so no more.  Lookups go on meanwhile.
 * Context: as for demux_resize().
 * Returns: as for demux_resize().
 */
int demux_rehash(struct demux *d, const uint64_t seed[2]);

/*
 * Call fn(item, arg) for the items in the table, each in a read section of its
 * bucket.  An item that is in the table during the whole walk is visited
 * exactly once; one that comes or goes meanwhile may or may not be, and one
 * that goes and comes again twice.  The table does not grow meanwhile.
 * fn may insert, replace and remove, but not resize, rehash or walk.
 * Context: control thread, not in a section; may sleep (waits for a resize or
 *          another walk; ends a move first, which may allocate).
 * Returns: 0, or what fn returned if that was not 0, or -ENOMEM before the
 *          first item.
 */
int demux_walk(struct demux *d, demux_walk_fn *fn, void *arg);

/*
 * Context: any thread; never sleeps; wait-free.
 * Returns: the number of items, exact when no writer is at work.
 */
size_t demux_count(const struct demux *d);

/*
 * Tell the shape of the table.  A longest chain that grows where the number of
 * items does not is the mark of keys chosen to collide: demux_rehash().
 * Context: any thread, not a signal handler; never sleeps.
 */
void demux_stats(const struct demux *d, struct demux_stats *out);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_DEMUX_DEMUX_H */
