/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Most of the time the better way is used and nothing is timed.  Now and then
 * both are compared, batch by batch in turn, so that they see the same traffic
 * and the same changes of the tables: rest, fill (if the cache is not in use,
 * it is cold), compare, rest.
 *
 * Invariants
 *   I1  Who is in use stays unless the other is cheaper; the cache comes into
 *       use only if it is cheaper by an eighth, so that two equals do not
 *       alternate.
 *   I2  A rest after a comparison that changed nothing is twice as long as the
 *       one before, up to a bound: trying takes less than 1 % of the packets
 *       then.  The bound is lower while the cache is in use, as that is the way
 *       that may become much dearer from one moment to the next.
 */

#include "stack/route/flowcache_auto.h"

static void
compare(struct route_flowcache_auto *a)
{
	a->phase = ROUTE_FLOWCACHE_COMPARE;
	a->turn = a->use;
	for (unsigned int i = 0; i < ROUTE_FLOWCACHE_WAYS; i++)
		a->cost[i] = (struct route_flowcache_auto_cost){.ticks = 0};
}

static void
fill(struct route_flowcache_auto *a)
{
	a->phase = ROUTE_FLOWCACHE_FILL;
	a->left = ROUTE_FLOWCACHE_AUTO_FILL;
}

static void
rest(struct route_flowcache_auto *a)
{
	a->phase = ROUTE_FLOWCACHE_REST;
	a->left = a->rest;
}

void
route_flowcache_auto_init(struct route_flowcache_auto *a)
{
	*a = (struct route_flowcache_auto){
	    .use = ROUTE_FLOWCACHE_PLAIN, .rest = ROUTE_FLOWCACHE_AUTO_REST};
	fill(a);
}

enum route_flowcache_way
route_flowcache_auto_next(const struct route_flowcache_auto *a, bool *timed)
{
	*timed = a->phase == ROUTE_FLOWCACHE_COMPARE;
	if (a->phase == ROUTE_FLOWCACHE_FILL)
		return ROUTE_FLOWCACHE_CACHED;
	return *timed ? a->turn : a->use;
}

/* One batch may have been interrupted: the dearest one says nothing. */
static void
add(struct route_flowcache_auto_cost *c, unsigned int n, uint64_t ticks)
{
	c->ticks += ticks;
	c->packets += n;
	if (ticks > c->worst_ticks) {
		c->worst_ticks = ticks;
		c->worst_packets = n;
	}
}

static bool
enough(const struct route_flowcache_auto_cost *c)
{
	return c->packets >= ROUTE_FLOWCACHE_AUTO_COMPARE;
}

/* Is a, times share / 8, below b, each per packet? */
static bool
cheaper(const struct route_flowcache_auto_cost *a, unsigned int share,
    const struct route_flowcache_auto_cost *b)
{
	const uint64_t ta = a->ticks - a->worst_ticks;
	const uint64_t tb = b->ticks - b->worst_ticks;

	return ta * share * (b->packets - b->worst_packets) <
	       tb * 8 * (a->packets - a->worst_packets);
}

static bool
judge(struct route_flowcache_auto *a)
{
	const struct route_flowcache_auto_cost *plain =
	    &a->cost[ROUTE_FLOWCACHE_PLAIN];
	const struct route_flowcache_auto_cost *cached =
	    &a->cost[ROUTE_FLOWCACHE_CACHED];
	const enum route_flowcache_way before = a->use;
	static const uint32_t longest[ROUTE_FLOWCACHE_WAYS] = {
	    [ROUTE_FLOWCACHE_PLAIN] = ROUTE_FLOWCACHE_AUTO_REST_MAX,
	    [ROUTE_FLOWCACHE_CACHED] = ROUTE_FLOWCACHE_AUTO_REST_CACHED,
	};

	if (before == ROUTE_FLOWCACHE_PLAIN && cheaper(cached, 9, plain))
		a->use = ROUTE_FLOWCACHE_CACHED;
	else if (before == ROUTE_FLOWCACHE_CACHED && cheaper(plain, 8, cached))
		a->use = ROUTE_FLOWCACHE_PLAIN;
	if (before != a->use)
		a->rest = ROUTE_FLOWCACHE_AUTO_REST;
	else if (a->rest < longest[a->use])
		a->rest *= 2;
	rest(a);
	return a->use != before;
}

static void
next_phase(struct route_flowcache_auto *a)
{
	if (a->phase == ROUTE_FLOWCACHE_REST && a->use == ROUTE_FLOWCACHE_PLAIN)
		fill(a);
	else
		compare(a);
}

bool
route_flowcache_auto_tell(
    struct route_flowcache_auto *a, unsigned int n, uint64_t ticks)
{
	if (a->phase == ROUTE_FLOWCACHE_COMPARE) {
		add(&a->cost[a->turn], n, ticks);
		a->turn = a->turn == ROUTE_FLOWCACHE_PLAIN
			      ? ROUTE_FLOWCACHE_CACHED
			      : ROUTE_FLOWCACHE_PLAIN;
		return enough(&a->cost[0]) && enough(&a->cost[1]) && judge(a);
	}
	if (a->left > n)
		a->left -= n;
	else
		next_phase(a);
	return false;
}
