/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_KERNEL_PORT_H
#define LIBSYNC_PORT_KERNEL_PORT_H

/*
 * What is the same in all kernels, for the host's port.h.  What each name is
 * for: libsync/port/port.h.
 */

#include "libsync/port/event.h"
#include "libsync/port/local.h"
#include "libsync/port/mutex.h"
#include "libsync/port/types.h"

#include "libsync/port/kernel/spin.h"

/* Called by port_start_all(), libsync/port/kernel/start.c. */
#define PORT_START(name)         \
	void name##_start(void); \
	void name##_start(void)

/* There are no signals, and records belong to no thread. */
struct port_mask {
	char nothing;
};

static inline void
port_mask_block(struct port_mask *saved)
{
	(void)saved;
}

static inline void
port_mask_restore(const struct port_mask *saved)
{
	(void)saved;
}

/* Processors do not end, and a kernel does not fork. */
struct port_exit {
	char nothing;
};

static inline void
port_exit_create(struct port_exit *hook, void (*fn)(void *))
{
	(void)hook;
	(void)fn;
}

static inline void
port_exit_arm(struct port_exit *hook, void *arg)
{
	(void)hook;
	(void)arg;
}

static inline void
port_fork_hooks(
    void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	(void)prepare;
	(void)parent;
	(void)child;
}

/*
 * Start fn on a thread of the kernel.
 * Context: a thread that may sleep.
 * Returns: 0 or a negative errno.
 */
int port_thread_start(void (*fn)(void), const char *name);

/*
 * Wait until fn of port_thread_start() has returned and its thread is gone.
 * Context: a thread that may sleep, once after each start.
 */
void port_thread_wait(void);

/* Who spins is pinned, and so is whom it waits for. */
static inline void
port_yield(void)
{
	port_pause();
}

/* Sleep for about ns nanoseconds, less than a second. */
void port_sleep(uint32_t ns);

/*
 * Zeroed memory that starts on a cache line of its own.
 * Context: a thread that may sleep.
 * Returns: NULL if there is none.
 */
void *port_alloc(size_t size);

/*
 * The same.
 * Context: inside a section, pinned, interrupt handlers too; never sleeps.
 * Returns: NULL if there is none, or if the kernel gives none here.
 */
void *port_alloc_now(size_t size);

/* Context: a thread outside sections; never sleeps. */
void port_free(void *p);

/*
 * Nanoseconds since some moment; only grows.
 * Context: any; never sleeps.
 */
uint64_t port_clock_ns(void);

/*
 * The number of the calling thread, as the kernel's tools show it; not 0, and no
 * other thread's of this processor: whoever runs callbacks is known by it.
 * Context: any; never sleeps.
 */
uint32_t port_thread_id(void);

#define PORT_THREAD_NAME_MAX 16

/* Records are processors': "cpu3" for the id 4.  Context: any; never sleeps. */
void port_thread_name(uint32_t id, char name[PORT_THREAD_NAME_MAX]);

/*
 * Tell the operator.  The text ends with a newline.  Of the conversions, the
 * core uses %s %p %u %d %lu.
 * Context: a thread; may sleep.
 */
void port_log(const char *fmt, ...) __attribute__((__format__(printf, 1, 2)));

#if defined(LIBSYNC_VARIANT_XCALL)
/*
 * Run a full fence on every processor of this kernel, the caller's too, and
 * wait for them; processors that are off, and cannot be in a section, may be
 * left out if coming back fences.
 * Context: a thread that may sleep.
 */
void port_xcall_barrier(void);
#endif

#endif /* LIBSYNC_PORT_KERNEL_PORT_H */
