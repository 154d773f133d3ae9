/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What makes a route a candidate, and which of them is the best: the lowest
 * distance, which says how much its source is trusted; then the lowest metric,
 * which the source itself chose; then the lowest protocol number, so that the
 * order does not depend on who came first.
 */

#include "stack/route/table_impl.h"

/*
 * As routers have them; rtnetlink(7) numbers the protocols.  A daemon that
 * hands over what it already chose (zebra, bird) counts as BGP does.
 */
static const struct {
	uint8_t protocol, distance;
} distances[] = {
    {ROUTE_PROTO_KERNEL, 0}, {ROUTE_PROTO_BOOT, 1}, {ROUTE_PROTO_STATIC, 1},
    {ROUTE_PROTO_REDIRECT, 5}, {11, 20}, /* zebra */
    {12, 20},                            /* bird */
    {16, 210},                           /* DHCP */
    {42, 100},                           /* Babel */
    {186, 20},                           /* BGP */
    {187, 115},                          /* IS-IS */
    {188, 110},                          /* OSPF */
    {189, 120},                          /* RIP */
    {192, 90},                           /* EIGRP */
};

#define DISTANCE_OTHER 150

uint8_t
route_distance(uint8_t protocol)
{
	size_t i;

	for (i = 0; i < sizeof(distances) / sizeof(distances[0]); i++)
		if (distances[i].protocol == protocol)
			return distances[i].distance;
	return DISTANCE_OTHER;
}

struct route_key
route_key(const struct route *r)
{
	return (struct route_key){
	    .metric = r->metric,
	    .distance = r->distance,
	    .protocol = r->protocol,
	};
}

struct route_key
route_config_key(const struct route_config *cfg)
{
	return (struct route_key){
	    .metric = cfg->metric,
	    .distance = cfg->has_distance ? cfg->distance
					  : route_distance(cfg->protocol),
	    .protocol = cfg->protocol,
	};
}

bool
route_key_equal(struct route_key a, struct route_key b)
{
	return a.metric == b.metric && a.distance == b.distance &&
	       a.protocol == b.protocol;
}

bool
route_candidate_before(struct route_key a, struct route_key b)
{
	if (a.distance != b.distance)
		return a.distance < b.distance;
	if (a.metric != b.metric)
		return a.metric < b.metric;
	return a.protocol < b.protocol;
}

static bool
host_bits_clear(const uint8_t *key, unsigned int plen, unsigned int bits)
{
	unsigned int i = plen / 8;

	if (plen == bits)
		return true;
	if ((key[i] & (0xff >> plen % 8)) != 0)
		return false;
	while (++i < bits / 8)
		if (key[i] != 0)
			return false;
	return true;
}

/* Is the way on said as the type wants it? */
static bool
way_valid(const struct route_config *cfg)
{
	switch (cfg->type) {
	case ROUTE_UNICAST:
		return (cfg->nnexthops > 0) != (cfg->nhid != 0);
	case ROUTE_LOCAL:
	case ROUTE_BROADCAST:
		return cfg->nnexthops > 0 && cfg->nhid == 0;
	default:
		return cfg->nnexthops == 0 && cfg->nhid == 0;
	}
}

static bool
nexthop_valid(const struct route_config *cfg, const struct route_nexthop *nh)
{
	if (nh->weight == 0)
		return false;
	if (nh->recursive)
		return cfg->type == ROUTE_UNICAST && nh->netif == 0 &&
		       nh->has_gateway;
	return nh->netif != 0;
}

bool
route_candidate_valid(
    const struct route_table *t, const struct route_config *cfg)
{
	const unsigned int bits = t->store->bits;
	unsigned int i;

	if (cfg->plen > bits || route_type_name(cfg->type) == NULL ||
	    !host_bits_clear(cfg->prefix, cfg->plen, bits) ||
	    cfg->nnexthops > ROUTE_NEXTHOPS_MAX || !way_valid(cfg) ||
	    (cfg->type == ROUTE_LOOKUP) != (cfg->table != 0))
		return false;
	for (i = 0; i < cfg->nnexthops; i++)
		if (!nexthop_valid(cfg, &cfg->nexthops[i]))
			return false;
	return true;
}
