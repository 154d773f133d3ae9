/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PERCPU_POOL_IMPL_H
#define LIBSYNC_PERCPU_POOL_IMPL_H

/* What the sources of the pool share; the algorithm is explained in pool.c. */

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/percpu/pool.h"
#include "libsync/port/port.h"
#include "libsync/pserialize/pserialize.h"

#define PERCPU_POOL_INDEX_BITS 26

/*
 * In front of each object.  Objects are chained by next; the link of the first
 * one speaks for the chain.
 * [o] whoever owns the object or the chain  [a] atomic  [c] constant
 */
struct percpu_pool_link {
	struct percpu_pool_link *next; /* [o] in the chain */
	SYNC_ATOMIC(uint64_t) cookie;  /* [a] of the chain: its grace */
	SYNC_ATOMIC(uint32_t) below;   /* [a] next chain in the depot */
	uint32_t n : 6;                /* [o] objects in the chain */
	uint32_t self : PERCPU_POOL_INDEX_BITS; /* [c] index, from 1 */
};

_Static_assert(PERCPU_POOL_MAGAZINE_MAX < 1U << 6, "fits n");
_Static_assert(PERCPU_POOL_OBJECTS_MAX < 1U << PERCPU_POOL_INDEX_BITS, "self");

struct percpu_pool_magazine {
	struct percpu_pool_link *first; /* [o] */
	unsigned n;                     /* [o] */
};

enum {
	PERCPU_POOL_LOADED, /* objects come from it */
	PERCPU_POOL_SPARE   /* full or empty; with grace: objects go into it */
};

/*
 * What a thread has of one pool.
 * [o] its thread only  [a] written by its thread only  [r] registry mutex
 */
struct percpu_pool_cache {
	struct percpu_pool *pool;                /* [o][r] NULL: not in use */
	struct percpu_pool_magazine magazine[2]; /* [o] */
	SYNC_ATOMIC(uint64_t) allocs;            /* [a] */
	SYNC_ATOMIC(uint64_t) frees;             /* [a] */
} __attribute__((aligned(SYNC_CACHELINE)));

/* What a thread has of all pools.  [o] its thread only  [r] registry mutex */
struct percpu_pool_local {
	unsigned n;                              /* [o][r] of cache */
	bool registered;                         /* [o] */
	struct percpu_pool_cache *cache;         /* [o][r] by the pool's id */
	struct percpu_pool_local *next, **prevp; /* [r] */
} PORT_LOCAL_LINES;

/* A stack of chains.  [a] tag << PERCPU_POOL_INDEX_BITS | index of the top */
struct percpu_pool_stack {
	SYNC_ATOMIC(uint64_t) head;
} __attribute__((aligned(SYNC_CACHELINE)));

#define PERCPU_POOL_SLABS 96
#define PERCPU_POOL_AGES  4

/* [c] constant  [a] atomic  [g] grow  [r] registry mutex */
struct percpu_pool {
	unsigned id;                   /* [c] */
	unsigned to;                   /* [c] the magazine that frees go to */
	unsigned magazine;             /* [c] */
	unsigned first_shift;          /* [c] objects of the first slab */
	size_t stride;                 /* [c] from object to object */
	size_t lead;                   /* [c] to the first object's link */
	struct percpu_pool_config cfg; /* [c] */

	struct percpu_pool_stack ready; /* [a] may be handed out */
	struct percpu_pool_stack aging[PERCPU_POOL_AGES]; /* [a] with grace */
	SYNC_ATOMIC(uint64_t) newest;          /* [a] cookie, about */
	SYNC_ATOMIC(uint32_t) loads;           /* [a] chains taken */
	SYNC_ATOMIC(uint64_t) allocs, frees;   /* [a] of no thread here */
	SYNC_ATOMIC(uint64_t) failures, waits; /* [a] */

	/* In kernels, for those who must not sleep. */
	SYNC_ATOMIC(uint32_t) asked; /* [a] the reclaimer has the call */
	struct pserialize_head call; /* of who changed asked */

	struct port_mutex grow;
	SYNC_ATOMIC(uint32_t) made;    /* [a][g] objects */
	char *slab[PERCPU_POOL_SLABS]; /* [g] constant once set */
	struct percpu_pool *next;      /* [r] */
	bool forked;                   /* [r] objects may have been lost */
	uint64_t lost;                 /* [r] */
};

static inline bool
percpu_pool_is_full(const struct percpu_pool *p, unsigned n)
{
	return n == p->magazine;
}

/* Depot (pool_depot.c).  Context: any thread. */

/* The link with this index.  Wait-free. */
struct percpu_pool_link *percpu_pool_at(
    const struct percpu_pool *p, uint32_t index);

/* Hand a chain to all threads: at once, or after its grace.  Lock-free. */
void percpu_pool_put_ready(
    struct percpu_pool *p, const struct percpu_pool_magazine *m);
void percpu_pool_put_freed(
    struct percpu_pool *p, const struct percpu_pool_magazine *m);

/*
 * Take a chain from the depot, or make one if may_grow.
 * Context: in kernels, with may_grow, a thread that may sleep.
 * Returns: false if there is none.
 */
bool percpu_pool_take(
    struct percpu_pool *p, bool may_grow, struct percpu_pool_magazine *out);

/* Context: control thread, nobody else uses the pool. */
void percpu_pool_free_slabs(struct percpu_pool *p);

/* Threads (pool_local.c). */

extern PORT_LOCAL(struct percpu_pool_local, percpu_pool_self);

/* The calling reader's cache, or NULL. */
static inline struct percpu_pool_cache *
percpu_pool_cache(const struct percpu_pool *p)
{
	struct percpu_pool_local *self = port_local(percpu_pool_self);

	if (__builtin_expect(
		p->id < self->n && self->cache[p->id].pool == p, 1))
		return &self->cache[p->id];
	return NULL;
}

/* Give it one.  Returns: NULL if there is no memory. */
struct percpu_pool_cache *percpu_pool_join(struct percpu_pool *p);

/* Empty a cache into the depot.  Context: its thread. */
void percpu_pool_empty(struct percpu_pool_cache *c);

/* Put a pool on the list of pools and give it an id, and the reverse. */
void percpu_pool_enlist(struct percpu_pool *p);
void percpu_pool_delist(struct percpu_pool *p);

#endif /* LIBSYNC_PERCPU_POOL_IMPL_H */
