/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_CORE_STACK_H
#define STACK_CORE_STACK_H

/*
 * A stack instance: workers, packet pools, interfaces, protocols.  Everything
 * mutable hangs off it, so many live in one process.
 *
 * Threaded: stack_start() gives each worker a pinned thread.  Stepped: the
 * caller runs stack_step() on one thread and moves the clock, and everything
 * is deterministic.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/core/netif.h"
#include "stack/core/proto.h"
#include "stack/core/worker.h"

#define STACK_WORKERS_MAX 64

struct stack;

/*
 * A device kind.  check reads the words of a configuration line and attach
 * makes an interface from them; on failure each writes the reason to err (at
 * most errlen bytes with the NUL) and changes nothing.
 * Context: control thread without the control mutex; attach may sleep.
 * Returns: 0 or a negative errno.
 */
struct driver {
	const char *name;  /* "tap" */
	const char *usage; /* "NAME [key=value]...": the words attach takes */
	int (*check)(const char *args, char *err, size_t errlen);
	int (*attach)(struct stack *st, const char *ifname, const char *args,
	    netif_id *out, char *err, size_t errlen);
};

struct stack_config {
	const char *name;                    /* for people; copied */
	const struct proto *const *protos;   /* NULL ends; may be empty */
	const struct driver *const *drivers; /* NULL ends; NULL: none */
	unsigned int nworkers;               /* 1 .. STACK_WORKERS_MAX; 0: 1 */
	unsigned int pkts_per_worker;        /* 0: 4096 */
	unsigned int jumbos_per_worker;      /* 0: 16 */
	bool stepped;                        /* no threads; stack_step() */
	uint64_t (*clock)(void *arg);        /* ns; NULL: CLOCK_MONOTONIC */
	void *clock_arg;
	uint64_t seed; /* of generators, hashes; 0: random unless stepped */
};

/*
 * Make a stack: pools, workers (without threads yet), protocols initialised.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller owns *out until stack_destroy().
 * Returns: 0, -EINVAL, -ENOMEM, or what a protocol's init returned; *out is
 *          untouched then.
 */
int stack_create(const struct stack_config *cfg, struct stack **out);

/*
 * Stop, detach every interface, finish the protocols in reverse order, free.
 * Context: control thread, the only one left; sleeps.
 */
void stack_destroy(struct stack *st);

/*
 * Start the worker threads, each pinned to CPU (id modulo CPUs available).
 * Context: control thread; not on a stepped stack.
 * Returns: 0 or the negative errno of thread creation, with none running.
 */
int stack_start(struct stack *st);

/*
 * Stop and join the worker threads.  Messages and packets stay queued.
 * Context: control thread; sleeps.
 */
void stack_stop(struct stack *st);

/*
 * One turn of every worker on the calling thread, reading the clock once.
 * Context: the one stepping thread of a stepped stack, outside sections.
 * Returns: true if any worker found work.
 */
bool stack_step(struct stack *st);

/*
 * When the stack next has something to do by itself: timers, delayed wires.
 * Context: as stack_step().
 * Returns: ns on the stack's clock; UINT64_MAX for never.
 */
uint64_t stack_next_event(struct stack *st);

/*
 * Detach interfaces whose device is gone, and do what protocols have to do on
 * a control thread.  Call it regularly, or when the descriptor of
 * stack_housekeep_fd() is readable.
 * Context: control thread without the control mutex; sleeps.
 * Returns: the number of interfaces detached.
 */
unsigned int stack_housekeep(struct stack *st);
int stack_housekeep_fd(struct stack *st);

/* Make that descriptor readable.  Context: any thread; never sleeps. */
void stack_housekeep_ring(struct stack *st);

/*
 * Wait until every worker has run the messages sent to it before the call, has
 * ended the turn in which it did, and with it every read section and collected
 * frame that existed at the call.  What such a message in turn sent to another
 * worker may still be under way: messages name what may vanish by ids.
 * Context: control thread, not in a read section; sleeps.  May hold the
 *          control mutex: workers never take it.
 */
void stack_barrier(struct stack *st);

/*
 * The control mutex: all configuration of the stack is serialised by it.
 * Lock order: a driver's mutex, control mutex, libsync's own; workers never take
 * it (docs/concurrency.md).
 * Context: control thread.
 */
void stack_control_enter(struct stack *st);
void stack_control_exit(struct stack *st);
bool stack_control_held(struct stack *st); /* by the calling thread */

/* Constants of the stack.  Context: any thread. */
const char *stack_name(const struct stack *st);

/* A number of this stack's own, to seed hashes.  Context: any thread. */
uint64_t stack_seed(const struct stack *st);
unsigned int stack_nworkers(const struct stack *st);
struct worker *stack_worker(struct stack *st, unsigned int id);
const struct driver *stack_driver(struct stack *st, const char *name);
bool stack_threaded(const struct stack *st); /* threads are running now */

/* The stack's clock, ns.  Context: control thread; workers use w->now. */
uint64_t stack_clock(struct stack *st);

/*
 * Are all packets back in their pools?  For tests.
 * Context: stepped or stopped stack.
 * Returns: the number of packets (and jumbos) not in a pool.
 */
size_t stack_pkts_in_use(struct stack *st);

#endif /* STACK_CORE_STACK_H */
