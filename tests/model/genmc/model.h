/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a test for GenMC includes first, before the source that it is about.
 *
 * The target's macros go away, so that a full fence is a fence: GenMC takes
 * the locked operation that stands for one on x86 for what C says it is.
 * WEAK_x makes all operations of one kind relaxed: then an error must be
 * found.
 */
#ifndef TESTS_MODEL_GENMC_MODEL_H
#define TESTS_MODEL_GENMC_MODEL_H

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#undef __x86_64__
#undef __i386__

#include "libsync/base/atomic.h"

#ifdef WEAK_STORE
#undef sync_store_release
#define sync_store_release sync_store_relaxed
#endif
#ifdef WEAK_LOAD
#undef sync_load_acquire
#define sync_load_acquire sync_load_relaxed
#endif
#ifdef WEAK_LOAD_SEQ_CST
#undef sync_load_seq_cst
#define sync_load_seq_cst sync_load_acquire
#endif
#ifdef WEAK_XCHG_RELEASE
#undef sync_xchg_release
#define sync_xchg_release sync_xchg_relaxed
#endif
#ifdef WEAK_CAS_ACQUIRE
#undef sync_cas_acquire
#define sync_cas_acquire sync_cas_relaxed
#endif
#ifdef WEAK_XCHG
#undef sync_xchg_seq_cst
#define sync_xchg_seq_cst sync_xchg_relaxed
#endif
#ifdef WEAK_XCHG_SEQ_CST
#undef sync_xchg_seq_cst
#define sync_xchg_seq_cst sync_xchg_acq_rel
#endif

void sync_assert_fail(const char *expr, const char *file, int line)
    __attribute__((__noreturn__, __cold__));

void
sync_assert_fail(const char *expr, const char *file, int line)
{
	(void)expr;
	(void)file;
	(void)line;
	assert(0);
	abort();
}

static inline void
model_start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	if (pthread_create(t, NULL, fn, arg) != 0)
		abort();
}

#endif /* TESTS_MODEL_GENMC_MODEL_H */
