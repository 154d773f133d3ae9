/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsync/pserialize/pserialize.h"
#include "tests/libsync/gate.h"

static struct gate inside, leave, returned;

/* Sit in a section from gate inside to gate leave. */
static void *
sitter(void *arg)
{
	uint64_t s = pserialize_read_enter();

	(void)arg;
	gate_open(&inside, 1);
	gate_wait(&leave, 1);
	pserialize_read_exit(s);
	return NULL;
}

static pthread_t
start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

static pthread_t
start_sitter(void)
{
	pthread_t t = start(sitter, NULL);

	gate_wait(&inside, 1);
	return t;
}

static void
stop_sitter(pthread_t t)
{
	gate_open(&leave, 1);
	pthread_join(t, NULL);
}

static void *
performer(void *arg)
{
	(void)arg;
	pserialize_perform();
	gate_open(&returned, 1);
	return NULL;
}

Test(pserialize, section_is_seen_inside_and_not_outside)
{
	uint64_t s;

	cr_assert_not(pserialize_in_read_section());
	s = pserialize_read_enter();
	cr_assert(pserialize_in_read_section());
	pserialize_read_exit(s);
	cr_assert_not(pserialize_in_read_section());
}

Test(pserialize, inner_exit_leaves_the_outer_section_open)
{
	uint64_t outer = pserialize_read_enter();

	for (int i = 0; i < 3; i++) {
		uint64_t inner = pserialize_read_enter();
		uint64_t innermost = pserialize_read_enter();

		pserialize_read_exit(innermost);
		cr_assert(pserialize_in_read_section());
		pserialize_read_exit(inner);
		cr_assert(pserialize_in_read_section());
	}
	pserialize_read_exit(outer);
	cr_assert_not(pserialize_in_read_section());
}

Test(pserialize, section_of_another_thread_is_not_ours)
{
	pthread_t t = start_sitter();

	cr_assert_not(pserialize_in_read_section());
	stop_sitter(t);
}

Test(pserialize, perform_returns_without_readers)
{
	for (int i = 0; i < 100; i++)
		pserialize_perform();
}

Test(pserialize, perform_waits_for_an_open_section)
{
	pthread_t reader = start_sitter(), writer = start(performer, NULL);

	gate_linger();
	cr_assert_not(gate_is_open(&returned, 1));
	stop_sitter(reader);
	pthread_join(writer, NULL);
	cr_assert(gate_is_open(&returned, 1));
}

Test(pserialize, perform_waits_while_only_an_inner_section_ended)
{
	uint64_t outer = pserialize_read_enter();
	pthread_t writer = start(performer, NULL);

	for (int i = 0; i < 200; i++) {
		pserialize_read_exit(pserialize_read_enter());
		sched_yield();
	}
	cr_assert_not(gate_is_open(&returned, 1));
	pserialize_read_exit(outer);
	pthread_join(writer, NULL);
}

static void *
busy_reader(void *arg)
{
	(void)arg;
	gate_open(&inside, 1);
	while (!gate_is_open(&leave, 1)) {
		for (int i = 0; i < 1000; i++)
			pserialize_read_exit(pserialize_read_enter());
		sched_yield();
	}
	return NULL;
}

Test(pserialize, sections_back_to_back_do_not_hold_perform_up)
{
	pthread_t t = start(busy_reader, NULL);

	gate_wait(&inside, 1);
	for (int i = 0; i < 100; i++)
		pserialize_perform();
	stop_sitter(t);
}

static uint64_t
advance_to(uint64_t gp)
{
	while (!pserialize_poll(gp))
		if (!pserialize_poll_advance())
			sched_yield();
	return gp;
}

Test(pserialize, poll_is_false_until_somebody_advances)
{
	uint64_t gp = pserialize_poll_start();

	for (int i = 0; i < 10; i++)
		cr_assert_not(pserialize_poll(gp));
	advance_to(gp);
	cr_assert(pserialize_poll(gp));
}

Test(pserialize, perform_ends_what_poll_waits_for)
{
	uint64_t gp = pserialize_poll_start();

	pserialize_perform();
	cr_assert(pserialize_poll(gp));
	pserialize_perform();
	cr_assert(pserialize_poll(gp));
}

Test(pserialize, advance_does_nothing_unless_asked)
{
	cr_assert_not(pserialize_poll_advance());
	advance_to(pserialize_poll_start());
	cr_assert_not(pserialize_poll_advance());
}

Test(pserialize, poll_waits_for_the_section_of_its_own_thread)
{
	uint64_t s = pserialize_read_enter();
	uint64_t gp = pserialize_poll_start();

	for (int i = 0; i < 10; i++) {
		cr_assert_not(pserialize_poll_advance());
		cr_assert_not(pserialize_poll(gp));
	}
	pserialize_read_exit(s);
	cr_assert(pserialize_poll_advance());
	cr_assert(pserialize_poll(gp));
}

Test(pserialize, grace_period_begun_before_does_not_count)
{
	uint64_t s, first, second;

	s = pserialize_read_enter();
	first = pserialize_poll_start();
	cr_assert_not(pserialize_poll_advance()); /* begins the first */
	second = pserialize_poll_start();
	pserialize_read_exit(s);
	cr_assert(pserialize_poll_advance());
	cr_assert(pserialize_poll(first));
	cr_assert_not(pserialize_poll(second));
	advance_to(second);
}

Test(pserialize, section_begun_after_the_scan_does_not_hold_it)
{
	uint64_t s = pserialize_read_enter();
	uint64_t gp = pserialize_poll_start();
	pthread_t t;

	cr_assert_not(pserialize_poll_advance());
	t = start_sitter(); /* registers and enters after the scan */
	pserialize_read_exit(s);
	cr_assert(pserialize_poll_advance());
	cr_assert(pserialize_poll(gp));
	stop_sitter(t);
}

static void *
short_reader(void *arg)
{
	(void)arg;
	pserialize_read_exit(pserialize_read_enter());
	return NULL;
}

Test(pserialize, threads_come_and_go)
{
	for (int i = 0; i < 200; i++) {
		pthread_t a = start(short_reader, NULL);
		pthread_t b = start(short_reader, NULL);

		pserialize_perform();
		pthread_join(a, NULL);
		pthread_join(b, NULL);
	}
	pserialize_perform();
}

static pthread_key_t late_key;

static void
late_destructor(void *arg)
{
	pserialize_read_exit(pserialize_read_enter());
	if (*(int *)arg > 0) {
		*(int *)arg -= 1;
		pthread_setspecific(late_key, arg);
	}
}

static void *
late_thread(void *arg)
{
	pserialize_read_exit(pserialize_read_enter());
	pthread_setspecific(late_key, arg);
	return NULL;
}

Test(pserialize, destructors_of_a_thread_may_read)
{
	int rounds = 1;
	pthread_t t;

	/* A later key: its destructor runs after ours. */
	pserialize_perform();
	cr_assert_eq(pthread_key_create(&late_key, late_destructor), 0);
	t = start(late_thread, &rounds);
	pthread_join(t, NULL);
	cr_assert_eq(rounds, 0);
	pserialize_perform();
}

static SYNC_ATOMIC(int) handled;

static void
handler(int signo)
{
	bool was = pserialize_in_read_section();
	uint64_t a = pserialize_read_enter(), b = pserialize_read_enter();

	(void)signo;
	pserialize_read_exit(b);
	pserialize_read_exit(a);
	if (pserialize_in_read_section() == was)
		/* relaxed: read by the thread that it interrupts. */
		sync_fetch_add_relaxed(&handled, 1);
}

Test(pserialize, signal_handlers_may_read_anywhere)
{
	uint64_t s;

	signal(SIGUSR1, handler);
	raise(SIGUSR1); /* registers the thread */
	s = pserialize_read_enter();
	raise(SIGUSR1);
	cr_assert(pserialize_in_read_section());
	pserialize_read_exit(s);
	raise(SIGUSR1);
	cr_assert_not(pserialize_in_read_section());
	/* relaxed: counted by this thread. */
	cr_assert_eq(sync_load_relaxed(&handled), 3);
	pserialize_perform();
}

/* Forks; the child exits with the result of fn. */
static int
in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
perform_in_child(void)
{
	pserialize_perform();
	pserialize_read_exit(pserialize_read_enter());
	pserialize_perform();
	return pserialize_in_read_section() ? 1 : 0;
}

Test(pserialize, child_does_not_wait_for_readers_of_the_parent)
{
	pthread_t t = start_sitter();
	uint64_t gp = pserialize_poll_start();

	cr_assert_not(pserialize_poll_advance()); /* one is running */
	cr_assert_eq(in_child(perform_in_child), 0);
	cr_assert_not(pserialize_poll(gp));
	stop_sitter(t);
	advance_to(gp);
}

static uint64_t open_cookie;

static int
exit_in_child(void)
{
	if (!pserialize_in_read_section())
		return 1;
	pserialize_read_exit(open_cookie);
	pserialize_perform();
	return pserialize_in_read_section() ? 2 : 0;
}

Test(pserialize, child_inherits_the_section_of_its_thread)
{
	open_cookie = pserialize_read_enter();
	cr_assert_eq(in_child(exit_in_child), 0);
	cr_assert(pserialize_in_read_section());
	pserialize_read_exit(open_cookie);
}

Test(pserialize, perform_inside_a_section_aborts, .signal = SIGABRT)
{
	(void)pserialize_read_enter();
	pserialize_perform();
}

Test(pserialize, barrier_inside_a_section_aborts, .signal = SIGABRT)
{
	(void)pserialize_read_enter();
	pserialize_barrier();
}

static void *
leaver(void *arg)
{
	(void)arg;
	(void)pserialize_read_enter();
	return NULL;
}

#ifdef SYNC_CHECKS
Test(pserialize, thread_that_ends_inside_a_section_aborts, .signal = SIGABRT)
{
	pthread_join(start(leaver, NULL), NULL);
}

Test(pserialize, exits_out_of_order_abort, .signal = SIGABRT)
{
	uint64_t outer = pserialize_read_enter();
	uint64_t inner = pserialize_read_enter();

	pserialize_read_exit(outer);
	pserialize_read_exit(inner);
}

Test(pserialize, second_exit_aborts, .signal = SIGABRT)
{
	uint64_t s = pserialize_read_enter();

	pserialize_read_exit(s);
	pserialize_read_exit(s);
}

Test(pserialize, cookie_of_an_older_section_aborts, .signal = SIGABRT)
{
	uint64_t old = pserialize_read_enter();

	pserialize_read_exit(old);
	(void)pserialize_read_enter();
	pserialize_read_exit(old);
}
#else
Test(pserialize, section_ends_with_its_thread)
{
	pthread_join(start(leaver, NULL), NULL);
	pserialize_perform();
}
#endif
