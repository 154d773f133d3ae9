/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_FREEBSD_LOCAL_H
#define LIBSYNC_PORT_FREEBSD_LOCAL_H

/*
 * The FreeBSD kernel: records of the CPUs, in an array.  The space that modules
 * have in each CPU's data is small and given out at run time (dpcpu), so an
 * array by the CPU's number is what there is for every release.
 * What each name is for: libsync/port/local.h.
 */

#include <sys/param.h>
#include <sys/types.h>

#include <sys/systm.h>

#include <sys/pcpu.h>
#include <sys/proc.h>
#include <sys/smp.h>

#define PORT_LOCALS MAXCPU

/* Context: any; the answer lasts as long as the caller stays on its CPU. */
static inline unsigned
port_cpu(void)
{
	return (unsigned)curcpu;
}

/* Numbers may have gaps (smp(9)). */
#define PORT_HAS_LOCAL(cpu) (!CPU_ABSENT(cpu))

static inline unsigned
port_locals(void)
{
	return mp_maxid + 1;
}

#include "libsync/port/kernel/local.h"

/* critical_enter(9): interrupts go on, threads do not. */
static inline void
port_section_enter(void)
{
	critical_enter();
}

static inline void
port_section_exit(void)
{
	critical_exit();
}

struct port_pin {
	char nothing; /* the thread counts */
};

/* What spin mutexes do (mutex(9)): no interrupt runs here. */
static inline void
port_pin(struct port_pin *pin)
{
	pin->nothing = 0;
	spinlock_enter();
}

static inline void
port_unpin(const struct port_pin *pin)
{
	(void)pin;
	spinlock_exit();
}

#endif /* LIBSYNC_PORT_FREEBSD_LOCAL_H */
