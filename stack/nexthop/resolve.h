/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_NEXTHOP_RESOLVE_H
#define STACK_NEXTHOP_RESOLVE_H

/*
 * From a group id and a flow's hash to the slot that says where the packet
 * goes; and, for the writer, from a gateway that is on no link to the group
 * that carries packets to it.
 */

#include "libsync/base/assert.h"
#include "stack/nexthop/group.h"

/*
 * A group word.  Empty is 0 but for a backup.
 *   bits 0 .. 31 adjacency id, or first bucket   32 .. 51 backup group id
 *   52 .. 55 log2 of the buckets                 56 .. 57 kind
 */
#define NEXTHOP_WORD_EMPTY     0u
#define NEXTHOP_WORD_SINGLE    1u
#define NEXTHOP_WORD_SPREAD    2u
#define NEXTHOP_WORD_RESILIENT 3u

static inline unsigned int
nexthop_word_kind(uint64_t w)
{
	return (unsigned int)(w >> 56) & 3;
}

static inline unsigned int
nexthop_word_order(uint64_t w)
{
	return (unsigned int)(w >> 52) & 15;
}

static inline uint32_t
nexthop_word_backup(uint64_t w)
{
	return (uint32_t)(w >> 32) & (NEXTHOP_GROUPS_MAX - 1);
}

/* The word of a group, on the way to its buckets. */
static inline uint64_t
nexthop_word_get(const struct nexthop_groups *g, uint32_t id)
{
	/* WORD acquire: pairs with the release in nexthop_group_publish. */
	return sync_load_acquire(&g->word[id]);
}

/* The adjacency id in a bucket, on the way to its slot. */
static inline uint32_t
nexthop_bucket_get(const struct nexthop_groups *g, uint32_t at)
{
	/* BUCKET acquire: pairs with the releases in bucket_set and refill. */
	return sync_load_acquire(&g->bucket[at]);
}

/*
 * Which of the 1 << order buckets is this flow's?  The hash may have chosen the
 * queue, or the path of the router before us: it is mixed with the seed.
 */
static inline uint32_t
nexthop_word_bucket(const struct nexthop_groups *g, uint64_t w, uint32_t hash)
{
	const uint32_t mixed = (hash ^ g->seed) * 0x9e3779b1u;

	return (uint32_t)w + (mixed >> (32 - nexthop_word_order(w)));
}

/* Is its port down? */
static inline bool
nexthop_slot_down(const struct nexthop_groups *g, const struct nexthop_slot *s)
{
	const uint32_t port = s->netif % NEXTHOP_GROUP_PORTS;

	/* relaxed: a packet may see a port a moment late. */
	return (sync_load_relaxed(&g->down[port / 64]) >> port % 64 & 1) != 0;
}

/* The slot of an adjacency id that was found in a word or bucket. */
static inline const struct nexthop_slot *
nexthop_slot_get(const struct nexthop_groups *g, uint32_t adj)
{
	/* SLOT acquire: pairs with the releases in group_adj.c. */
	return sync_load_acquire(&g->slot[adj]);
}

/* The adjacency id for this flow; w is neither empty nor changes. */
static inline uint32_t
nexthop_word_pick(const struct nexthop_groups *g, struct nexthop_group_marks *m,
    uint64_t w, uint32_t hash)
{
	uint32_t at;

	if (nexthop_word_kind(w) == NEXTHOP_WORD_SINGLE)
		return (uint32_t)w;
	at = nexthop_word_bucket(g, w, hash);
	if (nexthop_word_kind(w) == NEXTHOP_WORD_RESILIENT && m != NULL &&
	    /* relaxed: only this worker writes its marks. */
	    sync_load_relaxed(&m->seen[at]) != m->tick)
		/* relaxed: the writer only wants to know that it was lately. */
		sync_store_relaxed(&m->seen[at], m->tick);
	return nexthop_bucket_get(g, at);
}

/*
 * A packet goes by adjacency id adj: the neighbour is in use, and is asked
 * before its entry gets old.  Who keeps a slot's id and sends by it again, in
 * another section, calls this himself.
 */
static inline void
nexthop_mark_use(struct nexthop_group_marks *m, uint32_t adj)
{
	/* relaxed: only this worker writes its marks. */
	if (m != NULL && sync_load_relaxed(&m->used[adj]) != m->tick)
		/* relaxed: the owner only wants to know that it was lately. */
		sync_store_relaxed(&m->used[adj], m->tick);
}

/* What is left when the group of word w is empty or its choice is down. */
const struct nexthop_slot *nexthop_resolve_around(
    const struct nexthop_groups *g, struct nexthop_group_marks *m, uint64_t w,
    uint32_t hash);

/*
 * Where the packets of group id with this flow hash go.  If the port of the
 * flow's member is down, another member is taken, and only this member's flows
 * go elsewhere; if all are, the backup group, whose own backup is not used.
 * Context: reader section; never sleeps; wait-free.  m is the calling worker's,
 *          with the tick set, or NULL: leave no mark.
 * Order:   the answer is that of a content that the group had during the call.
 * Owner:   lives until the section ends.
 * Returns: NULL if nothing is usable.
 */
static inline const struct nexthop_slot *
nexthop_resolve(const struct nexthop_groups *g, struct nexthop_group_marks *m,
    uint32_t id, uint32_t hash)
{
	const struct nexthop_slot *s;
	uint32_t adj;
	uint64_t w;

	SYNC_ASSERT(pserialize_in_read_section());
	w = nexthop_word_get(g, id);
	if (__builtin_expect(nexthop_word_kind(w) == NEXTHOP_WORD_EMPTY, 0))
		return nexthop_resolve_around(g, m, w, hash);
	adj = nexthop_word_pick(g, m, w, hash);
	s = nexthop_slot_get(g, adj);
	if (__builtin_expect(nexthop_slot_down(g, s), 0))
		return nexthop_resolve_around(g, m, w, hash);
	nexthop_mark_use(m, adj);
	return s;
}

/*
 * May the answer for group id depend on the hash?
 * Context: reader section; never sleeps; wait-free.
 */
static inline bool
nexthop_resolve_spreads(const struct nexthop_groups *g, uint32_t id)
{
	const uint64_t w = nexthop_word_get(g, id);

	return nexthop_word_kind(w) != NEXTHOP_WORD_SINGLE ||
	       nexthop_word_backup(w) != NEXTHOP_GROUP_NONE;
}

/*
 * nexthop_resolve() for n packets; each answer is that of some moment during
 * the call, not all of the same.
 */
void nexthop_resolve_batch(const struct nexthop_groups *g,
    struct nexthop_group_marks *m, const uint32_t *id, const uint32_t *hash,
    const struct nexthop_slot **out, unsigned int n);

/*
 * The routing table for recursive next hops.
 */

/* So many may be asked for one gateway, each leading to the next. */
#define NEXTHOP_RESOLVE_TABLES 9u

/* What a table has for an address. */
struct nexthop_resolve_found {
	uint32_t group; /* of the route; NEXTHOP_GROUP_NONE if there is none */
	bool leads_on;  /* instead of a group: look it up in another table, */
	uint32_t table; /* of this number */
};

/*
 * What the longest prefix of table that matches addr says, as it will be after
 * the change under way.
 * Context: writer; must not change groups.
 */
typedef void (*nexthop_resolve_via_fn)(void *arg, uint32_t table,
    enum netif_af af, const uint8_t *addr, struct nexthop_resolve_found *out);

/* Set it, before the first recursive next hop.  Context: writer. */
void nexthop_resolve_via_set(
    struct nexthop_groups *g, nexthop_resolve_via_fn fn, void *arg);

/*
 * The route of this prefix was added, removed, got another group or leads to
 * another table: remember the gateways that it covers and that were looked up
 * in this table, too, whichever table they began in.  To be told of every change, the last one too:
 * a gateway keeps a reference to the group that it goes by.
 * Context: writer; never sleeps.
 * Returns: how many groups wait for such a gateway.
 */
size_t nexthop_resolve_via_stage(struct nexthop_groups *g, uint32_t table,
    enum netif_af af, const uint8_t *prefix, unsigned int plen);

/*
 * Look the staged gateways up again and compute, unseen, each group that goes
 * by them; then publish, one word for each group whose members changed, or
 * forget it.
 * Context: writer; may sleep.  Commit cannot fail.
 * Returns: 0 or -ENOMEM; nothing changed then, and what was staged is
 *          forgotten.  What does not fit is left out, not refused.
 */
int nexthop_resolve_via_prepare(struct nexthop_groups *g);
void nexthop_resolve_via_commit(struct nexthop_groups *g);
void nexthop_resolve_via_abort(struct nexthop_groups *g);

/* What came of looking a gateway up. */
enum nexthop_resolve_end {
	NEXTHOP_RESOLVE_FOUND,
	NEXTHOP_RESOLVE_NO_ROUTE, /* the last table has none */
	NEXTHOP_RESOLVE_LOOP,     /* it leads to a table that was asked */
	NEXTHOP_RESOLVE_DEEP,     /* to one table too many */
	NEXTHOP_RESOLVE_ITSELF,   /* the route goes by the same gateway */
	NEXTHOP_RESOLVE_NOWHERE,  /* the route sends nothing on */
	NEXTHOP_RESOLVE_CUT,      /* it comes to more than fits */
};

/* A recursive next hop of a group, for show. */
struct nexthop_resolve_info {
	struct nexthop_hop hop;
	enum nexthop_resolve_end end;
	unsigned int ntables; /* that were asked, in order */
	uint32_t table[NEXTHOP_RESOLVE_TABLES];
};

/*
 * The recursive next hops of group id, or of the objects in it: the first n.
 * Context: writer, between changes.
 * Returns: how many there are.
 */
unsigned int nexthop_resolve_via_show(struct nexthop_groups *g, uint32_t id,
    struct nexthop_resolve_info *out, unsigned int n);

/* In words.  Context: any thread. */
const char *nexthop_resolve_via_name(enum nexthop_resolve_end end);

#endif /* STACK_NEXTHOP_RESOLVE_H */
