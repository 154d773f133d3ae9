/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_NETBSD_LOCAL_H
#define LIBSYNC_PORT_NETBSD_LOCAL_H

/*
 * The NetBSD kernel: records of the CPUs, in an array.  A module has no section
 * of its own in each cpu_info, and percpu(9) moves its memory when CPUs attach.
 * What each name is for: libsync/port/local.h.
 */

#include <sys/param.h>

#include <sys/cpu.h>
#include <sys/intr.h>
#include <sys/lwp.h>
#include <sys/systm.h>

#define PORT_LOCALS MAXCPUS

/* Context: any; the answer lasts as long as the caller stays on its CPU. */
static inline unsigned
port_cpu(void)
{
	return cpu_index(curcpu());
}

static inline unsigned
port_locals(void)
{
	return (unsigned)ncpu;
}

#include "libsync/port/kernel/local.h"

/* kpreempt_disable(9): soft and hard interrupts go on, and nest. */
static inline void
port_section_enter(void)
{
	kpreempt_disable();
}

static inline void
port_section_exit(void)
{
	kpreempt_enable();
}

struct port_pin {
	int spl;
};

/* spl(9): no soft or hard interrupt runs here, and nobody else then. */
static inline void
port_pin(struct port_pin *pin)
{
	pin->spl = splhigh();
}

static inline void
port_unpin(const struct port_pin *pin)
{
	splx(pin->spl);
}

#endif /* LIBSYNC_PORT_NETBSD_LOCAL_H */
