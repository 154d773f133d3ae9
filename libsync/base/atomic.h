/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_BASE_ATOMIC_H
#define LIBSYNC_BASE_ATOMIC_H

/*
 * Ordered access to shared fields.  Compiler builtins only: a kernel module
 * build has no <stdatomic.h>, and C++ callers include these headers too.
 * The one-member struct makes a plain access a compile error.
 *
 * Each macro names its memory order in the sense of C11 7.17.3.  The
 * read-modify-write forms return the value before the operation; the
 * compare-exchange forms return true on success and write the value found to
 * *expect on failure.  A compare-exchange names the order of success; its
 * failure order is relaxed, except in acq_rel, where it is acquire.
 */
#define SYNC_ATOMIC(type) \
	struct {          \
		type v;   \
	}

#define SYNC_CACHELINE      64
#define SYNC_ROUNDUP(x, to) (((x) + (to)-1) & ~(size_t)((to)-1))

/* Fill a field before anybody else can see it. */
#define sync_init(p, x) ((void)((p)->v = (x)))

#ifdef __riscv
#include "libsync/port/riscv64.h"
#else
#define sync_load_acquire(p)     __atomic_load_n(&(p)->v, __ATOMIC_ACQUIRE)
#define sync_store_relaxed(p, x) __atomic_store_n(&(p)->v, x, __ATOMIC_RELAXED)
#define sync_store_release(p, x) __atomic_store_n(&(p)->v, x, __ATOMIC_RELEASE)
#endif
#define sync_load_relaxed(p)     __atomic_load_n(&(p)->v, __ATOMIC_RELAXED)
#define sync_load_seq_cst(p)     __atomic_load_n(&(p)->v, __ATOMIC_SEQ_CST)
#define sync_store_seq_cst(p, x) __atomic_store_n(&(p)->v, x, __ATOMIC_SEQ_CST)

#define sync_xchg_relaxed(p, x) \
	__atomic_exchange_n(&(p)->v, x, __ATOMIC_RELAXED)
#define sync_xchg_acquire(p, x) \
	__atomic_exchange_n(&(p)->v, x, __ATOMIC_ACQUIRE)
#define sync_xchg_release(p, x) \
	__atomic_exchange_n(&(p)->v, x, __ATOMIC_RELEASE)
#define sync_xchg_acq_rel(p, x) \
	__atomic_exchange_n(&(p)->v, x, __ATOMIC_ACQ_REL)
#define sync_xchg_seq_cst(p, x) \
	__atomic_exchange_n(&(p)->v, x, __ATOMIC_SEQ_CST)

#define sync_fetch_add_relaxed(p, x) \
	__atomic_fetch_add(&(p)->v, x, __ATOMIC_RELAXED)
#define sync_fetch_add_acquire(p, x) \
	__atomic_fetch_add(&(p)->v, x, __ATOMIC_ACQUIRE)
#define sync_fetch_add_release(p, x) \
	__atomic_fetch_add(&(p)->v, x, __ATOMIC_RELEASE)
#define sync_fetch_add_acq_rel(p, x) \
	__atomic_fetch_add(&(p)->v, x, __ATOMIC_ACQ_REL)
#define sync_fetch_sub_release(p, x) \
	__atomic_fetch_sub(&(p)->v, x, __ATOMIC_RELEASE)
#define sync_fetch_sub_acq_rel(p, x) \
	__atomic_fetch_sub(&(p)->v, x, __ATOMIC_ACQ_REL)

#define sync_cas_relaxed(p, expect, x) \
	__atomic_compare_exchange_n(   \
	    &(p)->v, expect, x, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define sync_cas_acquire(p, expect, x) \
	__atomic_compare_exchange_n(   \
	    &(p)->v, expect, x, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define sync_cas_release(p, expect, x) \
	__atomic_compare_exchange_n(   \
	    &(p)->v, expect, x, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define sync_cas_acq_rel(p, expect, x) \
	__atomic_compare_exchange_n(   \
	    &(p)->v, expect, x, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

#endif /* LIBSYNC_BASE_ATOMIC_H */
