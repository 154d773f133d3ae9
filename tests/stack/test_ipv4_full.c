/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Addresses and interfaces that go while all buckets are taken: they take along
 * what needs them, and nothing else.
 */

#include <criterion/criterion.h>
#include <errno.h>

#include "tests/stack/ipv4_router.h"

#define GROUPS_MAX 10000U /* far more than there are buckets for */

static void
setup(void)
{
	const struct stack_config cfg = {.name = "full",
	    .protos = protos,
	    .nworkers = 1,
	    .pkts_per_worker = 64,
	    .stepped = true};
	static const char *const addr[] = {"10.0.0.1", "10.1.0.1", "10.2.0.1"};

	cr_assert_eq(stack_create(&cfg, &st), 0);
	for (unsigned int i = 0; i < 3; i++) {
		attach(i);
		cr_assert_eq(ipv4_addr_add(st, eth[i], ip(addr[i]), 24), 0);
	}
}

static void
teardown(void)
{
	stack_destroy(st);
}

TestSuite(ipv4_full, .init = setup, .fini = teardown, .timeout = 120);

/* 20.0.0.0/8 by a gateway on each interface. */
static int
add_three(void)
{
	static const char *const gateway[] = {
	    "10.0.0.2", "10.1.0.2", "10.2.0.2"};
	struct route_nexthop nh[3];
	struct route_config cfg;

	for (unsigned int i = 0; i < 3; i++)
		cfg = to("20.0.0.0", 8, gateway[i], &nh[i]);
	cfg.nnexthops = 3;
	cfg.nexthops = nh;
	return ipv4_route_add(st, &cfg, ROUTE_ADD);
}

/* Groups of these two from number id on, as far as there are buckets. */
static uint32_t
fill_with(uint32_t id, const struct nexthop_object_member *m)
{
	struct nexthop_object_config cfg = {
	    .id = id, .member = m, .nmembers = 2};
	const char *why;
	int error;

	while ((error = nexthop_add(st, &cfg, NEXTHOP_OBJECT_ADD, &why)) == 0)
		cr_assert_lt(++cfg.id, GROUPS_MAX);
	cr_assert_eq(error, -ENOSPC);
	return cfg.id;
}

/* By shares that take many buckets, then by those that take fewest. */
static void
fill_up(void)
{
	static const struct nexthop_object_member many[] = {{1, 1}, {2, 65535}};
	static const struct nexthop_object_member few[] = {{1, 1}, {2, 1}};

	cr_assert_eq(object(1, "10.2.0.8", eth[2]), 0);
	cr_assert_eq(object(2, "10.2.0.9", eth[2]), 0);
	(void)fill_with(fill_with(3, many), few);
}

/* How many next hops 20.0.0.0/8 has, and how many of these are in use. */
static void
check(unsigned int hops, unsigned int members)
{
	const uint32_t key = ip("20.0.0.0");
	struct nexthop_group_member_info m[3];
	struct nexthop_group_info info;
	struct route_table *t;
	const struct route *r;
	uint64_t s;

	stack_control_enter(st);
	cr_assert_eq(route_tables_get(ipv4_tables(st), 0, &t), 0);
	s = pserialize_read_enter();
	r = route_table_exact(t, (const uint8_t *)&key, 8);
	cr_assert_not_null(r);
	cr_assert_eq(r->nnexthops, hops);
	cr_assert_eq(
	    nexthop_group_show(nexthop_groups_of(st), r->hops, &info, m, 3), 0);
	cr_assert_eq(info.members, members);
	pserialize_read_exit(s);
	stack_control_exit(st);
}

Test(ipv4_full, what_goes_leaves_the_other_next_hops)
{
	cr_assert_eq(add_three(), 0);
	fill_up();
	check(3, 3);
	cr_assert_eq(ipv4_addr_remove(st, eth[0], ip("10.0.0.1"), 24), 0);
	check(2, 1);
	cr_assert_eq(netif_detach(st, eth[1]), 0);
	check(1, 1);
}

Test(ipv4_full, what_is_asked_for_is_refused)
{
	fill_up();
	cr_assert_eq(add_three(), -ENOSPC);
}
