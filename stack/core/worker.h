/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_CORE_WORKER_H
#define STACK_CORE_WORKER_H

/*
 * A worker: one pinned thread with its own packet pool, timer wheel, counters,
 * mailbox and device queues, or, in a stepped stack, the same without a thread.
 *
 * One turn of a worker: poll each queue (budget PKT_BATCH_MAX packets) inside
 * one read section per batch, run the mailbox, run due timers, transmit what
 * was collected, return foreign packets.  After idle turns it arms the queues,
 * re-checks, and sleeps until a device, a message or a timer wakes it.
 *
 * What may run together ("-" yes, "X" the caller must prevent it):
 *
 *                 post  call  the worker's turn
 *   post           -     -     -
 *   call           -     -     -
 */

#include <stdbool.h>
#include <stdint.h>

#include "stack/core/pkt.h"

struct stack;
struct netif;
struct timer_wheel;
struct worker_impl;

/* What the data path may read; the rest is private to core. */
struct worker {
	struct stack *stack;       /* [c] */
	struct pkt_pool *pool;     /* [c] */
	struct timer_wheel *wheel; /* [c] */
	struct worker_impl *impl;  /* [c] */
	unsigned int id;           /* [c] 0 .. stack_nworkers() - 1 */
	uint64_t now;              /* [worker] clock of this turn, ns */
	uint64_t random;           /* [worker] state of worker_random() */
	unsigned int held;      /* [worker] packets that wait in its tables */
	unsigned int held_most; /* [c] of these; half a pool for all workers */
};

/*
 * Send msg to w; msg->fn(w, msg) runs there, in order of arrival per sender.
 * Context: any thread, also w itself and a reader section; never sleeps;
 *          wait-free (one system call when w sleeps).
 * Order:   everything before this call happens before fn.
 * Owner:   w owns msg until fn runs, then fn does.
 */
void worker_post(struct worker *w, struct worker_msg *msg);

/*
 * Run fn(w, arg) on w, inside a read section, and wait until it is done.  On a
 * stack whose workers have no threads (stepped, or not started) it runs at
 * once on the caller.
 * Context: control thread, not in a read section; sleeps.  Never a worker.
 * Order:   everything before the call happens before fn, and fn before the
 *          return.
 * Returns: what fn returned.
 */
int worker_call(
    struct worker *w, int (*fn)(struct worker *w, void *arg), void *arg);

/*
 * Make a sleeping worker look at its queues.
 * Context: any thread; never sleeps; nothing is written when w is awake.
 */
void worker_wake(struct worker *w);

/*
 * A pseudo-random number; not for secrets.
 * Context: the worker; never sleeps.
 */
uint64_t worker_random(struct worker *w);

/* Per-worker counters that belong to no interface. */
enum worker_counter {
	WORKER_TURNS,        /* turns that found work */
	WORKER_IDLE_TURNS,   /* turns that found none */
	WORKER_SLEEPS,       /* times it slept */
	WORKER_MESSAGES,     /* messages run */
	WORKER_TIMERS,       /* timers run */
	WORKER_REMOTE_FREES, /* packets returned to another worker's pool */
	WORKER_COUNTER_COUNT
};

/*
 * Read one counter of worker id.
 * Context: any thread; never sleeps.
 */
uint64_t worker_counter_read(
    struct stack *st, unsigned int id, enum worker_counter c);

/* The counter's stable name ("turns"). */
const char *worker_counter_name(enum worker_counter c);

#endif /* STACK_CORE_WORKER_H */
