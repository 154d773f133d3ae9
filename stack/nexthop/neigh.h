/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_NEXTHOP_NEIGH_H
#define STACK_NEXTHOP_NEIGH_H

/*
 * The neighbour cache: one table per interface and family, apart from the
 * routing table.
 *
 * Readers, any worker, look an address up without a lock and copy an immutable
 * adjacency, the prebuilt L2 header.  All changes of a table are made by its
 * owner, one worker: other workers and the control thread send it messages.  A
 * change swaps the adjacency and retires the old one.
 *
 * States (RFC 1122 2.3.2.1, and the NUD of RFC 4861 7.3.2 in ARP's terms):
 *
 *   INCOMPLETE  asked, no answer yet; up to NEXTHOP_HOLD_MAX packets wait
 *   REACHABLE   answered lately; while it is in use it becomes PROBE in time
 *   STALE       known, not used lately; used as it is, the first use starts
 *               PROBE
 *   PROBE       asked again by unicast, used meanwhile; without an answer it
 *               becomes INCOMPLETE, so that everybody is asked
 *   FAILED      did not answer; packets to it are answered as unreachable
 *               until the negative entry expires
 *   PERMANENT   configured; never asked, never expires
 *
 * What may run together ("-" yes, "X" the caller must prevent it):
 *
 *              lookup  output  owner's calls  control calls  destroy
 *   lookup       -       -           -              -           X
 *   owner's      -       -           X              -           X
 *   control      -       -           -              X           X
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/pkt.h"

struct nexthop_table;
struct stack;
struct worker;

enum nexthop_state {
	NEXTHOP_INCOMPLETE,
	NEXTHOP_REACHABLE,
	NEXTHOP_STALE,
	NEXTHOP_PROBE,
	NEXTHOP_FAILED,
	NEXTHOP_PERMANENT,
	NEXTHOP_STATE_COUNT
};

/* Packets that wait for one neighbour; the oldest is dropped beyond. */
#define NEXTHOP_HOLD_MAX 3

#define NEXTHOP_HDR_MAX 24

/* An immutable L2 rewrite; lives until the reader's section ends. */
struct nexthop_adj {
	struct pserialize_head retire;
	netif_id netif;               /* where it leaves */
	uint8_t hdr_len;              /* bytes of hdr used */
	uint8_t stale;                /* using it should start a probe */
	uint8_t hdr[NEXTHOP_HDR_MAX]; /* destination, source, EtherType */
};

/*
 * Somebody who wants to know the adjacency of one address; his memory.
 * [c] constant while it watches  [o] owner worker
 */
struct nexthop_watch {
	/*
	 * The tick (nexthop_group_tick()) of the last packet that went to the
	 * address by what fn was told, without the neighbour cache; 0: none.
	 * May be NULL: never.
	 * Context: as fn.
	 */
	uint32_t (*used)(struct nexthop_watch *w);

	/*
	 * The address has this adjacency now; NULL: none.  Called at once if
	 * there is one, and at each change.
	 * Context: owner worker in a read section, or a control thread in its
	 *          place; never sleeps.  adj lives until the section ends.
	 */
	void (*fn)(struct nexthop_watch *w, const struct nexthop_adj *adj);
	netif_id netif;             /* [c] */
	enum netif_af af;           /* [c] */
	uint8_t addr[16];           /* [c] zero beyond the family's length */
	struct nexthop_watch *next; /* [o] */
};

/* Bounds and times; nanoseconds unless said. */
struct nexthop_params {
	unsigned int max_entries;    /* of any state (default 4096) */
	unsigned int max_incomplete; /* (512) RFC 6583 section 7.1 */
	unsigned int max_source;     /* of these for one sender (128) */
	unsigned int max_held;       /* packets that wait, in all (512) */
	unsigned int max_solicits;   /* multicast/broadcast tries (3) */
	unsigned int max_probes;     /* unicast tries (3) */
	uint64_t solicit_interval;   /* per entry, at most one each (1 s) */
	unsigned int solicit_rate; /* per table, to everybody, a second (256) */
	uint64_t reachable_time;   /* REACHABLE -> STALE (30 s) */
	uint64_t stale_time;       /* STALE unused -> removed (20 min) */
	uint64_t failed_time;      /* FAILED -> removed (20 s) */
};

/* What the family's protocol (ARP, later ND) does for the table. */
struct nexthop_resolver {
	/*
	 * Send one request for addr; hwaddr is the unicast target of a probe,
	 * or NULL to ask everybody.  Context: owner worker, read section.
	 */
	void (*solicit)(void *arg, struct worker *w, struct netif *nif,
	    const uint8_t *addr, const uint8_t *hwaddr);

	/*
	 * p could not be sent for reason; answer its sender if that is due,
	 * and drop it.  Context: a worker, read section.  Owner: takes p.
	 */
	void (*unreachable)(void *arg, struct worker *w, struct netif *nif,
	    struct pkt *p, enum drop_reason reason);

	uint16_t ethertype; /* of the headers to build, host order */
	uint8_t addr_len;   /* bytes of an address: 4 or 16 */
	uint8_t src_off;    /* of the sender in the L3 header; 0: not there */
};

/* A copy of one entry, for show. */
struct nexthop_entry {
	netif_id netif;
	enum netif_af af;
	uint8_t addr[16];
	uint8_t hwaddr[6]; /* zero while INCOMPLETE */
	enum nexthop_state state;
	uint64_t age;       /* ns since the last confirmation */
	uint64_t used;      /* ns since the last packet, about; UINT64_MAX */
	unsigned int held;  /* packets waiting */
	unsigned int tries; /* requests since the last answer */
	bool proven;        /* it answered, or packets were sent to it */
	bool router;        /* reserved for ND */
};

/*
 * What a table counts, X(field, name): the names are what users see.  Packets
 * that were refused are counted by their drop reason, too.
 */
#define NEXTHOP_COUNTERS(X)                                      \
	X(created, "created")               /* entries */        \
	X(expired, "expired")               /* by their timer */ \
	X(moved, "moved")                   /* other hwaddr */   \
	X(confirmed, "confirmed")           /* by an answer */   \
	X(failed, "failed")                 /* no answer */      \
	X(renewals, "renewals")             /* probes: in use */ \
	X(solicits, "solicits")             /* to everybody */   \
	X(probes, "probes")                 /* to one */         \
	X(rate_limited, "rate_limited")     /* not sent */       \
	X(evicted_failed, "evicted_failed") /* made room */      \
	X(evicted_incomplete, "evicted_incomplete")              \
	X(evicted_unproven, "evicted_unproven")                  \
	X(evicted_stale, "evicted_stale")                        \
	X(refused_full, "refused_full") /* entries */            \
	X(refused_incomplete, "refused_incomplete")              \
	X(refused_source, "refused_source")                      \
	X(refused_claims, "refused_claims") /* who asked us */   \
	X(refused_held, "refused_held")     /* packets */

struct nexthop_counters {
#define X(field, name) uint64_t field;
	NEXTHOP_COUNTERS(X)
#undef X
};

/* A copy of what a table is, for show. */
struct nexthop_table_info {
	netif_id netif;
	enum netif_af af;
	struct nexthop_params params;
	unsigned int room; /* the most that max_entries can become */
	unsigned int entries, held;
	unsigned int count[NEXTHOP_STATE_COUNT];
	struct nexthop_counters counters;
};

/* The defaults above.  Context: any thread. */
void nexthop_params_default(struct nexthop_params *p);

/*
 * Give an interface its table of one family: published in
 * nif->neighbours[af].
 * Context: control thread holding the control mutex; may sleep (allocates all
 *          its memory now).
 * Returns: 0, -EEXIST, -EINVAL (a bound of 0) or -ENOMEM.
 */
int nexthop_table_attach(struct netif *nif, enum netif_af af,
    const struct nexthop_resolver *res, void *res_arg,
    const struct nexthop_params *params);

/*
 * Unpublish the table, drop held packets (DROP_NEIGH_PURGED), stop its timers
 * on the owner, wait for readers, free.
 * Context: control thread holding the control mutex; sleeps.
 */
void nexthop_table_detach(struct netif *nif, enum netif_af af);

/*
 * The adjacency for addr on nif.
 * Context: worker in a read section; never sleeps; wait-free.
 * Returns: NULL unless the entry is REACHABLE, STALE, PROBE or PERMANENT.
 */
const struct nexthop_adj *nexthop_lookup(
    const struct netif *nif, enum netif_af af, const uint8_t *addr);

/*
 * Send p, whose data is the L3 header, to the neighbour p->nexthop on nif, a
 * unicast address (a broadcast goes by ether_output()): rewrite and
 * netif_output() if there is an adjacency, otherwise the owner holds it and
 * asks.  Bare IP links (the loop interface) need no neighbour; a NOARP
 * interface knows PERMANENT ones only.
 * Context: worker in a read section; never sleeps; wait-free.
 * Owner:   takes p.
 */
void nexthop_output(
    struct worker *w, struct netif *nif, enum netif_af af, struct pkt *p);

/*
 * Is there an entry for addr, in whatever state?
 * Context: worker in a read section; never sleeps; wait-free.
 */
bool nexthop_known(
    const struct netif *nif, enum netif_af af, const uint8_t *addr);

/*
 * The worker that owns the tables of interface id, gone or not.
 * Context: any thread; never sleeps.
 */
struct worker *nexthop_owner(struct stack *st, netif_id id);

/*
 * The res_arg of nexthop_table_attach().
 * Context: reader section; never sleeps; wait-free.
 * Returns: NULL if nif has no table of the family.
 */
void *nexthop_resolver_arg(const struct netif *nif, enum netif_af af);

/* How much a received claim is worth. */
enum nexthop_claim {
	NEXTHOP_CLAIM_HINT,    /* unsolicited: update, never create */
	NEXTHOP_CLAIM_REQUEST, /* they asked us: may create, as STALE */
	NEXTHOP_CLAIM_ANSWER,  /* a reply: REACHABLE if we asked, else HINT */
};

/* What a received packet said: addr is at hwaddr.  Both may lie in it. */
struct nexthop_said {
	const uint8_t *addr;
	const uint8_t *hwaddr;
	enum nexthop_claim claim;
};

/*
 * A packet said something.  A PERMANENT entry is not changed; a
 * different hwaddr swaps the adjacency; held packets leave.
 * Context: any worker in a read section (sent on to the owner inside p, which
 *          is freed there); never sleeps.
 * Owner:   takes p, the packet that said so.
 */
void nexthop_learn(struct worker *w, struct netif *nif, enum netif_af af,
    const struct nexthop_said *said, struct pkt *p);

/*
 * Configure, or replace by, a PERMANENT entry; held packets leave.
 * Context: control thread, not in a read section; sleeps (asks the owner).
 * Returns: 0, -ENODEV, -EAFNOSUPPORT (no table), -EINVAL (group or zero
 *          hwaddr), -EEXIST (an entry that is PERMANENT already, without
 *          replace), -ENOSPC (every entry is in use), -ENOMEM.
 */
int nexthop_static_add(struct stack *st, netif_id id, enum netif_af af,
    const uint8_t *addr, const uint8_t *hwaddr, bool replace);

/*
 * Remove one entry of any state.
 * Context: as nexthop_static_add().
 * Returns: 0, -ENODEV, -EAFNOSUPPORT or -ENOENT.
 */
int nexthop_remove(
    struct stack *st, netif_id id, enum netif_af af, const uint8_t *addr);

/*
 * Remove the entries inside prefix/plen (plen 0: all); PERMANENT ones only if
 * permanent is true.  Held packets are dropped as DROP_NEIGH_PURGED.
 * Context: as nexthop_static_add(); may hold the control mutex.
 * Returns: the number removed, or -ENODEV or -EAFNOSUPPORT.
 */
int nexthop_flush(struct stack *st, netif_id id, enum netif_af af,
    const uint8_t *prefix, unsigned int plen, bool permanent);

/*
 * Call fn for a copy of each entry of one table, in no order.
 * Context: control thread, not in a read section; fn may sleep.
 * Returns: 0, -ENODEV, -EAFNOSUPPORT, -ENOMEM or the first non-zero of fn.
 */
int nexthop_walk(struct stack *st, netif_id id, enum netif_af af,
    int (*fn)(void *arg, const struct nexthop_entry *e), void *arg);

/*
 * Watch an address from now on, and no more.  After nexthop_unwatch() fn is not
 * running and does not run again.  A table that is detached forgets those who
 * watch it.
 * Context: control thread, not in a read section; sleeps (asks the owner).
 *          May hold the control mutex.
 * Returns: 0, -ENODEV or -EAFNOSUPPORT (no table): fn will never run.
 */
int nexthop_watch(struct stack *st, struct nexthop_watch *w);
void nexthop_unwatch(struct stack *st, struct nexthop_watch *w);

/*
 * Copy one table's bounds and counters.
 * Context: as nexthop_static_add().
 * Returns: 0, -ENODEV or -EAFNOSUPPORT.
 */
int nexthop_table_show(struct stack *st, netif_id id, enum netif_af af,
    struct nexthop_table_info *out);

/*
 * Give a table other bounds and times.  Entries beyond a new bound stay until
 * they expire or make room.
 * Context: as nexthop_static_add().
 * Returns: 0, -ENODEV, -EAFNOSUPPORT, -EINVAL (a bound of 0) or -ENOSPC (more
 *          entries than the table was made for).
 */
int nexthop_table_set(struct stack *st, netif_id id, enum netif_af af,
    const struct nexthop_params *params);

/* "reachable" and so on.  Context: any thread. */
const char *nexthop_state_name(enum nexthop_state s);

#endif /* STACK_NEXTHOP_NEIGH_H */
