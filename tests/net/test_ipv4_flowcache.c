/* SPDX-License-Identifier: BSD-2-Clause */

/* A router with the flow cache on: what it keeps, and what it must not. */

#include <criterion/criterion.h>

#include "tests/net/harness.h"

static struct net *n;
static int a, b, r, s;

/* a - r - b, and a second way r - s - b. */
static void
setup(void)
{
	n = net_create();
	a = net_host(n, "a");
	b = net_host(n, "b");
	r = net_router(n, "r");
	s = net_router(n, "s");
	net_wire(n, a, "10.0.1.2/24", r, "10.0.1.1/24", NULL); /* r: eth0 */
	net_wire(n, b, "10.0.2.2/24", r, "10.0.2.1/24", NULL); /* r: eth1 */
	net_wire(n, r, "10.0.3.1/24", s, "10.0.3.2/24", NULL); /* r: eth2 */
	net_wire(n, s, "10.0.4.1/24", b, "10.0.4.2/24", NULL);
	cr_assert_eq(net_addr_add(n, b, "eth0", "10.0.9.2/32"), 0);
	cr_assert_eq(net_route(n, a, "default via 10.0.1.1"), 0);
	cr_assert_eq(net_route(n, b, "default via 10.0.2.1"), 0);
	cr_assert_eq(net_route(n, s, "default via 10.0.4.2"), 0);
	net_option(n, r, IPV4_OPT_FLOW_CACHE, ROUTE_FLOWCACHE_ON);
}

static void
teardown(void)
{
	net_destroy(n);
}

TestSuite(ipv4_flowcache, .init = setup, .fini = teardown);

static uint64_t
counted(enum route_flowcache_counter c)
{
	return ipv4_flowcache_counter_read(net_stack(n, r), 0, c);
}

static bool
ping(void)
{
	return net_ping(n, a, "10.0.9.2", 56, NET_DF);
}

Test(ipv4_flowcache, packets_of_a_flow_are_hits)
{
	uint64_t hits;

	cr_assert_eq(net_route(n, r, "10.0.9.0/24 via 10.0.2.2"), 0);
	for (int i = 0; i < 3; i++)
		cr_assert(ping());
	hits = counted(ROUTE_FLOWCACHE_HITS);
	for (int i = 0; i < 10; i++)
		cr_assert(ping());
	cr_assert_geq(counted(ROUTE_FLOWCACHE_HITS), hits + 20); /* both ways */
	net_check_clean(n);
}

Test(ipv4_flowcache, off_counts_nothing)
{
	net_option(n, r, IPV4_OPT_FLOW_CACHE, ROUTE_FLOWCACHE_OFF);
	cr_assert_eq(net_route(n, r, "10.0.9.0/24 via 10.0.2.2"), 0);
	for (int i = 0; i < 5; i++)
		cr_assert(ping());
	cr_assert_eq(counted(ROUTE_FLOWCACHE_HITS), 0);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_MISSES), 0);
}

Test(ipv4_flowcache, a_link_that_goes_down_costs_no_entry)
{
	uint64_t hits, misses, flushes;

	cr_assert_eq(net_route(n, r,
			 "10.0.9.0/24 nexthop via 10.0.2.2 nexthop via "
			 "10.0.3.2"),
	    0);
	cr_assert_eq(net_route_replace(n, b, "default via 10.0.4.1"), 0);
	cr_assert_eq(net_route(n, s, "10.0.1.0/24 via 10.0.3.1"), 0);
	for (int i = 0; i < 3; i++)
		cr_assert(ping());
	hits = counted(ROUTE_FLOWCACHE_HITS);
	misses = counted(ROUTE_FLOWCACHE_MISSES);
	flushes = counted(ROUTE_FLOWCACHE_FLUSHES);
	net_down(n, r, "eth1");
	for (int i = 0; i < 3; i++)
		cr_assert(ping());
	cr_assert_geq(counted(ROUTE_FLOWCACHE_HITS), hits + 6);
	cr_assert_leq(counted(ROUTE_FLOWCACHE_MISSES), misses + 2);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_FLUSHES), flushes);
}

Test(ipv4_flowcache, a_smaller_mtu_is_met_at_once)
{
	const struct net_echo e = {
	    .dst = "10.0.9.2", .size = 1400, .flags = NET_DF};
	struct net_reply reply;

	cr_assert_eq(net_route(n, r, "10.0.9.0/24 via 10.0.2.2"), 0);
	for (int i = 0; i < 4; i++)
		cr_assert(net_echo(n, a, &e, &reply));
	cr_assert_eq(reply.type, ICMP_ECHO_REPLY);
	net_mtu(n, r, "eth1", 1000);
	net_allow_drops(n, r, "ipv4-too-big", 1);
	cr_assert(net_echo(n, a, &e, &reply));
	cr_assert_eq(reply.type, ICMP_UNREACHABLE);
	cr_assert_eq(reply.code, ICMP_UNREACH_NEEDFRAG);
}

Test(ipv4_flowcache, a_route_that_goes_is_gone_at_once)
{
	struct net_reply reply;
	const struct net_echo e = {.dst = "10.0.9.2", .size = 56};

	cr_assert_eq(net_route(n, r, "10.0.9.0/24 via 10.0.2.2"), 0);
	for (int i = 0; i < 4; i++)
		cr_assert(ping());
	cr_assert_eq(net_route_replace(n, r, "prohibit 10.0.9.0/24"), 0);
	net_allow_drops(n, r, "ipv4-reject", 1);
	cr_assert(net_echo(n, a, &e, &reply));
	cr_assert_eq(reply.code, ICMP_UNREACH_PROHIBITED);
	cr_assert_eq(net_route_del(n, r, "10.0.9.0/24"), 0);
	net_allow_drops(n, r, "ipv4-no-route", 1);
	cr_assert(net_echo(n, a, &e, &reply));
	cr_assert_eq(reply.code, ICMP_UNREACH_NET);
}

/* An address that comes is ours at once, though its flow was forwarded. */
Test(ipv4_flowcache, an_address_that_comes_is_ours_at_once)
{
	cr_assert_eq(net_route(n, r, "10.0.9.0/24 via 10.0.2.2"), 0);
	for (int i = 0; i < 4; i++)
		cr_assert(ping());
	cr_assert_eq(net_addr_del(n, b, "eth0", "10.0.9.2/32"), 0);
	cr_assert_eq(net_addr_add(n, r, "eth0", "10.0.9.2/32"), 0);
	cr_assert(ping());
}
