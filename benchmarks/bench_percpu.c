/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Counting: a cell for each thread beside one atomic for all.
 * Objects: a pool beside general allocators.  "pair" frees what it allocated;
 * "burst" holds 256 objects at a time, more than magazines hold; "touch" is a
 * pair that also writes the object, as any use does.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef BENCH_TBBMALLOC
#include <tbb/scalable_allocator.h>
#endif

#include "benchmarks/bench.h"
#include "libsync/base/atomic.h"
#include "libsync/percpu/counters.h"
#include "libsync/percpu/pool.h"

#define THREADS_MAX 8

static void *
counters_setup(size_t arg)
{
	struct percpu_counters *c;

	(void)arg;
	if (percpu_counters_create(THREADS_MAX, 1, &c) != 0)
		abort();
	return c;
}

/* So short a loop costs half as much again if it lies across two lines. */
static __attribute__((aligned(64))) void
counters_run(void *c, int thread, size_t n)
{
	for (size_t i = 0; i < n; i++)
		percpu_counters_add(c, (unsigned)thread, 0, 1);
}

static void
counters_teardown(void *c)
{
	percpu_counters_destroy(c);
}

struct shared_count {
	SYNC_ATOMIC(uint64_t) n;
};

static void *
atomic_setup(size_t arg)
{
	(void)arg;
	return calloc(1, sizeof(struct shared_count));
}

static void
atomic_run(void *ctx, int thread, size_t n)
{
	struct shared_count *c = ctx;

	(void)thread;
	for (size_t i = 0; i < n; i++)
		/* relaxed: a count orders nothing. */
		sync_fetch_add_relaxed(&c->n, 1);
}

#define OBJECT 192 /* bytes: glibc's thread cache has it, too */
#define BURST  256

static void *
pool_make(bool grace)
{
	const struct percpu_pool_config cfg = {.size = OBJECT, .grace = grace};
	struct percpu_pool *p;

	if (percpu_pool_create(&cfg, &p) != 0)
		abort();
	return p;
}

static void *
pool_setup(size_t arg)
{
	(void)arg;
	return pool_make(false);
}

static void *
grace_setup(size_t arg)
{
	(void)arg;
	return pool_make(true);
}

static void
pool_teardown(void *p)
{
	percpu_pool_destroy(p);
}

static void *
no_setup(size_t arg)
{
	(void)arg;
	return NULL;
}

static void
no_teardown(void *ctx)
{
	(void)ctx;
}

/* The same loops over each allocator. */
#define LOOPS(name, ALLOC, FREE)                                  \
	static void name##_pair(void *ctx, int thread, size_t n)  \
	{                                                         \
		(void)ctx, (void)thread;                          \
		for (size_t i = 0; i < n; i++) {                  \
			void *o = ALLOC;                          \
			BENCH_KEEP(o);                            \
			FREE(o);                                  \
		}                                                 \
	}                                                         \
	static void name##_touch(void *ctx, int thread, size_t n) \
	{                                                         \
		(void)ctx, (void)thread;                          \
		for (size_t i = 0; i < n; i++) {                  \
			void *o = ALLOC;                          \
			*(size_t *)o = i;                         \
			BENCH_KEEP(o);                            \
			FREE(o);                                  \
		}                                                 \
	}                                                         \
	static void name##_burst(void *ctx, int thread, size_t n) \
	{                                                         \
		void *held[BURST];                                \
		(void)ctx, (void)thread;                          \
		for (size_t i = 0; i < n; i += BURST) {           \
			for (size_t j = 0; j < BURST; j++) {      \
				held[j] = ALLOC;                  \
				*(size_t *)held[j] = j;           \
			}                                         \
			for (size_t j = 0; j < BURST; j++)        \
				FREE(held[j]);                    \
		}                                                 \
	}

#define POOL_FREE(o) percpu_pool_free(ctx, o)

LOOPS(pool, percpu_pool_alloc(ctx), POOL_FREE)
LOOPS(malloc, malloc(OBJECT), free)
#ifdef BENCH_TBBMALLOC
LOOPS(tbbmalloc, scalable_malloc(OBJECT), scalable_free)
#endif

#define ROW(peer, loops, what, make, unmake)                    \
	{                                                       \
		.name = peer "/object_" #what, .setup = (make), \
		.run = loops##_##what, .teardown = (unmake),    \
		.threads = {1, 2, 8},                           \
	}
#define ROWS(peer, loops, make, unmake)            \
	ROW(peer, loops, pair, make, unmake),      \
	    ROW(peer, loops, touch, make, unmake), \
	    ROW(peer, loops, burst, make, unmake)

const struct bench bench_percpu[] = {
    {.name = "percpu/count",
	.setup = counters_setup,
	.run = counters_run,
	.teardown = counters_teardown,
	.threads = {1, 2}},
    {.name = "atomic_add/count",
	.setup = atomic_setup,
	.run = atomic_run,
	.teardown = free,
	.threads = {1, 2}},
    ROWS("percpu", pool, pool_setup, pool_teardown),
    ROWS("percpu_grace", pool, grace_setup, pool_teardown),
    ROWS("malloc", malloc, no_setup, no_teardown),
#ifdef BENCH_TBBMALLOC
    ROWS("tbbmalloc", tbbmalloc, no_setup, no_teardown),
#endif
    {.name = NULL},
};
