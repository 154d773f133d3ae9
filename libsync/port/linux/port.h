/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_LINUX_PORT_H
#define LIBSYNC_PORT_LINUX_PORT_H

/*
 * The Linux kernel: what all kernels have.  Beyond that,
 *
 *   port_alloc_now       gives a few pages at most
 *   port_free            takes what is longer than KMALLOC_MAX_CACHE_SIZE from
 *                        a thread that may sleep only
 *   port_xcall_barrier   wants interrupts to be on
 *   all of it            is not for handlers that cannot be masked (NMI), but
 *                        for port_cpu() and sections
 */
#include "libsync/port/kernel/port.h"

#endif /* LIBSYNC_PORT_LINUX_PORT_H */
