/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_USER_PORT_H
#define LIBSYNC_PORT_USER_PORT_H

/* Linux user space.  What each name is for: libsync/port/port.h. */

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsync/base/atomic.h"

/* A word that changes when there is something to wake up for. */
struct port_event {
	SYNC_ATOMIC(uint32_t) word;
};

/*
 * Made of a futex and not of pthreads, because a forked child must be able to
 * free one whose holder it does not have.
 */
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

struct port_mask {
	sigset_t set;
};

struct port_exit {
	pthread_key_t key;
};

/* Context: any thread; sleeps until the mutex is free. */
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

/* Context: any thread, signal handlers too. */
void port_mask_block(struct port_mask *saved);

/* Context: the thread that blocked, with what it got. */
void port_mask_restore(const struct port_mask *saved);

/*
 * Marks a function without arguments that the host runs before any other code
 * uses the library, and before there is a second thread.
 */
#define PORT_START __attribute__((constructor(101))) static

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

/* Tell the processor that this is a waiting loop. */
static inline void
port_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

/* Sleep for about ns nanoseconds, less than a second; no cancellation point. */
void port_sleep(uint32_t ns);

/*
 * Sleep while the word is seen, or until ns nanoseconds passed if ns is not
 * 0; may also return for no reason.  No cancellation point.
 */
void port_event_wait(struct port_event *ev, uint32_t seen, uint32_t ns);

/* Context: any thread, signal handlers too; wakes everybody who waits. */
void port_event_wake(struct port_event *ev);

/*
 * Zeroed memory that starts on a cache line of its own.
 * Returns: NULL if there is none.
 */
void *port_alloc(size_t size);

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
