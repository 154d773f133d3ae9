/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_PORT_H
#define LIBSYNC_PORT_PORT_H

/*
 * What libsync needs from its host.  Nothing else of a host is used outside
 * libsync/port/, and no assembler, no header of the language's library and no
 * atomic operation of more than eight bytes.  A host is one folder beside this
 * file, which defines these names: those of every host, and those of the
 * variants of fences and grace periods (libsync/base/fence.h) that it has, of
 * which there is at least one.  tests/lint/port.py holds the list against the
 * core and the hosts.
 *
 * == Every host
 *   Types: types.h
 *   Identity: local.h has the contracts
 *   PORT_BY_CPU             are readers processors, or threads?
 *   PORT_LOCAL, PORT_LOCAL_INIT, port_local, port_local_of, port_locals,
 *   port_has_local
 *           a record for each reader
 *   port_section_enter, port_section_exit
 *           stay this reader; nothing where readers are threads
 *   struct port_pin, port_pin, port_unpin
 *           and let no handler run here; as above
 *   port_thread_id, port_thread_name, PORT_THREAD_NAME_MAX
 *           for reports: number and name of a reader
 *   Memory
 *   port_alloc, port_free   zeroed, aligned to a cache line; may sleep
 *   port_alloc_now          the same where nobody may sleep
 *   Waiting
 *   port_pause, port_yield, port_sleep  the cheaper first; pause.h has one
 *   port_event_wait, port_event_wake, port_event_wake_one
 *           sleep while a word has a value: event.h
 *   struct port_spin, PORT_SPIN_INIT, port_spin_lock, port_spin_unlock,
 *   port_spin_init
 *           a lock for moments, taken in sections and handlers too; _init
 *           remakes one in a forked child.  kernel/spin.h makes it of the pin
 *   Life
 *   PORT_START(name) { ... }  a function to run at the start of the host
 *   port_thread_start       a thread of the library's own
 *   Time and speech
 *   port_clock_ns           time that only grows
 *   port_log                a line for the operator
 *   sync_assert_fail        a broken contract: libsync/base/assert.h
 *
 * == Readers are processors: cross-call, context-switch, none
 *   port_thread_wait        until the library's thread is gone
 *   port_cpu, PORT_LOCALS   what kernel/local.h makes PORT_LOCAL of; a host
 *           with storage for each processor needs the first for that only
 *   The names of the group preemptible are empty: kernel/port.h.
 *   kernel/start.h calls the PORT_START functions.
 *
 * == Cross-call: readers fence not at all, nor have they to be anywhere
 *   port_xcall_barrier      a full fence on every processor; in user space
 *           membarrier(2) does it, unseen by the core
 *
 * == Context-switch: the same readers, and nobody is interrupted
 *   No name: the host calls pserialize_online(), pserialize_quiescent(),
 *   pserialize_offline() on each processor, again and again.
 *
 * == Preemptible: records go with threads, which may lose the processor inside
 *   struct port_mask, port_mask_block, port_mask_restore
 *           keep handlers away from this thread
 *   struct port_exit, port_exit_create, port_exit_arm
 *           run a function when the calling thread ends
 *   port_fork_hooks         three functions around fork(2)
 *   PORT_THREAD_LOCAL       a variable of each thread, for hazard
 *
 * == None: readers fence
 *   No name.
 *
 * == No host: made of the above, or the processor's
 *   struct port_event: event.h; struct port_mutex, PORT_MUTEX_INIT,
 *   port_mutex_lock, port_mutex_trylock, port_mutex_unlock, port_mutex_init:
 *   mutex.h; port_fence_compiler: riscv64.h; PORT_LOCAL_LINES: local.h;
 *   PORT_HIGH_ADDRESSES: types.h; PORT_ASSERT_FAIL: libsync/base/assert.h, if
 *   types.h has no other
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
