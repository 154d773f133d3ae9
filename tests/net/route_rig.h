/* SPDX-License-Identifier: BSD-2-Clause */

/* The router of ipv4_rig.h with a third probe, and where its packets go. */

#ifndef TESTS_NET_ROUTE_RIG_H
#define TESTS_NET_ROUTE_RIG_H

#include "tests/net/ipv4_rig.h"

#define C_ADDR "10.0.3.2"

static struct rig g;
static int c; /* a third probe, on eth2 */

static inline void
setup(void)
{
	rig_init(&g);
	c = net_probe(g.n, g.r, "10.0.3.1/24", NULL);
	net_probe_arp(g.n, c, C_ADDR);
	(void)rig_ipv4(&g, g.a, A_ADDR, C_ADDR, 253, 0);
	net_frame_end(&g.f);
	rig_send(&g, g.a);
	net_run(g.n, SEC(5));
	net_probe_clear(g.n, c);
}

static inline void
teardown(void)
{
	rig_fini(&g);
}

/* A datagram from a to dst arrives at probe, and not at the others. */
static inline void
goes_to(const char *dst, int probe)
{
	const struct net_match m = {.ethertype = ETHER_TYPE_IPV4};
	const int all[] = {g.a, g.b, c};

	(void)rig_udp(&g, A_ADDR, dst, 0, 8);
	rig_send(&g, g.a);
	cr_assert(rig_expect(&g, probe, dst), "%s did not arrive", dst);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(net_probe_count(g.n, all[i], &m, 0), 0);
}

#endif /* TESTS_NET_ROUTE_RIG_H */
