/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Objects of 64 bytes beside malloc(3).  The argument is how many a thread
 * takes before it gives them all back: one stays in a magazine, 256 go through
 * the depot.
 */

#include <stdlib.h>

#include "benchmarks/bench.h"
#include "libsync/percpu/pool.h"

#define SIZE      64
#define BURST_MAX 256

struct objects {
	size_t burst;
	struct percpu_pool *pool;
};

static void *
create(size_t burst, bool grace)
{
	const struct percpu_pool_config cfg = {.size = SIZE, .grace = grace};
	struct objects *o = calloc(1, sizeof(*o));

	if (o == NULL || burst > BURST_MAX ||
	    percpu_pool_create(&cfg, &o->pool) != 0)
		abort();
	o->burst = burst;
	return o;
}

static void *
pool_setup(size_t burst)
{
	return create(burst, false);
}

static void *
grace_setup(size_t burst)
{
	return create(burst, true);
}

static void
teardown(void *ctx)
{
	struct objects *o = ctx;

	percpu_pool_destroy(o->pool);
	free(o);
}

static void
pool_run(void *ctx, int thread, size_t n)
{
	const struct objects *o = ctx;
	void *held[BURST_MAX];

	(void)thread;
	for (size_t i = 0; i < n; i += o->burst) {
		for (size_t j = 0; j < o->burst; j++)
			if ((held[j] = percpu_pool_alloc(o->pool)) == NULL)
				abort();
		BENCH_KEEP(held);
		for (size_t j = 0; j < o->burst; j++)
			percpu_pool_free(o->pool, held[j]);
	}
}

static void
malloc_run(void *ctx, int thread, size_t n)
{
	const struct objects *o = ctx;
	void *held[BURST_MAX];

	(void)thread;
	for (size_t i = 0; i < n; i += o->burst) {
		for (size_t j = 0; j < o->burst; j++)
			if ((held[j] = malloc(SIZE)) == NULL)
				abort();
		BENCH_KEEP(held);
		for (size_t j = 0; j < o->burst; j++)
			free(held[j]);
	}
}

#define ENTRY(label, setup_, run_)                                             \
	{                                                                      \
		.name = label "/alloc_free", .setup = setup_, .run = run_,     \
		.teardown = teardown, .args = {1, 32, BURST_MAX}, .threads = { \
			1,                                                     \
			2                                                      \
		}                                                              \
	}

const struct bench bench_pool[] = {
    ENTRY("percpu_pool", pool_setup, pool_run),
    ENTRY("percpu_pool_grace", grace_setup, pool_run),
    ENTRY("malloc", pool_setup, malloc_run),
    {.name = NULL},
};
