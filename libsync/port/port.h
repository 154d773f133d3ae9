/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_PORT_H
#define LIBSYNC_PORT_PORT_H

/*
 * What libsync needs from its host.  Nothing else of a host is used outside
 * libsync/port/, and no assembler, no header of the language's library and no
 * atomic operation of more than eight bytes.  A host is one folder beside this
 * file; it defines, beside what types.h, local.h and event.h name:
 *
 *   Identity: local.h, and
 *   port_thread_id, port_thread_name, PORT_THREAD_NAME_MAX
 *           for reports: number and name of a reader
 *   Handlers kept away
 *   struct port_mask, port_mask_block, port_mask_restore
 *           from this thread, where records belong to threads
 *   Memory
 *   port_alloc, port_free   zeroed, aligned to a cache line; may sleep
 *   port_alloc_now          the same where nobody may sleep
 *   Waiting
 *   port_pause, port_yield, port_sleep  the cheaper first
 *   struct port_event       sleep while a word has a value: event.h.  Of it is
 *                           made struct port_mutex (mutex.h), which is no part
 *                           of the host
 *   struct port_spin, PORT_SPIN_INIT, port_spin_lock, port_spin_unlock
 *           a lock for moments, taken in sections and handlers too; _init
 *           remakes one in a forked child
 *   Life
 *   PORT_START(name) { ... }  a function to run at the start of the host
 *   port_thread_start       a thread of the library's own
 *   struct port_exit, port_exit_create, port_exit_arm
 *           run a function when the calling thread ends
 *   port_fork_hooks         three functions around fork(2)
 *   Time and speech
 *   port_clock_ns           time that only grows
 *   port_log                a line for the operator
 *
 * and sync_assert_fail() (libsync/base/assert.h).  The fences of
 * libsync/base/fence.h come in four variants, of which a host has at least one:
 *
 *   cross-call      readers fence not at all; the host runs a full fence on
 *                   every processor: membarrier(2), or port_xcall_barrier() of
 *                   a kernel
 *   context-switch  the same readers; the host says for each processor, again
 *                   and again, that it is in no section: pserialize_online(),
 *                   pserialize_quiescent()
 *   preemptible     records belong to threads, which may lose the processor
 *                   inside a section: user space
 *   none            readers fence; nothing is asked of the host
 */
#include "libsync/port/local.h"
#include "libsync/port/mutex.h"
#include "libsync/port/types.h"
#if defined(__KERNEL__) && defined(__linux__)
#include "libsync/port/linux/port.h"
#elif defined(_KERNEL) && defined(__NetBSD__)
#include "libsync/port/netbsd/port.h"
#elif defined(_KERNEL) && defined(__FreeBSD__)
#include "libsync/port/freebsd/port.h"
#elif defined(LIBSYNC_PORT_BARE)
#include "libsync/port/bare/port.h"
#else
#include "libsync/port/user/port.h"
#endif

#endif /* LIBSYNC_PORT_PORT_H */
