/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The classic shapes.  FORBIDDEN: RC11 never shows the outcome, nor may the
 * simulator.  ALLOWED: RC11 does, and the simulator has to find it.
 */

#include "libsync/base/atomic.h"
#include "tests/wsim/wsim.h"

static SYNC_ATOMIC(int) x, y, z;

static int r[4]; /* what the fibres loaded */

#define L(p, order)        __atomic_load_n(&p.v, __ATOMIC_##order)
#define S(p, value, order) __atomic_store_n(&p.v, value, __ATOMIC_##order)
#define X(p, value, order) __atomic_exchange_n(&p.v, value, __ATOMIC_##order)
#define F(order)           __atomic_thread_fence(__ATOMIC_##order)
#define CAS(p, from, to)             \
	__atomic_compare_exchange_n( \
	    &p.v, &(int){from}, to, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)

#define FIBRE(name, ...)             \
	static void *name(void *arg) \
	{                            \
		(void)arg;           \
		__VA_ARGS__;         \
		return NULL;         \
	}

static void
run(void *(*a)(void *), void *(*b)(void *), void *(*c)(void *),
    void *(*d)(void *))
{
	(void)wsim_spawn(a, NULL);
	(void)wsim_spawn(b, NULL);
	if (c != NULL)
		(void)wsim_spawn(c, NULL);
	if (d != NULL)
		(void)wsim_spawn(d, NULL);
	wsim_join_all();
}

#define SHAPE(name, class, a, b, c, d, outcome) \
	WSIM_REGISTER(name, class)              \
	{                                       \
		run(a, b, c, d);                \
		wsim_assert(!(outcome));        \
	}
#define FORBIDDEN(name, ...) SHAPE(name, WSIM_PASS, __VA_ARGS__)
#define ALLOWED(name, ...)   SHAPE(name, WSIM_ASSERT, __VA_ARGS__)

#define BOTH_ZERO (r[0] == 0 && r[1] == 0)
#define ONE_ZERO  (r[0] == 1 && r[1] == 0)

/* Store buffering. */
FIBRE(sb0, S(x, 1, RELAXED); r[0] = L(y, RELAXED))
FIBRE(sb1, S(y, 1, RELAXED); r[1] = L(x, RELAXED))
ALLOWED(sb_relaxed, sb0, sb1, NULL, NULL, BOTH_ZERO)

FIBRE(sb_ra0, S(x, 1, RELEASE); r[0] = L(y, ACQUIRE))
FIBRE(sb_ra1, S(y, 1, RELEASE); r[1] = L(x, ACQUIRE))
ALLOWED(sb_release_acquire, sb_ra0, sb_ra1, NULL, NULL, BOTH_ZERO)

FIBRE(sb_f0, S(x, 1, RELAXED); F(SEQ_CST); r[0] = L(y, RELAXED))
FIBRE(sb_f1, S(y, 1, RELAXED); F(SEQ_CST); r[1] = L(x, RELAXED))
FORBIDDEN(sb_fences, sb_f0, sb_f1, NULL, NULL, BOTH_ZERO)
ALLOWED(sb_one_fence, sb_f0, sb1, NULL, NULL, BOTH_ZERO)

FIBRE(sb_sc0, S(x, 1, SEQ_CST); r[0] = L(y, SEQ_CST))
FIBRE(sb_sc1, S(y, 1, SEQ_CST); r[1] = L(x, SEQ_CST))
FORBIDDEN(sb_seq_cst, sb_sc0, sb_sc1, NULL, NULL, BOTH_ZERO)

FIBRE(sb_scl0, S(x, 1, SEQ_CST); r[0] = L(y, RELAXED))
FIBRE(sb_scl1, S(y, 1, SEQ_CST); r[1] = L(x, RELAXED))
ALLOWED(sb_seq_cst_stores, sb_scl0, sb_scl1, NULL, NULL, BOTH_ZERO)

FIBRE(sb_x0, (void)X(x, 1, SEQ_CST); r[0] = L(y, RELAXED))
FIBRE(sb_x1, (void)X(y, 1, SEQ_CST); r[1] = L(x, RELAXED))
ALLOWED(sb_seq_cst_exchanges, sb_x0, sb_x1, NULL, NULL, BOTH_ZERO)

FIBRE(sb_m0, S(x, 1, RELAXED); wsim_membarrier(); r[0] = L(y, RELAXED))
FORBIDDEN(sb_membarrier, sb_m0, sb1, NULL, NULL, BOTH_ZERO)
FIBRE(barrier, wsim_membarrier())
ALLOWED(sb_membarrier_elsewhere, sb0, sb1, barrier, NULL, BOTH_ZERO)

/* Message passing. */
FIBRE(mp0, S(x, 1, RELAXED); S(y, 1, RELAXED))
FIBRE(mp1, r[0] = L(y, RELAXED); r[1] = L(x, RELAXED))
ALLOWED(mp_relaxed, mp0, mp1, NULL, NULL, ONE_ZERO)

FIBRE(mp_rel0, S(x, 1, RELAXED); S(y, 1, RELEASE))
FIBRE(mp_acq1, r[0] = L(y, ACQUIRE); r[1] = L(x, RELAXED))
FORBIDDEN(mp_release_acquire, mp_rel0, mp_acq1, NULL, NULL, ONE_ZERO)
ALLOWED(mp_release_relaxed, mp_rel0, mp1, NULL, NULL, ONE_ZERO)
ALLOWED(mp_relaxed_acquire, mp0, mp_acq1, NULL, NULL, ONE_ZERO)

FIBRE(mp_f0, S(x, 1, RELAXED); F(RELEASE); S(y, 1, RELAXED))
FIBRE(mp_f1, r[0] = L(y, RELAXED); F(ACQUIRE); r[1] = L(x, RELAXED))
FORBIDDEN(mp_fences, mp_f0, mp_f1, NULL, NULL, ONE_ZERO)
FORBIDDEN(mp_fence_acquire, mp_f0, mp_acq1, NULL, NULL, ONE_ZERO)
FORBIDDEN(mp_release_fence, mp_rel0, mp_f1, NULL, NULL, ONE_ZERO)

FIBRE(mp_m1, r[0] = L(y, RELAXED); wsim_membarrier(); r[1] = L(x, RELAXED))
FORBIDDEN(mp_membarrier, mp0, mp_m1, NULL, NULL, ONE_ZERO)

/* Release sequences, as in C++20. */
FIBRE(rs_own, S(x, 1, RELAXED); S(y, 1, RELEASE); S(y, 2, RELAXED))
ALLOWED(
    rs_cut_by_own_store, rs_own, mp_acq1, NULL, NULL, r[0] == 2 && r[1] == 0)
FIBRE(rs_cas, (void)CAS(y, 1, 2))
FORBIDDEN(
    rs_goes_on_by_rmw, mp_rel0, rs_cas, mp_acq1, NULL, r[0] == 2 && r[1] == 0)
FIBRE(rs_store, if (L(y, RELAXED) == 1) S(y, 2, RELAXED))
ALLOWED(
    rs_cut_by_store, mp_rel0, rs_store, mp_acq1, NULL, r[0] == 2 && r[1] == 0)

/* Load buffering, which RC11 forbids, unlike C11. */
FIBRE(lb0, r[0] = L(x, RELAXED); S(y, 1, RELAXED))
FIBRE(lb1, r[1] = L(y, RELAXED); S(x, 1, RELAXED))
FORBIDDEN(lb_relaxed, lb0, lb1, NULL, NULL, r[0] == 1 && r[1] == 1)

/* Independent reads of independent writes. */
#define IRIW (r[0] == 1 && r[1] == 0 && r[2] == 1 && r[3] == 0)
FIBRE(iriw_x, S(x, 1, RELEASE))
FIBRE(iriw_y, S(y, 1, RELEASE))
FIBRE(iriw_xy, r[0] = L(x, ACQUIRE); r[1] = L(y, ACQUIRE))
FIBRE(iriw_yx, r[2] = L(y, ACQUIRE); r[3] = L(x, ACQUIRE))
ALLOWED(iriw_acquire, iriw_x, iriw_y, iriw_xy, iriw_yx, IRIW)
FIBRE(iriw_sc_x, S(x, 1, SEQ_CST))
FIBRE(iriw_sc_y, S(y, 1, SEQ_CST))
FIBRE(iriw_sc_xy, r[0] = L(x, SEQ_CST); r[1] = L(y, SEQ_CST))
FIBRE(iriw_sc_yx, r[2] = L(y, SEQ_CST); r[3] = L(x, SEQ_CST))
FORBIDDEN(iriw_seq_cst, iriw_sc_x, iriw_sc_y, iriw_sc_xy, iriw_sc_yx, IRIW)
FIBRE(iriw_f_xy, r[0] = L(x, RELAXED); F(SEQ_CST); r[1] = L(y, RELAXED))
FIBRE(iriw_f_yx, r[2] = L(y, RELAXED); F(SEQ_CST); r[3] = L(x, RELAXED))
FORBIDDEN(iriw_fences, iriw_x, iriw_y, iriw_f_xy, iriw_f_yx, IRIW)

/* Write to read causality. */
#define WRC (r[0] == 1 && r[1] == 1 && r[2] == 0)
FIBRE(wrc0, S(x, 1, RELAXED))
FIBRE(wrc1, r[0] = L(x, RELAXED); S(y, 1, RELEASE))
FIBRE(wrc2, r[1] = L(y, ACQUIRE); r[2] = L(x, RELAXED))
FORBIDDEN(wrc_release_acquire, wrc0, wrc1, wrc2, NULL, WRC)
FIBRE(wrc_r1, r[0] = L(x, RELAXED); S(y, 1, RELAXED))
ALLOWED(wrc_relaxed, wrc0, wrc_r1, wrc2, NULL, WRC)

/* ISA2: causality through a third word. */
FIBRE(isa0, S(x, 1, RELAXED); S(y, 1, RELEASE))
FIBRE(isa1, r[0] = L(y, ACQUIRE); S(z, 1, RELEASE))
FIBRE(isa2, r[1] = L(z, ACQUIRE); r[2] = L(x, RELAXED))
FORBIDDEN(isa2_release_acquire, isa0, isa1, isa2, NULL, WRC)

/* Read to write causality. */
FIBRE(rwc1, r[0] = L(x, ACQUIRE); F(SEQ_CST); r[1] = L(y, RELAXED))
FIBRE(rwc2, S(y, 1, RELAXED); F(SEQ_CST); r[2] = L(x, RELAXED))
FORBIDDEN(rwc_fences, wrc0, rwc1, rwc2, NULL, ONE_ZERO &&r[2] == 0)

/* Coherence. */
FIBRE(corr1, r[0] = L(x, RELAXED); r[1] = L(x, RELAXED))
FORBIDDEN(corr, wrc0, corr1, NULL, NULL, ONE_ZERO)
FIBRE(corw1, r[0] = L(x, RELAXED); S(x, 2, RELAXED))
FORBIDDEN(corw, wrc0, corw1, NULL, NULL, r[0] == 1 && L(x, RELAXED) == 1)
FIBRE(cowr1, S(x, 2, RELAXED); r[0] = L(x, RELAXED))
FORBIDDEN(cowr, wrc0, cowr1, NULL, NULL, r[0] == 1 && L(x, RELAXED) == 2)
FIBRE(coww, S(x, 1, RELAXED); S(x, 2, RELAXED))
FORBIDDEN(coww_own, coww, corr1, NULL, NULL, L(x, RELAXED) == 1)
FIBRE(two, S(x, 2, RELAXED))
FIBRE(read_12, r[0] = L(x, RELAXED); r[1] = L(x, RELAXED))
FIBRE(read_21, r[2] = L(x, RELAXED); r[3] = L(x, RELAXED))
FORBIDDEN(one_order_per_word, wrc0, two, read_12, read_21,
    r[0] == 1 && r[1] == 2 && r[2] == 2 && r[3] == 1)

/* Stores that take effect in another order than they ran. */
#define BOTH_FIRST (L(x, RELAXED) == 1 && L(y, RELAXED) == 1)
FIBRE(w0, S(x, 1, RELAXED); S(y, 2, RELAXED))
FIBRE(w1, S(y, 1, RELAXED); S(x, 2, RELAXED))
ALLOWED(two_plus_two_w, w0, w1, NULL, NULL, BOTH_FIRST)
FIBRE(w_rel0, S(x, 1, RELAXED); S(y, 2, RELEASE))
FIBRE(w_rel1, S(y, 1, RELAXED); S(x, 2, RELEASE))
ALLOWED(two_plus_two_w_release, w_rel0, w_rel1, NULL, NULL, BOTH_FIRST)
FIBRE(w_f0, S(x, 1, RELAXED); F(SEQ_CST); S(y, 2, RELAXED))
FIBRE(w_f1, S(y, 1, RELAXED); F(SEQ_CST); S(x, 2, RELAXED))
FORBIDDEN(two_plus_two_w_fences, w_f0, w_f1, NULL, NULL, BOTH_FIRST)
FIBRE(w_sc0, S(x, 1, SEQ_CST); S(y, 2, SEQ_CST))
FIBRE(w_sc1, S(y, 1, SEQ_CST); S(x, 2, SEQ_CST))
FORBIDDEN(two_plus_two_w_seq_cst, w_sc0, w_sc1, NULL, NULL, BOTH_FIRST)

/* R and S. */
FIBRE(r_f0, S(x, 1, RELAXED); F(SEQ_CST); S(y, 1, RELAXED))
FIBRE(r_f1, S(y, 2, RELAXED); F(SEQ_CST); r[0] = L(x, RELAXED))
FORBIDDEN(r_fences, r_f0, r_f1, NULL, NULL, L(y, RELAXED) == 2 && r[0] == 0)
FIBRE(r1, S(y, 2, RELAXED); r[0] = L(x, RELAXED))
ALLOWED(r_one_fence, r_f0, r1, NULL, NULL, L(y, RELAXED) == 2 && r[0] == 0)
FIBRE(s0, S(x, 2, RELAXED); S(y, 1, RELEASE))
FIBRE(s1, r[0] = L(y, ACQUIRE); S(x, 1, RELAXED))
FORBIDDEN(
    s_release_acquire, s0, s1, NULL, NULL, r[0] == 1 && L(x, RELAXED) == 2)
FIBRE(s_r0, S(x, 2, RELAXED); S(y, 1, RELAXED))
ALLOWED(s_relaxed, s_r0, s1, NULL, NULL, r[0] == 1 && L(x, RELAXED) == 2)

/* Read-modify-writes. */
FIBRE(add0, r[0] = __atomic_fetch_add(&x.v, 1, __ATOMIC_RELAXED))
FIBRE(add1, r[1] = __atomic_fetch_add(&x.v, 1, __ATOMIC_RELAXED))
FORBIDDEN(no_update_is_lost, add0, add1, NULL, NULL, L(x, RELAXED) != 2)
FORBIDDEN(updates_see_each_other, add0, add1, NULL, NULL, r[0] == r[1])
FIBRE(lost0, r[0] = L(x, RELAXED); S(x, r[0] + 1, RELAXED))
FIBRE(lost1, r[1] = L(x, RELAXED); S(x, r[1] + 1, RELAXED))
ALLOWED(load_and_store_lose, lost0, lost1, NULL, NULL, L(x, RELAXED) != 2)

/* A strong compare-exchange that fails has loaded, maybe a stale value. */
FIBRE(cas0, S(y, 1, RELAXED); S(x, 1, RELEASE))
FIBRE(cas1, r[0] = L(x, ACQUIRE); int e = 7; (void)__atomic_compare_exchange_n(
    &y.v, &e, 9, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
      r[1] = e)
FORBIDDEN(failed_cas_is_coherent, cas0, cas1, NULL, NULL, ONE_ZERO)
FIBRE(cas_r1, r[0] = L(x, RELAXED); int e = 7;
      (void)__atomic_compare_exchange_n(
	  &y.v, &e, 9, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
      r[1] = e)
ALLOWED(failed_cas_is_a_load, cas0, cas_r1, NULL, NULL, ONE_ZERO)
