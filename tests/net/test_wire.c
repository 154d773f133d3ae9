/* SPDX-License-Identifier: BSD-2-Clause */

/* What wires do to traffic, and interfaces to their wires. */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/loop/loop.h"
#include "tests/net/harness.h"

#define FLOW_PORT 5000
#define HEADERS   (14 + 20 + 8) /* Ethernet, IPv4, ICMP or UDP */

/* Two hosts on one wire, their neighbours known. */
struct pair {
	struct net *n;
	int a, b, wire;
};

static struct pair
make_pair(const struct wire_config *cfg)
{
	struct pair p = {.n = net_create()};

	p.a = net_host(p.n, "a");
	p.b = net_host(p.n, "b");
	p.wire = net_wire(p.n, p.a, "10.0.1.1/24", p.b, "10.0.1.2/24", cfg);
	net_udp_sink(p.n, p.b);
	for (int i = 0; i < 20 && !net_ping(p.n, p.a, "10.0.1.2", 0, 0); i++)
		continue;
	net_run(p.n, SEC(2)); /* ARP has nothing left to ask */
	return p;
}

static void
destroy_pair(struct pair *p)
{
	net_check_clean(p->n);
	net_destroy(p->n);
}

static uint64_t
rtt(struct pair *p, size_t size)
{
	const struct net_echo e = {.dst = "10.0.1.2", .size = size};
	struct net_reply r;

	cr_assert(net_echo(p->n, p->a, &e, &r));
	cr_assert_eq(r.type, ICMP_ECHO_REPLY);
	return r.rtt;
}

Test(net_wire, delay_counts_once_per_direction)
{
	const struct wire_config cfg = {.delay_ns = MS(7)};
	struct pair p = make_pair(&cfg);

	cr_assert_eq(rtt(&p, 100), MS(14));
	destroy_pair(&p);
}

Test(net_wire, perfect_wire_takes_no_time)
{
	struct pair p = make_pair(NULL);

	/* A frame is seen in the same instant, or in the next nanoseconds. */
	cr_assert_lt(rtt(&p, 100), US(1));
	destroy_pair(&p);
}

Test(net_wire, rate_is_that_of_the_bits)
{
	const struct wire_config cfg = {.rate_bps = 1000000};
	struct pair p = make_pair(&cfg);

	cr_assert_eq(rtt(&p, 1000), 2 * (1000 + HEADERS) * 8 * UINT64_C(1000));
	destroy_pair(&p);
}

/* How many of n datagrams arrive. */
static uint64_t
flow(struct pair *p, unsigned int n)
{
	const uint64_t before = net_udp_received(p->n, p->b, FLOW_PORT);

	for (unsigned int i = 0; i < n; i++) {
		net_udp_send(p->n, p->a, 1000, "10.0.1.2", FLOW_PORT, 100);
		net_run(p->n, US(100));
	}
	net_run(p->n, MS(100));
	return net_udp_received(p->n, p->b, FLOW_PORT) - before;
}

static uint64_t
flow_with_loss(uint64_t seed)
{
	const struct wire_config cfg = {.loss_ppm = 200000, .seed = seed};
	struct pair p = make_pair(&cfg);
	const uint64_t lost = net_drops(p.n, p.a, "wire-loss");
	const uint64_t arrived = flow(&p, 500);

	cr_assert_eq(arrived + net_drops(p.n, p.a, "wire-loss") - lost, 500);
	net_allow_drops(p.n, p.a, "wire-loss", UINT64_MAX);
	net_allow_drops(p.n, p.b, "wire-loss", UINT64_MAX);
	net_allow_drops(p.n, p.a, "neigh-unresolved", UINT64_MAX);
	net_allow_drops(p.n, p.b, "neigh-unresolved", UINT64_MAX);
	destroy_pair(&p);
	return arrived;
}

Test(net_wire, losses_are_counted_and_repeatable)
{
	const uint64_t first = flow_with_loss(11);

	/* 500 draws of 20 %: five standard deviations are 45. */
	cr_assert_gt(first, 355);
	cr_assert_lt(first, 445);
	cr_assert_eq(flow_with_loss(11), first);
}

Test(net_wire, overtaking_loses_nothing)
{
	const struct wire_config cfg = {.reorder_ppm = 100000, .seed = 4};
	struct pair p = make_pair(&cfg);

	cr_assert_eq(flow(&p, 1000), 1000);
	destroy_pair(&p);
}

Test(net_wire, what_exceeds_the_queue_is_dropped_by_name)
{
	const struct wire_config cfg = {.rate_bps = 1000000, .queue_len = 10};
	struct pair p = make_pair(&cfg);

	for (int i = 0; i < 25; i++)
		net_udp_send(p.n, p.a, 1000, "10.0.1.2", FLOW_PORT, 100);
	net_run(p.n, SEC(1));
	cr_assert_eq(net_udp_received(p.n, p.b, FLOW_PORT), 10);
	cr_assert_eq(net_drops_if(p.n, p.a, "eth0", "tx-full"), 15);
	net_allow_drops(p.n, p.a, "tx-full", 15);
	destroy_pair(&p);
}

static bool
is_running(struct net *n, int node, const char *ifname)
{
	const uint64_t cookie = pserialize_read_enter();
	const struct netif *nif = netif_lookup_name(net_stack(n, node), ifname);
	bool running;

	cr_assert_not_null(nif);
	/* relaxed: it is only looked at. */
	running = (sync_load_relaxed(&nif->flags) & NETIF_RUNNING) != 0;
	pserialize_read_exit(cookie);
	return running;
}

Test(net_wire, carrier_goes_and_returns_at_both_ends)
{
	struct pair p = make_pair(NULL);

	cr_assert(is_running(p.n, p.a, "eth0"));
	wire_set_carrier(net_wire_of(p.n, p.wire), false);
	cr_assert(!is_running(p.n, p.a, "eth0"));
	cr_assert(!is_running(p.n, p.b, "eth0"));
	cr_assert(!net_ping(p.n, p.a, "10.0.1.2", 8, 0));
	wire_set_carrier(net_wire_of(p.n, p.wire), true);
	cr_assert(is_running(p.n, p.a, "eth0"));
	cr_assert(is_running(p.n, p.b, "eth0"));
	cr_assert(net_ping(p.n, p.a, "10.0.1.2", 8, 0));
	net_allow_drops(p.n, p.a, "netif-down", UINT64_MAX);
	net_allow_drops(p.n, p.a, "ipv4-nexthop-down", UINT64_MAX);
	net_allow_drops(p.n, p.a, "ipv4-no-route", UINT64_MAX);
	destroy_pair(&p);
}

Test(net_wire, frames_under_way_meet_a_cut_by_name)
{
	const struct wire_config cfg = {.delay_ns = MS(50)};
	struct pair p = make_pair(&cfg);

	net_udp_send(p.n, p.a, 1000, "10.0.1.2", FLOW_PORT, 100);
	net_run(p.n, MS(10));
	wire_set_carrier(net_wire_of(p.n, p.wire), false);
	net_run(p.n, MS(39));
	cr_assert_eq(net_drops_if(p.n, p.b, "eth0", "netif-down"), 0);
	net_run(p.n, MS(2));
	cr_assert_eq(net_drops_if(p.n, p.b, "eth0", "netif-down"), 1);
	cr_assert_eq(net_udp_received(p.n, p.b, FLOW_PORT), 0);
	net_allow_drops(p.n, p.b, "netif-down", 1);
	destroy_pair(&p);
}

Test(net_wire, detaching_one_end_takes_the_carrier_of_the_other)
{
	struct pair p = make_pair(NULL);

	cr_assert_eq(
	    netif_detach(net_stack(p.n, p.b), net_wire_netif(p.n, p.wire, 1)),
	    0);
	cr_assert(!is_running(p.n, p.a, "eth0"));
	destroy_pair(&p);
}

Test(net_wire, frames_to_an_end_that_leaves_are_lost_not_kept)
{
	const struct wire_config cfg = {.delay_ns = MS(50)};
	struct pair p = make_pair(&cfg);
	struct wire *w = net_wire_of(p.n, p.wire);
	struct stack *b = net_stack(p.n, p.b);
	netif_id id;

	net_udp_send(p.n, p.a, 1000, "10.0.1.2", FLOW_PORT, 1000);
	net_run(p.n, MS(10));
	cr_assert_eq(netif_detach(b, net_wire_netif(p.n, p.wire, 1)), 0);
	cr_assert_eq(wire_attach(w, 1, b, "eth0", &id), 0);
	cr_assert_neq(id, net_wire_netif(p.n, p.wire, 1));
	net_up(p.n, p.b, "eth0");
	net_run(p.n, SEC(1));
	/* Nothing as long as that; a announces itself meanwhile. */
	cr_assert_lt(net_counter(p.n, p.b, "eth0", NETIF_RX_BYTES), 1000);
	destroy_pair(&p);
}

Test(net_wire, a_new_interface_in_an_old_slot_works)
{
	struct pair p = make_pair(NULL);
	struct wire *w = net_wire_of(p.n, p.wire);
	struct stack *b = net_stack(p.n, p.b);
	netif_id id = net_wire_netif(p.n, p.wire, 1), before;

	for (int i = 0; i < 50; i++) {
		before = id;
		cr_assert_eq(netif_detach(b, id), 0);
		cr_assert_eq(netif_detach(b, id), -ENODEV);
		cr_assert_eq(wire_attach(w, 1, b, "eth0", &id), 0);
		cr_assert_neq(id, before);
		net_up(p.n, p.b, "eth0");
		cr_assert_eq(net_addr_add(p.n, p.b, "eth0", "10.0.1.2/24"), 0);
		cr_assert(net_ping(p.n, p.a, "10.0.1.2", 64, 0));
	}
	destroy_pair(&p);
}

Test(net_wire, a_vanished_device_is_detached)
{
	struct pair p = make_pair(NULL);
	struct stack *a = net_stack(p.n, p.a);
	const netif_id id = net_wire_netif(p.n, p.wire, 0);
	uint64_t cookie = pserialize_read_enter();
	struct netif *nif = netif_lookup(a, id);

	cr_assert_not_null(nif);
	netif_device_gone(nif);
	pserialize_read_exit(cookie);
	net_run(p.n, MS(1));
	cookie = pserialize_read_enter();
	cr_assert_null(netif_lookup(a, id));
	pserialize_read_exit(cookie);
	cr_assert(!is_running(p.n, p.b, "eth0"));
	destroy_pair(&p);
}

Test(net_wire, refuses_an_mtu_that_no_packet_holds)
{
	struct pair p = make_pair(NULL);
	struct stack *a = net_stack(p.n, p.a);
	const netif_id id = net_wire_netif(p.n, p.wire, 0);

	cr_assert_eq(netif_set_mtu(a, id, 2000), 0);
	cr_assert_eq(netif_set_mtu(a, id, PKT_ROOM - 13), -EINVAL);
	destroy_pair(&p);
}

/* Packet blocks in a pcapng file, and their bytes. */
static unsigned int
count_frames(const char *path, unsigned int interface)
{
	FILE *f = fopen(path, "r");
	uint32_t head[3]; /* type, length, interface */
	unsigned int n = 0;

	cr_assert_not_null(f);
	while (fread(head, sizeof(head), 1, f) == 1) {
		n += head[0] == 6 && head[2] == interface;
		cr_assert_eq(fseek(f, (long)head[1] - 12, SEEK_CUR), 0);
	}
	fclose(f);
	return n;
}

Test(net_wire, records_both_directions)
{
	char path[] = "/tmp/capture-XXXXXX";
	struct pair p = make_pair(NULL);
	struct wire *w = net_wire_of(p.n, p.wire);

	close(mkstemp(path));
	wire_capture_stop(w);
	cr_assert_eq(wire_capture_start(w, path), 0);
	cr_assert_eq(flow(&p, 30), 30);
	(void)rtt(&p, 56);
	wire_capture_stop(w);
	cr_assert_eq(count_frames(path, 0), 31);
	cr_assert_eq(count_frames(path, 1), 1);
	cr_assert_eq(flow(&p, 5), 5);
	cr_assert_eq(count_frames(path, 0), 31);
	unlink(path);
	destroy_pair(&p);
}

Test(net_wire, an_empty_pool_drops_by_name_and_recovers)
{
	struct net *n = net_create();
	const int a = net_host(n, "a"), b = net_node(n, "b", 1, 8, false);
	const struct wire_config cfg = {.delay_ns = MS(1)};
	uint64_t dropped;

	net_wire(n, a, "10.0.1.1/24", b, "10.0.1.2/24", &cfg);
	net_udp_sink(n, b);
	cr_assert(net_ping(n, a, "10.0.1.2", 8, 0));
	for (int i = 0; i < 60; i++)
		net_udp_send(n, a, 1, "10.0.1.2", FLOW_PORT, 10);
	net_run(n, MS(10));
	dropped = net_drops_if(n, b, "eth0", "no-buffer");
	cr_assert_gt(dropped, 0);
	cr_assert_eq(net_udp_received(n, b, FLOW_PORT) + dropped, 60);
	cr_assert(net_ping(n, a, "10.0.1.2", 8, 0));
	net_allow_drops(n, b, "no-buffer", dropped);
	net_check_clean(n);
	net_destroy(n);
}

/* Every count of workers meets every other. */
Test(net_wire, nodes_with_different_worker_counts_understand)
{
	for (unsigned int wa = 1; wa <= 3; wa++) {
		for (unsigned int wb = 1; wb <= 3; wb++) {
			struct net *n = net_create();
			const int a = net_node(n, "a", wa, 0, false),
				  b = net_node(n, "b", wb, 0, false);

			net_wire(n, a, "10.0.1.1/24", b, "10.0.1.2/24", NULL);
			cr_assert(net_ping(n, a, "10.0.1.2", 56, 0));
			cr_assert(net_ping(n, a, "10.0.1.2", 5000, 0));
			cr_assert(net_ping(n, b, "10.0.1.1", 5000, 0));
			net_check_clean(n);
			net_destroy(n);
		}
	}
}

Test(net_loop, its_addresses_answer)
{
	struct pair p = make_pair(NULL);

	cr_assert_eq(net_addr_add(p.n, p.a, "lo", "127.0.0.1/8"), 0);
	cr_assert(net_ping(p.n, p.a, "127.0.0.1", 56, 0));
	cr_assert(net_ping(p.n, p.a, "127.0.0.1", 8000, 0));
	destroy_pair(&p);
}

struct flood_call {
	netif_id lo;
	unsigned int n;
};

static int
flood_loop(struct worker *w, void *arg)
{
	const struct flood_call *c = arg;
	struct netif *lo = netif_lookup(w->stack, c->lo);

	for (unsigned int i = 0; i < c->n; i++) {
		struct pkt *p = pkt_alloc(w);

		cr_assert_not_null(p);
		p->len = 20;
		memset(p->data, 0, p->len);
		netif_output(w, lo, p);
	}
	return 0;
}

Test(net_loop, what_exceeds_the_queue_is_dropped_by_name)
{
	struct net *n = net_create();
	const int a = net_host(n, "a");
	struct flood_call c = {
	    .lo = net_netif(n, a, "lo"), .n = LOOP_QUEUE_MAX + 9};

	worker_call(stack_worker(net_stack(n, a), 0), flood_loop, &c);
	net_run(n, MS(1));
	cr_assert_eq(net_drops_if(n, a, "lo", "tx-full"), 9);
	cr_assert_eq(net_counter(n, a, "lo", NETIF_RX_PACKETS), LOOP_QUEUE_MAX);
	net_allow_drops(n, a, "tx-full", 9);
	net_allow_drops(n, a, "ipv4-version", UINT64_MAX);
	net_check_clean(n);
	net_destroy(n);
}

Test(net_loop, detached_with_packets_in_it_loses_none)
{
	struct net *n = net_create();
	const int a = net_host(n, "a");
	struct stack *st = net_stack(n, a);
	struct flood_call c = {.lo = net_netif(n, a, "lo"), .n = 100};

	/* More than a batch: the first ones are in the loop's queue already. */
	worker_call(stack_worker(st, 0), flood_loop, &c);
	cr_assert_gt(stack_pkts_in_use(st), 0);
	cr_assert_eq(netif_detach(st, c.lo), 0);
	net_run(n, MS(1));
	cr_assert_eq(net_drops(n, a, "netif-gone"), 100);
	net_allow_drops(n, a, "netif-gone", 100);
	net_check_clean(n);
	net_destroy(n);
}
