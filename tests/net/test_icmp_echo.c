/* SPDX-License-Identifier: BSD-2-Clause */

/* Echo, what ICMP ignores, and redirects. */

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

static void
request(const char *src, const char *dst, uint8_t type, size_t size)
{
	(void)rig_ipv4(&g, g.a, src, dst, PROTO_ICMP, 0);
	net_frame_icmp(&g.f, type, 0, 0x12345678, size);
	net_frame_end(&g.f);
}

static void
ignored(const char *reason)
{
	const uint64_t before = net_drops(g.n, g.r, reason);

	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.a), 0);
	cr_assert_eq(net_drops(g.n, g.r, reason), before + 1);
	net_allow_drops(g.n, g.r, reason, 1);
}

RIG_TEST(icmp_echo, reply_is_the_request_turned_round)
{
	static const size_t size[] = {0, 1, 2, 3, 56, 1000, 1471, 1472};

	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		const struct ipv4_hdr *h;
		struct ipv4_hdr *sent;
		uint8_t *at;
		size_t len;

		request(A_ADDR, R_A, ICMP_ECHO, size[i]);
		sent = net_frame_get_ipv4(&g.f);
		sent->tos = 0x28;
		rig_sum(sent);
		rig_send(&g, g.a);
		cr_assert(rig_expect_icmp(&g, g.a, ICMP_ECHO_REPLY, 0));
		h = net_frame_get_ipv4(&g.got);
		cr_assert(net_frame_sums_hold(&g.got));
		cr_assert(h->src == sent->dst && h->dst == sent->src);
		cr_assert(h->ttl == 64 && h->tos == 0x28);
		at = net_frame_get_payload(&g.got, &len);
		cr_assert_eq(len, 8 + size[i]);
		cr_assert_arr_eq(at + 4, (uint8_t *)(sent + 1) + 4, len - 4);
	}
}

/* The sum of the reply, for sums of requests with each carry. */
RIG_TEST(icmp_echo, checksum_holds_for_each_identifier)
{
	for (uint32_t id = 0; id < 0x10000; id += 0x55) {
		(void)rig_ipv4(&g, g.a, A_ADDR, R_A, PROTO_ICMP, 0);
		net_frame_icmp(&g.f, ICMP_ECHO, 0, id << 16, 0);
		net_frame_end(&g.f);
		rig_send(&g, g.a);
		cr_assert(rig_expect_icmp(&g, g.a, ICMP_ECHO_REPLY, 0));
		cr_assert(net_frame_sums_hold(&g.got), "id %#x", id);
	}
}

RIG_TEST(icmp_echo, each_of_our_addresses_answers_as_itself)
{
	static const char *const dst[] = {R_A, R_B, "10.7.7.7"};

	cr_assert_eq(net_addr_add(g.n, g.r, "eth1", "10.7.7.7/32"), 0);
	for (int i = 0; i < 3; i++) {
		request(A_ADDR, dst[i], ICMP_ECHO, 8);
		rig_send(&g, g.a);
		cr_assert(rig_expect_icmp(&g, g.a, ICMP_ECHO_REPLY, 0));
		cr_assert_eq(net_frame_get_ipv4(&g.got)->src, net_ip(dst[i]));
	}
}

RIG_TEST(icmp_echo, broadcast_is_answered_only_when_allowed)
{
	static const char *const dst[] = {
	    "10.0.1.255", "255.255.255.255", "224.0.0.1"};

	for (int i = 0; i < 3; i++) {
		request(A_ADDR, dst[i], ICMP_ECHO, 8);
		memset(g.f.data, 0xff, 6);
		ignored("icmp-type");
	}
	net_option(g.n, g.r, IPV4_OPT_ICMP_ECHO_BROADCAST, 1);
	for (int i = 0; i < 3; i++) {
		request(A_ADDR, dst[i], ICMP_ECHO, 8);
		memset(g.f.data, 0xff, 6);
		rig_send(&g, g.a);
		cr_assert(rig_expect_icmp(&g, g.a, ICMP_ECHO_REPLY, 0));
		cr_assert_eq(net_frame_get_ipv4(&g.got)->src, net_ip(R_A));
		cr_assert_arr_eq(g.got.data, net_probe_hwaddr(g.n, g.a), 6);
	}
}

/* RFC 1122 3.2.1.3 (a): nothing is sent to 0.0.0.0, by whatever route. */
RIG_TEST(icmp_echo, host_without_an_address_is_not_answered)
{
	net_option(g.n, g.r, IPV4_OPT_ICMP_ECHO_BROADCAST, 1);
	cr_assert_eq(net_route(g.n, g.r, "default via " B_ADDR), 0);
	request("0.0.0.0", "255.255.255.255", ICMP_ECHO, 8);
	memset(g.f.data, 0xff, 6);
	ignored("icmp-type");
}

RIG_TEST(icmp_echo, short_and_corrupt_messages_are_dropped)
{
	for (size_t len = 0; len < 8; len++) {
		(void)rig_ipv4(&g, g.a, A_ADDR, R_A, PROTO_ICMP, 0);
		net_frame_bytes(&g.f, "\10\0\367\377\0\0\0", len);
		net_frame_end(&g.f);
		ignored("icmp-short");
	}
	for (unsigned int bit = 0; bit < 28 * 8; bit += 3) {
		request(A_ADDR, R_A, ICMP_ECHO, 20);
		g.f.data[ETHER_HDR_LEN + 20 + bit / 8] ^=
		    (uint8_t)(1u << bit % 8);
		ignored("icmp-checksum");
	}
}

RIG_TEST(icmp_echo, other_types_and_codes_are_ignored)
{
	for (unsigned int type = 0; type < 256; type++) {
		if (type == ICMP_ECHO)
			continue;
		request(A_ADDR, R_A, (uint8_t)type, 28);
		rig_send(&g, g.a);
	}
	(void)rig_ipv4(&g, g.a, A_ADDR, R_A, PROTO_ICMP, 0);
	net_frame_icmp(&g.f, ICMP_ECHO, 1, 0, 8);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.a), 0);
	rig_dropped(&g, "icmp-type", 256);
}

/* --- Redirects --------------------------------------------------------- */

/* A second router on a's network, through which 192.0.2.0/24 is. */
static void
detour(void)
{
	net_probe_arp(g.n, g.a, "10.0.1.3");
	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via 10.0.1.3"), 0);
}

RIG_TEST(icmp_redirect, is_not_sent_unasked)
{
	detour();
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.a), 1); /* the packet itself, alone */
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.a, "192.0.2.1"));
}

/* RFC 1812 5.2.7.2: for the host, naming the gateway; the packet goes on. */
RIG_TEST(icmp_redirect, names_the_gateway_and_forwards)
{
	detour();
	net_option(g.n, g.r, IPV4_OPT_SEND_REDIRECTS, 1);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 9, 8);
	rig_draws(&g, ICMP_REDIRECT, 1, 0x0a000103);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.a, "192.0.2.1"));
	cr_assert_eq(net_frame_get_ipv4(&g.got)->ttl, 8);
}

/* What is held back is the redirect, never the datagram. */
RIG_TEST(icmp_redirect, is_limited_per_destination)
{
	const struct net_match redirect = {.ethertype = ETHER_TYPE_IPV4,
	    .icmp = true,
	    .icmp_type = ICMP_REDIRECT,
	    .icmp_code = 1};

	detour();
	net_option(g.n, g.r, IPV4_OPT_SEND_REDIRECTS, 1);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 9, 8);
	rig_send(&g, g.a); /* the gateway is asked for */
	net_run(g.n, SEC(2));
	net_probe_clear(g.n, g.a);
	for (int i = 0; i < 25; i++)
		rig_send(&g, g.a);
	cr_assert_eq(net_probe_count(g.n, g.a, &redirect, MS(1)), 10);
	cr_assert_eq(net_drops(g.n, g.r, "icmp-rate-limit"), 15);
	net_allow_drops(g.n, g.r, "icmp-rate-limit", 25);
	for (int i = 0; i < 5; i++)
		rig_send(&g, g.a);
	cr_assert_eq(
	    net_probe_count(g.n, g.a,
		&(struct net_match){.proto = PROTO_UDP, .dst = "192.0.2.1"},
		MS(1)),
	    5);
}

RIG_TEST(icmp_redirect, names_the_destination_on_the_link)
{
	net_probe_arp(g.n, g.a, "10.0.1.9");
	net_option(g.n, g.r, IPV4_OPT_SEND_REDIRECTS, 1);
	(void)rig_udp(&g, A_ADDR, "10.0.1.9", 0, 8);
	rig_draws(&g, ICMP_REDIRECT, 1, 0x0a000109);
}

RIG_TEST(icmp_redirect, only_to_hosts_on_the_gateways_network)
{
	detour();
	net_option(g.n, g.r, IPV4_OPT_SEND_REDIRECTS, 1);
	cr_assert_eq(net_route(g.n, g.r, "198.51.100.0/24 via " A_ADDR), 0);
	(void)rig_udp(&g, "198.51.100.7", "192.0.2.1", 0, 8);
	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.a), 1); /* the packet itself, alone */
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.a, "192.0.2.1"));
}

RIG_TEST(icmp_redirect, not_when_it_leaves_by_another_interface)
{
	net_option(g.n, g.r, IPV4_OPT_SEND_REDIRECTS, 1);
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
	cr_assert_eq(rig_count(&g, g.a), 0);
}

/* A router takes no advice (RFC 1812 5.2.7.2). */
RIG_TEST(icmp_redirect, received_changes_nothing)
{
	struct route_config r;
	struct route_nexthop nh;
	uint32_t gw;

	detour();
	(void)rig_ipv4(&g, g.a, "10.0.1.3", R_A, PROTO_ICMP, 0);
	net_frame_icmp(&g.f, ICMP_REDIRECT, 1, 0x0a000104, 28);
	net_frame_end(&g.f);
	ignored("icmp-type");
	cr_assert(net_route_get(g.n, g.r, "192.0.2.1", &r, &nh));
	memcpy(&gw, nh.gateway, sizeof(gw));
	cr_assert(r.plen == 24 && gw == net_ip("10.0.1.3"));
}
