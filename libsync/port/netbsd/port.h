/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_NETBSD_PORT_H
#define LIBSYNC_PORT_NETBSD_PORT_H

/*
 * The NetBSD kernel.  What each name is for: libsync/port/port.h and
 * libsync/port/kernel/port.h.  Where this host gives less:
 *
 *   port_event_wake   up to IPL_SCHED
 *   port_alloc_now    nothing in sections, pins and handlers: kmem(9) takes
 *                     locks of IPL_VM, and flushes other processors' tables;
 *                     nothing at all on machines that preempt no kernel
 *   port_sleep, port_event_wait  for a tick (hz(9)) at least
 */

#include "libsync/port/kernel/port.h"
#include "libsync/port/pause.h"

#endif /* LIBSYNC_PORT_NETBSD_PORT_H */
