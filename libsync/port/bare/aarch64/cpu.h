/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_BARE_AARCH64_CPU_H
#define LIBSYNC_PORT_BARE_AARCH64_CPU_H

/* aarch64, exception level 1.  What for: libsync/port/bare/machine.h. */

#include "libsync/port/bare/types.h"

#define AARCH64_DAIF_I 0x80 /* interrupts stay away */

static inline unsigned
machine_cpu(void)
{
	uint64_t cpu;

	/* Not volatile: what runs here never moves. */
	__asm__("mrs %0, tpidr_el1" : "=r"(cpu));
	return (unsigned)cpu;
}

static inline unsigned long
machine_irq_save(void)
{
	unsigned long was;

	__asm__ __volatile__("mrs %0, daif\n\t"
			     "msr daifset, #2"
			     : "=r"(was)
			     :
			     : "memory");
	return was;
}

static inline bool
machine_irq_on(unsigned long was)
{
	return (was & AARCH64_DAIF_I) == 0;
}

static inline void
machine_irq_restore(unsigned long was)
{
	__asm__ __volatile__("msr daif, %0" : : "r"(was) : "memory");
}

static inline void
machine_irq_enable(void)
{
	__asm__ __volatile__("msr daifclr, #2" : : : "memory");
}

static inline void
machine_pause(void)
{
	__asm__ __volatile__("yield" : : : "memory");
}

#endif /* LIBSYNC_PORT_BARE_AARCH64_CPU_H */
