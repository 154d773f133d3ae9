/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * ICMP errors: each with its quote byte by byte (rig_draws()), when none is
 * sent (RFC 1122 3.2.2, RFC 1812 4.3.2.7), where it leaves from.
 */

#include <stdio.h>

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

/* g.f is dropped as reason, and nobody hears of it. */
static void
silent(const char *reason)
{
	const uint64_t before = net_drops(g.n, g.r, reason);

	rig_send(&g, g.a);
	cr_assert_eq(rig_count(&g, g.a), 0);
	cr_assert_eq(rig_count(&g, g.b), 0);
	cr_assert(net_drops(g.n, g.r, reason) == before + 1,
	    "not dropped as %s", reason);
	net_allow_drops(g.n, g.r, reason, 1);
	cr_assert_eq(net_drops(g.n, g.r, "icmp-rate-limit"), 0);
}

RIG_TEST(icmp_error, net_unreachable_without_route)
{
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 40);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_NET, 0);
	rig_dropped(&g, "ipv4-no-route", 1);
}

RIG_TEST(icmp_error, host_unreachable_by_an_unreachable_route)
{
	cr_assert_eq(net_route(g.n, g.r, "unreachable 192.0.2.0/24"), 0);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 40);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0);
	rig_dropped(&g, "ipv4-reject", 1);
}

RIG_TEST(icmp_error, prohibited_by_a_prohibit_route)
{
	cr_assert_eq(net_route(g.n, g.r, "prohibit 192.0.2.0/24"), 0);
	(void)rig_udp(&g, A_ADDR, "192.0.2.1", 0, 40);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_PROHIBITED, 0);
	rig_dropped(&g, "ipv4-reject", 1);
}

RIG_TEST(icmp_error, host_unreachable_when_the_interface_is_down)
{
	net_down(g.n, g.r, "eth1");
	(void)rig_udp(&g, A_ADDR, B_ADDR, 0, 40);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_HOST, 0);
	rig_dropped(&g, "ipv4-nexthop-down", 1);
	net_up(g.n, g.r, "eth1");
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, g.b, B_ADDR));
}

/* The header has its TTL decremented already when the neighbour fails. */
RIG_TEST(icmp_error, host_unreachable_when_the_neighbour_is_silent)
{
	const struct ipv4_hdr *sent, *quote;
	size_t len;

	(void)rig_udp(&g, A_ADDR, "10.0.2.77", 9, 40);
	rig_send(&g, g.a);
	cr_assert(
	    rig_expect_icmp(&g, g.a, ICMP_UNREACHABLE, ICMP_UNREACH_HOST));
	sent = net_frame_get_ipv4(&g.f);
	quote = (const void *)(net_frame_get_payload(&g.got, &len) + 8);
	cr_assert_eq(len, 8 + 20 + 48U);
	cr_assert_eq(quote->ttl, 8);
	cr_assert_eq(net_checksum(quote, 20), 0);
	cr_assert_arr_eq(quote + 1, sent + 1, 48);
	rig_dropped(&g, "neigh-unresolved", 1);
}

RIG_TEST(icmp_error, protocol_unreachable)
{
	(void)rig_ipv4(&g, g.a, A_ADDR, R_A, 99, 0);
	net_frame_bytes(&g.f, "some protocol", 13);
	net_frame_end(&g.f);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_PROTOCOL, 0);
	rig_dropped(&g, "ipv4-protocol", 1);
}

RIG_TEST(icmp_error, port_unreachable)
{
	(void)rig_udp(&g, A_ADDR, R_A, 0, 40);
	rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_PORT, 0);
	rig_dropped(&g, "udp-port", 1);
}

/* TCP answers with a reset, which is not ICMP's business. */
RIG_TEST(icmp_error, none_for_tcp)
{
	(void)rig_ipv4(&g, g.a, A_ADDR, R_A, PROTO_TCP, 0);
	net_frame_bytes(&g.f, "twenty bytes of TCP.", 20);
	net_frame_end(&g.f);
	silent("tcp-port");
}

RIG_TEST(icmp_error, time_exceeded)
{
	for (uint8_t ttl = 0; ttl < 2; ttl++) {
		struct ipv4_hdr *h = rig_udp(&g, A_ADDR, B_ADDR, 1, 40);

		h->ttl = ttl;
		rig_sum(h);
		rig_draws(&g, ICMP_TIME_EXCEEDED, 0, 0);
	}
	rig_dropped(&g, "ipv4-ttl", 2);
}

RIG_TEST(icmp_error, quotes_as_much_as_fits_in_576_bytes)
{
	static const size_t size[] = {
	    0, 1, 100, 519, 520, 521, 522, 1000, 1472};

	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		(void)rig_udp(&g, A_ADDR, B_ADDR, 1, size[i]);
		rig_draws(&g, ICMP_TIME_EXCEEDED, 0, 0);
	}
	rig_dropped(&g, "ipv4-ttl", 9);
}

RIG_TEST(icmp_error, quotes_options_too)
{
	static const uint8_t opt[8] = {7, 7, 4, 0, 0, 0, 0, 0};

	(void)rig_ipv4(&g, g.a, A_ADDR, B_ADDR, PROTO_UDP, 1);
	net_frame_ipv4_options(&g.f, opt, sizeof(opt));
	net_frame_udp(&g.f, 1, 2, 30);
	net_frame_end(&g.f);
	rig_draws(&g, ICMP_TIME_EXCEEDED, 0, 0);
	rig_dropped(&g, "ipv4-ttl", 1);
}

RIG_TEST(icmp_error, source_route_failed)
{
	static const uint8_t loose[8] = {131, 7, 4, 10, 0, 2, 2, 0};
	static const uint8_t strict[8] = {1, 137, 7, 8, 10, 0, 2, 2};
	static const char *const dst[] = {B_ADDR, R_A};

	for (int i = 0; i < 4; i++) {
		(void)rig_ipv4(&g, g.a, A_ADDR, dst[i / 2], PROTO_UDP, 0);
		net_frame_ipv4_options(&g.f, i % 2 == 0 ? loose : strict, 8);
		net_frame_udp(&g.f, 1, 2, 30);
		net_frame_end(&g.f);
		rig_draws(&g, ICMP_UNREACHABLE, ICMP_UNREACH_SRCFAIL, 0);
	}
	rig_dropped(&g, "ipv4-source-route", 4);
}

RIG_TEST(icmp_error, parameter_problem_points_at_the_byte)
{
	static const struct {
		uint8_t opt[8];
		uint32_t at; /* in the header */
	} bad[] = {
	    {{7}, 21},                       /* length 0 */
	    {{1, 1, 1, 1, 1, 1, 1, 7}, 27},  /* length is missing */
	    {{0x52, 1}, 21},                 /* length below 2 */
	    {{0x52, 9}, 21},                 /* length beyond the header */
	    {{7, 2}, 21},                    /* no pointer */
	    {{7, 7, 3}, 22},                 /* pointer too small */
	    {{7, 6, 4}, 22},                 /* room for half an address */
	    {{1, 7, 3, 4, 7, 3, 4}, 24},     /* twice */
	    {{68, 3, 5}, 21},                /* no flags */
	    {{68, 8, 4, 0}, 22},             /* pointer too small */
	    {{68, 8, 5, 2}, 23},             /* no such flag */
	    {{68, 8, 5, 1}, 22},             /* room for half an entry */
	    {{68, 8, 9, 0xf0}, 23},          /* overflow overflows */
	    {{131, 2}, 21},                  /* no pointer */
	    {{131, 3, 4, 137, 3, 4, 0}, 23}, /* two source routes */
	};
	const size_t count = sizeof(bad) / sizeof(bad[0]);

	net_option(g.n, g.r, IPV4_OPT_ICMP_DST_RATE, 0);
	for (size_t i = 0; i < count; i++) {
		(void)rig_ipv4(&g, g.a, A_ADDR, B_ADDR, PROTO_UDP, 0);
		net_frame_ipv4_options(&g.f, bad[i].opt, 8);
		net_frame_udp(&g.f, 1, 2, 30);
		net_frame_end(&g.f);
		rig_draws(&g, ICMP_PARAM_PROBLEM, 0, bad[i].at << 24);
	}
	rig_dropped(&g, "ipv4-options", count);
}

RIG_TEST(icmp_error, none_about_an_error)
{
	static const uint8_t type[] = {ICMP_UNREACHABLE, 4, ICMP_REDIRECT,
	    ICMP_TIME_EXCEEDED, ICMP_PARAM_PROBLEM, 1, 2, 6, 40, 255};

	for (size_t i = 0; i < sizeof(type); i++) {
		(void)rig_ipv4(&g, g.a, A_ADDR, B_ADDR, PROTO_ICMP, 1);
		net_frame_icmp(&g.f, type[i], 0, 0, 28);
		net_frame_end(&g.f);
		silent("ipv4-ttl");
	}
	/* One too short to say what it is. */
	(void)rig_ipv4(&g, g.a, A_ADDR, B_ADDR, PROTO_ICMP, 1);
	net_frame_end(&g.f);
	silent("ipv4-ttl");
}

RIG_TEST(icmp_error, one_about_each_query)
{
	static const uint8_t type[] = {0, 8, 9, 10, 13, 14, 15, 16, 17, 18};

	for (size_t i = 0; i < sizeof(type); i++) {
		(void)rig_ipv4(&g, g.a, A_ADDR, B_ADDR, PROTO_ICMP, 1);
		net_frame_icmp(&g.f, type[i], 0, 0, 28);
		net_frame_end(&g.f);
		rig_draws(&g, ICMP_TIME_EXCEEDED, 0, 0);
	}
	rig_dropped(&g, "ipv4-ttl", sizeof(type));
}

RIG_TEST(icmp_error, only_about_the_first_fragment)
{
	struct ipv4_hdr *h = rig_udp(&g, A_ADDR, B_ADDR, 1, 40);

	h->frag_off = htons(1);
	rig_sum(h);
	silent("ipv4-ttl");
	h->frag_off = htons(IPV4_MF | 100);
	rig_sum(h);
	silent("ipv4-ttl");
	h->frag_off = htons(IPV4_MF);
	rig_sum(h);
	rig_draws(&g, ICMP_TIME_EXCEEDED, 0, 0);
	rig_dropped(&g, "ipv4-ttl", 3);
}

RIG_TEST(icmp_error, none_to_a_group)
{
	(void)rig_ipv4(&g, g.a, A_ADDR, "10.0.1.255", 99, 0);
	net_frame_end(&g.f);
	silent("ipv4-protocol");
	(void)rig_ipv4(&g, g.a, A_ADDR, "224.0.0.1", 99, 0);
	net_frame_end(&g.f);
	silent("ipv4-protocol");
	(void)rig_ipv4(&g, g.a, A_ADDR, "255.255.255.255", 99, 0);
	net_frame_end(&g.f);
	silent("ipv4-protocol");
}

RIG_TEST(icmp_error, none_to_a_directed_broadcast)
{
	net_option(g.n, g.r, IPV4_OPT_DIRECTED_BROADCAST, 1);
	(void)rig_udp(&g, A_ADDR, "10.0.2.255", 1, 8);
	silent("ipv4-ttl");
}

RIG_TEST(icmp_error, leaves_from_the_interface_towards_the_source)
{
	const struct ipv4_hdr *h;

	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 via " B_ADDR), 0);
	(void)rig_udp(&g, "192.0.2.9", B_ADDR, 1, 40);
	rig_send(&g, g.a);
	cr_assert(rig_expect_icmp(&g, g.b, ICMP_TIME_EXCEEDED, 0));
	h = net_frame_get_ipv4(&g.got);
	cr_assert(h->src == net_ip(R_B) && h->dst == net_ip("192.0.2.9"));
	rig_dropped(&g, "ipv4-ttl", 1);
}

RIG_TEST(icmp_error, an_unnumbered_interface_borrows_an_address)
{
	const uint32_t host = net_ip("192.0.2.9");

	cr_assert_eq(net_route(g.n, g.r, "192.0.2.0/24 dev eth0"), 0);
	cr_assert_eq(net_addr_del(g.n, g.r, "eth0", R_A "/24"), 0);
	/* ARP has no address to ask from. */
	cr_assert_eq(
	    nexthop_static_add(net_stack(g.n, g.r), net_netif(g.n, g.r, "eth0"),
		NETIF_AF_INET, (const uint8_t *)&host,
		net_probe_hwaddr(g.n, g.a), false),
	    0);
	(void)rig_udp(&g, "192.0.2.9", B_ADDR, 1, 40);
	rig_send(&g, g.a);
	cr_assert(rig_expect_icmp(&g, g.a, ICMP_TIME_EXCEEDED, 0));
	cr_assert_eq(net_frame_get_ipv4(&g.got)->src, net_ip(R_B));
	rig_dropped(&g, "ipv4-ttl", 1);
}

RIG_TEST(icmp_error, none_of_our_own_packets_draws_one)
{
	const int h = net_host(g.n, "h");

	net_wire(g.n, h, "10.5.0.2/24", g.r, "10.5.0.1/24", NULL);
	net_udp_send(g.n, h, 1, "10.5.0.77", 2, 10);
	net_run(g.n, SEC(10));
	cr_assert_eq(net_drops(g.n, h, "neigh-unresolved"), 1);
	net_allow_drops(g.n, h, "neigh-unresolved", 1);
	cr_assert_eq(net_drops(g.n, h, "icmp-type"), 0);
}

/* --- Rate limits ------------------------------------------------------- */

/* Send count errors' causes from these hosts in turn; how many came back. */
static unsigned int
burst(unsigned int count, unsigned int hosts, uint8_t ttl)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_IPV4, .proto = 1};
	char src[32];

	for (unsigned int i = 0; i < count; i++) {
		(void)snprintf(src, sizeof(src), "10.8.%u.%u", i % hosts / 250,
		    i % hosts % 250 + 1);
		(void)rig_udp(&g, src, ttl == 1 ? B_ADDR : R_A, ttl, 8);
		rig_send(&g, g.a);
	}
	return net_probe_count(g.n, g.a, &m, MS(1));
}

/* Let the buckets fill; sources are routed and resolved. */
static void
limits(void)
{
	cr_assert_eq(net_route(g.n, g.r, "10.8.0.0/16 via " A_ADDR), 0);
	cr_assert_eq(burst(1, 1, 1), 0 + 1);
	net_run(g.n, SEC(10));
	net_allow_drops(g.n, g.r, "ipv4-ttl", UINT64_MAX);
	net_allow_drops(g.n, g.r, "udp-port", UINT64_MAX);
}

RIG_TEST(icmp_error, limited_per_destination)
{
	limits();
	cr_assert_eq(burst(25, 1, 1), 10);
	rig_dropped(&g, "icmp-rate-limit", 15);
	net_run(g.n, MS(100) - MS(1));
	cr_assert_eq(burst(5, 1, 1), 1);
	net_run(g.n, SEC(1));
	cr_assert_eq(burst(25, 1, 1), 10);
	net_allow_drops(g.n, g.r, "icmp-rate-limit", UINT64_MAX);
	/* Another destination has its own. */
	cr_assert_eq(burst(20, 2, 1), 10);
}

RIG_TEST(icmp_error, limited_per_destination_by_the_option)
{
	limits();
	net_option(g.n, g.r, IPV4_OPT_ICMP_DST_RATE, 3);
	net_run(g.n, SEC(2));
	cr_assert_eq(burst(9, 1, 1), 3);
	net_option(g.n, g.r, IPV4_OPT_ICMP_DST_RATE, 0);
	cr_assert_eq(burst(20, 1, 1), 20);
	rig_dropped(&g, "icmp-rate-limit", 6);
}

/* Hosts of one network do not use up each other's share. */
RIG_TEST(icmp_error, each_host_has_its_own_limit)
{
	unsigned int n;

	limits();
	net_option(g.n, g.r, IPV4_OPT_ICMP_RATE, 0);
	n = burst(200, 20, 1);
	/* Two of them may share one of the 1024 buckets. */
	cr_assert(n >= 190, "%u", n);
	net_allow_drops(g.n, g.r, "icmp-rate-limit", UINT64_MAX);
}

/* The bucket of addr, network order, if the hash had no seed. */
static uint32_t
bucket(uint32_t addr)
{
	uint32_t h = addr;

	h ^= h >> 16;
	h *= 0x85ebca6bU;
	h ^= h >> 13;
	h *= 0xc2b2ae35U;
	return (h ^ h >> 16) % 1024;
}

/* Who knows the source cannot choose addresses that share a victim's bucket. */
RIG_TEST(icmp_error, destinations_that_share_a_bucket_cannot_be_foreseen)
{
	const uint32_t victim = bucket(net_ip("10.8.0.1"));
	unsigned int found = 0;
	char src[32];

	limits();
	net_option(g.n, g.r, IPV4_OPT_ICMP_RATE, 0);
	for (unsigned int i = 0; i < 60000 && found < 4; i++) {
		(void)snprintf(
		    src, sizeof(src), "10.8.%u.%u", i / 250 + 1, i % 250 + 1);
		if (bucket(net_ip(src)) != victim)
			continue;
		found++;
		for (unsigned int k = 0; k < 10; k++) {
			(void)rig_udp(&g, src, B_ADDR, 1, 8);
			rig_send(&g, g.a);
		}
	}
	cr_assert_eq(found, 4);
	net_run(g.n, MS(1));
	net_probe_clear(g.n, g.a);
	cr_assert_eq(burst(10, 1, 1), 10);
}

RIG_TEST(icmp_error, limited_per_type)
{
	unsigned int first, other;

	limits();
	net_option(g.n, g.r, IPV4_OPT_ICMP_DST_RATE, 0);
	/* 1000 a second in bursts of 50, of which up to a quarter is hidden. */
	first = burst(100, 100, 1);
	cr_assert(first > 36 && first <= 50, "%u", first);
	/* Another type has its own. */
	other = burst(100, 100, 64);
	cr_assert(other > 36 && other <= 50, "%u", other);
	net_run(g.n, MS(20) - MS(1));
	/* 1000 a second come back: 20 in the 20 ms since. */
	first = burst(100, 100, 1);
	cr_assert(first >= 20 && first <= 23, "%u", first);
	net_allow_drops(g.n, g.r, "icmp-rate-limit", UINT64_MAX);
}

/* CCS 2020: the size of a burst tells nothing. */
RIG_TEST(icmp_error, size_of_a_burst_varies)
{
	unsigned int n, least = UINT32_MAX, most = 0;

	limits();
	net_option(g.n, g.r, IPV4_OPT_ICMP_DST_RATE, 0);
	for (int i = 0; i < 10; i++) {
		net_run(g.n, SEC(1));
		n = burst(60, 60, 1);
		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	cr_assert(
	    most > least && most <= 50 && least > 36, "%u to %u", least, most);
	net_allow_drops(g.n, g.r, "icmp-rate-limit", UINT64_MAX);
}

RIG_TEST(icmp_error, no_limit_per_type_when_the_option_is_zero)
{
	limits();
	net_option(g.n, g.r, IPV4_OPT_ICMP_DST_RATE, 0);
	net_option(g.n, g.r, IPV4_OPT_ICMP_RATE, 0);
	cr_assert_eq(burst(100, 100, 1), 100);
}
