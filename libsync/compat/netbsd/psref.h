/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_PSREF_H
#define LIBSYNC_COMPAT_NETBSD_PSREF_H

/*
 * psref(9) on libsync/psref, which has the same types.  A reference belongs to
 * the thread, not to the processor, so binding a thread does nothing.
 */

#include "libsync/compat/netbsd/netbsd.h"
#include "libsync/psref/psref.h"

#ifdef __cplusplus
extern "C" {
#endif

static inline int
curlwp_bind(void)
{
	return 0;
}

static inline void
curlwp_bindx(int bound)
{
	(void)bound;
}

/* NetBSD's readers have only const targets. */
static inline struct psref_target *
netbsd_psref_target(const struct psref_target *t)
{
	return (struct psref_target *)(uintptr_t)t;
}

/* Context: may sleep for memory; cannot fail. */
static inline struct psref_class *
netbsd_psref_class_create(const char *name, int ipl)
{
	struct psref_class *cl;

	(void)ipl;
	while ((psref_class_create)(name, &cl) != 0)
		netbsd_sleep_for_memory();
	return cl;
}

/* With -Dsymbol_prefix they are macros already. */
#undef psref_class_create
#undef psref_acquire
#undef psref_release
#define psref_class_create(name, ipl) netbsd_psref_class_create(name, ipl)
#define psref_acquire(ref, t, cl) \
	psref_acquire_at(ref, netbsd_psref_target(t), cl, PSREF_SITE)
#define psref_release(ref, t, cl) \
	(psref_release)(ref, netbsd_psref_target(t), cl)

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_COMPAT_NETBSD_PSREF_H */
