/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A signal storm for a program that knows nothing of it (LD_PRELOAD): a timer
 * sends the process a signal every STORM_US microseconds, whichever thread it
 * hits gives up its processor or sleeps for a moment in the handler.  So
 * threads are stopped between any two instructions.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STORM_SIGNAL (SIGRTMIN + 7)
#define SLEEP_ONE_IN 64U
#define SLEEP_NS     100000

static void
stop_a_moment(int signo)
{
	const struct timespec moment = {.tv_nsec = SLEEP_NS};
	const int saved = errno;
	struct timespec now;

	(void)signo;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((unsigned)now.tv_nsec / 16 % SLEEP_ONE_IN == 0)
		nanosleep(&moment, NULL);
	else
		sched_yield();
	errno = saved;
}

/* Timers are not inherited: every child begins its own. */
static void
begin(void)
{
	const char *us = getenv("STORM_US");
	const long ns = (us != NULL ? atol(us) : 200) * 1000;
	struct itimerspec every = {
	    .it_interval = {.tv_nsec = ns}, .it_value = {.tv_nsec = ns}};
	struct sigevent ev = {
	    .sigev_notify = SIGEV_SIGNAL, .sigev_signo = STORM_SIGNAL};
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0)
		timer_settime(timer, 0, &every, NULL);
}

__attribute__((constructor)) static void
storm(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = stop_a_moment;
	sa.sa_flags = SA_RESTART;
	sigaction(STORM_SIGNAL, &sa, NULL);
	pthread_atfork(NULL, NULL, begin);
	begin();
}
