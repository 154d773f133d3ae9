/* SPDX-License-Identifier: BSD-2-Clause */

/* Counting: a cell for each thread beside one atomic for all. */

#include <stdint.h>
#include <stdlib.h>

#include "benchmarks/bench.h"
#include "libsync/base/atomic.h"
#include "libsync/percpu/counters.h"

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

static void
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
    {.name = NULL},
};
