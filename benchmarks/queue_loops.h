/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef BENCHMARKS_QUEUE_LOOPS_H
#define BENCHMARKS_QUEUE_LOOPS_H

/*
 * The loops around a queue, the same for each kind; all is inlined.
 *
 *   push_pop   one thread puts a burst in and takes it out again
 *   transfer   the first threads take out, the others put in; a time is that
 *              of one item, or of one by each thread
 *   turn       every thread takes one object out and puts it in again
 */

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "benchmarks/bench.h"
#include "libsync/base/atomic.h"

#define QUEUE_MAYBE     __attribute__((__unused__))
#define QUEUE_CAPACITY  1024
#define QUEUE_BATCH     256 /* short: some wait long if oversubscribed */
#define QUEUE_BURST_MAX 32
#define QUEUE_SPINS     64

/* What setup returns. */
struct queue_ctx {
	void *q;
	size_t burst;
};

static inline void
queue_wait(unsigned *spins)
{
	if (++*spins % QUEUE_SPINS == 0)
		sched_yield();
}

static inline void *
queue_alloc(size_t size)
{
	void *p =
	    aligned_alloc(SYNC_CACHELINE, SYNC_ROUNDUP(size, SYNC_CACHELINE));

	if (p == NULL)
		abort();
	return p;
}

static inline void *
queue_ctx(void *q, size_t burst)
{
	struct queue_ctx *c = queue_alloc(sizeof(*c));

	c->q = q;
	c->burst = burst != 0 ? burst : 1;
	return c;
}

/*
 * PUSH(q, items, n) and POP(q, items, n) return how many.  consumers(threads)
 * of the threads take out.
 */
#define QUEUE_LOOPS(name, PUSH, POP)                                     \
	QUEUE_MAYBE static void name##_push_pop(                         \
	    void *ctx, int thread, size_t n)                             \
	{                                                                \
		const struct queue_ctx *c = ctx;                         \
		void *v[QUEUE_BURST_MAX] = {0};                          \
                                                                         \
		(void)thread;                                            \
		for (size_t i = 0; i < QUEUE_BURST_MAX; i++)             \
			v[i] = &v[i];                                    \
		for (size_t i = 0; i < n; i += c->burst)                 \
			if (PUSH(c->q, v, c->burst) != c->burst ||       \
			    POP(c->q, v, c->burst) != c->burst)          \
				abort();                                 \
		BENCH_KEEP(v[0]);                                        \
	}                                                                \
	static inline void name##_move(                                  \
	    const struct queue_ctx *c, bool out, size_t n)               \
	{                                                                \
		void *v[QUEUE_BURST_MAX];                                \
		unsigned spins = 0;                                      \
                                                                         \
		for (size_t i = 0; i < QUEUE_BURST_MAX; i++)             \
			v[i] = &v[i];                                    \
		while (n > 0) {                                          \
			size_t k = n < c->burst ? n : c->burst;          \
                                                                         \
			k = out ? POP(c->q, v, k) : PUSH(c->q, v, k);    \
			if (k == 0)                                      \
				queue_wait(&spins);                      \
			n -= k;                                          \
		}                                                        \
		BENCH_KEEP(v[0]);                                        \
	}                                                                \
	QUEUE_MAYBE static void name##_transfer_n_1(                     \
	    void *ctx, int thread, size_t n)                             \
	{                                                                \
		const bool out = thread == 0;                            \
                                                                         \
		name##_move(                                             \
		    ctx, out, out ? n *(size_t)(bench_threads - 1) : n); \
	}                                                                \
	QUEUE_MAYBE static void name##_transfer_n_n(                     \
	    void *ctx, int thread, size_t n)                             \
	{                                                                \
		name##_move(ctx, thread < bench_threads / 2, n);         \
	}                                                                \
	_Static_assert(1, "takes the semicolon")

/* Objects that carry the link; of each producer this many are under way. */
#define QUEUE_NODES 512

/*
 * Nodes: struct NODE has the member `SYNC_ATOMIC(bool) busy`.  PUSH(q, node)
 * and POP(q), which may return NULL.
 */
#define QUEUE_NODE_LOOPS(name, NODE, PUSH, POP)                       \
	static __thread NODE *name##_mine;                            \
	static void name##_nodes_free(void)                           \
	{                                                             \
		free(name##_mine);                                    \
		name##_mine = NULL;                                   \
	}                                                             \
	static void name##_nodes_n_1(void *ctx, int thread, size_t n) \
	{                                                             \
		NODE *mine = name##_mine;                             \
		struct queue_ctx *c = ctx;                            \
		unsigned spins = 0;                                   \
                                                                      \
		if (thread == 0)                                      \
			n *= (size_t)(bench_threads - 1);             \
		else if (mine == NULL)                                \
			name##_mine = mine =                          \
			    calloc(QUEUE_NODES, sizeof(*mine));       \
		for (size_t i = 0; i < n; i++) {                      \
			NODE *x;                                      \
                                                                      \
			if (thread == 0) {                            \
				while ((x = POP(c->q)) == NULL)       \
					queue_wait(&spins);           \
				/* release: to its producer. */       \
				sync_store_release(&x->busy, false);  \
				continue;                             \
			}                                             \
			x = &mine[i % QUEUE_NODES];                   \
			/* acquire: from its consumer. */             \
			while (sync_load_acquire(&x->busy))           \
				queue_wait(&spins);                   \
			/* relaxed: the push carries it. */           \
			sync_store_relaxed(&x->busy, true);           \
			PUSH(c->q, x);                                \
		}                                                     \
	}                                                             \
	_Static_assert(1, "takes the semicolon")

/* TAKE(q, &object) is true if there was one; PUT(q, object). */
#define QUEUE_TURN(name, OBJECT, TAKE, PUT)                      \
	static void name##_turn(void *ctx, int thread, size_t n) \
	{                                                        \
		struct queue_ctx *c = ctx;                       \
		unsigned spins = 0;                              \
		OBJECT x;                                        \
                                                                 \
		(void)thread;                                    \
		for (size_t i = 0; i < n; i++) {                 \
			while (!TAKE(c->q, &x))                  \
				queue_wait(&spins);              \
			PUT(c->q, x);                            \
		}                                                \
	}                                                        \
	_Static_assert(1, "takes the semicolon")

/* Objects in a turn, as many as threads and some. */
#define QUEUE_OBJECTS 16

/* An entry of the table; after the bursts, numbers of threads. */
#define QUEUE_BENCH(name_, run_, setup_, teardown_, bursts, ...)      \
	{                                                             \
		.name = (name_), .setup = (setup_), .run = (run_),    \
		.teardown = (teardown_), .args = bursts, .threads = { \
			__VA_ARGS__                                   \
		}                                                     \
	}
#define QUEUE_SINGLE \
	{            \
		1    \
	}
#define QUEUE_BURSTS     \
	{                \
		1, 8, 32 \
	}

#endif /* BENCHMARKS_QUEUE_LOOPS_H */
