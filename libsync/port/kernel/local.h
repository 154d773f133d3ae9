/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_KERNEL_LOCAL_H
#define LIBSYNC_PORT_KERNEL_LOCAL_H

/*
 * A reader is a processor.  What each name is for: libsync/port/local.h.  The
 * host's local.h includes this one after it has defined
 *
 *   PORT_LOCALS    a constant: how many processors there may be
 *   port_locals()  all numbers of processors are below this one
 *   port_cpu()     the number of the caller's
 *
 * and, as PORT_HAS_LOCAL(i), whether there is a processor of this number, where
 * there are gaps,
 *
 * and itself defines port_section_enter(), port_section_exit(), struct
 * port_pin, port_pin() and port_unpin().
 */

#include "libsync/port/types.h"

#define PORT_LOCAL(type, name) type name[PORT_LOCALS]
#define PORT_LOCAL_INIT(...)
#define PORT_BY_CPU 1

#define port_local(name)       (&(name)[port_cpu()])
#define port_local_of(name, i) (&(name)[i])

#ifndef PORT_HAS_LOCAL
#define PORT_HAS_LOCAL(i) ((void)(i), true)
#endif

static inline bool
port_has_local(unsigned i)
{
	return PORT_HAS_LOCAL(i);
}

#endif /* LIBSYNC_PORT_KERNEL_LOCAL_H */
