/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_FLOWCACHE_AUTO_H
#define STACK_ROUTE_FLOWCACHE_AUTO_H

/*
 * Which of two ways of looking up is the cheaper one, found out by trying both.
 * It knows nothing of the ways, nor of time: it says which way the next batch
 * takes and is told what that cost.
 */

#include <stdbool.h>
#include <stdint.h>

enum route_flowcache_way {
	ROUTE_FLOWCACHE_PLAIN,
	ROUTE_FLOWCACHE_CACHED,
	ROUTE_FLOWCACHE_WAYS
};

/* Packets of one way that are compared with those of the other. */
#define ROUTE_FLOWCACHE_AUTO_COMPARE 4096u
/* Packets through the cache before that, so that it is warm. */
#define ROUTE_FLOWCACHE_AUTO_FILL 32768u
/* Packets from one comparison to the next; more if it changes nothing. */
#define ROUTE_FLOWCACHE_AUTO_REST        (1u << 18)
#define ROUTE_FLOWCACHE_AUTO_REST_CACHED (1u << 20) /* at most, in use */
#define ROUTE_FLOWCACHE_AUTO_REST_MAX    (1u << 23) /* at most, not in use */

/* What batches of one way cost; the dearest is not counted. */
struct route_flowcache_auto_cost {
	uint64_t ticks, packets, worst_ticks, worst_packets;
};

/* [o] its worker */
struct route_flowcache_auto {
	enum route_flowcache_way use; /* what is the cheaper one */
	enum {
		ROUTE_FLOWCACHE_REST,
		ROUTE_FLOWCACHE_FILL,
		ROUTE_FLOWCACHE_COMPARE
	} phase;
	enum route_flowcache_way turn; /* of the comparison */
	uint32_t left; /* packets to the end of the phase, but for COMPARE */
	uint32_t rest; /* length of the next rest */
	struct route_flowcache_auto_cost cost[ROUTE_FLOWCACHE_WAYS];
};

/* Begin with a comparison.  Context: any thread that owns *a. */
void route_flowcache_auto_init(struct route_flowcache_auto *a);

/*
 * The way of the next batch.
 * Context: the owner of *a; never sleeps.
 * Returns: the way; *timed says that its cost is to be told.
 */
enum route_flowcache_way route_flowcache_auto_next(
    const struct route_flowcache_auto *a, bool *timed);

/*
 * That batch had n packets, and if it was timed took so many ticks.
 * Context: as above.
 * Returns: whether the way to use has changed.
 */
bool route_flowcache_auto_tell(
    struct route_flowcache_auto *a, unsigned int n, uint64_t ticks);

#endif /* STACK_ROUTE_FLOWCACHE_AUTO_H */
