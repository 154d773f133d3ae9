/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsync/localcount/localcount.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/libsync/gate.h"

#define THREADS 40 /* more than have a cell of their own */

static struct localcount lc;
static struct gate drained, go;

static void
setup(void)
{
	cr_assert_eq(localcount_init(&lc), 0);
}

TestSuite(localcount, .init = setup);

static pthread_t
start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

static void *
drainer(void *arg)
{
	(void)arg;
	localcount_drain(&lc);
	gate_open(&drained, 1);
	return NULL;
}

static void *
releaser(void *arg)
{
	(void)arg;
	localcount_release(&lc);
	return NULL;
}

static void *
acquirer(void *arg)
{
	(void)arg;
	localcount_acquire(&lc);
	return NULL;
}

Test(localcount, count_that_was_never_held_ends)
{
	localcount_drain(&lc);
	localcount_fini(&lc);
}

Test(localcount, count_that_was_never_found_needs_no_drain)
{
	localcount_fini(&lc);
}

Test(localcount, drain_waits_for_the_last)
{
	pthread_t d;

	for (int i = 0; i < 3; i++)
		localcount_acquire(&lc);
	d = start(drainer, NULL);
	for (int i = 0; i < 3; i++) {
		gate_linger();
		cr_assert_not(gate_is_open(&drained, 1));
		localcount_release(&lc);
	}
	pthread_join(d, NULL);
	localcount_fini(&lc);
}

Test(localcount, what_one_thread_acquired_another_releases)
{
	pthread_join(start(acquirer, NULL), NULL);
	pthread_join(start(acquirer, NULL), NULL);
	localcount_release(&lc);
	pthread_t d = start(drainer, NULL);
	gate_linger();
	cr_assert_not(gate_is_open(&drained, 1));
	pthread_join(start(releaser, NULL), NULL);
	pthread_join(d, NULL);
	localcount_fini(&lc);
}

Test(localcount, holder_may_acquire_once_more_during_the_drain)
{
	pthread_t d;

	localcount_acquire(&lc);
	d = start(drainer, NULL);
	while (localcount_tryacquire(&lc)) {
		localcount_release(&lc);
		sched_yield();
	}
	localcount_acquire(&lc);
	localcount_release(&lc);
	gate_linger();
	cr_assert_not(gate_is_open(&drained, 1));
	localcount_release(&lc);
	pthread_join(d, NULL);
}

Test(localcount, tryacquire_fails_once_drained)
{
	cr_assert(localcount_tryacquire(&lc));
	localcount_release(&lc);
	localcount_drain(&lc);
	cr_assert_not(localcount_tryacquire(&lc));
}

Test(localcount, drained_count_may_begin_again)
{
	for (int i = 0; i < 3; i++) {
		localcount_acquire(&lc);
		pthread_join(start(releaser, NULL), NULL);
		localcount_drain(&lc);
		localcount_reinit(&lc);
	}
	cr_assert(localcount_tryacquire(&lc));
	localcount_release(&lc);
	localcount_drain(&lc);
	localcount_fini(&lc);
}

Test(localcount, what_the_last_drain_waited_for_is_forgotten)
{
	pthread_t d;

	localcount_acquire(&lc);
	d = start(drainer, NULL);
	while (localcount_tryacquire(&lc)) {
		localcount_release(&lc);
		sched_yield();
	}
	localcount_release(&lc);
	pthread_join(d, NULL);
	localcount_reinit(&lc);
	localcount_drain(&lc);
	localcount_fini(&lc);
}

/* Its first reference is from before the drain, the others follow from it. */
static void *
mixer(void *arg)
{
	localcount_acquire(&lc);
	(void)pthread_barrier_wait(arg);
	for (int i = 0; i < 199; i++)
		localcount_acquire(&lc);
	gate_wait(&go, 1);
	for (int i = 0; i < 199; i++)
		localcount_release(&lc);
	return NULL;
}

Test(localcount, any_number_of_threads_counts)
{
	pthread_t threads[THREADS], d;
	pthread_barrier_t held;

	cr_assert_eq(pthread_barrier_init(&held, NULL, THREADS + 1), 0);
	for (int i = 0; i < THREADS; i++)
		threads[i] = start(mixer, &held);
	(void)pthread_barrier_wait(&held);
	d = start(drainer, NULL);
	gate_open(&go, 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++) {
		gate_linger();
		cr_assert_not(gate_is_open(&drained, 1));
		localcount_release(&lc);
	}
	pthread_join(d, NULL);
	localcount_fini(&lc);
	pthread_barrier_destroy(&held);
}

Test(localcount, counts_do_not_mix)
{
	struct localcount many[20];

	for (int i = 0; i < 20; i++)
		cr_assert_eq(localcount_init(&many[i]), 0);
	for (int i = 0; i < 20; i++)
		localcount_acquire(&many[i]);
	localcount_drain(&lc);
	for (int i = 0; i < 20; i++) {
		localcount_release(&many[i * 7 % 20]);
		localcount_drain(&many[i * 7 % 20]);
		localcount_fini(&many[i * 7 % 20]);
	}
	localcount_fini(&lc);
}

Test(localcount, child_counts_on)
{
	int status;
	pid_t pid;

	localcount_acquire(&lc);
	pthread_join(start(acquirer, NULL), NULL);
	pid = fork();
	if (pid == 0) {
		pthread_t d = start(drainer, NULL);

		localcount_release(&lc);
		gate_linger();
		if (gate_is_open(&drained, 1))
			_exit(1);
		localcount_release(&lc);
		pthread_join(d, NULL);
		localcount_fini(&lc);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	localcount_release(&lc);
	localcount_release(&lc);
	localcount_drain(&lc);
}

Test(localcount, drain_inside_a_section_aborts, .signal = SIGABRT)
{
	(void)pserialize_read_enter();
	localcount_drain(&lc);
}

Test(localcount, end_of_a_count_that_is_held_aborts, .signal = SIGABRT)
{
	localcount_acquire(&lc);
	localcount_fini(&lc);
}

Test(localcount, second_drain_aborts, .signal = SIGABRT)
{
	localcount_drain(&lc);
	localcount_drain(&lc);
}

#ifdef SYNC_CHECKS
Test(localcount, acquire_of_a_drained_count_aborts, .signal = SIGABRT)
{
	localcount_drain(&lc);
	localcount_acquire(&lc);
}
#endif
