/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef BENCHMARKS_CALLS_H
#define BENCHMARKS_CALLS_H

/*
 * Deferred calls, ours or a peer's, under three loads.  The file that includes
 * this defines before
 *
 *   CALLS_HEAD         the type that is embedded in an object
 *   CALLS_CALL(h, fn)  defer fn(h)
 *   CALLS_BARRIER()    wait until all that were deferred have run
 *   CALLS_ENTER(s), CALLS_EXIT(s)            a read section
 *   CALLS_THREAD_INIT(), CALLS_THREAD_FINI() what its readers need
 *
 * and after CALLS_BENCH(label) has the entries.  They are
 *
 *   call_enqueue     what the caller pays; the calls run between the batches
 *   call_throughput  calls made and run, at most CALLS_RING of a thread waiting
 *   call_stalled     one batch of calls while a reader stays inside; its figure
 *                    is how much was waiting to be freed at the worst
 */

#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "benchmarks/bench.h"
#include "libsync/base/atomic.h"

#define CALLS_BATCH   4096
#define CALLS_RING    65536
#define CALLS_THREADS 8
#define CALLS_STALLED 100000
#define CALLS_BYTES   256 /* of an object, under a stalled reader */

/* [a] atomic  [o] who calls, while not waiting */
struct calls_object {
	CALLS_HEAD head;           /* [o] */
	SYNC_ATOMIC(bool) waiting; /* [a] */
};

struct calls_ring {
	size_t next; /* [o] */
	struct calls_object object[CALLS_RING];
};

static void
calls_done(CALLS_HEAD *h)
{
	struct calls_object *o =
	    (struct calls_object *)((char *)h -
				    offsetof(struct calls_object, head));

	/* release: pairs with the acquire in calls_use. */
	sync_store_release(&o->waiting, false);
}

static void *
calls_setup(size_t arg)
{
	void *rings = calloc(CALLS_THREADS, sizeof(struct calls_ring));

	(void)arg;
	if (rings == NULL)
		abort();
	return rings;
}

static inline void
calls_use(struct calls_ring *r)
{
	struct calls_object *o = &r->object[r->next++ % CALLS_RING];

	/* acquire: pairs with the release in calls_done. */
	while (sync_load_acquire(&o->waiting))
		sched_yield();
	/* relaxed: the call orders it before its function. */
	sync_store_relaxed(&o->waiting, true);
	CALLS_CALL(&o->head, calls_done);
}

static void
calls_run(void *ctx, int thread, size_t n)
{
	struct calls_ring *r = (struct calls_ring *)ctx + thread;

	for (size_t i = 0; i < n; i++)
		calls_use(r);
}

static void
calls_between(void *ctx)
{
	(void)ctx;
	CALLS_BARRIER();
}

static void
calls_teardown(void *ctx)
{
	CALLS_BARRIER();
	free(ctx);
}

/* [a] atomic  [c] constant  [m] the benchmark's thread  [t] while in turn */
struct calls_stall {
	pthread_t reader;            /* [c] */
	pthread_barrier_t turn;      /* reader and benchmark, in turn */
	bool stop;                   /* [t] */
	SYNC_ATOMIC(uint64_t) freed; /* [a] */
	uint64_t called, worst;      /* [m] */
};

struct calls_big {
	CALLS_HEAD head;
	struct calls_stall *stall;
	char rest[CALLS_BYTES - sizeof(CALLS_HEAD) - sizeof(void *)];
};

static void
calls_free(CALLS_HEAD *h)
{
	struct calls_big *o =
	    (struct calls_big *)((char *)h - offsetof(struct calls_big, head));

	/* relaxed: a count orders nothing. */
	sync_fetch_add_relaxed(&o->stall->freed, 1);
	free(o);
}

/* Each wait at the barrier ends one turn: outside, inside, outside ... */
static void *
calls_reader(void *arg)
{
	struct calls_stall *s = arg;

	CALLS_THREAD_INIT();
	for (pthread_barrier_wait(&s->turn); !s->stop;
	     pthread_barrier_wait(&s->turn)) {
		CALLS_ENTER(section);
		pthread_barrier_wait(&s->turn);
		pthread_barrier_wait(&s->turn);
		CALLS_EXIT(section);
		pthread_barrier_wait(&s->turn);
	}
	CALLS_THREAD_FINI();
	return NULL;
}

static void
calls_turns(struct calls_stall *s)
{
	pthread_barrier_wait(&s->turn);
	pthread_barrier_wait(&s->turn);
}

static void *
calls_stall_setup(size_t arg)
{
	struct calls_stall *s = calloc(1, sizeof(*s));

	(void)arg;
	if (s == NULL || pthread_barrier_init(&s->turn, NULL, 2) != 0 ||
	    pthread_create(&s->reader, NULL, calls_reader, s) != 0)
		abort();
	calls_turns(s);
	return s;
}

static void
calls_stall_run(void *ctx, int thread, size_t n)
{
	struct calls_stall *s = ctx;
	uint64_t waiting;

	(void)thread;
	for (size_t i = 0; i < n; i++) {
		struct calls_big *o = malloc(sizeof(*o));

		if (o == NULL)
			abort();
		o->stall = s;
		CALLS_CALL(&o->head, calls_free);
		/* relaxed: a count orders nothing. */
		waiting = ++s->called - sync_load_relaxed(&s->freed);
		if (waiting > s->worst)
			s->worst = waiting;
	}
}

static void
calls_stall_between(void *ctx)
{
	calls_turns(ctx);
	CALLS_BARRIER();
	calls_turns(ctx);
}

static double
calls_stall_figure(void *ctx)
{
	const struct calls_stall *s = ctx;

	return (double)s->worst * sizeof(struct calls_big);
}

static void
calls_stall_teardown(void *ctx)
{
	struct calls_stall *s = ctx;

	calls_turns(s);
	CALLS_BARRIER();
	s->stop = true;
	pthread_barrier_wait(&s->turn);
	pthread_join(s->reader, NULL);
	pthread_barrier_destroy(&s->turn);
	free(s);
}

static void
calls_thread_init(void)
{
	CALLS_THREAD_INIT();
}

static void
calls_thread_fini(void)
{
	CALLS_THREAD_FINI();
}

#define CALLS_BENCH(label)                                                 \
	{.name = label "/call_enqueue",                                    \
	    .setup = calls_setup,                                          \
	    .thread_init = calls_thread_init,                              \
	    .run = calls_run,                                              \
	    .between = calls_between,                                      \
	    .thread_fini = calls_thread_fini,                              \
	    .teardown = calls_teardown,                                    \
	    .threads = {1},                                                \
	    .batch = CALLS_BATCH},                                         \
	    {.name = label "/call_throughput",                             \
		.setup = calls_setup,                                      \
		.thread_init = calls_thread_init,                          \
		.run = calls_run,                                          \
		.thread_fini = calls_thread_fini,                          \
		.teardown = calls_teardown,                                \
		.threads = {1, 2, 4, CALLS_THREADS},                       \
		.batch = CALLS_BATCH},                                     \
	{                                                                  \
		.name = label "/call_stalled", .setup = calls_stall_setup, \
		.thread_init = calls_thread_init, .run = calls_stall_run,  \
		.between = calls_stall_between,                            \
		.thread_fini = calls_thread_fini,                          \
		.figure = calls_stall_figure, .figure_name = "peak_bytes", \
		.teardown = calls_stall_teardown, .threads = {1},          \
		.batch = CALLS_STALLED                                     \
	}

#endif /* BENCHMARKS_CALLS_H */
