/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lookups of many addresses: the direct words of a group of them first, each
 * asking for its block, then the blocks, so that their misses overlap.
 *
 * The bodies are this one, compiled with and without an instruction that counts
 * bits, and those of fib4_avx2.c and fib4_avx512.c.
 */

#include <stdlib.h>
#include <string.h>

#include "stack/route/fib4_impl.h"

#define GROUP 32u

#define ALWAYS static inline __attribute__((always_inline))

/* n addresses, at most GROUP; those that follow are asked for. */
ALWAYS void
group_lookup(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n, bool wide, unsigned int (*count)(uint64_t))
{
	uint32_t at[GROUP];

	for (unsigned int i = 0; i < n; i++) {
		/* BLOCK acquire: pairs with the release in publish. */
		at[i] = sync_load_acquire(&v->direct[FIB4_WORD(dst[i])]);
		__builtin_prefetch(
		    v->blocks + (size_t)at[i] * ROUTE_ARENA_GRANULE);
	}
	for (unsigned int i = 0; i < n; i++) {
		const uint32_t leaf = fib4_leaf(v, at[i], dst[i], wide, count);

		/* ALIAS acquire: pairs with the release in rebind. */
		group[i] = sync_load_acquire(&v->group[leaf]);
	}
}

ALWAYS void
body(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n, bool wide, unsigned int (*count)(uint64_t))
{
	for (; n >= GROUP; n -= GROUP, dst += GROUP, group += GROUP)
		group_lookup(v, dst, group, GROUP, wide, count);
	group_lookup(v, dst, group, n, wide, count);
}

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

#ifdef __x86_64__
#define POPCNT __attribute__((target("popcnt")))

POPCNT static inline unsigned int
hard_count(uint64_t x)
{
	return (unsigned int)__builtin_popcountll(x);
}

POPCNT static void
popcnt_narrow(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, false, hard_count);
}

POPCNT static void
popcnt_wide(const struct fib4_view *v, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(v, dst, group, n, true, hard_count);
}

static const struct fib4_body popcnt = {"portable", popcnt_narrow, popcnt_wide};
#endif

const struct fib4_body *
fib4_body_choose(void)
{
	const char *name = getenv("PSNET_FIB");
	/*
	 * Best first.  Processors of today load two or three words in a cycle,
	 * but take one for each element of a gather; the vectors lost
	 * by a quarter where both were measured.
	 */
	const struct fib4_body *list[] = {
#ifdef __x86_64__
	    __builtin_cpu_supports("popcnt") ? &popcnt : NULL,
#endif
	    fib4_body_avx512(),
	    fib4_body_avx2(),
	    &portable,
	};
	const size_t n = sizeof(list) / sizeof(list[0]);

	for (size_t i = 0; i < n && name != NULL; i++)
		if (list[i] != NULL && strcmp(list[i]->name, name) == 0)
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
