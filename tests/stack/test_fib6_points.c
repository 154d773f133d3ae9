/* SPDX-License-Identifier: BSD-2-Clause */

/* A lookup that is held between two loads, while routes change. */

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/route/arena.h"
#include "tests/libsync/gate.h"
#include "tests/stack/fib6_model.h"

#define SITE(n) model_hi(UINT64_C(0x20010db800000000) + ((uint64_t)(n) << 16))

/* One lookup, held the nth time that it comes to a point. */
struct held {
	struct fib6 *f;
	struct model_addr a;
	const char *point;
	int times;
	uint32_t got;
	struct gate held, go_on;
	pthread_t thread;
};

struct commit {
	struct fib6 *f;
	struct gate done;
	pthread_t thread;
};

struct scene {
	struct route_arena *arena;
	struct fib6 *f;
	struct model m;
};

static __thread struct held *mine;

void sync_test_point(const char *name);
void
sync_test_point(const char *name)
{
	struct held *h = mine;

	if (h != NULL && strcmp(name, h->point) == 0 && --h->times == 0) {
		gate_open(&h->held, 1);
		gate_wait(&h->go_on, 1);
	}
}

static uint32_t
lookup(struct fib6 *f, struct model_addr a)
{
	const uint64_t c = pserialize_read_enter();
	const uint32_t got = fib6_lookup(f, a.hi, a.lo);

	pserialize_read_exit(c);
	return got;
}

static void *
look(void *arg)
{
	mine = arg;
	mine->got = lookup(mine->f, mine->a);
	return NULL;
}

static void
hold(struct held *h, struct scene *s, struct model_addr a, const char *point,
    int times)
{
	*h = (struct held){.f = s->f, .a = a, .point = point, .times = times};
	cr_assert_eq(pthread_create(&h->thread, NULL, look, h), 0);
	gate_wait(&h->held, 1);
}

static uint32_t
let_go(struct held *h)
{
	gate_open(&h->go_on, 1);
	cr_assert_eq(pthread_join(h->thread, NULL), 0);
	return h->got;
}

static void
set(struct scene *s, struct model_addr a, unsigned int plen, uint32_t group)
{
	model_stage(&s->m, s->f, a, plen, group);
	model_commit(&s->m, s->f);
}

static void *
commit(void *arg)
{
	struct commit *c = arg;

	fib6_commit(c->f);
	gate_open(&c->done, 1);
	return NULL;
}

/* Commit what is staged by a thread, as it may wait for readers. */
static void
commit_begin(struct commit *c, struct scene *s)
{
	const struct fib_source after = model_source(&s->m);

	*c = (struct commit){.f = s->f};
	cr_assert_eq(fib6_prepare(s->f, &after), 0);
	cr_assert_eq(pthread_create(&c->thread, NULL, commit, c), 0);
}

static void
commit_end(struct commit *c)
{
	cr_assert_eq(pthread_join(c->thread, NULL), 0);
}

static struct scene
scene_create(void)
{
	struct scene s = {.m = {.seed = 1}};

	cr_assert_eq(route_arena_create((size_t)16 << 20, &s.arena), 0);
	cr_assert_eq(fib6_create(s.arena, &s.f), 0);
	return s;
}

static void
scene_destroy(struct scene *s)
{
	fib6_destroy(s->f);
	route_arena_destroy(s->arena);
	model_fini(&s->m);
}

/* The place was given a route before the default route changed. */
static void
default_after_leaf(bool uniform)
{
	struct scene s = scene_create();
	struct commit c;
	struct held h;
	uint32_t got;

	set(&s, model_hi(0), 0, 1);
	if (!uniform)
		set(&s, SITE(2), 48, 2);
	hold(&h, &s, SITE(1), "fib6_value", 1);
	set(&s, SITE(1), 48, 3);
	model_stage(&s.m, s.f, model_hi(0), 0, 4);
	commit_begin(&c, &s);
	gate_linger();
	got = let_go(&h);
	commit_end(&c);
	cr_assert(got == 1 || got == 3, "%u", (unsigned int)got);
	cr_assert_eq(lookup(s.f, SITE(1)), 3);
	cr_assert_eq(lookup(s.f, SITE(3)), 4);
	scene_destroy(&s);
}

Test(fib6_points, reader_of_an_old_leaf_sees_no_later_default_route)
{
	default_after_leaf(false);
	default_after_leaf(true);
}

/* A commit of both: a place whose route goes gets the new default at once. */
Test(fib6_points, route_gives_way_to_the_default_route_that_comes_with_it)
{
	struct scene s = scene_create();
	struct commit c;
	struct held h;
	uint32_t got;

	set(&s, model_hi(0), 0, 1);
	set(&s, SITE(1), 48, 2);
	set(&s, SITE(2), 48, 3);
	hold(&h, &s, SITE(2), "fib6_line", 1);
	model_stage(&s.m, s.f, model_hi(0), 0, 4);
	model_stage(&s.m, s.f, SITE(1), 48, FIB_NONE);
	commit_begin(&c, &s);
	do {
		got = lookup(s.f, SITE(1));
		sched_yield();
	} while (got == 2);
	cr_assert_eq(got, 4);
	cr_assert_eq(let_go(&h), 3);
	commit_end(&c);
	cr_assert_eq(lookup(s.f, SITE(1)), 4);
	set(&s, model_hi(0), 0, 5);
	cr_assert_eq(lookup(s.f, SITE(1)), 5);
	scene_destroy(&s);
}

Test(fib6_points, route_and_default_route_go_together)
{
	struct scene s = scene_create();
	struct commit c;
	struct held h;
	uint32_t got;

	set(&s, model_hi(0), 0, 1);
	set(&s, SITE(1), 48, 2);
	hold(&h, &s, SITE(2), "fib6_line", 1);
	model_stage(&s.m, s.f, model_hi(0), 0, FIB_NONE);
	model_stage(&s.m, s.f, SITE(1), 48, FIB_NONE);
	commit_begin(&c, &s);
	do {
		got = lookup(s.f, SITE(1));
		sched_yield();
	} while (got == 2);
	cr_assert_eq(got, FIB_NONE);
	cr_assert_eq(let_go(&h), 1);
	commit_end(&c);
	scene_destroy(&s);
}

Test(fib6_points, local_id_means_its_group_while_a_reader_has_it)
{
	struct scene s = scene_create();
	struct held h;

	set(&s, SITE(1), 48, 7);
	hold(&h, &s, SITE(1), "fib6_value", 1);
	set(&s, SITE(1), 48, 8);
	for (uint32_t i = 0; i < 50; i++)
		set(&s, SITE(2 + i), 48, 100 + i);
	cr_assert_eq(let_go(&h), 7);
	scene_destroy(&s);
}

Test(fib6_points, stage_means_its_prefix_while_a_reader_has_it)
{
	struct scene s = scene_create();
	struct held h;

	set(&s, SITE(1), 64, 7);
	hold(&h, &s, SITE(1), "fib6_stage", 1);
	set(&s, SITE(1), 64, FIB_NONE);
	for (uint32_t i = 0; i < 50; i++)
		set(&s, SITE(2 + i), 64, 100 + i);
	cr_assert_eq(let_go(&h), 7);
	scene_destroy(&s);
}

/* Held at each line on the way down. */
Test(fib6_points, lines_stay_as_they_were_while_a_reader_is_in_them)
{
	for (int times = 1; times <= 3; times++) {
		struct scene s = scene_create();
		struct held h;
		uint32_t got;

		for (uint32_t i = 0; i < 1000; i++)
			model_stage(&s.m, s.f, SITE(i), 48, 1 + i % 7);
		model_commit(&s.m, s.f);
		hold(&h, &s, SITE(500), "fib6_line", times);
		/* Longer ones divide ranges, so lines are replaced. */
		set(&s, SITE(500), 49, 50);
		for (uint32_t i = 0; i < 1000; i++)
			set(&s, SITE(i), 49, 100 + i);
		got = let_go(&h);
		cr_assert(got == 1 + 500 % 7 || got == 50 || got == 600, "%u",
		    (unsigned int)got);
		scene_destroy(&s);
	}
}
