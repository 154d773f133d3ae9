/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Neighbours when memory runs out: an entry that cannot get its adjacency stays
 * as it was, and what comes next makes up for it.
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
