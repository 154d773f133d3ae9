/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Batch lookup with AVX-512: sixteen addresses in a vector, and the direct
 * words of the next 64 addresses, with their blocks asked for, under way while
 * the blocks of these are read.
 *
 * A gather loads each element as a load of its own, whole, since all are
 * aligned but the leaves; those do not change while they can be found.  The
 * processor keeps loads in order, which is what the acquires of fib4_lookup()
 * are compiled to; here addresses depend on what was loaded before, too.
 */

#include "stack/route/fib4_impl.h"

#if defined(__x86_64__) && defined(FIB4_VECTORS)

#include <immintrin.h>

#define AHEAD 64u
#define LANES 16u

#define AVX512                                                      \
	__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl," \
			      "avx512vpopcntdq,popcnt")))
#define INLINE AVX512 static inline __attribute__((always_inline))

INLINE __mmask16
lanes(unsigned int left)
{
	return left >= LANES ? 0xffff : (__mmask16)((1u << left) - 1);
}

INLINE __m512i
load(const uint32_t *p, unsigned int left)
{
	return _mm512_maskz_loadu_epi32(lanes(left), p);
}

/* The blocks of n addresses, asked for. */
INLINE void
words(const struct fib4_view *v, const uint32_t *dst, uint32_t *at,
    unsigned int n)
{
	for (unsigned int i = 0; i < n; i += LANES)
		_mm512_store_si512(
		    at + i, _mm512_i32gather_epi32(
				_mm512_srli_epi32(load(dst + i, n - i), 14),
				v->direct, 4));
	for (unsigned int i = 0; i < n; i++)
		_mm_prefetch((const char *)v->blocks +
				 (size_t)at[i] * ROUTE_ARENA_GRANULE,
		    _MM_HINT_T0);
}

/* Leaves of eight addresses; those of narrow ones with what follows them. */
INLINE __m256i
leaves8(const struct fib4_view *v, __m256i slot, __m256i at, bool wide)
{
	const __m512i block = _mm512_cvtepu32_epi64(at);
	const __m512i heads = _mm512_i64gather_epi64(block, v->blocks, 8);
	const __m512i ones = _mm512_set1_epi64(-1);
	const __m512i below =
	    _mm512_andnot_si512(_mm512_sllv_epi64(_mm512_set1_epi64(-2),
				    _mm512_cvtepu32_epi64(slot)),
		ones);
	const __m512i runs =
	    _mm512_popcnt_epi64(_mm512_and_si512(heads, below));

	if (wide)
		return _mm512_i64gather_epi32(
		    _mm512_add_epi64(_mm512_slli_epi64(block, 1), runs),
		    v->blocks + 4, 4);
	return _mm512_i64gather_epi32(
	    _mm512_add_epi64(_mm512_slli_epi64(block, 2), runs), v->blocks + 6,
	    2);
}

/* Ids of sixteen addresses. */
INLINE __m512i
ids16(const struct fib4_view *v, __m512i dst, __m512i at, bool wide)
{
	const __m512i slot = _mm512_and_si512(
	    _mm512_srli_epi32(dst, 8), _mm512_set1_epi32(FIB4_SLOTS - 1));
	const uint32_t ext = wide ? FIB4_WIDE_EXT : FIB4_NARROW_EXT;
	const __m256i low = leaves8(
	    v, _mm512_castsi512_si256(slot), _mm512_castsi512_si256(at), wide);
	const __m256i high = leaves8(v, _mm512_extracti64x4_epi64(slot, 1),
	    _mm512_extracti64x4_epi64(at, 1), wide);
	__m512i leaf = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
	uint32_t one[LANES], of[LANES];
	unsigned int longer;

	if (!wide)
		leaf = _mm512_and_si512(leaf, _mm512_set1_epi32(0xffff));
	longer = _mm512_test_epi32_mask(leaf, _mm512_set1_epi32((int)ext));
	if (__builtin_expect(longer == 0, 1))
		return leaf;
	_mm512_storeu_si512(one, leaf);
	_mm512_storeu_si512(of, dst);
	for (; longer != 0; longer &= longer - 1) {
		const int i = __builtin_ctz(longer);

		one[i] = fib4_id_again(v, of[i], wide);
	}
	return _mm512_loadu_si512(one);
}

/*
 * Their groups: as a rule they are their ids.  FIB4_PLAIN is a power of two, so
 * one that is not sets a bit from there on in what is one less.
 */
INLINE __m512i
groups16(const struct fib4_view *v, __m512i id)
{
	const __m512i less = _mm512_sub_epi32(id, _mm512_set1_epi32(1));

	if (_mm512_test_epi32_mask(less, _mm512_set1_epi32(-(int)FIB4_PLAIN)) ==
	    0)
		return id;
	return _mm512_i32gather_epi32(id, v->group, 4);
}

INLINE void
body(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n, bool wide)
{
	uint32_t at[2][AHEAD] __attribute__((aligned(64)));
	unsigned int now = 0;

	words(v, dst, at[0], n < AHEAD ? n : AHEAD);
	for (unsigned int k = 0; k < n; k += AHEAD, now ^= 1) {
		const unsigned int left = n - k;

		if (left > AHEAD)
			words(v, dst + k + AHEAD, at[now ^ 1],
			    left - AHEAD < AHEAD ? left - AHEAD : AHEAD);
		for (unsigned int i = 0; i < AHEAD && i < left; i += LANES) {
			const __m512i id = ids16(v, load(dst + k + i, left - i),
			    _mm512_load_si512(at[now] + i), wide);

			_mm512_mask_storeu_epi32(
			    group + k + i, lanes(left - i), groups16(v, id));
		}
	}
}

AVX512 static void
narrow(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, false);
}

AVX512 static void
wide(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, true);
}

static const struct fib4_body avx512 = {"avx512", narrow, wide};

const struct fib4_body *
fib4_body_avx512(void)
{
	return __builtin_cpu_supports("avx512f") &&
		       __builtin_cpu_supports("avx512bw") &&
		       __builtin_cpu_supports("avx512dq") &&
		       __builtin_cpu_supports("avx512vl") &&
		       __builtin_cpu_supports("avx512vpopcntdq")
		   ? &avx512
		   : NULL;
}

#else

const struct fib4_body *
fib4_body_avx512(void)
{
	return NULL;
}

#endif
