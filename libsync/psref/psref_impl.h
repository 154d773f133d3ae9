/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PSREF_PSREF_IMPL_H
#define LIBSYNC_PSREF_PSREF_IMPL_H

/*
 * What the parts of the module tell each other: the registry of threads that
 * have held something (psref.c), and the waiting for holders (drain.c).
 */

#include "libsync/psref/psref.h"

/* [c] constant  [a] atomic */
struct psref_class {
	SYNC_ATOMIC(uint32_t) targets; /* [a] initialised, not destroyed */
	char name[32];                 /* [c] */
};

/* A reference that a scan found. */
struct psref_holder {
	uint32_t tid;     /* 0: handed off, no thread's */
	const char *site; /* where it was acquired */
};

/*
 * Does any thread hold t, or is a reference to it handed off?
 * Context: any thread, not a signal handler; waits for the registry lock,
 *          which is held for as long as a scan of all slots takes.
 * Returns: true, with one of the references in *holder.
 */
bool psref_scan(const struct psref_target *t, struct psref_holder *holder);

/* Context: a forked child. */
void psref_drain_fork_child(void);

#endif /* LIBSYNC_PSREF_PSREF_IMPL_H */
