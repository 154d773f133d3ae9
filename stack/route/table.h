/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_TABLE_H
#define STACK_ROUTE_TABLE_H

/*
 * The routing table of one family: routes keyed by prefix in a persistent
 * Patricia tree (libsync/radix_lf).  Packets look the tree up without a lock
 * and see, for each address, the state before or after a commit, never
 * between.  A route is immutable: a change publishes a new one.
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
};

/* Who made a route: rtnetlink(7) protocol numbers. */
enum route_protocol {
	ROUTE_PROTO_KERNEL = 2, /* follows from an address */
	ROUTE_PROTO_BOOT = 3,   /* psnetctl, unless it says another */
	ROUTE_PROTO_STATIC = 4, /* the configuration file */
};

#define ROUTE_NEXTHOPS_MAX 64

struct route_nexthop {
	netif_id netif;
	uint8_t gateway[16]; /* all zero: the destination is on the link */
	bool has_gateway;
	uint8_t weight; /* 1 .. 255 */
};

/* [c] constant once published */
struct route {
	struct pserialize_head retire;
	uint8_t key[16];     /* [c] prefix, network order, host bits clear */
	uint8_t plen;        /* [c] bits */
	uint8_t type;        /* [c] enum route_type */
	uint8_t protocol;    /* [c] enum route_protocol or a daemon's */
	uint8_t nnexthops;   /* [c] 0 for blackhole, unreachable, prohibit */
	uint8_t prefsrc[16]; /* [c] source for our own packets; zero: none */
	bool has_prefsrc;    /* [c] */
	uint32_t metric;     /* [c] kept for show; one route per prefix */
	struct route_nexthop nexthops[]; /* [c] */
};

/*
 * Make an empty table.
 * Context: control thread; may sleep (allocates).
 * Returns: 0 or -ENOMEM.
 */
int route_table_create(
    struct stack *st, enum netif_af af, struct route_table **out);

/* Free the table and its routes.  Context: control thread, the only user. */
void route_table_destroy(struct route_table *t);

/*
 * The longest prefix that matches addr (4 or 16 bytes, network order).
 * Context: reader section; never sleeps; wait-free.
 * Order:   linearizable at the load of the root: the answer is that of some
 *          committed state during the call.
 * Owner:   lives until the section ends.
 * Returns: NULL if nothing matches.
 */
const struct route *route_table_lookup(
    const struct route_table *t, const uint8_t *addr);

/* The route of exactly this prefix; else as route_table_lookup(). */
const struct route *route_table_exact(
    const struct route_table *t, const uint8_t *prefix, unsigned int plen);

/*
 * The next hop of r for a packet with this flow hash: by weight among those
 * whose interface is usable.
 * Context: reader section; never sleeps; wait-free.
 * Returns: NULL if none is usable.
 */
const struct route_nexthop *route_select(
    struct stack *st, const struct route *r, uint32_t hash);

/* What to do when the prefix has a route already, or has none. */
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
	uint32_t metric;
	uint8_t prefsrc[16];
	bool has_prefsrc;
	unsigned int nnexthops;
	const struct route_nexthop *nexthops;
};

/*
 * Edits that become visible together.  Begin, edit, then commit or abort.
 * Context: control thread holding the control mutex; may sleep (allocates).
 * Returns: 0, -ENOMEM; route_txn_add(): also -EINVAL (host bits, type, next
 *          hops), -EEXIST or -ENOENT as mode says; route_txn_remove(): -ENOENT.
 *          A failed edit leaves the transaction as it was.
 */
int route_txn_begin(struct route_table *t, struct route_txn **out);
int route_txn_add(
    struct route_txn *x, const struct route_config *cfg, enum route_mode mode);
int route_txn_remove(
    struct route_txn *x, const uint8_t *prefix, unsigned int plen);
const struct route *route_txn_exact(
    struct route_txn *x, const uint8_t *prefix, unsigned int plen);

/*
 * Take the next hops for which goes() is true away from r, a route of the
 * transaction's table, and the route itself if it has no other.
 * Context: as route_txn_add().
 * Returns: 1 if that was an edit, 0 if not, or -ENOMEM.
 */
int route_txn_prune(struct route_txn *x, const struct route *r,
    bool (*goes)(const struct route_nexthop *nh, void *arg), void *arg);

/*
 * Publish all edits with one store, retire what they replaced, and publish an
 * event per edit (one summary event beyond 1024 edits).  Commit and abort free
 * the transaction.
 */
void route_txn_commit(struct route_txn *x);
void route_txn_abort(struct route_txn *x);

/* One edit in one transaction.  Context and returns: as above. */
int route_table_add(struct route_table *t, const struct route_config *cfg,
    enum route_mode mode);
int route_table_remove(
    struct route_table *t, const uint8_t *prefix, unsigned int plen);

/*
 * Remove next hops on interface id, and routes that have no other.
 * Context: control thread holding the control mutex; may sleep.
 * Returns: the number of routes removed or changed, or -ENOMEM.
 */
int route_table_purge_netif(struct route_table *t, netif_id id);

/*
 * Call fn for each route of one snapshot, prefix before its more-specifics.
 * Context: control thread, not in a read section; fn may sleep.
 * Returns: 0, -ENOMEM or the first non-zero of fn.
 */
int route_table_walk(struct route_table *t,
    int (*fn)(void *arg, const struct route *r), void *arg);

/* Number of routes.  Context: any thread. */
size_t route_table_count(const struct route_table *t);

/* "unicast" and so on; NULL if unknown.  Context: any thread. */
const char *route_type_name(uint8_t type);

#endif /* STACK_ROUTE_TABLE_H */
