/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef BENCHMARKS_BENCH_H
#define BENCHMARKS_BENCH_H

/*
 * One C benchmark.  The C++ side only ever sees the table below, so that what
 * is measured is compiled exactly like the library.
 *
 * Names are <module>/<operation>; entries with the same operation, argument
 * and thread count are each other's peers.
 */

#include <stddef.h>

struct bench {
	const char *name;
	void *(*setup)(size_t arg); /* shared by all threads */
	void (*thread_init)(void);  /* optional, in each thread */
	void (*run)(void *ctx, int thread, size_t n);
	void (*between)(void *ctx); /* optional, after each run, not timed */
	void (*thread_fini)(void);
	double (*figure)(void *ctx); /* optional: a result that is no time */
	const char *figure_name;     /* with its unit, as in peak_bytes */
	void (*teardown)(void *ctx);
	size_t args[8]; /* zero ends; none: setup gets 0 */
	int threads[8]; /* zero ends */
	size_t batch;   /* n of one run; 0: BENCH_BATCH */
};

#define BENCH_BATCH 1024

/* Keep a value that nobody uses, and let no load move across. */
#define BENCH_KEEP(x) __asm__ __volatile__("" : : "r"(x) : "memory")

#ifdef __cplusplus
extern "C" {
#endif
/* The number of threads of the benchmark that runs. */
extern int bench_threads;

/* One array for each bench_*.c; NULL ends, as does a NULL name in an array. */
extern const struct bench *const bench_table[];
#ifdef __cplusplus
}
#endif

#endif /* BENCHMARKS_BENCH_H */
