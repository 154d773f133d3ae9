/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * All lookups that could meet all short histories of an IPv4 table with
 * addresses of three bits, in which blocks, ids and slots are used again as soon
 * as grace periods allow it.  test_fib4_lin.c has the histories without; here
 * tests/lin/replay.h takes each lookup through every later content of the block
 * that it holds.
 */

#include <stdio.h>

#include "tests/lin/replay.h"
#include "tests/stack/fib4_routes.h"

#define PREFIXES  ((2u << FIB4_PLEN_MAX) - 1)
#define ADDRESSES (1u << FIB4_PLEN_MAX)
#define CHANGED   (2 * PREFIXES) /* set each, remove each */
#define OPS       3u
#define ARENA     ROUTE_ARENA_STEP
#define BLOCKS    (ARENA / 8)

static struct scene {
	struct route_arena *a;
	struct fib4 *f;
	struct routes4 r;
	uint32_t answer[OPS + 1][ADDRESSES]; /* of each state */
	struct replay_change change[OPS];
	unsigned int commits;
	unsigned int address;
	unsigned long histories, schedules, wrong, kept;

	/* Blocks that could be found at some time, as they were then. */
	bool found[BLOCKS];
	uint64_t heads[BLOCKS];
	uint32_t leaf[BLOCKS][ADDRESSES];
} scene;

static uint32_t
address(unsigned int i)
{
	return i << (32 - FIB4_PLEN_MAX);
}

/* A lookup that comes to a block may come to one of longer prefixes, too. */
static const void *
block_to_read(const char *name, const void *last, size_t *size)
{
	(void)last;
	if (strcmp(name, "fib4_block") != 0)
		return NULL;
	*size = ARENA;
	return route_arena_at(scene.a, 0);
}

static uint64_t
look_up(void *arg)
{
	const struct scene *s = arg;

	return fib4_lookup(s->f, address(s->address));
}

static void
judge(void *arg, uint64_t got, const struct replay_run *run)
{
	struct scene *s = arg;
	bool ok = false;

	for (unsigned int k = 0; k <= s->commits && !ok; k++) {
		if (k > 0 && !replay_begun(run, &s->change[k - 1]))
			break;
		if (k < s->commits && replay_over(run, &s->change[k]))
			continue;
		ok = s->answer[k][s->address] == got;
	}
	s->wrong += !ok;
}

/* A block that is published says what it said when it was first. */
static void
keep_block(struct scene *s, const struct fib4_view *v, unsigned int i)
{
	/* relaxed: the only thread. */
	const uint32_t at =
	    sync_load_relaxed(&v->direct[FIB4_WORD(address(i))]);
	const uint32_t leaf = fib4_leaf(v, at, address(i), v->wide, fib4_count);
	uint64_t heads;

	cr_assert_lt(at, BLOCKS);
	memcpy(&heads, route_arena_at(s->a, at), sizeof(heads));
	if (!s->found[at]) {
		s->found[at] = true;
		s->heads[at] = heads;
		memset(s->leaf[at], 0xff, sizeof(s->leaf[at]));
		s->kept++;
	}
	cr_assert_eq(s->heads[at], heads, "block %u was changed", at);
	i %= 1u << (FIB4_PLEN_MAX - FIB4_DIRECT_BITS);
	if (s->leaf[at][i] == UINT32_MAX)
		s->leaf[at][i] = leaf;
	cr_assert_eq(s->leaf[at][i], leaf, "block %u was changed", at);
}

static void
keep_blocks(void *arg, unsigned int now)
{
	struct scene *s = arg;

	if (replay_grace_ends(now))
		memset(s->found, 0, sizeof(s->found));
	for (unsigned int i = 0; i < ADDRESSES; i++)
		/* relaxed: the only thread. */
		keep_block(s, sync_load_relaxed(&s->f->view), i);
}

/* Prefix p of all, shorter ones first; group 0 removes it. */
static bool
stage(struct scene *s, unsigned int p, uint32_t group)
{
	const unsigned int plen = 31u - (unsigned int)__builtin_clz(p + 1);
	const uint32_t key = plen == 0 ? 0 : (p + 1) << (32 - plen);
	bool there = true;

	if (group != 0)
		routes4_add(&s->r, key, plen, group);
	else
		there = routes4_remove(&s->r, key, plen);
	cr_assert_eq(routes4_stage(s->f, key, plen), 0);
	return there;
}

static void
foresee(struct scene *s)
{
	for (unsigned int i = 0; i < ADDRESSES; i++)
		s->answer[s->commits][i] = routes4_lookup(&s->r, address(i));
}

static void
reset(struct scene *s, unsigned int init)
{
	for (unsigned int p = 0; p < PREFIXES; p++)
		(void)stage(s, p, p + 1 == init ? init : 0);
	routes4_commit(&s->r, s->f);
	s->commits = 0;
	foresee(s);
}

static void
meet(struct scene *s, enum replay_grace grace)
{
	const uint64_t section = pserialize_read_enter();

	s->histories++;
	for (s->address = 0; s->address < ADDRESSES; s->address++)
		s->schedules += replay_readers(look_up, judge, s);
	pserialize_read_exit(section);
	if (grace == REPLAY_LATE) {
		memset(s->found, 0, sizeof(s->found));
		replay_each(keep_blocks, s);
	}
}

/* n changes, each a commit of its own, to a table with one route or none. */
static void
history(struct scene *s, unsigned int init, unsigned int code, unsigned int n,
    enum replay_grace grace)
{
	bool ok = true;

	reset(s, init);
	replay_begin(grace);
	for (unsigned int i = 0; i < n && ok; i++, code /= CHANGED) {
		const unsigned int op = code % CHANGED, p = op % PREFIXES;
		struct replay_change *c = &s->change[s->commits++];

		replay_turn();
		c->begin = replay_now();
		ok =
		    stage(s, p, op < PREFIXES ? 1 + PREFIXES * (i + 1) + p : 0);
		routes4_commit(&s->r, s->f);
		c->end = replay_now();
		foresee(s);
	}
	replay_end();
	if (ok)
		meet(s, grace);
}

static void
explore(struct scene *s, unsigned int n, enum replay_grace grace)
{
	unsigned int all = 1;

	for (unsigned int i = 0; i < n; i++)
		all *= CHANGED;
	for (unsigned int init = 0; init <= (n < 3 ? PREFIXES : 0); init++)
		for (unsigned int code = 0; code < all; code++)
			history(s, init, code, n, grace);
}

static void
begin(struct scene *s)
{
	uint32_t at;

	memset(s, 0, sizeof(*s));
	cr_assert_eq(route_arena_create(ARENA, &s->a), 0);
	cr_assert_eq(fib4_create(s->a, &s->f), 0);
	/* Have it mapped, all of it. */
	cr_assert_eq(route_arena_alloc(s->a, 8, 8, &at), 0);
	route_arena_free(s->a, at, 8);
	replay_region(route_arena_at(s->a, 0), ARENA);
	/* relaxed: the only thread. */
	replay_region(sync_load_relaxed(&s->f->view)->ext, 64);
	replay_where = block_to_read;
}

static void
end(struct scene *s)
{
	fprintf(stderr, "%lu histories, %lu schedules, %lu not linearizable\n",
	    s->histories, s->schedules, s->wrong);
	replay_no_region();
	fib4_destroy(s->f);
	route_arena_destroy(s->a);
	free(s->r.route);
}

Test(fib4_reuse, answers_are_those_of_an_instant, .timeout = 100)
{
	struct scene *s = &scene;

	begin(s);
	explore(s, 2, REPLAY_SOON);
	explore(s, 3, REPLAY_SOON);
	cr_assert_eq(s->wrong, 0);
	end(s);
}

Test(fib4_reuse, published_blocks_stay_as_they_are, .timeout = 100)
{
	struct scene *s = &scene;

	begin(s);
	explore(s, 2, REPLAY_LATE);
	cr_assert_eq(s->wrong, 0);
	cr_assert_gt(s->kept, s->histories);
	end(s);
}

Test(fib4_reuse, grace_periods_that_do_not_wait_are_caught, .timeout = 100)
{
	struct scene *s = &scene;

	begin(s);
	explore(s, 2, REPLAY_VOID);
	cr_assert_gt(s->wrong, 0);
	end(s);
}
