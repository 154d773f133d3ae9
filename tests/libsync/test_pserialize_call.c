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

/* Callbacks run one after the other, and before the return of the barrier. */
static int ran;
static bool in_order = true;

struct item {
	struct pserialize_head head;
	int number;
};

static void
count(struct pserialize_head *head)
{
	struct item *it = (struct item *)head;

	in_order = in_order && it->number == ran;
	ran++;
	free(it);
}

static void
call_one(int number)
{
	struct item *it = malloc(sizeof(*it));

	cr_assert_not_null(it);
	it->number = number;
	pserialize_call(&it->head, count);
}

static pthread_t
start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

Test(pserialize_call, barrier_without_calls_returns)
{
	pserialize_barrier();
	pserialize_barrier();
}

Test(pserialize_call, calls_run_once_each_in_order)
{
	for (int i = 0; i < 1000; i++) {
		call_one(i);
		if (i == 500) /* from now on with a list of its own */
			pserialize_read_exit(pserialize_read_enter());
	}
	pserialize_barrier();
	cr_assert_eq(ran, 1000);
	cr_assert(in_order);
}

static struct gate inside, leave, done;

static void
open_done(struct pserialize_head *head)
{
	(void)head;
	gate_open(&done, 1);
}

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

Test(pserialize_call, callback_waits_for_an_open_section)
{
	struct pserialize_head head;
	pthread_t t = start(sitter, NULL);

	gate_wait(&inside, 1);
	pserialize_call(&head, open_done);
	gate_linger();
	cr_assert_not(gate_is_open(&done, 1));
	gate_open(&leave, 1);
	gate_wait(&done, 1); /* nobody asks again */
	pthread_join(t, NULL);
}

Test(pserialize_call, call_inside_a_section_runs_after_it)
{
	struct pserialize_head head;
	uint64_t s = pserialize_read_enter();

	pserialize_call(&head, open_done);
	gate_linger();
	cr_assert_not(gate_is_open(&done, 1));
	pserialize_read_exit(s);
	gate_wait(&done, 1);
}

Test(pserialize_call, a_sleeping_reclaimer_is_woken)
{
	struct pserialize_head head;

	for (int i = 1; i <= 20; i++) {
		gate_open(&done, 0);
		usleep(i % 4 * 1000); /* awake, napping or asleep */
		pserialize_call(&head, open_done);
		gate_wait(&done, 1);
	}
}

static void *
caller(void *arg)
{
	int n = *(int *)arg;

	pserialize_read_exit(pserialize_read_enter());
	for (int i = 0; i < n; i++)
		call_one(-1);
	return NULL;
}

Test(pserialize_call, calls_of_threads_that_ended_run)
{
	pthread_t t[8];
	int n = 100;

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 8; i++)
			t[i] = start(caller, &n);
		for (int i = 0; i < 8; i++)
			pthread_join(t[i], NULL);
	}
	pserialize_barrier();
	cr_assert_eq(ran, 5 * 8 * n);
}

static void *
idle_caller(void *arg)
{
	caller(arg);
	gate_open(&inside, 1);
	gate_wait(&leave, 1);
	return NULL;
}

Test(pserialize_call, more_threads_than_one_go_takes_are_all_served)
{
	enum {
		THREADS = 150
	};
	pthread_t t[THREADS];
	int n = 3;

	for (int i = 0; i < THREADS; i++) {
		gate_open(&inside, 0);
		t[i] = start(idle_caller, &n);
		gate_wait(&inside, 1);
	}
	pserialize_barrier();
	cr_assert_eq(ran, THREADS * n);
	gate_open(&leave, 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static void
again(struct pserialize_head *head)
{
	struct item *it = (struct item *)head;

	ran++;
	if (it->number-- > 0)
		pserialize_call(head, again);
	else
		gate_open(&done, 1);
}

Test(pserialize_call, callback_may_call_again)
{
	struct item it = {.number = 5};

	pserialize_call(&it.head, again);
	gate_wait(&done, 1);
	pserialize_barrier();
	cr_assert_eq(ran, 6);
}

static void
perform_in_callback(struct pserialize_head *head)
{
	(void)head;
	pserialize_perform();
	pserialize_read_exit(pserialize_read_enter());
	ran++;
}

Test(pserialize_call, callback_may_wait_for_a_grace_period)
{
	struct pserialize_head head;

	pserialize_call(&head, perform_in_callback);
	pserialize_barrier();
	cr_assert_eq(ran, 1);
}

static struct item from_handler[100];
static int from_handler_n;

static void
count_only(struct pserialize_head *head)
{
	(void)head;
	ran++;
}

static void
handler(int signo)
{
	struct item *it = &from_handler[from_handler_n++];

	(void)signo;
	pserialize_call(&it->head, count_only);
}

Test(pserialize_call, signal_handlers_may_call)
{
	pserialize_barrier(); /* starts the thread, as the contract asks */
	signal(SIGUSR1, handler);
	for (int i = 0; i < 50; i++)
		raise(SIGUSR1);
	pserialize_read_exit(pserialize_read_enter());
	for (int i = 0; i < 50; i++)
		raise(SIGUSR1);
	pserialize_barrier();
	cr_assert_eq(ran, 100);
}

/* The reclaimer is a thread. */
static void
need_threads_in_children(void)
{
#ifdef __SANITIZE_THREAD__
	cr_skip_test("ThreadSanitizer starts no thread in a forked child");
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
	cr_skip_test("ThreadSanitizer starts no thread in a forked child");
#endif
#endif
}

static int
barrier_in_child(int expect)
{
	pserialize_barrier();
	return ran == expect ? 0 : 1;
}

static int
in_child(int (*fn)(int), int arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(arg));
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(pserialize_call, child_runs_what_waited_in_the_parent)
{
	pthread_t t;
	int n = 10;

	need_threads_in_children();
	pserialize_barrier(); /* a reclaimer exists */
	t = start(sitter, NULL);
	gate_wait(&inside, 1);
	call_one(0);
	pthread_join(start(caller, &n), NULL);
	/* The child has no sitter, so there they all run. */
	cr_assert_eq(in_child(barrier_in_child, 11), 0);
	cr_assert_eq(ran, 0);
	gate_open(&leave, 1);
	pthread_join(t, NULL);
	pserialize_barrier();
	cr_assert_eq(ran, 11);
}

static int
call_in_child(int n)
{
	for (int i = 0; i < n; i++)
		call_one(i);
	return barrier_in_child(n);
}

Test(pserialize_call, child_may_call)
{
	need_threads_in_children();
	pserialize_barrier();
	cr_assert_eq(in_child(call_in_child, 20), 0);
	call_one(0);
	pserialize_barrier();
	cr_assert_eq(ran, 1);
}

static void
barrier_in_callback(struct pserialize_head *head)
{
	(void)head;
	pserialize_barrier();
}

Test(pserialize_call, barrier_in_a_callback_aborts, .signal = SIGABRT)
{
	struct pserialize_head head;

	pserialize_call(&head, barrier_in_callback);
	pserialize_barrier();
}
