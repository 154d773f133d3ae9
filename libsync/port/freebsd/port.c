/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The FreeBSD kernel, 14 and near it.
 *
 * An event is the address of its word in the sleep queues (sleepqueue(9)).  A
 * waker has changed the word before wakeup(9) takes the lock of the queue, and
 * a waiter looks at it with that lock held: one of them sees the other.
 *
 * The thread is joined as kthread(9) allows: kthread_exit() wakes who sleeps on
 * the thread, after its last step in this module.  So that this wakeup is not
 * missed, the thread waits before it until somebody sleeps there.
 *
 * mtx(9) and sx(9) are not used for libsync's own locks: they have no
 * initialiser, and WITNESS wants them destroyed before their memory is freed.
 */

#include "libsync/port/port.h"

#include <sys/kernel.h>
#include <sys/kthread.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/mutex.h>
#include <sys/sleepqueue.h>
#include <sys/time.h>

#include <machine/stdarg.h>

#include "libsync/base/assert.h"
#include "libsync/base/fence.h"

#define SLACK_PARTS 8 /* a sleep may be this part longer */

static MALLOC_DEFINE(M_LIBSYNC, "libsync", "passive synchronisation");

/* [c] constant between the start and the end of the thread, [j] under join */
static struct {
	struct thread *thread; /* [c] NULL: none */
	void (*fn)(void);      /* [c] */
	struct mtx join;       /* [c] */
	bool waited_for;       /* [j] */
} host;

void
port_sleep(uint32_t ns)
{
	const sbintime_t t = nstosbt(ns);

	(void)pause_sbt("libsync", t, t / SLACK_PARTS, 0);
}

void
port_event_wait(struct port_event *ev, uint32_t seen, uint32_t ns)
{
	const sbintime_t t = nstosbt(ns);

	sleepq_lock(ev);
	/* relaxed: the caller loads again what it waits for. */
	if (sync_load_relaxed(&ev->word) != seen) {
		sleepq_release(ev);
		return;
	}
	sleepq_add(ev, NULL, "libsync", SLEEPQ_SLEEP, 0);
	if (ns == 0) {
		sleepq_wait(ev, 0);
		return;
	}
	sleepq_set_timeout_sbt(ev, t, t / SLACK_PARTS, 0);
	(void)sleepq_timedwait(ev, 0);
}

void
port_event_wake(struct port_event *ev)
{
	wakeup(ev);
}

void
port_event_wake_one(struct port_event *ev)
{
	wakeup_one(ev);
}

static void
thread_main(void *arg)
{
	(void)arg;
	host.fn();
	mtx_lock(&host.join);
	while (!host.waited_for)
		(void)msleep(&host.waited_for, &host.join, 0, "lsdone", 0);
	mtx_unlock(&host.join);
	kthread_exit();
}

int
port_thread_start(void (*fn)(void), const char *name)
{
	int error;

	SYNC_REQUIRE(host.thread == NULL);
	mtx_init(&host.join, "libsync join", NULL, MTX_DEF);
	host.fn = fn;
	host.waited_for = false;
	error = kthread_add(
	    thread_main, NULL, NULL, &host.thread, 0, 0, "%s", name);
	if (error != 0) {
		host.thread = NULL;
		mtx_destroy(&host.join);
	}
	return -error;
}

void
port_thread_wait(void)
{
	SYNC_REQUIRE(host.thread != NULL);
	mtx_lock(&host.join);
	host.waited_for = true;
	wakeup(&host.waited_for);
	/* The thread gets join, and so to its end, once we sleep. */
	(void)msleep(host.thread, &host.join, PDROP, "lsjoin", 0);
	host.thread = NULL;
	mtx_destroy(&host.join);
}

static void *
alloc(size_t size, int how)
{
	if (size > SIZE_MAX - PAGE_SIZE)
		return NULL;
	return malloc_aligned(SYNC_ROUNDUP(size, SYNC_CACHELINE),
	    SYNC_CACHELINE, M_LIBSYNC, how | M_ZERO);
}

void *
port_alloc(size_t size)
{
	return alloc(size, M_WAITOK);
}

void *
port_alloc_now(size_t size)
{
	const struct thread *td = curthread;

	if (td->td_critnest != 0 || td->td_intr_nesting_level != 0)
		return NULL;
	return alloc(size, M_NOWAIT);
}

void
port_free(void *p)
{
	free(p, M_LIBSYNC);
}

uint64_t
port_clock_ns(void)
{
	struct timespec now;

	nanouptime(&now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint32_t
port_thread_id(void)
{
	return (uint32_t)curthread->td_tid;
}

void
port_thread_name(uint32_t id, char name[PORT_THREAD_NAME_MAX])
{
	(void)snprintf(name, PORT_THREAD_NAME_MAX, "cpu%u", id - 1);
}

void
port_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
}

void
sync_assert_fail(const char *expr, const char *file, int line)
{
	panic("%s:%d: requirement failed: %s", file, line, expr);
}

#if defined(LIBSYNC_VARIANT_XCALL)
static void
barrier_here(void *arg)
{
	(void)arg;
	sync_fence_full();
}

/* By an interrupt of each processor: sections do not delay it, pins do. */
void
port_xcall_barrier(void)
{
	smp_rendezvous(smp_no_rendezvous_barrier, barrier_here,
	    smp_no_rendezvous_barrier, NULL);
}
#endif
