/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The self-test in user space: CPUs are threads, bound to the processors of the
 * machine in turn; there may be more of them than processors, so that threads
 * are stopped inside sections.  Timer interrupts are signals, from a timer for
 * each thread.
 *
 * ktest_user [-r ROUNDS] [-c CPUS] [PREFIX]
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/kernel/host.h"

#define CPUS_MAX     64u
#define CPUS_DEFAULT 4u

/* A round is short, for machines that are simulated. */
#define ROUNDS_DEFAULT 10u

struct thread {
	pthread_t id;
	unsigned number;
	void (*fn)(unsigned, void *);
	void *arg;
};

/* [c] constant while threads run */
static struct {
	unsigned cpus;     /* [c] */
	cpu_set_t allowed; /* [c] of the machine */
	struct thread threads[CPUS_MAX];
	pthread_barrier_t start;
	unsigned timer_us;        /* [c] 0: none */
	void (*timer_fn)(void *); /* [c] */
	void *timer_arg;          /* [c] */
} host;

static __thread unsigned self;

unsigned
ktest_cpus(void)
{
	return host.cpus;
}

unsigned
ktest_cpu(void)
{
	return self;
}

static void
bind(unsigned cpu)
{
	unsigned nth = cpu % (unsigned)CPU_COUNT(&host.allowed);
	cpu_set_t one;

	CPU_ZERO(&one);
	for (unsigned i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &host.allowed) && nth-- == 0)
			CPU_SET(i, &one);
	/* It may be refused where processors come and go: nothing lost. */
	(void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

bool
ktest_move(unsigned cpu)
{
	bind(cpu);
	return true;
}

void
ktest_relax(void)
{
	sched_yield();
}

void
ktest_sleep_ms(unsigned ms)
{
	struct timespec left = {
	    .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		continue;
}

static void
on_signal(int signo)
{
	const int saved = errno;

	(void)signo;
	host.timer_fn(host.timer_arg);
	errno = saved;
}

/* A timer that interrupts the calling thread only. */
static bool
timer_start(timer_t *out)
{
	const struct itimerspec when = {
	    .it_interval.tv_nsec = (long)host.timer_us * 1000,
	    .it_value.tv_nsec = (long)host.timer_us * 1000};
	struct sigevent ev = {
	    .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};

	ev._sigev_un._tid = gettid();
	return timer_create(CLOCK_MONOTONIC, &ev, out) == 0 &&
	       timer_settime(*out, 0, &when, NULL) == 0;
}

static void *
thread_main(void *arg)
{
	struct thread *t = (struct thread *)arg;
	sigset_t signals;
	timer_t timer;
	bool timed;

	self = t->number % host.cpus;
	bind(self);
	pthread_barrier_wait(&host.start);
	timed = host.timer_us != 0 && timer_start(&timer);
	t->fn(t->number, t->arg);
	/* A pending one finds nobody: the thread takes it along. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGRTMIN);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (timed)
		timer_delete(timer);
	return NULL;
}

int
ktest_run(unsigned n, void (*fn)(unsigned i, void *arg), void *arg)
{
	if (n > CPUS_MAX)
		return -EINVAL;
	pthread_barrier_init(&host.start, NULL, n);
	for (unsigned i = 0; i < n; i++) {
		struct thread *t = &host.threads[i];

		*t = (struct thread){.number = i, .fn = fn, .arg = arg};
		if (pthread_create(&t->id, NULL, thread_main, t) != 0) {
			perror("ktest: pthread_create");
			exit(1); /* the others wait for it */
		}
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(host.threads[i].id, NULL);
	pthread_barrier_destroy(&host.start);
	return 0;
}

bool
ktest_timer(unsigned us, void (*fn)(void *arg), void *arg)
{
	struct sigaction act = {
	    .sa_handler = on_signal, .sa_flags = SA_RESTART};

	host.timer_us = us;
	host.timer_fn = fn;
	host.timer_arg = arg;
	return sigaction(SIGRTMIN, &act, NULL) == 0;
}

void
ktest_timer_stop(void)
{
	host.timer_us = 0; /* timers end with their threads */
}

void
ktest_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fflush(stdout);
}

static void
usage(const char *name)
{
	fprintf(stderr, "usage: %s [-r ROUNDS] [-c CPUS] [PREFIX]\n", name);
	exit(2);
}

static unsigned
number(const char *name, const char *text)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n == 0 || n > 1000000)
		usage(name);
	return (unsigned)n;
}

int
main(int argc, char **argv)
{
	struct ktest_config cfg = {.rounds = ROUNDS_DEFAULT};
	int c;

	host.cpus = CPUS_DEFAULT;
	while ((c = getopt(argc, argv, "r:c:")) != -1) {
		if (c == 'r')
			cfg.rounds = number(argv[0], optarg);
		else if (c == 'c')
			host.cpus = number(argv[0], optarg);
		else
			usage(argv[0]);
	}
	if (host.cpus > CPUS_MAX || optind + 1 < argc)
		usage(argv[0]);
	if (optind < argc)
		cfg.only = argv[optind];
	CPU_ZERO(&host.allowed);
	if (sched_getaffinity(0, sizeof(host.allowed), &host.allowed) != 0) {
		perror("ktest: sched_getaffinity");
		return 1;
	}
	return ktest_main(&cfg) != 0;
}
