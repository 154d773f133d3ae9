/* SPDX-License-Identifier: BSD-2-Clause */

/* What stays in the cache, what changes it, and what purges it. */

#include <errno.h>

#include "stack/core/event.h"
#include "tests/net/arp_rig.h"

static const uint8_t other[6] = {2, 0, 0, 0, 0, 0x77};

/* Of the neighbour, if it is known. */
static bool
has_hwaddr(const struct rig *r, const char *addr, const uint8_t *hw)
{
	const struct rig_search s = rig_search(r, addr);

	return s.found && memcmp(s.entry.hwaddr, hw, 6) == 0;
}

static int
static_add(
    const struct rig *r, const char *addr, const uint8_t *hw, bool replace)
{
	const uint32_t ip = net_ip(addr);

	return nexthop_static_add(
	    r->st, r->nif, NETIF_AF_INET, (const uint8_t *)&ip, hw, replace);
}

Test(arp_cache, reachable_becomes_stale_after_its_time)
{
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	net_run(r.n, SEC(28));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_REACHABLE);
	net_run(r.n, SEC(3));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_STALE);
	cr_assert_eq(rig_requests(&r, NULL, SEC(60)), 0);
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_STALE);
	rig_destroy(&r);
}

Test(arp_cache, stale_is_used_and_probed_by_unicast)
{
	const struct net_match ask = {
	    .ethertype = ETHER_TYPE_ARP, .arp_op = 1, .arp_tpa = "10.0.0.2"};
	const struct net_match data = {
	    .ethertype = ETHER_TYPE_IPV4, .dst = "10.0.0.2"};
	struct rig r = rig_create(NULL);
	struct net_frame f;

	rig_resolve(&r, "10.0.0.2");
	net_run(r.n, SEC(31));
	rig_send(&r, "10.0.0.2");
	cr_assert(net_probe_expect(r.n, r.probe, &data, MS(10), &f));
	cr_assert_arr_eq(f.data, r.hw, 6);
	cr_assert(net_probe_expect(r.n, r.probe, &ask, MS(10), &f));
	cr_assert_arr_eq(f.data, r.hw, 6);
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_PROBE);
	rig_say(&r, r.ours, 2, r.hw, "10.0.0.2", r.ours, "10.0.0.1");
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_REACHABLE);
	rig_destroy(&r);
}

Test(arp_cache, flow_to_a_neighbour_that_answers_is_never_interrupted)
{
	struct rig r = rig_create(NULL);

	net_probe_arp(r.n, r.probe, "10.0.0.2");
	for (int s = 0; s < 120; s++) {
		rig_send(&r, "10.0.0.2");
		cr_assert(rig_left(&r, "10.0.0.2", r.hw), "after %d s", s);
		net_run(r.n, SEC(1));
	}
	rig_destroy(&r);
}

Test(arp_cache, unused_stale_entry_is_removed)
{
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	net_run(r.n, SEC(30 + 1190));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_STALE);
	net_run(r.n, SEC(20));
	cr_assert_not(rig_known(&r, "10.0.0.2"));
	rig_destroy(&r);
}

Test(arp_cache, neighbour_that_left_is_probed_asked_for_failed_and_removed)
{
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	net_run(r.n, SEC(31));
	rig_send(&r, "10.0.0.2");
	net_run(r.n, MS(2500));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_PROBE);
	net_run(r.n, SEC(1));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_INCOMPLETE);
	rig_send(&r, "10.0.0.2");
	net_run(r.n, SEC(3));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_FAILED);
	net_run(r.n, SEC(20));
	cr_assert_not(rig_known(&r, "10.0.0.2"));
	net_allow_drops(r.n, r.node, "neigh-unresolved", 1);
	rig_destroy(&r);
}

Test(arp_cache, neighbour_with_a_new_card_is_found_after_the_probes)
{
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	net_run(r.n, SEC(31));
	rig_send(&r, "10.0.0.2");
	net_run(r.n, MS(3100));
	net_probe_clear(r.n, r.probe);
	rig_send(&r, "10.0.0.2");
	rig_answer(&r, "10.0.0.2", other);
	cr_assert(rig_left(&r, "10.0.0.2", other));
	rig_destroy(&r);
}

Test(arp_cache, static_entry_needs_no_request)
{
	struct rig r = rig_create(NULL);

	cr_assert_eq(static_add(&r, "10.0.0.9", other, false), 0);
	cr_assert_eq(rig_state(&r, "10.0.0.9"), NEXTHOP_PERMANENT);
	rig_send(&r, "10.0.0.9");
	cr_assert(rig_left(&r, "10.0.0.9", other));
	cr_assert_eq(rig_requests(&r, NULL, SEC(3600)), 0);
	cr_assert_eq(rig_state(&r, "10.0.0.9"), NEXTHOP_PERMANENT);
	rig_destroy(&r);
}

Test(arp_cache, static_entry_is_never_overwritten)
{
	struct rig r = rig_create(NULL);

	cr_assert_eq(static_add(&r, "10.0.0.9", other, false), 0);
	rig_say(&r, NULL, 1, r.hw, "10.0.0.9", NULL, "10.0.0.9");
	rig_say(&r, NULL, 1, r.hw, "10.0.0.9", NULL, "10.0.0.1");
	rig_say(&r, r.ours, 2, r.hw, "10.0.0.9", r.ours, "10.0.0.1");
	cr_assert_eq(rig_state(&r, "10.0.0.9"), NEXTHOP_PERMANENT);
	cr_assert(has_hwaddr(&r, "10.0.0.9", other));
	rig_destroy(&r);
}

Test(arp_cache, static_entry_replaces_by_configuration_only_when_told)
{
	struct rig r = rig_create(NULL);
	const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1}, zero[6] = {0};
	const uint32_t ip = net_ip("10.0.0.9");

	cr_assert_eq(static_add(&r, "10.0.0.9", group, false), -EINVAL);
	cr_assert_eq(static_add(&r, "10.0.0.9", zero, false), -EINVAL);
	cr_assert_eq(static_add(&r, "10.0.0.9", other, false), 0);
	cr_assert_eq(static_add(&r, "10.0.0.9", r.hw, false), -EEXIST);
	cr_assert(has_hwaddr(&r, "10.0.0.9", other));
	cr_assert_eq(static_add(&r, "10.0.0.9", r.hw, true), 0);
	cr_assert(has_hwaddr(&r, "10.0.0.9", r.hw));
	cr_assert_eq(
	    nexthop_remove(r.st, r.nif, NETIF_AF_INET, (const uint8_t *)&ip),
	    0);
	cr_assert_eq(
	    nexthop_remove(r.st, r.nif, NETIF_AF_INET, (const uint8_t *)&ip),
	    -ENOENT);
	rig_destroy(&r);
}

Test(arp_cache, static_entry_takes_over_a_dynamic_one_and_what_waits)
{
	struct rig r = rig_create(NULL);

	rig_send(&r, "10.0.0.9");
	net_run(r.n, MS(10));
	cr_assert_eq(rig_state(&r, "10.0.0.9"), NEXTHOP_INCOMPLETE);
	cr_assert_eq(static_add(&r, "10.0.0.9", other, false), 0);
	cr_assert(rig_left(&r, "10.0.0.9", other));
	rig_destroy(&r);
}

Test(arp_cache, dynamic_entry_follows_a_new_hardware_address)
{
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	rig_say(&r, NULL, 1, other, "10.0.0.2", NULL, "10.0.0.1");
	cr_assert(has_hwaddr(&r, "10.0.0.2", other));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_STALE);
	net_probe_clear(r.n, r.probe);
	rig_send(&r, "10.0.0.2");
	cr_assert(rig_left(&r, "10.0.0.2", other));
	rig_destroy(&r);
}

Test(arp_cache, gratuitous_arp_updates_a_known_entry)
{
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	rig_say(&r, NULL, 1, other, "10.0.0.2", NULL, "10.0.0.2");
	cr_assert(has_hwaddr(&r, "10.0.0.2", other));
	rig_resolve(&r, "10.0.0.3");
	rig_say(&r, NULL, 2, other, "10.0.0.3", other, "10.0.0.3");
	cr_assert(has_hwaddr(&r, "10.0.0.3", other));
	rig_destroy(&r);
}

Test(arp_cache, gratuitous_arp_creates_nothing)
{
	struct rig r = rig_create(NULL);

	rig_say(&r, NULL, 1, other, "10.0.0.2", NULL, "10.0.0.2");
	rig_say(&r, NULL, 2, other, "10.0.0.2", other, "10.0.0.2");
	cr_assert_eq(rig_search(&r, "10.0.0.2").total, 0);
	cr_assert_eq(net_drops(r.n, r.node, "arp-not-ours"), 2);
	net_allow_drops(r.n, r.node, "arp-not-ours", 2);
	rig_destroy(&r);
}

Test(arp_cache, reply_nobody_asked_for_creates_nothing)
{
	struct rig r = rig_create(NULL);

	rig_say(&r, r.ours, 2, other, "10.0.0.2", r.ours, "10.0.0.1");
	rig_say(&r, NULL, 2, other, "10.0.0.3", NULL, "10.0.0.1");
	cr_assert_eq(rig_search(&r, "10.0.0.2").total, 0);
	rig_destroy(&r);
}

Test(arp_cache, reply_nobody_asked_for_does_not_make_reachable)
{
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	rig_say(&r, r.ours, 2, other, "10.0.0.2", r.ours, "10.0.0.1");
	cr_assert(has_hwaddr(&r, "10.0.0.2", other));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_STALE);
	rig_destroy(&r);
}

/* A reply comes to the asker alone; what all may hear proves less. */
Test(arp_cache, reply_in_a_group_frame_does_not_make_reachable)
{
	static const uint8_t group[2][6] = {
	    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {1, 0, 0x5e, 0, 0, 1}};
	static const char *const addr[] = {"10.0.0.2", "10.0.0.3"};
	struct rig r = rig_create(NULL);

	for (int i = 0; i < 2; i++) {
		rig_send(&r, addr[i]);
		net_run(r.n, MS(1));
		cr_assert_eq(rig_state(&r, addr[i]), NEXTHOP_INCOMPLETE);
		rig_say(&r, group[i], 2, r.hw, addr[i], r.ours, "10.0.0.1");
		cr_assert_neq(rig_state(&r, addr[i]), NEXTHOP_REACHABLE);
		cr_assert(rig_left(&r, addr[i], r.hw));
	}
	net_probe_clear(r.n, r.probe);
	rig_destroy(&r);
}

Test(arp_cache, whoever_asks_us_is_remembered_as_stale)
{
	struct rig r = rig_create(NULL);

	rig_say(&r, NULL, 1, r.hw, "10.0.0.2", NULL, "10.0.0.1");
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_STALE);
	cr_assert(has_hwaddr(&r, "10.0.0.2", r.hw));
	rig_destroy(&r);
}

Test(arp_cache, asker_from_another_network_is_answered_not_remembered)
{
	const struct net_match reply = {.ethertype = ETHER_TYPE_ARP,
	    .arp_op = 2,
	    .arp_spa = "10.0.0.1",
	    .arp_tpa = "192.0.2.5"};
	struct rig r = rig_create(NULL);

	rig_say(&r, NULL, 1, r.hw, "192.0.2.5", NULL, "10.0.0.1");
	cr_assert(net_probe_expect(r.n, r.probe, &reply, MS(10), NULL));
	cr_assert_eq(rig_search(&r, "192.0.2.5").total, 0);
	rig_destroy(&r);
}

/* A route without a gateway makes neighbours, and only while it is there. */
Test(arp_cache, route_delete_purges_all_but_the_connected_network)
{
	struct rig r = rig_create(NULL);

	cr_assert_eq(net_route(r.n, r.node, "10.0.0.0/16 dev eth0"), 0);
	cr_assert_eq(net_route(r.n, r.node, "10.0.0.128/25 dev eth0"), 0);
	rig_resolve(&r, "10.0.5.5");
	rig_resolve(&r, "10.0.1.1");
	rig_resolve(&r, "10.0.0.5");
	rig_resolve(&r, "10.0.0.200");
	rig_say(&r, NULL, 1, other, "10.0.5.5", NULL, "10.0.5.5");
	cr_assert_arr_eq(rig_search(&r, "10.0.5.5").entry.hwaddr, other, 6);
	cr_assert_eq(net_route_del(r.n, r.node, "10.0.0.0/16"), 0);
	cr_assert_not(rig_known(&r, "10.0.5.5"));
	cr_assert_not(rig_known(&r, "10.0.1.1"));
	cr_assert(rig_known(&r, "10.0.0.5"));
	cr_assert(rig_known(&r, "10.0.0.200"));
	cr_assert_eq(net_route_del(r.n, r.node, "10.0.0.128/25"), 0);
	cr_assert(rig_known(&r, "10.0.0.200"));
	rig_destroy(&r);
}

Test(arp_cache, requests_fill_the_table_without_pushing_out_what_is_in_use)
{
	struct nexthop_params params;
	char addr[] = "10.0.0.100";
	struct rig r;

	nexthop_params_default(&params);
	params.max_entries = 4;
	r = rig_create(&params);
	rig_resolve(&r, "10.0.0.2");
	rig_send(&r, "10.0.0.3");
	net_run(r.n, MS(10));
	for (int i = 0; i < 10; i++) {
		addr[sizeof(addr) - 2] = (char)('0' + i);
		rig_say(&r, NULL, 1, other, addr, NULL, "10.0.0.1");
	}
	cr_assert_eq(rig_search(&r, addr).total, 4);
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_REACHABLE);
	cr_assert_eq(rig_state(&r, "10.0.0.3"), NEXTHOP_INCOMPLETE);
	cr_assert_eq(rig_state(&r, "10.0.0.109"), NEXTHOP_STALE);
	net_allow_drops(r.n, r.node, "neigh-unresolved", 1);
	rig_destroy(&r);
}

Test(arp_cache, interface_down_purges_dynamic_entries_only)
{
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	rig_send(&r, "10.0.0.3");
	net_run(r.n, MS(10));
	cr_assert_eq(static_add(&r, "10.0.0.9", other, false), 0);
	net_down(r.n, r.node, "eth0");
	cr_assert_eq(rig_search(&r, "10.0.0.9").total, 1);
	cr_assert_eq(rig_state(&r, "10.0.0.9"), NEXTHOP_PERMANENT);
	net_up(r.n, r.node, "eth0");
	net_run(r.n, SEC(5));
	net_probe_clear(r.n, r.probe);
	rig_send(&r, "10.0.0.9");
	cr_assert(rig_left(&r, "10.0.0.9", other));
	cr_assert_eq(net_drops(r.n, r.node, "neigh-purged"), 1);
	net_allow_drops(r.n, r.node, "neigh-purged", 1);
	rig_destroy(&r);
}

Test(arp_cache, address_that_becomes_ours_is_no_neighbour)
{
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	rig_resolve(&r, "10.0.0.3");
	cr_assert_eq(net_addr_add(r.n, r.node, "eth0", "10.0.0.2/24"), 0);
	cr_assert_not(rig_known(&r, "10.0.0.2"));
	cr_assert(rig_known(&r, "10.0.0.3"));
	rig_destroy(&r);
}

Test(arp_cache, address_removal_purges_its_network)
{
	struct rig r = rig_create(NULL);

	cr_assert_eq(net_addr_add(r.n, r.node, "eth0", "10.7.0.1/24"), 0);
	rig_resolve(&r, "10.0.0.2");
	rig_say(&r, NULL, 1, r.hw, "10.7.0.2", NULL, "10.7.0.1");
	cr_assert(rig_known(&r, "10.7.0.2"));
	cr_assert_eq(net_addr_del(r.n, r.node, "eth0", "10.7.0.1/24"), 0);
	cr_assert_not(rig_known(&r, "10.7.0.2"));
	cr_assert(rig_known(&r, "10.0.0.2"));
	rig_destroy(&r);
}

Test(arp_cache, route_change_purges_who_is_no_longer_on_the_link)
{
	struct rig r = rig_create(NULL);

	cr_assert_eq(net_route(r.n, r.node, "10.9.0.0/16 dev eth0"), 0);
	rig_resolve(&r, "10.9.0.5");
	rig_resolve(&r, "10.0.0.2");
	cr_assert_eq(
	    net_route_change(r.n, r.node, "10.9.0.0/16 via 10.0.0.3"), 0);
	cr_assert_not(rig_known(&r, "10.9.0.5"));
	cr_assert(rig_known(&r, "10.0.0.2"));
	rig_send(&r, "10.9.0.5");
	rig_answer(&r, "10.0.0.3", other);
	cr_assert(rig_left(&r, "10.9.0.5", other));
	rig_destroy(&r);
}

Test(arp_cache, route_delete_purges_who_is_no_longer_on_the_link)
{
	struct rig r = rig_create(NULL);

	cr_assert_eq(net_route(r.n, r.node, "10.9.0.0/16 dev eth0"), 0);
	rig_resolve(&r, "10.9.0.5");
	cr_assert_eq(net_route_del(r.n, r.node, "10.9.0.0/16"), 0);
	cr_assert_not(rig_known(&r, "10.9.0.5"));
	rig_destroy(&r);
}

Test(arp_cache, gateway_of_a_route_that_changes_stays_known)
{
	struct rig r = rig_create(NULL);

	cr_assert_eq(net_route(r.n, r.node, "10.8.0.0/16 via 10.0.0.2"), 0);
	cr_assert_eq(net_route(r.n, r.node, "10.9.0.0/16 via 10.0.0.2"), 0);
	rig_resolve(&r, "10.0.0.2");
	cr_assert_eq(
	    net_route_change(r.n, r.node, "10.9.0.0/16 via 10.0.0.3"), 0);
	cr_assert_eq(net_route_del(r.n, r.node, "10.9.0.0/16"), 0);
	rig_send(&r, "10.8.0.1");
	cr_assert(rig_left(&r, "10.8.0.1", r.hw));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_REACHABLE);
	rig_destroy(&r);
}

Test(arp_cache, flush_takes_what_is_inside_the_prefix)
{
	const uint32_t prefix = net_ip("10.0.0.128");
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	rig_resolve(&r, "10.0.0.127");
	rig_resolve(&r, "10.0.0.128");
	rig_resolve(&r, "10.0.0.200");
	cr_assert_eq(static_add(&r, "10.0.0.201", other, false), 0);
	cr_assert_eq(nexthop_flush(r.st, r.nif, NETIF_AF_INET,
			 (const uint8_t *)&prefix, 25, false),
	    2);
	cr_assert(rig_known(&r, "10.0.0.127"));
	cr_assert(rig_known(&r, "10.0.0.201"));
	cr_assert_not(rig_known(&r, "10.0.0.128"));
	cr_assert_eq(nexthop_flush(r.st, r.nif, NETIF_AF_INET,
			 (const uint8_t *)&prefix, 0, true),
	    3);
	cr_assert_eq(rig_search(&r, "10.0.0.2").total, 0);
	rig_destroy(&r);
}

/* The next event is about 10.0.0.2, and says this. */
static void
expect_event(struct event_queue *q, enum event_action action,
    enum nexthop_state state, const uint8_t *hw)
{
	const uint32_t addr = net_ip("10.0.0.2");
	struct event ev;

	cr_assert(event_pop(q, &ev));
	cr_assert_eq(ev.kind, EVENT_NEIGH);
	cr_assert_eq(ev.action, action, "action %d", (int)ev.action);
	cr_assert_eq(ev.state, state, "state %d", (int)ev.state);
	cr_assert_eq(ev.af, NETIF_AF_INET);
	cr_assert_arr_eq(ev.addr, &addr, 4);
	cr_assert_arr_eq(ev.hwaddr, hw, 6);
	cr_assert_str_eq(ev.ifname, "eth0");
}

Test(arp_cache, every_change_of_state_is_an_event)
{
	const uint32_t addr = net_ip("10.0.0.2");
	const uint8_t zero[6] = {0};
	struct rig r = rig_create(NULL);
	struct event_queue *q;
	struct event ev;

	cr_assert_eq(event_subscribe(r.st, 64, &q), 0);
	rig_resolve(&r, "10.0.0.2");
	expect_event(q, EVENT_ADD, NEXTHOP_INCOMPLETE, zero);
	expect_event(q, EVENT_CHANGE, NEXTHOP_REACHABLE, r.hw);
	net_run(r.n, SEC(31));
	expect_event(q, EVENT_CHANGE, NEXTHOP_STALE, r.hw);
	rig_send(&r, "10.0.0.2");
	net_run(r.n, MS(1));
	expect_event(q, EVENT_CHANGE, NEXTHOP_PROBE, r.hw);
	rig_say(&r, NULL, 1, other, "10.0.0.2", NULL, "10.0.0.2");
	expect_event(q, EVENT_CHANGE, NEXTHOP_STALE, other);
	cr_assert_eq(static_add(&r, "10.0.0.2", r.hw, false), 0);
	expect_event(q, EVENT_CHANGE, NEXTHOP_PERMANENT, r.hw);
	cr_assert_eq(
	    nexthop_remove(r.st, r.nif, NETIF_AF_INET, (const uint8_t *)&addr),
	    0);
	expect_event(q, EVENT_DELETE, NEXTHOP_PERMANENT, r.hw);
	cr_assert_not(event_pop(q, &ev));
	event_unsubscribe(q);
	rig_destroy(&r);
}
