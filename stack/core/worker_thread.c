/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The threads of workers: turn after turn while there is work; then a few
 * turns more, which catch what comes at once; then a few that yield the
 * processor; then sleep.
 *
 * Why no wake-up is lost.  Going to sleep: store armed; heavy fence; ask every
 * queue, which arms its device; look at the mailbox and at stop; sleep on the
 * eventfd and the devices' descriptors.  Waking: store the work; light fence;
 * load armed; if set, clear it and write the eventfd.  By WAKE either the
 * sleeper's look sees the work, or the waker's load sees armed; then the
 * eventfd becomes readable and stays so until the sleeper reads it, however
 * late it gets to sleep.  Of several wakers the one that clears armed writes;
 * the others know that it is about to.  A write that comes when the worker has
 * woken by itself costs one empty turn.
 *
 * Invariants
 *   I1  A thread sleeps outside read sections, and between turns only.
 *
 * Ordering pairs
 *   WAKE   see worker.c.
 *   STOP   stop stores stop (release) -> the thread loads it (acquire): what
 *          the stopping thread did is seen by the last turn.
 *   (POLLS: see worker_polls.c.)
 */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "libsync/base/assert.h"
#include "libsync/base/fence.h"
#include "stack/core/core_impl.h"

#define SPIN_TURNS  64 /* idle turns at full speed */
#define YIELD_TURNS 32 /* and then yielding ones, before the first sleep */
#define NS_PER_S    UINT64_C(1000000000)

static bool
stopping(struct worker_impl *wi)
{
	/* STOP acquire: pairs with the release in worker_thread_stop. */
	return sync_load_acquire(&wi->stop);
}

/* Room for the descriptors of all queues, as many as there are now. */
static bool
reserve_fds(struct worker_impl *wi)
{
	const uint64_t s = pserialize_read_enter();
	/* POLLS acquire: pairs with the release in worker_polls.c. */
	const unsigned int need = sync_load_acquire(&wi->polls)->n + 1;
	struct pollfd *fds;

	pserialize_read_exit(s);
	if (need <= wi->fds_cap)
		return true;
	fds = realloc(wi->fds, (size_t)2 * need * sizeof(*fds));
	if (fds == NULL)
		return false;
	wi->fds = fds;
	wi->fds_cap = 2 * need;
	return true;
}

static void
add_fd(struct worker_impl *wi, int fd)
{
	wi->fds[wi->nfds++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Arm every queue.  Returns: false if one has work or cannot be armed. */
static bool
arm_queues(struct worker *w)
{
	struct worker_impl *wi = w->impl;
	const struct worker_polls *polls;
	const uint64_t s = pserialize_read_enter();
	bool quiet;

	wi->nfds = 0;
	add_fd(wi, wi->wake_fd);
	/* POLLS acquire: pairs with the release in worker_polls.c. */
	polls = sync_load_acquire(&wi->polls);
	quiet = polls->n < wi->fds_cap;
	for (unsigned int i = 0; quiet && i < polls->n; i++) {
		const struct worker_poll *p = &polls->e[i];
		const struct netif_ops *ops = p->nif->ops;
		int fd = -1;

		/* relaxed: detaching a vanished device wakes us again. */
		if ((sync_load_relaxed(&p->nif->flags) & NETIF_GONE) != 0)
			continue;
		quiet = ops->arm != NULL && !ops->arm(p->nif, p->queue, w, &fd);
		if (fd >= 0)
			add_fd(wi, fd);
	}
	pserialize_read_exit(s);
	return quiet;
}

static void
sleep_until(struct worker *w, uint64_t when)
{
	struct worker_impl *wi = w->impl;
	const uint64_t now = stack_clock(w->stack);
	struct timespec ts;
	uint64_t rings;

	if (when <= now)
		return;
	ts.tv_sec = (time_t)((when - now) / NS_PER_S);
	ts.tv_nsec = (long)((when - now) % NS_PER_S);
	percpu_counters_add(w->stack->worker_stat, w->id, WORKER_SLEEPS, 1);
	if (ppoll(wi->fds, wi->nfds, when == UINT64_MAX ? NULL : &ts, NULL) <=
	    0)
		return;
	if (wi->fds[0].revents != 0)
		SYNC_REQUIRE(read(wi->wake_fd, &rings, sizeof(rings)) > 0 ||
			     errno == EAGAIN);
}

static void
try_sleep(struct worker *w)
{
	struct worker_impl *wi = w->impl;

	if (!reserve_fds(wi)) {
		sched_yield();
		return;
	}
	/* WAKE seq_cst: pairs with the exchange in worker_wake. */
	sync_store_seq_cst(&wi->armed, 1);
	sync_fence_heavy();
	if (!arm_queues(w))
		sched_yield();
	else if (lfqueue_mpsc_empty(&wi->mailbox) && !stopping(wi))
		sleep_until(w, worker_next_event(w));
	/* relaxed: who still sees us armed writes the eventfd in vain. */
	sync_store_relaxed(&wi->armed, 0);
}

static void *
run(void *arg)
{
	struct worker *w = arg;
	unsigned int idle = 0;

	while (!stopping(w->impl)) {
		if (worker_turn(w, stack_clock(w->stack))) {
			idle = 0;
			continue;
		}
		idle++;
		if (idle > SPIN_TURNS + YIELD_TURNS) {
			try_sleep(w);
			idle = SPIN_TURNS;
		} else if (idle > SPIN_TURNS) {
			sched_yield();
		}
	}
	return NULL;
}

int
worker_thread_start(struct worker *w, int cpu)
{
	struct worker_impl *wi = w->impl;
	pthread_attr_t attr;
	cpu_set_t set;
	int error;

	/* relaxed: the thread does not exist yet. */
	sync_store_relaxed(&wi->stop, false);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	error = pthread_attr_init(&attr);
	if (error != 0)
		return -error;
	error = pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	if (error == 0)
		error = pthread_create(&wi->thread, &attr, run, w);
	pthread_attr_destroy(&attr);
	return -error;
}

void
worker_thread_stop(struct worker *w)
{
	struct worker_impl *wi = w->impl;
	const uint64_t one = 1;

	/* STOP release: pairs with the acquire in stopping. */
	sync_store_release(&wi->stop, true);
	SYNC_REQUIRE(
	    write(wi->wake_fd, &one, sizeof(one)) == (ssize_t)sizeof(one) ||
	    errno == EAGAIN);
	SYNC_REQUIRE(pthread_join(wi->thread, NULL) == 0);
}
