/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_PSERIALIZE_H
#define LIBSYNC_COMPAT_NETBSD_PSERIALIZE_H

/*
 * pserialize(9) on libsync/pserialize.  Where both give a function the same
 * name, the name means NetBSD's from here on; (pserialize_perform)() in
 * parentheses is still libsync's, unless that was built with a prefix.
 *
 * A section delays the grace periods of every pserialize_t, as in NetBSD.
 */

#include "libsync/compat/netbsd/netbsd.h"
#include "libsync/pserialize/pserialize.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct netbsd_pserialize *pserialize_t;

/* There is nothing to keep for one: any address that is not NULL will do. */
static inline pserialize_t
pserialize_create(void)
{
	return (pserialize_t)(uintptr_t)&sync_fence_state;
}

static inline void
pserialize_destroy(pserialize_t psz)
{
	(void)psz;
}

static inline bool
pserialize_not_in_read_section(void)
{
	return !pserialize_in_read_section();
}

/* Context: as for libsync's.  Returns: whether the section is nested. */
static inline int
netbsd_read_enter(void)
{
	return (int)((pserialize_read_enter)() & PSERIALIZE_IN);
}

/* The cookie of an int follows from the thread's word. */
static inline void
netbsd_read_exit(int nested)
{
	if (nested == 0)
		(pserialize_read_exit)(pserialize_outermost_cookie(0));
}

static inline void
netbsd_perform(pserialize_t psz)
{
	SYNC_REQUIRE(psz != NULL);
	(pserialize_perform)();
}

/* With -Dsymbol_prefix they are macros already. */
#undef pserialize_read_enter
#undef pserialize_read_exit
#undef pserialize_perform
#define pserialize_read_enter() netbsd_read_enter()
#define pserialize_read_exit(s) netbsd_read_exit(s)
#define pserialize_perform(psz) netbsd_perform(psz)

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_COMPAT_NETBSD_PSERIALIZE_H */
