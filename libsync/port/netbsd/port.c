/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The NetBSD kernel, 10 and near it.
 *
 * An event sleeps on one of a few condition variables, picked by its address;
 * who shares one wakes for no reason now and then.  Its mutex spins at
 * IPL_SCHED, as deep as a condition variable may be signalled from.  A waker
 * has changed the word before it takes the mutex, and a waiter looks at it with
 * the mutex held: one of them sees the other.
 *
 * The adaptive mutex(9) is not used: it has no initialiser, and options
 * LOCKDEBUG wants it destroyed before its memory is freed.
 *
 * Starting and waiting for the thread, which libsync_start() and libsync_stop()
 * do, also make and unmake what events sleep on: before and after that nobody
 * sleeps.
 */

#include "libsync/port/port.h"

#include <sys/condvar.h>
#include <sys/kernel.h>
#include <sys/kmem.h>
#include <sys/kthread.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/stdarg.h>
#include <sys/time.h>
#include <sys/xcall.h>

#include "libsync/base/assert.h"
#include "libsync/base/fence.h"

#define BUCKETS   64u /* a power of two */
#define NS_PER_MS 1000000u

struct bucket {
	kmutex_t lock;
	kcondvar_t changed;
} __attribute__((aligned(SYNC_CACHELINE)));

/* Constant between the start and the end of the thread. */
static struct {
	struct bucket bucket[BUCKETS];
	struct lwp *thread; /* NULL: none */
	void (*fn)(void);
} host;

static struct bucket *
bucket_of(const struct port_event *ev)
{
	return &host.bucket[(uintptr_t)ev / sizeof(*ev) % BUCKETS];
}

static void
buckets_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		mutex_init(&host.bucket[i].lock, MUTEX_DEFAULT, IPL_SCHED);
		cv_init(&host.bucket[i].changed, "libsync");
	}
}

static void
buckets_fini(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		cv_destroy(&host.bucket[i].changed);
		mutex_destroy(&host.bucket[i].lock);
	}
}

/* Rounded up; 0 would be for ever. */
static int
ticks_of(uint32_t ns)
{
	const int ticks = mstohz((int)(ns / NS_PER_MS));

	return ticks < 1 ? 1 : ticks;
}

void
port_sleep(uint32_t ns)
{
	(void)kpause("libsync", false, ticks_of(ns), NULL);
}

void
port_event_wait(struct port_event *ev, uint32_t seen, uint32_t ns)
{
	struct bucket *b = bucket_of(ev);

	mutex_enter(&b->lock);
	/* relaxed: the caller loads again what it waits for. */
	if (sync_load_relaxed(&ev->word) == seen) {
		if (ns == 0)
			cv_wait(&b->changed, &b->lock);
		else
			(void)cv_timedwait(&b->changed, &b->lock, ticks_of(ns));
	}
	mutex_exit(&b->lock);
}

void
port_event_wake(struct port_event *ev)
{
	struct bucket *b = bucket_of(ev);

	mutex_enter(&b->lock);
	cv_broadcast(&b->changed);
	mutex_exit(&b->lock);
}

/* The one to wake may not be the first of the bucket. */
void
port_event_wake_one(struct port_event *ev)
{
	port_event_wake(ev);
}

static void
thread_main(void *arg)
{
	(void)arg;
	host.fn();
	kthread_exit(0);
}

int
port_thread_start(void (*fn)(void), const char *name)
{
	int error;

	SYNC_REQUIRE(host.thread == NULL);
	buckets_init();
	host.fn = fn;
	error = kthread_create(PRI_NONE, KTHREAD_MPSAFE | KTHREAD_MUSTJOIN,
	    NULL, thread_main, NULL, &host.thread, "%s", name);
	if (error != 0) {
		host.thread = NULL;
		buckets_fini();
	}
	return -error;
}

void
port_thread_wait(void)
{
	SYNC_REQUIRE(host.thread != NULL);
	(void)kthread_join(host.thread);
	host.thread = NULL;
	buckets_fini();
}

/* Before the memory that the caller gets: kmem_intr_free wants to know. */
struct head {
	void *start;
	size_t size;
};

static void *
alloc(size_t size, km_flag_t how)
{
	const size_t room = sizeof(struct head) + SYNC_CACHELINE - 1;
	struct head *h;
	void *start;

	if (size > SIZE_MAX - room - SYNC_CACHELINE)
		return NULL;
	size = SYNC_ROUNDUP(size, SYNC_CACHELINE) + room;
	start = kmem_intr_zalloc(size, how);
	if (start == NULL)
		return NULL;
	h = (void *)SYNC_ROUNDUP((uintptr_t)start + sizeof(*h), SYNC_CACHELINE);
	h[-1].start = start;
	h[-1].size = size;
	return h;
}

void *
port_alloc(size_t size)
{
	return alloc(size, KM_SLEEP);
}

void *
port_alloc_now(size_t size)
{
	if (cpu_intr_p() || kpreempt_disabled())
		return NULL;
	return alloc(size, KM_NOSLEEP);
}

void
port_free(void *p)
{
	const struct head *h = p;

	if (p != NULL)
		kmem_intr_free(h[-1].start, h[-1].size);
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
	/* That of lwp0, which boots, is 0; no other is negative. */
	return curlwp->l_lid != 0 ? (uint32_t)curlwp->l_lid : UINT32_MAX;
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
	vprintf(fmt, ap);
	va_end(ap);
}

void
sync_assert_fail(const char *expr, const char *file, int line)
{
	panic("%s:%d: requirement failed: %s", file, line, expr);
}

#if defined(LIBSYNC_VARIANT_XCALL)
static void
barrier_here(void *arg1, void *arg2)
{
	(void)arg1;
	(void)arg2;
	sync_fence_full();
}

/* By a soft interrupt of each processor: sections do not delay it, pins do. */
void
port_xcall_barrier(void)
{
	xc_wait(xc_broadcast(XC_HIGHPRI, barrier_here, NULL, NULL));
}
#endif
