/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_DEMUX_DEMUX_IMPL_H
#define LIBSYNC_DEMUX_DEMUX_IMPL_H

/* What demux.c, which is explained first, and migrate.c share. */

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/base/point.h"
#include "libsync/demux/demux.h"
#include "libsync/port/port.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"

#define DEMUX_SHARDS 16u
#define DEMUX_LOAD   4u /* items per bucket from which a table grows */

/* A simulator, which counts every step, wants fewer. */
#ifndef DEMUX_BUCKETS_MIN
#define DEMUX_BUCKETS_MIN 16u
#endif

/* A chained bucket.  [o] owner: whoever has it as a spare */
struct demux_node {
	struct demux_bucket bucket;
	struct pserialize_head retire;
	struct demux_node *next; /* [o] */
};

struct demux_shard {
	SYNC_ATOMIC(uint64_t) n; /* [a] only the sum means something */
} __attribute__((aligned(SYNC_CACHELINE)));

/* [a] atomic  [m] under move */
struct demux_writers {
	struct port_mutex move;         /* who starts one, and who walks */
	SYNC_ATOMIC(uint64_t) moves;    /* [a] */
	SYNC_ATOMIC(uint64_t) failures; /* [a] */
	struct demux_shard count[DEMUX_SHARDS];
};

/*
 * Chained buckets at hand: they are allocated with no bucket locked, so a
 * step that needs one more than there are returns -ENOBUFS and begins again.
 */
struct demux_spares {
	struct demux_node *first;
};

/*
 * Lock b, unless its items have moved on.
 * Context: writer; blocks while another writer has it.
 * Returns: its ctl; the caller holds the lock if DEMUX_MOVED is not in it.
 */
uint64_t demux_lock(struct demux_bucket *b);

/* End it, with ctl without DEMUX_LOCKED. */
void demux_unlock(struct demux_bucket *b, uint64_t ctl);

/*
 * Put item into the chain of head, where no equal one is.
 * Context: the holder of head, whose ctl is *m and changes with it.
 * Returns: 0 or -ENOBUFS.
 */
int demux_put(struct demux_table *t, struct demux_bucket *head, uint64_t *m,
    uint64_t tag, void *item, struct demux_spares *spares);

/*
 * Clear the slot of item in the chain of head.
 * Context: as for demux_put().
 * Returns: false if it is not there.
 */
bool demux_clear(struct demux_bucket *head, uint64_t *m, void *item);

/* One more spare.  Returns: 0 or -ENOMEM. */
int demux_spares_get(struct demux_spares *spares);

/* Free them. */
void demux_spares_put(struct demux_spares *spares);

/* The next bucket of b's chain, or NULL, for the holder of the chain. */
struct demux_bucket *demux_chain_next(struct demux_bucket *b);

/* The buckets for so many items.  Returns: 0 if that is out of range. */
uint64_t demux_migrate_buckets(size_t items);

/* A table without items.  Returns: NULL for want of memory. */
struct demux_table *demux_migrate_table(
    uint64_t buckets, const uint64_t seed[2]);

/* Free it. */
void demux_migrate_free(struct demux_table *t);

/* Begin to grow if the table is full, memory allows and nobody minds. */
void demux_migrate_grow(struct demux *d);

/*
 * Move up to so many buckets.
 * Returns: 1 if there is more to do, 0 if not, or -ENOMEM.
 */
int demux_migrate_some(struct demux *d, size_t buckets);

/*
 * End the move that is under way.
 * Context: the holder of the move mutex, not in a section.
 * Returns: 0 or -ENOMEM.
 */
int demux_migrate_end(struct demux *d);

/*
 * Move all to a table with so many buckets, or 0 for as many as now, and this
 * seed, or NULL for the same.
 * Context: control thread, not in a section; sleeps.
 * Returns: 0 or -ENOMEM.
 */
int demux_migrate_to(struct demux *d, uint64_t buckets, const uint64_t seed[2]);

static inline struct demux_bucket *
demux_at(struct demux_table *t, uint64_t hash)
{
	return &t->bucket[hash & t->mask];
}

static inline const void *
demux_key(const struct demux *d, const void *item)
{
	return (const char *)item + d->key_offset;
}

static inline uint64_t
demux_hash_of(
    const struct demux *d, const struct demux_table *t, const void *item)
{
	return d->hash(demux_key(d, item), d->key_size, t->seed);
}

/* Memory, also for a caller who must not sleep in its section. */
static inline void *
demux_alloc(size_t size)
{
	return pserialize_in_any_section() ? port_alloc_now(size)
					   : port_alloc(size);
}

#endif /* LIBSYNC_DEMUX_DEMUX_IMPL_H */
