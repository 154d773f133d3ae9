/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * All lookups that could meet all short histories of an IPv6 table.
 *
 * Addresses that differ in three bits, and the 15 prefixes that end behind one
 * of them: where those bits are makes them prefixes of the short ones, of the
 * directory, of a tree, of a stage, so that each kind covers each other.  Other
 * prefixes fill the tree until it has lines of lines.  tests/lin/replay.h has
 * the lookup meet the commits in all ways; an answer must be that of a state
 * that was there meanwhile.
 */

#include <stdio.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/route/arena.h"
#include "tests/lin/replay.h"
#include "tests/stack/fib6_model.h"
#include "tests/stress.h"

#define BITS      3u
#define PREFIXES  ((2u << BITS) - 1)
#define ADDRESSES (1u << BITS)
#define WATCHED   (ADDRESSES + 2) /* two that nothing changes, too */
#define CHANGED   (2 * PREFIXES)  /* set each, remove each */
#define OPS       3u
#define FILL      40u /* most of them */
#define ARENA     ROUTE_ARENA_STEP
#define LINES     (ARENA / 64)

/* Lengths of prefixes of 0 to 3 bits; those are the last bits of these. */
struct layout {
	const char *name;
	unsigned int plen[BITS + 1];
	unsigned int fill;
};

/* Short ones are up to FIB6_SHORT_BITS, then FIB6_DIR_BITS, then 32 a stage. */
static const struct layout layouts[] = {
    {"short, directory, tree", {0, 2, 15, 24}, 0},
    {"short, tree, tree, stage", {1, 20, 40, 60}, 0},
    {"lines of lines", {20, 22, 24, 26}, 40},
    {"short, lines, lines, last stage", {0, 18, 30, 120}, 24},
};
#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

struct look {
	struct scene *s;
	unsigned int i; /* of the addresses */
};

static struct scene {
	const struct layout *lay;
	struct route_arena *a;
	struct fib6 *f;
	struct model m;
	struct model_addr address[WATCHED];
	uint32_t group[PREFIXES + 1]; /* by 1 followed by the bits; 0: none */
	uint32_t answer[OPS + 1][WATCHED]; /* of each state */
	struct replay_change change[OPS];
	unsigned int commits;
	unsigned long histories, schedules, wrong;
	unsigned long followed; /* schedules in which something changed */

	/* Lines that could be found at some time, as they were then. */
	bool found[LINES];
	struct fib6_inner line[LINES];
	unsigned long lines;
} scene;

static struct model_addr
with_bit(struct model_addr a, unsigned int at)
{
	if (at < 64)
		a.hi |= UINT64_C(1) << (63 - at);
	else
		a.lo |= UINT64_C(1) << (127 - at);
	return a;
}

/* The address with the first n of the bits. */
static struct model_addr
address_of(const struct layout *lay, unsigned int bits, unsigned int n)
{
	struct model_addr a = {0, 0};

	for (unsigned int i = 0; i < n; i++)
		if ((bits >> (n - 1 - i) & 1) != 0)
			a = with_bit(a, lay->plen[i + 1] - 1);
	return a;
}

static unsigned int
length_of(unsigned int node)
{
	return 31u - (unsigned int)__builtin_clz(node);
}

/* Group 0 removes the prefix. */
static void
stage(struct scene *s, unsigned int node, uint32_t group)
{
	const unsigned int n = length_of(node);

	s->group[node] = group;
	model_stage(&s->m, s->f, address_of(s->lay, node - (1u << n), n),
	    s->lay->plen[n], group);
}

static void
foresee(struct scene *s, unsigned int state)
{
	for (unsigned int i = 0; i < ADDRESSES; i++) {
		unsigned int node = ADDRESSES + i;

		while (node > 1 && s->group[node] == 0)
			node /= 2;
		s->answer[state][i] = s->group[node];
	}
	for (unsigned int i = ADDRESSES; i < WATCHED; i++)
		s->answer[state][i] = model_lookup(&s->m, s->address[i]);
}

/* Prefixes beside all addresses but in their tree. */
static void
fill(struct scene *s)
{
	struct model_addr a = {0, 0};

	for (unsigned int i = 0; i < s->lay->fill; i++) {
		a = (struct model_addr){(uint64_t)(1 + i) << 16, 0};
		if (i % 2 != 0 && s->lay->plen[BITS] < 40)
			a = with_bit(a, s->lay->plen[BITS] - 1);
		model_stage(&s->m, s->f, a, 48, 1 + i % 3);
		if (i == 0)
			s->address[ADDRESSES] = a;
	}
	s->address[ADDRESSES + 1] = a;
	model_commit(&s->m, s->f);
}

/* A lookup that comes to a line has loaded its word, or the base above it. */
static const void *
line_to_read(const char *name, const void *last, size_t *size)
{
	const struct fib6_word *word = last;
	const uintptr_t in = (uintptr_t)last - (uintptr_t)scene.f->lines;
	const uint32_t w = word->w.v;

	if (strcmp(name, "fib6_line") != 0)
		return NULL;
	if (in < ARENA) {
		*size = 16 * SYNC_CACHELINE;
		return &scene.f->lines[w];
	}
	*size = SYNC_CACHELINE;
	return FIB6_LEVELS(w) != 0 ? &scene.f->lines[FIB6_NUMBER(w)] : NULL;
}

static void
begin(struct scene *s, const struct layout *lay)
{
	uint32_t at;

	*s = (struct scene){.lay = lay, .m = {.seed = 1}};
	cr_assert_eq(route_arena_create(ARENA, &s->a), 0);
	cr_assert_eq(fib6_create(s->a, &s->f), 0);
	/* Have it mapped, all of it. */
	cr_assert_eq(route_arena_alloc(s->a, 8, 8, &at), 0);
	route_arena_free(s->a, at, 8);
	replay_region(route_arena_at(s->a, 0), ARENA);
	replay_where = line_to_read;
	for (unsigned int i = 0; i < ADDRESSES; i++)
		s->address[i] = address_of(lay, i, BITS);
	fill(s);
}

static void
end(struct scene *s)
{
	fprintf(stderr,
	    "%s: %lu histories, %lu schedules, %lu not linearizable\n",
	    s->lay->name, s->histories, s->schedules, s->wrong);
	cr_assert_gt(s->followed, 1000);
	replay_no_region();
	fib6_destroy(s->f);
	route_arena_destroy(s->a);
	model_fini(&s->m);
}

static uint64_t
look_up(void *arg)
{
	const struct look *l = arg;
	const struct model_addr a = l->s->address[l->i];

	return fib6_lookup(l->s->f, a.hi, a.lo);
}

static void
judge(void *arg, uint64_t got, const struct replay_run *run)
{
	const struct look *l = arg;
	struct scene *s = l->s;
	bool ok = false;

	for (unsigned int k = 0; k <= s->commits && !ok; k++) {
		if (k > 0 && !replay_begun(run, &s->change[k - 1]))
			break;
		if (k < s->commits && replay_over(run, &s->change[k]))
			continue;
		ok = s->answer[k][l->i] == got;
	}
	s->wrong += !ok;
	s->followed += run->to != 0;
}

static void keep_word(struct scene *s, const struct fib6_word *word);

/* What can be found once must stay so: all but a base, and values of leaves. */
static void
keep_line(struct scene *s, uint32_t number, size_t from, size_t size)
{
	const uint8_t *line = (const uint8_t *)&s->f->lines[number];

	cr_assert_lt(number, LINES);
	if (!s->found[number]) {
		s->found[number] = true;
		memcpy(&s->line[number], line, SYNC_CACHELINE);
		s->lines++;
	}
	cr_assert_eq(
	    memcmp((const uint8_t *)&s->line[number] + from, line + from, size),
	    0, "line %u was changed", number);
}

static void
keep_leaf(struct scene *s, uint32_t number, bool wide)
{
	const struct fib6_leaf *n = (const void *)&s->f->lines[number];

	keep_line(s, number, 0, wide ? sizeof(*n) : sizeof(n->key));
	for (unsigned int i = 0; !wide && i <= FIB6_LEAF_KEYS; i++) {
		/* relaxed: the only thread. */
		const uint16_t v = sync_load_relaxed(&n->value[i].v);

		if ((v & FIB6_LEAF_STAGE) != 0)
			keep_word(s, &s->f->stages[v & ~FIB6_LEAF_STAGE]);
	}
}

static void
keep_tree(struct scene *s, uint32_t number, unsigned int levels, bool wide)
{
	const struct fib6_inner *n = &s->f->lines[number];
	uint32_t children = 1;

	if (levels == 1) {
		keep_leaf(s, number, wide);
		return;
	}
	keep_line(s, number, offsetof(struct fib6_inner, key), sizeof(n->key));
	for (unsigned int i = 0; i < FIB6_INNER_KEYS; i++) {
		cr_assert(i == 0 || n->key[i] > n->key[i - 1] ||
			  n->key[i] == INT32_MAX);
		children += n->key[i] != INT32_MAX;
	}
	for (uint32_t i = 0; i < children; i++)
		/* relaxed: the only thread. */
		keep_tree(
		    s, sync_load_relaxed(&n->base.w) + i, levels - 1, wide);
}

static void
keep_word(struct scene *s, const struct fib6_word *word)
{
	/* relaxed: the only thread. */
	const uint32_t w = sync_load_relaxed(&word->w);

	if (FIB6_LEVELS(w) != 0)
		keep_tree(
		    s, FIB6_NUMBER(w), FIB6_LEVELS(w), (w & FIB6_WIDE) != 0);
}

static void
keep_lines(void *arg, unsigned int now)
{
	struct scene *s = arg;

	if (replay_grace_ends(now))
		memset(s->found, 0, sizeof(s->found));
	for (unsigned int i = 0; i < WATCHED; i++)
		keep_word(
		    s, &s->f->dir[s->address[i].hi >> (64 - FIB6_DIR_BITS)]);
}

/* All lookups in the history that just ended. */
static void
meet(struct scene *s, enum replay_grace grace)
{
	replay_end();
	s->histories++;
	for (unsigned int i = 0; i < WATCHED; i++) {
		struct look l = {s, i};

		s->schedules += replay_readers(look_up, judge, &l);
	}
	if (grace == REPLAY_LATE) {
		memset(s->found, 0, sizeof(s->found));
		replay_each(keep_lines, s);
	}
}

/* The table has the routes of init only. */
static void
reset(struct scene *s, const unsigned int *init, unsigned int n)
{
	for (unsigned int node = 1; node <= PREFIXES; node++)
		if (s->group[node] != 0)
			stage(s, node, 0);
	for (unsigned int i = 0; i < n; i++)
		stage(s, init[i], 4 + init[i]);
	model_commit(&s->m, s->f);
	s->commits = 0;
	foresee(s, 0);
}

static void
commit(struct scene *s)
{
	struct replay_change *c = &s->change[s->commits++];

	replay_turn();
	c->begin = replay_now();
	model_commit(&s->m, s->f);
	c->end = replay_now();
	foresee(s, s->commits);
}

/* Apply a change; false if there is nothing to remove. */
static bool
change(struct scene *s, unsigned int op, unsigned int n)
{
	const unsigned int node = 1 + op % PREFIXES;

	if (op < PREFIXES) {
		stage(s, node, 4 + PREFIXES * (n + 1) + node);
		return true;
	}
	if (s->group[node] == 0)
		return false;
	stage(s, node, 0);
	return true;
}

/* Changes op[], two neighbours in one commit if that bit of together is set. */
static void
history(struct scene *s, const unsigned int *op, unsigned int n,
    unsigned int together, enum replay_grace grace)
{
	bool ok = true;

	replay_begin(grace);
	for (unsigned int i = 0; i < n && ok; i++) {
		ok = change(s, op[i], i);
		if (ok && (together >> i & 1) == 0)
			commit(s);
	}
	if (ok) {
		meet(s, grace);
		return;
	}
	model_commit(&s->m, s->f);
	replay_end();
}

/* The prefixes that changes are of, by number in the heap. */
static const unsigned int all[] = {
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
/* Those of address 0, and what lies beside them. */
static const unsigned int near[] = {1, 2, 3, 4, 5, 8, 9};

struct choice {
	const unsigned int *node;
	unsigned int n, changes;
};
static const struct choice two_of_all = {all, PREFIXES, 2};
static const struct choice three_near = {near, 7, 3};

/* All histories of such changes to a table with the routes of init. */
static void
histories(struct scene *s, const struct choice *c, const unsigned int *init,
    unsigned int ninit, enum replay_grace grace)
{
	unsigned int op[OPS], codes = 1, k;

	for (unsigned int i = 0; i < c->changes; i++)
		codes *= 2 * c->n;
	for (unsigned int code = 0; code < codes; code++) {
		unsigned int rest = code;

		for (unsigned int i = 0; i < c->changes; i++) {
			k = rest % (2 * c->n);
			op[i] =
			    c->node[k % c->n] - 1 + (k >= c->n ? PREFIXES : 0);
			rest /= 2 * c->n;
		}
		for (unsigned int t = 0; t < 1u << (c->changes - 1); t++) {
			reset(s, init, ninit);
			history(s, op, c->changes, t, grace);
		}
	}
}

/* To tables with no route, and with one. */
static void
explore(struct scene *s, const struct choice *c, enum replay_grace grace)
{
	histories(s, c, NULL, 0, grace);
	for (unsigned int i = 0; i < c->n; i++)
		histories(s, c, &c->node[i], 1, grace);
}

static void
must_be_linearizable(const struct layout *lay)
{
	struct scene *s = &scene;

	begin(s, lay);
	histories(s, &two_of_all, NULL, 0, REPLAY_LATE);
	explore(s, &three_near, REPLAY_SOON);
	if (FIB6_LOCAL_MAX > 64) /* once is enough */
		explore(s, &two_of_all, REPLAY_SOON);
	cr_assert_eq(s->wrong, 0);
	cr_assert_gt(s->lines, 100);
	end(s);
}

Test(fib6_lin, short_directory_tree, .timeout = 100)
{
	must_be_linearizable(&layouts[0]);
}

Test(fib6_lin, short_tree_stage, .timeout = 100)
{
	must_be_linearizable(&layouts[1]);
}

Test(fib6_lin, lines_of_lines, .timeout = 100)
{
	must_be_linearizable(&layouts[2]);
}

Test(fib6_lin, short_lines_last_stage, .timeout = 100)
{
	must_be_linearizable(&layouts[3]);
}

/* Grace periods that do not wait: short prefixes, lines, ids are seen change. */
Test(fib6_lin, grace_periods_that_do_not_wait_are_caught, .timeout = 100)
{
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct scene *s = &scene;

		begin(s, &layouts[i]);
		explore(s, &two_of_all, REPLAY_VOID);
		cr_assert_gt(s->wrong, 0);
		end(s);
	}
}
