/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Two workers forward while everything around the flows changes.
 *
 *   client (2 workers) -- wire -- router (2 workers) -- wire -- server
 *
 * The client sends numbered packets of FLOWS flows, never more than a window
 * beyond what has arrived, so that no queue can overflow: a packet that is
 * missing was lost by the router.  Half of the flows follow a connected route,
 * half a static one; less and more specific routes come and go around them.
 * Besides them the client sends to destinations that do change, for which only
 * the accounting must hold.  Four threads change addresses, routes, neighbours
 * and interfaces as fast as they can.
 *
 * STRESS_SECONDS is the length (default 30).
 *
 * Ordering pairs
 *   GOT  server's input stores got (release) -> the sender loads it (acquire):
 *        the window is counted in packets that have arrived.
 */

#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drivers/wire/wire.h"
#include "stack/core/stack.h"
#include "stack/core/timer.h"
#include "stack/nexthop/neigh.h"
#include "stack/nexthop/nexthop.h"
#include "stack/proto/arp/arp.h"
#include "stack/proto/ether/ether.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/ipv4.h"

#define FLOWS      4
#define WINDOW     32
#define FLOW_PROTO 253
#define STALLED    UINT64_C(20000000000) /* ns without any progress */

/* [o] one worker  [a] atomic */
struct flow {
	uint64_t sent;               /* [o] sender's worker */
	SYNC_ATOMIC(uint64_t) got;   /* [a] in order at the server */
	SYNC_ATOMIC(uint64_t) wrong; /* [a] out of order or twice */
};

struct sender {
	struct timer timer; /* first: timers are cast back */
	struct scene *scene;
};

/* [c] constant while threads run  [a] atomic */
struct scene {
	struct stack *client, *router, *server; /* [c] */
	struct wire *wire[2];                   /* [c] */
	netif_id cport, lan, wan, sport;        /* [c] */
	struct flow flow[FLOWS];
	struct sender sender[2];
	SYNC_ATOMIC(int) stop;            /* [a] */
	SYNC_ATOMIC(uint64_t) changes[4]; /* [a] per changing thread */
};

struct payload {
	uint64_t flow, seq;
};

static struct scene *the_scene; /* for the server's init, which has no arg */

static int
flow_init(struct stack *st, void **state)
{
	(void)st;
	*state = the_scene;
	return 0;
}

static void
flow_fini(void *state)
{
	(void)state;
}

static void
flow_input(void *state, struct worker *w, struct pkt_batch *in)
{
	struct scene *s = state;

	for (unsigned int i = 0; i < in->n; i++) {
		struct payload pl;

		memcpy(&pl, in->pkt[i]->data, sizeof(pl));
		if (pl.flow < FLOWS) {
			struct flow *f = &s->flow[pl.flow];
			/* relaxed: only this worker writes got. */
			const uint64_t want = sync_load_relaxed(&f->got);

			if (pl.seq == want)
				/* GOT release: pairs with send_flow. */
				sync_store_release(&f->got, want + 1);
			else
				/* relaxed: read after the threads end. */
				sync_fetch_add_relaxed(&f->wrong, 1);
		}
		pkt_free(w, in->pkt[i]);
	}
	in->n = 0;
}

static const struct proto proto_flow = {
    .name = "flow",
    .carrier = PROTO_CARRIER_IPV4,
    .number = FLOW_PROTO,
    .init = flow_init,
    .fini = flow_fini,
    .input = flow_input,
};

static const struct proto *const router_protos[] = {
    &proto_ether, &proto_arp, &proto_nexthop, &proto_ipv4, &proto_icmp, NULL};
static const struct proto *const host_protos[] = {&proto_ether, &proto_arp,
    &proto_nexthop, &proto_ipv4, &proto_icmp, &proto_flow, NULL};

static bool
send_to(struct worker *w, uint32_t dst, uint64_t flow, uint64_t seq, size_t len)
{
	const struct payload pl = {.flow = flow, .seq = seq};
	struct pkt *p = pkt_alloc(w);

	if (p == NULL)
		return false;
	memset(p->data, 0, len);
	memcpy(p->data, &pl, sizeof(pl));
	p->len = (uint32_t)len;
	ipv4_output(w, p, 0, htonl(dst), FLOW_PROTO, 0, 0, false);
	return true;
}

static uint32_t
flow_dst(unsigned int i)
{
	return i < FLOWS / 2 ? 0x0a020002 : 0xac100001 + (i << 8);
}

static void
send_flow(struct worker *w, struct scene *s, unsigned int i)
{
	struct flow *f = &s->flow[i];
	/* GOT acquire: pairs with flow_input. */
	const uint64_t got = sync_load_acquire(&f->got);
	const uint64_t window = worker_random(w) % WINDOW;

	while (f->sent < got + window &&
	       send_to(w, flow_dst(i), i, f->sent,
		   sizeof(struct payload) + worker_random(w) % 1200))
		f->sent++;
}

/* Traffic to what comes and goes: nobody counts it. */
static void
send_noise(struct worker *w)
{
	static const uint32_t dst[] = {
	    0x0a090001, 0x0a090063, 0x0a020032, 0xcb007105, 0x0a0b0001};

	send_to(w, dst[worker_random(w) % 5], UINT64_MAX, 0, 64);
}

static void
send_turn(struct worker *w, struct timer *t)
{
	struct scene *s = ((struct sender *)t)->scene;

	for (unsigned int i = w->id; i < FLOWS; i += 2)
		send_flow(w, s, i);
	send_noise(w);
	timer_arm(w, t, w->now + TIMER_TICK * (worker_random(w) % 3));
}

static int
start_sender(struct worker *w, void *arg)
{
	struct scene *s = arg;

	s->sender[w->id].scene = s;
	timer_init(&s->sender[w->id].timer, send_turn);
	timer_arm(w, &s->sender[w->id].timer, 0);
	return 0;
}

static int
stop_sender(struct worker *w, void *arg)
{
	struct scene *s = arg;

	timer_cancel(w, &s->sender[w->id].timer);
	return 0;
}

static struct stack *
make_stack(
    const char *name, const struct proto *const *protos, unsigned int nworkers)
{
	const struct stack_config cfg = {.name = name,
	    .protos = protos,
	    .nworkers = nworkers,
	    .pkts_per_worker = 2048,
	    .seed = 42};
	struct stack *st;

	cr_assert_eq(stack_create(&cfg, &st), 0);
	return st;
}

static netif_id
plug(struct wire *wire, unsigned int end, struct stack *st, const char *name,
    uint32_t addr)
{
	netif_id id;

	cr_assert_eq(wire_attach(wire, end, st, name, &id), 0);
	cr_assert_eq(netif_set_flags(st, id, NETIF_UP, 0), 0);
	cr_assert_eq(ipv4_addr_add(st, id, htonl(addr), 24), 0);
	return id;
}

static int
set_route(struct stack *st, netif_id port, uint32_t net, unsigned int plen,
    uint32_t gateway, enum route_mode mode)
{
	struct route_nexthop nh = {
	    .netif = port, .has_gateway = true, .weight = 1};
	struct route_config r = {.plen = (uint8_t)plen,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nnexthops = 1,
	    .nexthops = &nh};

	net = htonl(net);
	gateway = htonl(gateway);
	memcpy(r.prefix, &net, sizeof(net));
	memcpy(nh.gateway, &gateway, sizeof(gateway));
	return ipv4_route_add(st, &r, mode);
}

static void
add_flow_addresses(struct scene *s)
{
	for (unsigned int i = FLOWS / 2; i < FLOWS; i++)
		cr_assert_eq(
		    ipv4_addr_add(s->server, s->sport, htonl(flow_dst(i)), 32),
		    0);
}

static void
build_scene(struct scene *s)
{
	const struct wire_config wc = {.queue_len = 512};

	s->client = make_stack("client", host_protos, 2);
	s->router = make_stack("router", router_protos, 2);
	s->server = make_stack("server", host_protos, 1);
	cr_assert_eq(wire_create(&wc, &s->wire[0]), 0);
	cr_assert_eq(wire_create(&wc, &s->wire[1]), 0);
	s->cport = plug(s->wire[0], 0, s->client, "eth0", 0x0a010002);
	s->lan = plug(s->wire[0], 1, s->router, "lan", 0x0a010001);
	s->wan = plug(s->wire[1], 0, s->router, "wan", 0x0a020001);
	s->sport = plug(s->wire[1], 1, s->server, "eth0", 0x0a020002);
	add_flow_addresses(s);
	cr_assert_eq(ipv4_option_set(s->router, IPV4_OPT_FORWARDING, 1), 0);
	cr_assert_eq(
	    set_route(s->client, s->cport, 0, 0, 0x0a010001, ROUTE_ADD), 0);
	cr_assert_eq(
	    set_route(s->server, s->sport, 0, 0, 0x0a020001, ROUTE_ADD), 0);
	cr_assert_eq(
	    set_route(s->router, s->wan, 0xac100000, 16, 0x0a020002, ROUTE_ADD),
	    0);
	cr_assert_eq(stack_start(s->client), 0);
	cr_assert_eq(stack_start(s->router), 0);
	cr_assert_eq(stack_start(s->server), 0);
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)ts.tv_nsec;
}

/* Everything sent arrives within a while, once nothing new is sent. */
static bool
all_arrived(struct scene *s)
{
	const uint64_t end = now_ns() + STALLED;

	while (now_ns() < end) {
		bool all = true;

		for (unsigned int i = 0; i < FLOWS; i++)
			/* GOT acquire: pairs with flow_input. */
			all &= sync_load_acquire(&s->flow[i].got) ==
			       s->flow[i].sent;
		if (all)
			return true;
		sched_yield();
	}
	return false;
}

/*
 * Resolve the neighbours on the flows' way: three packets at most wait for an
 * answer, and a window is more.
 */
static int
send_first(struct worker *w, void *arg)
{
	struct scene *s = arg;

	return send_to(w, flow_dst(0), 0, s->flow[0].sent++, 64) ? 0 : -1;
}

static void
warm_up(struct scene *s)
{
	cr_assert_eq(worker_call(stack_worker(s->client, 0), send_first, s), 0);
	cr_assert(all_arrived(s));
}

static bool
keep_going(struct scene *s, unsigned int thread)
{
	/* relaxed: a count. */
	sync_fetch_add_relaxed(&s->changes[thread], 1);
	sched_yield(); /* the control mutex is not fair */
	/* relaxed: it only ends the loop. */
	return !sync_load_relaxed(&s->stop);
}

static void *
change_addresses(void *arg)
{
	struct scene *s = arg;
	uint32_t i = 0;

	do {
		const uint32_t a = htonl(0x0a090001 + (i++ % 3 << 8));

		ipv4_addr_add(s->router, s->wan, a, 24);
		ipv4_addr_add(s->router, s->lan, a, 25);
		ipv4_addr_remove(s->router, s->wan, a, 24);
		ipv4_addr_remove(s->router, s->lan, a, 25);
	} while (keep_going(s, 0));
	return NULL;
}

/* Covers of the flows' routes, more specifics beside them, and others. */
static void *
change_routes(void *arg)
{
	static const struct {
		uint32_t net;
		unsigned int plen;
	} r[] = {{0, 0}, {0xa0000000, 3}, {0xac000000, 8}, {0xac100000, 20},
	    {0xac100500, 24}, {0xac108000, 17}, {0x0a000000, 8},
	    {0x0a020000, 28}, {0xcb007100, 24}};
	struct scene *s = arg;
	uint32_t i = 0;

	do {
		const unsigned int k = i++ % (sizeof(r) / sizeof(r[0]));
		const uint32_t net = htonl(r[k].net);
		uint8_t prefix[16] = {0};

		memcpy(prefix, &net, sizeof(net));
		set_route(s->router, s->wan, r[k].net, r[k].plen, 0x0a020002,
		    ROUTE_ADD);
		set_route(s->router, s->wan, r[k].net, r[k].plen, 0x0a020002,
		    ROUTE_REPLACE);
		if (i % 2 == 0)
			ipv4_route_remove(s->router, prefix, r[k].plen);
	} while (keep_going(s, 1));
	return NULL;
}

static void *
change_neighbours(void *arg)
{
	const uint8_t mac[6] = {2, 9, 9, 9, 9, 9};
	const uint8_t part[16] = {10, 2, 0, 32};
	struct scene *s = arg;
	uint8_t i = 0;

	do {
		const uint8_t addr[16] = {10, 2, 0, (uint8_t)(32 + i++ % 32)};

		nexthop_static_add(
		    s->router, s->wan, NETIF_AF_INET, addr, mac, true);
		if (i % 3 == 0)
			nexthop_remove(s->router, s->wan, NETIF_AF_INET, addr);
		if (i % 16 == 0)
			nexthop_flush(
			    s->router, s->wan, NETIF_AF_INET, part, 27, true);
	} while (keep_going(s, 2));
	return NULL;
}

/* A third interface of the router comes, carries traffic, and goes. */
static void *
change_interfaces(void *arg)
{
	const struct wire_config wc = {.queue_len = 64};
	struct scene *s = arg;

	do {
		struct wire *wire;
		netif_id a, b;

		cr_assert_eq(wire_create(&wc, &wire), 0);
		a = plug(wire, 0, s->router, "tmp0", 0x0a0b0002);
		b = plug(wire, 1, s->router, "tmp1", 0x0a0b0102);
		netif_set_mtu(s->router, a, 600);
		set_route(
		    s->router, a, 0xcb007100, 25, 0x0a0b0009, ROUTE_REPLACE);
		netif_set_flags(s->router, b, 0, NETIF_UP);
		wire_set_carrier(wire, false);
		wire_set_carrier(wire, true);
		cr_assert_eq(netif_detach(s->router, a), 0);
		cr_assert_eq(netif_detach(s->router, b), 0);
		wire_destroy(wire);
	} while (keep_going(s, 3));
	return NULL;
}

static uint64_t
total_got(struct scene *s)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < FLOWS; i++)
		/* GOT acquire: pairs with flow_input. */
		n += sync_load_acquire(&s->flow[i].got);
	return n;
}

/* Whether every change was made some times, and every flow got through. */
static bool
was_busy(struct scene *s)
{
	bool busy = true;

	for (unsigned int i = 0; i < 4; i++)
		/* relaxed: a count. */
		busy &= sync_load_relaxed(&s->changes[i]) > 3;
	for (unsigned int i = 0; i < FLOWS; i++)
		/* GOT acquire: pairs with flow_input. */
		busy &= sync_load_acquire(&s->flow[i].got) > 10;
	return busy;
}

/*
 * Wait until end, and until all was busy, or until nothing arrives any more.
 * Returns: progress.
 */
static bool
watch(struct scene *s, uint64_t end)
{
	uint64_t last = 0, moved = now_ns();

	while (now_ns() < end || !was_busy(s)) {
		const struct timespec tick = {.tv_nsec = 50000000};
		const uint64_t n = total_got(s);

		if (n != last)
			moved = now_ns();
		else if (now_ns() - moved > STALLED)
			return false;
		last = n;
		nanosleep(&tick, NULL);
	}
	return true;
}

static void
print_drops(struct stack *st, const struct netif *nif)
{
	for (unsigned int r = 0; r < DROP_REASON_COUNT; r++) {
		const uint64_t n =
		    netif_counter_read(nif, UINT_MAX, NETIF_DROPS + r);

		if (n > 0)
			fprintf(stderr, "%s %s: %" PRIu64 " %s\n",
			    stack_name(st), nif->name, n, drop_reason_name(r));
	}
}

/* What a person needs to find out where a packet went. */
static void
report(struct scene *s)
{
	struct stack *const all[] = {s->client, s->router, s->server};

	for (unsigned int i = 0; i < FLOWS; i++)
		/* relaxed: for people. */
		fprintf(stderr, "flow %u: sent %" PRIu64 " got %" PRIu64 "\n",
		    i, s->flow[i].sent, sync_load_relaxed(&s->flow[i].got));
	for (unsigned int i = 0; i < 3; i++) {
		const uint64_t c = pserialize_read_enter();

		for (struct netif *nif = netif_first(all[i]); nif != NULL;
		     nif = netif_next(all[i], nif))
			print_drops(all[i], nif);
		pserialize_read_exit(c);
		for (unsigned int r = 0; r < DROP_REASON_COUNT; r++)
			if (netif_orphan_drops(all[i], UINT_MAX, r) > 0)
				fprintf(stderr, "%s -: %" PRIu64 " %s\n",
				    stack_name(all[i]),
				    netif_orphan_drops(all[i], UINT_MAX, r),
				    drop_reason_name(r));
	}
}

Test(stack, stress_forwarding_while_everything_changes, .timeout = 1200)
{
	static void *(*const changer[4])(void *) = {change_addresses,
	    change_routes, change_neighbours, change_interfaces};
	const char *env = getenv("STRESS_SECONDS");
	const uint64_t length = env == NULL ? 30 : strtoull(env, NULL, 10);
	struct scene *s = calloc(1, sizeof(*s));
	pthread_t t[4];
	bool moving;

	cr_assert_not_null(s);
	the_scene = s;
	build_scene(s);
	warm_up(s);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, changer[i], s), 0);
	for (unsigned int i = 0; i < 2; i++)
		worker_call(stack_worker(s->client, i), start_sender, s);
	moving = watch(s, now_ns() + length * UINT64_C(1000000000));
	for (unsigned int i = 0; i < 2; i++)
		worker_call(stack_worker(s->client, i), stop_sender, s);
	moving = moving && all_arrived(s);
	if (!moving)
		report(s);
	cr_assert(moving, "a packet of a stable flow is lost");
	/* relaxed: it only ends the loops. */
	sync_store_relaxed(&s->stop, 1);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	cr_assert(was_busy(s));
	for (unsigned int i = 0; i < FLOWS; i++)
		/* relaxed: nothing is sent any more. */
		cr_assert_eq(sync_load_relaxed(&s->flow[i].wrong), 0);
	stack_destroy(s->client);
	stack_destroy(s->router);
	stack_destroy(s->server);
	wire_destroy(s->wire[0]);
	wire_destroy(s->wire[1]);
	free(s);
}
