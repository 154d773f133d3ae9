/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A router with three interfaces, two of which have an address, and by each of
 * these two routes of all kinds: by gateways, numbered and recursive next hops,
 * in two tables.
 */
#ifndef TESTS_STACK_IPV4_ROUTER_H
#define TESTS_STACK_IPV4_ROUTER_H

#include <arpa/inet.h>
#include <string.h>

#include "stack/nexthop/nexthop.h"
#include "stack/proto/arp/arp.h"
#include "stack/proto/ether/ether.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/ipv4.h"
#include "tests/stack/ethdev.h"

#define OTHER 78U /* a table */

static const struct proto *const protos[] = {&proto_ether, &proto_arp,
    &proto_nexthop, &proto_ipv4, &proto_ipv4_link, &proto_icmp, NULL};
static struct stack *st;
static struct ethdev dev[3];
static netif_id eth[3];

static inline void
attach(unsigned int i)
{
	static const char *const name[] = {"eth0", "eth1", "eth2"};

	struct netif_config cfg = {
	    .name = name[i],
	    .driver = "test",
	    .link = NETIF_LINK_ETHER,
	    .mtu = 1500,
	    .flags = NETIF_RUNNING,
	    .nqueues = 1,
	    .ops = &ethdev_ops,
	    .softc = &dev[i],
	};

	memcpy(cfg.hwaddr, ethdev_hwaddr, sizeof(cfg.hwaddr));
	cr_assert_eq(netif_attach(st, &cfg, &eth[i]), 0);
	cr_assert_eq(netif_set_flags(st, eth[i], NETIF_UP, 0), 0);
}

static inline uint32_t
ip(const char *text)
{
	struct in_addr a;

	cr_assert_eq(inet_pton(AF_INET, text, &a), 1);
	return a.s_addr;
}

/* A route to prefix by a gateway; NULL: a blackhole. */
static inline struct route_config
to(const char *prefix, unsigned int plen, const char *gateway,
    struct route_nexthop *nh)
{
	struct route_config cfg = {.plen = (uint8_t)plen,
	    .type = gateway != NULL ? ROUTE_UNICAST : ROUTE_BLACKHOLE,
	    .protocol = ROUTE_PROTO_STATIC};
	const uint32_t key = ip(prefix);
	uint32_t gw;

	memcpy(cfg.prefix, &key, sizeof(key));
	if (gateway == NULL)
		return cfg;
	*nh = (struct route_nexthop){.has_gateway = true, .weight = 1};
	gw = ip(gateway);
	memcpy(nh->gateway, &gw, sizeof(gw));
	cfg.nexthops = nh;
	cfg.nnexthops = 1;
	return cfg;
}

static inline int
add(const char *prefix, unsigned int plen, const char *gateway, uint32_t in)
{
	struct route_nexthop nh;
	struct route_config cfg = to(prefix, plen, gateway, &nh);

	cfg.in = in;
	return ipv4_route_add(st, &cfg, ROUTE_REPLACE);
}

static inline int
add_recursive(const char *prefix, unsigned int plen, const char *gateway)
{
	struct route_nexthop nh;
	const struct route_config cfg = to(prefix, plen, gateway, &nh);

	nh.recursive = true;
	return ipv4_route_add(st, &cfg, ROUTE_REPLACE);
}

static inline int
add_object(const char *prefix, unsigned int plen, uint32_t id)
{
	struct route_config cfg = to(prefix, plen, NULL, NULL);

	cfg.type = ROUTE_UNICAST;
	cfg.nhid = id;
	return ipv4_route_add(st, &cfg, ROUTE_REPLACE);
}

static inline int
object(uint32_t id, const char *gateway, netif_id netif)
{
	struct nexthop_object_config cfg = {.id = id,
	    .hop = {.kind = NEXTHOP_VIA, .weight = 1, .netif = netif}};
	const uint32_t gw = ip(gateway);
	const char *why;

	memcpy(cfg.hop.gateway, &gw, sizeof(gw));
	return nexthop_add(st, &cfg, NEXTHOP_OBJECT_REPLACE, &why);
}

static inline int
object_group(uint32_t id, uint32_t a, uint32_t b, bool resilient)
{
	const struct nexthop_object_member m[2] = {{a, 1}, {b, 2}};
	const struct nexthop_object_config cfg = {.id = id,
	    .member = m,
	    .nmembers = 2,
	    .resilient = resilient,
	    .buckets = resilient ? 16 : 0};
	const char *why;

	return nexthop_add(st, &cfg, NEXTHOP_OBJECT_REPLACE, &why);
}

/* Routes of all kinds, by interface 0 and by interface 1. */
static inline void
furnish(unsigned int i)
{
	const char *addr = i == 0 ? "10.0.0.1" : "10.1.0.1";
	const char *gw = i == 0 ? "10.0.0.2" : "10.1.0.2";
	const char *gw2 = i == 0 ? "10.0.0.3" : "10.1.0.3";
	const char *net = i == 0 ? "20.0.0.0" : "21.0.0.0";
	const uint32_t id = 1 + 10 * i;

	cr_assert_eq(ipv4_addr_add(st, eth[i], ip(addr), 24), 0);
	cr_assert_eq(object(id, gw, eth[i]), 0);
	cr_assert_eq(object(id + 1, gw2, eth[i]), 0);
	cr_assert_eq(object_group(id + 2, id, id + 1, false), 0);
	cr_assert_eq(object_group(id + 3, id, id + 1, true), 0);
	cr_assert_eq(add(net, 8, gw, 0), 0);
	cr_assert_eq(add(net, 16, gw2, 0), 0);
	cr_assert_eq(add(net, 24, gw, OTHER), 0);
	cr_assert_eq(add(net, 32, NULL, 0), 0);
	for (unsigned int k = 0; k < 4; k++) {
		const char *by[] = {
		    "60.0.0.0", "61.0.0.0", "62.0.0.0", "63.0.0.0"};

		cr_assert_eq(add_object(by[k], 8 + 4 * i, id + k), 0);
	}
	cr_assert_eq(
	    add_recursive("70.0.0.0", 8 + i, i == 0 ? "20.9.9.9" : "21.9.9.9"),
	    0);
}

#endif /* TESTS_STACK_IPV4_ROUTER_H */
