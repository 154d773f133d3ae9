/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_BARE_BARE_H
#define LIBSYNC_PORT_BARE_BARE_H

/*
 * The little kernel that there is: CPUs that do one thing each, a timer on each
 * of them, and messages between them.  No threads: what runs on a CPU runs
 * until it returns, interrupt handlers apart.
 *
 * The last CPU is the reclaimer's (port_thread_start), so there have to be two.
 */

#include <stdarg.h>

#include "libsync/port/bare/types.h"

/*
 * The program, on CPU 0, when all CPUs are there and idle.
 * Returns: the status that the machine ends with; 0: all is well.
 */
int bare_main(void);

/* Context: any, from bare_main() on. */
unsigned bare_cpus(void);

/*
 * Have fn(arg) called on another CPU, with interrupts on.
 * Returns: 0; -EBUSY if what it got before has not returned.
 */
int bare_run(unsigned cpu, void (*fn)(void *), void *arg);

/*
 * Wait until it has returned.
 * Context: outside a section, interrupts on.
 * Order:   it happens before the return.
 */
void bare_wait(unsigned cpu);

/*
 * Have fn(arg) called by a timer interrupt on every CPU, every so many
 * nanoseconds, until bare_tick_stop(); there is one such function.
 * Context: CPU 0, outside handlers, interrupts on.
 */
void bare_tick_start(uint32_t ns, void (*fn)(void *), void *arg);

/*
 * Context: as above.
 * Order:   all calls happen before the return.
 */
void bare_tick_stop(void);

/*
 * Have an interrupt, if not earlier, when the clock shows at; UINT64_MAX: not.
 * Context: interrupts off.
 */
void bare_alarm(uint64_t at);

/*
 * In the variant context-switch: this CPU reads without fences from now on, and
 * calls pserialize_quiescent() again and again, or waits; or no more.  A CPU
 * without work should not be.  In other variants nothing.
 * Context: outside a section, interrupts on.
 */
void bare_online(bool on);

/* port_log() for those who have the arguments already. */
void bare_vlog(const char *fmt, va_list *ap);

/* Print, as port_log(), and end the machine as failed. */
void bare_panic(const char *fmt, ...)
    __attribute__((__noreturn__, __cold__, format(printf, 1, 2)));

/* Context: CPU 0, first of all. */
void bare_heap_init(void);

#endif /* LIBSYNC_PORT_BARE_BARE_H */
