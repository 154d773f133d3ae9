/* SPDX-License-Identifier: BSD-2-Clause */

/* The arena against a list of the blocks that it handed out. */

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/route/arena.h"
#include "tests/stress.h"

#define LIMIT  ((size_t)256 << 10)
#define BLOCKS 4000

struct block {
	uint32_t at;
	size_t bytes;
	uint8_t fill;
};

struct scene {
	struct route_arena *a;
	struct block block[BLOCKS];
	size_t n;
	uint64_t seed;
};

static uint32_t
rnd(struct scene *s)
{
	s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(s->seed >> 33);
}

static void
fill(struct scene *s, struct block *b)
{
	b->fill = (uint8_t)rnd(s);
	memset(route_arena_at(s->a, b->at), b->fill, b->bytes);
}

static void
check(const struct scene *s, const struct block *b)
{
	const uint8_t *p = route_arena_at(s->a, b->at);

	for (size_t i = 0; i < b->bytes; i++)
		cr_assert_eq(p[i], b->fill);
}

static bool
add(struct scene *s, size_t bytes, size_t align)
{
	struct block *b = &s->block[s->n];
	const uint8_t *p;

	if (s->n == BLOCKS ||
	    route_arena_alloc(s->a, bytes, align, &b->at) != 0)
		return false;
	b->bytes = bytes;
	p = route_arena_at(s->a, b->at);
	cr_assert_eq((uintptr_t)p % align, 0);
	cr_assert_geq(b->at, 8, "the first line is nobody's");
	if (bytes <= 64)
		cr_assert_eq(
		    (uintptr_t)p / 64, ((uintptr_t)p + bytes - 1) / 64);
	else
		cr_assert_eq((uintptr_t)p % 64, 0);
	fill(s, b);
	s->n++;
	return true;
}

static void
drop(struct scene *s, size_t i, bool retire)
{
	check(s, &s->block[i]);
	if (retire)
		route_arena_retire(s->a, s->block[i].at, s->block[i].bytes);
	else
		route_arena_free(s->a, s->block[i].at, s->block[i].bytes);
	s->block[i] = s->block[--s->n];
}

static struct scene *
scene_new(size_t limit)
{
	struct scene *s = calloc(1, sizeof(*s));

	cr_assert_not_null(s);
	cr_assert_eq(route_arena_create(limit, &s->a), 0);
	return s;
}

static void
scene_end(struct scene *s)
{
	while (s->n > 0)
		drop(s, s->n - 1, (s->n & 1) != 0);
	route_arena_destroy(s->a);
	free(s);
}

static size_t
any_size(struct scene *s)
{
	switch (rnd(s) % 8) {
	case 0:
		return 64 * (1 + rnd(s) % 20);
	case 1:
		return 1 + rnd(s) % 3000;
	case 2:
	case 3:
		return 65 + rnd(s) % 80;
	default:
		return 1 + rnd(s) % 64;
	}
}

Test(route_arena, limits_are_checked)
{
	struct route_arena *a = NULL;

	cr_assert_eq(route_arena_create(0, &a), -EINVAL);
	cr_assert_eq(route_arena_create(ROUTE_ARENA_MAX + 1, &a), -EINVAL);
	cr_assert_null(a);
	cr_assert_eq(route_arena_create(ROUTE_ARENA_MAX, &a), 0);
	route_arena_destroy(a);
}

Test(route_arena, first_line_reads_as_zeros_for_ever)
{
	struct scene *s = scene_new(LIMIT);
	const uint8_t *p = route_arena_at(s->a, 0);

	while (add(s, any_size(s), 8))
		continue;
	for (int i = 0; i < 64; i++)
		cr_assert_eq(p[i], 0);
	scene_end(s);
}

Test(route_arena, blocks_are_whole_and_apart)
{
	struct scene *s = scene_new(LIMIT);
	const unsigned long rounds = stress_n(60000);

	s->seed = 1;
	for (unsigned long i = 0; i < rounds; i++) {
		if (rnd(s) % 16 == 0 && s->n > 0)
			check(s, &s->block[rnd(s) % s->n]);
		/* Drift up and down, so that runs split and merge. */
		if (rnd(s) % 1000 < 500 + (i >> 12 & 1) * 60 - 30) {
			const size_t align = rnd(s) % 8 == 0 ? 64 : 8;

			(void)add(s, any_size(s), align);
		} else if (s->n > 0) {
			drop(s, rnd(s) % s->n, rnd(s) % 32 == 0);
		}
	}
	scene_end(s);
}

Test(route_arena, everything_freed_merges_into_one_run)
{
	struct scene *s = scene_new(LIMIT);
	struct route_arena_stats st;
	size_t whole;
	uint32_t at;

	route_arena_stats(s->a, &st);
	whole = st.free;
	for (int round = 0; round < 4; round++) {
		while (add(s, any_size(s), 8))
			continue;
		while (s->n > 0)
			drop(s, rnd(s) % s->n, false);
		cr_assert_eq(route_arena_alloc(s->a, whole, 64, &at), 0);
		route_arena_stats(s->a, &st);
		cr_assert_eq(st.free, 0);
		route_arena_free(s->a, at, whole);
	}
	scene_end(s);
}

Test(route_arena, full_arena_refuses_and_stays_as_it_was)
{
	struct scene *s = scene_new(LIMIT);
	struct route_arena_stats before, after;
	uint32_t at = 7;

	while (add(s, 200, 8))
		continue;
	route_arena_stats(s->a, &before);
	cr_assert_eq(route_arena_alloc(s->a, LIMIT / 2, 8, &at), -ENOMEM);
	cr_assert_eq(route_arena_alloc(s->a, 4 * LIMIT, 8, &at), -ENOMEM);
	cr_assert_eq(at, 7);
	route_arena_stats(s->a, &after);
	cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0);
	for (size_t i = 0; i < s->n; i++)
		check(s, &s->block[i]);
	scene_end(s);
}

Test(route_arena, full_arena_waits_for_what_is_retired)
{
	struct scene *s = scene_new(LIMIT);
	struct route_arena_stats st;

	for (int round = 0; round < 20; round++) {
		while (add(s, 64, 64))
			continue;
		if (s->n == BLOCKS)
			break;
	}
	while (s->n > 0)
		drop(s, s->n - 1, true);
	cr_assert(add(s, LIMIT - 4096, 64));
	drop(s, 0, true);
	route_arena_settle(s->a);
	route_arena_stats(s->a, &st);
	cr_assert_eq(st.used, 0);
	cr_assert_eq(st.waiting, 0);
	scene_end(s);
}

Test(route_arena, grows_without_moving)
{
	struct scene *s = scene_new((size_t)64 << 20);
	const void *base = route_arena_at(s->a, 0);
	struct route_arena_stats st;

	cr_assert(add(s, 100, 8));
	cr_assert(add(s, (size_t)20 << 20, (size_t)2 << 20));
	cr_assert(add(s, (size_t)4 << 20, 4096));
	cr_assert_eq(route_arena_at(s->a, 0), base);
	route_arena_stats(s->a, &st);
	cr_assert_geq(st.mapped, (size_t)24 << 20);
	cr_assert_lt(st.mapped, (size_t)64 << 20);
	scene_end(s);
}

Test(route_arena, freeing_twice_ends_the_program, .signal = SIGABRT)
{
	struct scene *s = scene_new(LIMIT);
	uint32_t at;

	cr_assert_eq(route_arena_alloc(s->a, 24, 8, &at), 0);
	route_arena_free(s->a, at, 24);
	route_arena_free(s->a, at, 24);
}

Test(route_arena, forgotten_block_ends_the_program, .signal = SIGABRT)
{
	struct scene *s = scene_new(LIMIT);

	cr_assert(add(s, 24, 8));
	route_arena_destroy(s->a);
}

/* Readers look at one block; the writer replaces it and writes over the old. */
#define WORDS 6

struct swap {
	struct route_arena *a;
	SYNC_ATOMIC(uint32_t) at;
	SYNC_ATOMIC(bool) end;
};

static void *
reader(void *arg)
{
	struct swap *s = arg;

	/* relaxed: a flag. */
	while (!sync_load_relaxed(&s->end)) {
		const uint64_t cookie = pserialize_read_enter();
		/* SWAP acquire: pairs with the release in the test. */
		const uint32_t at = sync_load_acquire(&s->at);
		const uint64_t *word = route_arena_at(s->a, at);
		const uint64_t first = word[0];

		for (int i = 1; i < WORDS; i++)
			cr_assert_eq(word[i], first);
		pserialize_read_exit(cookie);
		sched_yield();
	}
	return NULL;
}

static uint32_t
fresh(struct swap *s, uint64_t value)
{
	uint64_t *word;
	uint32_t at;

	cr_assert_eq(route_arena_alloc(s->a, 8 * WORDS, 8, &at), 0);
	word = route_arena_at(s->a, at);
	for (int i = 0; i < WORDS; i++)
		word[i] = value;
	return at;
}

Test(route_arena, stress_retired_blocks_keep_their_bytes)
{
	struct swap s = {0};
	pthread_t t[2];
	const unsigned long rounds = stress_n(20000);

	/* Few lines: what is freed is used again at once. */
	cr_assert_eq(route_arena_create(4096, &s.a), 0);
	sync_init(&s.at, fresh(&s, 0));
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, reader, &s), 0);
	for (unsigned long i = 1; i < rounds; i++) {
		const uint32_t next = fresh(&s, i);
		/* relaxed: only this thread writes it. */
		const uint32_t old = sync_load_relaxed(&s.at);

		/* SWAP release: pairs with the acquire in reader. */
		sync_store_release(&s.at, next);
		route_arena_retire(s.a, old, 8 * WORDS);
	}
	/* relaxed: a flag. */
	sync_store_relaxed(&s.end, true);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_join(t[i], NULL), 0);
	/* relaxed: nobody else is left. */
	route_arena_retire(s.a, sync_load_relaxed(&s.at), 8 * WORDS);
	route_arena_destroy(s.a);
}
