/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_BARE_MACHINE_H
#define LIBSYNC_PORT_BARE_MACHINE_H

/*
 * What the port needs of a machine, one folder each.  CPUs are numbered from 0,
 * the one that boots.  Interrupts are of two kinds: the CPU's own timer, and a
 * message from another CPU.
 *
 * Inline, in the folder's cpu.h, because the read side is:
 *   machine_cpu()             the number of this CPU
 *   machine_irq_save()        keep interrupts away from this CPU; returns what
 *   machine_irq_restore(was)  ... is to be handed back here
 *   machine_irq_on(was)       were they let in then?
 *   machine_irq_enable()      let them in, at the start
 *   machine_pause()           a waiting loop goes around
 *
 * The start-up code of the folder calls bare_boot() on CPU 0 and bare_arrive()
 * on the others, each on a stack of its own with interrupts off; its interrupt
 * entries call bare_irq_timer() and bare_irq_message(), interrupts off.
 */

#include "libsync/port/bare/types.h"

/* CPUs that are made use of, at the most. */
#define MACHINE_CPUS 8

#if defined(__x86_64__)
#include "libsync/port/bare/x86_64/cpu.h"
#elif defined(__aarch64__)
#include "libsync/port/bare/aarch64/cpu.h"
#elif defined(__riscv)
#include "libsync/port/bare/riscv64/cpu.h"
#else
#error "no such machine"
#endif

/* Context: CPU 0, before all else: the console, the clock. */
void machine_init(void);

/* Context: each CPU, once: interrupt controller, timer; they stay off. */
void machine_cpu_init(void);

/*
 * Context: CPU 0, after machine_init().
 * Returns: how many CPUs there are; may be more than MACHINE_CPUS.
 */
unsigned machine_cpus(void);

/* Context: CPU 0, interrupts on; one at a time: the CPU calls bare_arrive(). */
void machine_cpu_start(unsigned cpu);

/* Context: any; waits for the console. */
void machine_putc(char c);

/*
 * Nanoseconds since some moment, the same on all CPUs.
 * Context: any.
 */
uint64_t machine_clock_ns(void);

/*
 * Have one timer interrupt on this CPU when the clock shows at, or a little
 * earlier, instead of what was asked for before; UINT64_MAX: none.
 * Context: interrupts off.
 */
void machine_timer_set(uint64_t at);

/*
 * Have bare_irq_message() called on another CPU.  Messages that were not looked
 * at yet may become one.
 * Context: any.
 * Order:   stores before it are seen by the handler.
 */
void machine_message(unsigned cpu);

/*
 * Stop this CPU until an interrupt has come, and been handled.
 * Context: interrupts off, here and after it; an interrupt that came in since
 *          they are off counts.
 */
void machine_wait(void);

/* End the machine, with a status for whoever started it; 0: all is well. */
void machine_exit(int status) __attribute__((__noreturn__));

/*
 * The other direction.
 */
void bare_boot(void) __attribute__((__noreturn__));
void bare_arrive(void) __attribute__((__noreturn__));
void bare_irq_timer(void);
void bare_irq_message(void);

/* Something that is no interrupt: tell which, where and about what address. */
void bare_trap(uint64_t cause, uint64_t pc, uint64_t address)
    __attribute__((__noreturn__));

#endif /* LIBSYNC_PORT_BARE_MACHINE_H */
