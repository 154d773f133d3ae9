/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The self-test in Linux: threads are kernel threads bound to a CPU, the timer
 * is a high-resolution timer of each CPU, which runs with interrupts off.
 *
 * The CPUs are those that are online when the test begins, so that one that
 * goes away meanwhile and comes back keeps its number.
 */

#include "tests/kernel/host.h"

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "tests/kernel/linux/linux.h"

#define CPUS_MAX 64u

static unsigned cpus;             /* [c] while a test runs */
static unsigned cpu_of[CPUS_MAX]; /* [c] the kernel's number of each */

/* One thread of ktest_run(). */
struct runner {
	struct task_struct *task;
	struct completion done;
	void (*fn)(unsigned i, void *arg);
	void *arg;
	unsigned i;
};

/* [c] while any timer runs */
static struct {
	void (*fn)(void *arg);
	void *arg;
	ktime_t period;
	struct hrtimer of[CPUS_MAX];
	bool on;
} ticks;

void
ktest_host_init(unsigned limit)
{
	unsigned cpu;

	cpus = 0;
	for_each_online_cpu(
	    cpu) if (cpus < CPUS_MAX && (limit == 0 || cpus < limit))
	    cpu_of[cpus++] = cpu;
}

unsigned
ktest_cpus(void)
{
	return cpus;
}

unsigned
ktest_cpu(void)
{
	const unsigned here = raw_smp_processor_id();

	for (unsigned i = 0; i < cpus; i++)
		if (cpu_of[i] == here)
			return i;
	return 0;
}

static int
runner_main(void *arg)
{
	struct runner *r = arg;

	r->fn(r->i, r->arg);
	complete(&r->done);
	return 0;
}

static int
runner_create(struct runner *r)
{
	struct task_struct *t =
	    kthread_create(runner_main, r, "ktest/%u", r->i);

	if (IS_ERR(t))
		return PTR_ERR(t);
	init_completion(&r->done);
	kthread_bind(t, cpu_of[r->i % cpus]);
	r->task = get_task_struct(t);
	return 0;
}

/* Also when it was never woken; its code is left at the return. */
static void
runner_destroy(struct runner *r)
{
	(void)kthread_stop(r->task);
	put_task_struct(r->task);
}

int
ktest_run(unsigned n, void (*fn)(unsigned i, void *arg), void *arg)
{
	struct runner *all = kcalloc(n, sizeof(*all), GFP_KERNEL);
	unsigned made;
	int err = 0;

	if (all == NULL)
		return -ENOMEM;
	for (made = 0; made < n; made++) {
		all[made].fn = fn;
		all[made].arg = arg;
		all[made].i = made;
		err = runner_create(&all[made]);
		if (err != 0)
			goto out;
	}
	for (unsigned i = 0; i < n; i++)
		wake_up_process(all[i].task);
	for (unsigned i = 0; i < n; i++)
		wait_for_completion(&all[i].done);
out:
	while (made > 0)
		runner_destroy(&all[--made]);
	kfree(all);
	return err;
}

bool
ktest_move(unsigned cpu)
{
	return set_cpus_allowed_ptr(current, cpumask_of(cpu_of[cpu])) == 0;
}

void
ktest_relax(void)
{
	cpu_relax();
	cond_resched();
}

void
ktest_sleep_ms(unsigned ms)
{
	/* msleep() waits for ticks, of four milliseconds or ten. */
	usleep_range(ms * 1000, ms * 1000 + 100);
}

static enum hrtimer_restart
tick(struct hrtimer *t)
{
	ticks.fn(ticks.arg);
	hrtimer_forward_now(t, ticks.period);
	return HRTIMER_RESTART;
}

static void
tick_start(void *arg)
{
	hrtimer_start(arg, ticks.period, HRTIMER_MODE_REL_PINNED_HARD);
}

bool
ktest_timer(unsigned us, void (*fn)(void *arg), void *arg)
{
	ticks.fn = fn;
	ticks.arg = arg;
	/* The host of the guest may have one processor for all of them. */
	ticks.period =
	    ns_to_ktime((uint64_t)us * NSEC_PER_USEC * (cpus / 5 + 1));
	for (unsigned i = 0; i < cpus; i++) {
		hrtimer_init(&ticks.of[i], CLOCK_MONOTONIC,
		    HRTIMER_MODE_REL_PINNED_HARD);
		ticks.of[i].function = tick;
		/* A CPU that is offline now has no handlers. */
		(void)smp_call_function_single(
		    cpu_of[i], tick_start, &ticks.of[i], 1);
	}
	ticks.on = true;
	return true;
}

void
ktest_timer_stop(void)
{
	if (!ticks.on)
		return;
	for (unsigned i = 0; i < cpus; i++)
		hrtimer_cancel(&ticks.of[i]);
	ticks.on = false;
}

void
ktest_log(const char *fmt, ...)
{
	struct va_format text;
	va_list ap;

	va_start(ap, fmt);
	text.fmt = fmt;
	text.va = &ap;
	printk(KERN_NOTICE "%pV", &text);
	va_end(ap);
}
