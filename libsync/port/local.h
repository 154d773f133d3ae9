/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_LOCAL_H
#define LIBSYNC_PORT_LOCAL_H

/*
 * Whose a record is.  The modules keep one for each reader, which only that
 * reader writes.  In user space that is the thread; in a kernel the processor,
 * and whoever uses the record stays there meanwhile.
 *
 *   PORT_LOCAL(type, name) PORT_LOCAL_INIT(...);
 *           a variable of each reader; extern or static comes before it.  In a
 *           kernel it begins as zero, and a PORT_START function does the rest
 *   PORT_LOCAL_LINES
 *           attribute of a type of which a reader writes its own all the time:
 *           a processor's is on cache lines of its own.  Nothing in user space,
 *           where threads' variables are apart anyway
 *   port_local(name)
 *           pointer to the caller's, valid until the caller may move
 *   PORT_BY_CPU
 *           1: readers are processors, 0: threads
 *   port_locals(), port_has_local(i), port_local_of(name, i)
 *           which records exist from the start, and each of them: all
 *           processors' in a kernel, none in user space, where a thread brings
 *           its own.  Their numbers are below port_locals(), and may have gaps,
 *           where there is nothing to look at
 *   port_section_enter(), port_section_exit()
 *           around a read section: the caller stays the same reader, and no
 *           other thread becomes it.  They nest, in interrupt handlers too.  A
 *           kernel keeps preemption off.  Compiler barriers
 *   struct port_pin, port_pin(&pin), port_unpin(&pin)
 *           the same, and no interrupt handler runs here meanwhile: around
 *           changes of a record's lists.  Compiler barriers.  Nothing in user
 *           space, where signal handlers are kept out by contract
 *
 * The read side is inline, so this header is installed and a program sees the
 * same definitions as the library.
 */
#if defined(__KERNEL__) && defined(__linux__)
#include "libsync/port/linux/local.h"
#elif defined(_KERNEL) && defined(__NetBSD__)
#include "libsync/port/netbsd/local.h"
#elif defined(_KERNEL) && defined(__FreeBSD__)
#include "libsync/port/freebsd/local.h"
#elif defined(LIBSYNC_PORT_BARE)
#include "libsync/port/bare/local.h"
#else
#include "libsync/port/user/local.h"
#endif

#if PORT_BY_CPU
#define PORT_LOCAL_LINES __attribute__((aligned(SYNC_CACHELINE)))
#else
#define PORT_LOCAL_LINES
#endif

#endif /* LIBSYNC_PORT_LOCAL_H */
