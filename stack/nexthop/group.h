/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_NEXTHOP_GROUP_H
#define STACK_NEXTHOP_GROUP_H

/*
 * The next-hop table of a stack: what a route's group id means.
 *
 *   id -> group word -> bucket -> adjacency id -> slot
 *
 * Routes and FIBs carry the id only, so whatever changes behind it costs the
 * same with one route as with a million: a link goes down by one bit, a
 * neighbour moves or a gateway changes by one word, a member leaves by its
 * own buckets.
 *
 * Groups are shared: equal sets of next hops have one id, with a reference
 * count.  A next hop without an interface is recursive: its gateway is looked
 * up in the routing tables (nexthop_resolve_via_set()) and what is found there
 * takes its place, so that packets never follow more than one level.
 *
 * What may run together ("-" yes, "X" the caller must prevent it; the control
 * mutex of the stack does so for the writers):
 *
 *                    resolve  acquire/release/set/upkeep  port  destroy
 *   resolve             -                -                  -      X
 *   acquire etc.        -                X                  -      X
 *   port                -                -                  -      X
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsync/base/atomic.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/proto.h"
#include "stack/nexthop/neigh.h"

struct nexthop_group_control;

#define NEXTHOP_GROUP_NONE    0u         /* the id of no group */
#define NEXTHOP_GROUPS_MAX    (1u << 20) /* ids are below */
#define NEXTHOP_BUCKETS_MAX   8192u      /* of one group */
#define NEXTHOP_HOPS_MAX      64u        /* of one description */
#define NEXTHOP_MEMBERS_MAX   256u       /* after recursion: the first */
#define NEXTHOP_GROUP_PORTS   65536u     /* a bit each; 0 is never down */
#define NEXTHOP_GROUP_TICK_NS (UINT64_C(1) << 24)

/* What becomes of a packet. */
enum nexthop_kind {
	NEXTHOP_VIA,         /* to the gateway */
	NEXTHOP_LINK,        /* to its destination, on the link */
	NEXTHOP_LOCAL,       /* it is for us */
	NEXTHOP_BROADCAST,   /* to everybody on the link */
	NEXTHOP_BLACKHOLE,   /* dropped silently */
	NEXTHOP_UNREACHABLE, /* dropped, and the sender told */
	NEXTHOP_PROHIBIT,    /* dropped, told: administratively */
	NEXTHOP_THROW,       /* as if this table had no route */
	NEXTHOP_KIND_COUNT
};

/* One next hop as it is configured.  No padding: compared as bytes. */
struct nexthop_hop {
	uint8_t kind;        /* enum nexthop_kind */
	uint8_t af;          /* enum netif_af of the gateway, or the packets */
	uint16_t weight;     /* 1 .. 65535 */
	netif_id netif;      /* 0: VIA is recursive; the drops need none */
	uint32_t table;      /* where a recursive gateway is looked up */
	uint8_t gateway[16]; /* of VIA; else zero */
};

/*
 * What packets need of an adjacency, in a cache line.  Immutable: a change
 * publishes another one.  Lives until the reader's section ends.
 */
struct nexthop_slot {
	uint8_t hdr[NEXTHOP_HDR_MAX]; /* the prebuilt header */
	uint8_t hdr_len;              /* bytes; 0: ask the neighbour cache */
	uint8_t kind;                 /* enum nexthop_kind */
	uint8_t af;                   /* enum netif_af */
	uint8_t unused;
	netif_id netif;      /* where it leaves, or 0 */
	uint8_t gateway[16]; /* the neighbour; zero if it has no gateway */
	struct pserialize_head retire;
};

/*
 * When a worker last used each bucket of the resilient groups, and each
 * adjacency; only that worker writes it.  [o] the worker  [a] atomic
 */
struct nexthop_group_marks {
	uint32_t tick;                /* [o] see nexthop_group_tick() */
	SYNC_ATOMIC(uint32_t) * seen; /* [c] cells: [a] tick of the last use */
	SYNC_ATOMIC(uint32_t) * used; /* [c] the same, by adjacency id */
} __attribute__((aligned(SYNC_CACHELINE)));

/* What the packet path reads.  [c] constant; cells: [a] atomic */
struct nexthop_groups {
	SYNC_ATOMIC(uint64_t) * word;              /* [c] by group id */
	SYNC_ATOMIC(uint32_t) * bucket;            /* [c] runs of adj ids */
	SYNC_ATOMIC(struct nexthop_slot *) * slot; /* [c] by adjacency id */
	SYNC_ATOMIC(uint64_t) * down;              /* [c] a bit per port */
	uint32_t seed;                             /* [c] of the spreading */
	struct nexthop_group_control *control;     /* [c] */
};

/* How large a table may become; 0 takes the default.  Untouched memory costs
 * address space only. */
struct nexthop_group_limits {
	uint32_t groups;      /* ids, 0 included (1 << 20, which is the most) */
	uint32_t adjacencies; /* (1 << 20) */
	uint32_t buckets;     /* of all groups, a power of two (1 << 22) */
	unsigned int workers; /* that mark use (1) */
	uint32_t seed;        /* of the spreading; 0: random */
	uint64_t (*clock)(void *arg); /* ns; NULL: what upkeep was told */
	/* Optional: members changed so that upkeep is to look again; from the
	 * writer, who is in a call, so only to note it. */
	void (*ring)(void *arg);
	void *clock_arg; /* of both */
};

/* How the table learns headers; nexthop_group_neigh() has the stack's. */
struct nexthop_group_neigh_ops {
	/*
	 * Call w->fn(w, adj) at once if there is one, and at each change of
	 * the header of w's neighbour from now on, until unwatch returns.
	 * Context: writer; may sleep.
	 */
	void (*watch)(void *arg, struct nexthop_watch *w);
	void (*unwatch)(void *arg, struct nexthop_watch *w);
};

/*
 * Make an empty table.  ops NULL: all packets ask the neighbour cache.
 * Context: control thread; may sleep (allocates).
 * Returns: 0, -EINVAL (a limit) or -ENOMEM.
 */
int nexthop_group_create(const struct nexthop_group_limits *limits,
    const struct nexthop_group_neigh_ops *ops, void *ops_arg,
    struct nexthop_groups **out);

/* Free it.  Context: control thread, the only user; sleeps. */
void nexthop_group_destroy(struct nexthop_groups *g);

/*
 * The neighbour caches of stack st as nexthop_group_create() wants them, with
 * st as its ops_arg.  Context: any thread.
 */
const struct nexthop_group_neigh_ops *nexthop_group_neigh(void);

/* The description of a group; copied. */
struct nexthop_group_config {
	const struct nexthop_hop *hops; /* in any order */
	unsigned int nhops;             /* 1 .. NEXTHOP_HOPS_MAX */
	uint32_t backup; /* group to use while no hop is usable */
	bool fits;       /* a new one makes do with the buckets there are */
};

/*
 * The id of the group of this description, made if there is none.  Groups
 * with the same next hops in whatever order, in the same proportions, and with
 * the same backup are one.
 * Context: writer (the control mutex), not between nexthop_resolve_via_prepare()
 *          and commit; may sleep (allocates, asks neighbours).
 * Owner:   the caller owns a reference until nexthop_group_release().
 * Returns: 0, -EINVAL (a hop, the backup), -ENOSPC (ids are used up, or buckets
 *          unless it fits) or -ENOMEM; nothing changed then.
 */
int nexthop_group_acquire(struct nexthop_groups *g,
    const struct nexthop_group_config *cfg, uint32_t *out);

/* One more reference to a group that the caller has one to.  Context: writer. */
void nexthop_group_hold(struct nexthop_groups *g, uint32_t id);

/*
 * Give a reference back, after the id was taken out of everything that leads
 * readers to it.  The id is used again only after a grace period.
 * Context: writer; may sleep.
 */
void nexthop_group_release(struct nexthop_groups *g, uint32_t id);

/*
 * A port came or went: one bit.  All are up at first.
 * Context: any thread; never sleeps; lock-free.
 * Order:   none; a packet may see it a moment late.
 */
void nexthop_group_port(struct nexthop_groups *g, netif_id port, bool up);

/*
 * nexthop_group_port() as an interface comes and goes: for the netif_event of
 * the protocol that owns the table.  Context: as struct proto says.
 */
void nexthop_group_netif(
    struct nexthop_groups *g, const struct netif *nif, enum netif_event event);

/*
 * Where worker w (below limits.workers) marks the use of buckets.
 * Context: any thread; what it returns is for the worker only.
 */
struct nexthop_group_marks *nexthop_group_marks(
    struct nexthop_groups *g, unsigned int w);

/* now, in ns, as the tick that marks hold; 0: never.  Context: any thread. */
static inline uint32_t
nexthop_group_tick(uint64_t now)
{
	return (uint32_t)(now / NEXTHOP_GROUP_TICK_NS) + 1;
}

/* The later of two ticks; 0 is none.  Context: any thread. */
static inline uint32_t
nexthop_group_tick_later(uint32_t a, uint32_t b)
{
	return a == 0 || (b != 0 && (int32_t)(b - a) > 0) ? b : a;
}

/*
 * Move buckets of resilient groups whose time has come, and reclaim.
 * Context: writer, now and then; may sleep.
 * Returns: when it should be called again, ns; UINT64_MAX: no group needs it.
 */
uint64_t nexthop_group_upkeep(struct nexthop_groups *g, uint64_t now);

/* A member of a group, for show. */
struct nexthop_group_member_info {
	struct nexthop_hop hop; /* weight is 0: see below */
	uint32_t adjacency;     /* id */
	uint64_t weight;        /* in proportion to the others' */
	unsigned int buckets;   /* it has now; 1 if it is the only member */
	bool down;              /* its port is */
};

struct nexthop_group_info {
	uint32_t refs;
	uint32_t backup;
	unsigned int members; /* 0: unresolved */
	unsigned int buckets; /* 0 if it has one member or none */
	bool resilient;
	unsigned int left_out; /* next hops that do not fit */
};

/*
 * Copy what the group is, and, for the first n members, who they are.
 * Context: writer.
 * Returns: 0 or -ENOENT.
 */
int nexthop_group_show(struct nexthop_groups *g, uint32_t id,
    struct nexthop_group_info *out, struct nexthop_group_member_info *member,
    unsigned int n);

/*
 * The interface is being detached: it leaves all groups, whoever made them, at
 * once, and a group without another next hop is empty.  Descriptions stay.
 * Cannot fail: buckets are refilled in place.
 * Context: writer, between changes; never sleeps.
 */
void nexthop_group_refill_purge(struct nexthop_groups *g, netif_id netif);

/* Numbers of the table.  Context: writer. */
struct nexthop_group_stats {
	uint32_t groups, adjacencies; /* in use */
	uint32_t buckets;             /* in use, waiting ones included */
	uint32_t waiting;             /* objects in a grace period */
	uint64_t words, edits;        /* stores of group words, of buckets */
};
void nexthop_group_stats(
    struct nexthop_groups *g, struct nexthop_group_stats *out);

#endif /* STACK_NEXTHOP_GROUP_H */
