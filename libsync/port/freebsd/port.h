/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_FREEBSD_PORT_H
#define LIBSYNC_PORT_FREEBSD_PORT_H

/*
 * The FreeBSD kernel.  What each name is for: libsync/port/port.h and
 * libsync/port/kernel/port.h.  Where this host gives less:
 *
 *   port_alloc_now  nothing in sections, pins and handlers: malloc(9) is not
 *                   for critical sections
 */

#include "libsync/port/kernel/port.h"
#include "libsync/port/pause.h"

#endif /* LIBSYNC_PORT_FREEBSD_PORT_H */
