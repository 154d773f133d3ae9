/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_BARE_X86_64_CPU_H
#define LIBSYNC_PORT_BARE_X86_64_CPU_H

/* x86-64, long mode.  What for: libsync/port/bare/machine.h. */

#include "libsync/port/bare/types.h"

#define X86_64_FLAGS_IF 0x200 /* interrupts come in */

/* The segment gs begins with the number of the CPU. */
static inline unsigned
machine_cpu(void)
{
	unsigned cpu;

	/* Not volatile: what runs here never moves. */
	__asm__("movl %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

static inline unsigned long
machine_irq_save(void)
{
	unsigned long was;

	__asm__ __volatile__("pushfq\n\t"
			     "popq %0\n\t"
			     "cli"
			     : "=r"(was)
			     :
			     : "memory");
	return was;
}

static inline bool
machine_irq_on(unsigned long was)
{
	return (was & X86_64_FLAGS_IF) != 0;
}

static inline void
machine_irq_restore(unsigned long was)
{
	if (machine_irq_on(was))
		__asm__ __volatile__("sti" : : : "memory");
}

static inline void
machine_irq_enable(void)
{
	__asm__ __volatile__("sti" : : : "memory");
}

static inline void
machine_pause(void)
{
	__asm__ __volatile__("pause" : : : "memory");
}

#endif /* LIBSYNC_PORT_BARE_X86_64_CPU_H */
