/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Bad moments: the reclaimer is held where it looks for work the last time, and
 * between two goes of collecting; writers all come while one leads.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/atomic.h"
#include "libsync/pserialize/host.h"
#include "tests/libsync/gate.h"

void sync_test_point(const char *name);

/* What the test of the moment does at a point; NULL: nothing. */
struct hook {
	void (*fn)(const char *name);
};
static SYNC_ATOMIC(const struct hook *) at_point;

void
sync_test_point(const char *name)
{
	/* acquire: what the hook looks at was set up before. */
	const struct hook *hook = sync_load_acquire(&at_point);

	if (hook != NULL)
		hook->fn(name);
}

static void
hook_set(const struct hook *hook)
{
	/* release: pairs with the acquire above. */
	sync_store_release(&at_point, hook);
}

static pthread_t
start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

/* How the call of a thread that ends came out. */
enum {
	WAITING,
	RAN,
	STRANDED
};

static struct gate called, outcome;
static struct gate registered, may_call, may_end;
static pthread_t leaver;
static bool left;
static struct pserialize_head leavers_call, first_call;

static void
nothing(struct pserialize_head *head)
{
	(void)head;
}

static void
ran(struct pserialize_head *head)
{
	(void)head;
	gate_open(&outcome, RAN);
}

/* Calls while the reclaimer is awake still, so wakes nobody; and ends. */
static void *
leave(void *arg)
{
	(void)arg;
	pserialize_read_exit(pserialize_read_enter());
	gate_open(&registered, 1);
	gate_wait(&may_call, 1);
	pserialize_call(&leavers_call, ran);
	gate_open(&called, 1);
	gate_wait(&may_end, 1);
	return NULL;
}

static void
at_sleep(const char *name)
{
	if (strcmp(name, "reclaim_tired") == 0) {
		gate_open(&may_call, 1);
		gate_wait(&called, 1);
	} else if (!gate_is_open(&called, 1)) {
		return; /* it was past the first point when we came */
	} else if (strcmp(name, "reclaim_looked") == 0 && !left) {
		gate_open(&may_end, 1);
		pthread_join(leaver, NULL);
		left = true;
	} else if (strcmp(name, "reclaim_sleeps") == 0) {
		if (!gate_is_open(&outcome, RAN))
			gate_open(&outcome, STRANDED);
		hook_set(NULL);
	}
}

static const struct hook sleep_hook = {at_sleep};

Test(pserialize_points, call_of_a_thread_that_ends_at_bedtime_runs)
{
	leaver = start(leave, NULL);
	gate_wait(&registered, 1);
	pserialize_barrier(); /* it answers no more than calls from now on */
	hook_set(&sleep_hook);
	pserialize_call(&first_call, nothing); /* then it goes to sleep */
	gate_wait(&outcome, RAN);
	cr_assert(gate_is_open(&outcome, RAN));
	cr_assert_not(gate_is_open(&outcome, STRANDED));
}

/* More than one go takes, and how often it may go before we give up. */
#define BUSY       80
#define PASSES_MAX 8

static struct gate pass, stop;
static SYNC_ATOMIC(int) answered;
static int passes, first_run;

static void
freed(struct pserialize_head *head)
{
	if (first_run == 0)
		first_run = passes; /* the same thread counts them */
	free(head);
}

/* Calls once more each time that the reclaimer has been round. */
static void *
call_without_end(void *arg)
{
	(void)arg;
	pserialize_read_exit(pserialize_read_enter());
	/* release: this thread is registered. */
	sync_fetch_add_release(&answered, 1);
	for (int i = 1; i < PASSES_MAX; i++) {
		gate_wait(&pass, i);
		pserialize_call(malloc(sizeof(struct pserialize_head)), freed);
		/* release: the call has been made. */
		sync_fetch_add_release(&answered, 1);
	}
	return NULL;
}

static void
wait_for(int answers)
{
	/* acquire: pairs with the releases above. */
	while (sync_load_acquire(&answered) < answers)
		sched_yield();
}

static void
at_pass(const char *name)
{
	if (strcmp(name, "reclaim_pass") != 0)
		return;
	if (++passes == PASSES_MAX) {
		hook_set(NULL);
		gate_open(&stop, 1);
		return;
	}
	gate_open(&pass, passes);
	wait_for(BUSY * (passes + 1));
}

static const struct hook pass_hook = {at_pass};

Test(pserialize_points, threads_that_call_without_end_hold_no_batch_up)
{
	pthread_t t[BUSY];

	for (int i = 0; i < BUSY; i++)
		t[i] = start(call_without_end, NULL);
	wait_for(BUSY);
	hook_set(&pass_hook);
	pserialize_barrier(); /* has it go round */
	gate_wait(&stop, 1);
	for (int i = 0; i < BUSY; i++)
		pthread_join(t[i], NULL);
	pserialize_barrier();
	cr_assert_gt(first_run, 0);
	cr_assert_lt(first_run, PASSES_MAX);
}

/* Writers that wait for the leader at the same time. */
#define WRITERS 6

static SYNC_ATOMIC(int) arrived;
static PORT_THREAD_LOCAL bool counted;

static void
at_wait(const char *name)
{
	if (strcmp(name, "period_wait") != 0 || counted)
		return;
	counted = true;
	/* release: this writer has its number. */
	sync_fetch_add_release(&arrived, 1);
}

static const struct hook wait_hook = {at_wait};

static void *
perform(void *arg)
{
	(void)arg;
	pserialize_perform();
	return NULL;
}

static uint64_t
periods(void)
{
	struct pserialize_stats st;

	pserialize_get_stats(0, &st);
	return st.periods;
}

Test(pserialize_points, writers_share_two_grace_periods)
{
	const uint64_t s = pserialize_read_enter();
	pthread_t t[WRITERS];
	uint64_t before;

	hook_set(&wait_hook);
	before = periods();
	for (int i = 0; i < WRITERS; i++)
		t[i] = start(perform, NULL);
	/* acquire: pairs with the release above; one of them leads. */
	while (sync_load_acquire(&arrived) < WRITERS - 1)
		sched_yield();
	pserialize_read_exit(s);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	cr_assert_geq(periods(), before + 1);
	cr_assert_leq(periods(), before + 2);
	hook_set(NULL);
}
