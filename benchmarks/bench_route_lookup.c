/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Cost of a lookup.  The lanes take turns in random order: each warms its own
 * tables up with the stream, and is then timed over one segment of it, which is
 * the same for all lanes of a round.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/bench.h"
#include "benchmarks/route_lanes.h"
#include "libsync/base/atomic.h"

#define SEGMENT (1U << 16)
#define WARM    100e6 /* ns at most; a structure that takes longer is slow */
#define CHAIN   (1U << 15)

/* Walks through more memory than any cache has, all the time. */
struct thrasher {
	pthread_t thread;
	uint64_t *memory;
	size_t words;
	SYNC_ATOMIC(bool) stop; /* [a] */
	bool runs;
};

static void *
thrash(void *arg)
{
	struct thrasher *t = arg;
	uint64_t sum = 0;

	route_lanes_pin_other();
	/* relaxed: only says stop; pthread_join orders what follows. */
	while (!sync_load_relaxed(&t->stop))
		for (size_t i = 0; i < t->words; i += 8)
			sum += t->memory[i]++;
	BENCH_KEEP(sum);
	return NULL;
}

static void
thrash_start(struct thrasher *t)
{
	*t = (struct thrasher){.words = (size_t)64 << 20 >> 3, .runs = true};
	t->memory = calloc(t->words, sizeof(*t->memory));
	if (t->memory == NULL ||
	    pthread_create(&t->thread, NULL, thrash, t) != 0)
		abort();
}

static void
thrash_stop(struct thrasher *t)
{
	if (!t->runs)
		return;
	/* relaxed: only says stop; pthread_join orders what follows. */
	sync_store_relaxed(&t->stop, true);
	pthread_join(t->thread, NULL);
	free(t->memory);
}

/* As many for each table as for one alone, or they would all fit in a cache. */
static size_t
stream_length(const struct route_job *job)
{
	return (size_t)ROUTE_KEYS * (job->tables < 8 ? job->tables : 8);
}

/* Looks n keys from the at-th on up, burst by burst in another table. */
static void
look_up(const struct route_job *job, const struct route_lane *l,
    const void *keys, size_t at, size_t n)
{
	union route_out out;
	const size_t length = stream_length(job);
	unsigned int table = 0;

	for (size_t i = 0; i < n; i += ROUTE_BURST) {
		l->kind->lookup(
		    l->table[table], route_keys_at(&job->set, keys, at), &out);
		BENCH_KEEP(&out);
		at = (at + ROUTE_BURST) % length;
		table = table + 1 == job->tables ? 0 : table + 1;
	}
}

static void
select_mode(const struct route_job *job, const struct route_lane *l)
{
	for (unsigned int i = 0; i < job->tables; i++)
		l->kind->select(l->table[i], l->mode->how);
}

/*
 * The whole stream once, as it would come again and again: what is then in the
 * caches is what stays there.
 */
static void
warm_up(const struct route_job *job, const struct route_lane *l,
    const void *keys, size_t at)
{
	const double start = route_lanes_cpu();

	for (size_t i = 0; i < stream_length(job); i += SEGMENT) {
		look_up(job, l, keys, (at + i) % stream_length(job), SEGMENT);
		if (route_lanes_cpu() - start > WARM)
			break;
	}
}

static double
time_lookups(const struct route_job *job, const struct route_lane *l,
    const void *keys, unsigned int round)
{
	const size_t at = (size_t)round * SEGMENT % stream_length(job);
	double start;

	select_mode(job, l);
	warm_up(job, l, keys, at + SEGMENT);
	start = route_lanes_cpu();
	look_up(job, l, keys, at, SEGMENT);
	return (route_lanes_cpu() - start) / SEGMENT;
}

/* Each key waits for the answer before. */
static double
time_chain(const struct route_job *job, const struct route_lane *l,
    const void *keys, unsigned int round)
{
	const size_t at = (size_t)round * SEGMENT % stream_length(job);
	uint64_t none = 0, answer = 0;
	uint8_t key6[16];
	uint32_t key4;
	union route_keys k = {.v4 = &key4};
	double start;

	if (job->set.family == 6)
		k.v6 = key6;
	select_mode(job, l);
	warm_up(job, l, keys, at + SEGMENT);
	/* Only we know that it is zero. */
	__asm__ __volatile__("" : "+r"(none));
	start = route_lanes_cpu();
	for (size_t i = 0; i < CHAIN; i++) {
		const union route_keys next =
		    route_keys_at(&job->set, keys, at + i);

		if (job->set.family == 4) {
			key4 = *next.v4 ^ (uint32_t)(answer & none);
		} else {
			memcpy(key6, next.v6, sizeof(key6));
			key6[0] ^= (uint8_t)(answer & none);
		}
		answer = l->kind->single(l->table[0], k);
	}
	return (route_lanes_cpu() - start) / CHAIN;
}

typedef double (*time_fn)(const struct route_job *job,
    const struct route_lane *l, const void *keys, unsigned int round);

static void
measure(const struct route_job *job, const struct route_lanes *all,
    enum route_stream stream, time_fn time_one)
{
	void *keys = route_keys_make(&job->set, stream, stream_length(job), 5);
	double *ns = calloc((size_t)all->n * job->rounds, sizeof(*ns));
	unsigned int order[ROUTE_LANES_MAX];
	uint64_t rnd = 1;

	if (ns == NULL)
		abort();
	for (unsigned int r = 0; r < job->rounds; r++) {
		route_lanes_shuffle(order, all->n, &rnd);
		for (unsigned int i = 0; i < all->n; i++)
			ns[order[i] * job->rounds + r] =
			    time_one(job, &all->lane[order[i]], keys, r);
	}
	for (unsigned int i = 0; i < all->n; i++) {
		const struct route_lane *l = &all->lane[i];

		route_lanes_begin(job, l);
		printf("\"stream\": \"%s\", \"right\": %.4f, "
		       "\"tables\": %u, \"bytes\": %zu, \"rib_bytes\": %zu, ",
		    route_keys_names[stream], l->right[stream], job->tables,
		    l->kind->bytes(l->table[0]),
		    l->kind->rib_bytes == NULL
			? 0
			: l->kind->rib_bytes(l->table[0]));
		route_lanes_end(&ns[i * job->rounds], job->rounds);
	}
	free(ns);
	free(keys);
}

static int
measure_all(const struct route_job *job, time_fn time_one)
{
	struct route_lanes all;
	struct thrasher t = {.runs = false};

	route_lanes_create(&all, job);
	if (job->thrash)
		thrash_start(&t);
	for (enum route_stream s = 0; s < ROUTE_STREAMS; s++) {
		fprintf(stderr, "time %s\n", route_keys_names[s]);
		measure(job, &all, s, time_one);
	}
	thrash_stop(&t);
	route_lanes_destroy(&all);
	return 0;
}

int
bench_route_lookup(const struct route_job *job)
{
	return measure_all(job, time_lookups);
}

int
bench_route_latency(const struct route_job *job)
{
	return measure_all(job, time_chain);
}

/* As many small tables as fit; -m says how small. */
int
bench_route_tables(const struct route_job *job)
{
	for (unsigned int n = 1; n <= job->tables; n *= 4) {
		struct route_job some = *job;
		struct route_lanes all;

		some.tables = n;
		fprintf(stderr, "%u tables\n", n);
		route_lanes_create(&all, &some);
		measure(&some, &all, ROUTE_PREFIX, time_lookups);
		route_lanes_destroy(&all);
	}
	return 0;
}

/* Against the number of routes: prefix-shaped keys, tables of one stream. */
int
bench_route_scale(const struct route_job *job)
{
	for (size_t n = 10; n / 10 < job->set.n; n *= 10) {
		struct route_job small = *job;
		struct route_lanes all;

		small.set.entry = malloc(job->set.n * sizeof(*small.set.entry));
		if (small.set.entry == NULL)
			abort();
		memcpy(small.set.entry, job->set.entry,
		    job->set.n * sizeof(*small.set.entry));
		route_set_cut(&small.set, n, 3);
		fprintf(stderr, "%zu routes\n", small.set.n);
		route_lanes_create(&all, &small);
		measure(&small, &all, ROUTE_PREFIX, time_lookups);
		route_lanes_destroy(&all);
		route_set_fini(&small.set);
	}
	return 0;
}
