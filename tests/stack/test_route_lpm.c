/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The table of prefixes and groups for who wants no more of the stack.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "stack/route/bits.h"
#include "stack/route/lpm.h"
#include "tests/stress.h"

#define MEMORY  ((size_t)64 << 20)
#define READERS 2u

struct prefix {
	uint8_t key[16];
	unsigned int plen;
};

static struct route_lpm *
table(unsigned int bits)
{
	struct route_lpm *t;

	cr_assert_eq(route_lpm_create(bits, MEMORY, &t), 0);
	return t;
}

static struct prefix
prefix4(uint32_t key, unsigned int plen)
{
	struct prefix p = {.plen = plen};

	route_bits_store32(p.key, key);
	return p;
}

static int
insert(struct route_lpm *t, struct prefix p, uint32_t group)
{
	return route_lpm_insert(t, p.key, p.plen, group, false);
}

static uint32_t
lookup(const struct route_lpm *t, const uint8_t *addr)
{
	const uint64_t section = pserialize_read_enter();
	uint32_t group;

	if (t->bits == 32)
		group = route_lpm_lookup4(t, route_bits_load32(addr));
	else
		group = route_lpm_lookup6(
		    t, route_bits_load64(addr), route_bits_load64(addr + 8));
	pserialize_read_exit(section);
	return group;
}

static uint32_t
lookup4(const struct route_lpm *t, uint32_t dst)
{
	return lookup(t, prefix4(dst, 32).key);
}

static uint32_t
ask(const struct route_lpm *t, const uint8_t *addr)
{
	const uint64_t section = pserialize_read_enter();
	unsigned int plen;
	const uint32_t group = route_lpm_ask(t, addr, &plen);

	pserialize_read_exit(section);
	return group;
}

/* 10.0.0.0/8 to 1, 10.1.0.0/16 to 2, and 10.1.2.3/32 to 3. */
static struct route_lpm *
table_of_three(void)
{
	struct route_lpm *t = table(32);

	cr_assert_eq(route_lpm_begin(t), 0);
	cr_assert_eq(insert(t, prefix4(0x0a000000, 8), 1), 0);
	cr_assert_eq(insert(t, prefix4(0x0a010000, 16), 2), 0);
	cr_assert_eq(insert(t, prefix4(0x0a010203, 32), 3), 0);
	cr_assert_eq(route_lpm_commit(t), 0);
	return t;
}

static void
check_three(const struct route_lpm *t)
{
	cr_assert_eq(lookup4(t, 0x0a010203), 3);
	cr_assert_eq(lookup4(t, 0x0a010204), 2);
	cr_assert_eq(lookup4(t, 0x0a020304), 1);
	cr_assert_eq(lookup4(t, 0x0b000000), FIB_NONE);
}

Test(route_lpm, longest_prefix_answers)
{
	struct route_lpm *t = table_of_three();

	check_three(t);
	route_lpm_destroy(t);
}

Test(route_lpm, edits_are_seen_at_the_commit)
{
	struct route_lpm *t = table_of_three();

	cr_assert_eq(route_lpm_begin(t), 0);
	cr_assert_eq(insert(t, prefix4(0x0b000000, 8), 4), 0);
	cr_assert_eq(route_lpm_remove(t, prefix4(0x0a010000, 16).key, 16), 0);
	check_three(t);
	cr_assert_eq(route_lpm_commit(t), 0);
	cr_assert_eq(lookup4(t, 0x0b000000), 4);
	cr_assert_eq(lookup4(t, 0x0a010204), 1);
	route_lpm_destroy(t);
}

Test(route_lpm, abort_leaves_no_trace)
{
	struct route_lpm *t = table_of_three();

	cr_assert_eq(route_lpm_begin(t), 0);
	cr_assert_eq(insert(t, prefix4(0x0b000000, 8), 4), 0);
	cr_assert_eq(route_lpm_remove(t, prefix4(0x0a010000, 16).key, 16), 0);
	cr_assert_eq(
	    route_lpm_insert(t, prefix4(0x0a000000, 8).key, 8, 5, true), 0);
	route_lpm_abort(t);
	check_three(t);
	cr_assert_eq(ask(t, prefix4(0x0a010204, 32).key), 2);
	cr_assert_eq(route_lpm_begin(t), 0);
	cr_assert_eq(route_lpm_commit(t), 0);
	check_three(t);
	route_lpm_destroy(t);
}

Test(route_lpm, what_a_transaction_takes_back_was_never_there)
{
	struct route_lpm *t = table_of_three();

	cr_assert_eq(route_lpm_begin(t), 0);
	cr_assert_eq(insert(t, prefix4(0x0b000000, 8), 4), 0);
	cr_assert_eq(
	    route_lpm_insert(t, prefix4(0x0b000000, 8).key, 8, 5, true), 0);
	cr_assert_eq(route_lpm_remove(t, prefix4(0x0b000000, 8).key, 8), 0);
	cr_assert_eq(
	    route_lpm_remove(t, prefix4(0x0b000000, 8).key, 8), -ENOENT);
	cr_assert_eq(route_lpm_commit(t), 0);
	check_three(t);
	route_lpm_destroy(t);
}

Test(route_lpm, clear_leaves_what_comes_after)
{
	struct route_lpm *t = table_of_three();

	cr_assert_eq(route_lpm_begin(t), 0);
	cr_assert_eq(insert(t, prefix4(0x0b000000, 8), 4), 0);
	cr_assert_eq(route_lpm_clear(t), 0);
	cr_assert_eq(insert(t, prefix4(0x0a020000, 16), 5), 0);
	check_three(t);
	cr_assert_eq(route_lpm_commit(t), 0);
	cr_assert_eq(lookup4(t, 0x0a010203), FIB_NONE);
	cr_assert_eq(lookup4(t, 0x0b000001), FIB_NONE);
	cr_assert_eq(lookup4(t, 0x0a020304), 5);
	route_lpm_destroy(t);
}

Test(route_lpm, prepared_transaction_is_not_seen)
{
	struct route_lpm *t = table_of_three();

	for (unsigned int i = 0; i < 2; i++) {
		cr_assert_eq(route_lpm_begin(t), 0);
		cr_assert_eq(insert(t, prefix4(0x0b000000, 8), 4), 0);
		cr_assert_eq(route_lpm_prepare(t), 0);
		check_three(t);
		if (i == 0)
			route_lpm_abort(t);
	}
	cr_assert_eq(route_lpm_commit(t), 0);
	cr_assert_eq(lookup4(t, 0x0b000000), 4);
	route_lpm_destroy(t);
}

Test(route_lpm, refused_edit_leaves_the_transaction)
{
	struct route_lpm *t = table_of_three();

	cr_assert_eq(route_lpm_begin(t), 0);
	cr_assert_eq(insert(t, prefix4(0x0a000000, 8), 4), -EEXIST);
	cr_assert_eq(insert(t, prefix4(0x0a000000, 33), 4), -EINVAL);
	cr_assert_eq(insert(t, prefix4(0x0b000000, 8), FIB_NONE), -EINVAL);
	cr_assert_eq(
	    insert(t, prefix4(0x0b000000, 8), FIB_GROUPS_MAX), -EINVAL);
	cr_assert_eq(
	    route_lpm_remove(t, prefix4(0x0b000000, 8).key, 8), -ENOENT);
	cr_assert_eq(insert(t, prefix4(0x0cffffff, 8), 6), 0);
	cr_assert_eq(route_lpm_commit(t), 0);
	check_three(t);
	cr_assert_eq(lookup4(t, 0x0c000001), 6);
	route_lpm_destroy(t);
}

Test(route_lpm, other_lengths_of_addresses_are_refused)
{
	struct route_lpm *t;

	cr_assert_eq(route_lpm_create(64, MEMORY, &t), -EINVAL);
	cr_assert_eq(route_lpm_create(32, 0, &t), -EINVAL);
}

static uint64_t
draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Few enough that they are inside of each other, and come again. */
static struct prefix
draw_prefix(const struct route_lpm *t, uint64_t *state)
{
	const uint64_t x = draw(state);
	struct prefix p = {.plen = (unsigned int)(x % (t->bits + 1))};

	p.key[0] = (uint8_t)(x >> 60);
	p.key[1] = (uint8_t)(x >> 58 & 3);
	p.key[t->bits / 8 - 1] = (uint8_t)(x >> 40);
	p.key[5] ^= (uint8_t)(t->bits > 32 ? x >> 30 & 7 : 0);
	return p;
}

static void
edit(struct route_lpm *t, uint64_t *state, unsigned int n)
{
	cr_assert_eq(route_lpm_begin(t), 0);
	for (; n > 0; n--) {
		const struct prefix p = draw_prefix(t, state);
		const uint32_t group = 1 + (uint32_t)(draw(state) % 300);
		const int error = draw(state) % 3 == 0
				      ? route_lpm_remove(t, p.key, p.plen)
				      : route_lpm_insert(t, p.key, p.plen,
					    group, draw(state) % 2 == 0);

		cr_assert(error == 0 || error == -ENOENT || error == -EEXIST);
	}
	if (draw(state) % 8 == 0)
		route_lpm_abort(t);
	else
		cr_assert_eq(route_lpm_commit(t), 0);
}

static void
churn(unsigned int bits)
{
	struct route_lpm *t = table(bits);
	struct route_lpm_stats stats;
	const unsigned long commits = stress_alone_n(2000);
	uint64_t state = 1;

	for (unsigned long i = 0; i < commits; i++) {
		edit(t, &state, 1 + (unsigned int)(draw(&state) % 4));
		for (unsigned int k = 0; k < 4; k++) {
			const struct prefix p = draw_prefix(t, &state);

			cr_assert_eq(lookup(t, p.key), ask(t, p.key));
		}
	}
	route_lpm_stats(t, &stats);
	cr_assert_gt(stats.prefixes, 0);
	cr_assert_gt(stats.commits, commits / 2);
	route_lpm_destroy(t);
}

Test(route_lpm, compiled_form_says_what_the_tree_says)
{
	churn(32);
	churn(128);
}

Test(route_lpm, walk_is_in_order)
{
	struct route_lpm *t = table_of_three();
	const uint64_t section = pserialize_read_enter();
	struct prefix p = {.plen = 0};
	uint32_t group = route_lpm_next(t, NULL, 0, p.key, &p.plen);

	for (uint32_t n = 1; n <= 3; n++) {
		cr_assert_eq(group, n);
		cr_assert_eq(p.plen, n == 3 ? 32 : 8 * n);
		cr_assert_eq(ask(t, p.key), n);
		group = route_lpm_next(t, p.key, p.plen, p.key, &p.plen);
	}
	cr_assert_eq(group, FIB_NONE);
	pserialize_read_exit(section);
	route_lpm_destroy(t);
}

/* Sections of destroy are short, so that there are many: none forgets one. */
Test(route_lpm, destroy_frees_all_that_is_there)
{
	for (uint32_t n = 0; n <= 192; n = n < 63 ? 63 : n + 1) {
		struct route_lpm *t = table(32);

		cr_assert_eq(route_lpm_begin(t), 0);
		for (uint32_t i = 0; i < n; i++)
			cr_assert_eq(insert(t, prefix4(i << 8, 24), 1), 0);
		cr_assert_eq(route_lpm_commit(t), 0);
		route_lpm_destroy(t);
	}
}

Test(route_lpm, commit_without_memory_changes_nothing)
{
	struct route_lpm *t;
	int error = 0;

	/* The words that addresses index take a megabyte of it. */
	cr_assert_eq(route_lpm_create(32, (size_t)2 << 20, &t), 0);
	cr_assert_eq(route_lpm_begin(t), 0);
	cr_assert_eq(insert(t, prefix4(0x0a000000, 8), 1), 0);
	cr_assert_eq(route_lpm_commit(t), 0);
	for (uint32_t net = 0; error == 0; net++) {
		cr_assert_lt(net, 1u << 16);
		cr_assert_eq(route_lpm_begin(t), 0);
		for (uint32_t i = 0; i < 256; i++)
			cr_assert_eq(
			    insert(
				t, prefix4(net << 16 | i << 8 | 1, 32), 2 + i),
			    0);
		error = route_lpm_commit(t);
		cr_assert_eq(
		    lookup4(t, net << 16 | 1), error == 0 ? 2 : net >> 8 == 10);
	}
	cr_assert_eq(error, -ENOMEM);
	cr_assert_eq(lookup4(t, 0x0a7f0000), 1);
	route_lpm_destroy(t);
}

struct scene {
	struct route_lpm *t;
	SYNC_ATOMIC(bool) stop;
	SYNC_ATOMIC(unsigned int) checked;
};

static void *
reader(void *arg)
{
	struct scene *s = arg;
	uint64_t state = 7, before, after;

	/* relaxed: a flag. */
	while (!sync_load_relaxed(&s->stop)) {
		const uint64_t section = pserialize_read_enter();
		const struct prefix p = draw_prefix(s->t, &state);

		if (route_lpm_state(s->t, &before)) {
			const uint32_t group = lookup(s->t, p.key);
			const uint32_t want = ask(s->t, p.key);

			if (route_lpm_state(s->t, &after) && before == after) {
				cr_assert_eq(group, want);
				/* relaxed: a count. */
				sync_fetch_add_relaxed(&s->checked, 1);
			}
		}
		pserialize_read_exit(section);
		sched_yield();
	}
	return NULL;
}

static void
answers_are_of_one_state(unsigned int bits)
{
	struct scene s = {.t = table(bits)};
	pthread_t thread[READERS];
	uint64_t state = 3;

	for (unsigned int i = 0; i < READERS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, reader, &s), 0);
	for (unsigned long i = 0; i < stress_n(500) ||
				  /* relaxed: a count. */
				  sync_load_relaxed(&s.checked) < 100;
	     i++) {
		edit(s.t, &state, 4);
		sched_yield();
	}
	/* relaxed: a flag. */
	sync_store_relaxed(&s.stop, true);
	for (unsigned int i = 0; i < READERS; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	route_lpm_destroy(s.t);
}

Test(route_lpm, stress_answers_are_of_one_state)
{
	answers_are_of_one_state(32);
	answers_are_of_one_state(128);
}
