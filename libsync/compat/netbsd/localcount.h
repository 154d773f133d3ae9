/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_LOCALCOUNT_H
#define LIBSYNC_COMPAT_NETBSD_LOCALCOUNT_H

/*
 * localcount(9) on libsync/localcount, which has the same type but needs
 * neither the condition variable nor the lock.  As in NetBSD, the lock is held
 * around localcount_drain(), which lets go of it while it waits.
 */

#include "libsync/compat/netbsd/netbsd.h"
#include "libsync/localcount/localcount.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Context: may sleep for memory; cannot fail. */
static inline void
netbsd_localcount_init(struct localcount *lc)
{
	while ((localcount_init)(lc) != 0)
		netbsd_sleep_for_memory();
}

static inline void
netbsd_localcount_release(
    struct localcount *lc, kcondvar_t *cv, kmutex_t *interlock)
{
	(void)cv;
	(void)interlock;
	(localcount_release)(lc);
}

static inline void
netbsd_localcount_drain(
    struct localcount *lc, kcondvar_t *cv, kmutex_t *interlock)
{
	(void)cv;
	mutex_exit(interlock);
	(localcount_drain)(lc);
	mutex_enter(interlock);
}

/* With -Dsymbol_prefix they are macros already. */
#undef localcount_init
#undef localcount_release
#undef localcount_drain
#define localcount_init(lc) netbsd_localcount_init(lc)
#define localcount_release(lc, cv, interlock) \
	netbsd_localcount_release(lc, cv, interlock)
#define localcount_drain(lc, cv, interlock) \
	netbsd_localcount_drain(lc, cv, interlock)

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_COMPAT_NETBSD_LOCALCOUNT_H */
