/* SPDX-License-Identifier: BSD-2-Clause */

/* Forwarding: time to live, options, broadcasts, fragments, MTU. */

#include "stack/nexthop/neigh.h"
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

/* g.got is g.f one hop on: only addresses of the link, TTL and sum differ. */
static void
one_hop_on(void)
{
	struct ipv4_hdr *sent = net_frame_get_ipv4(&g.f);
	struct ipv4_hdr *h = net_frame_get_ipv4(&g.got);
	const size_t len = ntohs(sent->total_len);

	cr_assert_not_null(h);
	cr_assert(net_frame_sums_hold(&g.got));
	cr_assert_eq(h->ttl, sent->ttl - 1);
	cr_assert_arr_eq(g.got.data, net_probe_hwaddr(g.n, g.b), 6);
	cr_assert_arr_eq(g.got.data + 6, rig_hwaddr(&g, g.b), 6);
	h->ttl = sent->ttl;
	h->checksum = sent->checksum;
	cr_assert_eq(g.got.len, ETHER_HDR_LEN + len);
	cr_assert_arr_eq(h, sent, len);
}

RIG_TEST(ipv4_forward, changes_ttl_and_sum_only)
{
	for (unsigned int ttl = 2; ttl < 256; ttl += 11) {
		struct ipv4_hdr *h =
		    rig_udp(&g, A_ADDR, B_ADDR, (uint8_t)ttl, ttl);

		h->tos = (uint8_t)(ttl * 3);
		h->id = htons((uint16_t)(ttl * 257));
		rig_sum(h);
		rig_send(&g, g.a);
		cr_assert(rig_expect(&g, g.b, B_ADDR));
		one_hop_on();
	}
}

/* RFC 1624: the sums that the older equation got wrong. */
RIG_TEST(ipv4_forward, sum_holds_for_each_identification)
{
	for (unsigned int id = 0; id < 0x10000; id += 0x3f) {
		struct ipv4_hdr *h = rig_udp(&g, A_ADDR, B_ADDR, 2, 0);

		h->id = htons((uint16_t)id);
		rig_sum(h);
		rig_send(&g, g.a);
		cr_assert(rig_expect(&g, g.b, B_ADDR));
		cr_assert(net_frame_sums_hold(&g.got), "id %#x", id);
	}
}

RIG_TEST(ipv4_forward, ping_across_a_router)
{
	const int c = net_host(g.n, "c"), d = net_host(g.n, "d");

	net_wire(g.n, c, "10.1.1.2/24", g.r, "10.1.1.1/24", NULL);
	net_wire(g.n, d, "10.1.2.2/24", g.r, "10.1.2.1/24", NULL);
	cr_assert_eq(net_route(g.n, c, "default via 10.1.1.1"), 0);
	cr_assert_eq(net_route(g.n, d, "default via 10.1.2.1"), 0);
	cr_assert(net_ping(g.n, c, "10.1.2.2", 56, 0));
	cr_assert(net_ping(g.n, d, "10.1.1.2", 56, NET_DF));
}

/* c - r1 - r2 - r3 - d */
static void
chain(struct net *n, int *c, int *d)
{
	const int r1 = net_router(n, "r1"), r2 = net_router(n, "r2");
	const int r3 = net_router(n, "r3");

	*c = net_host(n, "c");
	*d = net_host(n, "d");
	net_wire(n, *c, "10.3.0.2/24", r1, "10.3.0.1/24", NULL);
	net_wire(n, r1, "10.3.1.1/24", r2, "10.3.1.2/24", NULL);
	net_wire(n, r2, "10.3.2.1/24", r3, "10.3.2.2/24", NULL);
	net_wire(n, r3, "10.3.3.1/24", *d, "10.3.3.2/24", NULL);
	cr_assert_eq(net_route(n, *c, "default via 10.3.0.1"), 0);
	cr_assert_eq(net_route(n, r1, "default via 10.3.1.2"), 0);
	cr_assert_eq(net_route(n, r2, "10.3.0.0/24 via 10.3.1.1"), 0);
	cr_assert_eq(net_route(n, r2, "10.3.3.0/24 via 10.3.2.2"), 0);
	cr_assert_eq(net_route(n, r3, "default via 10.3.2.1"), 0);
	cr_assert_eq(net_route(n, *d, "default via 10.3.3.1"), 0);
	for (int i = 1; i <= 3; i++)
		net_allow_drops(n,
		    i == 1   ? r1
		    : i == 2 ? r2
			     : r3,
		    "ipv4-ttl", 1);
}

RIG_TEST(ipv4_forward, traceroute_names_each_router)
{
	static const char *const hop[] = {
	    "10.3.0.1", "10.3.1.2", "10.3.2.2", "10.3.3.2"};
	struct net_reply r;
	int c, d;

	chain(g.n, &c, &d);
	for (uint8_t ttl = 1; ttl <= 4; ttl++) {
		const struct net_echo e = {
		    .dst = "10.3.3.2", .size = 32, .ttl = ttl};

		cr_assert(net_echo(g.n, c, &e, &r), "hop %d is silent", ttl);
		cr_assert_eq(r.from, net_ip(hop[ttl - 1]));
		cr_assert_eq(
		    r.type, ttl < 4 ? ICMP_TIME_EXCEEDED : ICMP_ECHO_REPLY);
		cr_assert_eq(r.code, 0);
	}
	cr_assert_eq(r.ttl, 64 - 3);
}

RIG_TEST(ipv4_forward, default_ttl_is_the_option)
{
	(void)rig_ipv4(&g, g.a, A_ADDR, R_A, PROTO_ICMP, 9);
	net_frame_icmp(&g.f, ICMP_ECHO, 0, 7, 20);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert(rig_expect_icmp(&g, g.a, ICMP_ECHO_REPLY, 0));
	cr_assert_eq(net_frame_get_ipv4(&g.got)->ttl, 64);
	net_option(g.n, g.r, IPV4_OPT_DEFAULT_TTL, 200);
	rig_send(&g, g.a);
	cr_assert(rig_expect_icmp(&g, g.a, ICMP_ECHO_REPLY, 0));
	cr_assert_eq(net_frame_get_ipv4(&g.got)->ttl, 200);
}

RIG_TEST(ipv4_forward, directed_broadcast_is_off)
{
	(void)rig_udp(&g, A_ADDR, "10.0.2.255", 0, 8);
	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.b), 0);
	cr_assert_eq(rig_count(&g, g.a), 0);
	rig_dropped(&g, "ipv4-directed-broadcast", 1);
}

/* RFC 1812 5.3.5.2: forwarded as a link broadcast, and received. */
RIG_TEST(ipv4_forward, directed_broadcast_when_allowed)
{
	net_option(g.n, g.r, IPV4_OPT_DIRECTED_BROADCAST, 1);
	(void)rig_udp(&g, A_ADDR, "10.0.2.255", 9, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, "10.0.2.255"));
	cr_assert_arr_eq(g.got.data, ether_broadcast, 6);
	cr_assert_eq(net_frame_get_ipv4(&g.got)->ttl, 8);
	cr_assert(net_frame_sums_hold(&g.got));
	cr_assert_eq(rig_count(&g, g.a), 0);
	rig_dropped(&g, "udp-port", 1);
}

RIG_TEST(ipv4_forward, directed_broadcast_never_from_a_link_broadcast)
{
	net_option(g.n, g.r, IPV4_OPT_DIRECTED_BROADCAST, 1);
	(void)rig_udp(&g, A_ADDR, "10.0.2.255", 0, 8);
	memset(g.f.data, 0xff, 6);
	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.b), 0);
	rig_dropped(&g, "ipv4-l2-broadcast", 1);
}

RIG_TEST(ipv4_forward, record_route_gains_the_address_it_leaves_by)
{
	static const uint8_t opt[12] = {7, 11, 4};
	uint32_t addr;
	uint8_t *o;

	(void)rig_ipv4(&g, g.a, A_ADDR, B_ADDR, PROTO_UDP, 0);
	net_frame_ipv4_options(&g.f, opt, sizeof(opt));
	net_frame_udp(&g.f, 1, 2, 8);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
	cr_assert(net_frame_sums_hold(&g.got));
	o = g.got.data + ETHER_HDR_LEN + 20;
	memcpy(&addr, o + 3, sizeof(addr));
	cr_assert(o[2] == 8 && addr == net_ip(R_B));
}

RIG_TEST(ipv4_forward, record_route_of_an_unnumbered_interface_borrows)
{
	static const uint8_t opt[8] = {7, 7, 4};
	const uint32_t host = net_ip("192.0.2.9");
	uint32_t addr;

	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 dev eth1"), 0);
	cr_assert_eq(net_addr_del(g.n, g.r, "eth1", R_B "/24"), 0);
	/* ARP has no address to ask from. */
	cr_assert_eq(
	    nexthop_static_add(net_stack(g.n, g.r), net_netif(g.n, g.r, "eth1"),
		NETIF_AF_INET, (const uint8_t *)&host,
		net_probe_hwaddr(g.n, g.b), false),
	    0);
	(void)rig_ipv4(&g, g.a, A_ADDR, "192.0.2.9", PROTO_UDP, 0);
	net_frame_ipv4_options(&g.f, opt, sizeof(opt));
	net_frame_udp(&g.f, 1, 2, 8);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, "192.0.2.9"));
	cr_assert(net_frame_sums_hold(&g.got));
	memcpy(&addr, g.got.data + ETHER_HDR_LEN + 23, sizeof(addr));
	cr_assert_eq(addr, net_ip(R_A));
}

RIG_TEST(ipv4_forward, full_record_route_is_left_alone)
{
	static const uint8_t opt[8] = {7, 7, 8, 9, 9, 9, 9, 0};

	(void)rig_ipv4(&g, g.a, A_ADDR, B_ADDR, PROTO_UDP, 0);
	net_frame_ipv4_options(&g.f, opt, sizeof(opt));
	net_frame_udp(&g.f, 1, 2, 8);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
	one_hop_on();
}

RIG_TEST(ipv4_forward, timestamp_gains_address_and_time)
{
	static const uint8_t opt[20] = {68, 20, 5, 1};
	uint32_t word[2];
	uint8_t *o;

	(void)rig_ipv4(&g, g.a, A_ADDR, B_ADDR, PROTO_UDP, 0);
	net_frame_ipv4_options(&g.f, opt, sizeof(opt));
	net_frame_udp(&g.f, 1, 2, 8);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
	cr_assert(net_frame_sums_hold(&g.got));
	o = g.got.data + ETHER_HDR_LEN + 20;
	memcpy(word, o + 4, sizeof(word));
	cr_assert(o[2] == 13 && word[0] == net_ip(R_B));
	/* RFC 791: the high bit says that it does not count from midnight. */
	cr_assert_eq(ntohl(word[1]) >> 31, 1);
}

RIG_TEST(ipv4_forward, timestamp_counts_overflow)
{
	static const uint8_t opt[8] = {68, 8, 9, 0x20, 1, 2, 3, 4};

	(void)rig_ipv4(&g, g.a, A_ADDR, B_ADDR, PROTO_UDP, 0);
	net_frame_ipv4_options(&g.f, opt, sizeof(opt));
	net_frame_udp(&g.f, 1, 2, 8);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
	cr_assert_eq(g.got.data[ETHER_HDR_LEN + 20 + 3], 0x30);
	cr_assert(net_frame_sums_hold(&g.got));
}

RIG_TEST(ipv4_forward, unknown_options_pass)
{
	static const uint8_t opt[12] = {1, 0x94, 4, 0, 0, 0x52, 3, 7, 0x88, 4};

	(void)rig_ipv4(&g, g.a, A_ADDR, B_ADDR, PROTO_UDP, 0);
	net_frame_ipv4_options(&g.f, opt, sizeof(opt));
	net_frame_udp(&g.f, 1, 2, 8);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
	one_hop_on();
}

/*
 * Collect the fragments of g.f at b and compare: each at most mtu bytes, none
 * smaller than it need be, in order.  Returns how many there were.
 */
static unsigned int
fragments(size_t mtu)
{
	const struct ipv4_hdr *sent = net_frame_get_ipv4(&g.f);
	const uint8_t *data = (const uint8_t *)sent + (sent->ver_ihl & 15) * 4;
	size_t total = ntohs(sent->total_len) - (sent->ver_ihl & 15) * 4U;
	size_t at = 0, len;
	unsigned int n = 0;

	while (at < total) {
		struct ipv4_hdr *h;
		uint8_t *piece;
		bool last;

		cr_assert(rig_expect(&g, g.b, B_ADDR), "lost at %zu", at);
		h = net_frame_get_ipv4(&g.got);
		piece = net_frame_get_payload(&g.got, &len);
		cr_assert(net_frame_sums_hold(&g.got));
		last = at + len == total;
		cr_assert_eq(ntohs(h->frag_off),
		    ((ntohs(sent->frag_off) & IPV4_OFF_MASK) + at / 8) |
			(last ? ntohs(sent->frag_off) & IPV4_MF : IPV4_MF));
		cr_assert(h->id == sent->id && h->ttl == sent->ttl - 1 &&
			  h->tos == sent->tos && h->proto == sent->proto);
		cr_assert(ntohs(h->total_len) <= mtu);
		cr_assert(
		    last || (len % 8 == 0 && ntohs(h->total_len) + 8U > mtu));
		cr_assert_arr_eq(piece, data + at, len);
		at += len;
		n++;
	}
	cr_assert_eq(rig_count(&g, g.b), 0);
	return n;
}

RIG_TEST(ipv4_forward, fragments_at_each_boundary)
{
	static const size_t mtu[] = {68, 69, 75, 76, 100, 576, 1280, 1499};

	for (size_t i = 0; i < sizeof(mtu) / sizeof(mtu[0]); i++) {
		const size_t unit = (mtu[i] - 20) & ~(size_t)7;

		net_mtu(g.n, g.r, "eth1", (uint32_t)mtu[i]);
		for (size_t k = 1; k * unit + 28 < 1500 && k < 5; k++) {
			for (size_t d = 0; d < 3; d++) {
				/* The payload ends around k whole pieces. */
				const size_t size = k * unit - 8 - 1 + d;
				const size_t want =
				    size + 28 <= mtu[i]
					? 1
					: (size + 8 + unit - 1) / unit;
				struct ipv4_hdr *h =
				    rig_udp(&g, A_ADDR, B_ADDR, 0, size);

				if (ntohs(h->total_len) > 1500)
					continue;
				h->id = htons((uint16_t)(size + 1));
				rig_sum(h);
				rig_send(&g, g.a);
				cr_assert_eq(fragments(mtu[i]), want);
			}
		}
	}
}

RIG_TEST(ipv4_forward, fragment_of_a_fragment_keeps_offset_and_more)
{
	for (unsigned int more = 0; more < 2; more++) {
		struct ipv4_hdr *h = rig_udp(&g, A_ADDR, B_ADDR, 0, 1000);

		net_mtu(g.n, g.r, "eth1", 576);
		h->frag_off = htons((uint16_t)(more * IPV4_MF | 100));
		rig_sum(h);
		rig_send(&g, g.a);
		cr_assert_eq(fragments(576), 2);
	}
}

/* RFC 791: the copied flag decides; the first piece keeps everything. */
RIG_TEST(ipv4_forward, fragments_carry_copied_options_only)
{
	static const uint8_t opt[12] = {
	    1, 0x94, 4, 0, 0, 0x42, 6, 7, 1, 1, 1, 0};
	static const uint8_t copied[4] = {0x94, 4, 0, 0};
	struct ipv4_hdr *h;

	net_mtu(g.n, g.r, "eth1", 576);
	(void)rig_ipv4(&g, g.a, A_ADDR, B_ADDR, 99, 0);
	net_frame_ipv4_options(&g.f, opt, sizeof(opt));
	for (int i = 0; i < 120; i++)
		net_frame_bytes(&g.f, "12345678", 8);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
	h = net_frame_get_ipv4(&g.got);
	cr_assert(h->ver_ihl == 0x48 && net_frame_sums_hold(&g.got));
	cr_assert_arr_eq(h + 1, opt, sizeof(opt));
	cr_assert(rig_expect(&g, g.b, B_ADDR));
	h = net_frame_get_ipv4(&g.got);
	cr_assert(h->ver_ihl == 0x46 && net_frame_sums_hold(&g.got));
	cr_assert_arr_eq(h + 1, copied, sizeof(copied));
}

RIG_TEST(ipv4_forward, df_draws_needfrag_with_the_mtu)
{
	static const uint32_t mtu[] = {68, 576, 1006, 1499};

	for (size_t i = 0; i < sizeof(mtu) / sizeof(mtu[0]); i++) {
		struct ipv4_hdr *h;

		net_mtu(g.n, g.r, "eth1", mtu[i]);
		h = rig_udp(&g, A_ADDR, B_ADDR, 0, mtu[i] - 28 + 1);
		h->frag_off = htons(IPV4_DF);
		rig_sum(h);
		rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_NEEDFRAG, mtu[i]);
		h = rig_udp(&g, A_ADDR, B_ADDR, 0, mtu[i] - 28);
		h->frag_off = htons(IPV4_DF);
		rig_sum(h);
		rig_send(&g, g.a);
		cr_assert(rig_expect(&g, g.b, B_ADDR));
		one_hop_on();
	}
	rig_dropped(&g, "ipv4-too-big", 4);
}

RIG_TEST(ipv4_forward, empty_pool_is_a_counted_drop)
{
	struct rig small = {.n = net_create()};

	small.r = net_node(small.n, "small", 1, 64, true);
	small.a = net_probe(small.n, small.r, R_A "/24", NULL);
	small.b = net_probe(small.n, small.r, R_B "/24", NULL);
	net_probe_arp(small.n, small.a, A_ADDR);
	net_probe_arp(small.n, small.b, B_ADDR);
	net_run(small.n, SEC(5));
	(void)rig_udp(&small, A_ADDR, B_ADDR, 0, 8);
	rig_send(&small, small.a);
	cr_assert(rig_expect(&small, small.b, B_ADDR));
	net_mtu(small.n, small.r, "eth1", 68);
	(void)rig_udp(&small, A_ADDR, B_ADDR, 0, 1400);
	for (int i = 0; i < 8; i++) /* 30 pieces each, in one turn */
		rig_send(&small, small.a);
	net_run(small.n, SEC(1));
	cr_assert_geq(net_drops(small.n, small.r, "no-buffer"), 1);
	net_allow_drops(small.n, small.r, "no-buffer", UINT64_MAX);
	rig_fini(&small);
}

/* --- Datagrams of our own ---------------------------------------------- */

RIG_TEST(ipv4_output, reaches_our_own_address)
{
	const int h = net_host(g.n, "h");

	net_wire(g.n, h, "10.5.0.2/24", g.r, "10.5.0.1/24", NULL);
	net_udp_sink(g.n, h);
	net_udp_send(g.n, h, 1, "10.5.0.2", 7, 100);
	net_run(g.n, SEC(1));
	cr_assert_eq(net_udp_received(g.n, h, 7), 1);
	cr_assert_eq(net_addr_add(g.n, h, "lo", "127.0.0.1/8"), 0);
	net_udp_send(g.n, h, 1, "127.0.0.1", 8, 100);
	net_udp_send(g.n, h, 1, "127.9.9.9", 8, 100);
	net_run(g.n, SEC(1));
	cr_assert_eq(net_udp_received(g.n, h, 8), 2);
}

RIG_TEST(ipv4_output, broadcasts_on_its_network)
{
	const int h = net_host(g.n, "h"),
		  p = net_probe(g.n, h, "10.5.0.2/24", NULL);

	net_udp_send(g.n, h, 1, "10.5.0.255", 7, 100);
	cr_assert(net_probe_expect(g.n, p,
	    &(struct net_match){.ethertype = ETHER_TYPE_IPV4,
		.src = "10.5.0.2",
		.dst = "10.5.0.255"},
	    SEC(1), &g.got));
	cr_assert_arr_eq(g.got.data, ether_broadcast, 6);
	cr_assert(net_frame_sums_hold(&g.got));
}

RIG_TEST(ipv4_output, is_refused_by_routes_in_silence)
{
	const int h = net_host(g.n, "h");

	net_wire(g.n, h, "10.5.0.2/24", g.r, "10.5.0.1/24", NULL);
	net_udp_send(g.n, h, 1, "192.0.2.1", 7, 10);
	cr_assert_eq(net_route(g.n, h, "unreachable 192.0.3.0/24"), 0);
	net_udp_send(g.n, h, 1, "192.0.3.1", 7, 10);
	cr_assert_eq(net_route(g.n, h, "blackhole 192.0.4.0/24"), 0);
	net_udp_send(g.n, h, 1, "192.0.4.1", 7, 10);
	net_run(g.n, SEC(5)); /* announcements are over */
	net_down(g.n, h, "eth0");
	net_udp_send(g.n, h, 1, "10.5.0.1", 7, 10);
	net_run(g.n, SEC(1));
	cr_assert_eq(net_drops(g.n, h, "ipv4-no-route"), 1);
	cr_assert_eq(net_drops(g.n, h, "ipv4-reject"), 1);
	cr_assert_eq(net_drops(g.n, h, "ipv4-blackhole"), 1);
	cr_assert_eq(net_drops(g.n, h, "ipv4-nexthop-down"), 1);
	net_allow_drops(g.n, h, "ipv4-no-route", 1);
	net_allow_drops(g.n, h, "ipv4-reject", 1);
	net_allow_drops(g.n, h, "ipv4-blackhole", 1);
	net_allow_drops(g.n, h, "ipv4-nexthop-down", 1);
}

/* RFC 1122 3.3.4.3: without any address there is nothing to send from. */
RIG_TEST(ipv4_output, needs_an_address_to_send_from)
{
	const int h = net_host(g.n, "h"), p = net_probe(g.n, h, NULL, NULL);

	net_up(g.n, h, "eth0");
	cr_assert_eq(net_route(g.n, h, "10.5.0.0/24 dev eth0"), 0);
	net_udp_send(g.n, h, 1, "10.5.0.1", 7, 10);
	cr_assert_eq(
	    net_probe_count(g.n, p, &(struct net_match){0}, SEC(1)), 0);
	cr_assert_eq(net_drops(g.n, h, "ipv4-no-source"), 1);
	net_allow_drops(g.n, h, "ipv4-no-source", 1);
	/* Any other of the router will do (RFC 1812 2.2.7). */
	(void)net_probe(g.n, h, "10.6.0.1/24", NULL);
	net_udp_send(g.n, h, 1, "10.5.0.1", 7, 10);
	net_run(g.n, SEC(1));
	cr_assert_eq(net_drops(g.n, h, "ipv4-no-source"), 1);
	/* It waits for its neighbour, whom ARP has no address to ask from. */
	net_allow_drops(g.n, h, "neigh-unresolved", 1);
}

/* RFC 6864: no identification twice within the lifetime of a datagram. */
RIG_TEST(ipv4_output, identifications_do_not_repeat_soon)
{
	static uint8_t seen[65536 / 8];
	unsigned int n = 0;

	for (int i = 0; i < 3000; i++) {
		uint16_t id;

		(void)rig_ipv4(&g, g.a, A_ADDR, R_A, PROTO_ICMP, 0);
		net_frame_icmp(&g.f, ICMP_ECHO, 0, (uint32_t)i, 8);
		net_frame_end(&g.f);
		rig_send(&g, g.a);
		cr_assert(rig_expect_icmp(&g, g.a, ICMP_ECHO_REPLY, 0));
		id = net_frame_get_ipv4(&g.got)->id;
		n += seen[id / 8] >> id % 8 & 1;
		seen[id / 8] |= (uint8_t)(1u << id % 8);
	}
	cr_assert_eq(n, 0);
}
