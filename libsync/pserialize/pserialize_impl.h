/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PSERIALIZE_PSERIALIZE_IMPL_H
#define LIBSYNC_PSERIALIZE_PSERIALIZE_IMPL_H

/*
 * What the three parts of the module tell each other: the registry of threads
 * that have been in a section, the grace periods, and the reclaimer.
 */

#include "libsync/pserialize/pserialize.h"

/*
 * Put the calling thread on the registry.
 * Context: any thread that is not on it, signal handlers too.
 */
void pserialize_registry_join(void);

/*
 * Call fn(thread, arg) for every registered thread, the registry locked.  The
 * caller is registered by it, so there is at least one.
 * Context: any thread, not a signal handler; sleeps for the registry mutex.
 */
void pserialize_registry_each(
    void (*fn)(struct pserialize_thread *, void *), void *arg);

/*
 * Forget the grace period that the parent's threads were about.
 * Context: a child, in the fork hook, the registry locked.
 */
void pserialize_period_fork_child(void);

/*
 * Take over the callbacks of a thread that has gone.
 * Context: any thread with the registry locked; never sleeps.
 */
void pserialize_reclaim_adopt(struct pserialize_list *calls);

/*
 * The three fork hooks: no batch is half collected while the process is
 * copied, and the child has no reclaimer.
 */
void pserialize_reclaim_fork_prepare(void);
void pserialize_reclaim_fork_parent(void);
void pserialize_reclaim_fork_child(void);

#endif /* LIBSYNC_PSERIALIZE_PSERIALIZE_IMPL_H */
