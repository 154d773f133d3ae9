/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_NEXTHOP_GROUP_IMPL_H
#define STACK_NEXTHOP_GROUP_IMPL_H

/* The writer's side of the next-hop table, shared by the files of this folder.
 * Invariants, ordering pairs, reclamation: group.c. */

#include <sys/queue.h>

#include "libsync/base/assert.h"
#include "stack/nexthop/group.h"
#include "stack/nexthop/resolve.h"

/* The object of the given type whose member field is *p. */
#define NEXTHOP_CONTAINER(p, type, field) \
	((type *)(void *)((char *)(p)-offsetof(type, field)))

/* The smallest run holds two buckets; a group of one has no bucket. */
#define NEXTHOP_GROUP_ORDER_MIN 1u
#define NEXTHOP_GROUP_ORDER_MAX 13u

/* A chain of a hash that grows; embedded. */
struct nexthop_group_link {
	struct nexthop_group_link *next;
	uint64_t hash;
};

struct nexthop_group_hash {
	struct nexthop_group_link **head;
	size_t mask, n;
};

/* What waits for its readers to leave, embedded. */
struct nexthop_group_wait {
	TAILQ_ENTRY(nexthop_group_wait) link;
	uint64_t gp;
	void (*fn)(struct nexthop_groups *g, struct nexthop_group_wait *w);
};
TAILQ_HEAD(nexthop_group_waits, nexthop_group_wait);

/* A power of two of buckets: [first, first + (1 << order)); order 0: none. */
struct nexthop_group_run {
	uint32_t first;
	unsigned int order;
};

/*
 * Where packets go, one record per next hop.  Its base slot asks the neighbour
 * cache and is always right; the neighbour's owner puts one with the header in
 * its place.
 * [c] constant while it has references  [w] writer  [o] who runs the watch
 */
struct nexthop_adjacency {
	struct nexthop_slot *base;   /* [w] not while it is watched */
	uint32_t id;                 /* [c] */
	uint32_t refs;               /* [w] */
	struct nexthop_hop hop;      /* [w] weight and table are 0 */
	bool shared;                 /* [c] found by its hop */
	bool watched;                /* [w] */
	uint32_t used_before;        /* [w] as watched: mark of a former life */
	struct nexthop_groups *g;    /* [c] */
	struct nexthop_slot *header; /* [o] published instead of base */
	struct nexthop_watch watch;
	struct nexthop_group_link by_hop;      /* [w] */
	struct nexthop_group_wait wait;        /* [w] */
	SLIST_ENTRY(nexthop_adjacency) unused; /* [w] its id is free */
};

struct nexthop_group_member {
	struct nexthop_adjacency *adj; /* a reference */
	uint64_t weight;
};

/*
 * What a group's word says, or will say.  The run is none of a resilient group
 * and of one member; before it is published also of several, which then take
 * the run that the group has.  [w]
 */
struct nexthop_group_content {
	struct nexthop_group_wait wait;
	struct nexthop_group_run run;
	uint64_t cut;          /* bit i: part i is not all here */
	unsigned int left_out; /* next hops that are not */
	bool few;              /* it was to have more buckets */
	unsigned int n, cap;
	struct nexthop_group_member member[];
};

struct nexthop_object;
struct nexthop_resolve_track;

/*
 * One next hop of a description, and what it depends on: of "own", "of" and
 * "track" at most one.  [w]
 */
struct nexthop_group_part {
	struct nexthop_hop hop;
	struct nexthop_adjacency *own;       /* an object's, a reference */
	struct nexthop_group *of;            /* the group of an object */
	struct nexthop_resolve_track *track; /* hop is recursive */
	LIST_ENTRY(nexthop_group_part) user; /* of "of" or "track" */
	struct nexthop_group *group;
};
LIST_HEAD(nexthop_group_parts, nexthop_group_part);

/* The tables that were asked for a gateway, in order, and what came of it. */
struct nexthop_resolve_path {
	uint32_t table[NEXTHOP_RESOLVE_TABLES];
	uint8_t n;
	uint8_t end; /* enum nexthop_resolve_end */
};

/* A gateway without an interface, as one table sees it.  [w] */
struct nexthop_resolve_track {
	struct nexthop_hop key; /* table, af, gateway; the rest zero */
	struct nexthop_group_parts users;
	struct nexthop_group *answer, *before; /* references */
	struct nexthop_resolve_path path, path_before;
	bool due, staged;
	LIST_ENTRY(nexthop_resolve_track) of_answer, on_due, on_staged;
};

LIST_HEAD(nexthop_resolve_tracks, nexthop_resolve_track);

/* A change of this table may be one for t's gateway.  [w] */
struct nexthop_resolve_watch {
	struct nexthop_resolve_track *t;
	uint32_t table;
};

/* When a bucket of a resilient group got its member.  [w] */
struct nexthop_group_resilient {
	struct nexthop_group_wait wait;
	struct nexthop_group_run run;
	uint64_t idle, unbalanced; /* ns; unbalanced 0: never by force */
	uint64_t since;            /* unbalanced since; 0: it is not */
	uint32_t moved[];          /* tick, by bucket */
};

/* [w] all of it */
struct nexthop_group {
	uint32_t id;
	uint32_t refs; /* 0: its id is free, or waits to be */
	bool shared;   /* found by its description */
	bool staged;   /* has next, or will be empty */
	bool looped;   /* goes by itself, so by nothing for now */
	bool due;      /* to be computed again */
	unsigned int nparts;
	struct nexthop_group_part *part;
	struct nexthop_group *backup;             /* a reference, or NULL */
	struct nexthop_group_content *now, *next; /* NULL: no member */
	struct nexthop_group_resilient *res;      /* NULL: it is not */
	struct nexthop_group_parts users;      /* groups with this as a part */
	struct nexthop_resolve_tracks answers; /* that go by it */
	uint64_t visited;
	struct nexthop_group_link by_desc;
	struct nexthop_group_wait wait;
	SLIST_ENTRY(nexthop_group) unused; /* has no reference */
	SLIST_ENTRY(nexthop_group) on_visit;
	STAILQ_ENTRY(nexthop_group) on_due;
	TAILQ_ENTRY(nexthop_group) on_staged;
	LIST_ENTRY(nexthop_group) on_resilient, on_looped;
	struct nexthop_object *object; /* whose it is, or NULL */
};

LIST_HEAD(nexthop_group_list, nexthop_group);

/* [w] unless said */
struct nexthop_group_control {
	struct nexthop_group_limits limits;        /* [c] */
	const struct nexthop_group_neigh_ops *ops; /* [c] */
	void *ops_arg;                             /* [c] */
	struct nexthop_group_marks *marks;         /* [c] by worker */

	struct nexthop_group **group; /* by id */
	uint32_t groups_fresh;        /* ids from here on were never used */
	SLIST_HEAD(, nexthop_group) groups_unused;
	SLIST_HEAD(, nexthop_group) groups_dropped; /* to be emptied */
	bool emptying;
	struct nexthop_group_hash groups_by_desc;

	struct nexthop_adjacency **adj; /* by id */
	uint32_t adjs_fresh;
	SLIST_HEAD(, nexthop_adjacency) adjs_unused;
	struct nexthop_group_hash adjs_by_hop;

	/* group_run.c: free runs */
	uint8_t *run_order; /* of the free run at 2 * i; 0: none */
	uint32_t *run_next, *run_prev;
	uint32_t run_free[32];
	unsigned int run_top; /* log2 of limits.buckets */

	struct nexthop_group_waits waits; /* oldest first */
	TAILQ_HEAD(, nexthop_group) staged;
	struct nexthop_group_list resilient, looped;

	/* resolve_via.c, resolve_path.c: sorted */
	nexthop_resolve_via_fn lookup;
	void *lookup_arg;
	struct nexthop_resolve_watch *watch;
	size_t nwatches, watches_cap;
	struct nexthop_resolve_tracks tracks_due, tracks_staged;
	STAILQ_HEAD(, nexthop_group) due;
	SLIST_HEAD(, nexthop_group) to_visit;
	uint64_t visit; /* of the search for loops */

	uint64_t told; /* the time that upkeep was called with */
	struct nexthop_group_stats stats;
};

/* group_hash.c: growing may fail, and only makes chains longer. */
int nexthop_group_hash_init(struct nexthop_group_hash *h);
void nexthop_group_hash_fini(struct nexthop_group_hash *h);
struct nexthop_group_link *nexthop_group_hash_first(
    const struct nexthop_group_hash *h, uint64_t hash);
void nexthop_group_hash_insert(
    struct nexthop_group_hash *h, struct nexthop_group_link *l, uint64_t hash);
void nexthop_group_hash_remove(
    struct nexthop_group_hash *h, struct nexthop_group_link *l);
uint64_t nexthop_group_hash_bytes(uint64_t h, const void *p, size_t n);

/* group_run.c */
int nexthop_group_run_init(struct nexthop_group_control *c);
void nexthop_group_run_fini(struct nexthop_group_control *c);
/* Returns: 0, or -ENOSPC; waits for readers before it says so. */
int nexthop_group_run_alloc(struct nexthop_groups *g, unsigned int order,
    struct nexthop_group_run *out);
void nexthop_group_run_free(
    struct nexthop_group_control *c, struct nexthop_group_run run);

/* group_wait.c: fn(w) runs after a grace period, in a later writer's call. */
void nexthop_group_wait_add(struct nexthop_groups *g,
    struct nexthop_group_wait *w,
    void (*fn)(struct nexthop_groups *g, struct nexthop_group_wait *w));
/* Run what is due, and now and then push it. */
void nexthop_group_wait_run(struct nexthop_groups *g);
/* Wait for readers and run all.  Context: may sleep. */
void nexthop_group_wait_all(struct nexthop_groups *g);

/* group_adj.c */
/* A reference to the shared adjacency of hop (weight ignored). */
int nexthop_group_adj_acquire(struct nexthop_groups *g,
    const struct nexthop_hop *hop, struct nexthop_adjacency **out);
/* One that is not shared: an object's. */
int nexthop_group_adj_own(struct nexthop_groups *g,
    const struct nexthop_hop *hop, struct nexthop_adjacency **out);
/*
 * Whatever goes by a, which is not shared, goes by hop from now on, with one
 * store.  Returns: 0, or -ENOMEM with nothing changed.
 */
int nexthop_group_adj_move(struct nexthop_groups *g,
    struct nexthop_adjacency *a, const struct nexthop_hop *hop);
void nexthop_group_adj_hold(struct nexthop_adjacency *a);
void nexthop_group_adj_release(
    struct nexthop_groups *g, struct nexthop_adjacency *a);

/* group_content.c */
/* May a change be refused for want of buckets and ids? */
enum nexthop_group_want {
	NEXTHOP_GROUP_WHOLE, /* yes: somebody asked for just this group */
	NEXTHOP_GROUP_FITS,  /* no: it follows from something else, so it comes
				to what there is room for */
};

/*
 * Compute what grp's parts come to, as staged, and its buckets.  Members beyond
 * NEXTHOP_MEMBERS_MAX are left out, whatever is wanted: those of recursive parts
 * after the others, else in order.
 * Returns: 0 with *out, NULL for no member; -ENOMEM; if it may, -ENOSPC.
 */
int nexthop_group_content_make(struct nexthop_groups *g,
    struct nexthop_group *grp, enum nexthop_group_want want,
    struct nexthop_group_content **out);
/* Do they come to the same, and a, which is newer, to no more buckets? */
bool nexthop_group_content_same(const struct nexthop_group_content *a,
    const struct nexthop_group_content *b);
/* Give back one that was never published, and one that was. */
void nexthop_group_content_drop(
    struct nexthop_groups *g, struct nexthop_group_content *c);
void nexthop_group_content_retire(
    struct nexthop_groups *g, struct nexthop_group_content *c);
/* How many of total buckets each member gets; sums to total. */
void nexthop_group_content_share(const struct nexthop_group_content *c,
    unsigned int total, unsigned int *count);
/* The member with this adjacency id, or c->n. */
unsigned int nexthop_group_content_find(
    const struct nexthop_group_content *c, uint32_t adj);

/* group_refill.c: in place, without memory. */
/*
 * Let c, which is published next and has several members without buckets, have
 * those of grp, which flows of members that stay keep.
 */
void nexthop_group_refill_take(struct nexthop_groups *g,
    struct nexthop_group *grp, struct nexthop_group_content *c);

/* group_resilient.c */
int nexthop_group_resilient_make(struct nexthop_groups *g, unsigned int buckets,
    struct nexthop_group_resilient **out);
/* Give back one that was never published, and one that was. */
void nexthop_group_resilient_drop(
    struct nexthop_groups *g, struct nexthop_group_resilient *r);
void nexthop_group_resilient_retire(
    struct nexthop_groups *g, struct nexthop_group_resilient *r);
/*
 * Buckets whose member is gone get another at once, others as the timers say.
 * Returns: when to look again, ns.
 */
uint64_t nexthop_group_resilient_upkeep(
    struct nexthop_groups *g, struct nexthop_group *grp, uint64_t now);
/* Since when bucket i is not used, ns; UINT64_MAX: since it was moved. */
uint64_t nexthop_group_resilient_unused(struct nexthop_groups *g,
    const struct nexthop_group *grp, uint32_t i, uint64_t now);

/* group.c */
struct nexthop_group *nexthop_group_find(
    const struct nexthop_groups *g, uint32_t id);
/* A group without parts, its id empty; one reference.  -ENOSPC or -ENOMEM. */
int nexthop_group_new(struct nexthop_groups *g, struct nexthop_group **out);
/* Make n zeroed parts for grp; NULL without memory. */
struct nexthop_group_part *nexthop_group_parts_make(
    struct nexthop_group *grp, unsigned int n);
/* Have part go by grp, an object's. */
void nexthop_group_part_of(
    struct nexthop_group_part *part, struct nexthop_group *of);
/* Let go of what they depend on, and free them. */
void nexthop_group_parts_free(
    struct nexthop_groups *g, struct nexthop_group_part *part, unsigned int n);
/* Take part i out of grp's, for good and without memory. */
void nexthop_group_part_drop(
    struct nexthop_groups *g, struct nexthop_group *grp, unsigned int i);
/* Is the hop well formed? */
bool nexthop_group_hop_valid(const struct nexthop_hop *hop);
/* The members are those of c, a content made for grp, from now on. */
void nexthop_group_change(struct nexthop_groups *g, struct nexthop_group *grp,
    struct nexthop_group_content *c);
/* Its content is another: readers see it from now on. */
void nexthop_group_publish(struct nexthop_groups *g, struct nexthop_group *grp);
uint64_t nexthop_group_now(const struct nexthop_groups *g);
/* What grp is, or will be once committed. */
static inline struct nexthop_group_content *
nexthop_group_staged(const struct nexthop_group *grp)
{
	return grp->staged ? grp->next : grp->now;
}

/* resolve_path.c */
/*
 * Look key's gateway up in its table, and in those that it leads to.
 * Returns: the group that carries packets there, or NULL; *out says why.
 */
struct nexthop_group *nexthop_resolve_path_walk(struct nexthop_groups *g,
    const struct nexthop_hop *key, struct nexthop_resolve_path *out);
bool nexthop_resolve_path_same(
    const struct nexthop_resolve_path *a, const struct nexthop_resolve_path *b);
/* The first watch not before that of a gateway, in table; key as a track's. */
size_t nexthop_resolve_path_find(const struct nexthop_group_control *c,
    uint32_t table, const struct nexthop_hop *key);
/* Room to watch all tables of p, also next to others.  0 or -ENOMEM. */
int nexthop_resolve_path_reserve(
    struct nexthop_group_control *c, const struct nexthop_resolve_path *p);
/* Watch them for t, those that are not yet; there is room. */
void nexthop_resolve_path_watch(struct nexthop_group_control *c,
    struct nexthop_resolve_track *t, const struct nexthop_resolve_path *p);
/* No longer those of p that neither a nor b has; these may be NULL. */
void nexthop_resolve_path_unwatch(struct nexthop_group_control *c,
    struct nexthop_resolve_track *t, const struct nexthop_resolve_path *p,
    const struct nexthop_resolve_path *a, const struct nexthop_resolve_path *b);
/* Free all that watches, at the end. */
void nexthop_resolve_path_free(struct nexthop_group_control *c);

/* resolve_via.c */
/* Have a recursive part follow its gateway.  0 or -ENOMEM. */
int nexthop_resolve_via_attach(
    struct nexthop_groups *g, struct nexthop_group_part *part);
void nexthop_resolve_via_detach(
    struct nexthop_groups *g, struct nexthop_group_part *part);
/* Would grp go by itself if it went by "by"? */
bool nexthop_resolve_via_loops(struct nexthop_groups *g,
    const struct nexthop_group *grp, struct nexthop_group *by);
/*
 * Recompute grp and all that goes by it, unseen until the commit; what goes by
 * it is not refused for want of buckets.
 * Returns: 0, or what content_make() returned, after which abort.
 */
int nexthop_resolve_via_restage(struct nexthop_groups *g,
    struct nexthop_group *grp, enum nexthop_group_want want);
/* Put grp on the list of those in a loop, or take it off that it is on. */
void nexthop_resolve_via_set_looped(
    struct nexthop_group_control *c, struct nexthop_group *grp, bool looped);
/* grp goes by something else: note who is in a loop with it now. */
void nexthop_resolve_via_suspect(
    struct nexthop_groups *g, struct nexthop_group *grp);
/*
 * Recompute all that are, or were, in a loop; once before each commit after
 * which a group goes by something else.  Returns: as restage().
 */
int nexthop_resolve_via_restage_looped(struct nexthop_groups *g);

#endif /* STACK_NEXTHOP_GROUP_IMPL_H */
