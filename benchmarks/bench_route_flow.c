/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The flow cache beside the plain lookup: what a packet costs from the rules to
 * its routes, by the number of flows, of rules, and under updates.
 */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/route_lanes.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"
#include "stack/nexthop/nexthop.h"
#include "stack/nexthop/resolve.h"
#include "stack/route/flowcache.h"
#include "stack/route/rule.h"
#include "stack/route/tables.h"

#define BURST   64U
#define PACKETS (1U << 20) /* of a stream */
#define ROUND   (1U << 17) /* of them in one timed part */
#define WARM    16U        /* parts before, in which automatic settles */
#define WAYS    4U

static const struct route_kind kind = {
    .name = "psnet flows", .family = 4, .ours = true};
static const struct route_way ways[WAYS] = {
    {.name = "plain", .how = ROUTE_FLOWCACHE_OFF},
    {.name = "cached", .how = ROUTE_FLOWCACHE_ON},
    {.name = "auto", .how = ROUTE_FLOWCACHE_AUTO},
    {.name = "plain, to the next hop", .how = ROUTE_FLOWCACHE_OFF},
};

/* What is measured: a million flows are a scan. */
static const struct {
	const char *name;
	uint32_t flows;
	unsigned int rules;
	unsigned int update; /* one each so many batches; 0: none */
} classes[] = {
    {"16 flows", 16, 0, 0},
    {"1024 flows", 1024, 0, 0},
    {"65536 flows", 65536, 0, 0},
    {"scan", PACKETS, 0, 0},
    {"1024 flows, an update each 64 packets", 1024, 0, 1},
    {"1024 flows, 1 rule", 1024, 1, 0},
    {"1024 flows, 16 rules", 1024, 16, 0},
    {"1024 flows, 128 rules", 1024, 128, 0},
    {"65536 flows, 16 rules", 65536, 16, 0},
    {"scan, 16 rules", PACKETS, 16, 0},
    {"1024 flows, 16 rules, an update each 64 packets", 1024, 16, 1},
};

struct header {
	uint32_t src, dst;
};

struct run {
	const struct route_job *job;
	struct stack *stack;
	struct route_tables *tables;
	struct nexthop_groups *groups;
	struct route_flowcache *cache[WAYS];
	struct header *packet;
	uint64_t sum; /* of what was found, so that it is */
};

static void
fill(struct run *r)
{
	struct route_nexthop nh = {
	    .netif = 1, .has_gateway = true, .weight = 1};
	struct route_config cfg = {.type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nnexthops = 1,
	    .nexthops = &nh};
	struct route_txn *x;

	if (route_txn_begin(route_tables_main(r->tables), &x) != 0)
		abort();
	for (size_t i = 0; i < r->job->set.n; i++) {
		const struct route_prefix *e = &r->job->set.entry[i];

		memcpy(nh.gateway, &e->nexthop, sizeof(e->nexthop));
		memcpy(cfg.prefix, e->key, sizeof(cfg.prefix));
		cfg.plen = e->plen;
		if (route_txn_add(x, &cfg, ROUTE_ADD) != 0)
			abort();
	}
	if (route_txn_commit(x) != 0)
		abort();
}

/* Rules that are looked at, and lead elsewhere than these packets go. */
static void
set_rules(struct run *r, unsigned int n)
{
	while (
	    route_rule_remove(r->tables, &(struct route_rule){.pref = 0}) == 0)
		continue;
	for (unsigned int i = 0; i < n; i++) {
		const struct route_rule rule = {
		    .table = 100, .src = {240, (uint8_t)i}, .src_plen = 16};

		if (route_rule_add(r->tables, &rule) != 0)
			abort();
	}
}

/* n flows in random order; as many as packets: each of them once. */
static void
make_packets(struct run *r, uint32_t n)
{
	const union route_keys keys = {
	    .v4 = route_keys_make(&r->job->set, ROUTE_PREFIX, 2 * PACKETS, 7)};
	uint64_t rnd = 11;

	for (uint32_t i = 0; i < PACKETS; i++) {
		const uint32_t flow =
		    n == PACKETS ? i : (uint32_t)route_random(&rnd, n);

		r->packet[i].dst = htonl(keys.v4[2 * flow]);
		r->packet[i].src = htonl(keys.v4[2 * flow + 1]);
	}
	free((void *)(uintptr_t)keys.v4);
}

/* What is left to do behind the routes, whichever way they were found. */
static void
resolve(struct run *r, const struct route *const *dst)
{
	for (unsigned int i = 0; i < BURST; i++)
		if (dst[i] != NULL)
			r->sum +=
			    nexthop_resolve(r->groups, NULL, dst[i]->hops, i)
				->netif;
}

static void
burst(struct run *r, unsigned int way, const struct header *h)
{
	const struct route *dst[BURST], *src[BURST];
	struct route_flow flow[BURST];
	const uint64_t s = pserialize_read_enter();

	for (unsigned int i = 0; i < BURST; i++)
		flow[i] = (struct route_flow){.dst = (const uint8_t *)&h[i].dst,
		    .src = (const uint8_t *)&h[i].src,
		    .iif = 1,
		    .member = 1};
	if (ways[way].how == ROUTE_FLOWCACHE_OFF)
		route_rule_lookup_batch(r->tables, flow, dst, src, BURST);
	else
		route_flowcache_lookup_batch(r->cache[way],
		    (enum route_flowcache_mode)ways[way].how, flow, dst, src,
		    BURST);
	for (unsigned int i = 0; i < BURST; i++)
		r->sum += (dst[i] != NULL ? dst[i]->group : 0) +
			  (src[i] != NULL ? src[i]->group : 0);
	if (way == WAYS - 1)
		resolve(r, dst);
	pserialize_read_exit(s);
}

/* A prefix that no packet is for comes and goes. */
static void
update(struct run *r, unsigned int i)
{
	const struct route_config cfg = {.prefix = {240, (uint8_t)(i / 2)},
	    .plen = 24,
	    .type = ROUTE_BLACKHOLE,
	    .protocol = ROUTE_PROTO_STATIC};
	struct route_table *t = route_tables_main(r->tables);

	if ((i % 2 == 0 ? route_table_add(t, &cfg, ROUTE_REPLACE)
			: route_table_remove(t, cfg.prefix, 24, NULL)) != 0)
		abort();
}

/* Nanoseconds of one packet. */
static double
measure(struct run *r, unsigned int way, size_t first, unsigned int updates)
{
	double ns = 0, start = route_lanes_cpu();

	for (uint32_t i = 0; i < ROUND; i += BURST) {
		burst(r, way, &r->packet[(first + i) % PACKETS]);
		if (updates == 0)
			continue;
		ns += route_lanes_cpu() - start;
		update(r, i / BURST);
		start = route_lanes_cpu();
	}
	return (ns + route_lanes_cpu() - start) / ROUND;
}

static void
report(const struct run *r, size_t class, unsigned int way, const double *ns)
{
	const struct route_lane l = {.kind = &kind, .mode = &ways[way]};
	const struct route_flowcache *c = r->cache[way];
	const uint64_t hits =
	    route_flowcache_counter_read(c, ROUTE_FLOWCACHE_HITS);
	const uint64_t all =
	    hits + route_flowcache_counter_read(c, ROUTE_FLOWCACHE_MISSES) +
	    route_flowcache_counter_read(c, ROUTE_FLOWCACHE_BYPASSED);

	route_lanes_begin(r->job, &l);
	printf("\"class\": \"%s\", \"way\": \"%s\", \"hits\": %.3f, ",
	    classes[class].name, ways[way].name,
	    all > 0 ? (double)hits / (double)all : 0);
	route_lanes_end(ns, r->job->rounds);
}

/* All ways with caches of their own, each on the same packets, in turns. */
static void
compare(struct run *r, size_t class)
{
	const struct route_flowcache_config cfg = {.seed = 5};
	const unsigned int rounds = r->job->rounds;
	double *ns = calloc((size_t)WAYS * rounds, sizeof(*ns));
	unsigned int order[WAYS];
	uint64_t rnd = 3;

	if (ns == NULL)
		abort();
	set_rules(r, classes[class].rules);
	make_packets(r, classes[class].flows);
	for (unsigned int w = 0; w < WAYS; w++) {
		if (route_flowcache_create(r->tables, &cfg, &r->cache[w]) != 0)
			abort();
		for (unsigned int i = 0; i < WARM; i++)
			measure(r, w, (size_t)i * ROUND, classes[class].update);
	}
	for (unsigned int i = 0; i < rounds; i++) {
		route_lanes_shuffle(order, WAYS, &rnd);
		for (unsigned int k = 0; k < WAYS; k++)
			ns[order[k] * rounds + i] = measure(r, order[k],
			    (size_t)(WARM + i) * ROUND, classes[class].update);
	}
	for (unsigned int w = 0; w < WAYS; w++) {
		report(r, class, w, &ns[(size_t)w * rounds]);
		route_flowcache_destroy(r->cache[w]);
	}
	free(ns);
}

int
bench_route_flow(const struct route_job *job)
{
	static const struct proto *const protos[] = {&proto_nexthop, NULL};
	static const struct stack_config cfg = {
	    .name = "bench", .protos = protos, .stepped = true};
	struct run r = {.job = job};

	r.packet = calloc(PACKETS, sizeof(*r.packet));
	if (r.packet == NULL || stack_create(&cfg, &r.stack) != 0 ||
	    route_tables_create(r.stack, NETIF_AF_INET, &r.tables) != 0)
		abort();
	r.groups = nexthop_groups_of(r.stack);
	stack_control_enter(r.stack);
	fill(&r);
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		compare(&r, i);
	stack_control_exit(r.stack);
	if (r.sum == 0)
		abort(); /* nothing was found */
	route_tables_destroy(r.tables);
	stack_destroy(r.stack);
	free(r.packet);
	return 0;
}
