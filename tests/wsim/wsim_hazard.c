/* SPDX-License-Identifier: BSD-2-Clause */

/* Hazard pointers against writers that unlink, retire and free. */

#include <stdlib.h>

#include "libsync/hazard/hazard.h"
#include "tests/wsim/wsim.h"

struct object {
	int value;
	struct hazard_head head;
};

static struct hazard_ptr shared, second;
static struct hazard_cohort cohort;

static struct object *
make(int value)
{
	struct object *o = malloc(sizeof(*o));

	o->value = value;
	return o;
}

static void
destroy(struct hazard_head *head)
{
	free((char *)head - offsetof(struct object, head));
}

static void
place(struct hazard *h)
{
	wsim_assert(hazard_init(h) == 0);
}

static void *
reader(void *arg)
{
	struct hazard h;

	place(&h);
	for (int i = 0; i < *(int *)arg; i++) {
		const struct object *o = hazard_protect(&h, &shared);

		wsim_assert(o->value == 1 || o->value == 2);
		hazard_clear(&h);
	}
	hazard_fini(&h);
	return NULL;
}

/* Unlink the object and free it, if nobody protects it. */
static void
replace(void)
{
	/* relaxed: there is one writer. */
	struct object *old = sync_load_relaxed(&shared.to);

	hazard_publish(&shared, make(2));
	hazard_retire(&old->head, old, destroy);
	(void)hazard_reclaim();
}

static void
run(int readers, int times)
{
	hazard_publish(&shared, make(1));
	for (int i = 0; i < readers; i++)
		(void)wsim_spawn(reader, &times);
	replace();
	wsim_join_all();
}

WSIM_TEST(one_reader_twice)
{
	run(1, 2);
}

WSIM_TEST(two_readers)
{
	run(2, 1);
}

/* Protects in one slot, moves on to another one, looks. */
static void *
mover(void *arg)
{
	struct hazard a, b;
	const struct object *o;

	(void)arg;
	place(&b);
	place(&a);
	o = hazard_protect(&a, &shared);
	hazard_copy(&b, &a);
	hazard_clear(&a);
	wsim_assert(o->value == 1 || o->value == 2);
	hazard_fini(&a);
	hazard_fini(&b);
	return NULL;
}

WSIM_TEST(object_that_moves_from_slot_to_slot_is_kept)
{
	hazard_publish(&shared, make(1));
	(void)wsim_spawn(mover, NULL);
	replace();
	wsim_join_all();
}

/* Both ways all the time: the scan has to stop it. */
static void *
busy_mover(void *arg)
{
	struct hazard h[2];
	const struct object *o;

	place(&h[0]);
	place(&h[1]);
	o = hazard_protect(&h[0], &shared);
	for (int i = 0; i < *(int *)arg; i++) {
		hazard_copy(&h[(i + 1) % 2], &h[i % 2]);
		hazard_clear(&h[i % 2]);
		wsim_assert(o->value == 1 || o->value == 2);
	}
	hazard_fini(&h[0]);
	hazard_fini(&h[1]);
	return NULL;
}

WSIM_TEST(object_that_moves_all_the_time_is_kept)
{
	int times = 5;

	hazard_publish(&shared, make(1));
	(void)wsim_spawn(busy_mover, &times);
	replace();
	wsim_join_all();
}

/* The same slot, one object after the other: releases in sequence. */
static void *
reader_of_two(void *arg)
{
	struct hazard h;
	struct object *o;

	(void)arg;
	place(&h);
	o = hazard_protect(&h, &shared);
	o->value++;
	o = hazard_protect(&h, &second);
	wsim_assert(o->value == 3);
	hazard_fini(&h);
	return NULL;
}

WSIM_TEST(what_was_done_to_an_object_is_over_before_it_is_freed)
{
	hazard_publish(&second, make(3));
	hazard_publish(&shared, make(1));
	(void)wsim_spawn(reader_of_two, NULL);
	replace();
	wsim_join_all();
}

static void *
retire_in_cohort(void *arg)
{
	hazard_cohort_retire(
	    &cohort, &((struct object *)arg)->head, arg, destroy);
	return NULL;
}

WSIM_TEST(cohort_is_gone_at_its_end)
{
	struct object *o = make(1);
	int times = 1, r, t;

	hazard_cohort_init(&cohort);
	hazard_publish(&shared, o);
	r = wsim_spawn(reader, &times);
	hazard_publish(&shared, make(2));
	t = wsim_spawn(retire_in_cohort, make(1));
	(void)retire_in_cohort(o);
	wsim_join(t);
	hazard_cohort_fini(&cohort);
	/* relaxed: nobody retires any more. */
	wsim_assert(sync_load_relaxed(&cohort.first) == NULL);
	wsim_join(r);
}

static void *
retire_one(void *arg)
{
	hazard_retire(&((struct object *)arg)->head, arg, destroy);
	return NULL;
}

WSIM_TEST(what_an_ended_thread_left_is_freed)
{
	struct object *o = make(1);
	struct hazard h;
	int t;

	place(&h);
	hazard_set(&h, o);
	t = wsim_spawn(retire_one, o);
	(void)hazard_reclaim();
	wsim_assert(o->value == 1);
	wsim_join(t);
	hazard_fini(&h);
	wsim_assert(hazard_reclaim() == 0);
}

WSIM_TEST(record_of_an_ended_thread_is_taken_over)
{
	(void)wsim_spawn(retire_one, make(1));
	(void)wsim_spawn(retire_one, make(2));
	wsim_join_all();
	wsim_assert(hazard_reclaim() == 0);
}

WSIM_MUST_FAIL(freed_without_a_look, WSIM_UAF)
{
	int times = 2;
	struct object *old = make(1);

	hazard_publish(&shared, old);
	(void)wsim_spawn(reader, &times);
	hazard_publish(&shared, make(2));
	free(old);
	wsim_join_all();
}
