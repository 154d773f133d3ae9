/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A reader of the IPv6 table against its writer.  The directory is by 16 bits,
 * short prefixes have up to two; the writer's routes are a handful.
 */

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "stack/route/arena.h"
#include "stack/route/fib6.h"
#include "tests/wsim/wsim.h"

#define ROUTES 48

struct route {
	uint64_t hi, lo;
	unsigned int plen;
	uint32_t group;
};

static struct route_arena *arena;
static struct fib6 *fib;
static struct route route[ROUTES]; /* [w] sorted, as a walk goes */
static unsigned int routes;

void *
mmap(void *at, size_t size, int prot, int flags, int fd, off_t off)
{
	void *p = aligned_alloc(4096, SYNC_ROUNDUP(size, 4096));

	(void)at, (void)prot, (void)flags, (void)fd, (void)off;
	if (p == NULL)
		return MAP_FAILED;
	memset(p, 0, size);
	return p;
}

int
munmap(void *p, size_t size)
{
	(void)p, (void)size;
	return 0;
}

int
mprotect(void *p, size_t size, int prot)
{
	(void)p, (void)size, (void)prot;
	return 0;
}

int
madvise(void *p, size_t size, int advice)
{
	(void)p, (void)size, (void)advice;
	return 0;
}

static uint64_t
ones(unsigned int n)
{
	return n == 0 ? 0 : n >= 64 ? UINT64_MAX : ~(UINT64_MAX >> n);
}

static bool
covers(const struct route *r, uint64_t hi, uint64_t lo)
{
	return (hi & ones(r->plen)) == r->hi &&
	       (r->plen <= 64 || (lo & ones(r->plen - 64)) == r->lo);
}

static void
load(const uint8_t *key, uint64_t *hi, uint64_t *lo)
{
	memcpy(hi, key, 8);
	memcpy(lo, key + 8, 8);
	*hi = be64toh(*hi);
	*lo = be64toh(*lo);
}

static void
store(const struct route *r, uint8_t key[16])
{
	const uint64_t x[2] = {htobe64(r->hi), htobe64(r->lo)};

	memcpy(key, x, sizeof(x));
}

static uint32_t
cover(void *arg, const uint8_t *key, unsigned int plen, unsigned int *found)
{
	uint32_t group = FIB_NONE;
	uint64_t hi, lo;

	(void)arg;
	load(key, &hi, &lo);
	*found = 0;
	for (unsigned int i = 0; i < routes; i++) {
		if (route[i].plen < plen && covers(&route[i], hi, lo)) {
			*found = route[i].plen;
			group = route[i].group;
		}
	}
	return group;
}

static int
walk(void *arg, const uint8_t *key, unsigned int plen, fib_walk_fn *fn,
    void *ctx)
{
	struct route top = {.plen = plen};
	uint8_t at[16];
	int error = 0;

	(void)arg;
	load(key, &top.hi, &top.lo);
	for (unsigned int i = 0; i < routes && error == 0; i++) {
		if (route[i].plen < plen ||
		    !covers(&top, route[i].hi, route[i].lo))
			continue;
		store(&route[i], at);
		error = fn(ctx, at, route[i].plen, route[i].group);
	}
	return error;
}

/* Group 0 removes the prefix. */
static void
stage(uint64_t hi, uint64_t lo, unsigned int plen, uint32_t group)
{
	const struct route r = {hi, lo, plen, group};
	unsigned int i = 0;
	uint8_t key[16];

	while (i < routes &&
	       (route[i].hi < hi || (route[i].hi == hi && route[i].lo < lo) ||
		   (route[i].hi == hi && route[i].lo == lo &&
		       route[i].plen < plen)))
		i++;
	if (i < routes && route[i].hi == hi && route[i].lo == lo &&
	    route[i].plen == plen)
		memmove(&route[i], &route[i + 1],
		    (--routes - i) * sizeof(route[0]));
	if (group != 0) {
		wsim_assert(routes < ROUTES);
		memmove(&route[i + 1], &route[i], (routes++ - i) * sizeof(r));
		route[i] = r;
	}
	store(&r, key);
	wsim_assert(fib6_stage(fib, key, plen) == 0);
}

static void
commit(void)
{
	const struct fib_source source = {.cover = cover, .walk = walk};

	wsim_assert(fib6_prepare(fib, &source) == 0);
	fib6_commit(fib);
}

static void
set(uint64_t hi, unsigned int plen, uint32_t group)
{
	stage(hi, 0, plen, group);
	commit();
}

static void
start(void)
{
	wsim_assert(route_arena_create(65536, &arena) == 0);
	wsim_assert(fib6_create(arena, &fib) == 0);
}

/* n prefixes of one word behind address 0, so that there are lines of lines. */
static void
fill(unsigned int n)
{
	for (unsigned int i = 1; i <= n; i++)
		stage((uint64_t)i << 32, 0, 32, 100 + i % 2);
	commit();
}

/* The answer for address 0, as a fibre's result. */
static void *
look(void *arg)
{
	const uint64_t s = pserialize_read_enter();
	const uint32_t found = fib6_lookup(fib, 0, 0);

	(void)arg;
	pserialize_read_exit(s);
	return (void *)(uintptr_t)found;
}

static uint32_t
join(int t)
{
	return (uint32_t)(uintptr_t)wsim_join(t);
}

/* The first line of a word. */
WSIM_TEST(line_is_whole)
{
	uint32_t found;
	int t;

	start();
	set(0, 16, 1);
	t = wsim_spawn(look, NULL);
	set(0, 24, 2);
	found = join(t);
	wsim_assert(found == 1 || found == 2);
}

/* A child is replaced by one store to the base above it. */
WSIM_TEST(base_leads_to_whole_children)
{
	uint32_t found;
	int t;

	start();
	fill(24);
	set(0, 32, 1);
	t = wsim_spawn(look, NULL);
	set(0, 40, 2);
	found = join(t);
	wsim_assert(found == 1 || found == 2);
}

/* A value of a leaf that stays. */
WSIM_TEST(value_changes_in_place)
{
	uint32_t found, before;
	int t;

	start();
	set(0, 24, 1);
	/* relaxed: of the writer itself. */
	before = sync_load_relaxed(&fib->dir[0].w);
	t = wsim_spawn(look, NULL);
	set(0, 24, 2);
	/* relaxed: as above. */
	wsim_assert(sync_load_relaxed(&fib->dir[0].w) == before);
	found = join(t);
	wsim_assert(found == 1 || found == 2);
}

/* A more specific comes, and the default's group changes. */
WSIM_TEST(short_prefix_is_fenced)
{
	uint32_t found;
	int t;

	start();
	set(0, 0, 1);
	t = wsim_spawn(look, NULL);
	set(0, 24, 2);
	set(0, 0, 3);
	found = join(t);
	wsim_assert(found == 1 || found == 2);
}

/* What the groups mean, to whoever gave out the numbers; not atomic. */
static uint32_t meaning[3];

/* The meaning of the answer for address 0, by one of the ways to look it up. */
static void *
look_what_it_means(void *batch)
{
	const uint64_t s = pserialize_read_enter();
	const uint64_t dst[1][2] = {{0, 0}};
	uint32_t found;

	if (batch != NULL)
		fib6_lookup_batch(fib, dst, &found, 1);
	else
		found = fib6_lookup(fib, 0, 0);
	found = meaning[found];
	pserialize_read_exit(s);
	return (void *)(uintptr_t)found;
}

/* Of the route that changes, plen bits long, with one of 24 bits, or without. */
static void
group_comes_after_its_meaning(unsigned int plen, bool beside, bool batch)
{
	uint32_t found;
	int t;

	start();
	meaning[1] = 10;
	if (beside)
		stage(UINT64_C(1) << 40, 0, 24, 5);
	set(0, plen, 1);
	t = wsim_spawn(look_what_it_means, batch ? fib : NULL);
	meaning[2] = 20;
	set(0, plen, 2);
	found = join(t);
	wsim_assert(found == 10 || found == 20);
}

WSIM_TEST(short_group_comes_after_its_meaning)
{
	group_comes_after_its_meaning(0, false, false);
}

WSIM_TEST(short_group_beside_a_leaf_comes_after_its_meaning)
{
	group_comes_after_its_meaning(0, true, false);
}

WSIM_TEST(short_group_of_a_batch_comes_after_its_meaning)
{
	group_comes_after_its_meaning(0, true, true);
}

WSIM_TEST(group_of_a_value_comes_after_its_meaning)
{
	group_comes_after_its_meaning(24, false, false);
}

WSIM_TEST(group_of_a_value_of_a_batch_comes_after_its_meaning)
{
	group_comes_after_its_meaning(24, false, true);
}

/* The value is of a line that was not there. */
WSIM_TEST(group_of_a_line_comes_after_its_meaning)
{
	group_comes_after_its_meaning(16, true, false);
}

/* The same in one commit, and the other way round. */
WSIM_TEST(short_prefix_changes_with_lines)
{
	uint32_t found;
	int t;

	start();
	set(0, 0, 1);
	set(0, 24, 2);
	t = wsim_spawn(look, NULL);
	stage(0, 0, 24, 0);
	stage(0, 0, 0, 3);
	commit();
	found = join(t);
	wsim_assert(found == 2 || found == 3);
}

/* Lines are used again, but not under a reader. */
WSIM_TEST(lines_are_used_again)
{
	uint32_t found;
	int t;

	start();
	set(0, 24, 1);
	t = wsim_spawn(look, NULL);
	set(UINT64_C(1) << 32, 32, 2);
	set(UINT64_C(1) << 32, 32, 0);
	route_arena_settle(arena);
	set(UINT64_C(1) << 32, 32, 3);
	found = join(t);
	wsim_assert(found == 1);
}

/* A stage, its number and the local ids in it come and go. */
WSIM_TEST(stages_come_and_go)
{
	uint32_t found;
	int t;

	start();
	set(0, 24, 1);
	t = wsim_spawn(look, NULL);
	set(0, 60, 2);
	set(0, 60, 0);
	set(0, 64, 3);
	found = join(t);
	wsim_assert(found >= 1 && found <= 3);
}

/* Groups without local ids: leaves that hold them. */
WSIM_TEST(leaves_widen)
{
	uint32_t found;
	int t;

	start();
	for (unsigned int i = 0; i < 6; i++)
		stage((uint64_t)i << 32, 0, 32, 1 + i);
	commit();
	t = wsim_spawn(look, NULL);
	for (unsigned int i = 6; i < 12; i++)
		stage((uint64_t)i << 32, 0, 32, 1 + i);
	stage(0, 0, 32, 20);
	commit();
	found = join(t);
	wsim_assert(found == 1 || found == 20);
}

/* What a lookup found is gone after its section, as a line is. */
static void *
look_late(void *arg)
{
	const uint64_t s = pserialize_read_enter();
	/* acquire: pairs with the release in fib6_commit(). */
	const uint32_t w = sync_load_acquire(&fib->dir[0].w);

	(void)arg;
	pserialize_read_exit(s);
	wsim_assert(FIB6_LEVELS(w) == 1);
	for (unsigned int i = 0; i < 4; i++)
		wsim_yield();
	return (void *)(uintptr_t)fib6_rank_leaf(
	    (const void *)&fib->lines[FIB6_NUMBER(w)], 0);
}

WSIM_MUST_FAIL(a_line_kept_beyond_the_section, WSIM_RACE)
{
	int t;

	start();
	set(0, 24, 1);
	t = wsim_spawn(look_late, NULL);
	for (uint32_t i = 2; i < 6; i++) {
		set((uint64_t)i << 32, 32, i);
		route_arena_settle(arena);
	}
	(void)wsim_join(t);
}
