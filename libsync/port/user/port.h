/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_USER_PORT_H
#define LIBSYNC_PORT_USER_PORT_H

/* Linux user space.  What each name is for: libsync/port/port.h. */

#include <pthread.h>
#include <signal.h>

#include "libsync/port/event.h"
#include "libsync/port/local.h"
#include "libsync/port/mutex.h"
#include "libsync/port/pause.h"
#include "libsync/port/types.h"

/* Held for moments, where a kernel could not sleep. */
struct port_spin {
	struct port_mutex mutex;
};

#define PORT_SPIN_INIT                   \
	{                                \
		.mutex = PORT_MUTEX_INIT \
	}

static inline void
port_spin_lock(struct port_spin *l)
{
	port_mutex_lock(&l->mutex);
}

static inline void
port_spin_unlock(struct port_spin *l)
{
	port_mutex_unlock(&l->mutex);
}

/* Context: a forked child, whose copy of the holder is gone. */
static inline void
port_spin_init(struct port_spin *l)
{
	port_mutex_init(&l->mutex);
}

struct port_mask {
	sigset_t set;
};

struct port_exit {
	pthread_key_t key;
};

/* Context: any thread, signal handlers too. */
void port_mask_block(struct port_mask *saved);

/* Context: the thread that blocked, with what it got. */
void port_mask_restore(const struct port_mask *saved);

/*
 * Marks a function without arguments that the host runs before any other code
 * uses the library, and before there is a second thread.
 */
#define PORT_START(name) \
	__attribute__((constructor(101))) static void name##_start(void)

/* Context: a PORT_START function, once per struct port_exit. */
void port_exit_create(struct port_exit *hook, void (*fn)(void *));

/* Have the hook's function called with arg, not NULL, when this thread ends. */
void port_exit_arm(struct port_exit *hook, void *arg);

/*
 * Start fn on a detached thread that no signal reaches.
 * Returns: 0 or a negative errno.
 */
int port_thread_start(void (*fn)(void), const char *name);

/*
 * Context: a PORT_START function: a thread that forks while another one
 *          installs the hooks would miss them.
 */
void port_fork_hooks(
    void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* Let whoever holds what we wait for have the processor. */
void port_yield(void);

/* Sleep for about ns nanoseconds, less than a second; no cancellation point. */
void port_sleep(uint32_t ns);

/*
 * Zeroed memory that starts on a cache line of its own.
 * Returns: NULL if there is none.
 */
void *port_alloc(size_t size);

/* The same: no thread here is kept from sleeping. */
static inline void *
port_alloc_now(size_t size)
{
	return port_alloc(size);
}

void port_free(void *p);

/*
 * Nanoseconds since some moment; only grows.
 * Context: any thread, signal handlers too; never sleeps.
 */
uint64_t port_clock_ns(void);

/*
 * The number of the calling thread, as the host's tools show it; not 0.
 * Context: any thread, signal handlers too; never sleeps.
 */
uint32_t port_thread_id(void);

#define PORT_THREAD_NAME_MAX 16

/*
 * The name of a thread of this process; empty if it has gone.
 * Context: any thread, not a signal handler; may sleep.
 */
void port_thread_name(uint32_t id, char name[PORT_THREAD_NAME_MAX]);

/*
 * Tell the operator.  The text ends with a newline.
 * Context: any thread, not a signal handler; may sleep.
 */
void port_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* LIBSYNC_PORT_USER_PORT_H */
