/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Mutexes, condition variables, and the system calls that synchronise.  Locks
 * are no code under test: they are simulated whole, by address.  A futex is
 * only a place to sleep; the order comes from the word, which is the code's.
 */

#include "tests/wsim/runtime/impl.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/wsim/runtime/wrap.h"

#define LOCKS 32

struct lock {
	const void *addr;
	int owner; /* -1: free */
	struct wsim_view view;
};

/* Static memory, hence new in each execution. */
static struct {
	int n;
	struct lock lock[LOCKS];
} locks;

static struct lock *
lock_at(const void *addr)
{
	struct lock *l;

	for (int i = 0; i < locks.n; i++)
		if (locks.lock[i].addr == addr)
			return &locks.lock[i];
	if (locks.n == LOCKS)
		wsim_fail_at(WSIM_MISUSE, (uintptr_t)addr, NULL, -1, NULL,
		    "more than %d mutexes", LOCKS);
	l = &locks.lock[locks.n++];
	l->addr = addr;
	l->owner = -1;
	return l;
}

static void
own(struct lock *l, void *pc)
{
	l->owner = wsim->me;
	wsim_view_join(&wsim_me()->cur, &l->view);
	wsim_note("locks", (uintptr_t)l->addr, pc);
}

static void
acquire(const void *addr, void *pc)
{
	struct lock *l = lock_at(addr);

	wsim_point();
	while (l->owner >= 0)
		wsim_block_on(addr, false);
	own(l, pc);
}

static void
release(const void *addr, void *pc)
{
	struct lock *l = lock_at(addr);
	struct wsim_fibre *f = wsim_me();

	if (l->owner != wsim->me)
		wsim_fail_at(WSIM_ASSERT, (uintptr_t)addr, pc, l->owner, NULL,
		    "T%d unlocks a mutex that it does not hold", wsim->me);
	wsim_view_copy(&l->view, &f->cur);
	f->cur.vc[wsim->me]++;
	l->owner = -1;
	wsim_note("unlocks", (uintptr_t)addr, pc);
	wsim_wake(addr, 1);
}

int
__wrap_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
	(void)m;
	(void)attr;
	return 0;
}

int
__wrap_pthread_mutex_destroy(pthread_mutex_t *m)
{
	(void)m;
	return 0;
}

int
__wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
	if (!wsim_enter())
		return __real_pthread_mutex_lock(m);
	acquire(m, WSIM_PC);
	wsim_leave();
	return 0;
}

int
__wrap_pthread_mutex_trylock(pthread_mutex_t *m)
{
	struct lock *l;
	int err = 0;

	if (!wsim_enter())
		return __real_pthread_mutex_trylock(m);
	l = lock_at(m);
	wsim_point();
	if (l->owner >= 0)
		err = EBUSY;
	else
		own(l, WSIM_PC);
	wsim_leave();
	return err;
}

int
__wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
	if (!wsim_enter())
		return __real_pthread_mutex_unlock(m);
	release(m, WSIM_PC);
	wsim_leave();
	return 0;
}

int
__wrap_pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
	(void)c;
	(void)attr;
	return 0;
}

int
__wrap_pthread_cond_destroy(pthread_cond_t *c)
{
	(void)c;
	return 0;
}

static int
cond_wait(pthread_cond_t *c, pthread_mutex_t *m, bool timed, void *pc)
{
	if (!wsim_enter())
		return EINVAL;
	wsim_point();
	release(m, pc);
	wsim_block_on(c, timed);
	acquire(m, pc);
	wsim_leave();
	return 0;
}

int
__wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	return cond_wait(c, m, false, WSIM_PC);
}

/* Says that it was woken although it may not have been: both may happen. */
int
__wrap_pthread_cond_timedwait(
    pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
	(void)until;
	return cond_wait(c, m, true, WSIM_PC);
}

static int
cond_wake(pthread_cond_t *c, int n)
{
	if (!wsim_enter())
		return 0;
	wsim_point();
	wsim_wake(c, n);
	wsim_leave();
	return 0;
}

int
__wrap_pthread_cond_signal(pthread_cond_t *c)
{
	return cond_wake(c, 1);
}

int
__wrap_pthread_cond_broadcast(pthread_cond_t *c)
{
	return cond_wake(c, WSIM_FIBRES);
}

static long
futex(const uint32_t *word, long op, uint32_t val, const void *timeout)
{
	wsim_point();
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		if ((uint32_t)wsim_peek((uintptr_t)word, 4) != val) {
			errno = EAGAIN;
			return -1;
		}
		wsim_block_on(word, timeout != NULL);
		return 0;
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		wsim_wake(word, val > WSIM_FIBRES ? WSIM_FIBRES : (int)val);
		return 0;
	default:
		errno = ENOSYS;
		return -1;
	}
}

static long
membarrier(long cmd, void *pc)
{
	switch (cmd) {
	case MEMBARRIER_CMD_QUERY:
		return MEMBARRIER_CMD_GLOBAL |
		       MEMBARRIER_CMD_PRIVATE_EXPEDITED |
		       MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
		return 0;
	case MEMBARRIER_CMD_GLOBAL:
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
		wsim_heavy(pc);
		return 0;
	default:
		errno = EINVAL;
		return -1;
	}
}

long
__wrap_syscall(long nr, ...)
{
	va_list ap;
	long a[6], ret;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (!wsim_enter())
		return __real_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (nr == SYS_futex)
		ret = futex(
		    (const uint32_t *)a[0], a[1], (uint32_t)a[2], (void *)a[3]);
	else if (nr == SYS_membarrier)
		ret = membarrier(a[0], WSIM_PC);
	else if (nr == SYS_gettid)
		ret = wsim->me + 1;
	else
		ret = __real_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	wsim_leave();
	return ret;
}
