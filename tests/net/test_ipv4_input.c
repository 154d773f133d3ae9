/* SPDX-License-Identifier: BSD-2-Clause */

/* What IPv4 input refuses, each under its name (RFC 1812 5.2.2, 5.3.7). */

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

/* g.f is refused in silence, as reason. */
static void
refused(const char *reason)
{
	const uint64_t before = net_drops(g.n, g.r, reason);

	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.a), 0);
	cr_assert_eq(rig_count(&g, g.b), 0);
	cr_assert(net_drops(g.n, g.r, reason) == before + 1,
	    "not dropped as %s", reason);
	net_allow_drops(g.n, g.r, reason, 1);
}

RIG_TEST(ipv4_input, accepts_what_is_right)
{
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 100);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
}

RIG_TEST(ipv4_input, drops_shorter_than_a_header)
{
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 0);
	g.f.len = ETHER_HDR_LEN + 19;
	refused("ipv4-short");
	g.f.len = ETHER_HDR_LEN;
	refused("ipv4-short");
}

RIG_TEST(ipv4_input, drops_other_versions)
{
	for (unsigned int v = 0; v < 16; v++) {
		struct ipv4_hdr *h = rig_udp(&g, A_ADDR, B_ADDR, 0, 0);

		if (v == 4)
			continue;
		h->ver_ihl = (uint8_t)(v << 4 | 5);
		rig_sum(h);
		refused("ipv4-version");
	}
}

RIG_TEST(ipv4_input, drops_impossible_header_lengths)
{
	for (unsigned int words = 0; words < 16; words++) {
		struct ipv4_hdr *h = rig_udp(&g, A_ADDR, B_ADDR, 0, 0);

		/* 28 bytes are there. */
		if (words >= 5 && words <= 7)
			continue;
		h->ver_ihl = (uint8_t)(0x40 | words);
		refused("ipv4-header-length");
	}
}

RIG_TEST(ipv4_input, drops_each_flipped_bit_of_a_header)
{
	for (unsigned int bit = 8; bit < 160; bit++) {
		struct ipv4_hdr *h = rig_udp(&g, A_ADDR, B_ADDR, 0, 0);

		((uint8_t *)h)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		rig_send(&g, g.a);
	}
	net_run(g.n, SEC(1));
	rig_dropped(&g, "ipv4-checksum", 152);
	cr_assert_eq(rig_count(&g, g.b), 0);
}

RIG_TEST(ipv4_input, drops_total_length_beyond_the_frame)
{
	struct ipv4_hdr *h = rig_udp(&g, A_ADDR, B_ADDR, 0, 100);

	h->total_len = htons(129);
	rig_sum(h);
	refused("ipv4-length");
}

RIG_TEST(ipv4_input, drops_total_length_below_the_header)
{
	struct ipv4_hdr *h = rig_udp(&g, A_ADDR, B_ADDR, 0, 100);

	h->total_len = htons(19);
	rig_sum(h);
	refused("ipv4-length");
}

RIG_TEST(ipv4_input, trims_padding_of_the_link)
{
	size_t len;

	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 1);
	net_frame_bytes(&g.f, "pppppppppppppppp", 16);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
	cr_assert(net_frame_get_payload(&g.got, &len) != NULL && len == 9);
	cr_assert_eq(g.got.len, ETHER_HDR_LEN + 29);
}

RIG_TEST(ipv4_input, drops_martian_sources)
{
	static const char *const src[] = {
	    "0.0.0.0",         /* this host */
	    "0.1.2.3",         /* this network */
	    "127.0.0.1",       /* loopback */
	    "127.255.255.254", /* loopback */
	    "224.0.0.1",       /* multicast */
	    "239.255.255.255", /* multicast */
	    "240.0.0.1",       /* class E */
	    "255.255.255.255", /* limited broadcast */
	    "10.0.1.1",        /* our own, of the receiving interface */
	    "10.0.2.1",        /* our own, of another */
	    "10.0.1.255",      /* broadcast of a network of ours */
	    "10.0.2.255",
	};

	for (size_t i = 0; i < sizeof(src) / sizeof(src[0]); i++) {
		(void)rig_udp(&g, src[i], B_ADDR, 0, 8);
		refused("ipv4-martian-source");
	}
}

/* RFC 1812 4.2.3.1 (2); links of two have no such address (RFC 3021). */
RIG_TEST(ipv4_input, drops_what_is_for_a_network_itself)
{
	const int p = net_probe(g.n, g.r, "10.7.0.1/31", NULL);

	(void)rig_udp(&g, A_ADDR, "10.0.2.0", 0, 8);
	refused("ipv4-martian-destination");
	(void)rig_udp(&g, A_ADDR, "10.0.1.0", 0, 8);
	refused("ipv4-martian-destination");
	net_probe_arp(g.n, p, "10.7.0.0");
	(void)rig_udp(&g, A_ADDR, "10.7.0.0", 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, p, "10.7.0.0"));
	/* Nor has the far end of a route a network that we know. */
	cr_assert_eq(net_route(g.n, g.r, "10.9.0.0/16 via " B_ADDR), 0);
	(void)rig_udp(&g, A_ADDR, "10.9.0.0", 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, "10.9.0.0"));
}

RIG_TEST(ipv4_input, drops_martian_destinations)
{
	static const char *const dst[] = {"0.0.0.0", "0.255.0.1", "127.0.0.1",
	    "127.1.2.3", "240.0.0.1", "255.255.255.254"};

	for (size_t i = 0; i < sizeof(dst) / sizeof(dst[0]); i++) {
		(void)rig_udp(&g, A_ADDR, dst[i], 0, 8);
		refused("ipv4-martian-destination");
	}
}

RIG_TEST(ipv4_input, does_not_forward_link_local)
{
	cr_assert_eq(net_route(g.n, g.r, "default via " B_ADDR), 0);
	(void)rig_udp(&g, "169.254.3.4", B_ADDR, 0, 8);
	refused("ipv4-martian-source");
	(void)rig_udp(&g, A_ADDR, "169.254.3.4", 0, 8);
	refused("ipv4-martian-destination");
}

RIG_TEST(ipv4_input, drops_unicast_in_a_link_broadcast)
{
	static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};

	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 8);
	memset(g.f.data, 0xff, 6);
	refused("ipv4-l2-broadcast");
	memcpy(g.f.data, group, sizeof(group));
	refused("ipv4-l2-broadcast");
	/* RFC 1122 3.3.6: not even to ourselves. */
	(void)rig_udp(&g, A_ADDR, R_A, 0, 8);
	memset(g.f.data, 0xff, 6);
	refused("ipv4-l2-broadcast");
}

RIG_TEST(ipv4_input, drops_multicast_without_listener)
{
	(void)rig_udp(&g, A_ADDR, "224.0.0.5", 0, 8);
	refused("ipv4-multicast");
	(void)rig_udp(&g, A_ADDR, "239.1.1.1", 0, 8);
	refused("ipv4-multicast");
}

/* They reach UDP, which has no port and sends no error to a group. */
RIG_TEST(ipv4_input, takes_all_hosts_and_limited_broadcast)
{
	(void)rig_udp(&g, A_ADDR, "224.0.0.1", 0, 8);
	refused("udp-port");
	(void)rig_udp(&g, A_ADDR, "255.255.255.255", 0, 8);
	memset(g.f.data, 0xff, 6);
	refused("udp-port");
	(void)rig_udp(&g, A_ADDR, "10.0.1.255", 0, 8);
	memset(g.f.data, 0xff, 6);
	refused("udp-port");
}

RIG_TEST(ipv4_input, takes_a_configuring_host_for_limited_broadcast)
{
	(void)rig_udp(&g, "0.0.0.0", "255.255.255.255", 0, 8);
	memset(g.f.data, 0xff, 6);
	refused("udp-port");
}

RIG_TEST(ipv4_input, host_forwards_nothing_and_says_nothing)
{
	net_option(g.n, g.r, IPV4_OPT_FORWARDING, 0);
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 8);
	refused("ipv4-not-forwarding");
	(void)rig_udp(&g, A_ADDR, B_ADDR, 1, 8);
	refused("ipv4-not-forwarding");
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 8);
	refused("ipv4-not-forwarding");
	net_option(g.n, g.r, IPV4_OPT_FORWARDING, 1);
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
}

/* RFC 1122 3.3.4.2, the weak model: any of our addresses, on any interface. */
RIG_TEST(ipv4_input, takes_the_address_of_another_interface)
{
	(void)rig_ipv4(&g, g.a, A_ADDR, R_B, PROTO_ICMP, 1);
	net_frame_icmp(&g.f, ICMP_ECHO, 0, 7, 20);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	cr_assert(rig_expect_icmp(&g, g.a, ICMP_ECHO_REPLY, 0));
	cr_assert_eq(net_frame_get_ipv4(&g.got)->src, net_ip(R_B));
}
