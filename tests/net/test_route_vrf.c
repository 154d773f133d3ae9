/* SPDX-License-Identifier: BSD-2-Clause */

/* Packets between tables: interfaces with one of their own, rules, leaks. */

#include <errno.h>

#include "stack/nexthop/nexthop.h"
#include "stack/nexthop/resolve.h"
#include "tests/net/ipv4_rig.h"

#define BLUE 10

static struct rig g;
static int c; /* a probe on eth2, which has B's network in another table */

static struct stack *
st(void)
{
	return net_stack(g.n, g.r);
}

static netif_id
eth(const char *name)
{
	return net_netif(g.n, g.r, name);
}

static void
setup(void)
{
	rig_init(&g);
	c = net_probe(g.n, g.r, NULL, NULL);
	cr_assert_eq(ipv4_netif_table_set(st(), eth("eth2"), BLUE), 0);
	cr_assert_eq(net_addr_add(g.n, g.r, "eth2", R_B "/24"), 0);
	net_probe_arp(g.n, c, B_ADDR);
	net_run(g.n, SEC(5));
	net_probe_clear(g.n, c);
}

static void
teardown(void)
{
	rig_fini(&g);
}

/* Begin g.f: from probe c. */
static void
from_c(const char *src, const char *dst)
{
	net_frame_ether(&g.f, net_hwaddr(g.n, g.r, "eth2"),
	    net_probe_hwaddr(g.n, c), ETHER_TYPE_IPV4);
	net_frame_ipv4(&g.f, src, dst, PROTO_UDP, 0);
	net_frame_udp(&g.f, 4000, 9999, 8);
	net_frame_end(&g.f);
}

static void
echo_from_c(const char *dst)
{
	net_frame_ether(&g.f, net_hwaddr(g.n, g.r, "eth2"),
	    net_probe_hwaddr(g.n, c), ETHER_TYPE_IPV4);
	net_frame_ipv4(&g.f, B_ADDR, dst, PROTO_ICMP, 0);
	net_frame_icmp(&g.f, ICMP_ECHO, 0, 1, 16);
	net_frame_end(&g.f);
}

/* A blackhole or another route without a next hop, to 192.0.2.0/24. */
static int
add(uint32_t in, uint8_t type, uint32_t lookup, netif_id netif, const char *gw)
{
	struct route_nexthop nh = {.netif = netif, .weight = 1};
	struct route_config cfg = {.prefix = {192, 0, 2, 0},
	    .plen = 24,
	    .type = type,
	    .protocol = ROUTE_PROTO_STATIC,
	    .in = in,
	    .table = lookup,
	    .nnexthops = gw != NULL,
	    .nexthops = &nh};
	uint32_t word;

	if (gw != NULL) {
		word = net_ip(gw);
		nh.has_gateway = true;
		memcpy(nh.gateway, &word, sizeof(word));
	}
	return ipv4_route_add(st(), &cfg, ROUTE_ADD);
}

RIG_TEST(route_vrf, the_same_network_twice)
{
	/* Each gets what is meant for it. */
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
	cr_assert_eq(rig_count(&g, c), 0);
	echo_from_c(R_B);
	rig_send(&g, c);
	cr_assert(rig_expect_icmp(&g, c, ICMP_ECHO_REPLY, 0));
	cr_assert_eq(rig_count(&g, g.b), 0);
	/* But not twice in one table. */
	cr_assert_eq(net_addr_add(g.n, g.r, "eth0", R_B "/24"), -EADDRINUSE);
	cr_assert_eq(ipv4_netif_table_set(st(), eth("eth2"), 11), -EBUSY);
}

/* The same gateway is another neighbour in another table. */
RIG_TEST(route_vrf, recursive_gateway_is_of_its_own_table)
{
	struct route_nexthop nh = {
	    .has_gateway = true, .recursive = true, .weight = 1};
	const uint32_t gateway = net_ip(B_ADDR);
	struct route_config cfg = {.prefix = {192, 0, 2, 0},
	    .plen = 24,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nnexthops = 1,
	    .nexthops = &nh};

	memcpy(nh.gateway, &gateway, sizeof(gateway));
	cr_assert_eq(ipv4_route_add(st(), &cfg, ROUTE_ADD), 0);
	cfg.in = BLUE;
	cr_assert_eq(ipv4_route_add(st(), &cfg, ROUTE_ADD), 0);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, "192.0.2.1"));
	from_c("10.0.2.9", "192.0.2.1");
	rig_send(&g, c);
	cr_assert(rig_expect(&g, c, "192.0.2.1"));
	cr_assert_eq(rig_count(&g, g.b), 0);
}

/* A route of BLUE to 203.0.113.0/24, which is in the main table. */
static void
leak_far(void)
{
	const struct route_config cfg = {.prefix = {203, 0, 113},
	    .plen = 24,
	    .type = ROUTE_LOOKUP,
	    .protocol = ROUTE_PROTO_STATIC,
	    .in = BLUE,
	    .table = ROUTE_TABLES_MAIN};

	cr_assert_eq(ipv4_route_add(st(), &cfg, ROUTE_ADD), 0);
}

/* Packets go where a table that is not theirs leads to their gateway. */
RIG_TEST(route_vrf, recursive_gateway_is_found_behind_a_leak)
{
	struct route_nexthop nh = {
	    .has_gateway = true, .recursive = true, .weight = 1};
	const uint32_t far = net_ip("203.0.113.1");
	const struct route_config cfg = {.prefix = {192, 0, 2, 0},
	    .plen = 24,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .in = BLUE,
	    .nnexthops = 1,
	    .nexthops = &nh};

	memcpy(nh.gateway, &far, sizeof(far));
	cr_assert_eq(ipv4_route_add(st(), &cfg, ROUTE_ADD), 0);
	leak_far();
	from_c(B_ADDR, "192.0.2.1");
	rig_send(&g, c);
	cr_assert(rig_expect_icmp(&g, c, ICMP_UNREACHABLE, ICMP_UNREACH_HOST));
	cr_assert_eq(rig_count(&g, g.b), 0);
	net_allow_drops(g.n, g.r, "ipv4-nexthop-down", 1);
	cr_assert_eq(net_route(g.n, g.r, "203.0.113.0/24 via " B_ADDR), 0);
	from_c(B_ADDR, "192.0.2.1");
	rig_send(&g, c);
	cr_assert(rig_expect(&g, g.b, "192.0.2.1"));
	cr_assert_eq(
	    net_route_replace(g.n, g.r, "203.0.113.0/24 via " A_ADDR), 0);
	from_c(B_ADDR, "192.0.2.1");
	rig_send(&g, c);
	cr_assert(rig_expect(&g, g.a, "192.0.2.1"));
	cr_assert_eq(rig_count(&g, g.b), 0);
}

/* Send one half of an echo request of 24 bytes to R_B from b or c. */
static void
send_half(bool blue, bool second)
{
	const unsigned int from = second ? 16 : 0, len = second ? 8 : 16;
	struct ipv4_hdr *h = (struct ipv4_hdr *)(g.f.data + ETHER_HDR_LEN);
	uint8_t *data = (uint8_t *)(h + 1);

	if (blue)
		echo_from_c(R_B);
	else {
		(void)rig_ipv4(&g, g.b, B_ADDR, R_B, PROTO_ICMP, 0);
		net_frame_icmp(&g.f, ICMP_ECHO, 0, 1, 16);
		net_frame_end(&g.f);
	}
	memmove(data, data + from, len);
	h->id = htons(77);
	h->total_len = htons((uint16_t)(sizeof(*h) + len));
	h->frag_off = second ? htons(2) : htons(IPV4_MF);
	rig_sum(h);
	g.f.len = ETHER_HDR_LEN + sizeof(*h) + len;
	rig_send(&g, blue ? c : g.b);
	net_run(g.n, US(100));
}

/* Fragments of two worlds make no datagram, whatever their addresses. */
RIG_TEST(route_vrf, fragments_stay_in_their_table)
{
	send_half(false, false);
	send_half(true, true);
	cr_assert_eq(rig_count(&g, g.b) + rig_count(&g, c), 0);
	send_half(true, false);
	cr_assert(rig_expect_icmp(&g, c, ICMP_ECHO_REPLY, 0));
	cr_assert_eq(rig_count(&g, g.b), 0);
	send_half(false, true);
	cr_assert(rig_expect_icmp(&g, g.b, ICMP_ECHO_REPLY, 0));
	cr_assert_eq(rig_count(&g, c), 0);
}

RIG_TEST(route_vrf, the_other_tables_are_out_of_reach)
{
	from_c(B_ADDR, A_ADDR);
	rig_send(&g, c);
	cr_assert(rig_expect_icmp(&g, c, ICMP_UNREACHABLE, ICMP_UNREACH_NET));
	cr_assert_eq(net_frame_get_ipv4(&g.got)->src, net_ip(R_B));
	cr_assert_eq(rig_count(&g, g.a), 0);
	cr_assert_eq(rig_count(&g, g.b), 0);
	/* Our address in the main table is none of ours here. */
	echo_from_c(R_A);
	rig_send(&g, c);
	cr_assert(rig_expect_icmp(&g, c, ICMP_UNREACHABLE, ICMP_UNREACH_NET));
	rig_dropped(&g, "ipv4-no-route", 2);
}

RIG_TEST(route_vrf, a_route_leads_to_the_main_table)
{
	cr_assert_eq(add(0, ROUTE_UNICAST, 0, 0, B_ADDR), 0);
	from_c(B_ADDR, "192.0.2.1");
	rig_send(&g, c);
	cr_assert(rig_expect_icmp(&g, c, ICMP_UNREACHABLE, ICMP_UNREACH_NET));
	rig_dropped(&g, "ipv4-no-route", 1);
	cr_assert_eq(rig_count(&g, g.b), 0);
	cr_assert_eq(add(BLUE, ROUTE_LOOKUP, ROUTE_TABLES_MAIN, 0, NULL), 0);
	from_c(B_ADDR, "192.0.2.1");
	rig_send(&g, c);
	cr_assert(rig_expect(&g, g.b, "192.0.2.1"));
	cr_assert_eq(add(BLUE, ROUTE_LOOKUP, BLUE, 0, NULL), -EINVAL);
}

/* The gateway is looked for in the table of the route. */
RIG_TEST(route_vrf, a_gateway_of_the_own_network)
{
	struct route_config r;
	struct route_nexthop nh;

	cr_assert_eq(add(BLUE, ROUTE_UNICAST, 0, 0, B_ADDR), 0);
	cr_assert_not(net_route_get(g.n, g.r, "192.0.2.1", &r, &nh));
	from_c(B_ADDR, "192.0.2.1");
	rig_send(&g, c);
	cr_assert(rig_expect(&g, c, "192.0.2.1"));
	cr_assert_eq(rig_count(&g, g.b), 0);
	/* It goes with the network. */
	cr_assert_eq(net_addr_del(g.n, g.r, "eth2", R_B "/24"), 0);
	cr_assert_eq(
	    route_table_count(route_tables_find(ipv4_tables(st()), BLUE)), 0);
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
}

RIG_TEST(route_vrf, a_rule_sends_a_source_elsewhere)
{
	struct route_rule rule = {.table = BLUE, .src_plen = 32, .pref = 7};
	const uint32_t a = net_ip("10.0.1.9");

	memcpy(rule.src, &a, sizeof(a));
	cr_assert_eq(add(0, ROUTE_UNICAST, 0, 0, B_ADDR), 0);
	cr_assert_eq(add(BLUE, ROUTE_UNICAST, 0, eth("eth2"), B_ADDR), 0);
	cr_assert_eq(ipv4_rule_add(st(), &rule), 0);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, "192.0.2.1"));
	(void)rig_udp(&g, "10.0.1.9", "192.0.2.1", 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, c, "192.0.2.1"));
	cr_assert_eq(rig_count(&g, g.b), 0);
	cr_assert_eq(ipv4_rule_remove(st(), &rule), 0);
	(void)rig_udp(&g, "10.0.1.9", "192.0.2.1", 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, "192.0.2.1"));
}

RIG_TEST(route_vrf, a_rule_goes_by_interface)
{
	const struct route_rule rule = {
	    .table = 20, .iif = eth("eth0"), .pref = 7};

	cr_assert_eq(
	    ipv4_rule_add(st(), &(struct route_rule){.iif = 0x70009}), -ENODEV);
	cr_assert_eq(ipv4_rule_add(st(), &rule), 0);
	cr_assert_eq(add(20, ROUTE_PROHIBIT, 0, 0, NULL), 0);
	cr_assert_eq(add(0, ROUTE_UNICAST, 0, 0, B_ADDR), 0);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_PROHIBITED, 0);
	rig_dropped(&g, "ipv4-reject", 1);
	/* What is ours stays ours. */
	(void)rig_ipv4(&g, g.a, A_ADDR, R_B, PROTO_ICMP, 0);
	net_frame_icmp(&g.f, ICMP_ECHO, 0, 1, 8);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert(rig_expect_icmp(&g, g.a, ICMP_ECHO_REPLY, 0));
}

RIG_TEST(route_vrf, a_rule_goes_by_the_mark_of_the_interface)
{
	const struct route_rule rule = {
	    .table = 20, .mark = 0x10, .mask = 0xf0, .pref = 7};

	cr_assert_eq(netif_set_mark(st(), 0x70009, 1), -ENODEV);
	cr_assert_eq(ipv4_rule_add(st(), &rule), 0);
	cr_assert_eq(add(20, ROUTE_PROHIBIT, 0, 0, NULL), 0);
	cr_assert_eq(add(0, ROUTE_UNICAST, 0, 0, B_ADDR), 0);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, "192.0.2.1"));
	cr_assert_eq(netif_set_mark(st(), eth("eth0"), 0x31f), 0);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_PROHIBITED, 0);
	rig_dropped(&g, "ipv4-reject", 1);
	/* Another interface's packets have none. */
	(void)rig_ipv4(&g, g.b, "192.0.2.9", "192.0.2.1", PROTO_UDP, 0);
	net_frame_udp(&g.f, 4000, 9999, 8);
	net_frame_end(&g.f);
	rig_send(&g, g.b);
	cr_assert(rig_expect(&g, g.b, "192.0.2.1"));
	cr_assert_eq(netif_set_mark(st(), eth("eth0"), 0), 0);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, "192.0.2.1"));
}

/* Also the answers to what was marked. */
RIG_TEST(route_vrf, an_answer_has_the_mark_of_its_question)
{
	const struct route_rule rule = {
	    .table = 20, .mark = 5, .mask = UINT32_MAX, .pref = 7};
	struct route_config away = {.plen = 32,
	    .type = ROUTE_BLACKHOLE,
	    .protocol = ROUTE_PROTO_STATIC,
	    .in = 20};

	const uint32_t a = net_ip(A_ADDR);

	memcpy(away.prefix, &a, sizeof(a));
	cr_assert_eq(ipv4_rule_add(st(), &rule), 0);
	cr_assert_eq(ipv4_route_add(st(), &away, ROUTE_ADD), 0);
	cr_assert_eq(netif_set_mark(st(), eth("eth0"), 5), 0);
	(void)rig_ipv4(&g, g.a, A_ADDR, R_B, PROTO_ICMP, 0);
	net_frame_icmp(&g.f, ICMP_ECHO, 0, 1, 8);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.a), 0);
	/* An error, too. */
	(void)rig_udp(&g, A_ADDR, B_ADDR, 1, 8);
	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.a), 0);
	rig_dropped(&g, "ipv4-blackhole", 2);
	net_allow_drops(g.n, g.r, "ipv4-ttl", 1);
}

/* The interface by which a datagram from A leaves, as one may ask before. */
static netif_id
foretell(const struct ipv4_flow *f)
{
	const uint64_t s = pserialize_read_enter();
	const struct route *r =
	    route_table_lookup(ipv4_routes(st()), (const uint8_t *)&f->dst);
	const netif_id id = nexthop_resolve(
	    nexthop_groups_of(st()), NULL, r->hops, ipv4_flow_of(st(), f))
				->netif;

	pserialize_read_exit(s);
	return id;
}

RIG_TEST(route_vrf, the_way_of_a_flow_can_be_told_before)
{
	struct ipv4_flow f = {.src = net_ip(A_ADDR),
	    .dst = net_ip("192.0.2.1"),
	    .dport = 53,
	    .proto = PROTO_UDP};
	struct route_nexthop nh[2] = {{.netif = eth("eth1"), .weight = 1},
	    {.netif = eth("eth2"), .weight = 1}};
	const struct route_config cfg = {.prefix = {192, 0, 2},
	    .plen = 24,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nnexthops = 2,
	    .nexthops = nh};
	const uint32_t gw = net_ip(B_ADDR);
	unsigned int right = 0;

	for (unsigned int i = 0; i < 2; i++) {
		nh[i].has_gateway = true;
		memcpy(nh[i].gateway, &gw, sizeof(gw));
	}
	cr_assert_eq(ipv4_route_add(st(), &cfg, ROUTE_ADD), 0);
	for (f.sport = 1000; f.sport < 1032; f.sport++) {
		const bool second = foretell(&f) == eth("eth2");

		(void)rig_ipv4(&g, g.a, A_ADDR, "192.0.2.1", PROTO_UDP, 0);
		net_frame_udp(&g.f, f.sport, f.dport, 8);
		net_frame_end(&g.f);
		rig_send(&g, g.a);
		cr_assert(rig_expect(&g, second ? c : g.b, "192.0.2.1"));
		right += second;
	}
	cr_assert_gt(right, 0);
	cr_assert_lt(right, 32);
}

/* Routes of several tables are one load: all or nothing. */
RIG_TEST(route_vrf, a_load_fills_several_tables)
{
	struct route_config cfg[30];
	size_t failed = 0;

	for (unsigned int i = 0; i < 30; i++)
		cfg[i] = (struct route_config){.prefix = {20, (uint8_t)(i / 3)},
		    .plen = 16,
		    .type = ROUTE_BLACKHOLE,
		    .protocol = ROUTE_PROTO_STATIC,
		    .in = i % 3 == 0   ? 0
			  : i % 3 == 1 ? ROUTE_TABLES_MAIN
				       : 30,
		    .metric = i % 3};
	cfg[29].prefix[3] = 1; /* host bits */
	cr_assert_eq(
	    ipv4_route_load(st(), cfg, 30, ROUTE_ADD, NULL, NULL, &failed),
	    -EINVAL);
	cr_assert_eq(failed, 29);
	cr_assert_eq(
	    route_table_count(route_tables_find(ipv4_tables(st()), 30)), 0);
	cfg[29].prefix[3] = 0;
	cr_assert_eq(
	    ipv4_route_load(st(), cfg, 30, ROUTE_ADD, NULL, NULL, &failed), 0);
	cr_assert_eq(
	    route_table_count(route_tables_find(ipv4_tables(st()), 30)), 10);
}
