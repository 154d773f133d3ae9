/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Each allocation of a change fails once: the table is then that of the last
 * commit, and the same change succeeds when there is memory.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "tests/nomem.h"
#include "tests/stack/fib6_model.h"
#include "tests/stress.h"

struct edit {
	struct model_addr a;
	unsigned int plen;
	uint32_t group;
};

#define EDITS 40

struct scene {
	struct route_arena *arena;
	struct fib6 *f;
	struct model old, new;
	struct edit edit[EDITS];
	unsigned int edits;
};

/* Stage and prepare, the nth allocation failing.  Returns: did it succeed? */
static bool
attempt(struct scene *s, unsigned long n)
{
	const struct fib_source after = model_source(&s->new);
	int error = 0;
	uint8_t key[16];

	nomem_arm(n, NOMEM_ONE);
	for (unsigned int i = 0; error == 0 && i < s->edits; i++) {
		model_store(s->edit[i].a, key);
		error = fib6_stage(s->f, key, s->edit[i].plen);
	}
	if (error == 0)
		error = fib6_prepare(s->f, &after);
	cr_assert_eq(error, nomem_disarm() ? -ENOMEM : 0);
	return error == 0;
}

static void
check(struct scene *s, const struct model *m)
{
	const uint64_t c = pserialize_read_enter();

	for (unsigned int i = 0; i < 40; i++) {
		const struct model_route *r =
		    &s->new.r[model_rnd(&s->old) % s->new.n];
		const struct model_addr a = model_near(&s->old, r->a, r->plen);

		cr_assert_eq(fib6_lookup(s->f, a.hi, a.lo), model_lookup(m, a));
	}
	pserialize_read_exit(c);
}

static size_t
bytes(const struct scene *s)
{
	struct fib_stats st;

	fib6_stats(s->f, &st);
	return st.block_bytes;
}

static void
choose_edits(struct scene *s, unsigned int n)
{
	s->edits = n;
	for (unsigned int i = 0; i < n; i++) {
		const uint64_t x = model_rnd(&s->old);
		const unsigned int plen =
		    x % 16 == 0 ? x / 16 % 20 : 20 + x / 16 % 109;
		const struct model_addr a = {
		    UINT64_C(0x2001000000000000) |
			(model_rnd(&s->old) & UINT64_C(0x1f0f0001f003)),
		    model_rnd(&s->old) & 3};
		const uint32_t group =
		    x % 5 == 0 ? FIB_NONE : 1 + (uint32_t)(x >> 40 & 0xffff);

		s->edit[i] = (struct edit){model_prefix(a, plen), plen, group};
		model_set(&s->new, a, plen, group);
	}
}

/* Change by some edits, after every way to fail. */
static void
change(struct scene *s, unsigned int edits, bool again)
{
	const size_t before = bytes(s);
	bool done = false;

	choose_edits(s, edits);
	for (unsigned long n = 1; !done; n++) {
		done = attempt(s, n);
		check(s, &s->old);
		if (!done) {
			cr_assert_eq(bytes(s), before);
			/* What was staged may be prepared again, or not. */
			if (again && n % 2 == 0)
				done = attempt(s, 0);
			else
				fib6_abort(s->f);
		}
	}
	fib6_commit(s->f);
	for (unsigned int i = 0; i < edits; i++)
		model_set(
		    &s->old, s->edit[i].a, s->edit[i].plen, s->edit[i].group);
	/* The same prefix may have been edited twice. */
	for (unsigned int i = 0; i < edits; i++) {
		const struct model_route *r =
		    model_find(&s->new, s->edit[i].a, s->edit[i].plen);

		model_set(&s->old, s->edit[i].a, s->edit[i].plen,
		    r != NULL ? r->group : FIB_NONE);
	}
	check(s, &s->new);
}

static void
scene_init(struct scene *s, uint64_t seed)
{
	*s = (struct scene){.old = {.seed = seed}};
	cr_assert_eq(route_arena_create((size_t)64 << 20, &s->arena), 0);
	cr_assert_eq(fib6_create(s->arena, &s->f), 0);
	model_set(&s->old, model_hi(1), 128, 1);
	model_set(&s->new, model_hi(1), 128, 1);
	model_stage(&s->old, s->f, model_hi(1), 128, 1);
	model_commit(&s->old, s->f);
}

static void
scene_fini(struct scene *s)
{
	struct route_arena_stats st;

	fib6_destroy(s->f);
	route_arena_settle(s->arena);
	route_arena_stats(s->arena, &st);
	cr_assert_eq(st.used, 0);
	route_arena_destroy(s->arena);
	model_fini(&s->old);
	model_fini(&s->new);
}

Test(fib6_nomem, change_that_fails_leaves_the_last_commit)
{
	struct scene s;

	scene_init(&s, 21);
	for (unsigned long i = 0; i < stress_n(60); i++)
		change(&s, 1 + i % 3, false);
	change(&s, EDITS, false);
	for (unsigned long i = 0; i < stress_n(100); i++)
		change(&s, 1, true);
	scene_fini(&s);
}

Test(fib6_nomem, what_was_staged_can_be_prepared_later)
{
	struct scene s;

	scene_init(&s, 22);
	for (unsigned long i = 0; i < stress_n(40); i++)
		change(&s, 1 + i % EDITS, true);
	scene_fini(&s);
}

Test(fib6_nomem, short_prefix_that_failed_is_not_below_others_later)
{
	struct scene s;

	scene_init(&s, 23);
	s.edits = 2;
	s.edit[0] = (struct edit){model_hi(0), 0, 9};
	s.edit[1] = (struct edit){model_hi(0), 48, 10};
	for (unsigned int i = 0; i < 2; i++)
		model_set(&s.new, s.edit[i].a, s.edit[i].plen, s.edit[i].group);
	for (unsigned long n = 1; !attempt(&s, n); n++) {
		fib6_abort(s.f);
		model_stage(&s.old, s.f, model_hi(0), 3, 11);
		model_commit(&s.old, s.f);
		check(&s, &s.old);
		model_stage(&s.old, s.f, model_hi(0), 3, FIB_NONE);
		model_commit(&s.old, s.f);
		check(&s, &s.old);
	}
	fib6_commit(s.f);
	check(&s, &s.new);
	scene_fini(&s);
}

Test(fib6_nomem, table_that_cannot_be_made_leaves_nothing)
{
	struct route_arena_stats st;
	struct route_arena *arena;
	struct fib6 *f;
	unsigned long at;
	int error = -ENOMEM;

	cr_assert_eq(route_arena_create((size_t)1 << 20, &arena), 0);
	for (at = 1; error != 0; at++) {
		nomem_arm(at, NOMEM_ONE);
		error = fib6_create(arena, &f);
		(void)nomem_disarm();
		cr_assert(error == 0 || error == -ENOMEM);
	}
	cr_assert_gt(at, 4);
	fib6_destroy(f);
	route_arena_settle(arena);
	route_arena_stats(arena, &st);
	cr_assert_eq(st.used, 0);
	route_arena_destroy(arena);
}
