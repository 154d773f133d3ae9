/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PSERIALIZE_PSERIALIZE_IMPL_H
#define LIBSYNC_PSERIALIZE_PSERIALIZE_IMPL_H

/*
 * What the parts of the module tell each other: the registry of threads that
 * have been in a section, the grace periods, stall reports, and the two sides
 * of deferred calls.
 */

#include "libsync/port/port.h"
#include "libsync/pserialize/domain.h"
#include "libsync/pserialize/host.h"

/* What part of a word tells one section, or quiescent state, from the next. */
#define PSERIALIZE_KEY(v) ((v) & ~(PSERIALIZE_IN | PSERIALIZE_SLOW))

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
 * Forget the grace periods that the parent's threads were about.
 * Context: a child, in the fork hook, the registry locked.
 */
void pserialize_period_fork_child(void);

/*
 * Take the calling thread offline while it waits.
 * Returns: whether it was online.
 */
bool pserialize_pause_online(void);

/*
 * Name the readers that hold the running grace period of a domain up.
 * Context: the leader; sleeps for the registry mutex and the host.
 */
void pserialize_stall_report(unsigned domain, uint64_t age_ns);

/* How long a reader may take before it is reported. */
uint64_t pserialize_stall_after_ns(void);

/*
 * A thread ends inside a section.
 * Context: that thread.
 */
void pserialize_stall_left_open(unsigned domain);

/*
 * Domains in use, one bit each.
 * Context: any thread; wait-free.
 */
uint32_t pserialize_domain_mask(void);

/* A child's copy of the domains' mutex.  Context: its fork hook. */
void pserialize_domain_fork_child(void);

/* The caller's side of deferred calls, of one domain. */
struct pserialize_inbox {
	struct pserialize_list orphans;    /* [a] of no thread, or one gone */
	SYNC_ATOMIC(uint64_t) gone_made;   /* [a] calls of those */
	SYNC_ATOMIC(uint64_t) gone_bytes;  /* [a] */
	SYNC_ATOMIC(uint64_t) told;        /* [a] bytes, nearly */
	SYNC_ATOMIC(uint64_t) freed_made;  /* [a] callbacks that returned */
	SYNC_ATOMIC(uint64_t) freed_bytes; /* [a] */
	SYNC_ATOMIC(uint64_t) soft;        /* [a] limits, see host.h */
	SYNC_ATOMIC(uint64_t) hard;        /* [a] */
	SYNC_ATOMIC(uint64_t) chunk;       /* [a] bytes a thread adds up */
	SYNC_ATOMIC(int) policy;           /* [a] */
	SYNC_ATOMIC(pserialize_limit_fn *) fn; /* [a] */
} __attribute__((aligned(SYNC_CACHELINE)));

extern struct pserialize_inbox pserialize_inbox[PSERIALIZE_DOMAINS];

/*
 * Take a whole list, newest first.
 * Context: the registry locked.
 */
struct pserialize_head *pserialize_call_take(struct pserialize_list *l);

/*
 * Take over the callbacks of a thread that has gone.
 * Context: any thread with the registry locked; never sleeps.
 */
void pserialize_call_adopt(struct pserialize_thread *t);

/* Whoever runs callbacks: not to be throttled, not to wait for itself. */
bool pserialize_in_callback(void);

/* How deep the reclaimer sleeps. */
enum {
	PSERIALIZE_AWAKE,
	PSERIALIZE_NAPPING,
	PSERIALIZE_ASLEEP
};

/*
 * Start the reclaimer if there is none, and wake it if it sleeps as deep.
 * Context: any thread, after a light fence that follows the push.
 */
void pserialize_reclaim_kick(uint32_t at_least);

/*
 * The three fork hooks: no batch is half collected while the process is
 * copied, and the child has no reclaimer.  The numbers are those of the forking
 * thread before and after.
 */
void pserialize_reclaim_fork_prepare(void);
void pserialize_reclaim_fork_parent(void);
void pserialize_reclaim_fork_child(uint32_t was, uint32_t now);

#endif /* LIBSYNC_PSERIALIZE_PSERIALIZE_IMPL_H */
