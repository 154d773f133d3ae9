/* SPDX-License-Identifier: BSD-2-Clause */

/* References without memory for them: allocations go through the test. */

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/psref/psref.h"
#include "tests/libsync/gate.h"

/* NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming) */
/* The linker's names. */
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static struct gate empty, destroyed;

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return gate_is_open(&empty, 1) ? NULL
				       : __real_aligned_alloc(alignment, size);
}
/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming) */

static struct psref_class *cl;
static struct psref_target target;

static void
setup(void)
{
	cr_assert_eq(psref_class_create("nomem", &cl), 0);
	psref_target_init(&target, cl);
	gate_open(&empty, 1);
}

static void
teardown(void)
{
	gate_open(&empty, 0);
}

TestSuite(psref_nomem, .init = setup, .fini = teardown);

static void
acquire(struct psref *ref)
{
	uint64_t s = pserialize_read_enter();

	psref_acquire(ref, &target, cl);
	pserialize_read_exit(s);
}

static void *
destroyer(void *arg)
{
	(void)arg;
	psref_target_destroy(&target, cl);
	gate_open(&destroyed, 1);
	return NULL;
}

Test(psref_nomem, class_is_not_created)
{
	struct psref_class *none = NULL;

	cr_assert_eq(psref_class_create("none", &none), -ENOMEM);
	cr_assert_null(none);
}

Test(psref_nomem, reference_is_held_all_the_same)
{
	struct psref ref;

	acquire(&ref);
	cr_assert(psref_held(&target, cl));
	psref_release(&ref, &target, cl);
	cr_assert_not(psref_held(&target, cl));
	psref_target_destroy(&target, cl);
}

Test(psref_nomem, destroy_waits_for_it)
{
	struct psref a, b;
	pthread_t t;

	acquire(&a);
	cr_assert_eq(pthread_create(&t, NULL, destroyer, NULL), 0);
	gate_linger();
	cr_assert_not(gate_is_open(&destroyed, 1));
	psref_copy(&b, &a, cl);
	psref_release(&a, &target, cl);
	gate_linger();
	cr_assert_not(gate_is_open(&destroyed, 1));
	gate_open(&empty, 0);
	psref_copy(&a, &b, cl); /* into a slot */
	psref_release(&b, &target, cl);
	gate_linger();
	cr_assert_not(gate_is_open(&destroyed, 1));
	psref_release(&a, &target, cl);
	pthread_join(t, NULL);
}

static void *
releaser(void *arg)
{
	psref_release(arg, &target, cl);
	return NULL;
}

Test(psref_nomem, reference_is_handed_off)
{
	struct psref a, b;
	pthread_t t, r;

	acquire(&a);
	acquire(&b);
	psref_handoff(&a, cl);
	cr_assert(psref_held(&target, cl));
	psref_release(&b, &target, cl);
	cr_assert_not(psref_held(&target, cl));
	cr_assert_eq(pthread_create(&t, NULL, destroyer, NULL), 0);
	gate_linger();
	cr_assert_not(gate_is_open(&destroyed, 1));
	cr_assert_eq(pthread_create(&r, NULL, releaser, &a), 0);
	pthread_join(r, NULL);
	pthread_join(t, NULL);
}

static struct gate holding, go;

static void *
holder(void *arg)
{
	acquire(arg);
	gate_open(&holding, 1);
	gate_wait(&go, 1);
	psref_release(arg, &target, cl);
	return NULL;
}

/* A count would outlive the holder in the child. */
Test(psref_nomem, child_forgets_what_others_hold)
{
	struct psref ref;
	pthread_t h;
	int status;
	pid_t pid;

	cr_assert_eq(pthread_create(&h, NULL, holder, &ref), 0);
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
