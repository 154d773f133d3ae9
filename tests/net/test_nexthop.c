/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Next hops seen by packets: gateways that are on no link, objects, links that
 * go down, and neighbours that move, none of which touches a route.
 */

#include <errno.h>

#include "stack/nexthop/nexthop.h"
#include "tests/net/route_rig.h"

#define FAR   "203.0.113.1" /* a gateway that is on no link */
#define FAR_2 "198.51.100.1"
#define DST   "192.0.2.1"
#define NET   "192.0.2.0/24"

/* A datagram to DST draws an unreachable: there is no way for now. */
static void
goes_nowhere(void)
{
	(void)rig_udp(&g, A_ADDR, DST, 0, 8);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0);
}

static void
put(uint32_t id, const char *via, netif_id netif)
{
	struct nexthop_object_config cfg = {.id = id,
	    .hop = {.kind = NEXTHOP_VIA, .weight = 1, .netif = netif}};
	const uint32_t gateway = net_ip(via);
	const char *why = NULL;

	memcpy(cfg.hop.gateway, &gateway, sizeof(gateway));
	cr_assert(nexthop_add(net_stack(g.n, g.r), &cfg, NEXTHOP_OBJECT_REPLACE,
		      &why) == 0,
	    "object %u: %s", id, why);
}

static void
group(uint32_t id, const struct nexthop_object_member *member, unsigned int n)
{
	const struct nexthop_object_config cfg = {
	    .id = id, .member = member, .nmembers = n};
	const char *why = NULL;

	cr_assert(nexthop_add(net_stack(g.n, g.r), &cfg, NEXTHOP_OBJECT_REPLACE,
		      &why) == 0,
	    "group %u: %s", id, why);
}

static void
take(uint32_t id)
{
	const char *why = NULL;

	cr_assert(nexthop_del(net_stack(g.n, g.r), id, &why) == 0, "%s", why);
}

static size_t
routes(void)
{
	return route_table_count(ipv4_routes(net_stack(g.n, g.r)));
}

/* --- Gateways on no link ------------------------------------------------ */

RIG_TEST(nexthop_recursive, follows_the_route_to_its_gateway)
{
	cr_assert_eq(net_route(g.n, g.r, NET " via " FAR), -ENETUNREACH);
	cr_assert_eq(net_route(g.n, g.r, NET " via " FAR " recursive"), 0);
	goes_nowhere();
	cr_assert_eq(net_route(g.n, g.r, "203.0.113.0/24 via " B_ADDR), 0);
	goes_to(DST, g.b);
	cr_assert_eq(net_route(g.n, g.r, FAR "/32 via " C_ADDR), 0);
	goes_to(DST, c);
	cr_assert_eq(net_route_del(g.n, g.r, FAR "/32"), 0);
	goes_to(DST, g.b);
	cr_assert_eq(
	    net_route_replace(g.n, g.r, "203.0.113.0/24 via " C_ADDR), 0);
	goes_to(DST, c);
	cr_assert_eq(net_route_del(g.n, g.r, "203.0.113.0/24"), 0);
	goes_nowhere();
	net_allow_drops(g.n, g.r, "ipv4-nexthop-down", 2);
}

RIG_TEST(nexthop_recursive, may_lead_over_another_one)
{
	cr_assert_eq(net_route(g.n, g.r, NET " via " FAR " recursive"), 0);
	cr_assert_eq(net_route(g.n, g.r, FAR "/32 via " FAR_2 " recursive"), 0);
	cr_assert_eq(net_route(g.n, g.r, FAR_2 "/32 via " B_ADDR), 0);
	goes_to(DST, g.b);
	cr_assert_eq(net_route_replace(g.n, g.r, FAR_2 "/32 via " C_ADDR), 0);
	goes_to(DST, c);
}

/* RFC 4271 section 9.1.2.1: what leads back to itself is no way. */
RIG_TEST(nexthop_recursive, loop_leads_nowhere_until_it_is_broken)
{
	cr_assert_eq(net_route(g.n, g.r, NET " via " FAR " recursive"), 0);
	cr_assert_eq(net_route(g.n, g.r, FAR "/32 via " FAR_2 " recursive"), 0);
	cr_assert_eq(net_route(g.n, g.r, FAR_2 "/32 via " FAR " recursive"), 0);
	goes_nowhere();
	cr_assert_eq(net_route_replace(g.n, g.r, FAR_2 "/32 via " B_ADDR), 0);
	goes_to(DST, g.b);
	net_allow_drops(g.n, g.r, "ipv4-nexthop-down", 1);
}

RIG_TEST(nexthop_recursive, gateway_on_the_link_is_asked_itself)
{
	cr_assert_eq(net_route(g.n, g.r, NET " via " C_ADDR " recursive"), 0);
	goes_to(DST, c);
	cr_assert_eq(net_addr_del(g.n, g.r, "eth2", "10.0.3.1/24"), 0);
	goes_nowhere();
	cr_assert_eq(net_route(g.n, g.r, "10.0.3.0/24 via " B_ADDR), 0);
	goes_to(DST, g.b);
	net_allow_drops(g.n, g.r, "ipv4-nexthop-down", 1);
}

RIG_TEST(nexthop_recursive, gateway_in_a_hole_is_a_hole)
{
	cr_assert_eq(net_route(g.n, g.r, NET " via " FAR " recursive"), 0);
	cr_assert_eq(net_route(g.n, g.r, "blackhole " FAR "/32"), 0);
	(void)rig_udp(&g, A_ADDR, DST, 0, 8);
	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.a), 0);
	rig_dropped(&g, "ipv4-blackhole", 1);
}

/* Our own address is no gateway. */
RIG_TEST(nexthop_recursive, gateway_is_not_us)
{
	cr_assert_eq(net_route(g.n, g.r, NET " via " R_B " recursive"), 0);
	goes_nowhere();
	net_allow_drops(g.n, g.r, "ipv4-nexthop-down", 1);
}

RIG_TEST(nexthop_recursive, edits_of_one_commit_count_together)
{
	struct stack *st = net_stack(g.n, g.r);
	const uint32_t far = net_ip(FAR), b = net_ip(B_ADDR);
	struct route_nexthop hop[2] = {{.has_gateway = true, .weight = 1},
	    {.has_gateway = true, .recursive = true, .weight = 1}};
	struct route_config cfg[2] = {
	    {.prefix = {203, 0, 113},
		.plen = 24,
		.type = ROUTE_UNICAST,
		.protocol = ROUTE_PROTO_STATIC,
		.nnexthops = 1,
		.nexthops = &hop[0]},
	    {.prefix = {192, 0, 2},
		.plen = 24,
		.type = ROUTE_UNICAST,
		.protocol = ROUTE_PROTO_STATIC,
		.nnexthops = 1,
		.nexthops = &hop[1]},
	};
	size_t failed, removed;

	memcpy(hop[0].gateway, &b, sizeof(b));
	memcpy(hop[1].gateway, &far, sizeof(far));
	cr_assert_eq(
	    ipv4_route_load(st, cfg, 2, ROUTE_ADD, NULL, NULL, &failed), 0);
	goes_to(DST, g.b);
	cr_assert_eq(
	    ipv4_route_load_whole(st,
		&(struct ipv4_route_whole){.protocol = ROUTE_PROTO_STATIC},
		&cfg[1], 1, NULL, NULL, &failed, &removed),
	    0);
	cr_assert_eq(removed, 1);
	goes_nowhere();
	net_allow_drops(g.n, g.r, "ipv4-nexthop-down", 1);
}

/* --- Objects ------------------------------------------------------------ */

RIG_TEST(nexthop_object, route_follows_what_is_put_in_its_place)
{
	size_t before;

	cr_assert_eq(net_route(g.n, g.r, NET " nhid 1"), -ENXIO);
	put(1, B_ADDR, net_netif(g.n, g.r, "eth1"));
	cr_assert_eq(net_route(g.n, g.r, NET " nhid 1"), 0);
	before = routes();
	goes_to(DST, g.b);
	put(1, C_ADDR, net_netif(g.n, g.r, "eth2"));
	goes_to(DST, c);
	cr_assert_eq(routes(), before);
}

RIG_TEST(nexthop_object, takes_its_routes_along)
{
	const size_t before = routes();

	put(1, B_ADDR, net_netif(g.n, g.r, "eth1"));
	put(2, C_ADDR, net_netif(g.n, g.r, "eth2"));
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/25 nhid 1"), 0);
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.128/25 nhid 1"), 0);
	cr_assert_eq(net_route(g.n, g.r, NET " nhid 2"), 0);
	goes_to(DST, g.b);
	take(1);
	cr_assert_eq(routes(), before + 1);
	goes_to(DST, c);
}

RIG_TEST(nexthop_object, group_loses_a_member_and_keeps_its_routes)
{
	const struct nexthop_object_member both[] = {{1, 1}, {2, 1}};

	put(1, B_ADDR, net_netif(g.n, g.r, "eth1"));
	put(2, C_ADDR, net_netif(g.n, g.r, "eth2"));
	group(3, both, 2);
	cr_assert_eq(net_route(g.n, g.r, NET " nhid 3"), 0);
	take(2);
	for (int i = 1; i < 9; i++) {
		char dst[] = "192.0.2.0";

		dst[8] = (char)('0' + i);
		goes_to(dst, g.b);
	}
}

RIG_TEST(nexthop_object, without_interface_is_recursive)
{
	put(1, FAR, 0);
	cr_assert_eq(net_route(g.n, g.r, NET " nhid 1"), 0);
	goes_nowhere();
	cr_assert_eq(net_route(g.n, g.r, FAR "/32 via " C_ADDR), 0);
	goes_to(DST, c);
	net_allow_drops(g.n, g.r, "ipv4-nexthop-down", 1);
}

RIG_TEST(nexthop_object, goes_with_its_interface)
{
	const size_t before = routes();

	put(1, C_ADDR, net_netif(g.n, g.r, "eth2"));
	cr_assert_eq(net_route(g.n, g.r, NET " nhid 1"), 0);
	net_wire_remove(g.n, net_probe_wire(g.n, c));
	cr_assert_lt(routes(), before);
}

/* --- Links and neighbours ----------------------------------------------- */

/* Where the eight flows to 192.0.2.1 .. 8 go: a bit for each by eth1. */
static unsigned int
by_eth1(void)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_IPV4};
	unsigned int mask = 0;

	for (int i = 0; i < 8; i++) {
		char dst[] = "192.0.2.1";
		unsigned int b, at_c;

		dst[8] = (char)('1' + i);
		(void)rig_udp(&g, A_ADDR, dst, 0, 8);
		rig_send(&g, g.a);
		b = net_probe_count(g.n, g.b, &m, SEC(1));
		at_c = net_probe_count(g.n, c, &m, 0);
		cr_assert_eq(b + at_c, 1);
		mask |= b << i;
	}
	return mask;
}

RIG_TEST(nexthop_link, down_moves_its_own_flows_only)
{
	unsigned int before, down;

	cr_assert_eq(net_route(g.n, g.r,
			 NET " nexthop via " B_ADDR " weight 1"
			     " nexthop via " C_ADDR " weight 1"),
	    0);
	before = by_eth1();
	cr_assert(before != 0 && before != 0xff, "one way: %#x", before);
	net_down(g.n, g.r, "eth1");
	down = by_eth1();
	cr_assert_eq(down, 0);
	net_up(g.n, g.r, "eth1");
	cr_assert_eq(by_eth1(), before);
	net_down(g.n, g.r, "eth2");
	cr_assert_eq(by_eth1(), 0xff);
}

RIG_TEST(nexthop_link, neighbour_that_moved_is_followed)
{
	static const uint8_t moved[6] = {2, 0, 0, 0, 9, 9};
	struct net_frame f;

	cr_assert_eq(net_route(g.n, g.r, NET " via " C_ADDR), 0);
	goes_to(DST, c);
	cr_assert_arr_eq(g.got.data, net_probe_hwaddr(g.n, c), 6);
	net_frame_ether(&f, NULL, moved, ETHER_TYPE_ARP);
	net_frame_arp(&f, 1, moved, C_ADDR, NULL, C_ADDR);
	net_frame_end(&f);
	net_probe_send(g.n, c, &f);
	net_run(g.n, SEC(1));
	goes_to(DST, c);
	cr_assert_arr_eq(g.got.data, moved, 6);
}
