/* SPDX-License-Identifier: BSD-2-Clause */

/* The compiled IPv4 table against all its routes. */

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#include "tests/stack/fib4_routes.h"
#include "tests/stress.h"

#define ARENA ((size_t)64 << 20)

struct scene {
	struct route_arena *a;
	struct fib4 *f;
	struct routes4 r;
};

static struct scene *
scene_new(void)
{
	struct scene *s = calloc(1, sizeof(*s));

	cr_assert_not_null(s);
	cr_assert_eq(route_arena_create(ARENA, &s->a), 0);
	cr_assert_eq(fib4_create(s->a, &s->f), 0);
	return s;
}

static void
scene_end(struct scene *s)
{
	fib4_destroy(s->f);
	route_arena_destroy(s->a);
	free(s->r.route);
	free(s);
}

static void
set(struct scene *s, uint32_t key, unsigned int plen, uint32_t group)
{
	routes4_add(&s->r, key, plen, group);
	cr_assert_eq(routes4_stage(s->f, key, plen), 0);
}

static void
unset(struct scene *s, uint32_t key, unsigned int plen)
{
	cr_assert(routes4_remove(&s->r, key, plen));
	cr_assert_eq(routes4_stage(s->f, key, plen), 0);
}

/* A random change; as often as not of a prefix that is there. */
static void
change(struct scene *s)
{
	uint32_t key;
	unsigned int plen;

	routes4_pick(&s->r, &key, &plen);
	if (s->r.n > 0 && routes4_random(&s->r) % 2 == 0) {
		const struct route4 *p =
		    &s->r.route[routes4_random(&s->r) % s->r.n];

		key = p->key;
		plen = p->plen;
		if (routes4_random(&s->r) % 4 != 0) {
			unset(s, key, plen);
			return;
		}
	}
	set(s, key, plen, routes4_random(&s->r) % 20);
}

Test(fib4, empty_table_has_no_route)
{
	struct scene *s = scene_new();

	routes4_check(&s->r, s->f, 1000);
	scene_end(s);
}

Test(fib4, every_length_is_found_and_removed)
{
	struct scene *s = scene_new();

	for (unsigned int plen = 0; plen <= 32; plen++) {
		set(s, 0x0a0a8a8b & routes4_mask(plen), plen, plen + 1);
		routes4_commit(&s->r, s->f);
		routes4_check(&s->r, s->f, 40);
	}
	for (unsigned int plen = 0; plen <= 32; plen++) {
		const unsigned int victim = plen * 7 % 33;

		unset(s, 0x0a0a8a8b & routes4_mask(victim), victim);
		routes4_commit(&s->r, s->f);
		routes4_check(&s->r, s->f, 40);
	}
	cr_assert_eq(s->r.n, 0);
	scene_end(s);
}

Test(fib4, random_changes_one_by_one)
{
	struct scene *s = scene_new();
	const unsigned long rounds = stress_alone_n(2500);

	for (unsigned long i = 0; i < rounds; i++) {
		change(s);
		routes4_commit(&s->r, s->f);
		routes4_check(&s->r, s->f, i % 64 == 0 ? 100 : 4);
	}
	scene_end(s);
}

Test(fib4, random_changes_many_in_a_commit)
{
	struct scene *s = scene_new();
	const unsigned long rounds = stress_alone_n(120);

	s->r.seed = 7;
	for (unsigned long i = 0; i < rounds; i++) {
		const unsigned int n = 1 + routes4_random(&s->r) % 30;

		for (unsigned int k = 0; k < n; k++)
			change(s);
		routes4_commit(&s->r, s->f);
		routes4_check(&s->r, s->f, 20);
	}
	scene_end(s);
}

Test(fib4, abort_leaves_the_table_as_it_was)
{
	struct scene *s = scene_new();
	const struct fib_source source = routes4_source(&s->r);
	const unsigned long rounds = stress_alone_n(80);
	struct routes4 was = {0};

	for (int i = 0; i < 300; i++)
		change(s);
	routes4_commit(&s->r, s->f);
	for (unsigned long round = 0; round < rounds; round++) {
		was = s->r;
		was.route = malloc(s->r.room * sizeof(*was.route));
		cr_assert_not_null(was.route);
		memcpy(was.route, s->r.route, s->r.n * sizeof(*was.route));
		for (int i = 0; i < 10; i++)
			change(s);
		if (round % 4 != 0)
			cr_assert_eq(fib4_prepare(s->f, &source), 0);
		fib4_abort(s->f);
		was.seed = s->r.seed;
		free(s->r.route);
		s->r = was;
		routes4_check(&s->r, s->f, 20);
	}
	scene_end(s);
}

Test(fib4, nothing_is_left_in_the_arena)
{
	struct scene *s = scene_new();
	struct route_arena_stats before, after;

	for (int i = 0; i < 400; i++)
		change(s);
	routes4_commit(&s->r, s->f);
	while (s->r.n > 0) {
		unset(
		    s, s->r.route[s->r.n / 2].key, s->r.route[s->r.n / 2].plen);
		routes4_commit(&s->r, s->f);
	}
	route_arena_settle(s->a);
	route_arena_stats(s->a, &before);
	/* The shared blocks of 20 groups and of the aliases, and the words. */
	cr_assert_leq(before.used, ((size_t)1 << 20) + 16 * 420);
	fib4_destroy(s->f);
	route_arena_settle(s->a);
	route_arena_stats(s->a, &after);
	cr_assert_eq(after.used, 0);
	route_arena_destroy(s->a);
	free(s->r.route);
	free(s);
}

/* Each address a group of its own: more than narrow leaves can tell apart. */
Test(fib4, many_groups_widen_the_leaves)
{
	struct scene *s = scene_new();
	struct fib_stats st;
	uint32_t last = 0;

	set(s, 0, 0, 5);
	set(s, 0x0a000000, 8, 6);
	set(s, 0x0a000100, 25, 7);
	for (uint32_t i = 0; i < 40000; i++) {
		set(s, 0x20000000 + (i << 9), 24, 1000 + i);
		if (i % 4000 != 3999)
			continue;
		routes4_commit(&s->r, s->f);
		fib4_stats(s->f, &st);
		cr_assert_geq(st.leaf_bits, last);
		last = st.leaf_bits;
	}
	cr_assert_eq(last, 32);
	for (uint32_t i = 0; i < 40000; i++) {
		cr_assert_eq(
		    routes4_fib(s->f, 0x20000000 + (i << 9)), 1000 + i);
		cr_assert_eq(routes4_fib(s->f, 0x20000100 + (i << 9)), 5);
	}
	cr_assert_eq(routes4_fib(s->f, 0x0a000101), 7);
	cr_assert_eq(routes4_fib(s->f, 0x0a000181), 6);
	set(s, 0x0a000000, 8, 8);
	routes4_commit(&s->r, s->f);
	cr_assert_eq(routes4_fib(s->f, 0x0a000181), 8);
	scene_end(s);
}

/* Groups come and go: the ids of those that went are found again. */
Test(fib4, ids_without_use_are_found_again)
{
	struct scene *s = scene_new();
	struct fib_stats st;

	set(s, 0, 0, 1);
	for (uint32_t i = 0; i < 70000; i++) {
		set(s, 0x0a000000 + (i % 512 << 8), 24, 2 + i);
		if (i % 64 == 63)
			routes4_commit(&s->r, s->f);
	}
	routes4_commit(&s->r, s->f);
	fib4_stats(s->f, &st);
	cr_assert_eq(st.leaf_bits, 16);
	routes4_check(&s->r, s->f, 200);
	scene_end(s);
}

Test(fib4, many_slots_with_longer_prefixes_widen_the_leaves)
{
	struct scene *s = scene_new();
	struct fib_stats st;

	for (uint32_t i = 0; i < 33000; i++)
		set(s, 0x30000080 + (i << 8), 25, 1 + i % 3);
	routes4_commit(&s->r, s->f);
	fib4_stats(s->f, &st);
	cr_assert_eq(st.ext_blocks, 33000);
	cr_assert_eq(st.leaf_bits, 32);
	for (uint32_t i = 0; i < 33000; i++) {
		cr_assert_eq(
		    routes4_fib(s->f, 0x300000ff + (i << 8)), 1 + i % 3);
		cr_assert_eq(routes4_fib(s->f, 0x30000000 + (i << 8)), 0);
	}
	scene_end(s);
}

/* Longer prefixes that change use numbers; those are found again, too. */
Test(fib4, numbers_of_longer_prefixes_are_found_again)
{
	struct scene *s = scene_new();
	struct fib_stats st;

	for (uint32_t i = 0; i < 50000; i++) {
		set(s, 0x0a000000 + (i % 64 << 8), 32, 1 + i / 64 % 2);
		if (i % 8 == 7)
			routes4_commit(&s->r, s->f);
	}
	fib4_stats(s->f, &st);
	cr_assert_eq(st.leaf_bits, 16);
	cr_assert_eq(st.ext_blocks, 64);
	routes4_check(&s->r, s->f, 200);
	scene_end(s);
}

/* Another group for a short prefix changes no block. */
Test(fib4, short_prefixes_are_rebound_not_rewritten)
{
	struct scene *s = scene_new();
	struct route_arena_stats before, after;

	set(s, 0, 0, 1);
	set(s, 0x0a000000, 8, 2);
	for (uint32_t i = 0; i < 1000; i++)
		set(s, 0x0a000000 + (i << 9), 24, 3 + i % 5);
	routes4_commit(&s->r, s->f);
	route_arena_settle(s->a);
	route_arena_stats(s->a, &before);
	for (uint32_t group = 10; group < 20; group++) {
		set(s, 0, 0, group);
		set(s, 0x0a000000, 8, group + 1);
		routes4_commit(&s->r, s->f);
		cr_assert_eq(routes4_fib(s->f, 0x0a000100), group + 1);
		cr_assert_eq(routes4_fib(s->f, 0x0b000100), group);
	}
	unset(s, 0, 0);
	routes4_commit(&s->r, s->f);
	route_arena_stats(s->a, &after);
	cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0);
	routes4_check(&s->r, s->f, 200);
	scene_end(s);
}

Test(fib4, committing_what_was_not_prepared_ends_the_program, .signal = SIGABRT)
{
	fib4_commit(scene_new()->f);
}

/* Every body, with any number of addresses, in place too, as single lookups. */
static void
check_batches(struct scene *s, const char *body)
{
	enum {
		MAX = 300
	};
	uint32_t dst[MAX], group[MAX + 1];
	struct fib4 *f = s->f;

	for (unsigned int n = 0; n <= MAX; n += n < 140 ? 1 : 53) {
		const uint64_t cookie = pserialize_read_enter();

		for (unsigned int i = 0; i < n; i++) {
			const size_t k = routes4_random(&s->r) % s->r.n;
			const uint32_t rest = routes4_random(&s->r);

			dst[i] = s->r.route[k].key;
			dst[i] |= rest & ~routes4_mask(s->r.route[k].plen);
			if (rest % 4 == 0)
				dst[i] = rest;
		}
		group[n] = 0xdeadbeef;
		fib4_lookup_batch(f, dst, group, n);
		cr_assert_eq(group[n], 0xdeadbeef, "%s, %u", body, n);
		for (unsigned int i = 0; i < n; i++)
			cr_assert_eq(group[i], fib4_lookup(f, dst[i]),
			    "%s: %u of %u, at %#x", body, i, n, dst[i]);
		fib4_lookup_batch(f, dst, dst, n);
		for (unsigned int i = 0; i < n; i++)
			cr_assert_eq(group[i], dst[i]);
		pserialize_read_exit(cookie);
	}
}

/*
 * Steps of a batch whose leaves are their groups, but for one address, or none:
 * one of a short prefix, of no route, of a long prefix, of a large group.
 */
static void
check_odd_ones(struct scene *s, const char *body)
{
	enum {
		N = 100
	};
	const uint32_t odd[] = {0x0a800001, 0x7f000001, 0x0b000181, 0x0b000201};
	uint32_t dst[N], group[N];

	set(s, 0x0a000000, 8, 3);
	set(s, 0x0b000180, 25, 4);
	set(s, 0x0b000200, 24, FIB_GROUPS_MAX - 1);
	for (uint32_t i = 0; i < 64; i++)
		set(s, 0x0c000000 + (i << 8), 24, 1 + i % 5);
	routes4_commit(&s->r, s->f);
	for (unsigned int at = 0; at <= N * 4; at++) {
		const uint64_t cookie = pserialize_read_enter();

		for (uint32_t i = 0; i < N; i++)
			dst[i] = 0x0c000000 + (i % 64 << 8) + i;
		if (at < N * 4)
			dst[at / 4] = odd[at % 4];
		fib4_lookup_batch(s->f, dst, group, N);
		for (unsigned int i = 0; i < N; i++)
			cr_assert_eq(group[i], fib4_lookup(s->f, dst[i]),
			    "%s: %u, odd %u", body, i, at);
		fib4_lookup_batch(s->f, dst, dst, N);
		cr_assert_eq(memcmp(dst, group, sizeof(dst)), 0);
		pserialize_read_exit(cookie);
	}
}

static void
body_as_single(const char *body, uint32_t groups)
{
	struct scene *s;

	cr_assert_eq(setenv("PSNET_FIB", body, 1), 0);
	s = scene_new();
	if (strcmp(fib4_body_name(s->f), body) != 0)
		cr_skip_test("not on this processor");
	for (int i = 0; i < 2000; i++)
		change(s);
	for (uint32_t i = 0; i < groups; i++)
		set(s, 0x20000000 + (i << 9), 24, 1000 + i);
	routes4_commit(&s->r, s->f);
	check_batches(s, body);
	check_odd_ones(s, body);
	scene_end(s);
}

Test(fib4, portable_batch_is_as_single)
{
	body_as_single("portable", 0);
	body_as_single("portable", 33000);
}

Test(fib4, avx2_batch_is_as_single)
{
	body_as_single("avx2", 0);
	body_as_single("avx2", 33000);
}

Test(fib4, avx512_batch_is_as_single)
{
	body_as_single("avx512", 0);
	body_as_single("avx512", 33000);
}

Test(fib4, neon_batch_is_as_single)
{
	body_as_single("neon", 0);
	body_as_single("neon", 33000);
}

Test(fib4, unknown_body_is_the_best_one)
{
	struct scene *s, *best = scene_new();

	cr_assert_eq(setenv("PSNET_FIB", "none of these", 1), 0);
	s = scene_new();
	cr_assert_str_eq(fib4_body_name(s->f), fib4_body_name(best->f));
	scene_end(s);
	scene_end(best);
}
