/* SPDX-License-Identifier: BSD-2-Clause */

/* Workers that say when they are quiescent.  Each test chooses the mode. */

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "libsync/pserialize/host.h"
#include "tests/libsync/gate.h"

static struct gate up, turn, over, returned, stalls;

static void
force(const char *mode)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread. */
	cr_assert_eq(setenv("LIBSYNC_FENCE", mode, 1), 0);
}

/* Online; quiescent once after gate turn, until gate over. */
static void *
worker(void *arg)
{
	(void)arg;
	pserialize_online();
	gate_open(&up, 1);
	gate_wait(&turn, 1);
	while (!gate_is_open(&over, 1)) {
		pserialize_read_exit(pserialize_read_enter());
		pserialize_quiescent();
		sched_yield();
	}
	pserialize_offline();
	return NULL;
}

static pthread_t
start(void *(*fn)(void *))
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, fn, NULL), 0);
	return t;
}

static void *
performer(void *arg)
{
	(void)arg;
	pserialize_perform();
	gate_open(&returned, 1);
	return NULL;
}

Test(pserialize_online, grace_period_waits_for_a_quiescent_state)
{
	pthread_t w, p;

	force("qsbr");
	w = start(worker);
	gate_wait(&up, 1);
	p = start(performer);
	gate_linger();
	cr_assert_not(gate_is_open(&returned, 1));
	gate_open(&turn, 1);
	pthread_join(p, NULL);
	gate_open(&over, 1);
	pthread_join(w, NULL);
}

Test(pserialize_online, other_modes_wait_for_nobody)
{
	pthread_t w;

	force("fenced");
	w = start(worker);
	gate_wait(&up, 1);
	pserialize_perform();
	gate_open(&turn, 1);
	gate_open(&over, 1);
	pthread_join(w, NULL);
}

Test(pserialize_online, predicates_are_exact)
{
	uint64_t outer, inner;

	force("qsbr");
	pserialize_online();
	cr_assert_not(pserialize_in_read_section());
	outer = pserialize_read_enter();
	inner = pserialize_read_enter();
	cr_assert(pserialize_in_read_section());
	pserialize_read_exit(inner);
	cr_assert(pserialize_in_read_section());
	pserialize_read_exit(outer);
	cr_assert_not(pserialize_in_any_section());
	pserialize_quiescent();
	pserialize_offline();
	cr_assert_not(pserialize_in_any_section());
	pserialize_perform();
}

Test(pserialize_online, worker_may_wait_outside_of_sections)
{
	force("qsbr");
	pserialize_online();
	pserialize_perform();
	pserialize_barrier();
	pserialize_read_exit(pserialize_read_enter());
	pserialize_offline();
}

Test(pserialize_online, section_of_a_worker_is_waited_for)
{
	uint64_t s, gp;

	force("qsbr");
	pserialize_online();
	s = pserialize_read_enter();
	gp = pserialize_poll_start();
	for (int i = 0; i < 10; i++)
		cr_assert_not(pserialize_poll_advance());
	pserialize_read_exit(s);
	/* A section begun meanwhile may have no fence. */
	for (int i = 0; i < 10; i++) {
		pserialize_read_exit(pserialize_read_enter());
		cr_assert_not(pserialize_poll_advance());
	}
	pserialize_quiescent();
	cr_assert(pserialize_poll_advance());
	cr_assert(pserialize_poll(gp));
	pserialize_offline();
}

static void *
leaver(void *arg)
{
	(void)arg;
	pserialize_online();
	return NULL;
}

Test(pserialize_online, worker_that_ends_is_not_waited_for)
{
	force("qsbr");
	pthread_join(start(leaver), NULL);
	pserialize_perform();
}

static void
stalled(const struct pserialize_stall *s)
{
	if (s->online)
		gate_open(&stalls, 1);
}

Test(pserialize_online, worker_that_is_never_quiescent_is_reported)
{
	pthread_t w, p;

	force("qsbr");
	pserialize_on_stall(stalled, 20);
	w = start(worker);
	gate_wait(&up, 1);
	p = start(performer);
	gate_wait(&stalls, 1);
	gate_open(&turn, 1);
	pthread_join(p, NULL);
	gate_open(&over, 1);
	pthread_join(w, NULL);
}

#ifdef SYNC_CHECKS
Test(pserialize_online, quiescent_inside_a_section_aborts, .signal = SIGABRT)
{
	force("qsbr");
	pserialize_online();
	(void)pserialize_read_enter();
	pserialize_quiescent();
}
#endif

Test(pserialize_online, offline_inside_a_section_aborts, .signal = SIGABRT)
{
	force("qsbr");
	pserialize_online();
	(void)pserialize_read_enter();
	pserialize_offline();
}
