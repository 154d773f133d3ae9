/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PSERIALIZE_HOST_H
#define LIBSYNC_PSERIALIZE_HOST_H

/*
 * What the program around libsync/pserialize/pserialize.h decides: how much
 * may wait to be freed, who hears of readers that stay too long, and which
 * thread runs callbacks.
 */

#include "libsync/pserialize/pserialize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a call that finds more than the hard limit does. */
enum pserialize_policy {
	PSERIALIZE_NONE,     /* nothing: memory is the limit */
	PSERIALIZE_THROTTLE, /* wait for a grace period */
	PSERIALIZE_NOTIFY    /* call the host */
};

typedef void pserialize_limit_fn(unsigned domain, uint64_t bytes);

struct pserialize_limit {
	uint64_t soft; /* bytes that wake the reclaimer; 0: a megabyte */
	uint64_t hard; /* bytes to which the policy applies; 0: none */
	enum pserialize_policy policy;

	/* NOTIFY: runs in the call, with the bytes that wait; any context. */
	pserialize_limit_fn *fn;
};

/*
 * Limit what waits in a domain.  Threads add up what they called for now and
 * then, so each may be over by a sixteenth of the lower limit, or 64 KiB.
 * THROTTLE lets a call outside of all sections sleep, until the grace period
 * has ended; then no call may be made in a signal handler.  A caller inside a
 * section or a callback is never throttled.
 * Context: any thread; never sleeps.
 */
void pserialize_set_limit(
    unsigned domain, const struct pserialize_limit *limit);

struct pserialize_stats {
	uint64_t called;    /* calls made so far */
	uint64_t queued;    /* of these, callbacks that have not returned */
	uint64_t bytes;     /* what those hold */
	uint64_t oldest_ns; /* since the oldest was taken up; 0: none */
	uint64_t periods;   /* grace periods that ended */
};

/*
 * Context: any thread, not a signal handler; sleeps for the mutex of the
 *          registry, which is held for moments.
 */
void pserialize_get_stats(unsigned domain, struct pserialize_stats *out);

/* One reader that holds a grace period up. */
struct pserialize_stall {
	unsigned domain;
	uint32_t thread;   /* as the host's tools number it */
	const char *name;  /* of the thread */
	const char *where; /* name of the domain */
	const void *site;  /* who entered, in checked programs; or NULL */
	bool online;       /* a worker that is not quiescent */
	uint64_t age_ns;   /* at least so long */
};

typedef void pserialize_stall_fn(const struct pserialize_stall *stall);

/*
 * Have fn called for each reader that holds a grace period up for after_ms, 0:
 * for a second, and again after twice the time; fn NULL: print a line.  Somebody
 * has to wait for the grace period, or advance it.  fn may enter sections, but
 * not wait for grace periods.
 * Context: any thread; never sleeps.
 */
void pserialize_on_stall(pserialize_stall_fn *fn, uint32_t after_ms);

/*
 * Callbacks in two steps, for hosts that must not have them run on a thread
 * that they did not choose.  Call it before the first pserialize_call(): then
 * the library starts no thread, and the host collects and runs what is ready
 * every now and then; pserialize_barrier() does so, too.
 * Returns: 0; -EBUSY if there is a thread already.
 */
int pserialize_manual(void);

/* Callbacks of one domain that are ready to run, in the order of the calls. */
struct pserialize_ready {
	struct pserialize_head *first; /* NULL: none */
	uint64_t count;                /* how many, about */
	unsigned domain;
	uint64_t batch;
};

/*
 * Advance the grace period of a domain and take the callbacks that became
 * ready.  Nothing more becomes ready in this domain before they were run.
 * Context: any thread, inside a section too, not a signal handler, after
 *          pserialize_manual(); never waits for readers or callbacks.
 * Owner:   the caller, who must hand *out to pserialize_run().
 * Returns: false if nothing is ready; *out is not written then.
 */
bool pserialize_collect(unsigned domain, struct pserialize_ready *out);

/*
 * Run what pserialize_collect() returned.  In a forked child it does nothing
 * with what was collected in the parent: the child collects that once more.
 * Context: whatever the callbacks need.
 */
void pserialize_run(struct pserialize_ready *ready);

#if PORT_BY_CPU
/*
 * For libsync_start() and libsync_stop() of kernels, where no call starts the
 * thread that runs callbacks: start it, and end it, once all have returned,
 * those that callbacks called for, too.
 * Context: a thread that may sleep; nobody calls before or after.
 * Returns: 0 or -EAGAIN.
 */
int pserialize_reclaim_start(void);
void pserialize_reclaim_stop(void);
#endif

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_PSERIALIZE_HOST_H */
