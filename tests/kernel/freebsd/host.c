/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The self-test in the FreeBSD kernel: a module that does not load if a test
 * fails.  Timer interrupts are callouts that run in the interrupt itself.
 */

#include "libsync/port/port.h"

#include <sys/callout.h>
#include <sys/kernel.h>
#include <sys/kthread.h>
#include <sys/lock.h>
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/sched.h>
#include <sys/time.h>

#include <machine/stdarg.h>

#include "libsync/pserialize/pserialize.h"
#include "tests/kernel/host.h"

#define NS_PER_MS 1000000
#define NS_PER_US 1000

/* How long, and what: can be set in the debugger before it is loaded. */
extern unsigned ktest_module_rounds;
extern const char *ktest_module_only;
unsigned ktest_module_rounds = 1;
const char *ktest_module_only;

struct thread_of {
	struct thread *td;
	unsigned number;
};

/* [c] constant while threads run, [a] atomic, [j] under join */
static struct {
	struct thread_of threads[MAXCPU];
	void (*fn)(unsigned, void *);  /* [c] */
	void *arg;                     /* [c] */
	unsigned wanted;               /* [c] threads */
	SYNC_ATOMIC(unsigned) ready;   /* [a] */
	SYNC_ATOMIC(bool) not_at_all;  /* [a] not all could be started */
	struct mtx join;               /* [c] */
	struct thread *waited_for;     /* [j] */
	struct callout timers[MAXCPU]; /* [c] */
	void (*timer_fn)(void *);      /* [c] */
	void *timer_arg;               /* [c] */
	sbintime_t timer_sbt;          /* [c] */
	SYNC_ATOMIC(bool) timer_stop;  /* [a] */
} host;

/* Numbers of processors may have gaps, ours have none. */
static unsigned
present_below(unsigned cpu)
{
	unsigned n = 0;

	while (cpu-- > 0)
		n += !CPU_ABSENT(cpu);
	return n;
}

static int
nth(unsigned n)
{
	unsigned cpu = 0;

	while (CPU_ABSENT(cpu) || n-- > 0)
		cpu++;
	return (int)cpu;
}

unsigned
ktest_cpus(void)
{
	return present_below(mp_maxid + 1);
}

unsigned
ktest_cpu(void)
{
	return present_below((unsigned)curcpu);
}

bool
ktest_move(unsigned cpu)
{
	thread_lock(curthread);
	sched_bind(curthread, nth(cpu));
	thread_unlock(curthread);
	return ktest_cpu() == cpu;
}

/* Go when somebody sleeps on us; see port_thread_wait(). */
static void
leave(void)
{
	mtx_lock(&host.join);
	while (host.waited_for != curthread)
		(void)msleep(&host.waited_for, &host.join, 0, "ktdone", 0);
	mtx_unlock(&host.join);
	kthread_exit();
}

static void
thread_main(void *arg)
{
	const struct thread_of *t = arg;

	(void)ktest_move(t->number % ktest_cpus());
	/* release: with the loads below, so that all begin together. */
	(void)sync_fetch_add_release(&host.ready, 1);
	/* acquire: as above. */
	while (sync_load_acquire(&host.ready) < host.wanted &&
	       !sync_load_acquire(&host.not_at_all))
		ktest_relax();
	/* relaxed: decided before. */
	if (!sync_load_relaxed(&host.not_at_all))
		host.fn(t->number, host.arg);
	leave();
}

static void
join(struct thread *td)
{
	mtx_lock(&host.join);
	host.waited_for = td;
	wakeup(&host.waited_for);
	(void)msleep(td, &host.join, PDROP, "ktjoin", 0);
}

int
ktest_run(unsigned n, void (*fn)(unsigned, void *), void *arg)
{
	unsigned started;
	int error = 0;

	host.fn = fn;
	host.arg = arg;
	host.wanted = n;
	host.waited_for = NULL;
	mtx_init(&host.join, "ktest join", NULL, MTX_DEF);
	/* relaxed: there are no threads yet. */
	sync_store_relaxed(&host.ready, 0);
	sync_store_relaxed(&host.not_at_all, false);
	for (started = 0; started < n; started++) {
		struct thread_of *t = &host.threads[started];

		t->number = started;
		error = kthread_add(
		    thread_main, t, NULL, &t->td, 0, 0, "ktest/%u", started);
		if (error != 0) {
			/* release: the others go. */
			sync_store_release(&host.not_at_all, true);
			break;
		}
	}
	for (unsigned i = 0; i < started; i++)
		join(host.threads[i].td);
	mtx_destroy(&host.join);
	return -error;
}

void
ktest_relax(void)
{
	kern_yield(PRI_USER);
}

void
ktest_sleep_ms(unsigned ms)
{
	(void)pause_sbt("ktslp", nstosbt((int64_t)ms * NS_PER_MS), 0, 0);
}

static void
timer_arm(struct callout *c, void (*fn)(void *))
{
	(void)callout_reset_sbt_on(c, host.timer_sbt, 0, fn, c,
	    nth((unsigned)(c - host.timers)), C_DIRECT_EXEC);
}

static void
timer_main(void *arg)
{
	host.timer_fn(host.timer_arg);
	/* relaxed: draining it comes after. */
	if (!sync_load_relaxed(&host.timer_stop))
		timer_arm(arg, timer_main);
}

bool
ktest_timer(unsigned us, void (*fn)(void *), void *arg)
{
	host.timer_fn = fn;
	host.timer_arg = arg;
	host.timer_sbt = nstosbt((int64_t)us * NS_PER_US);
	/* relaxed: no timer runs yet. */
	sync_store_relaxed(&host.timer_stop, false);
	for (unsigned i = 0; i < ktest_cpus(); i++) {
		callout_init(&host.timers[i], 1);
		timer_arm(&host.timers[i], timer_main);
	}
	return true;
}

void
ktest_timer_stop(void)
{
	/* relaxed: callout_drain() waits for who does not see it. */
	sync_store_relaxed(&host.timer_stop, true);
	for (unsigned i = 0; i < ktest_cpus(); i++)
		(void)callout_drain(&host.timers[i]);
}

void
ktest_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
}

/* The tests; what they left to the reclaimer is of this module, too. */
static int
run(const struct ktest_config *cfg)
{
	const int failed = ktest_main(cfg);

	pserialize_barrier();
	return failed == 0 ? 0 : EINVAL;
}

static int
event(module_t mod, int what, void *arg)
{
	const struct ktest_config cfg = {
	    .rounds = ktest_module_rounds, .only = ktest_module_only};

	(void)mod;
	(void)arg;
	switch (what) {
	case MOD_LOAD:
		return run(&cfg);
	case MOD_UNLOAD:
	case MOD_QUIESCE:
	case MOD_SHUTDOWN:
		return 0;
	default:
		return EOPNOTSUPP;
	}
}

static moduledata_t ktest_data = {"ktest", event, NULL};

DECLARE_MODULE(ktest, ktest_data, SI_SUB_LAST, SI_ORDER_ANY);
MODULE_VERSION(ktest, 1);
MODULE_DEPEND(ktest, libsync, 1, 1, 1);
