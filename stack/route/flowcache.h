/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_FLOWCACHE_H
#define STACK_ROUTE_FLOWCACHE_H

/*
 * A worker's memory of what route_rule_lookup_batch() said: for a flow, the
 * route to its destination, through rules and tables, and the one to its
 * source.  The answers are the same with it as without.
 *
 * It pays where a lookup is dear: many rules, tables that are not compiled.
 * With one table and no rule two lookups in the compiled table cost no more
 * than one here, so that it is off unless asked for; automatic, it measures
 * both ways and takes the cheaper one.
 *
 * What may run together ("-" yes, "X" the caller must prevent it):
 *
 *                   lookup  counter  destroy  changes of routes and rules
 *   lookup             X       -        X        -
 */

#include <stdint.h>

#include "stack/route/rule.h"

struct route_flowcache;

enum route_flowcache_mode {
	ROUTE_FLOWCACHE_OFF,
	ROUTE_FLOWCACHE_ON,
	ROUTE_FLOWCACHE_AUTO, /* whichever way is the cheaper one */
};

struct route_flowcache_config {
	uint32_t entries; /* a power of two, 4 .. 2^24; 0: 8192, of 32 bytes */
	uint32_t seed;    /* of the hash */
	/* Time in any unit, for ROUTE_FLOWCACHE_AUTO; NULL: the processor's. */
	uint64_t (*clock)(void *arg);
	void *clock_arg;
};

/*
 * Make an empty cache in front of IPv4 tables.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller gets it; the tables must outlive it.
 * Returns: 0, -EINVAL (entries, or tables of another family) or -ENOMEM.
 */
int route_flowcache_create(const struct route_tables *ts,
    const struct route_flowcache_config *cfg, struct route_flowcache **out);

/* Free it.  Context: control thread, the only user; never sleeps. */
void route_flowcache_destroy(struct route_flowcache *c);

/*
 * What route_rule_lookup_batch() says of these flows.
 * Context: the worker whose cache it is, in a read section; never sleeps;
 *          wait-free; writes no memory that others read but its counters.
 * Order:   and owner: as route_rule_lookup_batch().
 */
void route_flowcache_lookup_batch(struct route_flowcache *c,
    enum route_flowcache_mode mode, const struct route_flow *flow,
    const struct route **dst, const struct route **src, unsigned int n);

/* Packets, but for the last two. */
enum route_flowcache_counter {
	ROUTE_FLOWCACHE_HITS,
	ROUTE_FLOWCACHE_MISSES,
	ROUTE_FLOWCACHE_INSERTS,
	ROUTE_FLOWCACHE_REFUSED, /* not kept: the first of its flow, or no room */
	ROUTE_FLOWCACHE_BYPASSED, /* looked up while it was on but not used */
	ROUTE_FLOWCACHE_FLUSHES,  /* times that all was forgotten */
	ROUTE_FLOWCACHE_SWITCHES, /* times that automatic changed its way */
	ROUTE_FLOWCACHE_COUNTERS
};

/* Read a counter.  Context: any thread; never sleeps. */
uint64_t route_flowcache_counter_read(
    const struct route_flowcache *c, enum route_flowcache_counter counter);

/* The counter's stable name ("hits").  Context: any thread. */
const char *route_flowcache_counter_name(enum route_flowcache_counter counter);

#endif /* STACK_ROUTE_FLOWCACHE_H */
