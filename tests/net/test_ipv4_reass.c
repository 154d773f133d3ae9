/* SPDX-License-Identifier: BSD-2-Clause */

/* Reassembly at the router's own address, seen through echo. */

#include "tests/net/ipv4_rig.h"

#define ICMP_HDR   8
#define DATA_MAX   (65535 - 20)
#define TIMEOUT_NS SEC(30)

static struct rig g;
static uint8_t message[70000]; /* the payload that is cut up */
static size_t total;           /* bytes of it */

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

/* Make message an echo request of size bytes behind the ICMP header. */
static void
make_request(size_t size)
{
	uint16_t sum;

	total = ICMP_HDR + size;
	for (size_t i = 0; i < total; i++)
		message[i] = (uint8_t)(i * 5 + (i >> 9));
	memset(message, 0, 4);
	message[0] = ICMP_ECHO;
	sum = net_checksum(message, total);
	memcpy(message + 2, &sum, sizeof(sum));
}

/* Send bytes [at, end) of message as a fragment of datagram id. */
static void
piece_of(const char *src, uint16_t id, size_t at, size_t end, bool more)
{
	struct ipv4_hdr *h = rig_ipv4(&g, g.a, src, R_A, PROTO_ICMP, 0);

	h->id = htons(id);
	h->frag_off = htons((uint16_t)(at / 8 | (more ? IPV4_MF : 0)));
	net_frame_bytes(&g.f, message + at, end - at);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
}

static void
piece(size_t at, size_t end)
{
	piece_of(A_ADDR, 7, at, end, end != total);
}

/* The reply comes, whole or in fragments, and is the request's data. */
static void
answered(void)
{
	static uint8_t got[70000];
	size_t have = 0, len;

	while (have < total) {
		const struct ipv4_hdr *h;
		const uint8_t *at;
		size_t off;

		cr_assert(
		    rig_expect(&g, g.a, A_ADDR), "%zu of %zu", have, total);
		h = net_frame_get_ipv4(&g.got);
		at = net_frame_get_payload(&g.got, &len);
		off = (ntohs(h->frag_off) & IPV4_OFF_MASK) * 8U;
		cr_assert(off + len <= total);
		memcpy(got + off, at, len);
		have += len;
	}
	cr_assert_eq(got[0], ICMP_ECHO_REPLY);
	cr_assert_eq(net_checksum(got, total), 0);
	cr_assert_arr_eq(got + 4, message + 4, total - 4);
}

static void
unanswered(void)
{
	cr_assert_eq(rig_count(&g, g.a), 0);
}

RIG_TEST(ipv4_reass, echo_of_each_size_across_the_wire)
{
	static const size_t size[] = {0, 1, 1471, 1472, 1473, 1479, 1480, 1481,
	    2951, 2952, 2953, 8000, 32768, 65506, 65507};
	const int h = net_host(g.n, "h");

	net_wire(g.n, h, "10.5.0.2/24", g.r, "10.5.0.1/24", NULL);
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++)
		cr_assert(net_ping(g.n, h, "10.5.0.1", size[i], 0), "%zu bytes",
		    size[i]);
}

RIG_TEST(ipv4_reass, echo_through_a_router_with_a_small_mtu)
{
	static const size_t size[] = {100, 1472, 5000, 65507};
	const int h = net_host(g.n, "h"), k = net_host(g.n, "k");

	net_wire(g.n, h, "10.5.0.2/24", g.r, "10.5.0.1/24", NULL);
	net_wire(g.n, k, "10.6.0.2/24", g.r, "10.6.0.1/24", NULL);
	cr_assert_eq(net_route(g.n, h, "default via 10.5.0.1"), 0);
	cr_assert_eq(net_route(g.n, k, "default via 10.6.0.1"), 0);
	net_mtu(g.n, g.r, "eth3", 576);
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++)
		cr_assert(net_ping(g.n, h, "10.6.0.2", size[i], 0), "%zu bytes",
		    size[i]);
}

RIG_TEST(ipv4_reass, in_order)
{
	make_request(3000);
	for (size_t at = 0; at < total; at += 800)
		piece(at, at + 800 < total ? at + 800 : total);
	answered();
}

RIG_TEST(ipv4_reass, in_reverse_order)
{
	make_request(3000);
	piece(2400, total);
	piece(1600, 2400);
	piece(800, 1600);
	piece(0, 800);
	answered();
}

/* Every order of five pieces of odd sizes. */
RIG_TEST(ipv4_reass, in_every_order)
{
	static const size_t cut[] = {0, 8, 800, 808, 1600};
	unsigned int order[5], orders = 0;

	make_request(2001);
	for (unsigned int code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
		unsigned int seen = 0, rest = code;

		for (int i = 0; i < 5; i++, rest /= 5) {
			order[i] = rest % 5;
			seen |= 1u << order[i];
		}
		if (seen != 31)
			continue;
		for (int i = 0; i < 5; i++)
			piece(cut[order[i]],
			    order[i] == 4 ? total : cut[order[i] + 1]);
		answered();
		orders++;
	}
	cr_assert_eq(orders, 120);
}

RIG_TEST(ipv4_reass, smallest_and_largest_pieces)
{
	make_request(2000);
	for (size_t at = 0; at < total; at += 8)
		piece(at, at + 8 < total ? at + 8 : total);
	answered();
	make_request(DATA_MAX - ICMP_HDR);
	for (size_t at = 0; at < total; at += 1480)
		piece(at, at + 1480 < total ? at + 1480 : total);
	answered();
}

RIG_TEST(ipv4_reass, exact_copies_do_no_harm)
{
	make_request(2000);
	piece(0, 800);
	piece(0, 800);
	piece(1600, total);
	piece(1600, total);
	piece(0, 800);
	piece(800, 1600);
	answered();
	rig_dropped(&g, "ipv4-reassembly-overlap", 3);
}

/* RFC 5722: the datagram goes, and what comes of it later is refused. */
RIG_TEST(ipv4_reass, overlaps_drop_the_whole_datagram)
{
	static const size_t second[][2] = {
	    {792, 1600}, {0, 808}, {400, 1208}, {8, 792}, {0, 8}};

	make_request(2000);
	for (uint16_t i = 0; i < 5; i++) {
		const uint64_t before =
		    net_drops(g.n, g.r, "ipv4-reassembly-overlap");

		piece_of(A_ADDR, i, 0, 800, true);
		net_run(g.n, MS(1));
		message[second[i][0]] ^= 1; /* no exact copy */
		piece_of(A_ADDR, i, second[i][0], second[i][1], true);
		message[second[i][0]] ^= 1;
		piece_of(A_ADDR, i, 800, 1600, true);
		piece_of(A_ADDR, i, 1600, total, false);
		piece_of(A_ADDR, i, 0, 800, true);
		unanswered();
		rig_dropped(&g, "ipv4-reassembly-overlap", before + 5);
		net_allow_drops(g.n, g.r, "ipv4-reassembly-overlap", 0);
	}
}

RIG_TEST(ipv4_reass, an_identifier_is_free_again_after_an_overlap)
{
	make_request(1000);
	piece(0, 800);
	net_run(g.n, MS(1));
	message[792] ^= 1;
	piece(792, total);
	message[792] ^= 1;
	unanswered();
	rig_dropped(&g, "ipv4-reassembly-overlap", 2);
	net_run(g.n, TIMEOUT_NS);
	piece(0, 800);
	piece(800, total);
	answered();
}

RIG_TEST(ipv4_reass, pieces_beyond_the_end_drop_the_datagram)
{
	make_request(2000);
	piece_of(A_ADDR, 1, 800, 1600, false); /* the end */
	piece_of(A_ADDR, 1, 1600, 2000, true);
	piece_of(A_ADDR, 2, 1600, 2000, true);
	piece_of(A_ADDR, 2, 800, 1600, false);
	piece_of(A_ADDR, 3, 800, 1600, false);
	piece_of(A_ADDR, 3, 1600, total, false); /* another end */
	unanswered();
	rig_dropped(&g, "ipv4-reassembly-length", 6);
}

RIG_TEST(ipv4_reass, impossible_pieces_are_refused_alone)
{
	make_request(2000);
	piece_of(A_ADDR, 1, 0, 801, true);        /* not a multiple of 8 */
	piece_of(A_ADDR, 1, 0, 0, true);          /* empty */
	piece_of(A_ADDR, 1, 800, 800, false);     /* empty */
	piece_of(A_ADDR, 1, 65528, 65536, false); /* the ping of death */
	unanswered();
	rig_dropped(&g, "ipv4-reassembly-length", 4);
	piece_of(A_ADDR, 1, 0, 800, true);
	piece_of(A_ADDR, 1, 800, total, false);
	answered();
}

/* The last byte fits, the header of the first piece does not. */
RIG_TEST(ipv4_reass, too_long_with_options)
{
	static const uint8_t opt[8] = {1, 1, 1, 1, 1, 1, 1, 0};
	struct ipv4_hdr *h;

	make_request(DATA_MAX - ICMP_HDR);
	for (size_t at = 1480; at < total; at += 1480)
		piece(at, at + 1480 < total ? at + 1480 : total);
	h = rig_ipv4(&g, g.a, A_ADDR, R_A, PROTO_ICMP, 0);
	h->id = htons(7);
	h->frag_off = htons(IPV4_MF);
	net_frame_ipv4_options(&g.f, opt, sizeof(opt));
	net_frame_bytes(&g.f, message, 1472);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	piece(1472, 1480);
	unanswered();
	rig_dropped(&g, "ipv4-reassembly-length", 46);
}

RIG_TEST(ipv4_reass, time_exceeded_if_the_first_piece_came)
{
	static struct net_frame first;
	const struct ipv4_hdr *h;
	const uint8_t *at;
	size_t len;

	make_request(2000);
	piece(0, 800);
	memcpy(&first, &g.f, sizeof(first));
	piece(1600, total);
	cr_assert_eq(net_probe_count(g.n, g.a,
			 &(struct net_match){.ethertype = ETHER_TYPE_IPV4},
			 TIMEOUT_NS - SEC(1)),
	    0);
	cr_assert(rig_expect_icmp(&g, g.a, ICMP_TIME_EXCEEDED, 1));
	h = net_frame_get_ipv4(&g.got);
	at = net_frame_get_payload(&g.got, &len);
	cr_assert(net_frame_sums_hold(&g.got));
	cr_assert(h->src == net_ip(R_A) && h->tos == 0xc0);
	cr_assert_eq(len, 8 + 548U);
	cr_assert_arr_eq(at + 8, first.data + ETHER_HDR_LEN, 548);
	rig_dropped(&g, "ipv4-reassembly-timeout", 2);
}

RIG_TEST(ipv4_reass, silent_timeout_without_the_first_piece)
{
	make_request(2000);
	piece(800, 1600);
	piece(1600, total);
	net_run(g.n, TIMEOUT_NS + SEC(1));
	unanswered();
	rig_dropped(&g, "ipv4-reassembly-timeout", 2);
	piece(0, 800);
	piece(800, 1600);
	piece(1600, total);
	answered();
}

RIG_TEST(ipv4_reass, datagrams_are_kept_apart)
{
	static const char *const src[] = {A_ADDR, "10.0.1.3"};

	net_probe_arp(g.n, g.a, "10.0.1.3");
	make_request(1000);
	for (uint16_t id = 0; id < 2; id++)
		for (int s = 0; s < 2; s++)
			piece_of(src[s], id, 0, 800, true);
	for (uint16_t id = 0; id < 2; id++)
		for (int s = 0; s < 2; s++)
			piece_of(src[s], id, 800, total, false);
	cr_assert_eq(rig_count(&g, g.a), 4);
}

/* The harness gives 8 jumbos to a worker. */
RIG_TEST(ipv4_reass, the_oldest_gives_way_when_too_many_are_open)
{
	make_request(1000);
	for (uint16_t id = 0; id < 9; id++) {
		piece_of(A_ADDR, id, 0, 800, true);
		net_run(g.n, MS(10));
	}
	rig_dropped(&g, "ipv4-reassembly-full", 1);
	for (uint16_t id = 1; id < 9; id++)
		piece_of(A_ADDR, id, 800, total, false);
	cr_assert_eq(rig_count(&g, g.a), 8);
	piece_of(A_ADDR, 0, 800, total, false);
	unanswered();
	net_run(g.n, TIMEOUT_NS);
	rig_dropped(&g, "ipv4-reassembly-timeout", 1);
}

/* One host that begins datagrams pushes out its own only. */
RIG_TEST(ipv4_reass, one_source_does_not_push_out_others)
{
	net_probe_arp(g.n, g.a, "10.0.1.3");
	make_request(1000);
	piece_of("10.0.1.3", 5, 0, 800, true);
	for (uint16_t id = 0; id < 100; id++) {
		net_run(g.n, MS(1));
		piece_of(A_ADDR, id, 0, 800, true);
	}
	piece_of("10.0.1.3", 5, 800, total, false);
	cr_assert(rig_expect(&g, g.a, "10.0.1.3"));
	net_run(g.n, 2 * TIMEOUT_NS);
	net_allow_drops(g.n, g.r, "ipv4-reassembly-full", 100);
	net_allow_drops(g.n, g.r, "ipv4-reassembly-timeout", 8);
}

/* Nor do datagrams that are refused already. */
RIG_TEST(ipv4_reass, condemned_datagrams_of_one_source_push_out_no_other)
{
	net_probe_arp(g.n, g.a, "10.0.1.3");
	make_request(1000);
	piece_of("10.0.1.3", 5, 0, 800, true);
	for (uint16_t id = 0; id < 100; id++) {
		net_run(g.n, MS(1));
		piece_of(A_ADDR, id, 0, 800, true);
		piece_of(A_ADDR, id, 400, 808, true);
	}
	piece_of("10.0.1.3", 5, 800, total, false);
	cr_assert(rig_expect(&g, g.a, "10.0.1.3"));
	net_run(g.n, 2 * TIMEOUT_NS);
	net_allow_drops(g.n, g.r, "ipv4-reassembly-overlap", 200);
}

RIG_TEST(ipv4_reass, pieces_meet_whichever_worker_they_come_to)
{
	struct net *n = net_create();
	const int r = net_node(n, "r", 3, 0, true), h = net_host(n, "h");

	net_wire(n, h, "10.5.0.2/24", r, "10.5.0.1/24", NULL);
	for (int i = 0; i < 20; i++)
		cr_assert(net_ping(n, h, "10.5.0.1", 4000, 0));
	net_check_clean(n);
	net_destroy(n);
}

RIG_TEST(ipv4_reass, open_datagrams_go_with_their_interface)
{
	make_request(2000);
	piece(0, 800);
	piece(1600, total);
	net_run(g.n, SEC(1));
	net_wire_remove(g.n, net_probe_wire(g.n, g.a));
	net_run(g.n, SEC(1));
	cr_assert_eq(stack_pkts_in_use(net_stack(g.n, g.r)), 0);
	rig_dropped(&g, "netif-gone", 1);
}

/* Answers in what g.a received are whole; how many there were. */
static unsigned int
whole_answers(void)
{
	unsigned int n = 0;
	const uint8_t *at;
	size_t len;

	while (net_probe_recv(g.n, g.a, &g.got)) {
		at = net_frame_get_payload(&g.got, &len);
		cr_assert(at != NULL && net_frame_sums_hold(&g.got));
		if (at[0] != ICMP_ECHO_REPLY)
			continue;
		cr_assert_eq(len, total);
		cr_assert_arr_eq(at + 4, message + 4, total - 4);
		n++;
	}
	return n;
}

/* Random orders, losses, copies and overlaps: an answer is whole or nothing. */
RIG_TEST(ipv4_reass, whole_or_nothing_at_random)
{
	const size_t part = 304;
	unsigned int answers = 0;
	uint32_t x = 1;

	make_request(4 * part - ICMP_HDR);
	for (uint16_t id = 0; id < 300; id++) {
		for (int i = 0; i < 9; i++) {
			size_t at, end;

			x = x * 1664525 + 1013904223;
			at = (x >> 8) % 4 * part;
			end = at + part + ((x >> 16) % 32 == 0 ? 8 : 0);
			if (end > total)
				end = total;
			piece_of(A_ADDR, id, at, end, end != total);
		}
		net_run(g.n, MS(1));
		answers += whole_answers();
		net_run(g.n, SEC(31));
	}
	cr_assert(answers > 30 && answers < 300, "%u", answers);
	net_allow_drops(g.n, g.r, "ipv4-reassembly-overlap", UINT64_MAX);
	net_allow_drops(g.n, g.r, "ipv4-reassembly-timeout", UINT64_MAX);
	net_allow_drops(g.n, g.r, "ipv4-reassembly-length", UINT64_MAX);
}
