/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_CAS16_H
#define LIBSYNC_PORT_CAS16_H

/*
 * Compare-and-swap of a struct sync_pair, by the processor and not the host:
 *
 *   sync_cas16_acq_rel(pair, expect, want)
 *           as sync_cas_acq_rel of libsync/base/atomic.h: *expect gets the
 *           value found on failure, which is a snapshot of both halves, and
 *           the failure order is acquire
 *   sync_pair_store_release(pair, want)
 *           two release stores, first of hi, then of lo; an exchange by
 *           another thread comes before, after or between them
 *   PORT_CAS16_LOCKED
 *           defined where the processor has no such instruction: the pair is
 *           exchanged under a spin lock that is picked by its address, and
 *           what the callers say of their progress holds no more; lo changes
 *           before hi, so either every exchange changes hi, or loads begin
 *           with hi
 *
 * PORT_CAS16_FORCE_LOCKED, for tests, asks for the latter.
 *
 * None of the forms calls libatomic:
 *   ThreadSanitizer  the generic builtin, which becomes a call of its runtime
 *                    with the order asked for
 *   x86-64           cmpxchg16b (needs -mcx16)
 *   aarch64          casp, or ldaxp and stlxp before ARMv8.1
 *   others           a spin lock, see cas16.c
 */

#include "libsync/base/pair.h"
#include "libsync/port/types.h"

#if defined(__SANITIZE_THREAD__)
#define PORT_CAS16_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PORT_CAS16_TSAN
#endif
#endif

#if defined(PORT_CAS16_FORCE_LOCKED)
#define PORT_CAS16_LOCKED
#elif defined(__x86_64__) && !defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_16)
#define PORT_CAS16_LOCKED
#elif !defined(__x86_64__) && !defined(__aarch64__)
#define PORT_CAS16_LOCKED
#endif

#if defined(PORT_CAS16_LOCKED)

/*
 * Context: any thread, signal handlers too; waits for others who exchange a
 *          pair of the same lock.
 */
bool sync_cas16_locked(struct sync_pair *pair, struct sync_pair_value *expect,
    struct sync_pair_value want);
void sync_pair_locked(struct sync_pair *pair, struct sync_pair_value want);

static inline bool
sync_cas16_acq_rel(struct sync_pair *pair, struct sync_pair_value *expect,
    struct sync_pair_value want)
{
	return sync_cas16_locked(pair, expect, want);
}

static inline void
sync_pair_store_release(struct sync_pair *pair, struct sync_pair_value want)
{
	sync_pair_locked(pair, want);
}

#elif defined(__x86_64__) || defined(PORT_CAS16_TSAN)

__extension__ typedef unsigned __int128 port_u128
    __attribute__((__may_alias__));

static inline port_u128
port_u128_of(struct sync_pair_value v)
{
	return (port_u128)v.hi << 64 | v.lo;
}

static inline bool
sync_cas16_acq_rel(struct sync_pair *pair, struct sync_pair_value *expect,
    struct sync_pair_value want)
{
	port_u128 *p = (port_u128 *)(void *)pair;
	port_u128 seen = port_u128_of(*expect);
	bool done;

#if defined(PORT_CAS16_TSAN)
	done = __atomic_compare_exchange_n(p, &seen, port_u128_of(want), false,
	    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
#else
	const port_u128 old = seen;

	seen = __sync_val_compare_and_swap(p, old, port_u128_of(want));
	done = seen == old;
#endif
	expect->lo = (uint64_t)seen;
	expect->hi = (uint64_t)(seen >> 64);
	return done;
}

#else /* aarch64 */

static inline bool
sync_cas16_acq_rel(struct sync_pair *pair, struct sync_pair_value *expect,
    struct sync_pair_value want)
{
	const struct sync_pair_value old = *expect;
#if defined(__ARM_FEATURE_ATOMICS)
	register uint64_t s0 __asm__("x0") = old.lo;
	register uint64_t s1 __asm__("x1") = old.hi;
	register uint64_t w0 __asm__("x2") = want.lo;
	register uint64_t w1 __asm__("x3") = want.hi;

	__asm__ __volatile__("caspal %0, %1, %3, %4, %2"
			     : "+r"(s0), "+r"(s1), "+Q"(*pair)
			     : "r"(w0), "r"(w1)
			     : "memory");
#else
	uint64_t s0, s1;
	uint32_t failed;

	/* A pair that differs is written back: else the two loads may be of
	 * different moments. */
	do {
		struct sync_pair_value v = want;

		__asm__ __volatile__("ldaxp %0, %1, %2"
				     : "=&r"(s0), "=&r"(s1)
				     : "Q"(*pair)
				     : "memory");
		if (s0 != old.lo || s1 != old.hi) {
			v.lo = s0;
			v.hi = s1;
		}
		__asm__ __volatile__("stlxp %w0, %2, %3, %1"
				     : "=&r"(failed), "=Q"(*pair)
				     : "r"(v.lo), "r"(v.hi)
				     : "memory");
	} while (failed != 0);
#endif
	expect->lo = s0;
	expect->hi = s1;
	return s0 == old.lo && s1 == old.hi;
}

#endif

#if !defined(PORT_CAS16_LOCKED)
static inline void
sync_pair_store_release(struct sync_pair *pair, struct sync_pair_value want)
{
	sync_store_release(&pair->hi, want.hi);
	sync_store_release(&pair->lo, want.lo);
}
#endif

#endif /* LIBSYNC_PORT_CAS16_H */
