/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_TABLE_IMPL_H
#define STACK_ROUTE_TABLE_IMPL_H

/* Shared by the files of this folder only. */

#include <string.h>

#include "libsync/lfqueue/mpsc.h"
#include "libsync/radix_lf/radix_lf.h"
#include "stack/nexthop/object.h"
#include "stack/nexthop/resolve.h"
#include "stack/route/arena.h"
#include "stack/route/change.h"
#include "stack/route/fib4.h"
#include "stack/route/fib6.h"
#include "stack/route/fib_small.h"
#include "stack/route/table.h"

/* What precedes a thing of which equal ones are made once.  [w] */
struct route_intern {
	struct route_intern *next; /* [w] of the same bucket */
	uint32_t hash;             /* [w] */
	uint32_t refs;             /* [w] */
};

/* The candidates of a prefix, the best first; shared by many prefixes. */
struct route_set {
	struct route_intern intern;  /* [w] refs: items */
	uint32_t id;                 /* [c] */
	uint32_t n;                  /* [c] */
	const struct route *route[]; /* [c] */
};

/*
 * A prefix in a tree: eight bytes for IPv4, twenty for IPv6.  The word has the
 * id of its set above PLEN_BITS bits of length.  [c] constant once published
 */
struct route_item {
	uint32_t word; /* [c] */
	uint8_t key[]; /* [c] of the family's length */
};

#define ROUTE_STORE_ARENA    ((size_t)4 << 30) /* addresses, not memory */
#define ROUTE_ITEM_PLEN_BITS 8
#define ROUTE_SETS_MAX       (1U << (32 - ROUTE_ITEM_PLEN_BITS))
#define ROUTE_CHUNK_BITS     12
#define ROUTE_CHUNK          (1U << ROUTE_CHUNK_BITS)

/* What an id stands for, or the next free id. */
union route_slot {
	struct route_set *set;
	uint32_t free;
};

struct route_index {
	struct route_intern **bucket; /* [w] */
	size_t nbuckets;              /* [w] a power of two */
	size_t n;                     /* [w] */
};

struct route_slab;
struct route_store;

/* Items that left a tree (retire.c).  [w] */
struct route_retired {
	struct pserialize_head grace;  /* the period of those before mark */
	struct lfqueue_mpsc_node link; /* on the store's returned, after it */
	bool asked;                    /* one of the two is in use */
	struct route_item **item;      /* a ring of room, a power of two */
	size_t head, mark, tail, room;
};

/* A larger ring is given back when it is empty. */
#define ROUTE_RETIRED_KEPT ((size_t)1 << 16)

struct route_table {
	struct route_store *store; /* [c] */
	struct radix_lf *tree;     /* [c] of struct route_item */
	struct route_txn *open;    /* [w] the transaction under way, or NULL */
	uint32_t number;           /* [c] */
	bool alone;                /* [c] the store is this table's */
	bool main;                 /* [c] compiled from its first route on */
	SYNC_ATOMIC(struct fib4 *) fib4; /* [a] the family's one; NULL: small */
	SYNC_ATOMIC(struct fib6 *) fib6; /* [a] or, without that, the tree */
	SYNC_ATOMIC(struct fib_small *) small; /* [a] of few prefixes */
	struct route_retired retired;          /* [w] */
};

/* One edit of the tree; either may be NULL, not both. */
struct route_edit {
	struct route_item *fresh, *old;
};

#define ROUTE_EDITS_INLINE 2

struct route_txn {
	struct route_table *table;
	struct radix_lf_txn *tree;
	struct fib4 *fib4;       /* what is being compiled; NULL: nothing */
	struct fib6 *fib6;       /* as above */
	struct fib_small *small; /* as above */
	bool prepared;           /* nothing is left that could fail */
	/* Around the prefix of the first edit. */
	const struct route_item *first_cover;
	bool first_has_longer;
	struct route_edit *log;
	size_t n, room;
	size_t nold; /* of the log */
	struct route_edit inlined[ROUTE_EDITS_INLINE];
};

/*
 * Memory of the tables of a stack and family.  [c] constant  [w] control mutex
 * [a] anybody  Slots of ids are written before an item with the id is
 * published, and again only when no reader can have such an item.
 */
struct route_store {
	struct route_change change;      /* [w] of what packets find */
	struct stack *stack;             /* [c] */
	enum netif_af af;                /* [c] */
	unsigned int bits;               /* [c] of an address */
	struct nexthop_groups *groups;   /* [c] that routes go by */
	struct nexthop_objects *objects; /* [c] that they may name; or NULL */
	struct route_index routes, sets; /* [w] */
	union route_slot
	    *slot[ROUTE_SETS_MAX / ROUTE_CHUNK]; /* [w] see above */
	uint32_t nsets, free_set; /* [w] ids used once; free ones */
	uint32_t *group_next;     /* [w] free groups, by group */
	uint32_t ngroups, free_group, groups_room; /* [w] */
	const struct route **way;     /* [w] by group, before a FIB has it */
	struct route_arena *arena;    /* [w] of the FIBs; NULL: none yet */
	struct route_slab *slabs;     /* [w] newest first */
	size_t slab_used;             /* [w] bytes of the newest */
	struct route_item *free_item; /* [w] linked through themselves */
	struct lfqueue_mpsc returned; /* [a] tables, by retired.link */
	struct route_txn *free_txn;   /* [w] one to begin with, or NULL */
	struct route_intern *scratch; /* [w] a route to look for */
};

static inline unsigned int
route_item_plen(const struct route_item *i)
{
	return i->word & ((1U << ROUTE_ITEM_PLEN_BITS) - 1);
}

/* Is it the item of this prefix? */
static inline bool
route_item_is(const struct route_store *s, const struct route_item *i,
    const uint8_t *prefix, unsigned int plen)
{
	return route_item_plen(i) == plen &&
	       memcmp(i->key, prefix, s->bits / 8) == 0;
}

/* The candidates of an item.  Context: as long as the item may be read. */
static inline const struct route_set *
route_item_set(const struct route_store *s, const struct route_item *i)
{
	const uint32_t id = i->word >> ROUTE_ITEM_PLEN_BITS;

	return s->slot[id >> ROUTE_CHUNK_BITS][id & (ROUTE_CHUNK - 1)].set;
}

/* The group of an item's best candidate; NULL: none.  Context: as above. */
static inline uint32_t
route_item_group(const struct route_store *s, const struct route_item *i)
{
	return i != NULL ? route_item_set(s, i)->route[0]->group : FIB_NONE;
}

/* Does the prefix have another best route after e?  Context: as above. */
static inline bool
route_edit_moves(const struct route_store *s, const struct route_edit *e)
{
	return route_item_group(s, e->fresh) != route_item_group(s, e->old);
}

/* Any item of the prefix of e. */
static inline const struct route_item *
route_edit_item(const struct route_edit *e)
{
	return e->fresh != NULL ? e->fresh : e->old;
}

/* store.c; context of all: control mutex, unless nobody else has the store. */

/* The groups and objects outlive the store. */
int route_store_create(struct stack *st, enum netif_af af,
    struct nexthop_groups *groups, struct nexthop_objects *objects,
    struct route_store **out);
/* Everything in it goes, too.  Its tables must be gone. */
void route_store_destroy(struct route_store *s);

/*
 * The one route that is like cfg, in table number; it must be held or put into
 * a set before the next call of release.
 * Returns: 0, -ENOMEM, -ENOSPC or -ENXIO.
 */
int route_store_route(struct route_store *s, const struct route_config *cfg,
    uint32_t number, const struct route **out);
void route_store_hold(const struct route *r);
void route_store_release(struct route_store *s, const struct route *r);

/* An item of prefix with n candidates.  Returns: 0, -ENOMEM or -ENOSPC. */
int route_store_item(struct route_store *s, const uint8_t *prefix,
    unsigned int plen, const struct route *const *candidate, unsigned int n,
    struct route_item **out);
/* Nobody can have it any more. */
void route_store_item_free(struct route_store *s, struct route_item *i);

/*
 * retire.c: take back what left the store's tables and no reader can have.
 * Returns: was there anything?
 */
bool route_store_collect(struct route_store *s);
/* Room for n items more.  Returns: 0 or -ENOMEM. */
int route_retire_reserve(struct route_table *t, size_t n);
/* An item has left the tree, or would have; there is room for it. */
void route_retire_push(struct route_table *t, struct route_item *i);
/* All of a commit are pushed. */
void route_retire_pushed(struct route_table *t);
/* The tree is gone, and with it all readers. */
void route_retire_fini(struct route_table *t);

/* table.c: a table whose memory is s. */
int route_table_make(
    struct route_store *s, uint32_t number, struct route_table **out);

/* candidate.c: may the table have a route like this? */
bool route_candidate_valid(
    const struct route_table *t, const struct route_config *cfg);
/* Does a come before b? */
bool route_candidate_before(struct route_key a, struct route_key b);

/* compile.c: have what a change of prefix needs next come to the cache. */
void route_compile_prefetch(
    const struct route_table *t, const uint8_t *prefix, bool again);
/*
 * What x does to the table's compiled form, unseen.
 * Returns: 0, or -ENOMEM with nothing prepared.
 */
int route_compile_prepare(struct route_txn *x);
/* Publish that, after the tree; or forget it. */
void route_compile_commit(struct route_txn *x);
void route_compile_abort(struct route_txn *x);
void route_compile_destroy(struct route_table *t);
/*
 * The route that addr has by the compiled form; NULL: none.
 * Context: reader section.
 * Returns: false if there is no compiled form.
 */
bool route_compile_lookup(
    const struct route_table *t, const uint8_t *addr, const struct route **out);
bool route_compile_lookup_batch(const struct route_table *t,
    const uint8_t *const *addr, const struct route **out, unsigned int n);
/* Each in its own table; as from the trees where one is not compiled. */
void route_compile_lookup_tables(const struct route_table *const *t,
    const uint8_t *const *addr, const struct route **out, unsigned int n);

/*
 * hops.c: give r, complete but for it, its next-hop group.
 * Returns: 0, -ENOMEM, -ENOSPC or -ENXIO.
 */
int route_hops_acquire(const struct route_store *s, struct route *r, bool fits);
void route_hops_release(const struct route_store *s, const struct route *r);
/*
 * Do packets of r with this hash go by one of its next hops; or nowhere, while
 * a port is down?  What is recursive is taken as right.
 * Context: control mutex, in a read section.
 */
bool route_hops_right(
    const struct route_store *s, const struct route *r, uint32_t hash);
/*
 * Resolve anew, unseen, what goes by the prefixes that x changes.
 * Returns: 0 or -ENOMEM with nothing prepared for whatever transaction.
 */
int route_hops_prepare(struct route_txn *x);
/*
 * Where the route of addr in t leads, as it will be after the change under way.
 * Context: control mutex.
 */
struct nexthop_resolve_found route_hops_find(
    const struct route_table *t, const uint8_t *addr);

/* event.c: tell what an edit did to a prefix; either may be NULL. */
void route_event_publish(const struct route_table *t,
    const struct route_item *fresh, const struct route_item *old);

#endif /* STACK_ROUTE_TABLE_IMPL_H */
