/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_MUTEX_H
#define LIBSYNC_PORT_MUTEX_H

/*
 * A lock that sleeps, of every host: made of struct port_event and not of a
 * lock of the host, because a forked child must be able to free one whose
 * holder it does not have, and because it begins as zero wherever it is.
 */

#include "libsync/port/event.h"
#include "libsync/port/types.h"

struct port_mutex {
	struct port_event state; /* 0 free, 1 held, 2 held and waited for */
};

#define PORT_MUTEX_INIT           \
	{                         \
		{                 \
			{         \
				0 \
			}         \
		}                 \
	}

/* Context: any thread that may sleep; sleeps until the mutex is free. */
void port_mutex_lock(struct port_mutex *m);

/*
 * Context: any thread; never sleeps.
 * Returns: true if the caller now holds the mutex.
 */
bool port_mutex_trylock(struct port_mutex *m);

/* Context: the holder; never sleeps. */
void port_mutex_unlock(struct port_mutex *m);

/* Context: a forked child, whose copy of the holder is gone. */
void port_mutex_init(struct port_mutex *m);

#endif /* LIBSYNC_PORT_MUTEX_H */
