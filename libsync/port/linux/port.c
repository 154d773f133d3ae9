/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The Linux kernel, 6.1 and near it.
 *
 * An event is the address of its word in the kernel's table of wait queues, as
 * for wait_var_event(): whoever waits queues itself before it looks at the word,
 * whoever wakes has a full barrier between the word and the look at the queue.
 *
 * The cross-call takes no lock against CPUs that come and go.  One that goes
 * offline is in no section and has answered before.  One that comes online sets
 * its bit in the mask of those that are, and passes full barriers before it
 * runs a thread or a handler; whoever misses the bit has made its stores before,
 * and what that CPU reads then comes after them.
 */

#include "libsync/port/port.h"

#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/wait_bit.h>

#include "libsync/base/assert.h"

#define SLACK_PARTS 8 /* a sleep may be this part longer */

/* [m] under mutex */
static struct {
	struct port_mutex mutex;
	struct task_struct *task; /* [m] NULL: none */
	void (*fn)(void);         /* [m] constant while there is a task */
} thread = {.mutex = PORT_MUTEX_INIT};

static void
sleep_for(uint32_t ns)
{
	ktime_t t = ns_to_ktime(ns);

	(void)schedule_hrtimeout_range(&t, ns / SLACK_PARTS, HRTIMER_MODE_REL);
}

void
port_sleep(uint32_t ns)
{
	set_current_state(TASK_IDLE);
	sleep_for(ns);
}

void
port_event_wait(struct port_event *ev, uint32_t seen, uint32_t ns)
{
	struct wait_queue_head *queue = __var_waitqueue(ev);
	struct wait_bit_queue_entry self;

	might_sleep();
	init_wait_var_entry(&self, ev, 0);
	(void)prepare_to_wait_event(queue, &self.wq_entry, TASK_IDLE);
	/* relaxed: the caller loads again what it waits for. */
	if (sync_load_relaxed(&ev->word) == seen) {
		if (ns == 0)
			schedule();
		else
			sleep_for(ns);
	}
	finish_wait(queue, &self.wq_entry);
}

void
port_event_wake(struct port_event *ev)
{
	smp_mb(); /* the word before the queue, which is looked at unlocked */
	wake_up_var(ev);
}

void
port_event_wake_one(struct port_event *ev)
{
	/* The table has other words in the same queue: one is not enough. */
	port_event_wake(ev);
}

static int
thread_main(void *arg)
{
	(void)arg;
	thread.fn();
	return 0;
}

int
port_thread_start(void (*fn)(void), const char *name)
{
	struct task_struct *t;

	port_mutex_lock(&thread.mutex);
	SYNC_REQUIRE(thread.task == NULL);
	thread.fn = fn;
	t = kthread_create(thread_main, NULL, "%s", name);
	if (!IS_ERR(t)) {
		/* Ours until port_thread_wait(): fn may return before that. */
		thread.task = get_task_struct(t);
		wake_up_process(t);
	}
	port_mutex_unlock(&thread.mutex);
	return PTR_ERR_OR_ZERO(t);
}

void
port_thread_wait(void)
{
	port_mutex_lock(&thread.mutex);
	if (thread.task != NULL) {
		(void)kthread_stop(thread.task);
		put_task_struct(thread.task);
		thread.task = NULL;
	}
	port_mutex_unlock(&thread.mutex);
}

/* Powers of two are what kmalloc aligns to their size. */
static size_t
aligned_size(size_t size)
{
	if (size > KMALLOC_MAX_CACHE_SIZE)
		return PAGE_ALIGN(size);
	return roundup_pow_of_two(max_t(size_t, size, SYNC_CACHELINE));
}

void *
port_alloc(size_t size)
{
	if (size > SIZE_MAX - PAGE_SIZE)
		return NULL;
	return kvzalloc(aligned_size(size), GFP_KERNEL | __GFP_NOWARN);
}

void *
port_alloc_now(size_t size)
{
	if (size > SIZE_MAX - PAGE_SIZE)
		return NULL;
	return kzalloc(aligned_size(size), GFP_ATOMIC | __GFP_NOWARN);
}

void
port_free(void *p)
{
	kvfree(p);
}

uint64_t
port_clock_ns(void)
{
	return ktime_get_ns();
}

uint32_t
port_thread_id(void)
{
	/* The idle threads share the number 0. */
	return current->pid != 0 ? (uint32_t)current->pid
				 : UINT32_MAX - raw_smp_processor_id();
}

void
port_thread_name(uint32_t id, char name[PORT_THREAD_NAME_MAX])
{
	snprintf(name, PORT_THREAD_NAME_MAX, "cpu%u", id - 1);
}

void
port_log(const char *fmt, ...)
{
	struct va_format text;
	va_list ap;

	va_start(ap, fmt);
	text.fmt = fmt;
	text.va = &ap;
	printk(KERN_NOTICE "%pV", &text);
	va_end(ap);
}

void
port_assert_report(const char *expr, const char *file, int line)
{
	pr_emerg("%s:%d: requirement failed: %s\n", file, line, expr);
}

void
sync_assert_fail(const char *expr, const char *file, int line)
{
	port_assert_fail(expr, file, line);
}

static void
barrier_here(void *arg)
{
	(void)arg;
	smp_mb();
}

void
port_xcall_barrier(void)
{
	smp_mb(); /* before the mask of CPUs is looked at */
	on_each_cpu(barrier_here, NULL, 1);
	smp_mb(); /* what they did before is seen by what follows */
}
