/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_BARE_LOCAL_H
#define LIBSYNC_PORT_BARE_LOCAL_H

/*
 * A reader is a CPU.  Nothing moves what runs here to another one, and nothing
 * but interrupt handlers comes in between.
 */

#include "libsync/base/fence.h"
#include "libsync/port/bare/machine.h"

#define PORT_LOCALS MACHINE_CPUS

unsigned bare_cpus(void);

static inline unsigned
port_locals(void)
{
	return bare_cpus();
}

static inline unsigned
port_cpu(void)
{
	return machine_cpu();
}

static inline void
port_section_enter(void)
{
	sync_fence_compiler();
}

static inline void
port_section_exit(void)
{
	sync_fence_compiler();
}

struct port_pin {
	unsigned long was;
};

static inline void
port_pin(struct port_pin *pin)
{
	pin->was = machine_irq_save();
}

static inline void
port_unpin(const struct port_pin *pin)
{
	machine_irq_restore(pin->was);
}

#include "libsync/port/kernel/local.h"

#endif /* LIBSYNC_PORT_BARE_LOCAL_H */
