/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Forwarding rate over wires.
 *
 * One router, its two interfaces joined by one wire.  A 64-byte frame sent on
 * the first arrives on the second, is routed back out of the first, and so on
 * until its TTL ends: 254 times through the whole path of a forwarded packet
 * for each frame that the generator has to make.  Every worker has its own
 * ring of the wire, so workers share nothing but the tables.
 */

#include "apps/psnet-run/run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/wire/wire.h"
#include "stack/core/stack.h"
#include "stack/core/timer.h"
#include "stack/nexthop/neigh.h"
#include "stack/proto/ether/ether.h"
#include "stack/proto/ipv4/ipv4.h"

#define FRAME_LEN 60 /* 64 with the FCS that a wire has not */

/* One worker's generator. [o] that worker */
struct generator {
	struct timer timer;
	struct circle *circle;
	uint64_t made; /* [o] frames injected */
};

/* [c] constant while traffic flows */
struct circle {
	struct stack *stack;
	struct wire *wire;
	netif_id port[2];
	uint8_t mac[2][6];
	const struct run_forward *how;
	struct generator gen[STACK_WORKERS_MAX];
};

/*
 * Frames of worker w that have come to their end, whatever the reason.  An ICMP
 * error that its limit held back was never a frame.
 */
static uint64_t
frames_ended(struct circle *c, const struct worker *w)
{
	uint64_t n = 0;

	for (int i = 0; i < 2; i++) {
		struct netif *nif = netif_lookup(c->stack, c->port[i]);

		for (unsigned int r = 0; nif != NULL && r < DROP_REASON_COUNT;
		     r++)
			if (r != DROP_ICMP_RATE)
				n += netif_counter_read(
				    nif, w->id, NETIF_DROPS + r);
	}
	return n;
}

/* Any loaded route; without them 198.18.0.0/15, the network of RFC 2544. */
static uint32_t
pick_destination(const struct circle *c, struct worker *w)
{
	const uint64_t r = worker_random(w);

	if (c->how->nroutes < 17)
		return htonl(0xc6120000 | (uint32_t)(r & 0xffff));
	return htonl(0x0b000000 +
		     (uint32_t)((r >> 12) % (c->how->nroutes / 17) << 12) +
		     (uint32_t)(r & 0xfff));
}

static void
build_frame(const struct circle *c, struct worker *w, struct pkt *p)
{
	struct ipv4_hdr ip = {
	    .ver_ihl = 0x45,
	    .total_len = htons(FRAME_LEN - ETHER_HDR_LEN),
	    .ttl = 255,
	    .proto = 17,
	    .src = htonl(0xc6130001),
	};
	uint8_t *d = p->data;

	ip.dst = pick_destination(c, w);
	ip.checksum = run_checksum(&ip, sizeof(ip));
	memset(d, 0, FRAME_LEN);
	memcpy(d, c->mac[1], 6);
	memcpy(d + 6, c->mac[0], 6);
	d[12] = ETHER_TYPE_IPV4 >> 8;
	memcpy(d + ETHER_HDR_LEN, &ip, sizeof(ip));
	p->len = FRAME_LEN;
}

static void
refill(struct worker *w, struct timer *t)
{
	struct generator *g = (struct generator *)t;
	struct circle *c = g->circle;
	struct netif *nif = netif_lookup(c->stack, c->port[0]);
	const uint64_t ended = frames_ended(c, w);

	while (nif != NULL && g->made < ended + c->how->nflows) {
		struct pkt *p = pkt_alloc(w);

		if (p == NULL)
			break;
		build_frame(c, w, p);
		netif_output(w, nif, p);
		g->made++;
	}
	timer_arm(w, t, w->now + TIMER_TICK);
}

static int
start_generator(struct worker *w, void *arg)
{
	struct circle *c = arg;
	struct generator *g = &c->gen[w->id];

	g->circle = c;
	timer_init(&g->timer, refill);
	timer_arm(w, &g->timer, 0);
	return 0;
}

static int
stop_generator(struct worker *w, void *arg)
{
	struct circle *c = arg;

	timer_cancel(w, &c->gen[w->id].timer);
	return 0;
}

static void
read_mac(struct circle *c, int i)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup(c->stack, c->port[i]);

	if (nif != NULL)
		memcpy(c->mac[i], nif->hwaddr, sizeof(c->mac[i]));
	pserialize_read_exit(s);
}

static uint64_t
forwarded(struct circle *c)
{
	const uint64_t s = pserialize_read_enter();
	uint64_t n = 0;

	for (int i = 0; i < 2; i++) {
		const struct netif *nif = netif_lookup(c->stack, c->port[i]);

		if (nif != NULL)
			n +=
			    netif_counter_read(nif, UINT_MAX, NETIF_RX_PACKETS);
	}
	pserialize_read_exit(s);
	return n;
}

/* Addresses, the static neighbour, the circular route, n idle routes. */
static int
add_rules(struct circle *c)
{
	int err = 0;

	for (unsigned int i = 0; i < c->how->nrules && err == 0; i++) {
		const struct route_rule rule = {.table = 100,
		    .src = {240, (uint8_t)(i >> 8), (uint8_t)i},
		    .src_plen = 24};

		err = ipv4_rule_add(c->stack, &rule);
	}
	return err;
}

static int
configure(struct circle *c)
{
	const uint32_t gw = htonl(0x0a000002);
	struct route_nexthop nh = {
	    .netif = c->port[0], .has_gateway = true, .weight = 1};
	struct route_config r = {.prefix = {198, 18},
	    .plen = 15,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nnexthops = 1,
	    .nexthops = &nh};
	int err;

	memcpy(nh.gateway, &gw, sizeof(gw));
	if ((err = ipv4_option_set(c->stack, IPV4_OPT_FORWARDING, 1)) != 0 ||
	    (err = ipv4_addr_add(
		 c->stack, c->port[0], htonl(0x0a000001), 24)) != 0 ||
	    (err = ipv4_addr_add(
		 c->stack, c->port[1], htonl(0x0a000101), 24)) != 0 ||
	    (err = nexthop_static_add(c->stack, c->port[0], NETIF_AF_INET,
		 (const uint8_t *)&gw, c->mac[1], true)) != 0 ||
	    (err = ipv4_route_add(c->stack, &r, ROUTE_ADD)) != 0 ||
	    (err = ipv4_option_set(
		 c->stack, IPV4_OPT_FLOW_CACHE, c->how->flow_cache)) != 0 ||
	    (err = add_rules(c)) != 0)
		return err;
	return run_load_routes(c->stack, &nh, c->how->nroutes);
}

static int
circle_create(const struct run_forward *f, struct circle *c)
{
	const struct stack_config sc = {.name = "router",
	    .protos = run_router_protos,
	    .nworkers = f->nworkers,
	    .pkts_per_worker = f->nflows < 2048 ? 0 : 2 * f->nflows,
	    .seed = 1};
	const struct wire_config wc = {.queue_len = 2 * f->nflows};
	int err;

	memset(c, 0, sizeof(*c));
	c->how = f;
	if ((err = stack_create(&sc, &c->stack)) != 0)
		return err;
	if ((err = wire_create(&wc, &c->wire)) != 0)
		goto destroy_stack;
	for (unsigned int i = 0; i < 2; i++) {
		err = wire_attach(
		    c->wire, i, c->stack, i == 0 ? "p0" : "p1", &c->port[i]);
		if (err != 0)
			goto destroy_wire;
		netif_set_flags(c->stack, c->port[i], NETIF_UP, 0);
		read_mac(c, (int)i);
	}
	if ((err = configure(c)) == 0)
		return 0;
destroy_wire:
	for (int i = 0; i < 2; i++)
		netif_detach(c->stack, c->port[i]);
	wire_destroy(c->wire);
destroy_stack:
	stack_destroy(c->stack);
	return err;
}

static void
circle_destroy(struct circle *c)
{
	for (int i = 0; i < 2; i++)
		netif_detach(c->stack, c->port[i]);
	wire_destroy(c->wire);
	stack_destroy(c->stack);
}

int
run_forward(const struct run_forward *f, struct run_rate *out)
{
	struct circle *c = malloc(sizeof(*c));
	uint64_t n;
	double t, cpu;
	int err;

	if (c == NULL)
		return -ENOMEM;
	if ((err = circle_create(f, c)) != 0)
		goto free_circle;
	if ((err = stack_start(c->stack)) != 0)
		goto destroy_circle;
	for (unsigned int i = 0; i < f->nworkers; i++)
		worker_call(stack_worker(c->stack, i), start_generator, c);
	run_sleep(0.2); /* warm caches and pools */
	n = forwarded(c);
	t = run_seconds();
	cpu = run_cpu_seconds();
	run_sleep(f->seconds);
	n = forwarded(c) - n;
	out->mpps = (double)n / (run_seconds() - t) / 1e6;
	out->cpu_ns = (run_cpu_seconds() - cpu) * 1e9 / (double)n;
	for (unsigned int i = 0; i < f->nworkers; i++)
		worker_call(stack_worker(c->stack, i), stop_generator, c);
	stack_stop(c->stack);
destroy_circle:
	circle_destroy(c);
free_circle:
	free(c);
	return err;
}
