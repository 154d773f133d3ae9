/* SPDX-License-Identifier: BSD-2-Clause */

/* Addresses and interfaces: the routes that follow from them, at each step. */

#include <errno.h>
#include <stdio.h>

#include "stack/core/event.h"
#include "tests/net/ipv4_rig.h"

static struct rig g;

static void
setup(void)
{
	rig_init(&g);
}

static void
teardown(void)
{
	rig_fini(&g);
}

/* The route of exactly prefix is of this type, by this interface, from src. */
static void
has(const char *prefix, unsigned int plen, uint8_t type, const char *ifname,
    const char *src)
{
	const uint32_t key = net_ip(prefix);
	const uint64_t s = pserialize_read_enter();
	const struct route *r = route_table_exact(
	    ipv4_routes(net_stack(g.n, g.r)), (const uint8_t *)&key, plen);
	uint32_t prefsrc;

	cr_assert(r != NULL, "no route %s/%u", prefix, plen);
	cr_assert(r->type == type, "%s/%u: type %u", prefix, plen, r->type);
	cr_assert_eq(r->protocol, ROUTE_PROTO_KERNEL);
	memcpy(&prefsrc, r->prefsrc, sizeof(prefsrc));
	cr_assert(prefsrc == net_ip(src), "%s/%u: source", prefix, plen);
	cr_assert_eq(r->nexthops[0].netif, net_netif(g.n, g.r, ifname));
	pserialize_read_exit(s);
}

static void
has_not(const char *prefix, unsigned int plen)
{
	const uint32_t key = net_ip(prefix);
	const uint64_t s = pserialize_read_enter();

	cr_assert(route_table_exact(ipv4_routes(net_stack(g.n, g.r)),
		      (const uint8_t *)&key, plen) == NULL,
	    "%s/%u is there", prefix, plen);
	pserialize_read_exit(s);
}

static size_t
routes(void)
{
	return route_table_count(ipv4_routes(net_stack(g.n, g.r)));
}

static int
add(const char *ifname, const char *addr)
{
	return net_addr_add(g.n, g.r, ifname, addr);
}

static int
del(const char *ifname, const char *addr)
{
	return net_addr_del(g.n, g.r, ifname, addr);
}

/* Is addr answered when a asks it? */
static bool
answers(const char *addr)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_IPV4,
	    .src = addr,
	    .icmp = true,
	    .icmp_type = ICMP_ECHO_REPLY};

	(void)rig_ipv4(&g, g.a, A_ADDR, addr, PROTO_ICMP, 0);
	net_frame_icmp(&g.f, ICMP_ECHO, 0, 1, 8);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	return net_probe_count(g.n, g.a, &m, MS(1)) == 1;
}

RIG_TEST(ipv4_addr, brings_three_routes)
{
	const size_t before = routes();

	cr_assert_eq(add("eth1", "172.16.5.6/20"), 0);
	cr_assert_eq(routes(), before + 3);
	has("172.16.5.6", 32, ROUTE_LOCAL, "eth1", "172.16.5.6");
	has("172.16.0.0", 20, ROUTE_UNICAST, "eth1", "172.16.5.6");
	has("172.16.15.255", 32, ROUTE_BROADCAST, "eth1", "172.16.5.6");
	cr_assert_eq(del("eth1", "172.16.5.6/20"), 0);
	cr_assert_eq(routes(), before);
}

RIG_TEST(ipv4_addr, without_broadcast_on_links_of_two)
{
	const size_t before = routes();

	cr_assert_eq(add("eth1", "172.16.0.0/31"), 0);
	has("172.16.0.0", 32, ROUTE_LOCAL, "eth1", "172.16.0.0");
	has("172.16.0.0", 31, ROUTE_UNICAST, "eth1", "172.16.0.0");
	cr_assert_eq(routes(), before + 2);
	cr_assert_eq(add("eth1", "172.17.0.9/32"), 0);
	has("172.17.0.9", 32, ROUTE_LOCAL, "eth1", "172.17.0.9");
	cr_assert_eq(routes(), before + 3);
}

RIG_TEST(ipv4_addr, same_address_again)
{
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(del("eth0", R_A "/24"), 0);
		has_not(R_A, 32);
		has_not("10.0.1.0", 24);
		has_not("10.0.1.255", 32);
		cr_assert_not(answers(R_A));
		cr_assert_eq(add("eth0", R_A "/24"), 0);
		has(R_A, 32, ROUTE_LOCAL, "eth0", R_A);
		has("10.0.1.0", 24, ROUTE_UNICAST, "eth0", R_A);
		has("10.0.1.255", 32, ROUTE_BROADCAST, "eth0", R_A);
		rig_warm(&g);
		cr_assert(answers(R_A));
	}
	/* Each request, and the error about it. */
	rig_dropped(&g, "ipv4-no-route", 6);
	net_allow_drops(g.n, g.r, "arp-no-address", UINT64_MAX);
}

RIG_TEST(ipv4_addr, a_loop_network_is_all_ours)
{
	cr_assert_eq(add("lo", "127.0.0.1/8"), 0);
	has("127.0.0.1", 32, ROUTE_LOCAL, "lo", "127.0.0.1");
	has("127.0.0.0", 8, ROUTE_LOCAL, "lo", "127.0.0.1");
	has_not("127.255.255.255", 32);
	cr_assert(net_ping(g.n, g.r, "127.0.0.1", 56, 0));
	cr_assert(net_ping(g.n, g.r, "127.1.2.3", 56, 0));
	cr_assert(net_ping(g.n, g.r, "127.0.0.1", 20000, 0));
}

RIG_TEST(ipv4_addr, shared_network_stays_until_the_last_goes)
{
	cr_assert_eq(add("eth1", "172.16.0.1/24"), 0);
	cr_assert_eq(add("eth1", "172.16.0.2/24"), 0);
	has("172.16.0.0", 24, ROUTE_UNICAST, "eth1", "172.16.0.1");
	cr_assert_eq(del("eth1", "172.16.0.1/24"), 0);
	has("172.16.0.0", 24, ROUTE_UNICAST, "eth1", "172.16.0.2");
	has("172.16.0.255", 32, ROUTE_BROADCAST, "eth1", "172.16.0.2");
	cr_assert_eq(del("eth1", "172.16.0.2/24"), 0);
	has_not("172.16.0.0", 24);
	has_not("172.16.0.255", 32);
}

RIG_TEST(ipv4_addr, network_shared_by_interfaces_moves)
{
	cr_assert_eq(add("eth0", "172.16.0.1/24"), 0);
	cr_assert_eq(add("eth1", "172.16.0.2/24"), 0);
	has("172.16.0.0", 24, ROUTE_UNICAST, "eth0", "172.16.0.1");
	cr_assert_eq(del("eth0", "172.16.0.1/24"), 0);
	has("172.16.0.0", 24, ROUTE_UNICAST, "eth1", "172.16.0.2");
	has("172.16.0.255", 32, ROUTE_BROADCAST, "eth1", "172.16.0.2");
}

/* Both interfaces receive the broadcast of a network that they share. */
RIG_TEST(ipv4_addr, broadcast_of_a_shared_network_is_received_on_both)
{
	const int probe[] = {g.a, g.b};

	cr_assert_eq(add("eth0", "172.16.0.1/24"), 0);
	cr_assert_eq(add("eth1", "172.16.0.2/24"), 0);
	for (int i = 0; i < 2; i++) {
		(void)rig_ipv4(
		    &g, probe[i], "172.16.0.9", "172.16.0.255", PROTO_UDP, 0);
		net_frame_udp(&g.f, 1, 2, 8);
		net_frame_end(&g.f);
		memset(g.f.data, 0xff, 6);
		rig_send(&g, probe[i]);
		net_run(g.n, MS(10));
		cr_assert_eq(net_drops(g.n, g.r, "udp-port"), (uint64_t)i + 1);
	}
	rig_dropped(&g, "udp-port", 2);
}

RIG_TEST(ipv4_addr, an_address_beats_a_broadcast_address)
{
	cr_assert_eq(add("eth1", "172.16.0.1/25"), 0);
	has("172.16.0.127", 32, ROUTE_BROADCAST, "eth1", "172.16.0.1");
	cr_assert_eq(add("eth0", "172.16.0.127/24"), 0);
	has("172.16.0.127", 32, ROUTE_LOCAL, "eth0", "172.16.0.127");
	cr_assert_eq(del("eth0", "172.16.0.127/24"), 0);
	has("172.16.0.127", 32, ROUTE_BROADCAST, "eth1", "172.16.0.1");
}

RIG_TEST(ipv4_addr, refuses_what_is_no_unicast_address)
{
	static const char *const bad[] = {"0.0.0.0/0", "0.0.0.5/8",
	    "127.0.0.1/8", "224.0.0.1/24", "240.0.0.1/24", "255.255.255.255/32",
	    "172.16.0.0/24", "172.16.0.255/24"};
	const size_t before = routes();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(add("eth1", bad[i]), -EADDRNOTAVAIL, "%s", bad[i]);
	cr_assert_eq(add("eth1", "172.16.0.1/33"), -EINVAL);
	cr_assert_eq(add("eth1", R_B "/24"), -EEXIST);
	cr_assert_eq(add("eth1", R_B "/16"), -EEXIST);
	cr_assert_eq(add("eth1", R_A "/24"), -EADDRINUSE);
	cr_assert_eq(del("eth1", R_A "/24"), -EADDRNOTAVAIL);
	cr_assert_eq(del("eth1", R_B "/25"), -EADDRNOTAVAIL);
	cr_assert_eq(ipv4_addr_add(net_stack(g.n, g.r), 0x00070009,
			 net_ip("172.16.0.1"), 24),
	    -ENODEV);
	cr_assert_eq(routes(), before);
}

RIG_TEST(ipv4_addr, gateways_go_with_their_network)
{
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR), 0);
	cr_assert_eq(net_route(g.n, g.r, "198.51.100.0/24 via " A_ADDR), 0);
	cr_assert_eq(
	    net_route(g.n, g.r,
		"203.0.113.0/24 nexthop via " A_ADDR " nexthop via " B_ADDR),
	    0);
	cr_assert_eq(net_route(g.n, g.r, "192.168.0.0/16 dev eth1"), 0);
	cr_assert_eq(net_route(g.n, g.r, "blackhole 192.168.3.0/24"), 0);
	cr_assert_eq(del("eth1", R_B "/24"), 0);
	has_not("192.0.2.0", 24);
	{
		struct route_config r;
		struct route_nexthop nh;

		cr_assert(net_route_get(g.n, g.r, "203.0.113.1", &r, &nh));
		cr_assert_eq(r.nnexthops, 1);
		cr_assert_eq(nh.netif, net_netif(g.n, g.r, "eth0"));
		cr_assert(net_route_get(g.n, g.r, "198.51.100.1", &r, &nh));
		cr_assert(net_route_get(g.n, g.r, "192.168.1.1", &r, &nh));
		cr_assert_eq(r.plen, 16);
		cr_assert(net_route_get(g.n, g.r, "192.168.3.1", &r, &nh));
		cr_assert_eq(r.type, ROUTE_BLACKHOLE);
	}
	cr_assert_eq(add("eth1", R_B "/24"), 0);
}

RIG_TEST(ipv4_addr, gateways_stay_while_another_address_covers_them)
{
	struct route_config r;
	struct route_nexthop nh;

	cr_assert_eq(add("eth1", "10.0.2.9/28"), 0);
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR), 0);
	cr_assert_eq(net_route(g.n, g.r, "198.51.100.0/24 via 10.0.2.77"), 0);
	cr_assert_eq(del("eth1", R_B "/24"), 0);
	cr_assert(net_route_get(g.n, g.r, "192.0.2.1", &r, &nh));
	cr_assert_not(net_route_get(g.n, g.r, "198.51.100.1", &r, &nh));
}

RIG_TEST(ipv4_addr, routes_from_an_address_go_with_it)
{
	struct route_config r;
	struct route_nexthop nh;

	cr_assert_eq(add("eth1", "10.0.2.9/24"), 0);
	cr_assert_eq(
	    net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR " src 10.0.2.9"), 0);
	cr_assert_eq(
	    net_route(g.n, g.r, "192.0.3.0/24 via " B_ADDR " src 10.0.2.10"),
	    -EINVAL);
	cr_assert_eq(del("eth1", "10.0.2.9/24"), 0);
	cr_assert_not(net_route_get(g.n, g.r, "192.0.2.1", &r, &nh));
}

RIG_TEST(ipv4_addr, source_is_the_neighbours_network)
{
	struct stack *st = net_stack(g.n, g.r);
	const uint64_t s = pserialize_read_enter();

	cr_assert_eq(ipv4_source(st, net_ip(B_ADDR)), net_ip(R_B));
	cr_assert_eq(ipv4_source(st, net_ip(A_ADDR)), net_ip(R_A));
	cr_assert_eq(ipv4_source(st, net_ip(R_B)), net_ip(R_B));
	cr_assert_eq(ipv4_source(st, net_ip("192.0.2.1")), 0);
	cr_assert(ipv4_is_local(st, net_ip(R_A)));
	cr_assert_not(ipv4_is_local(st, net_ip(A_ADDR)));
	cr_assert_not(ipv4_is_local(st, net_ip("10.0.1.255")));
	pserialize_read_exit(s);
}

RIG_TEST(ipv4_addr, source_of_a_gateway_route_is_on_its_network)
{
	struct stack *st = net_stack(g.n, g.r);
	uint64_t s;

	cr_assert_eq(add("eth1", "172.16.0.1/24"), 0);
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via 172.16.0.7"), 0);
	cr_assert_eq(
	    net_route(g.n, g.r, "192.0.3.0/24 via 172.16.0.7 src " R_A), 0);
	s = pserialize_read_enter();
	cr_assert_eq(
	    ipv4_source(st, net_ip("192.0.2.1")), net_ip("172.16.0.1"));
	cr_assert_eq(ipv4_source(st, net_ip("192.0.3.1")), net_ip(R_A));
	pserialize_read_exit(s);
}

RIG_TEST(ipv4_addr, tells_subscribers)
{
	struct event_queue *q;
	struct event ev;
	unsigned int addrs = 0, others = 0;

	cr_assert_eq(event_subscribe(net_stack(g.n, g.r), 64, &q), 0);
	cr_assert_eq(add("eth1", "172.16.0.1/24"), 0);
	cr_assert_eq(del("eth1", "172.16.0.1/24"), 0);
	while (event_pop(q, &ev)) {
		if (ev.kind == EVENT_ADDR) {
			cr_assert_arr_eq(ev.addr, "\254\20\0\1", 4);
			cr_assert_eq(
			    ev.action, addrs == 0 ? EVENT_ADD : EVENT_DELETE);
			cr_assert(ev.plen == 24);
			cr_assert_str_eq(ev.ifname, "eth1");
			addrs++;
		} else if (ev.kind == EVENT_ROUTE) {
			others++;
		}
	}
	cr_assert(addrs == 2 && others == 6);
	event_unsubscribe(q);
}

/*
 * At every step an address is ours, or it is not and packets to it follow the
 * other routes: never back to where they came from, never around.
 */
RIG_TEST(ipv4_addr, appears_and_disappears_at_once)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_IPV4};
	unsigned int forwarded = 0;

	cr_assert_eq(net_route(g.n, g.r, "default via " B_ADDR), 0);
	for (int i = 0; i < 1000; i++) {
		char addr[32], ifaddr[40];

		(void)snprintf(addr, sizeof(addr), "172.%d.%d.%d", 16 + i % 8,
		    i % 200, 1 + i % 250);
		(void)snprintf(ifaddr, sizeof(ifaddr), "%s/%d", addr,
		    i % 3 == 0 ? 32 : 12 + i % 12);
		cr_assert_not(answers(addr));
		forwarded += net_probe_count(g.n, g.b, &m, 0);
		cr_assert_eq(
		    add(i % 2 == 0 ? "eth0" : "eth1", ifaddr), 0, "%s", ifaddr);
		cr_assert(answers(addr), "%s", ifaddr);
		cr_assert_eq(net_probe_count(g.n, g.b, &m, 0), 0);
		cr_assert_eq(del(i % 2 == 0 ? "eth0" : "eth1", ifaddr), 0);
	}
	/* Without the address each went one way, once. */
	cr_assert_eq(forwarded, 1000);
	cr_assert_eq(net_drops(g.n, g.r, "ipv4-ttl"), 0);
}

/* --- Interfaces -------------------------------------------------------- */

RIG_TEST(netif_life, down_and_up_keeps_routes)
{
	const size_t before = routes();

	net_down(g.n, g.r, "eth1");
	cr_assert_eq(routes(), before);
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 8);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0);
	rig_dropped(&g, "ipv4-nexthop-down", 1);
	/* Its address is ours all the same. */
	cr_assert(answers(R_B));
	net_up(g.n, g.r, "eth1");
	rig_send(&g, g.a);
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
}

RIG_TEST(netif_life, a_cut_wire_is_as_good_as_down)
{
	wire_set_carrier(net_wire_of(g.n, net_probe_wire(g.n, g.b)), false);
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 8);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0);
	rig_dropped(&g, "ipv4-nexthop-down", 1);
	wire_set_carrier(net_wire_of(g.n, net_probe_wire(g.n, g.b)), true);
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
}

RIG_TEST(netif_life, removal_takes_its_routes)
{
	const size_t before = routes();
	struct route_config r;
	struct route_nexthop nh;
	int c;

	c = net_probe(g.n, g.r, "172.16.0.1/24", NULL);
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via 172.16.0.2"), 0);
	cr_assert_eq(net_route(g.n, g.r, "192.0.3.0/24 dev eth2"), 0);
	cr_assert_eq(net_route(g.n, g.r,
			 "203.0.113.0/24 nexthop via 172.16.0.2"
			 " nexthop via " B_ADDR),
	    0);
	cr_assert_eq(net_route(g.n, g.r,
			 "198.51.100.0/24 via " B_ADDR " src 172.16.0.1"),
	    0);
	net_wire_remove(g.n, net_probe_wire(g.n, c));
	cr_assert_eq(routes(), before + 1);
	cr_assert(net_route_get(g.n, g.r, "203.0.113.1", &r, &nh));
	cr_assert(r.nnexthops == 1 && nh.netif == net_netif(g.n, g.r, "eth1"));
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_NET, 0);
	(void)rig_udp(&g, A_ADDR, "172.16.0.1", 0, 8);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_NET, 0);
	rig_dropped(&g, "ipv4-no-route", 2);
}

/* The slot is used again, the id is not: old routes do not come alive. */
RIG_TEST(netif_life, an_index_that_is_used_again_is_another_interface)
{
	netif_id first, next;
	int c;

	c = net_probe(g.n, g.r, "172.16.0.1/24", NULL);
	first = net_probe_netif(g.n, c);
	net_wire_remove(g.n, net_probe_wire(g.n, c));
	for (int i = 0; i < 8; i++) {
		uint64_t s;

		c = net_probe(g.n, g.r, "172.16.0.1/24", NULL);
		next = net_probe_netif(g.n, c);
		cr_assert_neq(next, first);
		s = pserialize_read_enter();
		cr_assert_null(netif_lookup(net_stack(g.n, g.r), first));
		pserialize_read_exit(s);
		net_probe_arp(g.n, c, "172.16.0.2");
		(void)rig_udp(&g, A_ADDR, "172.16.0.2", 0, 8);
		rig_send(&g, g.a);
		cr_assert(rig_expect(&g, c, "172.16.0.2"));
		net_run(g.n, SEC(5));
		net_wire_remove(g.n, net_probe_wire(g.n, c));
		first = next;
	}
}

RIG_TEST(netif_life, shared_network_survives_the_other_interface)
{
	const int c = net_probe(g.n, g.r, "10.0.2.7/24", NULL);

	net_probe_arp(g.n, c, B_ADDR);
	has("10.0.2.0", 24, ROUTE_UNICAST, "eth1", R_B);
	net_wire_remove(g.n, net_probe_wire(g.n, g.b));
	has("10.0.2.0", 24, ROUTE_UNICAST, "eth2", "10.0.2.7");
	has("10.0.2.255", 32, ROUTE_BROADCAST, "eth2", "10.0.2.7");
	has_not(R_B, 32);
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, c, B_ADDR));
}

RIG_TEST(netif_life, packets_under_way_meet_a_stale_id)
{
	/* One packet is held for a neighbour when its interface goes. */
	const int c = net_probe(g.n, g.r, "172.16.0.1/24", NULL);

	(void)rig_udp(&g, A_ADDR, "172.16.0.2", 0, 8);
	rig_send(&g, g.a);
	net_run(g.n, MS(10));
	net_wire_remove(g.n, net_probe_wire(g.n, c));
	net_run(g.n, SEC(10));
	cr_assert_eq(net_drops(g.n, g.r, "neigh-purged") +
			 net_drops(g.n, g.r, "netif-gone"),
	    1);
	net_allow_drops(g.n, g.r, "neigh-purged", 1);
	net_allow_drops(g.n, g.r, "netif-gone", 1);
	cr_assert_eq(stack_pkts_in_use(net_stack(g.n, g.r)), 0);
}
