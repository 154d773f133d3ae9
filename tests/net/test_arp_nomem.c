/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Neighbours when memory runs out: an entry that cannot get its adjacency stays
 * as it was, and what comes next makes up for it.  An address that cannot be
 * claimed is refused.
 */

#include <errno.h>
#include <stdlib.h>

#include "tests/net/arp_rig.h"
#include "tests/nomem.h"

/* From now on allocations fail, or succeed again. */
static void
memory(bool there)
{
	if (there)
		cr_assert(nomem_disarm(), "nothing was allocated");
	else
		nomem_arm(1, NOMEM_REST);
}

static const uint8_t other[6] = {2, 0, 0, 0, 0, 0x77};

Test(arp_nomem, answer_that_finds_no_memory_is_asked_for_again)
{
	struct rig r = rig_create(NULL);

	rig_send(&r, "10.0.0.2");
	memory(false);
	rig_answer(&r, "10.0.0.2", r.hw);
	memory(true);
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_INCOMPLETE);
	rig_answer(&r, "10.0.0.2", r.hw);
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_REACHABLE);
	cr_assert(rig_left(&r, "10.0.0.2", r.hw));
	rig_destroy(&r);
}

Test(arp_nomem, asker_that_finds_no_memory_is_answered_not_remembered)
{
	const struct net_match reply = {
	    .ethertype = ETHER_TYPE_ARP, .arp_op = 2};
	struct rig r = rig_create(NULL);

	memory(false);
	rig_say(&r, NULL, 1, r.hw, "10.0.0.2", NULL, "10.0.0.1");
	memory(true);
	cr_assert(net_probe_expect(r.n, r.probe, &reply, MS(10), NULL));
	cr_assert_eq(rig_search(&r, "10.0.0.2").total, 0);
	rig_destroy(&r);
}

Test(arp_nomem, reachable_becomes_stale_once_there_is_memory)
{
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	memory(false);
	net_run(r.n, SEC(40));
	memory(true);
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_REACHABLE);
	net_run(r.n, SEC(2));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_STALE);
	rig_destroy(&r);
}

Test(arp_nomem, stale_is_used_and_probed_once_there_is_memory)
{
	struct rig r = rig_create(NULL);

	rig_resolve(&r, "10.0.0.2");
	net_run(r.n, SEC(31));
	memory(false);
	rig_send(&r, "10.0.0.2");
	cr_assert(rig_left(&r, "10.0.0.2", r.hw));
	memory(true);
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_STALE);
	rig_send(&r, "10.0.0.2");
	cr_assert(rig_left(&r, "10.0.0.2", r.hw));
	cr_assert_eq(rig_state(&r, "10.0.0.2"), NEXTHOP_PROBE);
	rig_destroy(&r);
}

Test(arp_nomem, configuration_without_memory_says_so_and_changes_nothing)
{
	const uint32_t addr = net_ip("10.0.0.2");
	struct rig r = rig_create(NULL);
	int error[3];

	rig_resolve(&r, "10.0.0.3");
	memory(false);
	error[0] = nexthop_static_add(
	    r.st, r.nif, NETIF_AF_INET, (const uint8_t *)&addr, other, false);
	error[1] = arp_claim_add(r.st, r.nif, addr, false);
	error[2] = nexthop_walk(r.st, r.nif, NETIF_AF_INET, rig_visit, NULL);
	memory(true);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(error[i], -ENOMEM, "call %d", i);
	cr_assert_eq(rig_search(&r, "10.0.0.2").total, 1);
	cr_assert_not(rig_known(&r, "10.0.0.2"));
	cr_assert_eq(arp_claim(r.st, r.nif, addr), ARP_CLAIM_NONE);
	rig_destroy(&r);
}

/* --- An address that comes without memory --------------------------------- */

#define NEW "10.0.0.9"

static const struct net_match new_announced = {
    .ethertype = ETHER_TYPE_ARP, .arp_op = 1, .arp_spa = NEW, .arp_tpa = NEW};

static int
add_new(void *arg)
{
	const struct rig *r = arg;

	return net_addr_add(r->n, r->node, "eth0", NEW "/24");
}

static void
del_new(void *arg)
{
	const struct rig *r = arg;

	cr_assert_eq(net_addr_del(r->n, r->node, "eth0", NEW "/24"), 0);
}

/* It is not ours: not listed, without a route, nor was it ever announced. */
static void
nothing_new(void *arg)
{
	const struct rig *r = arg;
	const uint32_t addr = net_ip(NEW);
	const struct netif_addr *a;
	uint64_t s;

	cr_assert_eq(arp_claim(r->st, r->nif, addr), ARP_CLAIM_NONE);
	cr_assert_eq(
	    net_probe_count(r->n, r->probe, &new_announced, MS(10)), 0);
	s = pserialize_read_enter();
	for (a = netif_addr_first(netif_lookup(r->st, r->nif), NETIF_AF_INET);
	     a != NULL; a = netif_addr_next(a))
		cr_assert_neq(memcmp(a->addr, &addr, sizeof(addr)), 0);
	cr_assert_null((void *)(uintptr_t)route_table_exact(
	    ipv4_routes(r->st), (const uint8_t *)&addr, 32));
	pserialize_read_exit(s);
}

/* Refused whenever an allocation fails, and announced when none does. */
Test(arp_nomem, address_comes_with_its_claim_or_not_at_all)
{
	static const enum nomem_how hows[] = {NOMEM_ONE, NOMEM_REST};
	struct rig r = rig_create(NULL);
	const struct nomem_try t = {
	    .op = add_new, .same = nothing_new, .arg = &r};

	for (int i = 0; i < 2; i++) {
		cr_assert_gt(nomem_each(&t, hows[i], NULL), 2);
		cr_assert(net_probe_expect(
		    r.n, r.probe, &new_announced, MS(100), NULL));
		cr_assert_eq(
		    arp_claim(r.st, r.nif, net_ip(NEW)), ARP_CLAIM_ANNOUNCED);
		del_new(&r);
		net_run(r.n, SEC(5));
		net_probe_clear(r.n, r.probe);
	}
	rig_destroy(&r);
}
