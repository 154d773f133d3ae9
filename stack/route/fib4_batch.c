/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lookups of many addresses, in C for any processor: those of the first group
 * of them load their direct words, and ask for their blocks; then one address
 * after the other finds its leaf, while the address a group later loads its
 * direct word and the one two groups later asks for it.  So the misses of all
 * levels overlap, and none is waited for at the end of a pass.
 *
 * It is compiled with and without some instructions; other bodies are in
 * fib4_avx2.c, fib4_avx512.c and fib4_neon.c.
 */

#include "stack/route/fib4_impl.h"
#include "stack/route/host.h"

#define GROUP 32u

#define ALWAYS static inline __attribute__((always_inline))

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 4")
#endif

/* The words that lookups begin with, where stores cannot change them. */
struct roots {
	const uint8_t *blocks;
	__typeof__(((struct fib4_view *)0)->direct) direct;
	__typeof__(((struct fib4_view *)0)->group) group;
};

/* The direct word of an address, and its block asked for. */
ALWAYS uint32_t
ask(const struct roots *r, uint32_t dst)
{
	/* BLOCK acquire: pairs with the release in publish. */
	const uint32_t at = sync_load_acquire(&r->direct[FIB4_WORD(dst)]);

	__builtin_prefetch(r->blocks + (size_t)at * ROUTE_ARENA_GRANULE);
	return at;
}

/* n groups of addresses whose direct words were loaded. */
ALWAYS void
groups(const struct fib4_view *v, const struct roots *r, const uint32_t *at,
    const uint32_t *dst, uint32_t *group, unsigned int n, bool wide,
    unsigned int (*count)(uint64_t))
{
	const uint32_t longer = wide ? FIB4_WIDE_EXT : FIB4_NARROW_EXT;

	UNROLL
	for (unsigned int i = 0; i < n; i++) {
		uint32_t leaf =
		    fib4_leaf_at(r->blocks, at[i], dst[i], wide, count);

		if (__builtin_expect((leaf & longer) != 0, 0))
			leaf = fib4_ext_leaf(v, leaf, dst[i]);
		/* ALIAS acquire: pairs with the release in rebind. */
		group[i] = sync_load_acquire(&r->group[leaf]);
	}
}

/*
 * Any number of addresses, each with the load of its group; direct words are
 * asked for two groups ahead, blocks one.
 */
ALWAYS void
body(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n, bool wide, unsigned int (*count)(uint64_t))
{
	const struct roots r = {v->blocks, v->direct, v->group};
	uint32_t at[GROUP];
	unsigned int ahead = n < GROUP ? n : GROUP;

	for (unsigned int i = 0; i < n && i < 2 * GROUP; i++)
		__builtin_prefetch(&r.direct[FIB4_WORD(dst[i])]);
	for (unsigned int i = 0; i < ahead; i++)
		at[i] = ask(&r, dst[i]);
	for (; n >= 2 * GROUP; n -= GROUP) {
		const bool far = n >= 3 * GROUP;

		for (unsigned int i = 0; i < GROUP; i += 4) {
			groups(
			    v, &r, at + i, dst + i, group + i, 4, wide, count);
			UNROLL
			for (unsigned int j = 0; j < 4; j++)
				at[i + j] = ask(&r, dst[GROUP + i + j]);
			if (!far)
				continue;
			UNROLL
			for (unsigned int j = 0; j < 4; j++)
				__builtin_prefetch(&r.direct[FIB4_WORD(
				    dst[2 * GROUP + i + j])]);
		}
		dst += GROUP;
		group += GROUP;
	}
	while (n > 0) {
		for (unsigned int i = 0; i < ahead; i++)
			groups(
			    v, &r, at + i, dst + i, group + i, 1, wide, count);
		n -= ahead;
		dst += ahead;
		group += ahead;
		ahead = n;
		for (unsigned int i = 0; i < ahead; i++)
			at[i] = ask(&r, dst[i]);
	}
}

/* The same for tables of both widths, with some instructions. */

static void
portable_narrow(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, false, fib4_count);
}

static void
portable_wide(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, true, fib4_count);
}

static const struct fib4_body portable = {
    "portable", portable_narrow, portable_wide};

#ifdef FIB4_POPCNT
#define BMI2 __attribute__((target("popcnt,bmi,bmi2")))

FIB4_POPCNT static void
popcnt_narrow(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, false, fib4_hard_count);
}

FIB4_POPCNT static void
popcnt_wide(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, true, fib4_hard_count);
}

static const struct fib4_body popcnt = {"portable", popcnt_narrow, popcnt_wide};

BMI2 static void
bmi2_narrow(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, false, fib4_hard_count);
}

BMI2 static void
bmi2_wide(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, true, fib4_hard_count);
}

static const struct fib4_body bmi2 = {"portable", bmi2_narrow, bmi2_wide};
#endif

const struct fib4_body *
fib4_body_choose(void)
{
	/*
	 * Best first.  A gather takes a cycle or more for each element, where
	 * three or four loads of their own take one; it only pays where it does
	 * not do that in microcode.
	 */
	const struct fib4_body *list[] = {
#ifdef FIB4_POPCNT
	    __builtin_cpu_is("intel") ? fib4_body_avx512() : NULL,
	    __builtin_cpu_supports("bmi2") ? &bmi2 : NULL,
	    __builtin_cpu_supports("popcnt") ? &popcnt : NULL,
#endif
	    fib4_body_avx512(),
	    fib4_body_avx2(),
	    fib4_body_neon(),
	    &portable,
	};
	const size_t n = sizeof(list) / sizeof(list[0]);

	for (size_t i = 0; i < n; i++)
		if (list[i] != NULL && route_host_wants(list[i]->name))
			return list[i];
	for (size_t i = 0; i < n; i++)
		if (list[i] != NULL)
			return list[i];
	return &portable;
}

const char *
fib4_body_name(const struct fib4 *f)
{
	return f->body->name;
}

void
fib4_lookup_batch(
    const struct fib4 *f, const uint32_t *dst, uint32_t *group, unsigned int n)
{
	const struct fib4_view *v;

	SYNC_ASSERT(pserialize_in_read_section());
	/* VIEW acquire: pairs with the release in widen_publish. */
	v = sync_load_acquire(&f->view);
	(v->wide ? f->body->wide : f->body->narrow)(v, dst, group, n);
}
