/* SPDX-License-Identifier: BSD-2-Clause */

/* Short names for what tests of the next-hop table do all the time. */
#ifndef TESTS_STACK_GROUPTAB_H
#define TESTS_STACK_GROUPTAB_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/nexthop/object.h"
#include "stack/nexthop/resolve.h"

/* A gateway 10.0.x.y on a port. */
static inline struct nexthop_hop
via(unsigned int gateway, netif_id port, unsigned int weight)
{
	return (struct nexthop_hop){.kind = NEXTHOP_VIA,
	    .weight = (uint16_t)weight,
	    .netif = port,
	    .gateway = {
		10, 0, (uint8_t)(gateway >> 8), (uint8_t)(gateway & 255)}};
}

static inline struct nexthop_hop
drop(enum nexthop_kind kind)
{
	return (struct nexthop_hop){.kind = (uint8_t)kind, .weight = 1};
}

static inline struct nexthop_hop
link_hop(netif_id port)
{
	return (struct nexthop_hop){
	    .kind = NEXTHOP_LINK, .weight = 1, .netif = port};
}

static inline int
try_group(struct nexthop_groups *g, const struct nexthop_hop *hops,
    unsigned int n, uint32_t backup, uint32_t *out)
{
	const struct nexthop_group_config cfg = {
	    .hops = hops, .nhops = n, .backup = backup};

	return nexthop_group_acquire(g, &cfg, out);
}

static inline uint32_t
group(struct nexthop_groups *g, const struct nexthop_hop *hops, unsigned int n,
    uint32_t backup)
{
	uint32_t id = 0;

	cr_assert_eq(try_group(g, hops, n, backup, &id), 0);
	cr_assert_neq(id, 0u);
	return id;
}

/* The group of a numbered next hop, held. */
static inline uint32_t
object_group(struct nexthop_objects *t, uint32_t id)
{
	uint32_t group = 0;

	cr_assert_eq(nexthop_object_acquire(t, id, &group), 0);
	return group;
}

/* The gateway number of a slot; -1: none. */
static inline int
gateway_of(const struct nexthop_slot *s)
{
	return s == NULL ? -1 : s->gateway[2] << 8 | s->gateway[3];
}

/* The gateway number that a flow goes by. */
static inline int
goes(struct nexthop_groups *g, uint32_t id, uint32_t hash)
{
	const uint64_t s = pserialize_read_enter();
	const int gateway = gateway_of(nexthop_resolve(g, NULL, id, hash));

	pserialize_read_exit(s);
	return gateway;
}

static inline enum nexthop_kind
kind_of(struct nexthop_groups *g, uint32_t id)
{
	const uint64_t s = pserialize_read_enter();
	const struct nexthop_slot *slot = nexthop_resolve(g, NULL, id, 0);
	const enum nexthop_kind kind =
	    slot == NULL ? NEXTHOP_KIND_COUNT : (enum nexthop_kind)slot->kind;

	pserialize_read_exit(s);
	return kind;
}

/* xorshift32 */
static inline uint32_t
random_next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static inline struct nexthop_group_stats
stats(struct nexthop_groups *g)
{
	struct nexthop_group_stats s;

	nexthop_group_stats(g, &s);
	return s;
}

#endif /* TESTS_STACK_GROUPTAB_H */
