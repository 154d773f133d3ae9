/* SPDX-License-Identifier: BSD-2-Clause */

/* What is left of a table's last commit, when no other one follows. */

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "stack/core/stack.h"
#include "stack/nexthop/nexthop.h"
#include "stack/proto/ipv4/ipv4.h"

static struct stack *st;
static struct nexthop_groups *g;

static void
setup(void)
{
	static const struct proto *const protos[] = {
	    &proto_nexthop, &proto_ipv4, NULL};
	const struct stack_config cfg = {
	    .name = "collect", .protos = protos, .stepped = true};

	cr_assert_eq(stack_create(&cfg, &st), 0);
	g = nexthop_groups_of(st);
}

static void
teardown(void)
{
	stack_destroy(st);
}

TestSuite(route_collect, .init = setup, .fini = teardown);

static struct nexthop_group_stats
stats(void)
{
	struct nexthop_group_stats s;

	stack_control_enter(st);
	nexthop_group_stats(g, &s);
	stack_control_exit(st);
	return s;
}

static struct route_table *
table(uint32_t number)
{
	struct route_table *t;

	cr_assert_eq(route_tables_get(ipv4_tables(st), number, &t), 0);
	return t;
}

/* 10.x.y.0/24 by n next hops on ports from x on. */
static void
edit(struct route_txn *x, unsigned int at, unsigned int n)
{
	struct route_nexthop nh[4];
	const struct route_config cfg = {
	    .prefix = {10, (uint8_t)(at >> 8), (uint8_t)at},
	    .plen = 24,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nnexthops = n,
	    .nexthops = nh};

	for (unsigned int i = 0; i < n; i++)
		nh[i] = (struct route_nexthop){
		    .netif = 1 + at + i, .weight = (uint8_t)(1 + i)};
	cr_assert_eq(route_txn_add(x, &cfg, ROUTE_ADD), 0);
}

/* Add so many routes to a table. */
static void
fill(uint32_t number, unsigned int routes, unsigned int hops)
{
	struct route_txn *x;

	stack_control_enter(st);
	cr_assert_eq(route_txn_begin(table(number), &x), 0);
	for (unsigned int i = 0; i < routes; i++)
		edit(x, i, hops);
	cr_assert_eq(route_txn_commit(x), 0);
	stack_control_exit(st);
}

/* Take them all away, in one commit. */
static void
empty(uint32_t number, unsigned int routes)
{
	struct route_txn *x;

	stack_control_enter(st);
	cr_assert_eq(route_txn_begin(table(number), &x), 0);
	for (unsigned int i = 0; i < routes; i++) {
		const uint8_t prefix[4] = {10, (uint8_t)(i >> 8), (uint8_t)i};

		cr_assert_eq(route_txn_remove(x, prefix, 24, NULL), 0);
	}
	cr_assert_eq(route_txn_commit(x), 0);
	cr_assert_eq(route_table_count(table(number)), 0u);
	stack_control_exit(st);
}

/* Do what is rung for, until nothing is left: a stack that is idle otherwise. */
static void
until_nothing_is_left(void)
{
	struct pollfd fd = {.fd = stack_housekeep_fd(st), .events = POLLIN};

	for (;;) {
		const struct nexthop_group_stats s = stats();

		if (s.groups == 0 && s.adjacencies == 0 && s.buckets == 0 &&
		    s.waiting == 0)
			return;
		pserialize_barrier();
		cr_assert_eq(poll(&fd, 1, 0), 1, "nobody rings");
		(void)stack_housekeep(st);
	}
}

static uint32_t
number_of(uint32_t number, unsigned int at)
{
	const uint8_t prefix[4] = {10, (uint8_t)(at >> 8), (uint8_t)at};
	const struct route_table *t;
	uint64_t s;
	uint32_t group;

	stack_control_enter(st);
	t = table(number);
	s = pserialize_read_enter();
	group = route_table_exact(t, prefix, 24)->group;
	pserialize_read_exit(s);
	stack_control_exit(st);
	return group;
}

Test(route_collect, the_last_route_takes_its_group_along)
{
	uint32_t number;

	fill(0, 1, 1);
	cr_assert_eq(stats().groups, 1u);
	cr_assert_eq(stats().adjacencies, 1u);
	number = number_of(0, 0);
	empty(0, 1);
	until_nothing_is_left();
	fill(0, 1, 2);
	cr_assert_eq(number_of(0, 0), number, "its number is used again");
}

Test(route_collect, many_routes_take_their_buckets_along)
{
	fill(0, 1000, 4);
	cr_assert_eq(stats().groups, 1000u);
	cr_assert_geq(stats().buckets, 4000u);
	empty(0, 1000);
	until_nothing_is_left();
}

Test(route_collect, several_tables_each_have_their_last_commit)
{
	for (uint32_t n = 1; n < 20; n++)
		fill(n, n, 2);
	for (uint32_t n = 1; n < 20; n++)
		empty(n, n);
	until_nothing_is_left();
}

Test(route_collect, what_is_removed_meanwhile_is_not_forgotten)
{
	for (unsigned int i = 0; i < 200; i++) {
		fill(1 + i % 3, 3, 1 + i % 4);
		if (i % 5 == 0)
			(void)stack_housekeep(st);
		empty(1 + i % 3, 3);
	}
	until_nothing_is_left();
}

Test(route_collect, nothing_rings_when_nothing_is_left)
{
	struct pollfd fd = {.fd = stack_housekeep_fd(st), .events = POLLIN};

	fill(0, 10, 2);
	empty(0, 10);
	until_nothing_is_left();
	pserialize_barrier();
	(void)stack_housekeep(st);
	pserialize_barrier();
	cr_assert_eq(poll(&fd, 1, 0), 0);
}

/* Somebody who is in a section while the groups wait for him. */
static SYNC_ATOMIC(bool) entered, leave;

static void *
reader(void *arg)
{
	const uint64_t s = pserialize_read_enter();

	/* relaxed: it carries nothing. */
	sync_store_relaxed(&entered, true);
	/* relaxed: as above. */
	while (!sync_load_relaxed(&leave))
		sched_yield();
	pserialize_read_exit(s);
	return arg;
}

Test(route_collect, groups_that_wait_for_a_reader_are_not_forgotten)
{
	pthread_t thread;

	fill(0, 1, 2);
	empty(0, 1);
	pserialize_barrier();
	cr_assert_eq(pthread_create(&thread, NULL, reader, NULL), 0);
	/* relaxed: as above. */
	while (!sync_load_relaxed(&entered))
		sched_yield();
	for (unsigned int i = 0; i < 3; i++)
		(void)stack_housekeep(st);
	cr_assert_eq(stats().groups, 0u);
	cr_assert_gt(stats().waiting, 0u, "he may have found one");
	/* relaxed: as above. */
	sync_store_relaxed(&leave, true);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	until_nothing_is_left();
}

static void *
passers_by(void *arg)
{
	/* relaxed: it carries nothing. */
	while (!sync_load_relaxed(&leave)) {
		const uint64_t s = pserialize_read_enter();

		sched_yield();
		pserialize_read_exit(s);
	}
	return arg;
}

/* With readers about, each removal asks for the next callback. */
Test(route_collect, objects_come_and_go_while_callbacks_run)
{
	const struct nexthop_object_config cfg = {
	    .id = 1, .hop = {.kind = NEXTHOP_BLACKHOLE}};
	const char *why;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, passers_by, NULL), 0);
	for (unsigned int i = 0; i < 2000; i++) {
		cr_assert_eq(
		    nexthop_add(st, &cfg, NEXTHOP_OBJECT_ADD, &why), 0);
		cr_assert_eq(nexthop_del(st, 1, &why), 0);
		(void)stack_housekeep(st);
	}
	/* relaxed: as above. */
	sync_store_relaxed(&leave, true);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	until_nothing_is_left();
}
