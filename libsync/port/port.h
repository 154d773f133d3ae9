/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_PORT_H
#define LIBSYNC_PORT_PORT_H

/*
 * What the rest of libsync needs from its host, and nothing else of the host
 * is used outside libsync/port/: freestanding C11 headers and errno numbers
 * apart.  A host is one folder that defines every name below.
 *
 *   struct port_mutex, PORT_MUTEX_INIT, port_mutex_lock, _trylock, _unlock
 *           a lock that may sleep; _init remakes one in a forked child
 *   struct port_mask, port_mask_block, port_mask_restore
 *           keep this thread's signal handlers (a kernel: preemption) away
 *   PORT_START              a function to run at the start of the host
 *   struct port_exit, port_exit_create, port_exit_arm
 *           run a function when the calling thread ends
 *   port_thread_start       a thread of the library's own, never joined
 *   port_fork_hooks         three functions around fork(2)
 *   port_pause, port_sleep  waiting, the cheaper first
 *   struct port_event, port_event_wait, port_event_wake
 *           sleep while a word has a value
 *   PORT_THREAD_LOCAL       a variable of each thread (libsync/port/tls.h)
 *   port_alloc, port_free   zeroed memory, aligned to a cache line
 *   port_clock_ns           time that only grows
 *   port_thread_id, port_thread_name, PORT_THREAD_NAME_MAX, port_log
 *           for reports: number and name of a thread, a line for the operator
 *
 * Beside these: sync_assert_fail() (libsync/base/assert.h) and the fences of
 * libsync/base/fence.h.
 */
#include "libsync/port/tls.h"
#include "libsync/port/user/port.h"

#endif /* LIBSYNC_PORT_PORT_H */
