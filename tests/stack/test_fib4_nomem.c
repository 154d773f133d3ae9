/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The IPv4 table when memory runs out, at every allocation there is.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/nomem.h"
#include "tests/stack/fib4_routes.h"
#include "tests/stress.h"

struct scene {
	struct route_arena *a;
	struct fib4 *f;
	struct routes4 r, was; /* was: as last committed */
};

static void
scene_init(struct scene *s)
{
	*s = (struct scene){0};
	cr_assert_eq(route_arena_create((size_t)64 << 20, &s->a), 0);
	cr_assert_eq(fib4_create(s->a, &s->f), 0);
}

static void
scene_fini(struct scene *s)
{
	struct route_arena_stats st;

	fib4_destroy(s->f);
	route_arena_settle(s->a);
	route_arena_stats(s->a, &st);
	cr_assert_eq(st.used, 0);
	route_arena_destroy(s->a);
	free(s->r.route);
	free(s->was.route);
}

static void
keep(struct scene *s)
{
	free(s->was.route);
	s->was = s->r;
	s->was.route = malloc((s->r.room + 1) * sizeof(*s->r.route));
	cr_assert_not_null(s->was.route);
	if (s->r.n > 0)
		memcpy(s->was.route, s->r.route, s->r.n * sizeof(*s->r.route));
}

static void
set(struct scene *s, uint32_t key, unsigned int plen, uint32_t group)
{
	routes4_add(&s->r, key, plen, group);
	cr_assert_eq(routes4_stage(s->f, key, plen), 0);
}

static void
change(struct scene *s)
{
	uint32_t key;
	unsigned int plen;

	routes4_pick(&s->r, &key, &plen);
	if (s->r.n > 0 && routes4_random(&s->r) % 3 == 0) {
		const struct route4 p =
		    s->r.route[routes4_random(&s->r) % s->r.n];

		routes4_remove(&s->r, p.key, p.plen);
		cr_assert_eq(routes4_stage(s->f, p.key, p.plen), 0);
		return;
	}
	set(s, key, plen, routes4_random(&s->r) % 20);
}

/*
 * Prepare with 0, 1, 2 ... allocations that succeed, until it does; each time
 * it does not, the table answers as before.  Then commit; or, with a step of 1,
 * now and then abort, which leaves a table that was widened wide.
 */
static unsigned long
prepare_hungry(struct scene *s, unsigned long step)
{
	const struct fib_source source = routes4_source(&s->r);
	struct route_arena_stats before, after;
	unsigned long n = 0;
	bool failed;
	int error;

	route_arena_settle(s->a);
	route_arena_stats(s->a, &before);
	do {
		nomem_arm(n + 1, NOMEM_REST);
		error = fib4_prepare(s->f, &source);
		failed = nomem_disarm();
		if (error == 0)
			break;
		cr_assert_eq(error, -ENOMEM);
		cr_assert(failed);
		routes4_check(&s->was, s->f, 4);
		n += step;
	} while (true);
	cr_assert_not(failed);
	if (step == 1 && n % 2 == 0) {
		/* What is prepared can be dropped as well as a refusal. */
		fib4_abort(s->f);
		route_arena_stats(s->a, &after);
		cr_assert_leq(after.used, before.used + 16 * 60,
		    "shared blocks of ids may stay, nothing else");
		routes4_check(&s->was, s->f, 10);
		return n;
	}
	fib4_commit(s->f);
	routes4_check(&s->r, s->f, 10);
	return n;
}

Test(fib4_nomem, create_fails_clean)
{
	struct route_arena_stats st;
	struct route_arena *a;
	struct fib4 *f = NULL;
	unsigned long n;

	cr_assert_eq(route_arena_create((size_t)8 << 20, &a), 0);
	for (n = 0;; n++) {
		nomem_arm(n + 1, NOMEM_REST);
		if (fib4_create(a, &f) == 0)
			break;
		(void)nomem_disarm();
		cr_assert_null(f);
		route_arena_stats(a, &st);
		cr_assert_eq(st.used, 0);
	}
	(void)nomem_disarm();
	cr_assert_geq(n, 5);
	fib4_destroy(f);
	route_arena_destroy(a);
}

Test(fib4_nomem, refused_changes_leave_no_trace)
{
	const unsigned long rounds = stress_alone_n(150);
	unsigned long most = 0;
	struct scene s;

	scene_init(&s);
	for (unsigned long i = 0; i < rounds; i++) {
		const unsigned int n = 1 + routes4_random(&s.r) % 12;
		unsigned long took;

		keep(&s);
		for (unsigned int k = 0; k < n; k++)
			change(&s);
		took = prepare_hungry(&s, 1);
		if (took > most)
			most = took;
		if (took % 2 == 0) {
			s.was.seed = s.r.seed + 1;
			free(s.r.route);
			s.r = s.was;
			s.was.route = NULL;
		}
	}
	cr_assert_geq(most, 4, "no change needed memory");
	scene_fini(&s);
}

/* The leaves widen while memory runs out at one place after the other. */
Test(fib4_nomem, widening_fails_clean)
{
	struct scene s;
	struct fib_stats st;
	unsigned long took;

	scene_init(&s);
	set(&s, 0, 0, 1);
	set(&s, 0x0a000000, 8, 2);
	for (uint32_t i = 0; i < 50; i++)
		set(&s, 0x0a000000 + (i << 10), 25, 3 + i % 5);
	routes4_commit(&s.r, s.f);
	keep(&s);
	for (uint32_t i = 0; i < 33000; i++)
		set(&s, 0x20000000 + (i << 8), 24, 1000 + i);
	took = prepare_hungry(&s, 97);
	cr_assert_geq(took, 970);
	fib4_stats(s.f, &st);
	cr_assert_eq(st.leaf_bits, 32);
	scene_fini(&s);
}

/* The arena itself is full. */
Test(fib4_nomem, full_arena_refuses_and_goes_on)
{
	struct route_arena *a;
	struct routes4 r = {0}, was;
	struct fib4 *f;
	uint32_t i = 0;

	cr_assert_eq(route_arena_create((size_t)1200 << 10, &a), 0);
	cr_assert_eq(fib4_create(a, &f), 0);
	for (;; i++) {
		const struct fib_source source = routes4_source(&r);

		was = r;
		routes4_add(&r, i << 14, 24, 1 + i % 7);
		routes4_add(&r, (i << 14) + 0x300, 24, 1 + i % 9);
		cr_assert_eq(routes4_stage(f, i << 14, 18), 0);
		if (fib4_prepare(f, &source) != 0)
			break;
		fib4_commit(f);
	}
	cr_assert_geq(i, 1000);
	fib4_abort(f);
	r.n = was.n;
	routes4_check(&r, f, 100);
	cr_assert(routes4_remove(&r, 0, 24));
	cr_assert(routes4_remove(&r, 0x300, 24));
	cr_assert_eq(routes4_stage(f, 0, 18), 0);
	routes4_commit(&r, f);
	routes4_check(&r, f, 100);
	fib4_destroy(f);
	route_arena_destroy(a);
	free(r.route);
}
