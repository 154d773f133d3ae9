/* SPDX-License-Identifier: BSD-2-Clause */

/* Several routes to a prefix: which is the best, and who takes over. */

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/event.h"
#include "stack/core/stack.h"
#include "stack/route/table.h"

#define BGP  186
#define OSPF 188

static struct stack *st;
static struct route_table *t;
static const uint8_t net10[16] = {10};

static void
setup(void)
{
	static const struct proto *const none[] = {NULL};
	const struct stack_config cfg = {
	    .name = "route", .protos = none, .stepped = true};

	cr_assert_eq(stack_create(&cfg, &st), 0);
	cr_assert_eq(route_table_create(st, NETIF_AF_INET, &t), 0);
	stack_control_enter(st);
}

static void
teardown(void)
{
	stack_control_exit(st);
	route_table_destroy(t);
	stack_destroy(st);
}

TestSuite(route_candidates, .init = setup, .fini = teardown);

/* A route to 10.0.0.0/8. */
static struct route_config
via(uint8_t protocol, uint32_t metric)
{
	return (struct route_config){
	    .prefix = {10},
	    .plen = 8,
	    .type = ROUTE_BLACKHOLE,
	    .protocol = protocol,
	    .metric = metric,
	};
}

static int
add(uint8_t protocol, uint32_t metric)
{
	const struct route_config cfg = via(protocol, metric);

	return route_table_add(t, &cfg, ROUTE_ADD);
}

static int
del(uint8_t protocol, uint32_t metric)
{
	const struct route_config cfg = via(protocol, metric);
	const struct route_key key = route_config_key(&cfg);

	return route_table_remove(t, net10, 8, &key);
}

/* The candidate of that rank has this protocol and metric; 0: there is none. */
static void
ranks(unsigned int rank, uint8_t protocol, uint32_t metric)
{
	const uint64_t s = pserialize_read_enter();
	const struct route *r = route_table_candidate(t, net10, 8, rank);

	if (protocol == 0)
		cr_assert_null(r);
	else
		cr_assert(r != NULL && r->protocol == protocol &&
			  r->metric == metric);
	if (rank == 0)
		cr_assert_eq(route_table_lookup(t, net10), r);
	pserialize_read_exit(s);
}

Test(route_candidates, distance_decides_before_metric)
{
	cr_assert_eq(add(OSPF, 1), 0);
	cr_assert_eq(add(BGP, 500), 0);
	cr_assert_eq(add(OSPF, 0), 0);
	cr_assert_eq(add(ROUTE_PROTO_STATIC, 9), 0);
	cr_assert_eq(add(ROUTE_PROTO_KERNEL, 0), 0);
	ranks(0, ROUTE_PROTO_KERNEL, 0);
	ranks(1, ROUTE_PROTO_STATIC, 9);
	ranks(2, BGP, 500);
	ranks(3, OSPF, 0);
	ranks(4, OSPF, 1);
	ranks(5, 0, 0);
	cr_assert_eq(route_table_count(t), 1);
}

Test(route_candidates, the_protocol_number_breaks_a_tie)
{
	cr_assert_eq(add(ROUTE_PROTO_STATIC, 0), 0);
	cr_assert_eq(add(ROUTE_PROTO_BOOT, 0), 0);
	ranks(0, ROUTE_PROTO_BOOT, 0);
	ranks(1, ROUTE_PROTO_STATIC, 0);
}

Test(route_candidates, a_distance_may_be_said)
{
	struct route_config cfg = via(OSPF, 7);

	cr_assert_eq(add(BGP, 0), 0);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	ranks(0, BGP, 0);
	cfg.has_distance = true;
	cfg.distance = 19;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	ranks(0, OSPF, 7);
	ranks(2, OSPF, 7);
}

Test(route_candidates, the_next_best_takes_over)
{
	cr_assert_eq(add(BGP, 0), 0);
	cr_assert_eq(add(OSPF, 0), 0);
	cr_assert_eq(add(ROUTE_PROTO_STATIC, 0), 0);
	cr_assert_eq(del(ROUTE_PROTO_STATIC, 0), 0);
	ranks(0, BGP, 0);
	cr_assert_eq(del(ROUTE_PROTO_STATIC, 0), -ENOENT);
	/* One that waits goes unnoticed. */
	cr_assert_eq(del(OSPF, 0), 0);
	ranks(0, BGP, 0);
	cr_assert_eq(del(BGP, 0), 0);
	ranks(0, 0, 0);
	cr_assert_eq(route_table_count(t), 0);
}

Test(route_candidates, add_replace_and_change_go_by_the_key)
{
	struct route_config cfg = via(BGP, 5);

	cr_assert_eq(route_table_add(t, &cfg, ROUTE_CHANGE), -ENOENT);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_REPLACE), 0);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), -EEXIST);
	cfg.type = ROUTE_UNREACHABLE;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), -EEXIST);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_CHANGE), 0);
	ranks(1, 0, 0);
	cfg.metric = 6;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_CHANGE), -ENOENT);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_REPLACE), 0);
	ranks(0, BGP, 5);
	ranks(1, BGP, 6);
}

Test(route_candidates, their_number_is_bounded)
{
	for (uint32_t i = 0; i < ROUTE_CANDIDATES_MAX; i++)
		cr_assert_eq(add(BGP, i), 0);
	cr_assert_eq(add(BGP, 1000), -ENOSPC);
	cr_assert_eq(add(BGP, 3), -EEXIST);
	cr_assert_eq(del(BGP, 0), 0);
	cr_assert_eq(add(BGP, 1000), 0);
	ranks(0, BGP, 1);
	ranks(ROUTE_CANDIDATES_MAX - 1, BGP, 1000);
}

Test(route_candidates, an_aborted_transaction_leaves_them)
{
	struct route_config cfg = via(ROUTE_PROTO_STATIC, 0);
	const struct route_key key = route_config_key(&cfg);
	struct route_txn *x;

	cr_assert_eq(add(BGP, 0), 0);
	cr_assert_eq(route_txn_begin(t, &x), 0);
	cr_assert_eq(route_txn_add(x, &cfg, ROUTE_ADD), 0);
	cr_assert_not_null(route_txn_find(x, net10, 8, &key));
	cr_assert_eq(route_txn_remove(x, net10, 8, NULL), 0);
	cr_assert_null(route_txn_exact(x, net10, 8));
	cr_assert_eq(route_txn_add(x, &cfg, ROUTE_ADD), 0);
	route_txn_abort(x);
	ranks(0, BGP, 0);
	ranks(1, 0, 0);
}

Test(route_candidates, prefixes_share_equal_routes)
{
	struct route_config cfg = via(BGP, 0);
	const uint8_t other[16] = {11};
	const struct route *a, *b;
	uint64_t s;

	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	cfg.prefix[0] = 11;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	s = pserialize_read_enter();
	a = route_table_exact(t, net10, 8);
	b = route_table_exact(t, other, 8);
	cr_assert(a == b && a->group != 0);
	pserialize_read_exit(s);
	cfg.type = ROUTE_PROHIBIT;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_REPLACE), 0);
	s = pserialize_read_enter();
	a = route_table_exact(t, net10, 8);
	b = route_table_exact(t, other, 8);
	cr_assert(a != b && a->group != b->group && b->group != 0);
	pserialize_read_exit(s);
}

/* Everything that may be reused is, and nothing that is in use. */
Test(route_candidates, random_edits_keep_the_order)
{
	bool there[8][4] = {{false}};
	uint32_t x = 1;

	for (int i = 0; i < 20000; i++) {
		unsigned int p, m, n = 0;

		x = x * 1664525 + 1013904223;
		p = x >> 20 & 7;
		m = x >> 24 & 3;
		if ((x >> 28 & 1) != 0)
			cr_assert_eq(add((uint8_t)(200 + p), m),
			    there[p][m] ? -EEXIST : 0);
		else
			cr_assert_eq(del((uint8_t)(200 + p), m),
			    there[p][m] ? 0 : -ENOENT);
		there[p][m] = (x >> 28 & 1) != 0;
		for (m = 0; m < 4; m++)
			for (p = 0; p < 8; p++)
				if (there[p][m])
					ranks(n++, (uint8_t)(200 + p), m);
		ranks(n, 0, 0);
	}
}

/* --- What subscribers are told ------------------------------------------ */

static void
told(struct event_queue *q, enum event_action action, uint8_t protocol,
    uint32_t metric, bool selected)
{
	struct event ev;

	cr_assert(event_pop(q, &ev));
	cr_assert_eq(ev.kind, EVENT_ROUTE);
	cr_assert_eq(ev.action, action);
	cr_assert_eq(ev.protocol, protocol);
	cr_assert_eq(ev.metric, metric);
	cr_assert_eq(ev.selected, selected);
	cr_assert_eq(ev.distance, route_distance(protocol));
	cr_assert(ev.plen == 8 && memcmp(ev.addr, net10, 16) == 0);
}

Test(route_candidates, subscribers_learn_who_is_in_use)
{
	struct event_queue *q;
	struct event ev;

	cr_assert_eq(event_subscribe(st, 16, &q), 0);
	cr_assert_eq(add(OSPF, 3), 0);
	told(q, EVENT_ADD, OSPF, 3, true);
	cr_assert_eq(add(BGP, 2), 0);
	told(q, EVENT_ADD, BGP, 2, true);
	cr_assert_eq(add(OSPF, 9), 0);
	told(q, EVENT_ADD, OSPF, 9, false);
	cr_assert_eq(del(BGP, 2), 0);
	told(q, EVENT_DELETE, BGP, 2, false);
	told(q, EVENT_CHANGE, OSPF, 3, true);
	/* All of them at once. */
	cr_assert_eq(route_table_remove(t, net10, 8, NULL), 0);
	told(q, EVENT_DELETE, OSPF, 3, false);
	told(q, EVENT_DELETE, OSPF, 9, false);
	cr_assert_not(event_pop(q, &ev));
	event_unsubscribe(q);
}

Test(route_candidates, events_have_every_next_hop)
{
	struct route_nexthop nh[ROUTE_NEXTHOPS_MAX];
	struct route_config cfg = via(BGP, 0);
	struct event_queue *q;
	struct event ev;

	for (int i = 0; i < ROUTE_NEXTHOPS_MAX; i++)
		nh[i] = (struct route_nexthop){.netif = 1 + (netif_id)i,
		    .gateway = {10, 0, 0, (uint8_t)i},
		    .has_gateway = true,
		    .weight = (uint8_t)(1 + i)};
	cfg.type = ROUTE_UNICAST;
	cfg.nexthops = nh;
	cfg.nnexthops = ROUTE_NEXTHOPS_MAX;
	cr_assert_eq(event_subscribe(st, 4, &q), 0);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	/* What changes nothing is no event. */
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_REPLACE), 0);
	cr_assert(event_pop(q, &ev));
	cr_assert_eq(ev.nhops, ROUTE_NEXTHOPS_MAX);
	for (int i = 0; i < ROUTE_NEXTHOPS_MAX; i++)
		cr_assert(ev.hop[i].netif == 1 + (netif_id)i &&
			  ev.hop[i].gateway[3] == i && ev.hop[i].has_gateway &&
			  ev.hop[i].weight == 1 + i);
	cr_assert_not(event_pop(q, &ev));
	event_unsubscribe(q);
}
