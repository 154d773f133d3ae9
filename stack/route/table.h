/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_TABLE_H
#define STACK_ROUTE_TABLE_H

/*
 * A routing table of one family: the candidates of each prefix, in a persistent
 * Patricia tree (libsync/radix_lf).  Several sources may have a route to the
 * same prefix; the one with the lowest distance, then metric, then protocol
 * number is what packets find, the others wait.  Packets look the tree up
 * without a lock and see, for each address, the state before or after a commit,
 * never between.  A route is immutable: a change publishes another one.
 *
 * What may run together ("-" yes, "X" the caller must prevent it):
 *
 *             lookup  change  walk
 *   lookup      -       -      -
 *   change      -       X      -
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"

struct fib_stats;
struct nexthop_groups;
struct route_table;
struct route_txn;
struct stack;

/* The numbers are those of rtnetlink(7), as iproute2 shows them. */
enum route_type {
	ROUTE_UNICAST = 1,
	ROUTE_LOCAL = 2,
	ROUTE_BROADCAST = 3,
	ROUTE_BLACKHOLE = 6,   /* dropped silently */
	ROUTE_UNREACHABLE = 7, /* ICMP host unreachable */
	ROUTE_PROHIBIT = 8,    /* ICMP administratively prohibited */
	ROUTE_THROW = 9,       /* as if this table had no route */
	ROUTE_LOOKUP = 64,     /* ours: go on in another table */
};

/* Who made a route: rtnetlink(7) protocol numbers; daemons have others. */
enum route_protocol {
	ROUTE_PROTO_REDIRECT = 1, /* ICMP */
	ROUTE_PROTO_KERNEL = 2,   /* follows from an address */
	ROUTE_PROTO_BOOT = 3,     /* psnetctl, unless it says another */
	ROUTE_PROTO_STATIC = 4,   /* the configuration file */
};

#define ROUTE_NEXTHOPS_MAX   64
#define ROUTE_WEIGHT_MAX     256 /* as rtnetlink(7)'s */
#define ROUTE_CANDIDATES_MAX 64  /* of one prefix */

struct route_nexthop {
	netif_id netif;      /* 0: it is recursive */
	uint8_t gateway[16]; /* all zero: the destination is on the link */
	bool has_gateway;
	bool recursive;  /* by what the route's own table has for the gateway */
	uint16_t weight; /* 1 .. ROUTE_WEIGHT_MAX */
};

/*
 * Where a route leads, and who says so.  All prefixes with the same route share
 * one.  [c] constant once published
 */
struct route {
	uint32_t group;      /* [c] its number in a FIB, stack/route/source.h */
	uint32_t hops;       /* [c] its next-hop group, stack/nexthop/group.h */
	uint32_t metric;     /* [c] */
	uint32_t table;      /* [c] ROUTE_LOOKUP: where to go on */
	uint32_t nhid;       /* [c] next-hop object that it names; 0: none */
	uint8_t type;        /* [c] enum route_type */
	uint8_t protocol;    /* [c] enum route_protocol or a daemon's */
	uint8_t distance;    /* [c] preference of the source, 0 the best */
	uint8_t nnexthops;   /* [c] 0: no way on, or that of the object */
	uint8_t prefsrc[16]; /* [c] source for our own packets; zero: none */
	bool has_prefsrc;    /* [c] */
	struct route_nexthop nexthops[]; /* [c] */
};

/* What tells the candidates of a prefix apart. */
struct route_key {
	uint32_t metric;
	uint8_t distance;
	uint8_t protocol;
};

/* A candidate of a prefix. */
struct route_entry {
	uint8_t key[16]; /* prefix, network order, host bits clear */
	uint8_t plen;
	uint8_t rank;   /* 0: the one that lookups find */
	uint32_t table; /* route_table_number() */
	const struct route *route;
};

/*
 * Make an empty table that shares nothing with others, nor next-hop groups
 * with its stack.
 * Context: control thread; may sleep (allocates).
 * Returns: 0 or -ENOMEM.
 */
int route_table_create(
    struct stack *st, enum netif_af af, struct route_table **out);

/* Free the table and its routes.  Context: control thread, the only user. */
void route_table_destroy(struct route_table *t);

/* Its number (stack/route/tables.h); 0 for one by itself.  Any thread. */
uint32_t route_table_number(const struct route_table *t);

/* What the hops of its routes are numbers of.  Any thread. */
struct nexthop_groups *route_table_groups(const struct route_table *t);

/*
 * The route of the longest prefix that matches addr (4 or 16 bytes, network
 * order); the next one of them also says how long that prefix is.
 * Context: reader section; never sleeps; wait-free.
 * Order:   linearizable at the load of the root: the answer is that of some
 *          committed state during the call.
 * Owner:   lives until the section ends.
 * Returns: NULL if nothing matches, with *plen untouched.
 */
const struct route *route_table_lookup(
    const struct route_table *t, const uint8_t *addr);
const struct route *route_table_match(
    const struct route_table *t, const uint8_t *addr, unsigned int *plen);

/*
 * route_table_lookup() of n addresses, each at an instant of its own; and of
 * each in a table of its own, all of one family and stack.
 */
void route_table_lookup_batch(const struct route_table *t,
    const uint8_t *const *addr, const struct route **out, unsigned int n);
void route_table_lookup_tables(const struct route_table *const *t,
    const uint8_t *const *addr, const struct route **out, unsigned int n);

/*
 * The route of exactly this prefix: the one in use, or the candidate of that
 * rank; else as route_table_lookup().
 */
const struct route *route_table_exact(
    const struct route_table *t, const uint8_t *prefix, unsigned int plen);
const struct route *route_table_candidate(const struct route_table *t,
    const uint8_t *prefix, unsigned int plen, unsigned int rank);

/*
 * What to do when the prefix has a candidate with the same key already, or has
 * none.
 */
enum route_mode {
	ROUTE_ADD,     /* -EEXIST if there is one */
	ROUTE_REPLACE, /* either way */
	ROUTE_CHANGE,  /* -ENOENT if there is none */
};

/* Description of a route to add; copied. */
struct route_config {
	uint8_t prefix[16];
	uint8_t plen;
	uint8_t type; /* enum route_type */
	uint8_t protocol;
	uint8_t distance; /* if has_distance; else the protocol's */
	bool has_distance;
	bool has_prefsrc;
	uint8_t prefsrc[16];
	uint32_t metric;
	uint32_t in;    /* number of the table it is in; 0: the main one */
	uint32_t table; /* ROUTE_LOOKUP: where to go on */
	uint32_t nhid;  /* next-hop object instead of next hops; 0: none */
	bool fits;      /* its group makes do with the buckets there are */
	unsigned int nnexthops;
	const struct route_nexthop *nexthops;
};

/* The distance of a protocol's routes that say none.  Context: any thread. */
uint8_t route_distance(uint8_t protocol);

/* The key of a route, and of one to be made.  Context: any thread. */
struct route_key route_key(const struct route *r);
struct route_key route_config_key(const struct route_config *cfg);
bool route_key_equal(struct route_key a, struct route_key b);

/*
 * Edits that become visible together.  Begin, edit, then commit or abort.  Of
 * tables that share next-hop groups those that are open at once all commit or
 * all abort: a recursive gateway may be looked up in several of them.
 * An edit that would change nothing is none.
 * route_txn_remove() takes away the candidate with this key; NULL: all.
 * Context: control thread holding the control mutex; may sleep (allocates).
 * Returns: 0, -ENOMEM; route_txn_add(): also -EINVAL (host bits, type, next
 *          hops), -ENXIO (no such next-hop object), -ENOSPC (too many
 *          candidates, different routes or next hops), -EEXIST or -ENOENT as
 *          mode says; route_txn_remove(): -ENOENT.
 *          A failed edit leaves the transaction as it was.
 */
int route_txn_begin(struct route_table *t, struct route_txn **out);
int route_txn_add(
    struct route_txn *x, const struct route_config *cfg, enum route_mode mode);
int route_txn_remove(struct route_txn *x, const uint8_t *prefix,
    unsigned int plen, const struct route_key *key);

/*
 * A prefix as it would be if x committed now: its best route, the candidate of
 * a rank, the candidate with a key.
 * Context: as route_txn_add(); never sleeps.
 * Returns: NULL if there is none.
 */
const struct route *route_txn_exact(
    struct route_txn *x, const uint8_t *prefix, unsigned int plen);
const struct route *route_txn_candidate(struct route_txn *x,
    const uint8_t *prefix, unsigned int plen, unsigned int rank);
const struct route *route_txn_find(struct route_txn *x, const uint8_t *prefix,
    unsigned int plen, const struct route_key *key);

/*
 * Take the next hops for which goes() is true away from a candidate that a walk
 * of the transaction's table met, and the candidate itself if it has no other.
 * Context: as route_txn_add().
 * Returns: 1 if that was an edit, 0 if not, -ENOMEM, or -ENOSPC (different
 *          routes or groups).
 */
int route_txn_prune(struct route_txn *x, const struct route_entry *e,
    bool (*goes)(const struct route_nexthop *nh, void *arg), void *arg);

/*
 * Compile all edits, unseen, and resolve what goes by them; after that there
 * can be no more, and a commit cannot fail.  For those who commit several
 * tables together: none of these edits once the first has prepared.
 * Context: control thread holding the control mutex, outside a read section;
 *          may sleep, for readers too.
 * Returns: 0, or -ENOMEM or -ENOSPC: x may be tried again; others that have
 *          prepared before have to be aborted.
 */
int route_txn_prepare(struct route_txn *x);

/*
 * Prepare and publish all edits, retire what they replaced, and publish their
 * events in order (one summary event beyond 1024 edits).  A best candidate
 * that goes is succeeded in the same commit, with an event of its own.  Both
 * free the transaction, also a commit that fails.
 * Context: as route_txn_prepare().
 * Order:   of the edits of a commit a lookup may see some and not yet others,
 *          but for each address the state before or the one after.
 * Returns: commit: 0, or as prepare, and nothing has changed.
 */
int route_txn_commit(struct route_txn *x);
void route_txn_abort(struct route_txn *x);

/* One edit in one transaction.  Context and returns: as above. */
int route_table_add(struct route_table *t, const struct route_config *cfg,
    enum route_mode mode);
int route_table_remove(struct route_table *t, const uint8_t *prefix,
    unsigned int plen, const struct route_key *key);

/*
 * Remove the routes with one of these n next-hop groups, ascending.
 * Context: control thread holding the control mutex; may sleep.
 * Returns: the number of routes removed, or -ENOMEM.
 */
int route_table_purge_hops(
    struct route_table *t, const uint32_t *hops, size_t n);

/*
 * Call fn for each candidate of one snapshot: a prefix before its
 * more-specifics, the candidates of a prefix by rank.
 * Context: control thread, not in a read section; fn may sleep.
 * Returns: 0, -ENOMEM or the first non-zero of fn.
 */
int route_table_walk(struct route_table *t,
    int (*fn)(void *arg, const struct route_entry *e), void *arg);

/* Number of prefixes that have a route.  Context: any thread. */
size_t route_table_count(const struct route_table *t);

/*
 * What the compiled form takes.
 * Context: control mutex; never sleeps; visits every block.
 * Returns: false if there is none.
 */
bool route_table_fib_stats(const struct route_table *t, struct fib_stats *out);

/* "unicast" and so on; NULL if unknown.  Context: any thread. */
const char *route_type_name(uint8_t type);

#endif /* STACK_ROUTE_TABLE_H */
