/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lookups of many addresses, sixteen at a time, one level after the other: all
 * their words are loaded, then all first lines, and so on, so that the cache
 * misses of one pass overlap.  An address whose tree has fewer levels waits at
 * its leaf.  The bodies differ in how they count the keys of a line.
 *
 * The vector bodies load whole lines.  Lane 0 of an inner line is its base,
 * which may be stored to meanwhile: the load is masked there, and base is
 * loaded on its own.
 */

#include <stdbool.h>
#include <string.h>

#include "stack/route/fib6_impl.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define DEPTH 16u

/* Addresses on their way. */
struct pass {
	int32_t key[DEPTH];
	uint32_t word[DEPTH], line[DEPTH];
	unsigned int levels[DEPTH], most; /* levels above the leaf */
	bool wide;                        /* some leaf is */
};

typedef uint32_t rank_inner_fn(const struct fib6_inner *n, int32_t k);
typedef uint32_t rank_leaf_fn(const struct fib6_leaf *n, int32_t k);

#define BODY static inline __attribute__((always_inline))

BODY void
load_words(const struct fib6 *f, const uint64_t (*dst)[2], struct pass *p)
{
	for (unsigned int i = 0; i < DEPTH; i++) {
		const uint64_t hi = dst[i][0];

		/* LINE acquire: pairs with the release in fib6_commit(). */
		p->word[i] =
		    sync_load_acquire(&f->dir[hi >> (64 - FIB6_DIR_BITS)].w);
		p->key[i] = fib6_key(hi, 0, FIB6_DIR_BITS);
	}
	p->most = 0;
	p->wide = false;
	for (unsigned int i = 0; i < DEPTH; i++) {
		const unsigned int levels = FIB6_LEVELS(p->word[i]);

		p->line[i] = levels != 0 ? FIB6_NUMBER(p->word[i]) : f->idle;
		p->levels[i] = levels != 0 ? levels - 1 : 0;
		p->most = p->levels[i] > p->most ? p->levels[i] : p->most;
		p->wide |= (p->word[i] & FIB6_WIDE) != 0;
		__builtin_prefetch(&f->lines[p->line[i]]);
	}
}

/* One level down for those that are not at their leaf. */
BODY void
descend(const struct fib6 *f, struct pass *p, unsigned int level,
    rank_inner_fn *rank)
{
	for (unsigned int i = 0; i < DEPTH; i++) {
		const struct fib6_inner *n = &f->lines[p->line[i]];
		uint32_t next;

		/* LINE acquire: pairs with the release in fib6_commit(). */
		next = sync_load_acquire(&n->base.w) + rank(n, p->key[i]);
		p->line[i] = p->levels[i] > level ? next : p->line[i];
		__builtin_prefetch(&f->lines[p->line[i]]);
	}
}

/* The rest of a lookup that is not of the usual kind. */
static uint32_t
finish(const struct fib6 *f, const uint64_t dst[2], uint32_t v)
{
	unsigned int at = FIB6_DIR_BITS;

	while ((v & FIB6_WIDE_STAGE) != 0) {
		uint32_t w;

		at += FIB6_STAGE_BITS;
		/* LINE acquire: pairs with the release in fib6_commit(). */
		w = sync_load_acquire(&f->stages[v & ~FIB6_WIDE_STAGE].w);
		v = fib6_step(f, w, dst[0], fib6_key(dst[0], dst[1], at));
	}
	return v;
}

/* The value of an address whose leaf is wide. */
static uint32_t
wide_value(
    const struct fib6 *f, const struct pass *p, unsigned int i, uint64_t hi)
{
	const struct fib6_wide *n = (const void *)&f->lines[p->line[i]];
	const uint32_t v = n->value[fib6_rank_wide(n, p->key[i])];

	return v != 0 ? v & ~FIB6_NOTHING : fib6_short(f, hi);
}

BODY void
read_leaves(const struct fib6 *f, const uint64_t (*dst)[2],
    const struct pass *p, uint32_t *group, rank_leaf_fn *rank)
{
	uint32_t value[DEPTH], stages = 0;

	for (unsigned int i = 0; i < DEPTH; i++) {
		const struct fib6_leaf *n = (const void *)&f->lines[p->line[i]];

		value[i] = n->value[rank(n, p->key[i])];
		stages |= value[i] & FIB6_LEAF_STAGE;
	}
	for (unsigned int i = 0; i < DEPTH; i++) {
		const uint32_t direct =
		    FIB6_LEVELS(p->word[i]) == 0 ? p->word[i] >> 4 : 0;
		const uint32_t v = value[i] % FIB6_LOCAL_MAX;
		const uint32_t at =
		    v != 0
			? v
			: FIB6_LOCAL_MAX +
			      (uint32_t)(dst[i][0] >> (64 - FIB6_SHORT_BITS));
		/* relaxed: as in fib6_step(). */
		const uint32_t g = sync_load_relaxed(&f->groups[at].w);

		group[i] = direct != 0 ? direct & ~FIB6_NOTHING : g;
	}
	if (__builtin_expect(stages == 0 && !p->wide, 1))
		return;
	for (unsigned int i = 0; i < DEPTH; i++) {
		if ((p->word[i] & FIB6_WIDE) != 0)
			group[i] =
			    finish(f, dst[i], wide_value(f, p, i, dst[i][0]));
		else if ((value[i] & FIB6_LEAF_STAGE) != 0)
			group[i] = finish(f, dst[i],
			    FIB6_WIDE_STAGE | (value[i] & ~FIB6_LEAF_STAGE));
	}
}

BODY void
one_pass(const struct fib6 *f, const uint64_t (*dst)[2], uint32_t *group,
    rank_inner_fn *inner, rank_leaf_fn *leaf)
{
	struct pass p;

	load_words(f, dst, &p);
	for (unsigned int i = 0; i < p.most; i++)
		descend(f, &p, i, inner);
	read_leaves(f, dst, &p, group, leaf);
}

BODY void
batch(const struct fib6 *f, const uint64_t (*dst)[2], uint32_t *group,
    unsigned int n, rank_inner_fn *inner, rank_leaf_fn *leaf)
{
	uint64_t rest[DEPTH][2];
	uint32_t found[DEPTH];

	for (; n >= DEPTH; n -= DEPTH, dst += DEPTH, group += DEPTH)
		one_pass(f, dst, group, inner, leaf);
	if (n == 0)
		return;
	for (unsigned int i = 0; i < DEPTH; i++)
		memcpy(rest[i], dst[i < n ? i : n - 1], sizeof(rest[i]));
	one_pass(f, (const uint64_t(*)[2])rest, found, inner, leaf);
	memcpy(group, found, n * sizeof(*group));
}

static void
batch_portable(const struct fib6 *f, const uint64_t (*dst)[2], uint32_t *group,
    unsigned int n)
{
	batch(f, dst, group, n, fib6_rank_inner, fib6_rank_leaf);
}

#if defined(__x86_64__)

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
	const __m256i b = _mm256_loadu_si256((const void *)&n->key[8]);

	return (uint32_t)__builtin_popcount(
	    avx2_less(a, k) | (avx2_less(b, k) & 3u) << 8);
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
	const __m512i line = _mm512_load_si512(n);

	return (uint32_t)__builtin_popcount(_mm512_mask_cmplt_epi32_mask(
	    (1u << FIB6_LEAF_KEYS) - 1, line, _mm512_set1_epi32(k)));
}

AVX512 static void
batch_avx512(const struct fib6 *f, const uint64_t (*dst)[2], uint32_t *group,
    unsigned int n)
{
	batch(f, dst, group, n, avx512_inner, avx512_leaf);
}

#endif

void
fib6_batch_choose(struct fib6 *f, const char *want)
{
	f->batch = batch_portable;
	f->body = "portable";
#if defined(__x86_64__)
	if (want != NULL && strcmp(want, "portable") == 0)
		return;
	if (__builtin_cpu_supports("avx2") &&
	    __builtin_cpu_supports("popcnt")) {
		f->batch = batch_avx2;
		f->body = "avx2";
	}
	if (want != NULL && strcmp(want, "avx2") == 0)
		return;
	if (__builtin_cpu_supports("avx512f") &&
	    __builtin_cpu_supports("avx512vl")) {
		f->batch = batch_avx512;
		f->body = "avx512";
	}
#else
	(void)want;
#endif
}
