/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_FIGURES_FIGURES_H
#define TESTS_KERNEL_FIGURES_FIGURES_H

/*
 * Instructions per operation.  A machine that gives each instruction the same
 * time, as qemu does with -icount shift=0, has a clock that counts them; in
 * user space valgrind counts the functions of figures.c instead.
 */

#include "libsync/port/local.h"
#include "libsync/port/types.h"

/*
 * Instructions so far, in a machine that counts them; 0 in user space.
 * Context: any; interrupts off, if other code must not be counted.
 */
static inline uint64_t
ktest_instructions(void)
{
#if !PORT_BY_CPU
	return 0;
#elif defined(__x86_64__)
	uint32_t lo, hi;

	/* The time stamp: one for each nanosecond of the machine. */
	__asm__("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
#elif defined(__aarch64__)
	uint64_t ticks;

	/* The clock of the machine, 62.5 MHz. */
	__asm__("mrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	return ticks * 16;
#elif defined(__riscv)
	uint64_t n;

	__asm__("csrr %0, instret" : "=r"(n) : : "memory");
	return n;
#else
	return 0;
#endif
}

/*
 * Do each operation some hundred times and, where instructions are counted,
 * print "figure: NAME N" for each.
 * Context: one thread, outside a section, libsync started; may sleep.
 * Returns: 0, or a negative errno if there is no memory.
 */
int ktest_figures(void);

#endif /* TESTS_KERNEL_FIGURES_FIGURES_H */
