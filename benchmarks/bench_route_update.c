/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Cost of an update, alone and in bulk.  An update counts until readers see it,
 * which here is when the call returns.  Prefixes are taken out and put back, so
 * that the table stays as it is; each call is timed by itself.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/route_lanes.h"

#define SAMPLES 20000U /* of a class, times rounds / 15 */
#define TOGGLES 9U     /* of one /8 or of the default route */

/* Classes of prefix lengths: what is behind one's last is in the next. */
static const struct {
	const char *name;
	unsigned int last[2]; /* of IPv4, of IPv6 */
} classes[] = {
    {"short", {8, 19}},
    {"aliased", {12, 31}},
    {"medium", {17, 39}},
    {"usual", {24, 48}},
    {"long", {32, 128}},
};

#define CLASSES (sizeof(classes) / sizeof(classes[0]))
#define ANY     CLASSES

struct samples {
	double *ns;
	size_t n, room;
};

static int
by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
quantile(struct samples *s, double share)
{
	const double at = share * (double)(s->n - 1);

	qsort(s->ns, s->n, sizeof(*s->ns), by_value);
	return s->ns[(size_t)at];
}

/* What reading the clock twice takes. */
static double
clock_cost(void)
{
	double ns[1001];
	struct samples s = {ns, 1001, 1001};

	for (size_t i = 0; i < s.n; i++) {
		const double start = route_lanes_wall();

		ns[i] = route_lanes_wall() - start;
	}
	return quantile(&s, 0.5);
}

static void
timed(struct samples *s, const struct route_lane *l,
    int (*op)(void *table, const struct route_prefix *e),
    const struct route_prefix *e, double cost)
{
	const double start = route_lanes_wall();
	const int error = op(l->table[0], e);
	const double took = route_lanes_wall() - start - cost;

	if (error != 0) {
		fprintf(stderr, "%s: an update failed\n", l->kind->name);
		exit(1);
	}
	if (s->n < s->room)
		s->ns[s->n++] = took > 0 ? took : 0;
}

/* Out, in again with another next hop, replaced by the one it had. */
static void
toggle(struct samples *s, const struct route_lane *l,
    const struct route_prefix *e, uint32_t most, double cost)
{
	struct route_prefix other = *e;

	other.nexthop = e->nexthop % most + 1;
	timed(s, l, l->kind->remove, e, cost);
	timed(s, l, l->kind->add, &other, cost);
	timed(s, l, l->kind->add, e, cost);
}

static size_t
class_of(const struct route_set *s, const struct route_prefix *e)
{
	size_t c = 0;

	while (e->plen > classes[c].last[s->family == 6])
		c++;
	return c;
}

static void
report(const struct route_job *job, const struct route_lane *l,
    const char *class, const char *figure, double ns)
{
	route_lanes_begin(job, l);
	printf("\"class\": \"%s\", \"figure\": \"%s\", ", class, figure);
	route_lanes_end(&ns, 1);
}

static void
measure_class(const struct route_job *job, const struct route_lane *l,
    size_t class, double cost)
{
	const char *name = class == ANY ? "any" : classes[class].name;
	struct samples s = {.room = (size_t)SAMPLES * job->rounds / 15 + 3};
	uint64_t rnd = 11;
	size_t tries = 0;

	s.ns = malloc(s.room * sizeof(*s.ns));
	if (s.ns == NULL)
		abort();
	while (s.n + 3 <= s.room && tries++ < 64 * s.room) {
		const size_t i = route_random(&rnd, job->set.n);
		const struct route_prefix *e = &job->set.entry[i];

		if (l->refuse[i] == 0 &&
		    (class == ANY || class_of(&job->set, e) == class))
			toggle(&s, l, e, job->set.nexthop_max, cost);
	}
	if (s.n != 0) {
		report(job, l, name, "p50", quantile(&s, 0.5));
		report(job, l, name, "p90", quantile(&s, 0.9));
		report(job, l, name, "p99", quantile(&s, 0.99));
		report(job, l, name, "most", quantile(&s, 1));
	}
	free(s.ns);
}

/* The prefix of the table itself where it has it, else one made for this. */
static struct route_prefix
find(const struct route_set *set, const struct route_prefix *like, bool *there)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->entry[i].plen == like->plen &&
		    memcmp(set->entry[i].key, like->key, 16) == 0) {
			*there = true;
			return set->entry[i];
		}
	*there = false;
	return *like;
}

static double
median_of(const struct route_job *job, const struct route_lane *l,
    const struct route_prefix *like, double cost)
{
	double ns[3 * TOGGLES];
	struct samples s = {ns, 0, 3 * TOGGLES};
	bool there;
	const struct route_prefix e = find(&job->set, like, &there);

	if (!there && l->kind->add(l->table[0], &e) != 0)
		return -1; /* rte_lpm has no default route */
	for (unsigned int i = 0; i < TOGGLES; i++)
		toggle(&s, l, &e, job->set.nexthop_max, cost);
	if (!there && l->kind->remove(l->table[0], &e) != 0)
		abort();
	return quantile(&s, 0.5);
}

/* The /8 of IPv4 that takes longest, by the median of its updates. */
static void
measure_eights(
    const struct route_job *job, const struct route_lane *l, double cost)
{
	double most = 0;

	for (unsigned int i = 1; i < 224; i++) {
		const struct route_prefix like = {
		    .key = {(uint8_t)i}, .plen = 8, .nexthop = 1};
		const double ns = median_of(job, l, &like, cost);

		most = ns > most ? ns : most;
	}
	report(job, l, "/8", "most", most);
}

static bool
is_quick(const struct route_lane *l)
{
	/* Some hundred microseconds each: the point is made by a few. */
	return strcmp(l->kind->name, "rte_lpm_rules") != 0;
}

int
bench_route_update(const struct route_job *job)
{
	const struct route_prefix all_of_it = {.plen = 0, .nexthop = 1};
	const double cost = clock_cost();
	struct route_lanes all;
	double ns;

	route_lanes_create(&all, job);
	for (unsigned int i = 0; i < all.n; i++) {
		const struct route_lane *l = &all.lane[i];
		struct route_job less = *job;

		if (i > 0 && l->table == l[-1].table)
			continue; /* its modes are of lookups */
		if (l->refused != 0 || l->kind->add == NULL)
			continue; /* it cannot put back what it loses */
		fprintf(stderr, "update %s\n", l->kind->name);
		less.rounds = is_quick(l) ? job->rounds : 1;
		/* First: what the others free lies all over the heap, and is cold. */
		ns = median_of(job, l, &all_of_it, cost);
		if (ns >= 0)
			report(job, l, "default", "p50", ns);
		for (size_t c = 0; c <= CLASSES; c++)
			measure_class(&less, l, c, cost);
		if (job->set.family == 4 && is_quick(l))
			measure_eights(job, l, cost);
	}
	route_lanes_destroy(&all);
	return 0;
}

static void
load(const struct route_job *job, const struct route_kind *k)
{
	const unsigned int rounds = k->ours ? job->rounds / 3 + 1 : 1;
	struct route_lane l = {.kind = k, .mode = k->modes};

	l.refuse = calloc(job->set.n, 1);
	if (l.refuse == NULL)
		abort();
	for (unsigned int r = 0; r < rounds; r++) {
		const double start = route_lanes_cpu();
		void *table = k->create(k, &job->set, l.refuse);
		const double ns = route_lanes_cpu() - start;

		k->destroy(table);
		l.refused = 0;
		for (size_t i = 0; i < job->set.n; i++)
			l.refused += l.refuse[i];
		route_lanes_begin(job, &l);
		route_lanes_end(&ns, 1);
	}
	free(l.refuse);
}

int
bench_route_load(const struct route_job *job)
{
	for (const struct route_kind *const *k = route_kinds; *k != NULL; k++)
		if ((*k)->family == job->set.family && (*k)->add != NULL &&
		    route_lanes_wanted(job, (*k)->name)) {
			fprintf(stderr, "load %s\n", (*k)->name);
			load(job, *k);
		}
	return 0;
}

struct update {
	double second;
	bool withdraw;
	struct route_prefix entry;
};

static struct update *
read_trace(const struct route_job *job, size_t *n)
{
	FILE *f = fopen(job->trace, "r");
	struct update *u = NULL;
	size_t room = 0, size = 0;
	char *line = NULL, what[8], prefix[64], hop[64];

	if (f == NULL) {
		perror(job->trace);
		exit(1);
	}
	for (*n = 0; getline(&line, &size, f) > 0;) {
		struct update one;

		if (sscanf(line, "%lf %7s %63s %63s", &one.second, what, prefix,
			hop) < 3 ||
		    !route_set_parse(job->set.family, prefix, &one.entry))
			continue; /* of the other family */
		one.withdraw = what[0] == 'W';
		one.entry.nexthop = 1;
		for (const char *c = hop; *c != '\0'; c++)
			one.entry.nexthop =
			    (one.entry.nexthop * 33 + (uint8_t)*c) % 4095;
		one.entry.nexthop++;
		if (*n == room) {
			room = room == 0 ? 1024 : room * 2;
			u = realloc(u, room * sizeof(*u));
			if (u == NULL)
				abort();
		}
		u[(*n)++] = one;
	}
	free(line);
	fclose(f);
	return u;
}

/* Without a trace: the table, as fast as the fastest second ever recorded. */
static struct update *
made_trace(const struct route_job *job, size_t *n)
{
	struct update *u = malloc(job->set.n * sizeof(*u));
	uint64_t rnd = 13;

	if (u == NULL)
		abort();
	*n = job->set.n;
	for (size_t i = 0; i < *n; i++) {
		const size_t j = route_random(&rnd, i + 1);

		u[i].entry = u[j].entry;
		u[j].entry = job->set.entry[i];
	}
	for (size_t i = 0; i < *n; i++) {
		u[i].second = (double)i / 146036;
		u[i].withdraw = false;
	}
	return u;
}

/*
 * Replays the updates one by one, from an empty table.  Two figures: processor
 * time by the time that the updates took to come, and that of the second in
 * which it was the most.
 */
static void
replay(const struct route_job *job, struct route_lane *l,
    const struct update *u, size_t n)
{
	const double lasted = u[n - 1].second - u[0].second;
	double all = 0, most = 0;

	for (size_t i = 0; i < n;) {
		const double start = route_lanes_cpu();
		const uint64_t second = (uint64_t)(u[i].second - u[0].second);
		double took;

		for (; i < n && (uint64_t)(u[i].second - u[0].second) == second;
		     i++)
			if (u[i].withdraw) /* of what never came, too */
				(void)l->kind->remove(l->table[0], &u[i].entry);
			else if (l->kind->add(l->table[0], &u[i].entry) != 0)
				l->refused++;
		took = route_lanes_cpu() - start;
		most = took > most ? took : most;
		all += took;
	}
	if (lasted > 0 && lasted < 1)
		most /= lasted;
	report(job, l, "trace", "peak_share", most / 1e9 * 100);
	if (lasted > 0)
		report(job, l, "trace", "share", all / lasted / 1e9 * 100);
	report(job, l, "trace", "each", all / (double)n);
}

int
bench_route_trace(const struct route_job *job)
{
	size_t n = 0;
	struct update *u =
	    job->trace != NULL ? read_trace(job, &n) : made_trace(job, &n);
	struct route_set none = job->set;

	if (n == 0) {
		fprintf(stderr, "the trace has no updates\n");
		return 1;
	}
	none.n = 0;
	none.room = n;
	for (const struct route_kind *const *k = route_kinds; *k != NULL; k++) {
		struct route_lane l = {.kind = *k, .mode = (*k)->modes};
		void *table;

		if ((*k)->family != job->set.family || (*k)->add == NULL ||
		    !route_lanes_wanted(job, (*k)->name))
			continue;
		fprintf(stderr, "replay %s\n", (*k)->name);
		table = (*k)->create(*k, &none, NULL);
		l.table = &table;
		replay(job, &l, u, n);
		(*k)->destroy(table);
	}
	free(u);
	return 0;
}
