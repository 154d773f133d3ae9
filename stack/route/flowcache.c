/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A set-associative table of four entries a set, in two cache lines.  The key
 * is all that a lookup depends on (struct route_flow); the value are the
 * numbers of two routes.  What becomes of a packet behind its route, groups,
 * ports and neighbours, is not kept: that is the same few words for all flows,
 * so that a link that goes down, or a neighbour that moves, costs no flow its
 * entry.
 *
 * An entry is made when a flow is met the second time, as told by a table of
 * tags in which a scan overwrites nothing but other tags.  It takes the place
 * of one that was not used since somebody last wanted a place in that set; if
 * all were, they are marked unused and nothing is kept.  So neither a million
 * flows of one packet nor as many of two push out a flow that is busier, and
 * there are no lists to move an entry in.
 *
 * Invariants
 *   I1  An entry of the present epoch holds what a lookup answered that began
 *       after the count of changes was read as it is in c->count.
 *   I2  It is used only if the count is read the same again, in the section of
 *       its use.
 *   I3  A set has no two entries of one key in one epoch.
 *
 * Why an answer from here is one that the tables gave during the call: take
 * the instant at which the count was read.  Had a change been published before
 * it that the answer misses, then its exit had raised the count before I1's
 * reading, and that lookup saw it; or it is under way, and the count is odd.
 * Nor can answers go back: who saw a change, and all whom he told, read a count
 * that its enter has raised.
 *
 * Why the route still exists: a writer removes it between enter and exit and
 * retires it after that.  A section that reads the old count misses the store
 * of enter, so that the grace period waits for it (pserialize_perform()).  The
 * number of a route names another one only after that.
 *
 * Ordering pairs
 *   CHANGE  route_change_exit(release) -> route_change_read(acquire): a lookup
 *           that begins after the count was read finds what was published
 *           before it was raised.  Otherwise an old answer is kept under the
 *           new count, for as long as there is no other change.
 *
 * Reclamation
 *   none: an entry refers to a route by number, and outlives it as garbage of
 *   an epoch that has passed.
 */

#include "stack/route/flowcache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "stack/route/flowcache_auto.h"
#include "stack/route/tables.h"

#define WAYS            4U
#define TAGS            7U /* of a set */
#define ENTRIES_DEFAULT 8192U
#define ENTRIES_MAX     (1U << 24)
#define USED            UINT64_C(1) /* in the last word of a key */
#define EPOCH           2U          /* the first, and the step */
#define EPOCH_MAX       0xffffU

/* key: dst and src; iif and member; mark, epoch and USED. */
struct entry {
	uint64_t key[3];
	uint32_t dst, src; /* numbers of routes; 0: none */
};

struct set {
	struct entry entry[WAYS];
} __attribute__((aligned(2 * SYNC_CACHELINE)));
_Static_assert(sizeof(struct set) == 2 * (size_t)SYNC_CACHELINE, "two lines");

/* Flows that were met once, lately. */
struct tags {
	uint16_t tag[TAGS];
	uint8_t tag_next, way_next; /* to be replaced */
};

/* [c] constant  [o] its worker  [a] written by its worker only */
struct route_flowcache {
	const struct route_tables *tables; /* [c] */
	struct route_answers answers;      /* [c] of them */
	void *memory;                      /* [c] of the next two */
	struct set *set;                   /* [c] entries: [o] */
	struct tags *tags;                 /* [c] of the sets: [o] */
	uint32_t sets;                     /* [c] a power of two */
	uint32_t seed;                     /* [c] */
	uint32_t epoch;                    /* [o] even, EPOCH .. EPOCH_MAX */
	uint64_t count;                    /* [o] see I1 */
	uint64_t (*clock)(void *arg);      /* [c] */
	void *clock_arg;                   /* [c] */
	struct route_flowcache_auto trial; /* [o] */
	SYNC_ATOMIC(uint64_t) counter[ROUTE_FLOWCACHE_COUNTERS]; /* [a] */
} __attribute__((aligned(SYNC_CACHELINE)));

/* A flow, prepared. */
struct probe {
	uint64_t key[3];
	uint32_t hash;
	struct set *set;
};

/* Those of a batch that are to be looked up. */
struct misses {
	unsigned int n, kept, refused;
	uint8_t at[ROUTE_RULE_BATCH];
	struct route_flow flow[ROUTE_RULE_BATCH];
};

static uint64_t
processor_clock(void *arg)
{
	(void)arg;
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_ia32_rdtsc();
#else
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
#endif
}

/* The tags follow the sets.  Memory that is not touched costs nothing. */
static int
create_sets(struct route_flowcache *c, uint32_t entries)
{
	const size_t size = entries * sizeof(struct entry);
	const uint32_t sets = entries / WAYS;
	uint8_t *bytes =
	    calloc(1, size + sets * sizeof(c->tags[0]) + sizeof(struct set));

	if (bytes == NULL)
		return -ENOMEM;
	c->memory = bytes;
	bytes += -(uintptr_t)bytes % sizeof(struct set);
	c->set = (struct set *)(void *)bytes;
	c->tags = (struct tags *)(void *)(bytes + size);
	c->sets = sets;
	return 0;
}

int
route_flowcache_create(const struct route_tables *ts,
    const struct route_flowcache_config *cfg, struct route_flowcache **out)
{
	const uint32_t entries =
	    cfg->entries != 0 ? cfg->entries : ENTRIES_DEFAULT;
	struct route_flowcache *c;

	if (entries < WAYS || entries > ENTRIES_MAX ||
	    (entries & (entries - 1)) != 0 ||
	    route_tables_answers(ts).af != NETIF_AF_INET)
		return -EINVAL;
	c = aligned_alloc(SYNC_CACHELINE, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	*c = (struct route_flowcache){
	    .tables = ts,
	    .answers = route_tables_answers(ts),
	    .seed = cfg->seed,
	    .epoch = EPOCH,
	    .clock = cfg->clock != NULL ? cfg->clock : processor_clock,
	    .clock_arg = cfg->clock_arg,
	};
	if (create_sets(c, entries) != 0) {
		free(c);
		return -ENOMEM;
	}
	route_flowcache_auto_init(&c->trial);
	*out = c;
	return 0;
}

void
route_flowcache_destroy(struct route_flowcache *c)
{
	free(c->memory);
	free(c);
}

/* --- Counters ----------------------------------------------------------- */

static void
count(struct route_flowcache *c, enum route_flowcache_counter i, uint64_t n)
{
	/* relaxed: only this worker writes it. */
	const uint64_t was = sync_load_relaxed(&c->counter[i]);

	/* relaxed: a number for show. */
	sync_store_relaxed(&c->counter[i], was + n);
}

uint64_t
route_flowcache_counter_read(
    const struct route_flowcache *c, enum route_flowcache_counter counter)
{
	/* relaxed: a number for show. */
	return sync_load_relaxed(&c->counter[counter]);
}

const char *
route_flowcache_counter_name(enum route_flowcache_counter counter)
{
	static const char *const names[ROUTE_FLOWCACHE_COUNTERS] = {
	    [ROUTE_FLOWCACHE_HITS] = "hits",
	    [ROUTE_FLOWCACHE_MISSES] = "misses",
	    [ROUTE_FLOWCACHE_INSERTS] = "inserts",
	    [ROUTE_FLOWCACHE_REFUSED] = "refused",
	    [ROUTE_FLOWCACHE_BYPASSED] = "bypassed",
	    [ROUTE_FLOWCACHE_FLUSHES] = "flushes",
	    [ROUTE_FLOWCACHE_SWITCHES] = "switches",
	};

	SYNC_REQUIRE(counter < ROUTE_FLOWCACHE_COUNTERS);
	return names[counter];
}

/* --- Entries ------------------------------------------------------------ */

static uint32_t
word(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t
mix(uint64_t h)
{
	h *= UINT64_C(0xbf58476d1ce4e5b9);
	h ^= h >> 29;
	h *= UINT64_C(0x94d049bb133111eb);
	return h ^ h >> 32;
}

static void
prepare(const struct route_flowcache *c, const struct route_flow *f,
    struct probe *out)
{
	uint64_t h;

	out->key[0] = (uint64_t)word(f->dst) << 32 | word(f->src);
	out->key[1] = (uint64_t)f->iif << 32 | f->member;
	out->key[2] = (uint64_t)f->mark << 32 | c->epoch;
	h = mix(out->key[0] ^ c->seed);
	h = mix(h ^ out->key[1] ^ (uint64_t)f->mark << 16);
	out->hash = (uint32_t)(h >> 32);
	out->set = &c->set[out->hash & (c->sets - 1)];
	__builtin_prefetch(out->set, 1);
	__builtin_prefetch(&out->set->entry[WAYS / 2], 1);
}

/* The entry of p; NULL: there is none. */
static struct entry *
find(const struct probe *p)
{
	struct entry *e = p->set->entry;

	for (unsigned int i = 0; i < WAYS; i++, e++)
		if (((e->key[0] ^ p->key[0]) | (e->key[1] ^ p->key[1]) |
			((e->key[2] & ~USED) ^ p->key[2])) == 0)
			return e;
	return NULL;
}

/* Where a new entry may go; NULL: nowhere, until somebody asks again. */
static struct entry *
place(struct route_flowcache *c, struct set *s)
{
	struct tags *t = &c->tags[s - c->set];

	for (unsigned int i = 0; i < WAYS; i++)
		if ((uint32_t)(s->entry[i].key[2] & ~USED) != c->epoch)
			return &s->entry[i];
	for (unsigned int i = 0; i < WAYS; i++) {
		struct entry *e = &s->entry[t->way_next];

		t->way_next = (uint8_t)((t->way_next + 1U) % WAYS);
		if ((e->key[2] & USED) == 0)
			return e;
	}
	for (unsigned int i = 0; i < WAYS; i++)
		s->entry[i].key[2] &= ~USED;
	return NULL;
}

/* Is it the second time, as far as is known? */
static bool
met(struct route_flowcache *c, uint32_t hash)
{
	struct tags *t = &c->tags[hash & (c->sets - 1)];
	const uint16_t mine = (uint16_t)(hash >> 16);
	unsigned int same = 0;

	for (unsigned int i = 0; i < TAGS; i++)
		same += t->tag[i] == mine;
	if (same > 0)
		return true;
	t->tag[t->tag_next] = mine;
	t->tag_next = (uint8_t)((t->tag_next + 1U) % TAGS);
	return false;
}

/* Keep the answer for a flow that was not there when its batch began. */
static void
keep(struct route_flowcache *c, const struct probe *p, const struct route *dst,
    const struct route *src, struct misses *m)
{
	struct entry *e = NULL;

	if (find(p) != NULL)
		return; /* I3: its batch had it twice */
	if (met(c, p->hash))
		e = place(c, p->set);
	if (e == NULL) {
		m->refused++;
		return;
	}
	m->kept++;
	*e = (struct entry){.key = {p->key[0], p->key[1], p->key[2] | USED},
	    .dst = dst != NULL ? dst->group : 0,
	    .src = src != NULL ? src->group : 0};
}

/* --- Batches ------------------------------------------------------------ */

/* What is in the table was said of other tables than those of now. */
static void
flush(struct route_flowcache *c)
{
	count(c, ROUTE_FLOWCACHE_FLUSHES, 1);
	c->epoch += EPOCH;
	if (c->epoch <= EPOCH_MAX)
		return;
	memset(c->set, 0, c->sets * sizeof(c->set[0]));
	c->epoch = EPOCH;
}

/* May entries be used and made?  I1 and I2. */
static bool
current(struct route_flowcache *c)
{
	uint64_t now;

	if (!route_change_read(c->answers.change, &now))
		return false;
	if (now != c->count) {
		flush(c);
		c->count = now;
	}
	return true;
}

static void
look_up(struct route_flowcache *c, const struct probe *probe, struct misses *m,
    const struct route **dst, const struct route **src)
{
	const struct route *to[ROUTE_RULE_BATCH], *from[ROUTE_RULE_BATCH];
	unsigned int i;

	route_rule_lookup_batch(c->tables, m->flow, to, from, m->n);
	for (i = 0; i < m->n; i++) {
		dst[m->at[i]] = to[i];
		src[m->at[i]] = from[i];
		keep(c, &probe[m->at[i]], to[i], from[i], m);
	}
	count(c, ROUTE_FLOWCACHE_MISSES, m->n);
	count(c, ROUTE_FLOWCACHE_INSERTS, m->kept);
	count(c, ROUTE_FLOWCACHE_REFUSED, m->refused);
}

static void
cached(struct route_flowcache *c, const struct route_flow *flow,
    const struct route **dst, const struct route **src, unsigned int n)
{
	const struct route *const *way = c->answers.route;
	struct probe probe[ROUTE_RULE_BATCH];
	struct misses m;
	struct entry *e;
	unsigned int i;

	m.n = m.kept = m.refused = 0;
	for (i = 0; i < n; i++)
		prepare(c, &flow[i], &probe[i]);
	for (i = 0; i < n; i++) {
		e = find(&probe[i]);
		if (e == NULL) {
			m.flow[m.n] = flow[i];
			m.at[m.n++] = (uint8_t)i;
			continue;
		}
		dst[i] = way[e->dst];
		src[i] = way[e->src];
		if ((e->key[2] & USED) == 0)
			e->key[2] |= USED;
	}
	count(c, ROUTE_FLOWCACHE_HITS, n - m.n);
	if (m.n > 0)
		look_up(c, probe, &m, dst, src);
}

static void
look(struct route_flowcache *c, enum route_flowcache_way way,
    const struct route_flow *flow, const struct route **dst,
    const struct route **src, unsigned int n)
{
	if (way == ROUTE_FLOWCACHE_CACHED && current(c)) {
		cached(c, flow, dst, src, n);
		return;
	}
	count(c, ROUTE_FLOWCACHE_BYPASSED, n);
	route_rule_lookup_batch(c->tables, flow, dst, src, n);
}

void
route_flowcache_lookup_batch(struct route_flowcache *c,
    enum route_flowcache_mode mode, const struct route_flow *flow,
    const struct route **dst, const struct route **src, unsigned int n)
{
	enum route_flowcache_way way = ROUTE_FLOWCACHE_CACHED;
	uint64_t ticks = 0;
	bool timed = false;

	SYNC_ASSERT(pserialize_in_read_section());
	SYNC_ASSERT(n <= ROUTE_RULE_BATCH);
	if (n == 0)
		return;
	if (mode == ROUTE_FLOWCACHE_OFF) {
		route_rule_lookup_batch(c->tables, flow, dst, src, n);
		return;
	}
	if (mode == ROUTE_FLOWCACHE_AUTO)
		way = route_flowcache_auto_next(&c->trial, &timed);
	if (timed)
		ticks = c->clock(c->clock_arg);
	look(c, way, flow, dst, src, n);
	if (timed)
		ticks = c->clock(c->clock_arg) - ticks;
	if (mode == ROUTE_FLOWCACHE_AUTO &&
	    route_flowcache_auto_tell(&c->trial, n, ticks))
		count(c, ROUTE_FLOWCACHE_SWITCHES, 1);
}
