/* SPDX-License-Identifier: BSD-2-Clause */

/* Nodes, wires and time. */

#include "tests/net/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/loop/loop.h"
#include "stack/nexthop/nexthop.h"
#include "tests/net/harness_impl.h"

#define PKTS_DEFAULT   512
#define JUMBOS         8
#define SEED           20
#define STEPS_MAX      10000000
#define SETTLE_SECONDS 180

/* The nets of this process: one that is left at the end was in a test that
 * failed. */
static struct net *nets;

static bool
keeps_dumps(void)
{
	return getenv("NET_DUMP_DIR") != NULL;
}

static void
tell_of_dumps(void)
{
	for (const struct net *n = nets; n != NULL; n = n->next)
		if (n->nwires != 0)
			fprintf(stderr, "# frames recorded in %s\n", n->dir);
}

static uint64_t
net_clock(void *arg)
{
	return ((const struct net *)arg)->now;
}

static void
make_dir(struct net *n)
{
	const char *base = getenv("NET_DUMP_DIR");

	if (base == NULL)
		base = getenv("TMPDIR");
	(void)snprintf(n->dir, sizeof(n->dir), "%s/net-XXXXXX",
	    base != NULL ? base : "/tmp");
	cr_assert(mkdtemp(n->dir) != NULL, "cannot make %s", n->dir);
}

struct net *
net_create(void)
{
	static bool registered;
	struct net *n = calloc(1, sizeof(*n));

	cr_assert(n != NULL);
	n->now = SEC(1);
	make_dir(n);
	n->next = nets;
	nets = n;
	if (!registered) {
		registered = true;
#ifdef TESTS_TSAN_CRITERION_H
		cr_at_failure = tell_of_dumps;
#else
		atexit(tell_of_dumps);
#endif
	}
	return n;
}

static void
remove_dumps(struct net *n)
{
	if (keeps_dumps())
		return;
	for (int i = 0; i < n->nwires; i++)
		(void)unlink(n->wire[i].path);
	(void)rmdir(n->dir);
}

void
net_destroy(struct net *n)
{
	struct net **at = &nets;

	for (int i = 0; i < n->nnodes; i++)
		stack_destroy(n->node[i].stack);
	for (int i = 0; i < n->nwires; i++)
		wire_destroy(n->wire[i].wire);
	remove_dumps(n);
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	free(n);
}

struct net_node_state *
net_node_of(struct net *n, int node)
{
	cr_assert(node >= 0 && node < n->nnodes, "no node %d", node);
	return &n->node[node];
}

int
net_node_create(struct net *n, const char *name,
    const struct proto *const *protos, unsigned int nworkers, unsigned int pkts)
{
	const struct stack_config cfg = {
	    .name = name,
	    .protos = protos,
	    .nworkers = nworkers,
	    .pkts_per_worker = pkts != 0 ? pkts : PKTS_DEFAULT,
	    .jumbos_per_worker = JUMBOS,
	    .stepped = true,
	    .clock = net_clock,
	    .clock_arg = n,
	    .seed = SEED + (uint64_t)n->nnodes,
	};
	struct net_node_state *s = &n->node[n->nnodes];

	cr_assert(n->nnodes < NET_NODES_MAX, "too many nodes");
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	cr_assert(stack_create(&cfg, &s->stack) == 0, "no stack for %s", name);
	return n->nnodes++;
}

int
net_node(struct net *n, const char *name, unsigned int nworkers,
    unsigned int pkts_per_worker, bool forwarding)
{
	static const struct proto *const protos[] = {&net_peek_ether,
	    &net_peek_loop, &proto_nexthop, &proto_ipv4, &proto_arp,
	    &proto_icmp, NULL};
	const int node =
	    net_node_create(n, name, protos, nworkers, pkts_per_worker);
	struct net_node_state *s = net_node_of(n, node);
	const struct proto *const peeks[] = {&net_peek_ether, &net_peek_loop};
	netif_id lo;

	for (int i = 0; i < 2; i++) {
		struct net_peek *pk = proto_state(s->stack, peeks[i]);

		pk->waiting = &s->waiting;
		pk->seen = &s->seen_icmp;
	}
	cr_assert(loop_attach(s->stack, "lo", &lo) == 0);
	cr_assert(netif_set_flags(s->stack, lo, NETIF_UP, 0) == 0);
	if (forwarding)
		net_option(n, node, IPV4_OPT_FORWARDING, 1);
	if (getenv("NET_FLOW_CACHE") != NULL)
		net_option(n, node, IPV4_OPT_FLOW_CACHE, ROUTE_FLOWCACHE_ON);
	return node;
}

int
net_host(struct net *n, const char *name)
{
	return net_node(n, name, 1, 0, false);
}

int
net_router(struct net *n, const char *name)
{
	return net_node(n, name, 1, 0, true);
}

static netif_id
attach_end(struct net *n, struct wire *w, unsigned int end, int node)
{
	struct net_node_state *s = net_node_of(n, node);
	char ifname[NETIF_NAME_MAX];
	netif_id id;

	(void)snprintf(ifname, sizeof(ifname), "eth%u", s->nwires++);
	cr_assert(wire_attach(w, end, s->stack, ifname, &id) == 0,
	    "cannot attach %s to %s", ifname, s->name);
	return id;
}

int
net_wire_create(struct net *n, int a, int b, const struct wire_config *cfg)
{
	struct net_wire_state *s = &n->wire[n->nwires];

	cr_assert(n->nwires < NET_WIRES_MAX, "too many wires");
	cr_assert(wire_create(cfg, &s->wire) == 0, "bad wire_config");
	(void)snprintf(s->path, sizeof(s->path), "%s/%d-%.16s-%.16s.pcapng",
	    n->dir, n->nwires, net_node_of(n, a)->name,
	    net_node_of(n, b)->name);
	cr_assert(wire_capture_start(s->wire, s->path) == 0, "cannot write %s",
	    s->path);
	s->node[0] = a;
	s->node[1] = b;
	for (unsigned int end = 0; end < 2; end++)
		s->netif[end] = attach_end(n, s->wire, end, s->node[end]);
	for (unsigned int end = 0; end < 2; end++)
		cr_assert(netif_set_flags(net_stack(n, s->node[end]),
			      s->netif[end], NETIF_UP, 0) == 0);
	return n->nwires++;
}

int
net_wire(struct net *n, int a, const char *a_addr, int b, const char *b_addr,
    const struct wire_config *cfg)
{
	const int wire = net_wire_create(n, a, b, cfg);

	net_addr_give(n, wire, 0, a_addr);
	net_addr_give(n, wire, 1, b_addr);
	return wire;
}

static struct net_wire_state *
wire_of(struct net *n, int wire)
{
	cr_assert(wire >= 0 && wire < n->nwires, "no wire %d", wire);
	return &n->wire[wire];
}

void
net_wire_remove(struct net *n, int wire)
{
	struct net_wire_state *s = wire_of(n, wire);

	for (int end = 0; end < 2; end++)
		cr_assert(netif_detach(
			      net_stack(n, s->node[end]), s->netif[end]) == 0);
}

struct stack *
net_stack(struct net *n, int node)
{
	return net_node_of(n, node)->stack;
}

struct wire *
net_wire_of(struct net *n, int wire)
{
	return wire_of(n, wire)->wire;
}

netif_id
net_wire_netif(struct net *n, int wire, unsigned int end)
{
	return wire_of(n, wire)->netif[end];
}

uint64_t
net_now(const struct net *n)
{
	return n->now;
}

/* Step every stack until none has work left at this time. */
static void
drain(struct net *n)
{
	bool busy = true;

	for (int steps = 0; busy; steps++) {
		cr_assert(steps < STEPS_MAX, "work that never ends");
		busy = false;
		for (int i = 0; i < n->nnodes; i++)
			busy |= stack_step(n->node[i].stack);
	}
}

/* When something happens next, after now. */
static uint64_t
next_event(struct net *n)
{
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < n->nnodes; i++) {
		const uint64_t t = stack_next_event(n->node[i].stack);

		if (t < next)
			next = t;
	}
	return next > n->now ? next : n->now + 1;
}

static void
housekeep(struct net *n)
{
	for (int i = 0; i < n->nnodes; i++)
		(void)stack_housekeep(n->node[i].stack);
}

bool
net_run_until(struct net *n, uint64_t ns, bool (*done)(void *arg), void *arg)
{
	const uint64_t end = n->now + ns;

	for (;;) {
		uint64_t next;

		drain(n);
		housekeep(n);
		if (done(arg))
			return true;
		if (n->now == end)
			return false;
		next = next_event(n);
		n->now = next < end ? next : end;
	}
}

static bool
never(void *arg)
{
	(void)arg;
	return false;
}

void
net_run(struct net *n, uint64_t ns)
{
	(void)net_run_until(n, ns, never, NULL);
}

static int
reason_of(const char *name)
{
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		if (strcmp(drop_reason_name((enum drop_reason)i), name) == 0)
			return i;
	cr_assert_fail("no drop reason \"%s\"", name);
	return -1;
}

uint64_t
net_counter(struct net *n, int node, const char *ifname, enum netif_counter c)
{
	const uint64_t cookie = pserialize_read_enter();
	struct netif *nif = netif_lookup_name(net_stack(n, node), ifname);
	uint64_t value = 0;

	if (nif != NULL)
		value = netif_counter_read(nif, UINT_MAX, c);
	pserialize_read_exit(cookie);
	cr_assert(nif != NULL, "no interface %s", ifname);
	return value;
}

uint64_t
net_drops_if(struct net *n, int node, const char *ifname, const char *reason)
{
	return net_counter(n, node, ifname,
	    (enum netif_counter)(NETIF_DROPS + reason_of(reason)));
}

static uint64_t
drops_of(struct stack *st, int reason)
{
	const uint64_t cookie = pserialize_read_enter();
	uint64_t sum =
	    netif_orphan_drops(st, UINT_MAX, (enum drop_reason)reason);

	for (struct netif *nif = netif_first(st); nif != NULL;
	     nif = netif_next(st, nif))
		sum += netif_counter_read(
		    nif, UINT_MAX, NETIF_DROPS + (unsigned int)reason);
	pserialize_read_exit(cookie);
	return sum;
}

uint64_t
net_drops(struct net *n, int node, const char *reason)
{
	return drops_of(net_stack(n, node), reason_of(reason));
}

void
net_allow_drops(struct net *n, int node, const char *reason, uint64_t count)
{
	uint64_t *allowed = &net_node_of(n, node)->allowed[reason_of(reason)];

	*allowed = *allowed + count < count ? UINT64_MAX : *allowed + count;
}

static size_t
in_use(struct net *n)
{
	size_t sum = 0;

	for (int i = 0; i < n->nnodes; i++)
		sum += stack_pkts_in_use(n->node[i].stack);
	return sum;
}

static void
check_drops(const struct net_node_state *s)
{
	for (int r = 0; r < DROP_REASON_COUNT; r++) {
		const uint64_t drops = drops_of(s->stack, r);
		uint64_t allowed = s->allowed[r];

		/* Announcements of others are nobody's business here. */
		if (r == DROP_ARP_NOT_OURS || r == DROP_ARP_NO_ADDRESS)
			continue;
		/* Nobody in the stack waits for an answer to our echoes. */
		if (r == DROP_ICMP_TYPE)
			allowed += s->seen_icmp;
		cr_assert(drops <= allowed, "%s dropped %llu as %s, not %llu",
		    s->name, (unsigned long long)drops,
		    drop_reason_name((enum drop_reason)r),
		    (unsigned long long)allowed);
	}
}

void
net_check_clean(struct net *n)
{
	drain(n);
	for (int i = 0; i < SETTLE_SECONDS && in_use(n) != 0; i++)
		net_run(n, SEC(1));
	for (int i = 0; i < n->nnodes; i++)
		cr_assert(stack_pkts_in_use(n->node[i].stack) == 0,
		    "%s has %zu packets out of its pools", n->node[i].name,
		    stack_pkts_in_use(n->node[i].stack));
	for (int i = 0; i < n->nnodes; i++)
		check_drops(&n->node[i]);
}
