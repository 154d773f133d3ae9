/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef BENCHMARKS_SECTION_H
#define BENCHMARKS_SECTION_H

/*
 * One way to read shared data without hurting its writers, ours or a peer's.
 * Each lives in a file of its own: the flavours of liburcu exclude each other
 * in one translation unit, and each is compiled inline.
 */

#include <stddef.h>

#include "benchmarks/bench.h"
#include "libsync/base/atomic.h"

/* What every section reads: [c] constant while measured. */
struct section_data {
	SYNC_ATOMIC(unsigned long) value;
};

struct section {
	const char *name;
	void (*thread_init)(void); /* may be NULL */
	void (*thread_fini)(void); /* may be NULL */

	/* Enter, read once, exit; n times. */
	void (*read)(const struct section_data *d, size_t n);

	/* The same with a section inside the section; NULL: cannot nest. */
	void (*nested)(const struct section_data *d, size_t n);

	/* Wait for the sections that run now; NULL: there is no such call. */
	void (*synchronize)(void);
};

extern const struct section section_loop;  /* no section at all */
extern const struct section section_floor; /* two stores: the least there is */
extern const struct section section_pserialize;
extern const struct section section_online;
extern const struct section section_urcu_memb;
extern const struct section section_urcu_qsbr;
extern const struct section section_urcu_qsbr_lock;
extern const struct section section_urcu_bp;
extern const struct section section_ck_epoch;
extern const struct section section_rwlock;

/*
 * The loops of a section.  The file that uses them defines ENTER(s) and
 * EXIT(s), where s is a name for the section's cookie, so that every peer runs
 * the very same code around its own.  Unrolled: a loop's own branch takes a
 * cycle, in which a processor has room for most of a section.
 */
#define SECTION_READ(name)                                                 \
	static void name##_read(const struct section_data *d, size_t n)    \
	{                                                                  \
		_Pragma("GCC unroll 16") for (size_t i = 0; i < n; i++)    \
		{                                                          \
			ENTER(outer);                                      \
			/* relaxed: nothing writes it while it is read. */ \
			BENCH_KEEP(sync_load_relaxed(&d->value));          \
			EXIT(outer);                                       \
		}                                                          \
	}                                                                  \
	_Static_assert(1, "takes the semicolon")

#define SECTION_NESTED(name)                                               \
	static void name##_nested(const struct section_data *d, size_t n)  \
	{                                                                  \
		_Pragma("GCC unroll 16") for (size_t i = 0; i < n; i++)    \
		{                                                          \
			ENTER(outer);                                      \
			ENTER(inner);                                      \
			/* relaxed: nothing writes it while it is read. */ \
			BENCH_KEEP(sync_load_relaxed(&d->value));          \
			EXIT(inner);                                       \
			EXIT(outer);                                       \
		}                                                          \
	}                                                                  \
	_Static_assert(1, "takes the semicolon")

#endif /* BENCHMARKS_SECTION_H */
