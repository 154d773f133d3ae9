/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The self-test in the NetBSD kernel: a module that does not load if a test
 * fails.  Timer interrupts are callouts, which run in a soft interrupt.
 */

#include "libsync/port/port.h"

#include <sys/callout.h>
#include <sys/kernel.h>
#include <sys/kthread.h>
#include <sys/module.h>
#include <sys/proc.h>
#include <sys/stdarg.h>

#include "libsync/pserialize/pserialize.h"
#include "tests/kernel/host.h"

#define US_PER_S 1000000u

/* How long, and what: can be set in the debugger before it is loaded. */
extern unsigned ktest_module_rounds;
extern const char *ktest_module_only;
unsigned ktest_module_rounds = 1;
const char *ktest_module_only;

struct thread {
	struct lwp *lwp;
	unsigned number;
};

/* [c] constant while threads run, [a] atomic */
static struct {
	struct thread threads[MAXCPUS];
	void (*fn)(unsigned, void *); /* [c] */
	void *arg;                    /* [c] */
	unsigned wanted;              /* [c] threads */
	SYNC_ATOMIC(unsigned) ready;  /* [a] */
	SYNC_ATOMIC(bool) not_at_all; /* [a] not all could be started */
	callout_t timers[MAXCPUS];    /* [c] */
	void (*timer_fn)(void *);     /* [c] */
	void *timer_arg;              /* [c] */
	int timer_ticks;              /* [c] */
	SYNC_ATOMIC(bool) timer_stop; /* [a] */
} host;

unsigned
ktest_cpus(void)
{
	return (unsigned)ncpu;
}

unsigned
ktest_cpu(void)
{
	return cpu_index(curcpu());
}

static void
thread_main(void *arg)
{
	const struct thread *t = arg;

	/* release: with the loads below, so that all begin together. */
	(void)sync_fetch_add_release(&host.ready, 1);
	/* acquire: as above. */
	while (sync_load_acquire(&host.ready) < host.wanted &&
	       !sync_load_acquire(&host.not_at_all))
		preempt();
	/* relaxed: decided before. */
	if (!sync_load_relaxed(&host.not_at_all))
		host.fn(t->number, host.arg);
	kthread_exit(0);
}

int
ktest_run(unsigned n, void (*fn)(unsigned, void *), void *arg)
{
	unsigned i, started;
	int error = 0;

	host.fn = fn;
	host.arg = arg;
	host.wanted = n;
	/* relaxed: there are no threads yet. */
	sync_store_relaxed(&host.ready, 0);
	sync_store_relaxed(&host.not_at_all, false);
	for (started = 0; started < n; started++) {
		struct thread *t = &host.threads[started];

		t->number = started;
		error =
		    kthread_create(PRI_NONE, KTHREAD_MPSAFE | KTHREAD_MUSTJOIN,
			cpu_lookup(started % ktest_cpus()), thread_main, t,
			&t->lwp, "ktest/%u", started);
		if (error != 0) {
			/* release: the others go. */
			sync_store_release(&host.not_at_all, true);
			break;
		}
	}
	for (i = 0; i < started; i++)
		(void)kthread_join(host.threads[i].lwp);
	return -error;
}

/* A thread of one CPU is sent to another when it sleeps next. */
bool
ktest_move(unsigned cpu)
{
	lwp_lock(curlwp);
	lwp_migrate(curlwp, cpu_lookup(cpu));
	(void)kpause("ktmove", false, 1, NULL);
	return ktest_cpu() == cpu;
}

void
ktest_relax(void)
{
	preempt();
}

void
ktest_sleep_ms(unsigned ms)
{
	const int ticks = mstohz((int)ms);

	(void)kpause("ktsleep", false, ticks < 1 ? 1 : ticks, NULL);
}

static void
timer_main(void *arg)
{
	callout_t *c = arg;

	host.timer_fn(host.timer_arg);
	/* relaxed: halting it comes after. */
	if (!sync_load_relaxed(&host.timer_stop))
		callout_schedule(c, host.timer_ticks);
}

bool
ktest_timer(unsigned us, void (*fn)(void *), void *arg)
{
	const int ticks = (int)((uint64_t)us * (unsigned)hz / US_PER_S);
	unsigned i;

	host.timer_fn = fn;
	host.timer_arg = arg;
	host.timer_ticks = ticks < 1 ? 1 : ticks;
	/* relaxed: no timer runs yet. */
	sync_store_relaxed(&host.timer_stop, false);
	for (i = 0; i < ktest_cpus(); i++) {
		callout_t *c = &host.timers[i];

		callout_init(c, CALLOUT_MPSAFE);
		callout_setfunc(c, timer_main, c);
		callout_bind(c, cpu_lookup(i));
		callout_schedule(c, host.timer_ticks);
	}
	return true;
}

void
ktest_timer_stop(void)
{
	unsigned i;

	/* relaxed: callout_halt() waits for who does not see it. */
	sync_store_relaxed(&host.timer_stop, true);
	for (i = 0; i < ktest_cpus(); i++) {
		(void)callout_halt(&host.timers[i], NULL);
		callout_destroy(&host.timers[i]);
	}
}

void
ktest_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

MODULE(MODULE_CLASS_MISC, ktest, "libsync");

/* The tests; what they left to the reclaimer is of this module, too. */
static int
run(const struct ktest_config *cfg)
{
	const int failed = ktest_main(cfg);

	pserialize_barrier();
	return failed == 0 ? 0 : EINVAL;
}

static int
ktest_modcmd(modcmd_t cmd, void *arg)
{
	const struct ktest_config cfg = {
	    .rounds = ktest_module_rounds, .only = ktest_module_only};

	(void)arg;
	switch (cmd) {
	case MODULE_CMD_INIT:
		return run(&cfg);
	case MODULE_CMD_FINI:
		return 0;
	default:
		return ENOTTY;
	}
}
