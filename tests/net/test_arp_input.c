/* SPDX-License-Identifier: BSD-2-Clause */

/* What is answered, what is ignored, and what is refused by name. */

#include <arpa/inet.h>

#include "tests/net/arp_rig.h"

Test(arp_input, request_for_our_address_is_answered_to_the_asker)
{
	const struct net_match reply = {
	    .ethertype = ETHER_TYPE_ARP, .arp_op = 2};
	struct rig r = rig_create(NULL);
	const struct net_arp *a;
	struct net_frame f;

	rig_say(&r, NULL, 1, r.hw, "10.0.0.2", NULL, "10.0.0.1");
	cr_assert(net_probe_expect(r.n, r.probe, &reply, MS(10), &f));
	a = net_frame_get_arp(&f);
	cr_assert_arr_eq(f.data, r.hw, 6);
	cr_assert_arr_eq(a->sha, r.ours, 6);
	cr_assert_eq(a->spa, net_ip("10.0.0.1"));
	cr_assert_arr_eq(a->tha, r.hw, 6);
	cr_assert_eq(a->tpa, net_ip("10.0.0.2"));
	rig_destroy(&r);
}

Test(arp_input, request_for_another_address_is_ignored)
{
	const struct net_match any = {.ethertype = ETHER_TYPE_ARP};
	struct rig r = rig_create(NULL);

	rig_say(&r, NULL, 1, r.hw, "10.0.0.2", NULL, "10.0.0.3");
	cr_assert_eq(net_probe_count(r.n, r.probe, &any, SEC(1)), 0);
	cr_assert_eq(net_drops(r.n, r.node, "arp-not-ours"), 1);
	cr_assert_not(rig_known(&r, "10.0.0.2"));
	net_allow_drops(r.n, r.node, "arp-not-ours", 1);
	rig_destroy(&r);
}

Test(arp_input, router_does_not_answer_for_its_other_link)
{
	const struct net_match reply = {
	    .ethertype = ETHER_TYPE_ARP, .arp_op = 2};
	struct net *n = net_create();
	const int router = net_router(n, "router");
	const int probe = net_probe(n, router, "10.1.0.1/24", NULL);
	struct net_frame f;

	(void)net_probe(n, router, "10.2.0.1/24", NULL);
	net_run(n, SEC(5));
	net_probe_clear(n, probe);
	net_frame_ether(&f, NULL, net_probe_hwaddr(n, probe), ETHER_TYPE_ARP);
	net_frame_arp(
	    &f, 1, net_probe_hwaddr(n, probe), "10.1.0.2", NULL, "10.2.0.1");
	net_frame_end(&f);
	net_probe_send(n, probe, &f);
	cr_assert_eq(net_probe_count(n, probe, &reply, SEC(1)), 0);
	net_allow_drops(n, router, "arp-not-ours", 1);
	net_check_clean(n);
	net_destroy(n);
}

/* A good request from 10.0.0.2 that a case below spoils. */
static struct net_frame
request(const struct rig *r)
{
	struct net_frame f;

	net_frame_ether(&f, NULL, r->hw, ETHER_TYPE_ARP);
	net_frame_arp(&f, 1, r->hw, "10.0.0.2", NULL, "10.0.0.1");
	net_frame_end(&f);
	return f;
}

/* f is dropped for reason, answered by nothing, and leaves no entry. */
static void
expect_refused(struct rig *r, const struct net_frame *f, const char *reason)
{
	const struct net_match any = {.ethertype = ETHER_TYPE_ARP};
	const uint64_t before = net_drops(r->n, r->node, reason);

	net_probe_send(r->n, r->probe, f);
	cr_assert_eq(net_probe_count(r->n, r->probe, &any, MS(10)), 0);
	cr_assert_eq(
	    net_drops(r->n, r->node, reason), before + 1, "%s", reason);
	cr_assert_eq(rig_search(r, "10.0.0.2").total, 0);
	net_allow_drops(r->n, r->node, reason, before + 1);
}

Test(arp_input, short_packet_is_named)
{
	struct rig r = rig_create(NULL);
	struct net_frame f = request(&r);

	for (size_t len = ETHER_HDR_LEN; len < ETHER_HDR_LEN + 28; len++) {
		f.len = len;
		expect_refused(&r, &f, "arp-short");
	}
	rig_destroy(&r);
}

Test(arp_input, foreign_format_is_named)
{
	/* Where in the packet, and a value that is wrong there. */
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {{1, 6}, {0, 1}, {2, 0x86}, {3, 0xdd}, {4, 8}, {5, 16},
	    {7, 0}, {7, 3}, {7, 8}, {6, 1}};
	struct rig r = rig_create(NULL);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct net_frame f = request(&r);

		f.data[ETHER_HDR_LEN + wrong[i].at] = wrong[i].value;
		expect_refused(&r, &f, "arp-format");
	}
	rig_destroy(&r);
}

Test(arp_input, sender_hardware_address_must_be_another_station)
{
	const uint8_t bad[3][6] = {
	    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {1, 0, 0x5e, 0, 0, 1}, {0}};
	struct rig r = rig_create(NULL);
	struct net_frame f;

	for (int i = 0; i < 3; i++) {
		f = request(&r);
		memcpy(net_frame_get_arp(&f)->sha, bad[i], 6);
		expect_refused(&r, &f, "arp-bad-sender");
	}
	f = request(&r);
	memcpy(net_frame_get_arp(&f)->sha, r.ours, 6);
	expect_refused(&r, &f, "arp-bad-sender");
	rig_destroy(&r);
}

Test(arp_input, sender_protocol_address_must_be_a_host)
{
	static const char *const bad[] = {"224.0.0.1", "255.255.255.255",
	    "127.0.0.1", "10.0.0.255", "10.0.0.0", "0.0.0.9", "240.0.0.1"};
	struct rig r = rig_create(NULL);
	struct net_frame f;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f = request(&r);
		net_frame_get_arp(&f)->spa = net_ip(bad[i]);
		expect_refused(&r, &f, "arp-bad-sender");
	}
	/* Only a probe, a request, has none. */
	f = request(&r);
	net_frame_get_arp(&f)->op = htons(2);
	net_frame_get_arp(&f)->spa = 0;
	expect_refused(&r, &f, "arp-bad-sender");
	rig_destroy(&r);
}

/* Each of two overlapping networks has its ends. */
Test(arp_input, ends_of_each_network_are_no_senders)
{
	static const char *const bad[] = {
	    "10.0.0.255", "10.0.0.0", "10.0.255.255"};
	struct rig r = rig_create(NULL);
	struct net_frame f;

	cr_assert_eq(net_addr_add(r.n, r.node, "eth0", "10.0.3.1/16"), 0);
	net_run(r.n, SEC(5));
	net_probe_clear(r.n, r.probe);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f = request(&r);
		net_frame_get_arp(&f)->spa = net_ip(bad[i]);
		expect_refused(&r, &f, "arp-bad-sender");
	}
	/* Both addresses of a link of two are stations (RFC 3021). */
	cr_assert_eq(net_addr_add(r.n, r.node, "eth0", "10.9.0.1/31"), 0);
	net_run(r.n, SEC(5));
	rig_say(&r, NULL, 1, r.hw, "10.9.0.0", NULL, "10.9.0.1");
	cr_assert_eq(rig_state(&r, "10.9.0.0"), NEXTHOP_STALE);
	rig_destroy(&r);
}

Test(arp_input, reply_from_another_network_is_refused)
{
	struct rig r = rig_create(NULL);

	rig_say(&r, r.ours, 2, r.hw, "192.0.2.5", r.ours, "10.0.0.1");
	cr_assert_eq(net_drops(r.n, r.node, "arp-bad-sender"), 1);
	cr_assert_eq(rig_search(&r, "192.0.2.5").total, 0);
	net_allow_drops(r.n, r.node, "arp-bad-sender", 1);
	rig_destroy(&r);
}

Test(arp_input, interface_without_address_takes_no_part)
{
	struct net *n = net_create();
	const int node = net_host(n, "node");
	const int probe = net_probe(n, node, NULL, NULL);
	struct net_frame f;

	net_up(n, node, "eth0");
	net_frame_ether(&f, NULL, net_probe_hwaddr(n, probe), ETHER_TYPE_ARP);
	net_frame_arp(
	    &f, 1, net_probe_hwaddr(n, probe), "10.0.0.2", NULL, "10.0.0.1");
	net_frame_end(&f);
	net_probe_send(n, probe, &f);
	net_run(n, MS(10));
	cr_assert_eq(net_drops(n, node, "arp-no-address"), 1);
	net_allow_drops(n, node, "arp-no-address", 1);
	net_check_clean(n);
	net_destroy(n);
}

Test(arp_input, noarp_interface_takes_no_part)
{
	struct rig r = rig_create(NULL);
	struct net_frame f = request(&r);

	cr_assert_eq(netif_set_flags(r.st, r.nif, NETIF_NOARP, 0), 0);
	expect_refused(&r, &f, "no-proto");
	rig_destroy(&r);
}

Test(arp_input, trailing_padding_is_ignored)
{
	const struct net_match reply = {
	    .ethertype = ETHER_TYPE_ARP, .arp_op = 2};
	struct rig r = rig_create(NULL);
	struct net_frame f = request(&r);

	memset(f.data + f.len, 0xee, 60 - f.len);
	f.len = 60;
	net_probe_send(r.n, r.probe, &f);
	cr_assert(net_probe_expect(r.n, r.probe, &reply, MS(10), NULL));
	rig_destroy(&r);
}
