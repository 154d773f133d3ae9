/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/psref/psref.h"
#include "tests/libsync/gate.h"

static struct psref_class *cl;
static struct psref_target target, other;

static void
setup(void)
{
	cr_assert_eq(psref_class_create("test", &cl), 0);
	psref_target_init(&target, cl);
	psref_target_init(&other, cl);
}

TestSuite(psref, .init = setup);

static void
acquire(struct psref *ref, struct psref_target *t)
{
	uint64_t s = pserialize_read_enter();

	psref_acquire(ref, t, cl);
	pserialize_read_exit(s);
}

static pthread_t
start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

Test(psref, target_that_nobody_holds_is_destroyed)
{
	psref_target_destroy(&target, cl);
	psref_target_destroy(&other, cl);
	psref_class_destroy(cl);
}

Test(psref, held_is_true_between_acquire_and_release)
{
	struct psref ref;

	cr_assert_not(psref_held(&target, cl));
	acquire(&ref, &target);
	cr_assert(psref_held(&target, cl));
	cr_assert_not(psref_held(&other, cl));
	psref_release(&ref, &target, cl);
	cr_assert_not(psref_held(&target, cl));
}

static void *
held_elsewhere(void *arg)
{
	*(bool *)arg = psref_held(&target, cl);
	return NULL;
}

Test(psref, held_speaks_of_the_calling_thread)
{
	struct psref ref;
	bool held = true;

	acquire(&ref, &target);
	pthread_join(start(held_elsewhere, &held), NULL);
	cr_assert_not(held);
	psref_release(&ref, &target, cl);
}

Test(psref, one_target_is_held_several_times)
{
	struct psref a, b, c;

	acquire(&a, &target);
	acquire(&b, &target);
	acquire(&c, &target);
	psref_release(&b, &target, cl);
	psref_release(&a, &target, cl);
	cr_assert(psref_held(&target, cl));
	psref_release(&c, &target, cl);
	cr_assert_not(psref_held(&target, cl));
}

Test(psref, hundreds_are_held_and_released_in_any_order)
{
	struct psref refs[300];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 300; i++)
			acquire(&refs[i], i % 2 == 0 ? &target : &other);
		for (int i = 0; i < 300; i++) {
			int k = i * 7 % 300;

			psref_release(
			    &refs[k], k % 2 == 0 ? &target : &other, cl);
		}
		cr_assert_not(psref_held(&target, cl));
		cr_assert_not(psref_held(&other, cl));
	}
	psref_target_destroy(&target, cl);
}

static struct gate destroyed, holding, go;

static void *
destroyer(void *arg)
{
	pserialize_perform();
	psref_target_destroy(arg, cl);
	gate_open(&destroyed, 1);
	return NULL;
}

Test(psref, destroy_waits_for_the_holder)
{
	struct psref ref;
	pthread_t t;

	acquire(&ref, &target);
	t = start(destroyer, &target);
	gate_linger();
	cr_assert_not(gate_is_open(&destroyed, 1));
	psref_release(&ref, &target, cl);
	pthread_join(t, NULL);
	cr_assert(gate_is_open(&destroyed, 1));
}

Test(psref, destroy_does_not_wait_for_references_to_others)
{
	struct psref ref;

	acquire(&ref, &other);
	pthread_join(start(destroyer, &target), NULL);
	psref_release(&ref, &other, cl);
}

static void *
holder(void *arg)
{
	struct psref ref;

	acquire(&ref, arg);
	gate_open(&holding, 1);
	gate_wait(&go, 1);
	psref_release(&ref, arg, cl);
	return NULL;
}

Test(psref, holder_may_end_after_release)
{
	pthread_t h = start(holder, &target), d;

	gate_wait(&holding, 1);
	d = start(destroyer, &target);
	gate_linger();
	cr_assert_not(gate_is_open(&destroyed, 1));
	gate_open(&go, 1);
	pthread_join(h, NULL);
	pthread_join(d, NULL);
}

Test(psref, copy_holds_on_its_own)
{
	struct psref a, b;
	pthread_t t;

	acquire(&a, &target);
	psref_copy(&b, &a, cl);
	psref_release(&a, &target, cl);
	cr_assert(psref_held(&target, cl));
	t = start(destroyer, &target);
	gate_linger();
	cr_assert_not(gate_is_open(&destroyed, 1));
	psref_release(&b, &target, cl);
	pthread_join(t, NULL);
}

Test(psref, copies_made_during_the_drain_count)
{
	struct psref a, b;
	pthread_t t;

	acquire(&a, &target);
	t = start(destroyer, &target);
	for (int i = 0; i < 1000; i++) {
		psref_copy(&b, &a, cl);
		psref_release(&a, &target, cl);
		psref_copy(&a, &b, cl);
		psref_release(&b, &target, cl);
		if (i % 100 == 0)
			gate_linger();
	}
	cr_assert_not(gate_is_open(&destroyed, 1));
	psref_release(&a, &target, cl);
	pthread_join(t, NULL);
}

Test(psref, destroyed_target_may_be_initialised_again)
{
	struct psref ref;

	for (int i = 0; i < 10; i++) {
		acquire(&ref, &target);
		psref_release(&ref, &target, cl);
		psref_target_destroy(&target, cl);
		psref_target_init(&target, cl);
	}
}

/* The child's copy of the holder does not exist. */
Test(psref, child_does_not_wait_for_holders_of_the_parent)
{
	pthread_t h = start(holder, &target);
	int status;
	pid_t pid;

	gate_wait(&holding, 1);
	pid = fork();
	if (pid == 0) {
		psref_target_destroy(&target, cl);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	gate_open(&go, 1);
	pthread_join(h, NULL);
}

Test(psref, class_with_targets_is_not_destroyed, .signal = SIGABRT)
{
	psref_class_destroy(cl);
}

Test(psref, destroy_inside_a_section_aborts, .signal = SIGABRT)
{
	(void)pserialize_read_enter();
	psref_target_destroy(&target, cl);
}

Test(psref, destroy_by_a_holder_aborts, .signal = SIGABRT)
{
	struct psref ref;

	acquire(&ref, &target);
	psref_target_destroy(&target, cl);
}

static void *
leaker(void *arg)
{
	acquire(arg, &target);
	return NULL;
}

Test(psref, thread_that_ends_with_a_reference_aborts, .signal = SIGABRT)
{
	struct psref ref;

	pthread_join(start(leaker, &ref), NULL);
}

#ifdef SYNC_CHECKS
Test(psref, second_release_aborts, .signal = SIGABRT)
{
	struct psref ref;

	acquire(&ref, &target);
	psref_release(&ref, &target, cl);
	psref_release(&ref, &target, cl);
}

Test(psref, release_of_another_target_aborts, .signal = SIGABRT)
{
	struct psref ref;

	acquire(&ref, &target);
	psref_release(&ref, &other, cl);
}

static void *
releaser(void *arg)
{
	psref_release(arg, &target, cl);
	return NULL;
}

Test(psref, release_by_another_thread_aborts, .signal = SIGABRT)
{
	struct psref ref;

	acquire(&ref, &target);
	pthread_join(start(releaser, &ref), NULL);
}

Test(psref, acquire_with_a_wrong_class_aborts, .signal = SIGABRT)
{
	struct psref_class *wrong;
	struct psref ref;

	cr_assert_eq(psref_class_create("wrong", &wrong), 0);
	psref_acquire(&ref, &target, wrong);
}

Test(psref, acquire_of_a_destroyed_target_aborts, .signal = SIGABRT)
{
	struct psref ref;

	psref_target_destroy(&target, cl);
	acquire(&ref, &target);
}
#endif
