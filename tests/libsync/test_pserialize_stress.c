/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Readers look at the current element while updaters replace it, wait for grace
 * periods in one of three ways, at random, and spoil and free the old one after
 * ten.  Each element counts them, as rcutorture's do: a reader must see none.
 * A test goes on until there was a minimum of updates, and of reads that an
 * update overlapped.  In the mode qsbr every other reader is a worker.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libsync/pserialize/domain.h"
#include "tests/libsync/gate.h"
#include "tests/stress.h"

#define READERS  4
#define UPDATERS 3
#define STAGES   10 /* grace periods that an element sees until it is freed */

struct element {
	struct pserialize_head head;
	SYNC_ATOMIC(int) age;
	unsigned long a, b; /* b == ~a while it may be read */
};

static SYNC_ATOMIC(struct element *) current;
static SYNC_ATOMIC(bool) stop;
static SYNC_ATOMIC(unsigned long) reads, overlapped, updates, wrong, signals;
static unsigned long storm_length; /* signals there are to be, or 0 */
static unsigned long length;
static unsigned domain; /* of everything */

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
read_once(bool linger)
{
	uint64_t s = pserialize_domain_enter(domain);
	/* acquire: pairs with the exchange in replace. */
	const struct element *e = sync_load_acquire(&current);
	bool ok = e->a == ~e->b;

	if (linger)
		sched_yield();
	for (int i = 0; i < 20 && ok; i++)
		ok = e->a == ~e->b;
	/* relaxed: a grace period is what is looked for. */
	ok = ok && sync_load_relaxed(&e->age) == 0;
	/* relaxed: only whether it is another one. */
	if (sync_load_relaxed(&current) != e)
		/* relaxed: only counts. */
		sync_fetch_add_relaxed(&overlapped, 1);
	pserialize_domain_exit(domain, s);
	if (!ok)
		/* relaxed: looked at after the threads were joined. */
		sync_fetch_add_relaxed(&wrong, 1);
}

static void *
reader(void *arg)
{
	unsigned long n = 0;

	if (*(int *)arg % 2 == 0)
		pserialize_online();
	while (!stopped()) {
		read_once(n % 64 == 0);
		if (++n % 2 == 0)
			pserialize_quiescent();
		if (n % 256 == 0) {
			/* relaxed: only counts. */
			sync_fetch_add_relaxed(&reads, 256);
			sched_yield();
		}
	}
	pserialize_offline();
	return NULL;
}

/* Threads that live for one section. */
static void *
one_read(void *arg)
{
	(void)arg;
	read_once(false);
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
		pserialize_domain_call(domain, head, age_by_call, sizeof(*e));
}

/* Updaters go on until readers, and signals, have had a share of it, too. */
static bool
enough(void)
{
	const unsigned long few = length < 100 ? length : 100;

	/* relaxed: only counts; here and below. */
	return sync_load_relaxed(&updates) >= length &&
	       /* relaxed: as above. */
	       sync_load_relaxed(&reads) >= length &&
	       /* relaxed: as above. */
	       sync_load_relaxed(&overlapped) >= few &&
	       /* relaxed: as above. */
	       sync_load_relaxed(&signals) >= storm_length;
}

static void
wait_by_poll(void)
{
	const uint64_t gp = pserialize_domain_poll_start(domain);

	while (!pserialize_domain_poll(domain, gp))
		if (!pserialize_domain_poll_advance(domain))
			sched_yield();
}

static void
retire(struct element *old, unsigned way)
{
	if (way == 0) {
		pserialize_domain_call(
		    domain, &old->head, age_by_call, sizeof(*old));
		return;
	}
	do {
		if (way == 1)
			pserialize_domain_perform(domain);
		else
			wait_by_poll();
	} while (!older(old));
	spoil(old);
}

static void *
updater(void *arg)
{
	unsigned seed = (unsigned)*(int *)arg;

	for (unsigned long i = 0; !enough(); i++) {
		retire(replace(i), (unsigned)rand_r(&seed) % 3);
		if (i % 256 == 0)
			pserialize_domain_barrier(domain);
		/* relaxed: only counts. */
		sync_fetch_add_relaxed(&updates, 1);
	}
	return NULL;
}

static void
read_in_handler(int signo)
{
	(void)signo;
	/* relaxed: only counts. */
	sync_fetch_add_relaxed(&signals, 1);
	if (!stopped()) /* else there may be nothing to read */
		read_once(false);
}

struct run {
	pthread_t readers[READERS], updaters[UPDATERS], churner;
	int numbers[READERS + UPDATERS];
};

static pthread_t
start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

static void
begin(struct run *r, bool with_churn)
{
	for (int i = 0; i < READERS + UPDATERS; i++)
		r->numbers[i] = i;
	sync_init(&current, element_create(0));
	for (int i = 0; i < READERS; i++)
		r->readers[i] = start(reader, &r->numbers[i]);
	for (int i = 0; i < UPDATERS; i++)
		r->updaters[i] = start(updater, &r->numbers[READERS + i]);
	if (with_churn)
		r->churner = start(churn, NULL);
}

static void
end(struct run *r, bool with_churn)
{
	for (int i = 0; i < UPDATERS; i++)
		pthread_join(r->updaters[i], NULL);
	/* relaxed: seen sooner or later. */
	sync_store_relaxed(&stop, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(r->readers[i], NULL);
	if (with_churn)
		pthread_join(r->churner, NULL);
	/* An element spends STAGES rounds with the reclaimer. */
	for (int i = 0; i <= STAGES; i++)
		pserialize_domain_barrier(domain);
	/* relaxed: everybody else has been joined. */
	free(sync_load_relaxed(&current));
	/* relaxed: as above. */
	cr_assert_eq(sync_load_relaxed(&wrong), 0);
	/* relaxed: as above. */
	cr_assert_geq(sync_load_relaxed(&updates), length);
	/* relaxed: as above. */
	cr_assert_gt(sync_load_relaxed(&overlapped), 0);
}

Test(pserialize_stress, stress_old_elements_are_not_seen, .timeout = 100)
{
	struct run r;

	length = stress_n(2000);
	begin(&r, false);
	end(&r, false);
}

Test(pserialize_stress, stress_in_a_domain_of_its_own, .timeout = 100)
{
	struct run r;

	cr_assert_eq(pserialize_domain_create("stress", &domain), 0);
	length = stress_n(700);
	begin(&r, false);
	end(&r, false);
}

Test(pserialize_stress, stress_with_threads_that_come_and_go, .timeout = 100)
{
	struct run r;

	length = stress_n(500);
	begin(&r, true);
	end(&r, true);
}

/*
 * A signal every so often, for whichever thread runs but this one: what frees
 * the stacks of threads inside pthread_join() must not be interrupted where
 * TSan's allocator is asked.
 */
static timer_t
storm(void)
{
	sigset_t mine;
	const struct itimerspec often = {
	    .it_value.tv_nsec = 50000, .it_interval.tv_nsec = 50000};
	struct sigaction sa = {
	    .sa_handler = read_in_handler, .sa_flags = SA_RESTART};
	struct sigevent ev = {
	    .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	timer_t timer;

	sigemptyset(&mine);
	sigaddset(&mine, SIGUSR1);
	cr_assert_eq(pthread_sigmask(SIG_BLOCK, &mine, NULL), 0);
	cr_assert_eq(sigaction(SIGUSR1, &sa, NULL), 0);
	cr_assert_eq(timer_create(CLOCK_MONOTONIC, &ev, &timer), 0);
	cr_assert_eq(timer_settime(timer, 0, &often, NULL), 0);
	return timer;
}

Test(pserialize_stress, stress_with_reading_signal_handlers, .timeout = 100)
{
	timer_t timer;
	struct run r;

	length = stress_n(500);
	storm_length = length / 100 + 1;
	begin(&r, false);
	timer = storm();
	end(&r, false);
	timer_delete(timer);
	/* relaxed: the readers were joined; enough for a storm. */
	cr_assert_gt(sync_load_relaxed(&signals), length / 100);
}

static int
child(void)
{
	read_once(false);
	pserialize_perform();
	read_once(false);
	return pserialize_in_any_section() ? 1 : 0;
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
		cr_assert_eq(status, 0, "status %x", status);
	}
	end(&r, false);
}
