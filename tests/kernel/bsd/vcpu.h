/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_VCPU_H
#define TESTS_KERNEL_BSD_VCPU_H

/*
 * Processors of a kernel in user space.
 *
 * A kernel thread is a thread of the system that runs while it holds one of the
 * processors; it gives it up to sleep, and loses it to others at any
 * instruction, in a signal handler, unless preemption is off.  Signals are the
 * interrupts as well: timers, and calls from one processor to all others.
 * Levels are those of spl(9): what comes in at a level that is not above the
 * thread's waits until that sinks.
 *
 * A file that implements a kernel's interface is compiled with that kernel's
 * headers, and uses this one; vcpu.c is compiled with the C library's.
 */

#include "libsync/port/types.h"

#define VCPU_MAX       64u
#define VCPU_LEVEL_MAX 8
#define VCPU_NAME_MAX  20

/* [o] its own thread, and handlers on top of it; [c] constant */
struct vcpu_thread {
	int preempt_off;          /* [o] nests */
	int bound;                /* [o] nests: stays on its processor */
	int only;                 /* [o] processor it may run on; -1: any */
	int level;                /* [o] interrupts up to it wait */
	int handlers;             /* [o] it is interrupted so many times */
	int spins;                /* [o] spin mutexes held, and */
	int spin_level;           /* [o] the level before the first */
	int id;                   /* [c] */
	void *kernel;             /* [c] what the kernel has of it */
	char name[VCPU_NAME_MAX]; /* [c] */
};

/*
 * Have so many processors; the caller becomes a kernel thread.
 * Returns: the caller.
 */
struct vcpu_thread *vcpu_start(unsigned cpus);

/* All other kernel threads are gone: stop the clock. */
void vcpu_stop(void);

unsigned vcpu_count(void);

/* The processor that runs the caller. */
unsigned vcpu_here(void);

/* The caller; in a handler what was interrupted. */
struct vcpu_thread *vcpu_self(void);

/* A kernel thread, on one processor, or on all of them if cpu is -1. */
struct vcpu_thread *vcpu_create(
    void (*fn)(void *), void *arg, int cpu, void *kernel, const char *name);
void vcpu_exit(void) __attribute__((noreturn));

/* Sleeps until it is gone, and frees it. */
void vcpu_join(struct vcpu_thread *t);

/* Go to this processor and stay there, or anywhere from now on if it is -1. */
void vcpu_bind(int cpu);

void vcpu_preempt_disable(void);
void vcpu_preempt_enable(void);

/* Returns: the level before.  vcpu_raise() never lowers it. */
int vcpu_raise(int level);
void vcpu_lower(int level);

/*
 * Panic if the caller could be on another processor the next moment, as Linux
 * does with CONFIG_DEBUG_PREEMPT.
 */
void vcpu_stays(const char *what);

/* Panic if the caller must not sleep: what would be asserted there, too. */
void vcpu_sleepable(const char *what);

/*
 * Sleep, off the processor, while *word is seen, or until ns nanoseconds passed
 * if ns is not 0; may return for no reason.
 */
void vcpu_sleep(const uint32_t *word, uint32_t seen, uint64_t ns);
void vcpu_wake(const uint32_t *word);

/* Let other kernel threads have the processor. */
void vcpu_yield(void);

/* In a loop that waits for another processor. */
void vcpu_pause(void);

/*
 * Run fn on every processor, on this one as well, as an interrupt of this
 * level.  Returns when all have.
 */
void vcpu_call(int level, void (*fn)(void *, void *), void *a, void *b);

/*
 * An interrupt on one processor.  Of one timer no two run at a time, and arming
 * it again from its function is the way to have it for ever.
 */
struct vcpu_timer;
struct vcpu_timer *vcpu_timer_create(int level, void (*fn)(void *), void *arg);
void vcpu_timer_arm(struct vcpu_timer *t, unsigned cpu, uint64_t ns); /* idle */

/* It neither runs nor will. */
void vcpu_timer_stop(struct vcpu_timer *t);
void vcpu_timer_destroy(struct vcpu_timer *t); /* stopped */

/* What the system has: none of it loses the processor midway. */
void *vcpu_alloc(size_t size, size_t align); /* zeroed */
void vcpu_free(void *p);
uint64_t vcpu_now_ns(void);
void vcpu_print(const char *fmt, __builtin_va_list ap);
void vcpu_panic(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/*
 * The kernel: load libsync, run its self-test, unload both.
 * Returns: the status of the program.
 */
int kernel_main(unsigned rounds, const char *only);

#endif /* TESTS_KERNEL_BSD_VCPU_H */
