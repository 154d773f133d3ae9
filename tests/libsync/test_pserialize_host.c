/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsync/pserialize/host.h"
#include "tests/libsync/gate.h"

static struct gate inside, leave, stalls;
static int ran;

static void *
sitter(void *arg)
{
	const uint64_t s = pserialize_read_enter();

	(void)arg;
	pthread_setname_np(pthread_self(), "sitter");
	gate_open(&inside, 1);
	gate_wait(&leave, 1);
	pserialize_read_exit(s);
	return NULL;
}

static pthread_t
start_sitter(void)
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, sitter, NULL), 0);
	gate_wait(&inside, 1);
	return t;
}

static void
stop_sitter(pthread_t t)
{
	gate_open(&leave, 1);
	pthread_join(t, NULL);
}

static void
count(struct pserialize_head *head)
{
	(void)head;
	ran++;
}

static void
free_it(struct pserialize_head *head)
{
	ran++;
	free(head);
}

static void
call_many(int n, size_t bytes)
{
	for (int i = 0; i < n; i++) {
		struct pserialize_head *head = malloc(sizeof(*head));

		cr_assert_not_null(head);
		pserialize_call_sized(head, free_it, bytes);
	}
}

Test(pserialize_host, statistics_tell_what_waits)
{
	struct pserialize_stats st;
	pthread_t t = start_sitter();

	call_many(3, 100); /* not registered yet */
	pserialize_read_exit(pserialize_read_enter());
	call_many(7, 1000);
	pserialize_get_stats(0, &st);
	cr_assert_eq(st.called, 10);
	cr_assert_eq(st.queued, 10);
	cr_assert_eq(st.bytes, 7300);
	do
		pserialize_get_stats(0, &st);
	while (st.oldest_ns == 0); /* the reclaimer takes them up */
	stop_sitter(t);
	pserialize_barrier();
	pserialize_barrier(); /* a call may have missed the batch's sums */
	pserialize_get_stats(0, &st);
	cr_assert_eq(ran, 10);
	cr_assert_eq(st.called, 10);
	cr_assert_eq(st.queued, 0);
	cr_assert_eq(st.bytes, 0);
	cr_assert_eq(st.oldest_ns, 0);
	cr_assert_gt(st.periods, 0);
}

static SYNC_ATOMIC(uint64_t) told;

static void
notice(unsigned domain, uint64_t bytes)
{
	(void)domain;
	/* relaxed: looked at by the same thread. */
	sync_store_relaxed(&told, bytes);
}

Test(pserialize_host, hard_limit_calls_the_host)
{
	const struct pserialize_limit limit = {
	    .hard = 16000, .policy = PSERIALIZE_NOTIFY, .fn = notice};
	pthread_t t = start_sitter();

	pserialize_read_exit(pserialize_read_enter());
	pserialize_set_limit(0, &limit);
	call_many(14, 1000);
	/* relaxed: this thread wrote it. */
	cr_assert_eq(sync_load_relaxed(&told), 0);
	call_many(4, 1000);
	/* relaxed: as above. */
	cr_assert_geq(sync_load_relaxed(&told), 16000);
	stop_sitter(t);
	pserialize_barrier();
	cr_assert_eq(ran, 18);
}

static void *
call_too_much(void *arg)
{
	(void)arg;
	call_many(100, 1000);
	gate_open(&inside, 2);
	return NULL;
}

Test(pserialize_host, throttled_caller_waits_for_readers)
{
	const struct pserialize_limit limit = {
	    .hard = 16000, .policy = PSERIALIZE_THROTTLE};
	struct pserialize_stats st;
	pthread_t t = start_sitter(), caller;

	pserialize_set_limit(0, &limit);
	cr_assert_eq(pthread_create(&caller, NULL, call_too_much, NULL), 0);
	gate_linger();
	cr_assert_not(gate_is_open(&inside, 2));
	pserialize_get_stats(0, &st);
	cr_assert_leq(st.bytes, 17000);
	stop_sitter(t);
	pthread_join(caller, NULL);
	pserialize_barrier();
	cr_assert_eq(ran, 100);
}

Test(pserialize_host, caller_inside_a_section_is_not_throttled)
{
	const struct pserialize_limit limit = {
	    .hard = 1000, .policy = PSERIALIZE_THROTTLE};
	uint64_t s = pserialize_read_enter();

	pserialize_set_limit(0, &limit);
	call_many(100, 1000);
	pserialize_read_exit(s);
	pserialize_barrier();
	cr_assert_eq(ran, 100);
}

static struct pserialize_stall seen;
static char seen_name[16];

static void
stalled(const struct pserialize_stall *s)
{
	if (!gate_is_open(&stalls, 1)) {
		seen = *s;
		strncpy(seen_name, s->name, sizeof(seen_name) - 1);
	}
	gate_open(&stalls, gate_is_open(&stalls, 1) ? 2 : 1);
}

Test(pserialize_host, stalled_reader_is_named_again_and_again)
{
	struct pserialize_head head;
	pthread_t t = start_sitter();

	pserialize_on_stall(stalled, 20);
	pserialize_call(&head, count);
	gate_wait(&stalls, 2);
	cr_assert_eq(seen.domain, 0);
	cr_assert_str_eq(seen_name, "sitter");
	cr_assert_str_eq(seen.where, "global");
	cr_assert_geq(seen.age_ns, 20000000);
	cr_assert_not(seen.online);
#ifdef SYNC_CHECKS
	cr_assert_not_null(seen.site);
#else
	cr_assert_null(seen.site);
#endif
	stop_sitter(t);
	pserialize_barrier();
}

Test(pserialize_host, stall_is_printed_by_default)
{
	int pipes[2], keep = dup(STDERR_FILENO);
	struct pollfd line = {.events = POLLIN};
	pthread_t t = start_sitter();
	char text[512];
	ssize_t n;

	cr_assert_eq(pipe(pipes), 0);
	line.fd = pipes[0];
	cr_assert_gt(dup2(pipes[1], STDERR_FILENO), 0);
	pserialize_on_stall(NULL, 20);
	(void)pserialize_poll_start();
	do
		(void)pserialize_poll_advance();
	while (poll(&line, 1, 0) == 0);
	n = read(pipes[0], text, sizeof(text) - 1);
	cr_assert_gt(dup2(keep, STDERR_FILENO), 0);
	cr_assert_gt(n, 0);
	text[n] = '\0';
	cr_assert_not_null(strstr(text, "(sitter)"));
	stop_sitter(t);
}

Test(pserialize_host, host_runs_callbacks_where_it_wants)
{
	struct pserialize_head heads[3];
	struct pserialize_ready ready = {.first = NULL};
	uint64_t s;

	cr_assert_eq(pserialize_manual(), 0);
	s = pserialize_read_enter();
	for (int i = 0; i < 3; i++)
		pserialize_call(&heads[i], count);
	cr_assert_not(pserialize_collect(0, &ready));
	cr_assert_not(pserialize_collect(0, &ready));
	pserialize_read_exit(s);
	while (!pserialize_collect(0, &ready))
		sched_yield();
	cr_assert_eq(ran, 0);
	cr_assert_eq(ready.first, &heads[0]);
	cr_assert_eq(ready.count, 3);
	pserialize_run(&ready);
	cr_assert_eq(ran, 3);
	cr_assert_not(pserialize_collect(0, &ready));
}

Test(pserialize_host, next_batch_waits_until_this_one_was_run)
{
	struct pserialize_head a, b;
	struct pserialize_ready first, second;

	cr_assert_eq(pserialize_manual(), 0);
	pserialize_call(&a, count);
	while (!pserialize_collect(0, &first))
		sched_yield();
	pserialize_call(&b, count);
	for (int i = 0; i < 10; i++)
		cr_assert_not(pserialize_collect(0, &second));
	pserialize_run(&first);
	while (!pserialize_collect(0, &second))
		sched_yield();
	cr_assert_eq(second.first, &b);
	pserialize_run(&second);
}

Test(pserialize_host, barrier_runs_callbacks_if_nobody_else_does)
{
	struct pserialize_head head;

	cr_assert_eq(pserialize_manual(), 0);
	pserialize_call(&head, count);
	pserialize_barrier();
	cr_assert_eq(ran, 1);
}

static void *
call_without_bytes(void *head)
{
	pserialize_read_exit(pserialize_read_enter()); /* it has a record */
	pserialize_call_sized(head, count, 0);
	return NULL;
}

Test(pserialize_host, calls_of_no_bytes_outlive_their_thread)
{
	struct pserialize_head head;
	pthread_t thread;

	cr_assert_eq(pserialize_manual(), 0);
	cr_assert_eq(
	    pthread_create(&thread, NULL, call_without_bytes, &head), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	pserialize_barrier();
	cr_assert_eq(ran, 1);
}

Test(pserialize_host, too_late_for_the_host_to_collect)
{
	pserialize_barrier(); /* starts the thread */
	cr_assert_eq(pserialize_manual(), -EBUSY);
}

static struct pserialize_ready collected;

static int
run_in_child(void)
{
	pserialize_run(&collected); /* the parent's */
	if (ran != 0)
		return 1;
	pserialize_barrier();
	return ran == 1 ? 0 : 2;
}

Test(pserialize_host, child_collects_again_what_the_parent_had)
{
	struct pserialize_head head;
	int status;
	pid_t pid;

	cr_assert_eq(pserialize_manual(), 0);
	pserialize_call(&head, count);
	while (!pserialize_collect(0, &collected))
		sched_yield();
	pid = fork();
	if (pid == 0)
		_exit(run_in_child());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	pserialize_run(&collected);
	cr_assert_eq(ran, 1);
}
