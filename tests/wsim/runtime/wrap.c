/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What stands for libc in a simulated program: the linker sends the calls of
 * the names in wrap.txt here.  Outside executions they go on to libc.
 */

#include "tests/wsim/runtime/impl.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/wsim/runtime/wrap.h"

void
__wrap_abort(void)
{
	if (!wsim_enter())
		__real_abort();
	wsim_fail_at(WSIM_ASSERT, 0, WSIM_PC, -1, NULL, "abort called");
}

void
__wrap___assert_fail(
    const char *expr, const char *file, unsigned line, const char *function)
{
	if (!wsim_enter())
		__real_abort();
	wsim_fail_at(WSIM_ASSERT, 0, WSIM_PC, -1, NULL, "%s:%u: %s: not so: %s",
	    file, line, function, expr);
}

void
__wrap_sync_assert_fail(const char *expr, const char *file, int line)
{
	if (!wsim_enter())
		__real_abort();
	wsim_fail_at(WSIM_ASSERT, 0, WSIM_PC, -1, NULL,
	    "%s:%d: requirement failed: %s", file, line, expr);
}

/*
 * Our own code calls these as well, by copying structs.
 */
static void
touch(const void *p, size_t n, bool write, void *pc)
{
	if (n == 0 || !wsim_enter())
		return;
	wsim_plain((uintptr_t)p, n, write, pc);
	wsim_leave();
}

void *
__wrap_memcpy(void *d, const void *s, size_t n)
{
	touch(s, n, false, WSIM_PC);
	touch(d, n, true, WSIM_PC);
	return __real_memcpy(d, s, n);
}

void *
__wrap_memmove(void *d, const void *s, size_t n)
{
	touch(s, n, false, WSIM_PC);
	touch(d, n, true, WSIM_PC);
	return __real_memmove(d, s, n);
}

void *
__wrap_memset(void *d, int c, size_t n)
{
	touch(d, n, true, WSIM_PC);
	return __real_memset(d, c, n);
}

int
__wrap_memcmp(const void *a, const void *b, size_t n)
{
	touch(a, n, false, WSIM_PC);
	touch(b, n, false, WSIM_PC);
	return __real_memcmp(a, b, n);
}

static void *
allocate(size_t size, size_t align, void *pc)
{
	void *p = wsim_alloc(size, align, pc);

	if (p == NULL)
		errno = ENOMEM;
	wsim_leave();
	return p;
}

void *
__wrap_malloc(size_t size)
{
	return wsim_enter() ? allocate(size, 16, WSIM_PC) : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	void *p;

	if (!wsim_enter())
		return __real_calloc(n, size);
	p = allocate(n * size, 16, WSIM_PC);
	if (p != NULL)
		__real_memset(p, 0, n * size);
	return p;
}

void *
__wrap_aligned_alloc(size_t align, size_t size)
{
	return wsim_enter() ? allocate(size, align, WSIM_PC)
			    : __real_aligned_alloc(align, size);
}

int
__wrap_posix_memalign(void **out, size_t align, size_t size)
{
	void *p;

	if (!wsim_enter())
		return __real_posix_memalign(out, align, size);
	p = allocate(size, align, WSIM_PC);
	if (p == NULL)
		return ENOMEM;
	*out = p;
	return 0;
}

void
__wrap_free(void *p)
{
	if (p == NULL)
		return;
	if (!wsim_enter()) {
		__real_free(p);
		return;
	}
	wsim_free(p, WSIM_PC);
	wsim_leave();
}

void *
__wrap_realloc(void *old, size_t size)
{
	size_t had;
	void *p;

	if (!wsim_enter())
		return __real_realloc(old, size);
	had = wsim_block_size(old);
	p = allocate(size, 16, WSIM_PC);
	if (p == NULL || old == NULL)
		return p;
	(void)__wrap_memcpy(p, old, had < size ? had : size);
	__wrap_free(old);
	return p;
}

/* Threads: the handle is the fibre's number, plus one. */

int
__wrap_pthread_create(
    pthread_t *out, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	if (!wsim_enter())
		return __real_pthread_create(out, attr, fn, arg);
	wsim_point();
	*out = (pthread_t)wsim_fibre_start(fn, arg, false) + 1;
	wsim_note("starts a thread", (uintptr_t)*out - 1, WSIM_PC);
	wsim_leave();
	return 0;
}

int
__wrap_pthread_join(pthread_t t, void **out)
{
	void *ret = wsim_join((int)t - 1);

	if (out != NULL)
		*out = ret;
	return 0;
}

/* No execution waits for the end of a detached thread. */
int
__wrap_pthread_detach(pthread_t t)
{
	if (wsim != NULL && wsim->user)
		wsim->fibre[t - 1].daemon = true;
	return 0;
}

pthread_t
__wrap_pthread_self(void)
{
	return wsim != NULL && wsim->user ? (pthread_t)wsim->me + 1
					  : __real_pthread_self();
}

int
__wrap_pthread_setname_np(pthread_t t, const char *name)
{
	(void)t;
	(void)name;
	return 0;
}

int
__wrap_pthread_atfork(void (*a)(void), void (*b)(void), void (*c)(void))
{
	(void)a;
	(void)b;
	(void)c;
	return 0;
}

/* Blocked signals keep interrupts away; all or none, and none nests. */
int
__wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	struct wsim_fibre *f;

	if (!wsim_enter())
		return 0;
	f = wsim_me();
	if (old != NULL) {
		sigemptyset(old);
		if (f->masks > 0)
			sigaddset(old, SIGUSR1);
	}
	if (set != NULL && how == SIG_UNBLOCK)
		f->masks = 0;
	else if (set != NULL && (how == SIG_SETMASK || !sigisemptyset(set)))
		f->masks = !sigisemptyset(set);
	wsim_leave();
	return 0;
}

/*
 * Keys made before executions stay, those made in one end with it, as all
 * static memory does.
 */
static struct {
	void (*gone)(void *);
} keys[WSIM_HOOKS];
static unsigned nkeys;

int
__wrap_pthread_key_create(pthread_key_t *out, void (*gone)(void *))
{
	if (nkeys == WSIM_HOOKS)
		return EAGAIN;
	keys[nkeys].gone = gone;
	*out = nkeys++;
	return 0;
}

int
__wrap_pthread_setspecific(pthread_key_t key, const void *p)
{
	if (wsim != NULL && wsim->user)
		wsim_me()->hook_arg[key] = p;
	return 0;
}

void *
__wrap_pthread_getspecific(pthread_key_t key)
{
	void *p = NULL;

	if (wsim != NULL && wsim->user)
		__real_memcpy(&p, &wsim_me()->hook_arg[key], sizeof(p));
	return p;
}

void wsim_run_exit_hooks(void);

void
wsim_run_exit_hooks(void)
{
	for (unsigned k = 0; k < nkeys; k++) {
		void *p = __wrap_pthread_getspecific(k);

		wsim_me()->hook_arg[k] = NULL;
		if (p != NULL && keys[k].gone != NULL)
			keys[k].gone(p);
	}
}

int
__wrap_sched_yield(void)
{
	wsim_yield();
	return 0;
}

int
__wrap_sched_getcpu(void)
{
	return wsim != NULL && wsim->user ? (int)wsim_cpu()
					  : __real_sched_getcpu();
}

static void
rest(void)
{
	if (!wsim_enter())
		return;
	wsim_point();
	wsim_block_on(wsim_me(), true);
	wsim_leave();
}

int
__wrap_usleep(useconds_t us)
{
	(void)us;
	rest();
	return 0;
}

int
__wrap_nanosleep(const struct timespec *t, struct timespec *left)
{
	(void)t;
	(void)left;
	rest();
	return 0;
}

/* A microsecond for each step, so that the time, too, is the seed's. */
int
__wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	if (wsim == NULL || !wsim->user)
		return __real_clock_gettime(clock, t);
	t->tv_sec = 1 + wsim->steps / 1000000;
	t->tv_nsec = wsim->steps % 1000000 * 1000;
	return 0;
}
