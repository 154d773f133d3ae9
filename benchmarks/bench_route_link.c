/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A link goes down under a full table: how long until a packet takes the other
 * path, and how many words were stored for it.  A reader on another processor
 * forwards packets of one flow, one by one, and notes when its path changes.
 */

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "benchmarks/bench.h"
#include "benchmarks/route_lanes.h"
#include "libsync/base/atomic.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/nexthop/group.h"
#include "stack/nexthop/resolve.h"

#define FAILURES 1001U /* times rounds / 15 */
#define SEEN(x)  ((uint64_t)(x) | 1)

/* [c] constant  [a] atomic */
struct forwarder {
	const struct route_job *job; /* [c] */
	void *table;                 /* [c] */
	struct nexthop_groups *g;    /* [c] */
	const void *keys;            /* [c] */
	uint32_t group;              /* [c] */
	SYNC_ATOMIC(uint32_t) port;  /* [a] of the last packet */
	SYNC_ATOMIC(uint64_t) since; /* [a] ns, odd: when it became that */
	SYNC_ATOMIC(bool) stop;      /* [a] */
};

static uint32_t
forward(struct forwarder *f, size_t i)
{
	const union route_keys key =
	    route_keys_at(&f->job->set, f->keys, i % ROUTE_KEYS);
	/* All routes have one next hop, which is our group. */
	const uint32_t id =
	    route_ours4_best.single(f->table, key) == 0 ? 0 : f->group;
	const uint64_t s = pserialize_read_enter();
	const struct nexthop_slot *slot = nexthop_resolve(f->g, NULL, id, 7);
	const uint32_t port = slot == NULL ? 0 : slot->netif;

	pserialize_read_exit(s);
	return port;
}

static void *
forward_all(void *arg)
{
	struct forwarder *f = arg;
	uint32_t last = 0;

	route_lanes_pin_other();
	/* relaxed: only says stop; pthread_join orders what follows. */
	for (size_t i = 0; !sync_load_relaxed(&f->stop); i++) {
		const uint32_t port = forward(f, i);

		if (port == last)
			continue;
		/* relaxed: the release of port orders it. */
		sync_store_relaxed(&f->since, SEEN(route_lanes_wall()));
		/* release: pairs with the acquire in wait_for. */
		sync_store_release(&f->port, port);
		last = port;
	}
	return NULL;
}

/* When the packets began to leave by this port. */
static double
wait_for(struct forwarder *f, uint32_t port)
{
	/* acquire: pairs with the release in forward_all. */
	while (sync_load_acquire(&f->port) != port)
		continue;
	/* relaxed: ordered by port. */
	return (double)sync_load_relaxed(&f->since);
}

static uint32_t
make_group(struct nexthop_groups *g)
{
	const struct nexthop_hop hops[2] = {
	    {.kind = NEXTHOP_VIA,
		.af = NETIF_AF_INET,
		.weight = 1,
		.netif = 1,
		.gateway = {192, 0, 2, 1}},
	    {.kind = NEXTHOP_VIA,
		.af = NETIF_AF_INET,
		.weight = 1,
		.netif = 2,
		.gateway = {198, 51, 100, 1}},
	};
	const struct nexthop_group_config cfg = {.hops = hops, .nhops = 2};
	uint32_t id;

	if (nexthop_group_acquire(g, &cfg, &id) != 0)
		abort();
	return id;
}

static int
by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
report(const struct route_job *job, const char *figure, double value)
{
	const struct route_lane l = {
	    .kind = &route_ours4_best, .mode = route_ours4_best.modes};

	route_lanes_begin(job, &l);
	printf("\"class\": \"link down\", \"figure\": \"%s\", ", figure);
	route_lanes_end(&value, 1);
}

static void
fail(struct forwarder *f, size_t n)
{
	double *ns = calloc(n, sizeof(*ns));
	struct nexthop_group_stats before, after;
	uint32_t first, other;

	if (ns == NULL)
		abort();
	/* acquire: pairs with the release in forward_all. */
	while ((first = sync_load_acquire(&f->port)) == 0)
		sched_yield();
	other = 3 - first;
	nexthop_group_stats(f->g, &before);
	for (size_t i = 0; i < n; i++) {
		double down;

		wait_for(f, first);
		down = route_lanes_wall();
		nexthop_group_port(f->g, first, false);
		ns[i] = wait_for(f, other) - down;
		nexthop_group_port(f->g, first, true);
	}
	nexthop_group_stats(f->g, &after);
	qsort(ns, n, sizeof(*ns), by_value);
	report(f->job, "p50", ns[n / 2]);
	report(f->job, "p99", ns[n * 99 / 100]);
	/* The bit of the port, and what was done to groups for it. */
	report(f->job, "stores",
	    1 + (double)(after.words - before.words + after.edits -
			 before.edits) /
		    (double)n);
	free(ns);
}

int
bench_route_link(const struct route_job *job)
{
	const struct nexthop_group_limits limits = {.workers = 1};
	struct forwarder f = {.job = job};
	struct route_set set = job->set;
	pthread_t thread;

	if (nexthop_group_create(&limits, NULL, NULL, &f.g) != 0)
		abort();
	f.group = make_group(f.g);
	for (size_t i = 0; i < set.n; i++)
		set.entry[i].nexthop = 1;
	f.table = route_ours4_best.create(&route_ours4_best, &set, NULL);
	f.keys = route_keys_make(&set, ROUTE_PREFIX, ROUTE_KEYS, 29);
	if (pthread_create(&thread, NULL, forward_all, &f) != 0)
		abort();
	fail(&f, (size_t)FAILURES * job->rounds / 15 + 1);
	/* relaxed: only says stop; pthread_join orders what follows. */
	sync_store_relaxed(&f.stop, true);
	pthread_join(thread, NULL);
	route_ours4_best.destroy(f.table);
	nexthop_group_destroy(f.g);
	free((void *)(uintptr_t)f.keys);
	return 0;
}
