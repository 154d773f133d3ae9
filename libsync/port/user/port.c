/* SPDX-License-Identifier: BSD-2-Clause */

/* Linux user space. */

#include "libsync/port/user/port.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libsync/base/assert.h"

#define HUGE_PAGE ((size_t)2 << 20)

void
port_mask_block(struct port_mask *saved)
{
	sigset_t all;

	sigfillset(&all);
	SYNC_REQUIRE(pthread_sigmask(SIG_SETMASK, &all, &saved->set) == 0);
}

void
port_mask_restore(const struct port_mask *saved)
{
	SYNC_REQUIRE(pthread_sigmask(SIG_SETMASK, &saved->set, NULL) == 0);
}

void
port_exit_create(struct port_exit *hook, void (*fn)(void *))
{
	SYNC_REQUIRE(pthread_key_create(&hook->key, fn) == 0);
}

void
port_exit_arm(struct port_exit *hook, void *arg)
{
	SYNC_REQUIRE(pthread_setspecific(hook->key, arg) == 0);
}

void
port_fork_hooks(
    void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	SYNC_REQUIRE(pthread_atfork(prepare, parent, child) == 0);
}

void *
port_alloc(size_t size)
{
	const size_t align = size < HUGE_PAGE ? SYNC_CACHELINE : HUGE_PAGE;
	void *p;

	p = aligned_alloc(align, SYNC_ROUNDUP(size, align));
	if (p == NULL)
		return NULL;
	/* A wish: tables looked up at random want few pages. */
	if (align == HUGE_PAGE)
		(void)madvise(p, size, MADV_HUGEPAGE);
	memset(p, 0, size);
	return p;
}

void
port_free(void *p)
{
	free(p);
}

/*
 * System calls are made by syscall(2), which is no cancellation point: a
 * thread cancelled with a lock of the library held would hang all others.
 */
static void
futex_wait(const void *word, uint32_t seen, uint32_t ns)
{
	struct timespec ts = {.tv_sec = 0, .tv_nsec = (long)ns};
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, ns > 0 ? &ts : NULL,
	    NULL, 0);
	errno = saved;
}

static void
futex_wake(const void *word, int waiters)
{
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, waiters, NULL, NULL, 0);
	errno = saved;
}

void
port_yield(void)
{
	(void)sched_yield();
}

void
port_sleep(uint32_t ns)
{
	const uint32_t never = 0;

	futex_wait(&never, 0, ns);
}

void
port_event_wait(struct port_event *ev, uint32_t seen, uint32_t ns)
{
	futex_wait(&ev->word, seen, ns);
}

void
port_event_wake(struct port_event *ev)
{
	futex_wake(&ev->word, INT_MAX);
}

void
port_event_wake_one(struct port_event *ev)
{
	futex_wake(&ev->word, 1);
}

static void *
thread_main(void *arg)
{
	void (*fn)(void);

	memcpy(&fn, &arg, sizeof(fn));
	fn();
	return NULL;
}

int
port_thread_start(void (*fn)(void), const char *name)
{
	struct port_mask saved;
	pthread_t t;
	void *arg;
	int err;

	_Static_assert(sizeof(fn) == sizeof(arg), "a function fits a pointer");
	memcpy(&arg, &fn, sizeof(arg));
	port_mask_block(&saved); /* inherited by the new thread */
	err = pthread_create(&t, NULL, thread_main, arg);
	if (err == 0) {
		(void)pthread_setname_np(t, name);
		(void)pthread_detach(t);
	}
	port_mask_restore(&saved);
	return -err;
}

uint64_t
port_clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint32_t
port_thread_id(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

void
port_thread_name(uint32_t id, char name[PORT_THREAD_NAME_MAX])
{
	int saved = errno, fd;
	ssize_t n = 0;
	char path[48];

	snprintf(path, sizeof(path), "/proc/self/task/%u/comm", id);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd >= 0) {
		n = syscall(SYS_read, fd, name, PORT_THREAD_NAME_MAX - 1);
		syscall(SYS_close, fd);
	}
	name[n > 0 ? n : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	errno = saved;
}

void
port_log(const char *fmt, ...)
{
	int saved = errno, n;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(text))
		n = (int)sizeof(text) - 1;
	if (n > 0)
		(void)!syscall(SYS_write, STDERR_FILENO, text, (size_t)n);
	errno = saved;
}
