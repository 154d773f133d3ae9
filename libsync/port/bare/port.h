/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_BARE_PORT_H
#define LIBSYNC_PORT_BARE_PORT_H

/*
 * Bare metal.  Beyond what libsync/port/kernel/port.h asks for: memory is
 * allocated and freed in every context, port_log() speaks in every context, and
 * port_thread_start() gives its function the last CPU, the only thread there
 * is: -EBUSY while it has one, -ENOSYS if there is no second CPU.
 */

#include "libsync/port/kernel/port.h"

#endif /* LIBSYNC_PORT_BARE_PORT_H */
