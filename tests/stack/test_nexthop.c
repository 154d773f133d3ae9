/* SPDX-License-Identifier: BSD-2-Clause */

#include "tests/stack/neightab.h"

static int
look(struct worker *w, void *arg)
{
	const struct netif *nif = netif_lookup(w->stack, id);
	const struct nexthop_adj *adj = nexthop_lookup(nif, NETIF_AF_INET, arg);

	cr_assert_eq(nexthop_resolver_arg(nif, NETIF_AF_INET), &asked);
	cr_assert_null(nexthop_resolver_arg(nif, NETIF_AF_INET6));
	cr_assert_null(nexthop_lookup(nif, NETIF_AF_INET6, arg));
	if (adj == NULL)
		return nexthop_known(nif, NETIF_AF_INET, arg) ? 1 : 0;
	cr_assert_eq(adj->netif, id);
	cr_assert_eq(adj->hdr_len, 14);
	cr_assert_eq(adj->hdr[5], ((const uint8_t *)arg)[3]);
	cr_assert_arr_eq(adj->hdr + 6, ethdev_hwaddr, 6);
	cr_assert_eq(adj->hdr[12] << 8 | adj->hdr[13], TYPE);
	return 2;
}

Test(nexthop, bounds_of_zero_are_refused)
{
	struct nexthop_params good, bad;
	struct netif *nif;
	uint64_t s;

	begin(NULL);
	nexthop_params_default(&good);
	s = pserialize_read_enter();
	nif = netif_lookup(st, id);
	pserialize_read_exit(s);
	stack_control_enter(st);
	cr_assert_eq(
	    nexthop_table_attach(nif, NETIF_AF_INET, &resolver, NULL, &good),
	    -EEXIST);
#define REFUSED(field)                                                        \
	bad = good;                                                           \
	bad.field = 0;                                                        \
	cr_assert_eq(                                                         \
	    nexthop_table_attach(nif, NETIF_AF_INET6, &resolver, NULL, &bad), \
	    -EINVAL)
	REFUSED(max_entries);
	REFUSED(max_incomplete);
	REFUSED(max_source);
	REFUSED(max_held);
	REFUSED(max_solicits);
	REFUSED(max_probes);
	REFUSED(solicit_interval);
	REFUSED(solicit_rate);
	REFUSED(reachable_time);
	REFUSED(stale_time);
	REFUSED(failed_time);
#undef REFUSED
	stack_control_exit(st);
	end();
}

Test(nexthop, lookup_sees_adjacencies_only)
{
	uint8_t addr[4] = {10, 0, 0, 7};

	begin(NULL);
	cr_assert_eq(worker_call(other(), look, addr), 0);
	send(owner(), 7, 1);
	cr_assert_eq(worker_call(other(), look, addr), 1);
	say(owner(), 7, NEXTHOP_CLAIM_ANSWER);
	cr_assert_eq(worker_call(other(), look, addr), 2);
	cr_assert_eq(nexthop_remove(st, id, NETIF_AF_INET, addr), 0);
	cr_assert_eq(worker_call(other(), look, addr), 0);
	end();
}

Test(nexthop, packet_of_another_worker_waits_at_the_owner)
{
	begin(NULL);
	send(other(), 7, 2);
	cr_assert_eq(asked.solicits, 0);
	ethdev_settle(st);
	cr_assert_eq(asked.solicits, 1);
	cr_assert_eq(find(7).entry.held, 2);
	cr_assert_eq(asked.last[3], 7);
	say(other(), 7, NEXTHOP_CLAIM_ANSWER);
	ethdev_settle(st);
	cr_assert_eq(state(7), NEXTHOP_REACHABLE);
	cr_assert_eq(dev->ntx, 2);
	cr_assert_eq(dev->tx[0].len, 34);
	cr_assert_eq(dev->tx[0].data[5], 7);
	cr_assert_eq(dev->tx[0].data[14], 0);
	cr_assert_eq(dev->tx[1].data[14], 1);
	end();
}

Test(nexthop, old_news_send_no_message)
{
	uint64_t messages;

	begin(NULL);
	send(owner(), 7, 1);
	say(other(), 7, NEXTHOP_CLAIM_ANSWER);
	ethdev_settle(st);
	messages = worker_counter_read(st, owner()->id, WORKER_MESSAGES);
	for (int i = 0; i < 10; i++) {
		say(other(), 7, NEXTHOP_CLAIM_HINT);
		say(other(), 7, NEXTHOP_CLAIM_REQUEST);
		say(other(), 7, NEXTHOP_CLAIM_ANSWER);
		say(other(), 8, NEXTHOP_CLAIM_HINT);
		say(other(), 8, NEXTHOP_CLAIM_ANSWER);
	}
	ethdev_settle(st);
	cr_assert_eq(
	    worker_counter_read(st, owner()->id, WORKER_MESSAGES), messages);
	cr_assert_eq(find(7).total, 1);
	end();
}

Test(nexthop, stale_use_by_many_packets_is_one_probe)
{
	begin(NULL);
	say(owner(), 7, NEXTHOP_CLAIM_REQUEST);
	cr_assert_eq(state(7), NEXTHOP_STALE);
	send(other(), 7, 20);
	send(owner(), 7, 20);
	ethdev_settle(st);
	cr_assert_eq(state(7), NEXTHOP_PROBE);
	cr_assert_eq(asked.solicits, 1);
	cr_assert_eq(asked.unicasts, 1);
	cr_assert_eq(dev->ntx, 40);
	end();
}

Test(nexthop, entry_removed_between_use_and_message_is_no_probe)
{
	uint8_t addr[4] = {10, 0, 0, 7};
	const uint8_t hw[6] = {2, 0, 0, 0, 0, 7};

	begin(NULL);
	say(owner(), 7, NEXTHOP_CLAIM_REQUEST);
	send(other(), 7, 1);
	/* The owner hears of the removal before it takes a turn. */
	cr_assert_eq(nexthop_remove(st, id, NETIF_AF_INET, addr), 0);
	cr_assert_eq(
	    nexthop_static_add(st, id, NETIF_AF_INET, addr, hw, false), 0);
	ethdev_settle(st);
	cr_assert_eq(state(7), NEXTHOP_PERMANENT);
	end();
}

Test(nexthop, detach_with_messages_under_way_is_clean)
{
	begin(NULL);
	say(owner(), 7, NEXTHOP_CLAIM_REQUEST);
	send(other(), 7, 1); /* says that a stale one was used */
	send(other(), 8, 3); /* wait in the mailbox */
	send(owner(), 9, 3); /* wait in the table */
	say(other(), 9, NEXTHOP_CLAIM_ANSWER);
	cr_assert_eq(netif_detach(st, id), 0);
	ethdev_settle(st);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	pass(60 * SEC);
	stack_destroy(st);
	free(dev);
}

Test(nexthop, room_is_made_by_failed_then_incomplete_then_stale)
{
	struct nexthop_params p;

	nexthop_params_default(&p);
	p.max_entries = 4;
	begin(&p);
	send(owner(), 1, 1);
	pass(3 * SEC);
	cr_assert_eq(state(1), NEXTHOP_FAILED);
	say(owner(), 2, NEXTHOP_CLAIM_REQUEST);
	send(owner(), 3, 1);
	send(owner(), 4, 1);
	say(owner(), 4, NEXTHOP_CLAIM_ANSWER);
	cr_assert_eq(find(1).total, 4);

	send(owner(), 5, 1);
	cr_assert_eq(state(1), NEXTHOP_STATE_COUNT);
	send(owner(), 6, 1);
	cr_assert_eq(state(3), NEXTHOP_STATE_COUNT);
	say(owner(), 5, NEXTHOP_CLAIM_ANSWER);
	say(owner(), 6, NEXTHOP_CLAIM_ANSWER);
	send(owner(), 7, 1);
	cr_assert_eq(state(2), NEXTHOP_STATE_COUNT);
	say(owner(), 7, NEXTHOP_CLAIM_ANSWER);
	cr_assert_eq(find(4).count[NEXTHOP_REACHABLE], 4);

	/* Nobody is left that may go. */
	send(owner(), 8, 1);
	say(owner(), 9, NEXTHOP_CLAIM_REQUEST);
	cr_assert_eq(find(4).count[NEXTHOP_REACHABLE], 4);
	cr_assert_eq(find(4).total, 4);
	end();
}

Test(nexthop, configuration_that_finds_no_room_says_so)
{
	const uint8_t hw[6] = {2, 0, 0, 0, 0, 7};
	uint8_t addr[4] = {10, 0, 0, 0};
	struct nexthop_params p;

	nexthop_params_default(&p);
	p.max_entries = 4;
	begin(&p);
	for (uint8_t i = 0; i < 5; i++) {
		addr[3] = i;
		cr_assert_eq(
		    nexthop_static_add(st, id, NETIF_AF_INET, addr, hw, false),
		    i < 4 ? 0 : -ENOSPC);
	}
	end();
}

Test(nexthop, entries_are_used_again)
{
	const uint8_t any[4] = {0};
	struct nexthop_params p;

	nexthop_params_default(&p);
	p.max_entries = 8;
	p.solicit_rate = 1000000;
	begin(&p);
	/* Far more than the pool has, while nothing else moves its epochs. */
	for (unsigned int i = 0; i < 5000; i++) {
		send(owner(), i, 1);
		pass(SEC / 1000);
		cr_assert_eq(state(i), NEXTHOP_INCOMPLETE, "entry %u", i);
	}
	cr_assert_leq(find(0).total, 8);
	cr_assert_gt(nexthop_flush(st, id, NETIF_AF_INET, any, 0, false), 0);
	ethdev_settle(st);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	end();
}

Test(nexthop, full_table_finds_each_entry)
{
	uint8_t addr[4] = {10, 0, 0, 0};

	begin(NULL);
	for (unsigned int i = 0; i < 4096; i++)
		say(owner(), i, NEXTHOP_CLAIM_REQUEST);
	cr_assert_eq(find(0).total, 4096);
	for (unsigned int i = 0; i < 4096; i++) {
		addr[2] = (uint8_t)(i >> 8);
		addr[3] = (uint8_t)i;
		cr_assert_eq(worker_call(other(), look, addr), 2);
	}
	end();
}

Test(nexthop, request_that_the_rate_never_let_through_is_no_verdict)
{
	struct nexthop_params p;

	nexthop_params_default(&p);
	p.solicit_rate = 1;
	begin(&p);
	for (unsigned int i = 0; i < 40; i++)
		send(owner(), i, 1);
	pass(7 * SEC);
	/* Some were asked for and failed; of the others nothing is left. */
	cr_assert_eq(asked.unreachable, find(0).count[NEXTHOP_FAILED]);
	cr_assert_gt(asked.unreachable, 0);
	cr_assert_lt(asked.unreachable, 10);
	cr_assert_eq(
	    asked.unreachable + ethdev_drops(st, id, DROP_NEIGH_RATE), 40);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	end();
}

Test(nexthop, probes_are_not_limited_by_a_scan)
{
	struct nexthop_params p;
	unsigned int broadcasts;

	nexthop_params_default(&p);
	p.solicit_rate = 1;
	begin(&p);
	say(owner(), 1000, NEXTHOP_CLAIM_REQUEST);
	for (unsigned int i = 0; i < 40; i++)
		send(owner(), i, 1);
	broadcasts = asked.solicits;
	cr_assert_eq(broadcasts, 1);
	send(owner(), 1000, 1);
	ethdev_settle(st);
	cr_assert_eq(asked.unicasts, 1);
	end();
}

Test(nexthop, calls_for_what_is_not_there_say_so)
{
	const uint8_t addr[4] = {10, 0, 0, 1}, hw[6] = {2, 0, 0, 0, 0, 1};
	struct found f = {.total = 0};

	begin(NULL);
	cr_assert_eq(nexthop_remove(st, id, NETIF_AF_INET, addr), -ENOENT);
	cr_assert_eq(
	    nexthop_remove(st, id, NETIF_AF_INET6, addr), -EAFNOSUPPORT);
	cr_assert_eq(nexthop_remove(st, 0xfff0, NETIF_AF_INET, addr), -ENODEV);
	cr_assert_eq(
	    nexthop_static_add(st, 0xfff0, NETIF_AF_INET, addr, hw, false),
	    -ENODEV);
	cr_assert_eq(
	    nexthop_flush(st, 0xfff0, NETIF_AF_INET, addr, 0, false), -ENODEV);
	cr_assert_eq(
	    nexthop_flush(st, id, NETIF_AF_INET, addr, 33, false), -EINVAL);
	cr_assert_eq(
	    nexthop_walk(st, 0xfff0, NETIF_AF_INET, visit, &f), -ENODEV);
	end();
}

static int
stop_at_second(void *arg, const struct nexthop_entry *e)
{
	(void)e;
	return ++*(int *)arg == 2 ? 42 : 0;
}

Test(nexthop, walk_ends_at_the_first_refusal)
{
	int n = 0;

	begin(NULL);
	for (unsigned int i = 0; i < 5; i++)
		say(owner(), i, NEXTHOP_CLAIM_REQUEST);
	cr_assert_eq(
	    nexthop_walk(st, id, NETIF_AF_INET, stop_at_second, &n), 42);
	cr_assert_eq(n, 2);
	end();
}

Test(nexthop, states_have_names)
{
	cr_assert_str_eq(nexthop_state_name(NEXTHOP_INCOMPLETE), "incomplete");
	cr_assert_str_eq(nexthop_state_name(NEXTHOP_PERMANENT), "permanent");
	for (int i = 0; i < NEXTHOP_STATE_COUNT; i++)
		cr_assert_str_neq(
		    nexthop_state_name((enum nexthop_state)i), "unknown");
	cr_assert_str_eq(nexthop_state_name(NEXTHOP_STATE_COUNT), "unknown");
}
