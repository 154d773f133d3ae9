/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_BARE_RISCV64_CPU_H
#define LIBSYNC_PORT_BARE_RISCV64_CPU_H

/* riscv64, machine mode.  What for: libsync/port/bare/machine.h. */

#include "libsync/port/bare/types.h"

#define RISCV64_MSTATUS_MIE 8 /* interrupts come in */

/* The register tp is ours: there is no thread to point to. */
static inline unsigned
machine_cpu(void)
{
	uint64_t cpu;

	/* Not volatile: what runs here never moves. */
	__asm__("mv %0, tp" : "=r"(cpu));
	return (unsigned)cpu;
}

static inline unsigned long
machine_irq_save(void)
{
	unsigned long was;

	__asm__ __volatile__("csrrci %0, mstatus, %1"
			     : "=r"(was)
			     : "i"(RISCV64_MSTATUS_MIE)
			     : "memory");
	return was;
}

static inline bool
machine_irq_on(unsigned long was)
{
	return (was & RISCV64_MSTATUS_MIE) != 0;
}

static inline void
machine_irq_restore(unsigned long was)
{
	__asm__ __volatile__("csrs mstatus, %0"
			     :
			     : "r"(was & RISCV64_MSTATUS_MIE)
			     : "memory");
}

static inline void
machine_irq_enable(void)
{
	machine_irq_restore(RISCV64_MSTATUS_MIE);
}

static inline void
machine_pause(void)
{
	/* pause, by its number: not all assemblers know the name. */
	__asm__ __volatile__(".4byte 0x0100000f" : : : "memory");
}

#endif /* LIBSYNC_PORT_BARE_RISCV64_CPU_H */
