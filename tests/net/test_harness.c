/* SPDX-License-Identifier: BSD-2-Clause */

/* The harness itself: what the other cases rely on. */

#include <criterion/criterion.h>

#include "tests/net/harness.h"

Test(net_harness, hosts_ping_through_a_router)
{
	struct net *n = net_create();
	const int a = net_host(n, "a"), r = net_router(n, "r"),
		  b = net_host(n, "b");

	net_wire(n, a, "10.0.1.2/24", r, "10.0.1.1/24", NULL);
	net_wire(n, b, "10.0.2.2/24", r, "10.0.2.1/24", NULL);
	cr_assert_eq(net_route(n, a, "default via 10.0.1.1"), 0);
	cr_assert_eq(net_route(n, b, "default via 10.0.2.1"), 0);
	cr_assert(net_ping(n, a, "10.0.2.2", 56, 0));
	cr_assert(net_ping(n, a, "10.0.2.2", 4000, 0));
	cr_assert(net_ping(n, a, "10.0.2.2", NET_PING_MAX, 0));
	net_check_clean(n);
	net_destroy(n);
}
