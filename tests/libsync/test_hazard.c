/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsync/hazard/hazard.h"
#include "tests/libsync/gate.h"

#define THREADS 4
#define MANY    20000

struct object {
	int number;
	struct hazard_head head;
	struct object *child;
};

static SYNC_ATOMIC(long) live, most;
static struct hazard_ptr shared;
static struct gate holding, go, ended;

static struct object *
make(int number)
{
	struct object *o = calloc(1, sizeof(*o));
	long n, seen;

	cr_assert_not_null(o);
	o->number = number;
	/* relaxed: counts. */
	n = sync_fetch_add_relaxed(&live, 1) + 1;
	seen = sync_load_relaxed(&most);
	while (n > seen)
		/* relaxed: counts. */
		if (sync_cas_relaxed(&most, &seen, n))
			break;
	return o;
}

static long
alive(void)
{
	/* relaxed: counts. */
	return sync_load_relaxed(&live);
}

static void
destroy(struct hazard_head *head)
{
	struct object *o =
	    (struct object *)(void *)((char *)head -
				      offsetof(struct object, head));

	if (o->child != NULL)
		hazard_retire(&o->child->head, o->child, destroy);
	o->number = -1;
	free(o);
	/* relaxed: counts. */
	sync_fetch_add_relaxed(&live, -1);
}

static void
retire(struct object *o)
{
	hazard_retire(&o->head, o, destroy);
}

static pthread_t
start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

static void
run(void *(*fn)(void *), void *arg)
{
	pthread_join(start(fn, arg), NULL);
}

Test(hazard, nothing_is_protected_behind_an_empty_link)
{
	struct hazard h;

	cr_assert_eq(hazard_init(&h), 0);
	cr_assert_null(hazard_protect(&h, &shared));
	hazard_clear(&h);
	hazard_fini(&h);
}

Test(hazard, retired_object_is_freed)
{
	retire(make(1));
	cr_assert_eq(hazard_reclaim(), 0);
	cr_assert_eq(alive(), 0);
}

Test(hazard, protected_object_is_not_freed)
{
	struct object *o = make(7);
	struct hazard h;

	cr_assert_eq(hazard_init(&h), 0);
	hazard_publish(&shared, o);
	cr_assert_eq(hazard_protect(&h, &shared), o);
	hazard_publish(&shared, NULL);
	retire(o);
	cr_assert_eq(hazard_reclaim(), 1);
	cr_assert_eq(o->number, 7);
	hazard_clear(&h);
	cr_assert_eq(hazard_reclaim(), 0);
	cr_assert_eq(alive(), 0);
	hazard_fini(&h);
}

Test(hazard, set_protects_what_is_still_linked)
{
	struct object *o = make(7);
	struct hazard h;

	cr_assert_eq(hazard_init(&h), 0);
	hazard_set(&h, o);
	retire(o);
	cr_assert_eq(hazard_reclaim(), 1);
	hazard_fini(&h); /* clears */
	cr_assert_eq(hazard_reclaim(), 0);
}

Test(hazard, copy_protects_on_its_own)
{
	struct object *o = make(7);
	struct hazard a, b;

	cr_assert_eq(hazard_init(&a), 0);
	cr_assert_eq(hazard_init(&b), 0);
	hazard_set(&a, o);
	hazard_copy(&b, &a);
	hazard_clear(&a);
	retire(o);
	cr_assert_eq(hazard_reclaim(), 1);
	hazard_clear(&b);
	cr_assert_eq(hazard_reclaim(), 0);
	hazard_fini(&a);
	hazard_fini(&b);
}

Test(hazard, hundreds_are_protected_at_a_time)
{
	static struct hazard h[300];
	static struct object *o[300];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 300; i++) {
			o[i] = make(i);
			cr_assert_eq(hazard_init(&h[i]), 0);
			hazard_set(&h[i], o[i]);
		}
		for (int i = 0; i < 300; i++)
			retire(o[i]);
		cr_assert_eq(hazard_reclaim(), 300);
		for (int i = 0; i < 300; i++)
			hazard_fini(&h[i * 7 % 300]);
		cr_assert_eq(hazard_reclaim(), 0);
	}
	cr_assert_eq(alive(), 0);
}

Test(hazard, callback_may_retire_more)
{
	struct object *o = NULL;

	for (int i = 0; i < 500; i++) {
		struct object *parent = make(i);

		parent->child = o;
		o = parent;
	}
	retire(o);
	for (int i = 0; i < 500; i++)
		(void)hazard_reclaim();
	cr_assert_eq(alive(), 0);
}

static void *
holder(void *arg)
{
	struct hazard h;

	cr_assert_eq(hazard_init(&h), 0);
	cr_assert_eq(hazard_protect(&h, &shared), arg);
	gate_open(&holding, 1);
	gate_wait(&go, 1);
	hazard_fini(&h);
	return NULL;
}

static void *
retirer(void *arg)
{
	struct hazard h;

	(void)arg;
	cr_assert_eq(hazard_init(&h), 0);
	for (int i = 0; i < MANY; i++)
		retire(make(i));
	hazard_fini(&h);
	return NULL;
}

/* The bound of hazard_retire(), with a reader that stands still. */
Test(hazard, garbage_is_bounded_although_a_reader_stalls)
{
	struct object *o = make(7);
	pthread_t h, threads[THREADS];

	hazard_publish(&shared, o);
	h = start(holder, o);
	gate_wait(&holding, 1);
	hazard_publish(&shared, NULL);
	retire(o);
	for (int i = 0; i < THREADS; i++)
		threads[i] = start(retirer, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	/* relaxed: everybody has been joined. */
	cr_assert_leq(sync_load_relaxed(&most),
	    (THREADS + 1) * (long)hazard_limit() + THREADS);
	cr_assert_eq(o->number, 7);
	gate_open(&go, 1);
	pthread_join(h, NULL);
	cr_assert_eq(hazard_reclaim(), 0);
	cr_assert_eq(alive(), 0);
}

static void *
retire_one(void *arg)
{
	retire(arg);
	return NULL;
}

Test(hazard, what_an_ended_thread_retired_is_freed)
{
	struct object *o = make(7);
	struct hazard h;

	cr_assert_eq(hazard_init(&h), 0);
	hazard_set(&h, o);
	run(retire_one, o);
	cr_assert_eq(alive(), 1); /* an orphan */
	hazard_clear(&h);
	cr_assert_eq(hazard_reclaim(), 0);
	cr_assert_eq(alive(), 0);
	hazard_fini(&h);
}

Test(hazard, threads_that_come_and_go_add_no_slots)
{
	uint32_t limit;

	run(retirer, NULL);
	limit = hazard_limit();
	for (int i = 0; i < 100; i++)
		run(retire_one, make(i));
	cr_assert_eq(hazard_limit(), limit);
	cr_assert_eq(alive(), 0);
}

static struct hazard_cohort cohort;

static void
destroy_with_child(struct hazard_head *head)
{
	struct object *o =
	    (struct object *)(void *)((char *)head -
				      offsetof(struct object, head));

	if (o->child != NULL)
		hazard_cohort_retire(
		    &cohort, &o->child->head, o->child, destroy_with_child);
	o->child = NULL;
	destroy(head);
}

Test(hazard, cohort_is_gone_at_its_end)
{
	hazard_cohort_init(&cohort);
	for (int i = 0; i < 1000; i++) {
		struct object *o = make(i);

		o->child = make(i);
		hazard_cohort_retire(&cohort, &o->head, o, destroy_with_child);
		cr_assert_leq(alive(), 3 * (long)hazard_limit());
	}
	hazard_cohort_fini(&cohort);
	cr_assert_eq(alive(), 0);
}

static void *
end_cohort(void *arg)
{
	(void)arg;
	hazard_cohort_fini(&cohort);
	gate_open(&ended, 1);
	return NULL;
}

Test(hazard, end_of_a_cohort_waits_for_readers)
{
	struct object *o = make(7);
	struct hazard h;
	pthread_t t;

	hazard_cohort_init(&cohort);
	cr_assert_eq(hazard_init(&h), 0);
	hazard_set(&h, o);
	hazard_cohort_retire(&cohort, &o->head, o, destroy);
	t = start(end_cohort, NULL);
	gate_linger();
	cr_assert_not(gate_is_open(&ended, 1));
	cr_assert_eq(o->number, 7);
	hazard_clear(&h);
	pthread_join(t, NULL);
	cr_assert_eq(alive(), 0);
	hazard_fini(&h);
}

Test(hazard, end_of_a_cohort_does_not_wait_for_others)
{
	struct object *o = make(7);
	struct hazard h;

	hazard_cohort_init(&cohort);
	cr_assert_eq(hazard_init(&h), 0);
	hazard_set(&h, o);
	retire(o);
	hazard_cohort_fini(&cohort);
	cr_assert_eq(alive(), 1);
	hazard_fini(&h);
}

static void *
holder_that_retired(void *arg)
{
	retire(make(1));
	retire(make(2));
	return holder(arg);
}

/* The child does not have the holder, but what that retired. */
Test(hazard, child_forgets_what_others_protect)
{
	struct object *o = make(7);
	pthread_t h;
	int status;
	pid_t pid;

	hazard_publish(&shared, o);
	h = start(holder_that_retired, o);
	gate_wait(&holding, 1);
	hazard_publish(&shared, NULL);
	retire(o);
	pid = fork();
	if (pid == 0) {
		if (hazard_reclaim() != 0 || alive() != 0)
			_exit(1);
		retire(make(1));
		_exit(hazard_reclaim() != 0 || alive() != 0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	cr_assert_eq(hazard_reclaim(), 1);
	gate_open(&go, 1);
	pthread_join(h, NULL);
	cr_assert_eq(hazard_reclaim(), 0);
	cr_assert_eq(alive(), 0);
}

static void *
leaker(void *arg)
{
	cr_assert_eq(hazard_init(arg), 0);
	return NULL;
}

Test(hazard, thread_that_ends_without_fini_aborts, .signal = SIGABRT)
{
	struct hazard h;

	run(leaker, &h);
}

static void
reclaims(struct hazard_head *head)
{
	(void)head;
	(void)hazard_reclaim();
}

Test(hazard, reclaim_in_a_callback_aborts, .signal = SIGABRT)
{
	struct object *o = make(1);

	hazard_retire(&o->head, o, reclaims);
	(void)hazard_reclaim();
}

#ifdef SYNC_CHECKS
static void *
finisher(void *arg)
{
	hazard_fini(arg);
	return NULL;
}

Test(hazard, fini_by_another_thread_aborts, .signal = SIGABRT)
{
	struct hazard h;

	cr_assert_eq(hazard_init(&h), 0);
	run(finisher, &h);
}
#endif
