/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Batch lookup with AVX2: eight addresses in a vector; otherwise as
 * fib4_avx512.c, whose head says why gathers will do.  Bits are counted by
 * looking up halves of bytes and adding up.
 */

#include "stack/route/fib4_impl.h"

#if defined(__x86_64__) && defined(FIB4_VECTORS)

#include <immintrin.h>

#define AHEAD 32u
#define LANES 8u

#define AVX2   __attribute__((target("avx2,popcnt")))
#define INLINE AVX2 static inline __attribute__((always_inline))

/* All bits of the lanes that there are. */
INLINE __m256i
lanes(unsigned int left)
{
	return _mm256_cmpgt_epi32(
	    _mm256_set1_epi32(left < LANES ? (int)left : (int)LANES),
	    _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE __m256i
load(const uint32_t *p, unsigned int left)
{
	return _mm256_maskload_epi32((const int *)p, lanes(left));
}

/* The blocks of n addresses, asked for. */
INLINE void
words(const struct fib4_view *v, const uint32_t *dst, uint32_t *at,
    unsigned int n)
{
	const int *direct = (const int *)v->direct;

	for (unsigned int i = 0; i < n; i += LANES)
		_mm256_store_si256((__m256i *)(void *)(at + i),
		    _mm256_i32gather_epi32(direct,
			_mm256_srli_epi32(load(dst + i, n - i), 14), 4));
	for (unsigned int i = 0; i < n; i++)
		_mm_prefetch((const char *)v->blocks +
				 (size_t)at[i] * ROUTE_ARENA_GRANULE,
		    _MM_HINT_T0);
}

INLINE __m256i
count64(__m256i x)
{
	const __m256i bits = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2,
	    3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
	const __m256i half = _mm256_set1_epi8(15);
	const __m256i low = _mm256_and_si256(x, half);
	const __m256i high = _mm256_and_si256(_mm256_srli_epi16(x, 4), half);

	return _mm256_sad_epu8(_mm256_add_epi8(_mm256_shuffle_epi8(bits, low),
				   _mm256_shuffle_epi8(bits, high)),
	    _mm256_setzero_si256());
}

/* Leaves of four addresses; those of narrow ones with what follows them. */
INLINE __m128i
leaves4(const struct fib4_view *v, __m128i slot, __m128i at, bool wide)
{
	const __m256i block = _mm256_cvtepu32_epi64(at);
	const __m256i heads = _mm256_i64gather_epi64(
	    (const long long *)(const void *)v->blocks, block, 8);
	const __m256i above = _mm256_sllv_epi64(
	    _mm256_set1_epi64x(-2), _mm256_cvtepu32_epi64(slot));
	const __m256i runs = count64(_mm256_andnot_si256(above, heads));

	if (wide)
		return _mm256_i64gather_epi32(
		    (const int *)(const void *)(v->blocks + 4),
		    _mm256_add_epi64(_mm256_slli_epi64(block, 1), runs), 4);
	return _mm256_i64gather_epi32(
	    (const int *)(const void *)(v->blocks + 6),
	    _mm256_add_epi64(_mm256_slli_epi64(block, 2), runs), 2);
}

/* Ids of eight addresses. */
INLINE __m256i
ids8(const struct fib4_view *v, __m256i dst, __m256i at, bool wide)
{
	const __m256i slot = _mm256_and_si256(
	    _mm256_srli_epi32(dst, 8), _mm256_set1_epi32(FIB4_SLOTS - 1));
	const __m128i low = leaves4(
	    v, _mm256_castsi256_si128(slot), _mm256_castsi256_si128(at), wide);
	const __m128i high = leaves4(v, _mm256_extracti128_si256(slot, 1),
	    _mm256_extracti128_si256(at, 1), wide);
	__m256i leaf =
	    _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
	uint32_t one[LANES], of[LANES];
	unsigned int longer;

	if (!wide)
		leaf = _mm256_and_si256(leaf, _mm256_set1_epi32(0xffff));
	longer = (unsigned int)_mm256_movemask_ps(
	    _mm256_castsi256_ps(wide ? leaf : _mm256_slli_epi32(leaf, 16)));
	if (__builtin_expect(longer == 0, 1))
		return leaf;
	_mm256_storeu_si256((__m256i *)(void *)one, leaf);
	_mm256_storeu_si256((__m256i *)(void *)of, dst);
	for (; longer != 0; longer &= longer - 1) {
		const int i = __builtin_ctz(longer);

		one[i] = fib4_id_again(v, of[i], wide);
	}
	return _mm256_loadu_si256((const __m256i *)(const void *)one);
}

INLINE void
body(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n, bool wide)
{
	uint32_t at[AHEAD] __attribute__((aligned(32)));

	for (unsigned int k = 0; k < n; k += AHEAD) {
		const unsigned int m = n - k < AHEAD ? n - k : AHEAD;

		words(v, dst + k, at, m);
		for (unsigned int i = 0; i < m; i += LANES) {
			const __m256i id = ids8(v, load(dst + k + i, m - i),
			    _mm256_load_si256(
				(const __m256i *)(const void *)(at + i)),
			    wide);

			_mm256_maskstore_epi32((int *)group + k + i,
			    lanes(m - i),
			    _mm256_i32gather_epi32(
				(const int *)v->group, id, 4));
		}
	}
}

AVX2 static void
narrow(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, false);
}

AVX2 static void
wide(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, true);
}

static const struct fib4_body avx2 = {"avx2", narrow, wide};

const struct fib4_body *
fib4_body_avx2(void)
{
	return __builtin_cpu_supports("avx2") ? &avx2 : NULL;
}

#else

const struct fib4_body *
fib4_body_avx2(void)
{
	return NULL;
}

#endif
