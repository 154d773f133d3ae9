/* SPDX-License-Identifier: BSD-2-Clause */

/* Announcing and defending our addresses: RFC 5227. */

#include <errno.h>

#include "stack/core/event.h"
#include "tests/net/arp_rig.h"

static const uint8_t thief[6] = {2, 0, 0, 0, 0, 0x66};

/* An announcement of 10.0.0.1 (RFC 5227 2.3). */
static const struct net_match announcement = {
    .ethertype = ETHER_TYPE_ARP,
    .arp_op = 1,
    .arp_spa = "10.0.0.1",
    .arp_tpa = "10.0.0.1",
};

static enum arp_claim_state
claim(const struct rig *r)
{
	return arp_claim(r->st, r->nif, net_ip("10.0.0.1"));
}

/* Somebody else uses our address. */
static void
conflict(struct rig *r)
{
	rig_say(r, NULL, 1, thief, "10.0.0.1", NULL, "10.0.0.1");
}

Test(arp_claim, new_address_is_announced_twice)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_ARP,
	    .arp_op = 1,
	    .arp_spa = "10.0.0.7",
	    .arp_tpa = "10.0.0.7"};
	struct rig r = rig_create(NULL);
	struct net_frame f;

	cr_assert_eq(net_addr_add(r.n, r.node, "eth0", "10.0.0.7/24"), 0);
	cr_assert(net_probe_expect(r.n, r.probe, &m, MS(100), &f));
	cr_assert_arr_eq(f.data, ether_broadcast, 6);
	cr_assert_arr_eq(net_frame_get_arp(&f)->sha, r.ours, 6);
	cr_assert_eq(net_probe_count(r.n, r.probe, &m, MS(1800)), 0);
	cr_assert_eq(net_probe_count(r.n, r.probe, &m, MS(300)), 1);
	cr_assert_eq(net_probe_count(r.n, r.probe, &m, SEC(60)), 0);
	rig_destroy(&r);
}

Test(arp_claim, addresses_are_announced_when_the_link_comes_up)
{
	struct rig r = rig_create(NULL);

	net_down(r.n, r.node, "eth0");
	cr_assert_eq(claim(&r), ARP_CLAIM_NONE);
	net_run(r.n, SEC(5));
	net_probe_clear(r.n, r.probe);
	net_up(r.n, r.node, "eth0");
	cr_assert_eq(net_probe_count(r.n, r.probe, &announcement, SEC(10)), 2);
	cr_assert_eq(claim(&r), ARP_CLAIM_ANNOUNCED);
	rig_destroy(&r);
}

Test(arp_claim, carrier_that_comes_back_announces)
{
	struct rig r = rig_create(NULL);
	struct wire *wire = net_wire_of(r.n, net_probe_wire(r.n, r.probe));

	wire_set_carrier(wire, false);
	net_run(r.n, SEC(1));
	cr_assert_eq(claim(&r), ARP_CLAIM_NONE);
	wire_set_carrier(wire, true);
	cr_assert_eq(net_probe_count(r.n, r.probe, &announcement, SEC(10)), 2);
	rig_destroy(&r);
}

Test(arp_claim, removed_address_is_not_announced_or_defended)
{
	struct rig r = rig_create(NULL);

	cr_assert_eq(net_addr_del(r.n, r.node, "eth0", "10.0.0.1/24"), 0);
	cr_assert_eq(claim(&r), ARP_CLAIM_NONE);
	cr_assert_eq(
	    arp_claim_remove(r.st, r.nif, net_ip("10.0.0.1")), -ENOENT);
	conflict(&r);
	cr_assert_eq(net_probe_count(r.n, r.probe, &announcement, SEC(10)), 0);
	net_allow_drops(r.n, r.node, "arp-no-address", 1);
	rig_destroy(&r);
}

Test(arp_claim, conflict_is_defended_once_in_ten_seconds)
{
	struct rig r = rig_create(NULL);
	unsigned int defences = 0;

	conflict(&r);
	cr_assert_eq(claim(&r), ARP_CLAIM_DEFENDED);
	cr_assert_eq(net_probe_count(r.n, r.probe, &announcement, SEC(1)), 1);
	for (int s = 0; s < 8; s++) {
		conflict(&r);
		defences +=
		    net_probe_count(r.n, r.probe, &announcement, SEC(1));
	}
	cr_assert_eq(defences, 0);
	cr_assert_eq(claim(&r), ARP_CLAIM_CONFLICT);
	net_run(r.n, SEC(2));
	conflict(&r);
	cr_assert_eq(net_probe_count(r.n, r.probe, &announcement, SEC(1)), 1);
	cr_assert_eq(net_drops(r.n, r.node, "arp-conflict"), 10);
	net_allow_drops(r.n, r.node, "arp-conflict", 10);
	rig_destroy(&r);
}

Test(arp_claim, defended_address_is_calm_again_after_ten_seconds)
{
	struct rig r = rig_create(NULL);

	conflict(&r);
	net_run(r.n, SEC(9));
	cr_assert_eq(claim(&r), ARP_CLAIM_DEFENDED);
	net_run(r.n, SEC(2));
	cr_assert_eq(claim(&r), ARP_CLAIM_ANNOUNCED);
	net_allow_drops(r.n, r.node, "arp-conflict", 1);
	rig_destroy(&r);
}

Test(arp_claim, conflict_is_an_event_that_names_the_station)
{
	const uint32_t addr = net_ip("10.0.0.1");
	struct rig r = rig_create(NULL);
	struct event_queue *q;
	struct event ev;

	cr_assert_eq(event_subscribe(r.st, 16, &q), 0);
	for (int state = ARP_CLAIM_DEFENDED; state <= ARP_CLAIM_CONFLICT;
	     state++) {
		conflict(&r);
		cr_assert(event_pop(q, &ev));
		cr_assert_eq(ev.kind, EVENT_ADDR);
		cr_assert_eq(ev.action, EVENT_CHANGE);
		cr_assert_eq(ev.state, state);
		cr_assert_arr_eq(ev.addr, &addr, 4);
		cr_assert_arr_eq(ev.hwaddr, thief, 6);
	}
	conflict(&r);
	cr_assert_not(event_pop(q, &ev));
	event_unsubscribe(q);
	net_allow_drops(r.n, r.node, "arp-conflict", 3);
	rig_destroy(&r);
}

Test(arp_claim, thief_is_not_believed)
{
	struct rig r = rig_create(NULL);

	conflict(&r);
	rig_say(&r, r.ours, 2, thief, "10.0.0.1", r.ours, "10.0.0.1");
	cr_assert_not(rig_known(&r, "10.0.0.1"));
	net_allow_drops(r.n, r.node, "arp-conflict", 2);
	rig_destroy(&r);
}

Test(arp_claim, probe_for_our_address_is_answered)
{
	const struct net_match reply = {
	    .ethertype = ETHER_TYPE_ARP, .arp_op = 2, .arp_spa = "10.0.0.1"};
	struct rig r = rig_create(NULL);
	struct net_frame f;

	rig_say(&r, NULL, 1, thief, "0.0.0.0", NULL, "10.0.0.1");
	cr_assert(net_probe_expect(r.n, r.probe, &reply, MS(10), &f));
	cr_assert_arr_eq(f.data, thief, 6);
	cr_assert_arr_eq(net_frame_get_arp(&f)->sha, r.ours, 6);
	cr_assert_eq(claim(&r), ARP_CLAIM_ANNOUNCED);
	/* Address 0 is nobody's. */
	cr_assert_eq(rig_search(&r, "0.0.0.0").total, 0);
	rig_destroy(&r);
}

/* A probe by the node for 10.0.0.1 (RFC 5227 2.1.1). */
static const struct net_match probing = {
    .ethertype = ETHER_TYPE_ARP,
    .arp_op = 1,
    .arp_spa = "0.0.0.0",
    .arp_tpa = "10.0.0.1",
};

static void
claim_with_probe(struct rig *r)
{
	net_probe_clear(r->n, r->probe);
	cr_assert_eq(arp_claim_add(r->st, r->nif, net_ip("10.0.0.1"), true), 0);
	cr_assert_eq(claim(r), ARP_CLAIM_PROBING);
}

Test(arp_claim, address_is_probed_three_times_and_then_announced)
{
	struct rig r = rig_create(NULL);
	uint64_t last, gap;
	struct net_frame f;

	claim_with_probe(&r);
	cr_assert(net_probe_expect(r.n, r.probe, &probing, SEC(1), &f));
	cr_assert_eq(net_frame_get_arp(&f)->spa, 0);
	for (int i = 1; i < 3; i++) {
		last = f.time;
		cr_assert(net_probe_expect(r.n, r.probe, &probing, SEC(3), &f));
		gap = f.time - last;
		cr_assert_geq(gap, SEC(1));
		cr_assert_leq(gap, SEC(2) + MS(10));
	}
	last = f.time;
	cr_assert(net_probe_expect(r.n, r.probe, &announcement, SEC(3), &f));
	cr_assert_geq(f.time - last, SEC(2));
	cr_assert_eq(claim(&r), ARP_CLAIM_ANNOUNCED);
	cr_assert_eq(net_probe_count(r.n, r.probe, &announcement, SEC(10)), 1);
	rig_destroy(&r);
}

Test(arp_claim, duplicate_found_by_probing_is_reported)
{
	struct rig r = rig_create(NULL);
	struct event_queue *q;
	struct event ev;

	cr_assert_eq(event_subscribe(r.st, 16, &q), 0);
	claim_with_probe(&r);
	cr_assert(net_probe_expect(r.n, r.probe, &probing, SEC(1), NULL));
	rig_say(&r, r.ours, 2, thief, "10.0.0.1", r.ours, "0.0.0.0");
	cr_assert_eq(claim(&r), ARP_CLAIM_CONFLICT);
	cr_assert(event_pop(q, &ev));
	cr_assert_eq(ev.state, ARP_CLAIM_CONFLICT);
	cr_assert_arr_eq(ev.hwaddr, thief, 6);
	/* It is not ours to announce or defend. */
	cr_assert_eq(net_probe_count(r.n, r.probe, &announcement, SEC(30)), 0);
	conflict(&r);
	cr_assert_eq(net_probe_count(r.n, r.probe, &announcement, SEC(1)), 0);
	event_unsubscribe(q);
	net_allow_drops(r.n, r.node, "arp-conflict", 2);
	rig_destroy(&r);
}

Test(arp_claim, added_address_is_probed_for_when_the_option_says_so)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_ARP,
	    .arp_op = 1,
	    .arp_spa = "0.0.0.0",
	    .arp_tpa = "10.0.0.7"};
	struct rig r = rig_create(NULL);

	net_option(r.n, r.node, IPV4_OPT_ADDRESS_PROBE, 1);
	cr_assert_eq(net_addr_add(r.n, r.node, "eth0", "10.0.0.7/24"), 0);
	cr_assert_eq(
	    arp_claim(r.st, r.nif, net_ip("10.0.0.7")), ARP_CLAIM_PROBING);
	cr_assert_eq(net_probe_count(r.n, r.probe, &m, SEC(10)), 3);
	cr_assert_eq(
	    arp_claim(r.st, r.nif, net_ip("10.0.0.7")), ARP_CLAIM_ANNOUNCED);
	rig_destroy(&r);
}

Test(arp_claim, two_that_probe_at_once_both_lose)
{
	struct rig r = rig_create(NULL);

	claim_with_probe(&r);
	rig_say(&r, NULL, 1, thief, "0.0.0.0", NULL, "10.0.0.1");
	cr_assert_eq(claim(&r), ARP_CLAIM_CONFLICT);
	rig_destroy(&r);
}

Test(arp_claim, calls_for_what_is_not_there_say_so)
{
	struct rig r = rig_create(NULL);
	const netif_id lo = net_netif(r.n, r.node, "lo");
	const uint32_t addr = net_ip("10.0.0.1");

	cr_assert_eq(arp_claim_add(r.st, lo, addr, false), -EAFNOSUPPORT);
	cr_assert_eq(arp_claim_add(r.st, 0xfff0, addr, false), -ENODEV);
	cr_assert_eq(
	    arp_claim_remove(r.st, r.nif, net_ip("10.0.0.77")), -ENOENT);
	cr_assert_eq(
	    arp_claim(r.st, r.nif, net_ip("10.0.0.77")), ARP_CLAIM_NONE);
	rig_destroy(&r);
}
