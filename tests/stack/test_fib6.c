/* SPDX-License-Identifier: BSD-2-Clause */

/* The compiled IPv6 table against a search through all routes. */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/route/arena.h"
#include "tests/stack/fib6_model.h"
#include "tests/stress.h"

#define LIMIT  ((size_t)256 << 20)
#define PROBES 48u /* three passes of a batch */

struct scene {
	struct route_arena *arena;
	struct fib6 *f;
	struct model m;
};

static const char *const bodies[] = {"portable", "avx2", "avx512", "neon"};
#define BODIES (sizeof(bodies) / sizeof(bodies[0]))

static struct scene
scene_create(uint64_t seed)
{
	struct scene s = {.m = {.seed = seed}};

	cr_assert_eq(route_arena_create(LIMIT, &s.arena), 0);
	cr_assert_eq(fib6_create(s.arena, &s.f), 0);
	return s;
}

static void
scene_destroy(struct scene *s)
{
	struct route_arena_stats st;

	fib6_destroy(s->f);
	route_arena_settle(s->arena);
	route_arena_stats(s->arena, &st);
	cr_assert_eq(st.used, 0);
	route_arena_destroy(s->arena);
	model_fini(&s->m);
}

static void
check_one(struct scene *s, struct model_addr a)
{
	const uint64_t c = pserialize_read_enter();
	const uint32_t got = fib6_lookup(s->f, a.hi, a.lo);

	pserialize_read_exit(c);
	cr_assert_eq(got, model_lookup(&s->m, a), "%016lx%016lx",
	    (unsigned long)a.hi, (unsigned long)a.lo);
}

/* An address at or near a random route, or anywhere. */
static struct model_addr
some_addr(struct scene *s)
{
	const struct model_route *r;
	const uint64_t x = model_rnd(&s->m);

	if (s->m.n == 0 || x % 8 == 0)
		return (struct model_addr){model_rnd(&s->m), model_rnd(&s->m)};
	r = &s->m.r[x / 8 % s->m.n];
	return model_near(&s->m, r->a, r->plen);
}

/* Single and batch lookups of some addresses. */
static void
check_some(struct scene *s, unsigned int n)
{
	uint64_t dst[PROBES][2];
	uint32_t got[PROBES + 1];
	uint64_t c;

	cr_assert_leq(n, PROBES);
	for (unsigned int i = 0; i < n; i++) {
		const struct model_addr a = some_addr(s);

		check_one(s, a);
		dst[i][0] = a.hi;
		dst[i][1] = a.lo;
	}
	got[n] = 0x5a5a5a5a;
	c = pserialize_read_enter();
	fib6_lookup_batch(s->f, (const uint64_t(*)[2])dst, got, n);
	for (unsigned int i = 0; i < n; i++)
		cr_assert_eq(got[i], fib6_lookup(s->f, dst[i][0], dst[i][1]));
	pserialize_read_exit(c);
	cr_assert_eq(got[n], 0x5a5a5a5a);
}

/* Few bits vary, so prefixes nest and share edges. */
static struct model_addr
crowded_addr(struct scene *s)
{
	static const uint64_t hi[] = {0, UINT64_C(0x20010db800000000),
	    UINT64_C(0x20010db8ffff0000), UINT64_C(0x2a00100000000000),
	    UINT64_MAX};
	static const uint64_t lo[] = {0, 1, UINT64_C(0x8000000000000000),
	    UINT64_C(0x00000fffffffffff), UINT64_MAX};
	const uint64_t x = model_rnd(&s->m);
	struct model_addr a = {hi[x % 5], lo[x / 5 % 5]};

	a.hi ^= (x >> 32 & 3) << (x >> 16) % 63;
	a.lo ^= (x >> 34 & 3) << (x >> 24) % 63;
	return a;
}

/* Lengths as in a table of today's, and some of every other. */
static unsigned int
usual_plen(struct scene *s)
{
	const uint64_t x = model_rnd(&s->m);

	switch (x % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
		return 48;
	case 7:
	case 8:
	case 9:
		return 32;
	case 10:
		return 40;
	case 11:
		return 44;
	case 12:
	case 13:
		return 29 + x / 16 % 20;
	case 14:
		return x / 16 % 4 == 0 ? 20 + x / 64 % 12 : 36;
	default:
		return x / 16 % 4 == 0 ? 49 + x / 64 % 80 : 32;
	}
}

static struct model_addr
usual_addr(struct scene *s)
{
	const uint64_t x = model_rnd(&s->m);

	return (struct model_addr){
	    UINT64_C(0x2000000000000000) | (x % 7 << 57) | (x / 7 % 5 << 52) |
		(x / 64 % 50 << 32) | (model_rnd(&s->m) & 0xffffffff),
	    model_rnd(&s->m)};
}

Test(fib6, table_without_routes_knows_none)
{
	struct scene s = scene_create(1);

	check_some(&s, 0);
	check_some(&s, PROBES);
	scene_destroy(&s);
}

Test(fib6, prefixes_of_all_lengths_in_one_another)
{
	struct scene s = scene_create(2);
	const struct model_addr a = {
	    UINT64_C(0x20010db812345678), UINT64_C(0x9abcdef011223344)};

	for (unsigned int plen = 0; plen <= 128; plen++) {
		model_stage(&s.m, s.f, a, plen, 1 + plen);
		model_commit(&s.m, s.f);
		check_one(&s, a);
		check_some(&s, 17);
	}
	for (unsigned int i = 0; i <= 128; i++) {
		const unsigned int plen = i * 37 % 129;

		model_stage(&s.m, s.f, a, plen, FIB_NONE);
		model_commit(&s.m, s.f);
		check_one(&s, a);
		check_some(&s, 17);
	}
	cr_assert_eq(s.m.n, 0);
	scene_destroy(&s);
}

Test(fib6, each_prefix_alone_at_both_ends_of_the_addresses)
{
	struct scene s = scene_create(3);
	const struct model_addr all[] = {{0, 0}, {UINT64_MAX, UINT64_MAX}};

	for (unsigned int plen = 0; plen <= 128; plen++) {
		for (int i = 0; i < 2; i++) {
			model_stage(&s.m, s.f, all[i], plen, 1 + plen);
			model_commit(&s.m, s.f);
			check_some(&s, PROBES);
			model_stage(&s.m, s.f, all[i], plen, FIB_NONE);
			model_commit(&s.m, s.f);
			check_some(&s, 3);
		}
	}
	scene_destroy(&s);
}

static void
random_updates(struct scene *s, unsigned long n, bool crowded)
{
	while (n-- > 0) {
		const uint64_t x = model_rnd(&s->m);
		unsigned int edits = x % 8 == 0 ? 1 + x / 8 % 20 : 1;

		for (; edits > 0; edits--) {
			const struct model_addr a =
			    crowded ? crowded_addr(s) : usual_addr(s);
			const unsigned int plen =
			    crowded ? (unsigned int)(model_rnd(&s->m) % 129)
				    : usual_plen(s);
			const uint32_t group =
			    model_rnd(&s->m) % 3 == 0 || s->m.n > 600
				? FIB_NONE
				: 1 + (uint32_t)(model_rnd(&s->m) % 5);
			const struct model_route *r =
			    s->m.n > 0 && model_rnd(&s->m) % 2 == 0
				? &s->m.r[model_rnd(&s->m) % s->m.n]
				: NULL;

			if (r != NULL)
				model_stage(&s->m, s->f, r->a, r->plen, group);
			else
				model_stage(&s->m, s->f, a, plen, group);
		}
		model_commit(&s->m, s->f);
		check_some(s, x / 1024 % PROBES);
	}
}

Test(fib6, stress_random_updates_of_nested_prefixes)
{
	for (size_t i = 0; i < BODIES; i++) {
		struct scene s;

		cr_assert_eq(setenv("PSNET_FIB", bodies[i], 1), 0);
		s = scene_create(100 + i);
		random_updates(&s, stress_n(1500), true);
		scene_destroy(&s);
	}
}

Test(fib6, stress_random_updates_of_usual_prefixes)
{
	for (size_t i = 0; i < BODIES; i++) {
		struct scene s;

		cr_assert_eq(setenv("PSNET_FIB", bodies[i], 1), 0);
		s = scene_create(200 + i);
		random_updates(&s, stress_n(1500), false);
		scene_destroy(&s);
	}
}

/* So that trees of several levels grow, and shrink again. */
Test(fib6, many_prefixes_come_one_by_one_and_go)
{
	struct scene s = scene_create(5);
	const unsigned int n = 6000;
	struct fib_stats st;

	for (unsigned int i = 0; i < n; i++) {
		const struct model_addr a =
		    model_hi(UINT64_C(0x2001000000000000) +
			     ((uint64_t)(i * 7919u % n) << 16));

		model_stage(&s.m, s.f, a, 48, 1 + i % 7);
		model_commit(&s.m, s.f);
		if (i % 64 == 0)
			check_some(&s, 16);
	}
	check_some(&s, PROBES);
	fib6_stats(s.f, &st);
	cr_assert_lt(st.block_bytes, (size_t)n * 12);
	while (s.m.n > 0) {
		const struct model_route r = s.m.r[model_rnd(&s.m) % s.m.n];

		model_stage(&s.m, s.f, r.a, r.plen, FIB_NONE);
		model_commit(&s.m, s.f);
		if (s.m.n % 64 == 0)
			check_some(&s, 16);
	}
	fib6_stats(s.f, &st);
	cr_assert_eq(st.block_bytes, 0);
	cr_assert_eq(st.blocks, 0);
	scene_destroy(&s);
}

/* Routes that flap take no memory: the ranges of those that went are kept. */
Test(fib6, groups_change_in_place_until_leaves_are_worn)
{
	struct scene s = scene_create(8);
	const unsigned int n = 200;
	const uint64_t first = UINT64_C(0x2001000000000000);
	struct route_arena_stats st;
	size_t used;

	model_stage(&s.m, s.f, model_hi(first), 32, 999);
	for (unsigned int i = 0; i < n; i++)
		model_stage(&s.m, s.f, model_hi(first + ((uint64_t)i << 17)),
		    48, 1 + i);
	model_commit(&s.m, s.f);
	route_arena_stats(s.arena, &st);
	used = st.used;
	for (unsigned int i = 0; i < 3 * n; i++) {
		const uint32_t group = i % 3 == 1 ? FIB_NONE : 1000 + i % 3;

		model_stage(&s.m, s.f,
		    model_hi(first + ((uint64_t)(i / 3) << 17)), 48, group);
		model_commit(&s.m, s.f);
		check_some(&s, 16);
		route_arena_stats(s.arena, &st);
		cr_assert_eq(st.used, used);
		cr_assert_eq(st.waiting, 0);
	}
	while (s.m.n > 0) {
		const struct model_route r = s.m.r[model_rnd(&s.m) % s.m.n];

		model_stage(&s.m, s.f, r.a, r.plen, FIB_NONE);
		model_commit(&s.m, s.f);
		check_some(&s, 16);
	}
	route_arena_settle(s.arena);
	route_arena_stats(s.arena, &st);
	cr_assert_eq(st.used, 0);
	scene_destroy(&s);
}

Test(fib6, table_is_loaded_and_replaced_as_a_whole)
{
	struct scene s = scene_create(6);

	for (int round = 0; round < 4; round++) {
		while (s.m.n > 0 && round % 2 == 0) {
			const struct model_route r = s.m.r[s.m.n - 1];

			model_stage(&s.m, s.f, r.a, r.plen, FIB_NONE);
		}
		for (int i = 0; i < 3000; i++)
			model_stage(&s.m, s.f, usual_addr(&s), usual_plen(&s),
			    1 + (uint32_t)(model_rnd(&s.m) % 100));
		if (round > 1)
			model_stage(&s.m, s.f, model_hi(0), 0, 777);
		model_commit(&s.m, s.f);
		for (int i = 0; i < 40; i++)
			check_some(&s, PROBES);
	}
	scene_destroy(&s);
}

Test(fib6, what_is_aborted_leaves_no_trace)
{
	struct scene s = scene_create(7);
	struct fib_source after;
	struct fib_stats st;
	size_t bytes;

	random_updates(&s, 300, true);
	fib6_stats(s.f, &st);
	bytes = st.block_bytes;
	for (int i = 0; i < 200; i++) {
		struct model other = {.seed = model_rnd(&s.m)};

		for (size_t k = 0; k < s.m.n; k++)
			model_set(
			    &other, s.m.r[k].a, s.m.r[k].plen, s.m.r[k].group);
		after = model_source(&other);
		for (int k = 0; k < 1 + i % 9; k++)
			model_stage(&other, s.f, crowded_addr(&s),
			    (unsigned int)(model_rnd(&s.m) % 129),
			    (uint32_t)(model_rnd(&s.m) % 4));
		if (i % 2 == 0)
			cr_assert_eq(fib6_prepare(s.f, &after), 0);
		fib6_abort(s.f);
		check_some(&s, 16);
		model_fini(&other);
	}
	fib6_stats(s.f, &st);
	cr_assert_eq(st.block_bytes, bytes);
	model_stage(&s.m, s.f, model_hi(0), 128, 9);
	model_commit(&s.m, s.f);
	check_some(&s, PROBES);
	scene_destroy(&s);
}

/* More groups than local ids: leaves get wide, and narrow again. */
Test(fib6, more_groups_than_sixteen_bits_hold)
{
	struct scene s = scene_create(8);
	struct fib_stats st;

	for (uint32_t i = 0; i < 40000; i++)
		model_stage(&s.m, s.f,
		    model_hi(
			UINT64_C(0x2001000000000000) + ((uint64_t)i << 27)),
		    48, FIB_GROUPS_MAX - 1 - i);
	model_commit(&s.m, s.f);
	fib6_stats(s.f, &st);
	cr_assert_eq(st.leaf_bits, 32);
	for (int i = 0; i < 20; i++)
		check_some(&s, PROBES);
	for (uint32_t i = 0; i < 300; i++) {
		const struct model_addr a = {
		    UINT64_C(0x2001000000000000) +
			(model_rnd(&s.m) % 40000 << 27),
		    model_rnd(&s.m)};

		model_stage(
		    &s.m, s.f, a, 40 + i % 88, i % 3 == 0 ? FIB_NONE : 1 + i);
		model_commit(&s.m, s.f);
		check_one(&s, a);
		check_some(&s, 5);
	}
	for (size_t i = 0; i < s.m.n; i++)
		model_stage(&s.m, s.f, s.m.r[i].a, s.m.r[i].plen, 1 + i % 50);
	model_commit(&s.m, s.f);
	for (int i = 0; i < 20; i++)
		check_some(&s, PROBES);
	fib6_stats(s.f, &st);
	cr_assert_eq(st.leaf_bits, 16);
	scene_destroy(&s);
}

/* Stages in more numbers than a narrow leaf can name. */
Test(fib6, more_stages_than_fifteen_bits_name)
{
	struct scene s = scene_create(9);

	for (uint32_t i = 0; i < 34000; i++)
		model_stage(&s.m, s.f,
		    model_hi(
			UINT64_C(0x2001000000000000) + ((uint64_t)i << 16)),
		    64, 1 + i % 3);
	model_commit(&s.m, s.f);
	for (int i = 0; i < 20; i++)
		check_some(&s, PROBES);
	scene_destroy(&s);
}

Test(fib6, groups_come_and_go_for_ever)
{
	struct scene s = scene_create(10);
	struct fib_stats st;

	for (uint32_t i = 1; i < 70000; i++) {
		const struct model_addr a = model_hi(
		    UINT64_C(0x2001000000000000) + ((uint64_t)(i % 5) << 16));

		model_stage(&s.m, s.f, a, 48, i);
		model_commit(&s.m, s.f);
		check_one(&s, a);
	}
	fib6_stats(s.f, &st);
	cr_assert_lt(st.ids, 0x8000);
	scene_destroy(&s);
}
