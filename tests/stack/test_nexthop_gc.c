/* SPDX-License-Identifier: BSD-2-Clause */

/* Who is in use, who makes room, and what a scan cannot take. */

#include "tests/stack/neightab.h"

static struct nexthop_table_info
info(void)
{
	struct nexthop_table_info i = {.netif = 0};

	cr_assert_eq(nexthop_table_show(st, id, NETIF_AF_INET, &i), 0);
	return i;
}

/* Neighbour n is asked for, and answers. */
static void
resolve(unsigned int n)
{
	send(owner(), n, 1);
	say(owner(), n, NEXTHOP_CLAIM_ANSWER);
	cr_assert_eq(state(n), NEXTHOP_REACHABLE, "neighbour %u", n);
}

/* It becomes STALE without having been used. */
static void
rest(void)
{
	pass(31 * SEC);
}

struct seen {
	uint8_t addr[4];
	const struct nexthop_adj *adj;
};

static int
look(struct worker *w, void *arg)
{
	struct seen *s = arg;

	s->adj =
	    nexthop_lookup(netif_lookup(w->stack, id), NETIF_AF_INET, s->addr);
	return 0;
}

/* To be compared only: nobody holds it. */
static const struct nexthop_adj *
adjacency(unsigned int n)
{
	struct seen s = {
	    .addr = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};

	cr_assert_eq(worker_call(other(), look, &s), 0);
	return s.adj;
}

/* For a while w sends to n each second, and n answers who asks. */
static void
talk(struct worker *w, unsigned int n, unsigned int seconds)
{
	for (unsigned int i = 0; i < seconds; i++) {
		const unsigned int before = asked.unicasts;

		send(w, n, 1);
		pass(SEC);
		if (asked.unicasts != before)
			say(owner(), n, NEXTHOP_CLAIM_ANSWER);
	}
}

Test(nexthop_gc, who_is_in_use_keeps_its_adjacency)
{
	const uint8_t any[4] = {0};
	const struct nexthop_adj *adj;
	uint64_t messages;

	begin(NULL);
	for (unsigned int i = 0; i < 2; i++) {
		struct worker *w = i == 0 ? owner() : other();
		const unsigned int before = asked.unicasts;

		resolve(7 + i);
		adj = adjacency(7 + i);
		messages =
		    worker_counter_read(st, owner()->id, WORKER_MESSAGES);
		talk(w, 7 + i, 200);
		cr_assert_eq(adjacency(7 + i), adj);
		cr_assert_eq(state(7 + i), NEXTHOP_REACHABLE);
		cr_assert_geq(asked.unicasts, before + 6);
		cr_assert_leq(asked.unicasts, before + 8);
		/* Nobody had to be told, by no worker. */
		cr_assert_eq(
		    worker_counter_read(st, owner()->id, WORKER_MESSAGES),
		    messages);
		cr_assert_eq(info().counters.renewals, asked.unicasts);
		cr_assert_eq(
		    nexthop_flush(st, id, NETIF_AF_INET, any, 0, true), 1);
	}
	end();
}

Test(nexthop_gc, who_is_not_in_use_becomes_stale)
{
	begin(NULL);
	resolve(7);
	talk(other(), 7, 10);
	/* Used since it answered: once more, and then no more. */
	pass(20 * SEC + SEC / 50);
	cr_assert_eq(state(7), NEXTHOP_PROBE);
	say(owner(), 7, NEXTHOP_CLAIM_ANSWER);
	cr_assert_eq(state(7), NEXTHOP_REACHABLE);
	rest();
	cr_assert_eq(state(7), NEXTHOP_STALE);
	cr_assert_leq(asked.unicasts, 3);
	cr_assert_eq(info().counters.renewals, 1);
	end();
}

Test(nexthop_gc, who_does_not_answer_while_in_use_is_asked_for_anew)
{
	begin(NULL);
	resolve(7);
	for (unsigned int i = 0; i < 29; i++) {
		send(other(), 7, 1);
		pass(SEC);
	}
	pass(SEC);
	cr_assert_eq(state(7), NEXTHOP_PROBE);
	cr_assert_not_null(adjacency(7));
	pass(3 * SEC);
	cr_assert_eq(state(7), NEXTHOP_INCOMPLETE);
	cr_assert_null(adjacency(7));
	end();
}

Test(nexthop_gc, use_of_the_entry_before_is_no_use)
{
	uint8_t addr[4] = {10, 0, 0, 0};
	struct nexthop_params p;

	nexthop_params_default(&p);
	p.max_entries = 1;
	begin(&p);
	/* The pool is small: each of its entries has many addresses. */
	for (unsigned int i = 0; i < 1000; i++) {
		addr[2] = (uint8_t)(i >> 8);
		addr[3] = (uint8_t)i;
		resolve(i);
		pass(SEC / 50);
		send(other(), i, 1);
		cr_assert_eq(find(i).entry.used, 0);
		cr_assert_eq(nexthop_remove(st, id, NETIF_AF_INET, addr), 0);
		say(owner(), i, NEXTHOP_CLAIM_REQUEST);
		cr_assert_eq(find(i).entry.used, UINT64_MAX, "entry %u", i);
		cr_assert_not(find(i).entry.proven);
		cr_assert_eq(nexthop_remove(st, id, NETIF_AF_INET, addr), 0);
		pass(SEC / 50);
	}
	end();
}

Test(nexthop_gc, use_is_shown)
{
	begin(NULL);
	resolve(7);
	cr_assert(find(7).entry.proven);
	pass(5 * SEC);
	send(other(), 7, 1);
	pass(3 * SEC);
	cr_assert_leq(find(7).entry.used, 3 * SEC + SEC / 50);
	cr_assert_gt(find(7).entry.used, 2 * SEC);
	end();
}

/* A remote host tries every address, 10,000 a second. */
static void
scan(unsigned int first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		send(i % 2 == 0 ? owner() : other(), first + i, 1);
		if (i % 50 == 49)
			pass(SEC / 200);
	}
}

Test(nexthop_gc, scan_of_100000_pushes_out_nobody_who_answered)
{
	enum {
		HOSTS = 600,
		STALES = 300
	};
	struct nexthop_params p;
	struct nexthop_table_info i;
	struct found f;

	nexthop_params_default(&p);
	p.max_entries = 1024;
	p.solicit_rate = 1000000;
	begin(&p);
	for (unsigned int n = 0; n < HOSTS; n++) {
		resolve(n);
		if (n == STALES - 1)
			rest();
	}
	cr_assert_eq(find(0).count[NEXTHOP_STALE], STALES);
	/* From many places, so that all of the bounds are reached. */
	for (sender = 1; sender <= 10; sender++)
		scan(0x10000 + sender * 10000, 10000);
	f = find(0);
	cr_assert_eq(f.total, 1024);
	i = info();
	cr_assert_eq(i.counters.evicted_stale, 0);
	cr_assert_gt(i.counters.evicted_failed, 0);
	cr_assert_gt(i.counters.refused_source, 0);
	for (unsigned int n = 0; n < HOSTS; n++)
		cr_assert_neq(state(n), NEXTHOP_STATE_COUNT, "host %u", n);
	end();
}

Test(nexthop_gc, full_table_gives_a_scan_no_more_than_one_who_answered)
{
	struct nexthop_params p;

	nexthop_params_default(&p);
	p.max_entries = 64;
	begin(&p);
	for (unsigned int n = 0; n < 64; n++)
		resolve(n);
	rest();
	cr_assert_eq(find(0).count[NEXTHOP_STALE], 64);
	scan(1000, 10000);
	cr_assert_leq(info().counters.evicted_stale, 8);
	cr_assert_geq(find(0).count[NEXTHOP_STALE], 56);
	end();
}

Test(nexthop_gc, one_who_scans_leaves_room_for_others)
{
	begin(NULL);
	sender = 1;
	scan(1000, 1000);
	cr_assert_eq(find(0).count[NEXTHOP_INCOMPLETE], 128);
	cr_assert_eq(ethdev_drops(st, id, DROP_NEIGH_SOURCE), 1000 - 128);
	/* A few may share its number by chance, all do not. */
	for (sender = 2; sender < 18; sender++)
		send(owner(), 2000 + sender, 1);
	cr_assert_geq(find(0).count[NEXTHOP_INCOMPLETE], 128 + 1);
	/* Nobody answered; it may ask for others. */
	pass(5 * SEC);
	sender = 1;
	send(owner(), 5000, 1);
	cr_assert_eq(state(5000), NEXTHOP_INCOMPLETE);
	end();
}

Test(nexthop_gc, what_others_scan_leaves_room_for_our_own)
{
	begin(NULL);
	for (sender = 1; sender <= 40; sender++)
		scan(sender * 1000, 100);
	cr_assert_eq(find(0).count[NEXTHOP_INCOMPLETE], 512 - 64);
	cr_assert_gt(ethdev_drops(st, id, DROP_NEIGH_INCOMPLETE), 0);
	sender_flags = PKT_LOCAL_ORIGIN;
	resolve(7);
	cr_assert_eq(memcmp(asked.last, "\12\0\0\7", 4), 0);
	/* Even that has an end. */
	for (unsigned int i = 0; i < 100; i++)
		send(owner(), 90000 + i, 1);
	cr_assert_eq(find(0).count[NEXTHOP_INCOMPLETE], 512);
	end();
}

Test(nexthop_gc, who_answered_once_is_asked_for_before_a_scan)
{
	struct nexthop_params p;
	unsigned int before;

	nexthop_params_default(&p);
	p.solicit_rate = 4;
	begin(&p);
	resolve(7);
	rest();
	send(owner(), 7, 1);
	/* The last probe has a moment to go; the scan takes what it may. */
	pass(3 * SEC - SEC / 50);
	cr_assert_eq(state(7), NEXTHOP_PROBE);
	before = asked.solicits;
	sender = 1;
	scan(1000, 100);
	cr_assert_eq(asked.solicits, before + 3);
	cr_assert_eq(info().counters.rate_limited, 97);
	pass(SEC / 50);
	cr_assert_eq(state(7), NEXTHOP_INCOMPLETE);
	cr_assert_eq(asked.solicits, before + 4);
	cr_assert_eq(find(7).entry.tries, 1);
	end();
}

Test(nexthop_gc, room_is_made_by_the_unproven)
{
	struct nexthop_params p;

	nexthop_params_default(&p);
	p.max_entries = 16;
	begin(&p);
	for (unsigned int n = 1; n <= 8; n++)
		resolve(n);
	rest();
	send(owner(), 10, 1);
	pass(3 * SEC); /* FAILED */
	for (unsigned int n = 11; n <= 13; n++)
		say(owner(), n, NEXTHOP_CLAIM_REQUEST);
	for (unsigned int n = 21; n <= 24; n++)
		send(owner(), n, 1);
	cr_assert_eq(find(10).total, 16);

	send(owner(), 31, 1); /* the failed one */
	cr_assert_not(find(10).found);
	send(owner(), 32, 1); /* waiting ones, while they are many */
	send(owner(), 33, 1);
	cr_assert_not(find(21).found);
	cr_assert_not(find(22).found);
	say(owner(), 23, NEXTHOP_CLAIM_ANSWER);
	say(owner(), 24, NEXTHOP_CLAIM_ANSWER);
	say(owner(), 31, NEXTHOP_CLAIM_ANSWER);
	send(owner(), 34, 1); /* two wait: those who only asked us */
	cr_assert_not(find(11).found);
	cr_assert(find(32).found);
	cr_assert_eq(find(1).count[NEXTHOP_STALE], 8 + 2);
	end();
}

Test(nexthop_gc, of_the_stale_the_least_used_goes_first)
{
	struct nexthop_params p;

	nexthop_params_default(&p);
	p.max_entries = 4;
	begin(&p);
	for (unsigned int n = 1; n <= 4; n++)
		resolve(n);
	/* 1 last, whoever of the workers sent it; 4 never. */
	for (unsigned int n = 3; n >= 1; n--) {
		pass(SEC);
		send(n == 2 ? owner() : other(), n, 1);
	}
	pass(30 * SEC);
	for (unsigned int n = 1; n <= 3; n++)
		say(owner(), n, NEXTHOP_CLAIM_ANSWER);
	rest();
	cr_assert_eq(find(1).count[NEXTHOP_STALE], 4);
	for (unsigned int n = 4; n >= 1; n--) {
		send(owner(), 10 + n, 1);
		cr_assert_not(find(n).found, "neighbour %u", n);
		say(owner(), 10 + n, NEXTHOP_CLAIM_ANSWER);
	}
	cr_assert_eq(info().counters.evicted_stale, 4);
	end();
}

Test(nexthop_gc, who_asks_us_pushes_out_nobody_who_answered)
{
	struct nexthop_params p;
	uint64_t refused;

	nexthop_params_default(&p);
	p.max_entries = 64;
	begin(&p);
	for (unsigned int n = 0; n < 60; n++)
		resolve(n);
	rest();
	send(owner(), 100, 1);
	for (unsigned int n = 0; n < 100000; n++)
		say(owner(), 0x10000 + n, NEXTHOP_CLAIM_REQUEST);
	cr_assert_eq(find(100).total, 64);
	cr_assert_eq(find(100).entry.state, NEXTHOP_INCOMPLETE);
	cr_assert_eq(info().counters.evicted_stale, 0);
	/* Without one that may go they are not remembered. */
	for (unsigned int n = 200; n < 203; n++) {
		pass(SEC / 50); /* entries wait for a grace period */
		resolve(n);
	}
	refused = info().counters.refused_claims;
	say(owner(), 300, NEXTHOP_CLAIM_REQUEST);
	cr_assert_not(find(300).found);
	cr_assert_eq(info().counters.refused_claims, refused + 1);
	end();
}

Test(nexthop_gc, gratuitous_claims_make_no_entry_and_count_moves)
{
	begin(NULL);
	for (unsigned int n = 0; n < 1000; n++) {
		say(other(), n, NEXTHOP_CLAIM_HINT);
		say(other(), n, NEXTHOP_CLAIM_ANSWER);
	}
	ethdev_settle(st);
	cr_assert_eq(find(0).total, 0);
	resolve(7);
	say(owner(), 7, NEXTHOP_CLAIM_HINT);
	cr_assert_eq(info().counters.moved, 0);
	card = 1;
	say(owner(), 7, NEXTHOP_CLAIM_HINT);
	cr_assert_eq(info().counters.moved, 1);
	cr_assert_eq(state(7), NEXTHOP_STALE);
	cr_assert_eq(info().counters.confirmed, 1);
	end();
}

Test(nexthop_gc, packets_that_wait_are_bounded_in_all)
{
	struct nexthop_params p;

	nexthop_params_default(&p);
	p.max_held = 8;
	begin(&p);
	for (unsigned int n = 0; n < 3; n++)
		send(owner(), n, 3); /* the last of the nine: for its oldest */
	cr_assert_eq(info().held, 8);
	cr_assert_eq(find(2).entry.held, 2);
	cr_assert_eq(ethdev_drops(st, id, DROP_NEIGH_HELD), 1);
	/* Its packet has no room, and it is asked for all the same. */
	send(owner(), 7, 1);
	cr_assert_eq(ethdev_drops(st, id, DROP_NEIGH_HELD), 2);
	cr_assert_eq(find(7).entry.held, 0);
	cr_assert_eq(asked.solicits, 4);
	/* Three wait: the oldest, as ever. */
	send(owner(), 0, 1);
	cr_assert_eq(ethdev_drops(st, id, DROP_NEIGH_QUEUE_FULL), 1);
	cr_assert_eq(info().held, 8);
	say(owner(), 2, NEXTHOP_CLAIM_ANSWER);
	cr_assert_eq(dev->ntx, 2);
	cr_assert_eq(dev->tx[0].data[14], 1);
	cr_assert_eq(dev->tx[1].data[14], 2);
	cr_assert_eq(info().held, 6);
	pass(4 * SEC);
	cr_assert_eq(info().held, 0);
	cr_assert_eq(info().counters.refused_held, 2);
	end();
}

/* Whatever the tables are allowed: of 1024 packets, and two workers. */
Test(nexthop_gc, packets_that_wait_leave_half_a_pool)
{
	struct nexthop_params p;

	nexthop_params_default(&p);
	p.max_held = 4096;
	begin(&p);
	for (unsigned int n = 0; n < 300; n++) {
		sender = n;
		send(owner(), n, 3);
	}
	cr_assert_eq(info().held, 1024 / 2 / 2);
	cr_assert_eq(stack_pkts_in_use(st), 1024 / 2 / 2);
	pass(4 * SEC);
	cr_assert_eq(info().held, 0);
	cr_assert_eq(stack_pkts_in_use(st), 0);
	end();
}

Test(nexthop_gc, bounds_can_be_changed)
{
	struct nexthop_params p;

	begin(NULL);
	for (unsigned int n = 0; n < 10; n++)
		say(owner(), n, NEXTHOP_CLAIM_REQUEST);
	p = info().params;
	p.max_entries = 4;
	cr_assert_eq(nexthop_table_set(st, id, NETIF_AF_INET, &p), 0);
	cr_assert_eq(info().entries, 10);
	say(owner(), 100, NEXTHOP_CLAIM_REQUEST);
	cr_assert_eq(info().entries, 4);
	cr_assert(find(100).found);
	cr_assert_eq(info().room, 4096);
	p.max_entries = 4097;
	cr_assert_eq(nexthop_table_set(st, id, NETIF_AF_INET, &p), -ENOSPC);
	p.max_entries = 0;
	cr_assert_eq(nexthop_table_set(st, id, NETIF_AF_INET, &p), -EINVAL);
	p.max_entries = 4096;
	cr_assert_eq(nexthop_table_set(st, id, NETIF_AF_INET, &p), 0);
	cr_assert_eq(
	    nexthop_table_set(st, id, NETIF_AF_INET6, &p), -EAFNOSUPPORT);
	cr_assert_eq(nexthop_table_set(st, 0xfff0, NETIF_AF_INET, &p), -ENODEV);
	end();
}
