/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_HOST_H
#define TESTS_KERNEL_HOST_H

/*
 * What the self-test of libsync needs beyond libsync itself.  A host, one
 * folder of tests/kernel/, gives these functions and calls ktest_main(); the
 * test sources use libsync and this header only, no C library.
 *
 * Threads of ktest_run() never call ktest_relax() or ktest_sleep_ms() inside a
 * section, nor with interrupts off.
 */

#include "libsync/pserialize/pserialize.h"

/*
 * Are readers processors, as in kernels?  Then handlers may hold references and
 * use pools, and threads are not stopped inside sections.
 */
#define KTEST_KERNEL (PORT_BY_CPU != 0)

struct ktest_config {
	unsigned rounds;  /* how long each test is; 0: one round */
	const char *only; /* tests whose names begin so; NULL: all */
};

/*
 * Run the tests, one after the other, and print "ktest: NAME ok N ops",
 * "ktest: NAME skip WHY" or "ktest: NAME FAIL WHY" for each, and at last
 * "ktest: PASS n tests" or "ktest: FAIL k of n".
 * Context: one thread, outside a section, libsync started; may sleep.
 * Returns: how many tests failed; 1 if there was none to run.
 */
int ktest_main(const struct ktest_config *cfg);

/*
 * Leave callbacks behind that call for more, as a module does that goes away;
 * next comes libsync_stop(), which has to wait for all of them.
 * Context: one thread, outside a section, after ktest_main(); may sleep.
 */
void ktest_leave(void);

/*
 * Have they all been run?  Prints "ktest: stop ok" or "ktest: stop FAIL WHY".
 * Context: one thread, after libsync_stop().
 * Returns: how many were not.
 */
int ktest_left(void);

/*
 * CPUs of this host that ktest_run() uses, at least 1.
 * Context: any.
 */
unsigned ktest_cpus(void);

/*
 * The CPU that runs the caller, less than ktest_cpus().
 * Context: a thread of ktest_run(), which stays there, or a handler of
 *          ktest_timer().
 */
unsigned ktest_cpu(void);

/*
 * Run fn(0, arg) to fn(n - 1, arg) at the same time, fn(i) in a thread bound to
 * CPU i % ktest_cpus(); the tests ask for one per CPU at most.
 * Context: the thread of ktest_main(), which may be one of these threads.
 * Returns: 0 when all have returned; a negative errno if none was started.
 */
int ktest_run(unsigned n, void (*fn)(unsigned i, void *arg), void *arg);

/*
 * Bind the calling thread to another CPU.
 * Context: a thread of ktest_run(), outside a section.
 * Returns: false where threads cannot move.
 */
bool ktest_move(unsigned cpu);

/*
 * Let others run, in a loop that waits for them.
 * Context: a thread of ktest_run() or of ktest_main(), outside a section.
 */
void ktest_relax(void);

/* The same, and stay away for so long. */
void ktest_sleep_ms(unsigned ms);

/*
 * Call fn(arg) from a timer interrupt (user space: from a signal handler) on
 * each CPU, about every us microseconds while threads of ktest_run() run there.
 * One call on a CPU does not interrupt another.
 * Context: the thread of ktest_main(), outside ktest_run().
 * Returns: false where there is no such thing.
 */
bool ktest_timer(unsigned us, void (*fn)(void *arg), void *arg);

/*
 * No call runs and none will after the return.
 * Context: as for ktest_timer().
 */
void ktest_timer_stop(void);

/*
 * Print a line; it ends with a newline.  No conversions but %u %d %x %lu %llu
 * %s %p.
 * Context: the thread of ktest_main().
 */
void ktest_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* TESTS_KERNEL_HOST_H */
