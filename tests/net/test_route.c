/* SPDX-License-Identifier: BSD-2-Clause */

/* Routes seen by packets: kinds, changes, more specifics, several next hops. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "stack/core/event.h"
#include "stack/nexthop/nexthop.h"
#include "tests/net/route_rig.h"

static void
is_route(const char *addr, uint8_t type, uint8_t plen, uint8_t protocol,
    const char *ifname)
{
	struct route_config r;
	struct route_nexthop nh;

	cr_assert(net_route_get(g.n, g.r, addr, &r, &nh));
	cr_assert(r.type == type && r.plen == plen && r.protocol == protocol,
	    "%s: type %d plen %d protocol %d", addr, r.type, r.plen,
	    r.protocol);
	cr_assert_eq(
	    nh.netif, ifname != NULL ? net_netif(g.n, g.r, ifname) : 0);
}

/* --- What kinds there are ---------------------------------------------- */

RIG_TEST(route_flags, local)
{
	is_route(R_A, ROUTE_LOCAL, 32, ROUTE_PROTO_KERNEL, "eth0");
	(void)rig_ipv4(&g, g.a, A_ADDR, R_B, PROTO_ICMP, 1);
	net_frame_icmp(&g.f, ICMP_ECHO, 0, 1, 8);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert(rig_expect_icmp(&g, g.a, ICMP_ECHO_REPLY, 0));
}

RIG_TEST(route_flags, connected)
{
	is_route(B_ADDR, ROUTE_UNICAST, 24, ROUTE_PROTO_KERNEL, "eth1");
	goes_to(B_ADDR, g.b);
}

RIG_TEST(route_flags, broadcast)
{
	is_route("10.0.2.255", ROUTE_BROADCAST, 32, ROUTE_PROTO_KERNEL, "eth1");
}

RIG_TEST(route_flags, default_gateway)
{
	cr_assert_eq(net_route(g.n, g.r, "default via " B_ADDR), 0);
	is_route("192.0.2.1", ROUTE_UNICAST, 0, ROUTE_PROTO_STATIC, "eth1");
	goes_to("192.0.2.1", g.b);
	goes_to("8.8.8.8", g.b);
	goes_to(C_ADDR, c);
}

RIG_TEST(route_flags, static_gateway)
{
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via " C_ADDR), 0);
	is_route("192.0.2.1", ROUTE_UNICAST, 24, ROUTE_PROTO_STATIC, "eth2");
	goes_to("192.0.2.1", c);
	goes_to("192.0.2.255", c);
}

RIG_TEST(route_flags, static_on_the_link)
{
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 dev eth2"), 0);
	net_probe_arp(g.n, c, "192.0.2.9");
	goes_to("192.0.2.9", c);
}

RIG_TEST(route_flags, host_route)
{
	cr_assert_eq(net_route(g.n, g.r, "10.0.2.2/32 via " C_ADDR), 0);
	goes_to(B_ADDR, c);
	cr_assert_eq(net_route_del(g.n, g.r, "10.0.2.2/32"), 0);
	goes_to(B_ADDR, g.b);
}

RIG_TEST(route_flags, blackhole_is_silent)
{
	cr_assert_eq(net_route(g.n, g.r, "blackhole 192.0.2.0/24"), 0);
	is_route("192.0.2.1", ROUTE_BLACKHOLE, 24, ROUTE_PROTO_STATIC, NULL);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 1, 8);
	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.a), 0);
	rig_dropped(&g, "ipv4-blackhole", 1);
}

RIG_TEST(route_flags, reject_answers)
{
	cr_assert_eq(net_route(g.n, g.r, "unreachable 192.0.2.0/24"), 0);
	is_route("192.0.2.1", ROUTE_UNREACHABLE, 24, ROUTE_PROTO_STATIC, NULL);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0);
	rig_dropped(&g, "ipv4-reject", 1);
}

/* As if the table had no route, whatever is behind it. */
RIG_TEST(route_flags, throw_is_no_route)
{
	cr_assert_eq(net_route(g.n, g.r, "default via " B_ADDR), 0);
	cr_assert_eq(net_route(g.n, g.r, "throw 192.0.2.0/24"), 0);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_NET, 0);
	rig_dropped(&g, "ipv4-no-route", 1);
	goes_to("192.0.3.1", g.b);
}

/* The tree's root, and a hole in what it covers. */
RIG_TEST(route_flags, blackhole_inside_the_default)
{
	cr_assert_eq(net_route(g.n, g.r, "default via " B_ADDR), 0);
	cr_assert_eq(net_route(g.n, g.r, "blackhole 192.0.2.0/25"), 0);
	goes_to("192.0.2.128", g.b);
	(void)rig_udp(&g, A_ADDR, "192.0.2.127", 1, 8);
	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.b), 0);
	rig_dropped(&g, "ipv4-blackhole", 1);
}

/* --- Changes ----------------------------------------------------------- */

RIG_TEST(route_change, reject_to_blackhole)
{
	cr_assert_eq(net_route(g.n, g.r, "unreachable 192.0.2.0/24"), 0);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0);
	cr_assert_eq(net_route_change(g.n, g.r, "blackhole 192.0.2.0/24"), 0);
	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.a), 0);
	rig_dropped(&g, "ipv4-reject", 1);
	rig_dropped(&g, "ipv4-blackhole", 1);
}

RIG_TEST(route_change, gateway)
{
	net_probe_arp(g.n, g.b, "10.0.2.3");
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR), 0);
	goes_to("192.0.2.1", g.b);
	cr_assert_eq(
	    net_route_change(g.n, g.r, "192.0.2.0/24 via 10.0.2.3"), 0);
	goes_to("192.0.2.1", g.b);
	cr_assert_eq(net_drops(g.n, g.r, "neigh-unresolved"), 0);
}

RIG_TEST(route_change, interface)
{
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR), 0);
	goes_to("192.0.2.1", g.b);
	cr_assert_eq(net_route_change(g.n, g.r, "192.0.2.0/24 via " C_ADDR), 0);
	goes_to("192.0.2.1", c);
}

/* A datagram of the router's own to 192.0.2.1 leaves to probe from src. */
static void
sends_from(const char *src, int probe)
{
	net_udp_send(g.n, g.r, 1, "192.0.2.1", 2, 10);
	cr_assert(rig_expect(&g, probe, "192.0.2.1"));
	cr_assert(
	    net_frame_get_ipv4(&g.got)->src == net_ip(src), "not from %s", src);
}

RIG_TEST(route_change, source)
{
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR), 0);
	sends_from(R_B, g.b);
	cr_assert_eq(
	    net_route_change(g.n, g.r, "192.0.2.0/24 via " B_ADDR " src " R_A),
	    0);
	sends_from(R_A, g.b);
	cr_assert_eq(net_route_change(
			 g.n, g.r, "192.0.2.0/24 via " B_ADDR " src 10.0.9.9"),
	    -EINVAL);
	sends_from(R_A, g.b);
}

RIG_TEST(route_change, interface_and_source)
{
	cr_assert_eq(
	    net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR " src " R_B), 0);
	sends_from(R_B, g.b);
	cr_assert_eq(
	    net_route_change(g.n, g.r, "192.0.2.0/24 via " C_ADDR " src " R_A),
	    0);
	sends_from(R_A, c);
	cr_assert_eq(net_route_change(g.n, g.r, "192.0.2.0/24 via " C_ADDR), 0);
	sends_from("10.0.3.1", c);
}

RIG_TEST(route_change, on_link_interface)
{
	net_probe_arp(g.n, g.b, "192.0.2.9");
	net_probe_arp(g.n, c, "192.0.2.9");
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 dev eth1"), 0);
	goes_to("192.0.2.9", g.b);
	cr_assert_eq(net_route_change(g.n, g.r, "192.0.2.0/24 dev eth2"), 0);
	goes_to("192.0.2.9", c);
}

RIG_TEST(route_change, add_replace_change_and_delete_as_iproute2)
{
	const char *net = "192.0.2.0/24 via " B_ADDR;

	cr_assert_eq(net_route_change(g.n, g.r, net), -ENOENT);
	cr_assert_eq(net_route_replace(g.n, g.r, net), 0);
	cr_assert_eq(net_route(g.n, g.r, net), -EEXIST);
	cr_assert_eq(net_route_replace(g.n, g.r, net), 0);
	cr_assert_eq(net_route_change(g.n, g.r, net), 0);
	cr_assert_eq(net_route_del(g.n, g.r, "192.0.2.0/25"), -ENOENT);
	cr_assert_eq(net_route_del(g.n, g.r, "192.0.2.0/24"), 0);
	cr_assert_eq(net_route_del(g.n, g.r, "192.0.2.0/24"), -ENOENT);
}

/* The best is used; when it goes, the next is there in the same commit. */
RIG_TEST(route_change, a_better_route_takes_over_and_gives_back)
{
	cr_assert_eq(
	    net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR " metric 20"), 0);
	goes_to("192.0.2.1", g.b);
	cr_assert_eq(
	    net_route(g.n, g.r, "192.0.2.0/24 via " C_ADDR " metric 10"), 0);
	goes_to("192.0.2.1", c);
	cr_assert_eq(net_route_del(g.n, g.r, "192.0.2.0/24"), 0);
	goes_to("192.0.2.1", g.b);
	cr_assert_eq(net_route_del(g.n, g.r, "192.0.2.0/24"), 0);
	cr_assert_eq(net_route_del(g.n, g.r, "192.0.2.0/24"), -ENOENT);
}

/* A floating route carries on where an address's network was. */
RIG_TEST(route_change, a_waiting_route_succeeds_a_connected_one)
{
	const uint32_t addr = net_ip(R_B);

	cr_assert_eq(net_route(g.n, g.r, "10.0.2.0/24 via " C_ADDR), 0);
	goes_to(B_ADDR, g.b);
	cr_assert_eq(ipv4_addr_remove(net_stack(g.n, g.r),
			 net_netif(g.n, g.r, "eth1"), addr, 24),
	    0);
	goes_to(B_ADDR, c);
}

/* A packet finds the old or the new route at each step, never none. */
RIG_TEST(route_change, replacing_loses_nothing)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_IPV4};
	unsigned int at_b = 0, at_c = 0;

	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR), 0);
	for (int i = 0; i < 200; i++) {
		(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
		rig_send(&g, g.a);
		cr_assert_eq(net_route_replace(g.n, g.r,
				 i % 2 == 0 ? "192.0.2.0/24 via " C_ADDR
					    : "192.0.2.0/24 via " B_ADDR),
		    0);
		at_b += net_probe_count(g.n, g.b, &m, US(10));
		at_c += net_probe_count(g.n, c, &m, US(10));
	}
	cr_assert(at_b == 100 && at_c == 100, "%u and %u", at_b, at_c);
}

RIG_TEST(route_change, tells_subscribers)
{
	struct event_queue *q;
	struct event ev;

	cr_assert_eq(event_subscribe(net_stack(g.n, g.r), 16, &q), 0);
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR), 0);
	cr_assert_eq(net_route_replace(g.n, g.r, "blackhole 192.0.2.0/24"), 0);
	cr_assert_eq(net_route_del(g.n, g.r, "192.0.2.0/24"), 0);
	cr_assert(event_pop(q, &ev));
	cr_assert(ev.kind == EVENT_ROUTE && ev.action == EVENT_ADD);
	cr_assert(ev.plen == 24 && ev.type == ROUTE_UNICAST);
	cr_assert_arr_eq(ev.addr, "\300\0\2\0", 4);
	cr_assert_arr_eq(ev.gateway, "\12\0\2\2", 4);
	cr_assert_eq(ev.netif, net_netif(g.n, g.r, "eth1"));
	cr_assert(event_pop(q, &ev));
	cr_assert(ev.action == EVENT_CHANGE && ev.type == ROUTE_BLACKHOLE);
	cr_assert(event_pop(q, &ev));
	cr_assert(ev.action == EVENT_DELETE && ev.type == ROUTE_BLACKHOLE);
	cr_assert_not(event_pop(q, &ev));
	event_unsubscribe(q);
}

/* --- More specific routes under traffic -------------------------------- */

RIG_TEST(route_rtcache, more_specific_takes_over_and_gives_back)
{
	const char *const more[] = {
	    "192.0.2.0/25", "192.0.2.0/26", "192.0.2.1/32", "192.0.0.0/16"};

	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR), 0);
	goes_to("192.0.2.1", g.b);
	for (int i = 0; i < 4; i++) {
		char words[64];

		(void)snprintf(
		    words, sizeof(words), "%s via %s", more[i], C_ADDR);
		cr_assert_eq(net_route(g.n, g.r, words), 0);
		goes_to("192.0.2.1", i < 3 ? c : g.b);
		cr_assert_eq(net_route_del(g.n, g.r, more[i]), 0);
		goes_to("192.0.2.1", g.b);
	}
}

/* "ADDR/plen", addr being inside it. */
static const char *
prefix_of(uint32_t addr, unsigned int plen)
{
	static char text[32];
	const uint32_t net =
	    htonl(plen == 0 ? 0 : addr & UINT32_MAX << (32 - plen));
	char buf[INET_ADDRSTRLEN];

	cr_assert_not_null(inet_ntop(AF_INET, &net, buf, sizeof(buf)));
	(void)snprintf(text, sizeof(text), "%s/%u", buf, plen);
	return text;
}

RIG_TEST(route_rtcache, each_longer_prefix_wins_and_its_end_gives_back)
{
	const uint32_t addr = 0xc6336455; /* 198.51.100.85 */
	const char *const gw[] = {B_ADDR, C_ADDR};
	const int probe[] = {g.b, c};
	char words[64];

	for (unsigned int plen = 0; plen <= 32; plen++) {
		(void)snprintf(words, sizeof(words), "%s via %s",
		    prefix_of(addr, plen), gw[plen % 2]);
		cr_assert_eq(net_route(g.n, g.r, words), 0);
		goes_to("198.51.100.85", probe[plen % 2]);
	}
	for (unsigned int plen = 32; plen > 0; plen--) {
		goes_to("198.51.100.85", probe[plen % 2]);
		cr_assert_eq(net_route_del(g.n, g.r, prefix_of(addr, plen)), 0);
	}
	goes_to("198.51.100.85", g.b);
}

RIG_TEST(route_rtcache, without_any_route_left)
{
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR), 0);
	goes_to("192.0.2.1", g.b);
	cr_assert_eq(net_route_del(g.n, g.r, "192.0.2.0/24"), 0);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_NET, 0);
	rig_dropped(&g, "ipv4-no-route", 1);
}

/* --- Several next hops ------------------------------------------------- */

#define FLOWS 600

static int extra; /* the probe 'd'; 0 without, as a is probe 0 */

/* Send FLOWS flows; which probe each came to: 'b', 'c', 'd' or '-'. */
static void
spread(char where[FLOWS])
{
	const struct net_match m = {.ethertype = ETHER_TYPE_IPV4};

	net_probe_clear(g.n, g.a);
	for (int i = 0; i < FLOWS; i++) {
		(void)rig_ipv4(&g, g.a, A_ADDR, "192.0.2.1", PROTO_UDP, 0);
		net_frame_udp(&g.f, (uint16_t)(1000 + i), 53, 8);
		net_frame_end(&g.f);
		rig_send(&g, g.a);
		where[i] = '-';
		if (net_probe_count(g.n, g.b, &m, US(1)) == 1)
			where[i] = 'b';
		if (net_probe_count(g.n, c, &m, 0) == 1)
			where[i] = 'c';
		if (extra != 0 && net_probe_count(g.n, extra, &m, 0) == 1)
			where[i] = 'd';
	}
}

static int
at(const char where[FLOWS], char probe)
{
	int n = 0;

	for (int i = 0; i < FLOWS; i++)
		n += where[i] == probe;
	return n;
}

RIG_TEST(route_nexthops, share_flows_evenly)
{
	char where[FLOWS];

	cr_assert_eq(
	    net_route(g.n, g.r,
		"192.0.2.0/24 nexthop via " B_ADDR " nexthop via " C_ADDR),
	    0);
	spread(where);
	cr_assert_eq(at(where, '-'), 0);
	cr_assert(at(where, 'b') > FLOWS * 2 / 5);
	cr_assert(at(where, 'c') > FLOWS * 2 / 5);
}

RIG_TEST(route_nexthops, share_flows_by_weight)
{
	char where[FLOWS];

	cr_assert_eq(net_route(g.n, g.r,
			 "192.0.2.0/24 nexthop via " B_ADDR
			 " weight 9 nexthop via " C_ADDR " weight 1"),
	    0);
	spread(where);
	cr_assert_eq(at(where, '-'), 0);
	cr_assert(at(where, 'c') > FLOWS / 20 && at(where, 'c') < FLOWS / 6,
	    "%d", at(where, 'c'));
}

RIG_TEST(route_nexthops, keep_a_flow_where_it_is)
{
	char first[FLOWS], again[FLOWS];

	cr_assert_eq(
	    net_route(g.n, g.r,
		"192.0.2.0/24 nexthop via " B_ADDR " nexthop via " C_ADDR),
	    0);
	spread(first);
	spread(again);
	cr_assert_arr_eq(first, again, FLOWS);
}

RIG_TEST(route_nexthops, move_only_the_flows_of_one_that_is_down)
{
	char before[FLOWS], during[FLOWS], after[FLOWS];

	extra = net_probe(g.n, g.r, "10.0.4.1/24", NULL);
	net_probe_arp(g.n, extra, "10.0.4.2");
	cr_assert_eq(net_route(g.n, g.r,
			 "192.0.2.0/24 nexthop via " B_ADDR
			 " nexthop via " C_ADDR " nexthop via 10.0.4.2"),
	    0);
	spread(before); /* the first few wait for the neighbour */
	net_run(g.n, SEC(5));
	spread(before);
	cr_assert(at(before, 'b') > 100 && at(before, 'c') > 100 &&
		  at(before, 'd') > 100);
	net_down(g.n, g.r, "eth1");
	spread(during);
	cr_assert_eq(at(during, 'c') + at(during, 'd'), FLOWS);
	for (int i = 0; i < FLOWS; i++)
		cr_assert(before[i] == 'b' || during[i] == before[i]);
	/* They went to both. */
	cr_assert(at(during, 'c') > at(before, 'c') + 40);
	cr_assert(at(during, 'd') > at(before, 'd') + 40);
	net_up(g.n, g.r, "eth1");
	net_run(g.n, SEC(1));
	spread(after);
	spread(after);
	cr_assert_arr_eq(before, after, FLOWS);
}

RIG_TEST(route_nexthops, all_down_is_unreachable)
{
	cr_assert_eq(
	    net_route(g.n, g.r,
		"192.0.2.0/24 nexthop via " B_ADDR " nexthop via " C_ADDR),
	    0);
	net_down(g.n, g.r, "eth1");
	net_down(g.n, g.r, "eth2");
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0);
	rig_dropped(&g, "ipv4-nexthop-down", 1);
}

/* Ports are in the first fragment only: all go by the addresses. */
RIG_TEST(route_nexthops, fragments_of_a_datagram_stay_together)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_IPV4};

	cr_assert_eq(
	    net_route(g.n, g.r,
		"192.0.2.0/24 nexthop via " B_ADDR " nexthop via " C_ADDR),
	    0);
	for (int i = 0; i < 50; i++) {
		unsigned int b, k;

		for (int off = 0; off < 3; off++) {
			struct ipv4_hdr *h = rig_ipv4(
			    &g, g.a, A_ADDR, "192.0.2.1", PROTO_UDP, 0);

			net_frame_udp(&g.f, (uint16_t)(i + off), 53, 40);
			h->dst = htonl(0xc0000200u + (uint32_t)i);
			h->frag_off = htons(
			    (uint16_t)(off * 6 | (off < 2 ? IPV4_MF : 0)));
			net_frame_end(&g.f);
			rig_send(&g, g.a);
		}
		b = net_probe_count(g.n, g.b, &m, US(1));
		k = net_probe_count(g.n, c, &m, 0);
		cr_assert(b + k == 3 && (b == 0 || k == 0), "%u, %u", b, k);
	}
}

static void
numbered(uint32_t id, const char *gateway, const char *ifname)
{
	struct nexthop_object_config cfg = {.id = id,
	    .hop = {.kind = NEXTHOP_VIA,
		.weight = 1,
		.netif = net_netif(g.n, g.r, ifname)}};
	const uint32_t gw = net_ip(gateway);
	const char *why;

	memcpy(cfg.hop.gateway, &gw, sizeof(gw));
	cr_assert_eq(
	    nexthop_add(net_stack(g.n, g.r), &cfg, NEXTHOP_OBJECT_ADD, &why),
	    0);
}

RIG_TEST(route_nexthops, a_number_used_again_is_the_new_one)
{
	const struct route_config cfg = {.prefix = {20},
	    .plen = 8,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nhid = 7};
	struct stack *st = net_stack(g.n, g.r);
	const char *why;

	numbered(7, B_ADDR, "eth1");
	cr_assert_eq(ipv4_route_add(st, &cfg, ROUTE_ADD), 0);
	goes_to("20.0.0.1", g.b);
	cr_assert_eq(nexthop_del(st, 7, &why), 0);
	/* The route is gone, but may not be forgotten yet. */
	cr_assert_eq(ipv4_route_add(st, &cfg, ROUTE_ADD), -ENXIO);
	numbered(7, C_ADDR, "eth2");
	cr_assert_eq(ipv4_route_add(st, &cfg, ROUTE_ADD), 0);
	goes_to("20.0.0.1", c);
}

/* --- What the configuration refuses ------------------------------------ */

RIG_TEST(route_config, gateway_must_be_on_a_link)
{
	const char *const bad[] = {
	    "192.0.2.0/24 via 172.16.0.1",
	    "192.0.2.0/24 via 10.0.2.2 dev eth2",
	    "192.0.2.0/24 via 10.0.1.1", /* ourselves */
	    "192.0.2.0/24 via 10.0.2.255",
	    "192.0.2.0/24 via 192.0.2.1",
	};

	for (int i = 0; i < 5; i++)
		cr_assert_eq(
		    net_route(g.n, g.r, bad[i]), -ENETUNREACH, "%s", bad[i]);
	/* Nor behind another gateway. */
	cr_assert_eq(net_route(g.n, g.r, "172.16.0.0/16 via " B_ADDR), 0);
	cr_assert_eq(net_route(g.n, g.r, bad[0]), -ENETUNREACH);
	/* But a host route makes it one. */
	cr_assert_eq(net_route(g.n, g.r, "172.16.0.1/32 dev eth2"), 0);
	cr_assert_eq(net_route(g.n, g.r, bad[0]), 0);
}

RIG_TEST(route_config, unknown_interface)
{
	const struct route_nexthop nh = {.netif = 0x00070009, .weight = 1};
	struct route_config cfg = {.prefix = {192, 0, 2, 0},
	    .plen = 24,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nnexthops = 1,
	    .nexthops = &nh};
	struct stack *st = net_stack(g.n, g.r);

	cr_assert_eq(ipv4_route_add(st, &cfg, ROUTE_ADD), -ENODEV);
	cfg.nnexthops = 0;
	cr_assert_eq(ipv4_route_add(st, &cfg, ROUTE_ADD), -EINVAL);
	cfg.type = ROUTE_BLACKHOLE;
	cfg.plen = 33;
	cr_assert_eq(ipv4_route_add(st, &cfg, ROUTE_ADD), -EINVAL);
	cfg.plen = 16;
	cfg.prefix[3] = 1;
	cr_assert_eq(ipv4_route_add(st, &cfg, ROUTE_ADD), -EINVAL);
	cfg.prefix[3] = 0;
	cfg.type = 77;
	cr_assert_eq(ipv4_route_add(st, &cfg, ROUTE_ADD), -EINVAL);
}

RIG_TEST(route_config, routes_of_addresses_are_not_configured)
{
	const uint8_t local[16] = {10, 0, 1, 1}, net[16] = {10, 0, 1, 0};
	struct stack *st = net_stack(g.n, g.r);

	cr_assert_eq(ipv4_route_remove(st, local, 32), -EPERM);
	cr_assert_eq(ipv4_route_remove(st, net, 24), -EPERM);
	/* Others wait behind them. */
	cr_assert_eq(
	    net_route_change(g.n, g.r, "blackhole 10.0.1.1/32"), -ENOENT);
	cr_assert_eq(net_route(g.n, g.r, "blackhole 10.0.1.1/32"), 0);
	is_route(R_A, ROUTE_LOCAL, 32, ROUTE_PROTO_KERNEL, "eth0");
	cr_assert_eq(ipv4_route_remove(st, local, 32), 0);
	cr_assert_eq(ipv4_route_remove(st, local, 32), -EPERM);
}

static void
count_progress(void *arg, size_t done)
{
	size_t *last = arg;

	cr_assert_gt(done, *last);
	*last = done;
}

/* count /24 blackholes from 20.0.0.0 on. */
static struct route_config *
many(size_t count)
{
	struct route_config *cfg = calloc(count, sizeof(*cfg));

	cr_assert_not_null(cfg);
	for (size_t i = 0; i < count; i++) {
		cfg[i].prefix[0] = (uint8_t)(20 + (i >> 16));
		cfg[i].prefix[1] = (uint8_t)(i >> 8);
		cfg[i].prefix[2] = (uint8_t)i;
		cfg[i].plen = 24;
		cfg[i].type = ROUTE_BLACKHOLE;
		cfg[i].protocol = ROUTE_PROTO_STATIC;
	}
	return cfg;
}

RIG_TEST(route_config, load_is_one_commit_with_progress)
{
	const size_t count = 100000;
	struct stack *st = net_stack(g.n, g.r);
	const size_t before = route_table_count(ipv4_routes(st));
	struct route_config *cfg = many(count);
	size_t failed = 77, done = 0;

	cr_assert_eq(ipv4_route_load(st, cfg, count, ROUTE_ADD, count_progress,
			 &done, &failed),
	    0);
	cr_assert(done == count && failed == 77);
	cr_assert_eq(route_table_count(ipv4_routes(st)), before + count);
	is_route("20.255.255.1", ROUTE_BLACKHOLE, 24, ROUTE_PROTO_STATIC, NULL);
	free(cfg);
}

RIG_TEST(route_config, load_is_all_or_nothing)
{
	const size_t count = 5000;
	struct stack *st = net_stack(g.n, g.r);
	const size_t before = route_table_count(ipv4_routes(st));
	struct route_config *cfg = many(count);
	size_t failed = 0;

	cfg[4321].prefix[3] = 1; /* host bits */
	cr_assert_eq(
	    ipv4_route_load(st, cfg, count, ROUTE_ADD, NULL, NULL, &failed),
	    -EINVAL);
	cr_assert_eq(failed, 4321);
	cr_assert_eq(route_table_count(ipv4_routes(st)), before);
	cfg[4321] = cfg[17];
	cr_assert_eq(
	    ipv4_route_load(st, cfg, count, ROUTE_ADD, NULL, NULL, &failed),
	    -EEXIST);
	cr_assert_eq(failed, 4321);
	cr_assert_eq(route_table_count(ipv4_routes(st)), before);
	cr_assert_eq(
	    ipv4_route_load(st, cfg, count, ROUTE_REPLACE, NULL, NULL, &failed),
	    0);
	cr_assert_eq(route_table_count(ipv4_routes(st)), before + count - 1);
	free(cfg);
}
