/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lookups of many addresses, up to 32 at a time, one level after the other: all
 * their words are loaded, then all first lines, and so on, so that the cache
 * misses of one pass overlap.  Those that are still above their leaf are kept
 * in a list, made without a branch, which a mixture of depths would mispredict.
 * The bodies differ in how they count the keys of a line.
 *
 * The vector bodies load a line's keys at once.  The base of an inner line and
 * the values of a leaf may be stored to meanwhile: the loads leave them out, and
 * the one that is wanted is loaded on its own.
 */

#include "stack/route/fib6_impl.h"
#include "stack/route/host.h"

#if defined(FIB6_VECTORS) && defined(__x86_64__)
#include <immintrin.h>
#elif defined(FIB6_VECTORS) && defined(__aarch64__)
#include <arm_neon.h>
#endif

#define DEPTH 32u

/* Addresses on their way, by number; lists of numbers. */
struct pass {
	const struct fib6_inner *line[DEPTH];
	int32_t key[DEPTH];
	uint32_t word[DEPTH];
	uint32_t left[DEPTH]; /* levels below line */
	uint32_t flat[DEPTH]; /* those whose word is the group */
	uint32_t tree[DEPTH]; /* the others */
	uint32_t high[DEPTH]; /* those of them that are not at their leaf */
	unsigned int flats, trees, highs;
};

typedef uint32_t rank_inner_fn(const struct fib6_inner *n, int32_t k);
typedef uint32_t rank_leaf_fn(const struct fib6_leaf *n, int32_t k);

#define BODY static inline __attribute__((always_inline))

BODY void
load_words(const struct fib6 *f, const uint64_t (*dst)[2], unsigned int n,
    struct pass *p)
{
	const struct fib6_inner *lines = f->lines;
	const struct fib6_word *dir = f->dir;
	unsigned int flats = 0, trees = 0, highs = 0;

	for (unsigned int i = 0; i < n; i++) {
		const uint64_t hi = dst[i][0];

		/* LINE acquire: pairs with the release in fib6_commit(). */
		p->word[i] =
		    sync_load_acquire(&dir[hi >> (64 - FIB6_DIR_BITS)].w);
		p->key[i] = fib6_key(hi, 0, FIB6_DIR_BITS);
	}
	for (unsigned int i = 0; i < n; i++) {
		const uint32_t w = p->word[i], levels = FIB6_LEVELS(w);
		/* Line 0, which nobody has, where the word is the group. */
		const uint32_t line =
		    FIB6_NUMBER(w) & (0 - (uint32_t)(levels != 0));

		p->line[i] = &lines[line];
		__builtin_prefetch(p->line[i]);
		p->left[i] = levels - 1;
		p->flat[flats] = i;
		p->tree[trees] = i;
		p->high[highs] = i;
		flats += levels == 0;
		trees += levels != 0;
		highs += levels > 1;
	}
	p->flats = flats;
	p->trees = trees;
	p->highs = highs;
}

/* One level down for those that are not at their leaf. */
BODY void
descend(const struct fib6 *f, struct pass *p, rank_inner_fn *rank)
{
	const struct fib6_inner *lines = f->lines;
	unsigned int highs = 0;

	for (unsigned int k = 0; k < p->highs; k++) {
		const uint32_t i = p->high[k], left = p->left[i] - 1;
		const struct fib6_inner *n = p->line[i];
		uint32_t next;

		/* LINE acquire: pairs with the release in fib6_commit(). */
		next = sync_load_acquire(&n->base.w) + rank(n, p->key[i]);
		p->line[i] = &lines[next];
		__builtin_prefetch(p->line[i]);
		p->left[i] = left;
		p->high[highs] = i;
		highs += left > 0;
	}
	p->highs = highs;
}

/* An address that is at a wide leaf, or one that leads to a stage. */
static uint32_t
unusual(const struct fib6 *f, const struct pass *p, unsigned int i,
    const uint64_t dst[2], uint32_t value)
{
	const struct fib6_wide *n = (const void *)p->line[i];

	if ((p->word[i] & FIB6_WIDE) == 0)
		return fib6_finish(f, dst[0], dst[1],
		    FIB6_WIDE_STAGE | (value & ~FIB6_LEAF_STAGE));
	value = n->value[fib6_rank_wide(n, p->key[i])];
	if (value == 0)
		return fib6_short(f, dst[0]);
	return fib6_finish(f, dst[0], dst[1], value & ~FIB6_NOTHING);
}

BODY void
read_words(const struct fib6 *f, const uint64_t (*dst)[2], const struct pass *p,
    uint32_t *group)
{
	for (unsigned int k = 0; k < p->flats; k++) {
		const uint32_t i = p->flat[k], g = FIB6_NUMBER(p->word[i]);
		const uint32_t brief = fib6_short(f, dst[i][0]);

		group[i] = g != 0 ? g & ~FIB6_NOTHING : brief;
	}
}

BODY void
read_leaves(const struct fib6 *f, const uint64_t (*dst)[2],
    const struct pass *p, uint32_t *group, rank_leaf_fn *rank)
{
	const struct fib6_word *groups = f->groups;
	uint32_t value[DEPTH], odd = 0;

	for (unsigned int k = 0; k < p->trees; k++) {
		const uint32_t i = p->tree[k];
		const struct fib6_leaf *n = (const void *)p->line[i];
		const uint32_t r = rank(n, p->key[i]);
		/* VALUE acquire: pairs with the release in fib6_commit(). */
		const uint32_t v = sync_load_acquire(&n->value[r].v);
		const uint32_t brief =
		    FIB6_LOCAL_MAX +
		    (uint32_t)(dst[i][0] >> (64 - FIB6_SHORT_BITS));
		const uint32_t at = v % FIB6_LOCAL_MAX;

		value[i] = v;
		odd |= (v & FIB6_LEAF_STAGE) | (p->word[i] & FIB6_WIDE);
		/* BRIEF acquire: pairs with the release in store_briefs. */
		group[i] = sync_load_acquire(&groups[at != 0 ? at : brief].w);
	}
	for (unsigned int k = 0; odd != 0 && k < p->trees; k++) {
		const uint32_t i = p->tree[k];

		if ((value[i] & FIB6_LEAF_STAGE) != 0 ||
		    (p->word[i] & FIB6_WIDE) != 0)
			group[i] = unusual(f, p, i, dst[i], value[i]);
	}
}

BODY void
batch(const struct fib6 *f, const uint64_t (*dst)[2], uint32_t *group,
    unsigned int n, rank_inner_fn *inner, rank_leaf_fn *leaf)
{
	struct pass p;
	unsigned int m;

	for (; n > 0; n -= m, dst += m, group += m) {
		m = n < DEPTH ? n : DEPTH;
		load_words(f, dst, m, &p);
		read_words(f, dst, &p, group);
		while (p.highs > 0)
			descend(f, &p, inner);
		read_leaves(f, dst, &p, group, leaf);
	}
}

static void
batch_portable(const struct fib6 *f, const uint64_t (*dst)[2], uint32_t *group,
    unsigned int n)
{
	batch(f, dst, group, n, fib6_rank_inner, fib6_rank_leaf);
}

#if defined(FIB6_VECTORS) && defined(__x86_64__)

#define AVX2   __attribute__((target("avx2,popcnt")))
#define AVX512 __attribute__((target("avx512f,avx512vl,popcnt")))

AVX2 static inline uint32_t
avx2_less(__m256i keys, int32_t k)
{
	return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(
	    _mm256_cmpgt_epi32(_mm256_set1_epi32(k), keys)));
}

AVX2 static inline uint32_t
avx2_inner(const struct fib6_inner *n, int32_t k)
{
	const __m256i a = _mm256_loadu_si256((const void *)&n->key[0]);
	const __m256i b = _mm256_loadu_si256((const void *)&n->key[7]);

	return (uint32_t)__builtin_popcount(
	    avx2_less(a, k) | (avx2_less(b, k) & 0xfeu) << 8);
}

AVX2 static inline uint32_t
avx2_leaf(const struct fib6_leaf *n, int32_t k)
{
	const __m256i a = _mm256_loadu_si256((const void *)&n->key[0]);
	const __m256i b = _mm256_loadu_si256((const void *)&n->key[2]);

	return (uint32_t)__builtin_popcount(
	    avx2_less(a, k) | (avx2_less(b, k) & 0xc0u) << 2);
}

AVX2 static void
batch_avx2(const struct fib6 *f, const uint64_t (*dst)[2], uint32_t *group,
    unsigned int n)
{
	batch(f, dst, group, n, avx2_inner, avx2_leaf);
}

AVX512 static inline uint32_t
avx512_inner(const struct fib6_inner *n, int32_t k)
{
	const __m512i line = _mm512_maskz_load_epi32(0xfffe, n);

	return (uint32_t)__builtin_popcount(
	    _mm512_mask_cmplt_epi32_mask(0xfffe, line, _mm512_set1_epi32(k)));
}

AVX512 static inline uint32_t
avx512_leaf(const struct fib6_leaf *n, int32_t k)
{
	const __mmask16 keys = (1u << FIB6_LEAF_KEYS) - 1;
	const __m512i line = _mm512_maskz_load_epi32(keys, n);

	return (uint32_t)__builtin_popcount(
	    _mm512_mask_cmplt_epi32_mask(keys, line, _mm512_set1_epi32(k)));
}

AVX512 static void
batch_avx512(const struct fib6 *f, const uint64_t (*dst)[2], uint32_t *group,
    unsigned int n)
{
	batch(f, dst, group, n, avx512_inner, avx512_leaf);
}

#elif defined(FIB6_VECTORS) && defined(__aarch64__)

/* -1 for each of four keys below k. */
static inline int32x4_t
neon_less(const int32_t *key, int32_t k)
{
	return vreinterpretq_s32_u32(vcltq_s32(vld1q_s32(key), vdupq_n_s32(k)));
}

/* Of a line's last four keys some are among those before, too. */
static inline uint32_t
neon_count(int32x4_t rest, int32x4_t last, unsigned int fresh)
{
	static const int32_t lane[4] = {3, 2, 1, 0};
	const uint32x4_t mine =
	    vcltq_s32(vld1q_s32(lane), vdupq_n_s32((int32_t)fresh));

	last = vandq_s32(last, vreinterpretq_s32_u32(mine));
	return (uint32_t)-vaddvq_s32(vaddq_s32(rest, last));
}

static inline uint32_t
neon_inner(const struct fib6_inner *n, int32_t k)
{
	const int32x4_t rest = vaddq_s32(
	    vaddq_s32(neon_less(&n->key[0], k), neon_less(&n->key[4], k)),
	    neon_less(&n->key[8], k));

	return neon_count(rest, neon_less(&n->key[11], k), 3);
}

static inline uint32_t
neon_leaf(const struct fib6_leaf *n, int32_t k)
{
	const int32x4_t rest =
	    vaddq_s32(neon_less(&n->key[0], k), neon_less(&n->key[4], k));

	return neon_count(rest, neon_less(&n->key[6], k), 2);
}

static void
batch_neon(const struct fib6 *f, const uint64_t (*dst)[2], uint32_t *group,
    unsigned int n)
{
	batch(f, dst, group, n, neon_inner, neon_leaf);
}

#endif

void
fib6_batch_choose(struct fib6 *f)
{
	f->batch = batch_portable;
	f->body = "portable";
#if defined(FIB6_VECTORS) && defined(__x86_64__)
	if (route_host_wants("portable"))
		return;
	if (__builtin_cpu_supports("avx2") &&
	    __builtin_cpu_supports("popcnt")) {
		f->batch = batch_avx2;
		f->body = "avx2";
	}
	if (route_host_wants("avx2"))
		return;
	if (__builtin_cpu_supports("avx512f") &&
	    __builtin_cpu_supports("avx512vl")) {
		f->batch = batch_avx512;
		f->body = "avx512";
	}
#elif defined(FIB6_VECTORS) && defined(__aarch64__)
	if (route_host_wants("portable"))
		return;
	f->batch = batch_neon;
	f->body = "neon";
#endif
}
