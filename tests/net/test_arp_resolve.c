/* SPDX-License-Identifier: BSD-2-Clause */

/* Asking for neighbours: requests, packets that wait, bounds, failure. */

#include <stdio.h>

#include "tests/net/arp_rig.h"

Test(arp_resolve, request_is_broadcast_and_names_us)
{
	const struct net_match any = {.ethertype = ETHER_TYPE_ARP};
	struct rig r = rig_create(NULL);
	const struct net_arp *a;
	struct net_frame f;

	rig_send(&r, "10.0.0.2");
	cr_assert(net_probe_expect(r.n, r.probe, &any, SEC(1), &f));
	a = net_frame_get_arp(&f);
	cr_assert_not_null(a);
	cr_assert_arr_eq(f.data, ether_broadcast, 6);
	cr_assert_arr_eq(f.data + 6, r.ours, 6);
	cr_assert_arr_eq(a->sha, r.ours, 6);
	cr_assert_arr_eq(a->tha, "\0\0\0\0\0\0", 6);
	cr_assert_eq(a->spa, net_ip("10.0.0.1"));
	cr_assert_eq(a->tpa, net_ip("10.0.0.2"));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_INCOMPLETE);
	net_allow_drops(r.n, r.node, "neigh-unresolved", 1);
	rig_destroy(&r);
}

Test(arp_resolve, answer_makes_it_reachable_and_the_packet_leaves)
{
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	rig_send(&r, "10.0.0.2");
	cr_assert(rig_left(&r, "10.0.0.2", r.hw));
	rig_destroy(&r);
}

/* Send datagrams to ports first .. last of an unresolved neighbour. */
static void
send_ports(const struct rig *r, uint16_t first, uint16_t last)
{
	for (uint16_t port = first; port <= last; port++) {
		net_udp_send(r->n, r->node, PORT, "10.0.0.2", port, 8);
		net_run(r->n, MS(1));
	}
}

/* The next datagrams at the probe go to ports first .. last, in order. */
static void
expect_ports(const struct rig *r, uint16_t first, uint16_t last)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_IPV4, .proto = 17};
	struct net_frame f;
	const uint8_t *udp;
	size_t len;

	for (uint16_t port = first; port <= last; port++) {
		cr_assert(net_probe_expect(r->n, r->probe, &m, MS(10), &f));
		udp = net_frame_get_payload(&f, &len);
		cr_assert_not_null(udp);
		cr_assert_eq(udp[2] << 8 | udp[3], port);
	}
	cr_assert_eq(net_probe_count(r->n, r->probe, &m, MS(10)), 0);
}

Test(arp_resolve, held_packets_leave_in_order)
{
	struct rig r = rig_create(NULL);

	send_ports(&r, 1, 3);
	cr_assert_eq(rig_search(&r, "10.0.0.2").entry.held, 3);
	rig_say(&r, r.ours, 2, r.hw, "10.0.0.2", r.ours, "10.0.0.1");
	expect_ports(&r, 1, 3);
	rig_destroy(&r);
}

Test(arp_resolve, fourth_held_packet_pushes_out_the_oldest)
{
	struct rig r = rig_create(NULL);

	send_ports(&r, 1, 5);
	cr_assert_eq(net_drops(r.n, r.node, "neigh-queue-full"), 2);
	cr_assert_eq(rig_search(&r, "10.0.0.2").entry.held, 3);
	rig_say(&r, r.ours, 2, r.hw, "10.0.0.2", r.ours, "10.0.0.1");
	expect_ports(&r, 3, 5);
	net_allow_drops(r.n, r.node, "neigh-queue-full", 2);
	rig_destroy(&r);
}

Test(arp_resolve, one_neighbour_is_asked_once_a_second)
{
	struct rig r = rig_create(NULL);

	for (int ms = 0; ms < 900; ms += 100) {
		rig_send(&r, "10.0.0.2");
		cr_assert_eq(
		    rig_requests(&r, "10.0.0.2", MS(100)), ms == 0 ? 1 : 0);
	}
	cr_assert_eq(rig_requests(&r, "10.0.0.2", MS(200)), 1);
	cr_assert_eq(rig_requests(&r, "10.0.0.2", MS(700)), 0);
	cr_assert_eq(rig_requests(&r, "10.0.0.2", MS(300)), 1);
	cr_assert_eq(rig_requests(&r, "10.0.0.2", SEC(10)), 0);
	net_allow_drops(r.n, r.node, "neigh-queue-full", 6);
	net_allow_drops(r.n, r.node, "neigh-unresolved", 3);
	rig_destroy(&r);
}

Test(arp_resolve, unanswered_neighbour_fails_and_its_packets_are_dropped)
{
	struct rig r = rig_create(NULL);

	rig_send(&r, "10.0.0.2");
	net_run(r.n, MS(2900));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_INCOMPLETE);
	cr_assert_eq(net_drops(r.n, r.node, "neigh-unresolved"), 0);
	net_run(r.n, MS(200));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_FAILED);
	cr_assert_eq(net_drops(r.n, r.node, "neigh-unresolved"), 1);
	net_allow_drops(r.n, r.node, "neigh-unresolved", 1);
	rig_destroy(&r);
}

Test(arp_resolve, failed_neighbour_is_not_asked_until_its_time_is_over)
{
	struct rig r = rig_create(NULL);

	rig_send(&r, "10.0.0.2");
	net_run(r.n, MS(3100));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_FAILED);
	net_probe_clear(r.n, r.probe);
	rig_send(&r, "10.0.0.2");
	cr_assert_eq(rig_requests(&r, NULL, SEC(19)), 0);
	cr_assert_eq(net_drops(r.n, r.node, "neigh-unresolved"), 2);
	net_run(r.n, SEC(2));
	cr_assert_not(rig_known(&r, "10.0.0.2"));
	rig_resolve(&r, "10.0.0.2");
	net_allow_drops(r.n, r.node, "neigh-unresolved", 2);
	rig_destroy(&r);
}

Test(arp_resolve, failed_neighbour_that_speaks_is_used_at_once)
{
	struct rig r = rig_create(NULL);

	rig_send(&r, "10.0.0.2");
	net_run(r.n, MS(3100));
	rig_say(&r, NULL, 1, r.hw, "10.0.0.2", NULL, "10.0.0.2");
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_STALE);
	rig_send(&r, "10.0.0.2");
	cr_assert(rig_left(&r, "10.0.0.2", r.hw));
	net_allow_drops(r.n, r.node, "neigh-unresolved", 1);
	rig_destroy(&r);
}

/* A datagram to each of 10.0.0.first .. last. */
static void
scan(const struct rig *r, unsigned int first, unsigned int last)
{
	char addr[16];

	for (unsigned int i = first; i <= last; i++) {
		(void)snprintf(addr, sizeof(addr), "10.0.0.%u", i & 0xff);
		rig_send(r, addr);
	}
	net_run(r->n, MS(1));
}

Test(arp_resolve, scan_is_bounded)
{
	struct nexthop_params params;
	struct rig r;

	nexthop_params_default(&params);
	params.max_incomplete = 8;
	r = rig_create(&params);
	scan(&r, 10, 109);
	cr_assert_eq(rig_search(&r, "10.0.0.10").count[NEXTHOP_INCOMPLETE], 8);
	cr_assert_eq(net_drops(r.n, r.node, "neigh-incomplete-full"), 92);
	net_allow_drops(r.n, r.node, "neigh-incomplete-full", 92);
	net_allow_drops(r.n, r.node, "neigh-unresolved", 8);
	net_run(r.n, SEC(30));
	cr_assert_eq(rig_search(&r, "10.0.0.10").total, 0);
	rig_destroy(&r);
}

Test(arp_resolve, scan_does_not_evict_a_reachable_neighbour)
{
	struct nexthop_params params;
	struct rig r;

	nexthop_params_default(&params);
	params.max_entries = 8;
	r = rig_create(&params);
	rig_resolve(&r, "10.0.0.2");
	rig_resolve(&r, "10.0.0.3");
	scan(&r, 10, 109);
	cr_assert_leq(rig_search(&r, "10.0.0.2").total, 8);
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_REACHABLE);
	cr_assert_eq(rig_state(&r, "10.0.0.3"), NEXTHOP_REACHABLE);
	/* The newest got in: the oldest that nobody verified made room. */
	cr_assert_eq(rig_state(&r, "10.0.0.109"), NEXTHOP_INCOMPLETE);
	cr_assert_not(rig_known(&r, "10.0.0.10"));
	net_probe_clear(r.n, r.probe);
	rig_send(&r, "10.0.0.2");
	cr_assert(rig_left(&r, "10.0.0.2", r.hw));
	net_allow_drops(r.n, r.node, "neigh-evicted", 100);
	net_allow_drops(r.n, r.node, "neigh-unresolved", 8);
	rig_destroy(&r);
}

Test(arp_resolve, requests_of_a_table_are_rate_limited)
{
	struct nexthop_params params;
	unsigned int sent;
	struct rig r;

	nexthop_params_default(&params);
	params.solicit_rate = 10;
	r = rig_create(&params);
	scan(&r, 10, 59);
	/* A full bucket, and what refills it. */
	sent = rig_requests(&r, NULL, MS(500));
	cr_assert_geq(sent, 10);
	cr_assert_leq(sent, 15);
	sent = rig_requests(&r, NULL, SEC(1));
	cr_assert_leq(sent, 11);
	net_allow_drops(r.n, r.node, "neigh-rate-limit", 50);
	net_allow_drops(r.n, r.node, "neigh-unresolved", 50);
	net_run(r.n, SEC(10));
	rig_destroy(&r);
}

/* A router between two probes; nobody is at 10.2.0.9. */
struct routed {
	struct net *n;
	int router, near, far;
};

static struct routed
routed_create(void)
{
	struct routed t = {.n = net_create()};

	t.router = net_router(t.n, "router");
	t.near = net_probe(t.n, t.router, "10.1.0.1/24", NULL);
	t.far = net_probe(t.n, t.router, "10.2.0.1/24", NULL);
	net_probe_arp(t.n, t.near, "10.1.0.2");
	net_run(t.n, SEC(5));
	return t;
}

static void
near_sends(const struct routed *t, const char *dst)
{
	struct net_frame f;

	net_frame_ether(&f, net_hwaddr(t->n, t->router, "eth0"),
	    net_probe_hwaddr(t->n, t->near), ETHER_TYPE_IPV4);
	net_frame_ipv4(&f, "10.1.0.2", dst, 17, 64);
	net_frame_udp(&f, PORT, PORT, 16);
	net_frame_end(&f);
	net_probe_send(t->n, t->near, &f);
}

static const struct net_match host_unreachable = {
    .ethertype = ETHER_TYPE_IPV4,
    .src = "10.1.0.1",
    .dst = "10.1.0.2",
    .proto = 1,
    .icmp = true,
    .icmp_type = ICMP_UNREACHABLE,
    .icmp_code = ICMP_UNREACH_HOST,
};

Test(arp_resolve, router_reports_an_unresolved_neighbour_to_the_sender)
{
	struct routed t = routed_create();
	const struct ipv4_hdr *inner;
	struct net_frame f;
	size_t len;
	uint8_t *icmp;

	near_sends(&t, "10.2.0.9");
	cr_assert_eq(
	    net_probe_count(t.n, t.near, &host_unreachable, MS(2900)), 0);
	cr_assert(
	    net_probe_expect(t.n, t.near, &host_unreachable, MS(300), &f));
	cr_assert(net_frame_sums_hold(&f));
	icmp = net_frame_get_payload(&f, &len);
	cr_assert_geq(len, 8 + sizeof(*inner) + 8);
	inner = (const struct ipv4_hdr *)(icmp + 8);
	cr_assert_eq(inner->src, net_ip("10.1.0.2"));
	cr_assert_eq(inner->dst, net_ip("10.2.0.9"));
	net_allow_drops(t.n, t.router, "neigh-unresolved", 1);
	net_check_clean(t.n);
	net_destroy(t.n);
}

Test(arp_resolve, router_reports_a_failed_neighbour_without_asking_again)
{
	const struct net_match request = {
	    .ethertype = ETHER_TYPE_ARP, .arp_op = 1, .arp_tpa = "10.2.0.9"};
	struct routed t = routed_create();

	near_sends(&t, "10.2.0.9");
	net_run(t.n, MS(3500));
	net_probe_clear(t.n, t.near);
	net_probe_clear(t.n, t.far);
	near_sends(&t, "10.2.0.9");
	cr_assert(
	    net_probe_expect(t.n, t.near, &host_unreachable, MS(10), NULL));
	cr_assert_eq(net_probe_count(t.n, t.far, &request, SEC(5)), 0);
	net_allow_drops(t.n, t.router, "neigh-unresolved", 2);
	net_check_clean(t.n);
	net_destroy(t.n);
}

/* On the link, and by a gateway: other ways to one header. */
Test(arp_resolve, flow_that_is_forwarded_never_leaves_the_fast_path)
{
	static const char *const dst[] = {"10.2.0.9", "10.3.0.1"};
	struct routed t = routed_create();
	struct nexthop_table_info before, after;
	const netif_id far = net_probe_netif(t.n, t.far);
	struct stack *st = net_stack(t.n, t.router);
	uint64_t messages;

	cr_assert_eq(net_route(t.n, t.router, "10.3.0.0/16 via 10.2.0.9"), 0);
	net_probe_arp(t.n, t.far, "10.2.0.9");
	for (int i = 0; i < 2; i++) {
		const struct net_match m = {
		    .ethertype = ETHER_TYPE_IPV4, .dst = dst[i], .proto = 17};

		near_sends(&t, dst[i]);
		net_run(t.n, SEC(1));
		cr_assert_eq(
		    nexthop_table_show(st, far, NETIF_AF_INET, &before), 0);
		messages = worker_counter_read(st, 0, WORKER_MESSAGES);
		net_probe_clear(t.n, t.far);
		for (int s = 0; s < 100; s++) {
			near_sends(&t, dst[i]);
			cr_assert(
			    net_probe_expect(t.n, t.far, &m, MS(10), NULL));
			net_run(t.n, SEC(1));
		}
		cr_assert_eq(
		    nexthop_table_show(st, far, NETIF_AF_INET, &after), 0);
		cr_assert_geq(
		    after.counters.renewals, before.counters.renewals + 3);
		/* Nobody used what is stale, which would be said. */
		cr_assert_eq(
		    worker_counter_read(st, 0, WORKER_MESSAGES), messages);
	}
	net_check_clean(t.n);
	net_destroy(t.n);
}

Test(arp_resolve, interface_removed_while_packets_wait_leaks_nothing)
{
	struct rig r = rig_create(NULL);

	send_ports(&r, 1, 3);
	cr_assert_eq(rig_search(&r, "10.0.0.2").entry.held, 3);
	cr_assert_neq(stack_pkts_in_use(r.st), 0);
	net_wire_remove(r.n, net_probe_wire(r.n, r.probe));
	cr_assert_eq(stack_pkts_in_use(r.st), 0);
	net_run(r.n, SEC(60));
	/* Its interface is gone, so the drops belong to none. */
	cr_assert_eq(net_drops(r.n, r.node, "neigh-purged"), 3);
	net_allow_drops(r.n, r.node, "neigh-purged", 3);
	rig_destroy(&r);
}

Test(arp_resolve, nodes_of_several_workers_find_each_other)
{
	struct net *n = net_create();
	const int a = net_node(n, "a", 3, 0, false);
	const int r = net_node(n, "r", 3, 0, true);
	const int b = net_node(n, "b", 3, 0, false);

	(void)net_wire(n, a, "10.1.0.2/24", r, "10.1.0.1/24", NULL);
	(void)net_wire(n, b, "10.2.0.2/24", r, "10.2.0.1/24", NULL);
	cr_assert_eq(net_route(n, a, "default via 10.1.0.1"), 0);
	cr_assert_eq(net_route(n, b, "default via 10.2.0.1"), 0);
	cr_assert(net_ping(n, a, "10.2.0.2", 56, 0));
	/* Long enough for each entry to be probed more than once. */
	for (int s = 0; s < 100; s++) {
		cr_assert(net_ping(n, a, "10.2.0.2", 56, 0));
		cr_assert(net_ping(n, b, "10.1.0.2", 56, 0));
		net_run(n, SEC(1));
	}
	net_check_clean(n);
	net_destroy(n);
}

Test(arp_resolve, noarp_interface_asks_nobody)
{
	const uint8_t hw[6] = {2, 0, 0, 0, 0, 9};
	const uint32_t addr = net_ip("10.0.0.9");
	struct rig r = rig_create(NULL);

	cr_assert_eq(netif_set_flags(r.st, r.nif, NETIF_NOARP, 0), 0);
	rig_send(&r, "10.0.0.9");
	cr_assert_eq(rig_requests(&r, NULL, SEC(5)), 0);
	cr_assert_eq(net_drops(r.n, r.node, "neigh-unresolved"), 1);
	cr_assert_eq(nexthop_static_add(r.st, r.nif, NETIF_AF_INET,
			 (const uint8_t *)&addr, hw, false),
	    0);
	rig_send(&r, "10.0.0.9");
	cr_assert(rig_left(&r, "10.0.0.9", hw));
	net_allow_drops(r.n, r.node, "neigh-unresolved", 1);
	rig_destroy(&r);
}
