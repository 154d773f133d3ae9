/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Readers look at the current element while updaters replace it, wait for a
 * grace period in one of three ways, and spoil and free the old one.  Each
 * element also counts the grace periods since its removal, as rcutorture does:
 * a reader must never see more than one.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsync/pserialize/pserialize.h"
#include "tests/libsync/gate.h"
#include "tests/stress.h"

#define READERS 3
#define STAGES  4 /* grace periods that an element sees before it is freed */

struct element {
	struct pserialize_head head;
	SYNC_ATOMIC(int) age;
	unsigned long a, b; /* b == ~a while it may be read */
};

static SYNC_ATOMIC(struct element *) current;
static SYNC_ATOMIC(bool) stop;
static SYNC_ATOMIC(unsigned long) reads, wrong;
static unsigned long length;

static struct element *
element_create(unsigned long a)
{
	struct element *e = malloc(sizeof(*e));

	cr_assert_not_null(e);
	sync_init(&e->age, 0);
	e->a = a;
	e->b = ~a;
	return e;
}

static void
spoil(struct element *e)
{
	e->a = 0;
	e->b = 0;
	free(e);
}

static bool
stopped(void)
{
	/* relaxed: seen sooner or later. */
	return sync_load_relaxed(&stop);
}

static void
read_once(void)
{
	uint64_t s = pserialize_read_enter();
	/* acquire: pairs with the exchange in replace. */
	const struct element *e = sync_load_acquire(&current);
	bool ok = e->a == ~e->b;

	for (int i = 0; i < 20 && ok; i++)
		ok = e->a == ~e->b;
	/* relaxed: a grace period too many is what is looked for. */
	ok = ok && sync_load_relaxed(&e->age) <= 1;
	pserialize_read_exit(s);
	if (!ok)
		/* relaxed: looked at after the threads were joined. */
		sync_fetch_add_relaxed(&wrong, 1);
}

static void *
reader(void *arg)
{
	unsigned long n = 0;

	(void)arg;
	while (!stopped()) {
		read_once();
		if (++n % 256 == 0) {
			/* relaxed: only counts. */
			sync_fetch_add_relaxed(&reads, 256);
			sched_yield();
		}
	}
	return NULL;
}

/* Threads that live for one section. */
static void *
one_read(void *arg)
{
	(void)arg;
	read_once();
	return NULL;
}

static void *
churn(void *arg)
{
	pthread_t t;

	(void)arg;
	while (!stopped())
		if (pthread_create(&t, NULL, one_read, NULL) == 0)
			pthread_join(t, NULL);
	return NULL;
}

static struct element *
replace(unsigned long a)
{
	/* acq_rel: publishes the new element, owns the old one. */
	return sync_xchg_acq_rel(&current, element_create(a));
}

static bool
older(struct element *e)
{
	/* relaxed: readers only compare it. */
	return sync_fetch_add_relaxed(&e->age, 1) + 1 >= STAGES;
}

static void
age_by_call(struct pserialize_head *head)
{
	struct element *e = (struct element *)head;

	if (older(e))
		spoil(e);
	else
		pserialize_call(head, age_by_call);
}

/* Updaters go on until readers have had a share of it, too. */
static bool
enough(unsigned long done)
{
	/* relaxed: only counts. */
	return done >= length && sync_load_relaxed(&reads) >= length;
}

static void *
updater_performs(void *arg)
{
	(void)arg;
	for (unsigned long i = 0; !enough(i); i++) {
		struct element *old = replace(i);

		do
			pserialize_perform();
		while (!older(old));
		spoil(old);
	}
	return NULL;
}

static void *
updater_calls(void *arg)
{
	(void)arg;
	for (unsigned long i = 0; !enough(i); i++) {
		pserialize_call(&replace(i)->head, age_by_call);
		if (i % 64 == 0)
			pserialize_barrier();
	}
	return NULL;
}

static void *
updater_polls(void *arg)
{
	(void)arg;
	for (unsigned long i = 0; !enough(i); i++) {
		struct element *old = replace(i);

		do {
			uint64_t gp = pserialize_poll_start();

			while (!pserialize_poll(gp))
				if (!pserialize_poll_advance())
					sched_yield();
		} while (!older(old));
		spoil(old);
	}
	return NULL;
}

static void
read_in_handler(int signo)
{
	(void)signo;
	read_once();
}

struct run {
	pthread_t readers[READERS], updaters[3], churner;
};

static void
begin(struct run *r, bool with_churn)
{
	void *(*updaters[3])(void *) = {
	    updater_performs, updater_calls, updater_polls};

	sync_init(&current, element_create(0));
	for (int i = 0; i < READERS; i++)
		cr_assert_eq(
		    pthread_create(&r->readers[i], NULL, reader, NULL), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(
		    pthread_create(&r->updaters[i], NULL, updaters[i], NULL),
		    0);
	if (with_churn)
		cr_assert_eq(pthread_create(&r->churner, NULL, churn, NULL), 0);
}

static void
end(struct run *r, bool with_churn)
{
	for (int i = 0; i < 3; i++)
		pthread_join(r->updaters[i], NULL);
	/* relaxed: seen sooner or later. */
	sync_store_relaxed(&stop, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(r->readers[i], NULL);
	if (with_churn)
		pthread_join(r->churner, NULL);
	pserialize_barrier();
	/* An element spends STAGES rounds with the reclaimer. */
	for (int i = 0; i < STAGES; i++)
		pserialize_barrier();
	/* relaxed: everybody else has been joined. */
	free(sync_load_relaxed(&current));
	/* relaxed: as above. */
	cr_assert_eq(sync_load_relaxed(&wrong), 0);
}

Test(pserialize_stress, stress_old_elements_are_not_seen, .timeout = 100)
{
	struct run r;

	length = stress_n(15000);
	begin(&r, false);
	end(&r, false);
}

Test(pserialize_stress, stress_with_threads_that_come_and_go, .timeout = 100)
{
	struct run r;

	length = stress_n(4000);
	begin(&r, true);
	end(&r, true);
}

Test(pserialize_stress, stress_with_reading_signal_handlers, .timeout = 100)
{
	struct sigaction sa = {.sa_handler = read_in_handler};
	unsigned long signals = stress_n(2000);
	struct run r;

	cr_assert_eq(sigaction(SIGUSR1, &sa, NULL), 0);
	length = stress_n(4000);
	begin(&r, false);
	for (unsigned long i = 0; i < signals; i++) {
		pthread_kill(r.readers[i % READERS], SIGUSR1);
		sched_yield();
	}
	end(&r, false);
}

static int
child(void)
{
	read_once();
	pserialize_perform();
	read_once();
	return pserialize_in_read_section() ? 1 : 0;
}

Test(pserialize_stress, stress_fork_at_any_moment, .timeout = 100)
{
	unsigned long forks = stress_n(40);
	struct run r;
	int status;

	length = stress_n(200);
	begin(&r, false);
	for (unsigned long i = 0; i < forks; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(child());
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert_eq(status, 0);
	}
	end(&r, false);
}
