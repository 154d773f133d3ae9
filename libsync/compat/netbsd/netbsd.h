/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_NETBSD_H
#define LIBSYNC_COMPAT_NETBSD_NETBSD_H

/*
 * What the interfaces in this folder take from the rest of NetBSD: priority
 * levels and allocation flags, which mean nothing here, and mutex(9) and
 * condvar(9) on those of POSIX.  User space only: the kernel has its own.
 */

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"

#ifdef __cplusplus
extern "C" {
#endif

enum netbsd_ipl {
	IPL_NONE,
	IPL_SOFTCLOCK,
	IPL_SOFTBIO,
	IPL_SOFTNET,
	IPL_SOFTSERIAL,
	IPL_VM,
	IPL_SCHED,
	IPL_HIGH
};

typedef int km_flag_t;
#define KM_SLEEP   1 /* wait for memory */
#define KM_NOSLEEP 2

typedef enum netbsd_mutex_type {
	MUTEX_DEFAULT,
	MUTEX_DRIVER,
	MUTEX_SPIN,
	MUTEX_ADAPTIVE
} kmutex_type_t;

/* [a] atomic */
typedef struct netbsd_mutex {
	pthread_mutex_t lock;
	SYNC_ATOMIC(uintptr_t) owner; /* [a] 0: nobody */
} kmutex_t;

typedef struct netbsd_condvar {
	pthread_cond_t cond;
} kcondvar_t;

static inline uintptr_t
netbsd_self(void)
{
	return (uintptr_t)pthread_self();
}

static inline void
mutex_init(kmutex_t *mtx, kmutex_type_t type, int ipl)
{
	(void)type;
	(void)ipl;
	SYNC_REQUIRE(pthread_mutex_init(&mtx->lock, NULL) == 0);
	sync_init(&mtx->owner, 0);
}

static inline void
mutex_destroy(kmutex_t *mtx)
{
	SYNC_REQUIRE(pthread_mutex_destroy(&mtx->lock) == 0);
}

/* For assertions.  Returns: does the calling thread hold it? */
static inline bool
mutex_owned(kmutex_t *mtx)
{
	/* relaxed: only this thread stores its own name. */
	return sync_load_relaxed(&mtx->owner) == netbsd_self();
}

static inline void
mutex_enter(kmutex_t *mtx)
{
	SYNC_ASSERT(!mutex_owned(mtx));
	SYNC_REQUIRE(pthread_mutex_lock(&mtx->lock) == 0);
	/* relaxed: for mutex_owned() of this thread. */
	sync_store_relaxed(&mtx->owner, netbsd_self());
}

static inline int
mutex_tryenter(kmutex_t *mtx)
{
	if (pthread_mutex_trylock(&mtx->lock) != 0)
		return 0;
	/* relaxed: as above. */
	sync_store_relaxed(&mtx->owner, netbsd_self());
	return 1;
}

static inline void
mutex_exit(kmutex_t *mtx)
{
	SYNC_ASSERT(mutex_owned(mtx));
	/* relaxed: as above. */
	sync_store_relaxed(&mtx->owner, 0);
	SYNC_REQUIRE(pthread_mutex_unlock(&mtx->lock) == 0);
}

static inline void
cv_init(kcondvar_t *cv, const char *wmesg)
{
	(void)wmesg;
	SYNC_REQUIRE(pthread_cond_init(&cv->cond, NULL) == 0);
}

static inline void
cv_destroy(kcondvar_t *cv)
{
	SYNC_REQUIRE(pthread_cond_destroy(&cv->cond) == 0);
}

static inline void
cv_wait(kcondvar_t *cv, kmutex_t *mtx)
{
	SYNC_ASSERT(mutex_owned(mtx));
	/* relaxed: as above; waiting lets go of the mutex. */
	sync_store_relaxed(&mtx->owner, 0);
	SYNC_REQUIRE(pthread_cond_wait(&cv->cond, &mtx->lock) == 0);
	/* relaxed: as above. */
	sync_store_relaxed(&mtx->owner, netbsd_self());
}

static inline void
cv_signal(kcondvar_t *cv)
{
	SYNC_REQUIRE(pthread_cond_signal(&cv->cond) == 0);
}

static inline void
cv_broadcast(kcondvar_t *cv)
{
	SYNC_REQUIRE(pthread_cond_broadcast(&cv->cond) == 0);
}

/*
 * Where NetBSD sleeps for memory and cannot fail: let others give some back.
 * Context: a thread that may sleep.
 */
static inline void
netbsd_sleep_for_memory(void)
{
	sched_yield();
}

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_COMPAT_NETBSD_NETBSD_H */
