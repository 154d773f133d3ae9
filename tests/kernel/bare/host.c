/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The self-test without a kernel.  The threads of ktest_run() are the CPUs, but
 * for the last, which is the reclaimer's; they are online while they have work.
 * There is a tick all the time, as in a kernel, which does something when the
 * tests ask for it.
 *
 * What libsync takes of the machine comes through here (ld --wrap), so that it is
 * counted, and can fail.
 */

#include "tests/kernel/host.h"

#include <stdarg.h>

#include "libsync/port/bare/bare.h"
#include "libsync/port/kernel/start.h"
#include "libsync/port/port.h"

#ifndef KTEST_ROUNDS
#define KTEST_ROUNDS 1
#endif
#ifndef KTEST_ONLY
#define KTEST_ONLY NULL
#endif

#define TICK_US 1000u

/* [c] constant while work runs  [o] the CPU itself */
static struct {
	void (*fn)(unsigned, void *); /* [c] */
	void *arg;                    /* [c] */
	unsigned n;                   /* [c] */
	void (*tick)(void *);         /* [c] NULL: nothing to do */
	void *tick_arg;               /* [c] */
	bool works[PORT_LOCALS];      /* [o] */
} host;

/* [a] atomic */
static struct {
	SYNC_ATOMIC(uint32_t) pieces; /* [a] of memory that are not freed */
	SYNC_ATOMIC(uint32_t) until;  /* [a] takings until one fails; 0: none */
} taken;

void *__real_port_alloc(size_t size);
void *__real_port_alloc_now(size_t size);
void __real_port_free(void *p);
int __real_port_thread_start(void (*fn)(void), const char *name);
void *__wrap_port_alloc(size_t size);
void *__wrap_port_alloc_now(size_t size);
void __wrap_port_free(void *p);
int __wrap_port_thread_start(void (*fn)(void), const char *name);

static bool
refused(void)
{
	/* relaxed: not 0 only while nobody else takes anything. */
	const uint32_t until = sync_load_relaxed(&taken.until);

	if (until != 0)
		/* relaxed: as above. */
		sync_store_relaxed(&taken.until, until - 1);
	return until == 1;
}

static void *
count(void *piece)
{
	if (piece != NULL)
		/* relaxed: a count. */
		sync_fetch_add_relaxed(&taken.pieces, 1);
	return piece;
}

void *
__wrap_port_alloc(size_t size)
{
	return refused() ? NULL : count(__real_port_alloc(size));
}

void *
__wrap_port_alloc_now(size_t size)
{
	return refused() ? NULL : count(__real_port_alloc_now(size));
}

void
__wrap_port_free(void *p)
{
	if (p != NULL)
		/* relaxed: a count. */
		sync_fetch_add_relaxed(&taken.pieces, -1u);
	__real_port_free(p);
}

int
__wrap_port_thread_start(void (*fn)(void), const char *name)
{
	return refused() ? -EAGAIN : __real_port_thread_start(fn, name);
}

static void
nothing_is_left(const char *when)
{
	/* relaxed: nobody else takes anything now. */
	const uint32_t pieces = sync_load_relaxed(&taken.pieces);

	if (pieces != 0)
		bare_panic("%s: %u pieces of memory are left\n", when, pieces);
}

/*
 * Start, but first with each thing that is taken for it missing in turn.  Each
 * CPU needs memory for its pools, and can do without for its references.
 */
static void
start(void)
{
	unsigned failed = 0;
	int err;

	for (uint32_t i = 1;; i++) {
		/* relaxed: the other CPUs are idle; here and below. */
		sync_store_relaxed(&taken.until, i);
		err = libsync_start();
		/* relaxed: as above. */
		if (sync_load_relaxed(&taken.until) != 0)
			break;
		if (err == 0)
			libsync_stop();
		else
			failed++;
		nothing_is_left("a start without something");
	}
	/* relaxed: as above. */
	sync_store_relaxed(&taken.until, 0);
	if (err != 0 || failed != bare_cpus() + 1)
		bare_panic("start: error %d, %u failures of %u\n", err, failed,
		    bare_cpus() + 1);
}

unsigned
ktest_cpus(void)
{
	return bare_cpus() - 1;
}

unsigned
ktest_cpu(void)
{
	return port_cpu();
}

static void
work(void *unused)
{
	const unsigned me = port_cpu();

	(void)unused;
	bare_online(true);
	host.works[me] = true;
	for (unsigned i = me; i < host.n; i += ktest_cpus())
		host.fn(i, host.arg);
	host.works[me] = false;
	bare_online(false);
}

int
ktest_run(unsigned n, void (*fn)(unsigned i, void *arg), void *arg)
{
	const unsigned used = n < ktest_cpus() ? n : ktest_cpus();
	int err = 0;

	host.fn = fn;
	host.arg = arg;
	host.n = n;
	for (unsigned i = 1; i < used && err == 0; i++)
		err = bare_run(i, work, NULL);
	if (err != 0)
		bare_panic("a CPU has not come back\n");
	work(NULL);
	for (unsigned i = 1; i < used; i++)
		bare_wait(i);
	return 0;
}

bool
ktest_move(unsigned cpu)
{
	(void)cpu;
	return false;
}

void
ktest_relax(void)
{
#ifdef KTEST_REPLAY
	port_sleep(1000);
#else
	/* No pause, for which QEMU takes a lock that all CPUs share. */
	pserialize_quiescent();
	sync_fence_compiler();
#endif
}

void
ktest_sleep_ms(unsigned ms)
{
	while (ms-- > 0)
		port_sleep(1000000);
}

static void
tick(void *unused)
{
	(void)unused;
	if (host.tick != NULL && host.works[port_cpu()])
		host.tick(host.tick_arg);
}

bool
ktest_timer(unsigned us, void (*fn)(void *arg), void *arg)
{
	bare_tick_stop();
	host.tick = fn;
	host.tick_arg = arg;
	bare_tick_start(us * 1000, tick, NULL);
	return true;
}

void
ktest_timer_stop(void)
{
	bare_tick_stop();
	host.tick = NULL;
	bare_tick_start(TICK_US * 1000, tick, NULL);
}

void
ktest_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	bare_vlog(fmt, &ap);
	va_end(ap);
}

int
bare_main(void)
{
	const struct ktest_config cfg = {
	    .rounds = KTEST_ROUNDS, .only = KTEST_ONLY};
	int failed;

	start();
	bare_tick_start(TICK_US * 1000, tick, NULL);
	failed = ktest_main(&cfg);
	bare_tick_stop();
	ktest_leave();
	libsync_stop();
	failed += ktest_left();
	if (failed == 0)
		nothing_is_left("the end");
	return failed;
}
