/* SPDX-License-Identifier: BSD-2-Clause */

#include "benchmarks/route_lanes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHECKED 65536U /* keys of each kind; a multiple of ROUTE_BURST */
#define BRUTE   32U    /* of them by going through all prefixes */

bool
route_lanes_wanted(const struct route_job *job, const char *kind)
{
	const size_t n = strlen(kind);
	const char *at = job->kinds;

	if (at == NULL)
		return strcmp(kind, "rte_lpm_rules") != 0 &&
		       strstr(kind, " small") == NULL;
	for (; (at = strstr(at, kind)) != NULL; at++)
		if ((at == job->kinds || at[-1] == ',') &&
		    (at[n] == ',' || at[n] == '\0'))
			return true;
	return false;
}

static double
clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double
route_lanes_cpu(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

double
route_lanes_wall(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

void
route_lanes_shuffle(unsigned int *order, unsigned int n, uint64_t *rnd)
{
	for (unsigned int i = 0; i < n; i++) {
		const unsigned int j = (unsigned int)route_random(rnd, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
}

bool
route_lanes_pin(unsigned int at)
{
	static cpu_set_t all;
	static bool known;
	cpu_set_t one;

	if (!known &&
	    pthread_getaffinity_np(pthread_self(), sizeof(all), &all) != 0)
		return false;
	known = true;
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || at-- != 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		return pthread_setaffinity_np(
			   pthread_self(), sizeof(one), &one) == 0;
	}
	return false;
}

void
route_lanes_pin_other(void)
{
	if (route_lanes_pin(1))
		return;
	fprintf(stderr, "it needs two processors\n");
	_exit(77);
}

void
route_lanes_begin(const struct route_job *job, const struct route_lane *l)
{
	printf("{\"command\": \"%s\", \"condition\": \"%s\", \"family\": %u, "
	       "\"routes\": %zu, ",
	    job->command, job->condition, job->set.family, job->set.n);
	if (l == NULL)
		return;
	printf("\"kind\": \"%s\", \"mode\": \"%s\", \"ours\": %s, "
	       "\"vector\": %s, \"refused\": %zu, ",
	    l->kind->name, l->mode->name, l->kind->ours ? "true" : "false",
	    l->mode->vector ? "true" : "false", l->refused);
}

void
route_lanes_end(const double *ns, unsigned int n)
{
	printf("\"ns\": [");
	for (unsigned int i = 0; i < n; i++)
		printf("%s%.3f", i == 0 ? "" : ", ", ns[i]);
	printf("]}\n");
	fflush(stdout);
}

/* An address of e, or next to it: the first, the last, before, behind. */
static void
edge(const struct route_set *s, const struct route_prefix *e,
    unsigned int which, uint8_t key[16])
{
	unsigned int i = s->bits / 8;
	const unsigned int step = which == 2 ? 0xff : which == 3 ? 1 : 0;
	unsigned int carry = 0;

	memcpy(key, e->key, 16);
	if (which == 1 || which == 3)
		for (unsigned int b = e->plen; b < s->bits; b++)
			key[b / 8] |= (uint8_t)(1U << (7 - b % 8));
	if (step == 0)
		return;
	carry = step == 1 ? 1 : 0;
	while (i-- > 0) {
		const unsigned int sum =
		    key[i] + (step == 1 ? 0 : 0xffU) + carry;

		key[i] = (uint8_t)sum;
		carry = sum >> 8;
	}
}

static void *
edges(const struct route_set *s)
{
	uint32_t *keys = malloc((size_t)CHECKED * 16);
	uint64_t rnd = 7;

	if (keys == NULL)
		abort();
	for (size_t i = 0; i < CHECKED; i++) {
		const struct route_prefix *e =
		    &s->entry[route_random(&rnd, s->n)];
		uint8_t key[16];
		struct route_prefix copy = *e;

		edge(s, e, i % 4, key);
		memcpy(copy.key, key, 16);
		if (s->family == 4)
			keys[i] = route_set_index(&copy);
		else
			memcpy((uint8_t *)keys + 16 * i, key, 16);
	}
	return keys;
}

static bool
covers(const struct route_set *s, const struct route_prefix *e,
    union route_keys key)
{
	const unsigned int whole = e->plen / 8, left = e->plen % 8;

	if (s->family == 4)
		return e->plen == 0 ||
		       (*key.v4 ^ route_set_index(e)) >> (32 - e->plen) == 0;
	if (memcmp(key.v6, e->key, whole) != 0)
		return false;
	return left == 0 ||
	       ((key.v6[whole] ^ e->key[whole]) >> (8 - left)) == 0;
}

static uint32_t
brute(const struct route_set *s, union route_keys key)
{
	const struct route_prefix *best = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (covers(s, &s->entry[i], key) &&
		    (best == NULL || s->entry[i].plen > best->plen))
			best = &s->entry[i];
	return best == NULL ? 0 : best->nexthop;
}

static const struct route_kind *
reference(const struct route_set *s)
{
	return s->family == 4 ? &route_trie4 : &route_trie6;
}

/* How many of the keys the lane answers otherwise than the trie does. */
static size_t
wrong_answers(const struct route_set *s, const struct route_lane *l,
    const void *trie, const void *keys)
{
	union route_out out;
	size_t wrong = 0;

	for (size_t i = 0; i < CHECKED; i += ROUTE_BURST) {
		l->kind->lookup(l->table[0], route_keys_at(s, keys, i), &out);
		for (unsigned int j = 0; j < ROUTE_BURST; j++) {
			const union route_keys key =
			    route_keys_at(s, keys, i + j);
			const uint32_t right = reference(s)->single(trie, key);

			wrong += l->kind->decode(&out, j) != right ||
				 l->kind->single(l->table[0], key) != right;
		}
	}
	return wrong;
}

/* Of what it may hold all answers are right: how many are of the table? */
static double
right_share(const struct route_set *s, const struct route_lane *l,
    const void *trie, const void *keys)
{
	if (l->refused == 0)
		return 1;
	return 1 - (double)wrong_answers(s, l, trie, keys) / CHECKED;
}

static void
check_reference(const struct route_set *s, const void *trie, const void *keys)
{
	for (size_t i = 0; i < BRUTE; i++) {
		const union route_keys key =
		    route_keys_at(s, keys, i * (CHECKED / BRUTE));

		if (reference(s)->single(trie, key) == brute(s, key))
			continue;
		fprintf(stderr, "the binary trie is wrong\n");
		exit(1);
	}
}

static void
check(struct route_lanes *all, const struct route_job *job)
{
	const struct route_set *s = &job->set;
	void *keys[ROUTE_STREAMS + 1];
	void *trie = reference(s)->create(reference(s), s, NULL);

	for (unsigned int k = 0; k < ROUTE_STREAMS; k++)
		keys[k] = route_keys_make(s, k, CHECKED, 99 + k);
	keys[ROUTE_STREAMS] = edges(s);
	check_reference(s, trie, keys[ROUTE_PREFIX]);
	check_reference(s, trie, keys[ROUTE_STREAMS]);
	for (unsigned int i = 0; i < all->n; i++) {
		struct route_lane *l = &all->lane[i];
		void *have = trie;

		l->kind->select(l->table[0], l->mode->how);
		if (l->refused != 0)
			have = reference(s)->create(reference(s), s, l->refuse);
		for (unsigned int k = 0; k <= ROUTE_STREAMS; k++) {
			const size_t n = wrong_answers(s, l, have, keys[k]);

			if (k < ROUTE_STREAMS)
				l->right[k] = right_share(s, l, trie, keys[k]);

			if (n == 0)
				continue;
			fprintf(stderr, "%s %s: %zu of %u answers are wrong\n",
			    l->kind->name, l->mode->name, n, CHECKED);
			exit(1);
		}
		if (have != trie)
			reference(s)->destroy(have);
	}
	reference(s)->destroy(trie);
	for (unsigned int k = 0; k <= ROUTE_STREAMS; k++)
		free(keys[k]);
}

/* The same prefixes with other next hops, so that tables share nothing. */
static void
turn_nexthops(struct route_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->entry[i].nexthop = s->entry[i].nexthop % s->nexthop_max + 1;
}

static void
add_kind(struct route_lanes *all, const struct route_job *job,
    const struct route_kind *k)
{
	struct route_set s = job->set;
	uint8_t *refuse = calloc(s.n, 1);
	void **table = calloc(job->tables, sizeof(*table));
	size_t refused = 0;

	if (refuse == NULL || table == NULL)
		abort();
	s.entry = malloc(s.n * sizeof(*s.entry));
	if (s.entry == NULL)
		abort();
	memcpy(s.entry, job->set.entry, s.n * sizeof(*s.entry));
	for (unsigned int i = 0; i < job->tables; i++) {
		table[i] = k->create(k, &s, refuse);
		turn_nexthops(&s);
	}
	free(s.entry);
	for (size_t i = 0; i < s.n; i++)
		refused += refuse[i];
	for (const struct route_way *m = k->modes; m->name != NULL; m++)
		if (k->select(table[0], m->how) && all->n < ROUTE_LANES_MAX)
			all->lane[all->n++] = (struct route_lane){.kind = k,
			    .mode = m,
			    .table = table,
			    .refuse = refuse,
			    .refused = refused};
}

void
route_lanes_create(struct route_lanes *all, const struct route_job *job)
{
	*all = (struct route_lanes){.tables = job->tables};
	for (const struct route_kind *const *k = route_kinds; *k != NULL; k++)
		if ((*k)->family == job->set.family &&
		    route_lanes_wanted(job, (*k)->name)) {
			fprintf(stderr, "fill %s\n", (*k)->name);
			add_kind(all, job, *k);
		}
	fprintf(stderr, "check %u\n", all->n);
	check(all, job);
}

void
route_lanes_destroy(struct route_lanes *all)
{
	for (unsigned int i = 0; i < all->n; i++) {
		struct route_lane *l = &all->lane[i];

		if (i + 1 < all->n && l[1].table == l->table)
			continue;
		for (unsigned int t = 0; t < all->tables; t++)
			l->kind->destroy(l->table[t]);
		free(l->table);
		free(l->refuse);
	}
}
