/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_NEXTHOP_NEIGH_IMPL_H
#define STACK_NEXTHOP_NEIGH_IMPL_H

/* What the files of this folder share: the table, and the owner's steps. */

#include <string.h>
#include <sys/queue.h>

#include "libsync/base/assert.h"
#include "libsync/pslist/pslist.h"
#include "stack/core/timer.h"
#include "stack/nexthop/neigh.h"

/* All links with neighbours are Ethernet; a constant length copies best. */
#define NEXTHOP_HDR_LEN 14

/* An address of either family, zero padded, so that comparing is cheap. */
struct nexthop_key {
	uint64_t word[2];
};

/*
 * The lists that entries of a table are on: one for each state, but those who
 * are STALE, never answered and were never sent to have their own.
 */
#define NEXTHOP_LIST_UNPROVEN NEXTHOP_STATE_COUNT
#define NEXTHOP_LIST_COUNT    (NEXTHOP_STATE_COUNT + 1)

/* Senders whose unanswered questions are counted together. */
#define NEXTHOP_SOURCES     64
#define NEXTHOP_SOURCE_NONE 0xff

/*
 * One neighbour.  Invariants: neigh.c.
 * [a] atomic  [c] constant while a reader may find it  [o] owner worker
 */
struct nexthop_neigh {
	struct pslist_entry link;              /* [o] readers walk it */
	struct nexthop_key key;                /* [c] */
	SYNC_ATOMIC(struct nexthop_adj *) adj; /* [a] the owner stores */
	SYNC_ATOMIC(enum nexthop_state) state; /* [a] the owner stores */
	SYNC_ATOMIC(bool) posted;              /* [a] used is on its way */
	uint32_t index;                        /* [c] in the pool */
	bool linked;                           /* [o] readers may find it */
	bool known;                            /* [o] it answered once */
	bool wanted;                           /* [o] packets were sent to it */
	bool ours;                             /* [o] made for our own packet */
	uint8_t list;                          /* [o] which it is on */
	uint8_t source;                        /* [o] who pays for the asking */
	uint32_t born, used_last;              /* [o] ticks; used: when STALE */
	unsigned int tries;                    /* [o] requests sent */
	unsigned int ticks;                    /* [o] times it was due */
	unsigned int held;                     /* [o] packets in hold */
	struct pkt *hold, **hold_end;          /* [o] waiting, oldest first */
	uint8_t hwaddr[6];                     /* [o] zero: none yet */
	uint64_t confirmed;                    /* [o] ns */
	uint64_t gp;                           /* [o] readers gone, in limbo */
	struct timer timer;                    /* [o] */
	struct worker_msg used;                /* a stale adjacency was used */
	struct nexthop_table *table;           /* [c] */
	TAILQ_ENTRY(nexthop_neigh) of_list;    /* [o] or in limbo */
};

TAILQ_HEAD(nexthop_neighs, nexthop_neigh);

/* Those who watch are few: the gateways of routes. */
#define NEXTHOP_WATCH_CHAINS 64

/* [c] constant once published  [o] owner worker  [a] atomic */
struct nexthop_table {
	struct netif *nif;                  /* [c] outlives the table */
	struct stack *stack;                /* [c] */
	struct worker *owner;               /* [c] */
	const struct nexthop_resolver *res; /* [c] */
	void *res_arg;                      /* [c] */
	enum netif_af af;                   /* [c] */
	uint64_t seed;                      /* [c] of the hash */
	size_t mask;                        /* [c] buckets - 1 */
	struct pslist_head *bucket;         /* [c] readers walk them */
	SYNC_ATOMIC(uint32_t) * mark; /* [c] cells: [a] tick of the last use */
	size_t marks;                 /* [c] cells of a worker, whole lines */
	unsigned int room;            /* [c] the most of max_entries */

	struct nexthop_params params;     /* [o] */
	struct nexthop_counters counters; /* [o] */
	struct nexthop_neigh *pool;       /* [o] all entries */
	unsigned int npool;               /* [c] */
	unsigned int fresh;               /* [o] pool[fresh..] never used */
	unsigned int nlinked;             /* [o] */
	unsigned int held;                /* [o] packets in all hold queues */
	struct nexthop_neighs limbo;      /* [o] readers may stand on them */
	uint64_t pushed_at;               /* [o] limbo's grace period, ns */
	uint64_t credit, credit_at;       /* [o] bucket of requests, ns */
	struct nexthop_watch *watches[NEXTHOP_WATCH_CHAINS]; /* [o] */
	struct nexthop_neighs list[NEXTHOP_LIST_COUNT]; /* [o] oldest first */
	unsigned int count[NEXTHOP_STATE_COUNT];        /* [o] */
	unsigned int by_source[NEXTHOP_SOURCES];        /* [o] INCOMPLETE */
};

/* Are the bounds and times possible?  Context: any thread. */
bool nexthop_params_valid(const struct nexthop_params *p);

/*
 * Entries, entry.c.  Context of all: the owner, as below.
 */

/*
 * A new entry in the given state, without adjacency, timer and event; room is
 * made if need be.  NULL: nobody may go.
 */
struct nexthop_neigh *nexthop_entry_create(struct nexthop_table *t,
    struct worker *w, const struct nexthop_key *key, enum nexthop_state state);

/* Unlink e; it is used again when its readers have left. */
void nexthop_entry_remove(struct nexthop_neigh *e);

/* e's state is another one from now on. */
void nexthop_entry_set(struct nexthop_neigh *e, enum nexthop_state to);

enum nexthop_state nexthop_entry_state(const struct nexthop_neigh *e);

/* The tick of the last packet to e, whoever sent it; 0: none. */
uint32_t nexthop_entry_used(const struct nexthop_neigh *e);

/* addr, of the family's length, as a key. */
struct nexthop_key nexthop_key_make(
    const struct nexthop_table *t, const uint8_t *addr);

/* The table of one family, or NULL.  Context: reader section. */
struct nexthop_table *nexthop_table_get(
    const struct netif *nif, enum netif_af af);

/* The chain in which a key is looked for. */
struct pslist_head *nexthop_bucket(
    const struct nexthop_table *t, const struct nexthop_key *key);

/* The entry of a key, or NULL.  Context: reader section. */
struct nexthop_neigh *nexthop_find(
    const struct nexthop_table *t, const struct nexthop_key *key);

/* Prepend the adjacency's header to p, and transmit it. */
void nexthop_send(struct worker *w, struct nexthop_table *t,
    struct nexthop_neigh *e, const struct nexthop_adj *adj, struct pkt *p);

/*
 * The owner's steps.  Context of all: the owner worker in a read section, or
 * a control thread in its place (worker_call()); never sleeps.
 */

/* p waits for the neighbour of this key, which is asked.  Takes p. */
void nexthop_state_hold(struct nexthop_table *t, struct worker *w,
    const struct nexthop_key *key, struct pkt *p);

/* Somebody said that key is at hwaddr: as nexthop_learn(). */
void nexthop_state_claim(struct nexthop_table *t, struct worker *w,
    const struct nexthop_key *key, const uint8_t *hwaddr,
    enum nexthop_claim claim);

/* Returns: 0, -EEXIST, -ENOSPC or -ENOMEM, as nexthop_static_add(). */
int nexthop_state_permanent(struct nexthop_table *t, struct worker *w,
    const struct nexthop_key *key, const uint8_t *hwaddr, bool replace);

/* Unlink e; its packets are dropped for reason. */
void nexthop_state_remove(
    struct nexthop_neigh *e, struct worker *w, enum drop_reason reason);

/* As struct nexthop_watch says, of all that watch e. */
uint32_t nexthop_neigh_used(const struct nexthop_neigh *e);

/* Tell those who watch e that it has another adjacency, or none. */
void nexthop_neigh_tell(
    const struct nexthop_neigh *e, const struct nexthop_adj *adj);

/* Set up an entry of the pool for its first use. */
void nexthop_state_init(struct nexthop_table *t, struct nexthop_neigh *e);

/* Put a prebuilt header, which is of that length always, in front of p. */
static inline void
nexthop_push_header(struct pkt *p, const uint8_t *hdr, uint8_t len)
{
	SYNC_ASSERT(len == NEXTHOP_HDR_LEN);
	SYNC_ASSERT(pkt_headroom(p) >= NEXTHOP_HDR_LEN);
	p->data -= NEXTHOP_HDR_LEN;
	p->len += NEXTHOP_HDR_LEN;
	memcpy(p->data, hdr, NEXTHOP_HDR_LEN);
}

#endif /* STACK_NEXTHOP_NEIGH_IMPL_H */
