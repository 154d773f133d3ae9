/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_LINUX_LOCAL_H
#define LIBSYNC_PORT_LINUX_LOCAL_H

/*
 * The Linux kernel: records of the CPUs, in the per-CPU section of the module.
 * What each name is for: libsync/port/local.h.
 *
 * A CPU that goes offline keeps its record; it was left in no section, as
 * sections keep preemption off and a CPU goes down from the scheduler.
 */

#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/smp.h>

#define PORT_LOCAL(type, name) __PCPU_ATTRS("") __typeof__(type) name
#define PORT_LOCAL_INIT(...)
#define PORT_BY_CPU 1

/* Debug kernels (CONFIG_DEBUG_PREEMPT) report a caller that could move. */
#define port_local(name)         this_cpu_ptr(&(name))
#define port_local_of(name, cpu) per_cpu_ptr(&(name), cpu)

static inline unsigned
port_locals(void)
{
	return nr_cpu_ids;
}

/* CPUs that are not possible have no memory: only the others are looked at. */
static inline bool
port_has_local(unsigned cpu)
{
	return cpu_possible(cpu);
}

static inline unsigned
port_cpu(void)
{
	return smp_processor_id();
}

static inline void
port_section_enter(void)
{
	preempt_disable();
}

static inline void
port_section_exit(void)
{
	preempt_enable();
}

struct port_pin {
	unsigned long flags;
};

static inline void
port_pin(struct port_pin *pin)
{
	local_irq_save(pin->flags);
}

static inline void
port_unpin(const struct port_pin *pin)
{
	local_irq_restore(pin->flags);
}

#endif /* LIBSYNC_PORT_LINUX_LOCAL_H */
