/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_EVENT_H
#define LIBSYNC_PORT_EVENT_H

/* Sleeping until a word changes, by the host. */

#include "libsync/base/atomic.h"
#include "libsync/port/types.h"

/* A word that changes when there is something to wake up for. */
struct port_event {
	SYNC_ATOMIC(uint32_t) word;
};

/*
 * Sleep while the word is seen, or until ns nanoseconds passed if ns is not
 * 0; may also return for no reason.  No cancellation point.
 * Context: any thread that may sleep.
 */
void port_event_wait(struct port_event *ev, uint32_t seen, uint32_t ns);

/*
 * Wake everybody who waits, after the word was changed.  The event may have
 * gone by now: its address alone is used.
 * Context: any thread, inside a section, signal and interrupt handlers too;
 *          never sleeps.
 */
void port_event_wake(struct port_event *ev);

/* The same for one of those who wait, or for more. */
void port_event_wake_one(struct port_event *ev);

#endif /* LIBSYNC_PORT_EVENT_H */
