/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What lookups lose while a thread on another processor changes routes, at a
 * pace of its own: rounds with updates and without take turns at random.
 */

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "benchmarks/bench.h"
#include "benchmarks/route_lanes.h"
#include "libsync/base/atomic.h"

#define SEGMENT (1U << 18)
#define PACE    5000.0 /* ns: 200,000 updates/s */

/* [c] constant  [o] the writer's  [a] atomic */
struct writer {
	const struct route_job *job;   /* [c] */
	const struct route_lane *lane; /* [c] */
	pthread_t thread;
	size_t done;            /* [o] until it has ended */
	double spent;           /* [o] ns with updates */
	SYNC_ATOMIC(bool) go;   /* [a] */
	SYNC_ATOMIC(bool) runs; /* [a] it is at work */
	SYNC_ATOMIC(bool) stop; /* [a] */
};

/* One of three: out, in again elsewhere, back. */
static void
update(struct writer *w, uint64_t *rnd, size_t *which)
{
	const struct route_set *s = &w->job->set;
	struct route_prefix e;

	if (w->done % 3 == 0)
		*which = route_random(rnd, s->n);
	e = s->entry[*which];
	if (w->done % 3 == 1)
		e.nexthop = e.nexthop % s->nexthop_max + 1;
	if ((w->done % 3 == 0 ? w->lane->kind->remove : w->lane->kind->add)(
		w->lane->table[0], &e) != 0)
		abort();
	w->done++;
}

static void *
write_routes(void *arg)
{
	struct writer *w = arg;
	uint64_t rnd = 17;
	size_t which = 0;

	route_lanes_pin_other();
	/* relaxed: only says stop; pthread_join orders what follows. */
	while (!sync_load_relaxed(&w->stop)) {
		const double start = route_lanes_wall();
		double next = start;

		/* relaxed: pace of a benchmark, it orders nothing. */
		while (sync_load_relaxed(&w->go)) {
			update(w, &rnd, &which);
			/* relaxed: as go. */
			sync_store_relaxed(&w->runs, true);
			next += PACE;
			while (route_lanes_wall() < next)
				continue;
		}
		/* relaxed: as go. */
		if (sync_load_relaxed(&w->runs))
			w->spent += route_lanes_wall() - start;
		/* relaxed: as go. */
		sync_store_relaxed(&w->runs, false);
		sched_yield();
	}
	while (w->done % 3 != 0) /* the table is whole again */
		update(w, &rnd, &which);
	return NULL;
}

static double
time_segment(const struct route_job *job, const struct route_lane *l,
    const void *keys, size_t at)
{
	union route_out out;
	const double start = route_lanes_cpu();

	for (size_t i = 0; i < SEGMENT; i += ROUTE_BURST) {
		l->kind->lookup(l->table[0],
		    route_keys_at(&job->set, keys, (at + i) % ROUTE_KEYS),
		    &out);
		BENCH_KEEP(&out);
	}
	return (route_lanes_cpu() - start) / SEGMENT;
}

static void
set_writer(struct writer *w, bool on)
{
	/* relaxed: pace of a benchmark, it orders nothing. */
	sync_store_relaxed(&w->go, on);
	/* relaxed: as go. */
	while (sync_load_relaxed(&w->runs) != on)
		sched_yield();
}

static void
measure(
    const struct route_job *job, const struct route_lane *l, const void *keys)
{
	struct writer w = {.job = job, .lane = l};
	const unsigned int n = 4 * job->rounds;
	double *ns[2] = {calloc(n, sizeof(double)), calloc(n, sizeof(double))};
	static const char *const names[2] = {"quiet", "updates"};
	struct route_job named = *job;
	uint64_t rnd = 19;

	if (ns[0] == NULL || ns[1] == NULL ||
	    pthread_create(&w.thread, NULL, write_routes, &w) != 0)
		abort();
	for (unsigned int r = 0; r < n; r++)
		for (unsigned int i = 0, first = route_random(&rnd, 2) != 0;
		     i < 2; i++) {
			const unsigned int on = first ^ i;

			set_writer(&w, on != 0);
			(void)time_segment(job, l, keys, r * SEGMENT);
			ns[on][r] = time_segment(job, l, keys, r * SEGMENT);
		}
	set_writer(&w, false);
	/* relaxed: only says stop; pthread_join orders what follows. */
	sync_store_relaxed(&w.stop, true);
	pthread_join(w.thread, NULL);
	for (unsigned int on = 0; on < 2; on++) {
		named.condition = names[on];
		route_lanes_begin(&named, l);
		printf("\"updates_per_s\": %.0f, ",
		    on ? (double)w.done / w.spent * 1e9 : 0);
		route_lanes_end(ns[on], n);
		free(ns[on]);
	}
}

int
bench_route_loss(const struct route_job *job)
{
	void *keys = route_keys_make(&job->set, ROUTE_PREFIX, ROUTE_KEYS, 23);
	struct route_lanes all;

	route_lanes_create(&all, job);
	for (unsigned int i = 0; i < all.n; i++)
		if (all.lane[i].kind->ours) /* the peers need other readers */
			measure(job, &all.lane[i], keys);
	route_lanes_destroy(&all);
	free(keys);
	return 0;
}
