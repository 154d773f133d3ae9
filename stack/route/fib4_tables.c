/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lookups of many addresses, each in a table of its own: the views of all, then
 * the direct words, each asking for its block, then the blocks, so that the
 * misses of each level overlap.
 */

#include "libsync/base/assert.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/route/fib4_impl.h"

#define GROUP 32u /* addresses under way */

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS void
group_lookup(const struct fib4 *const *f, const uint32_t *dst, uint32_t *group,
    unsigned int n, unsigned int (*count)(uint64_t))
{
	const struct fib4_view *view[GROUP], *v;
	uint32_t at[GROUP], leaf;
	unsigned int i;

	for (i = 0; i < n; i++) {
		/* VIEW acquire: pairs with the release in widen_publish. */
		view[i] = sync_load_acquire(&f[i]->view);
		__builtin_prefetch(&view[i]->direct[FIB4_WORD(dst[i])]);
	}
	for (i = 0; i < n; i++) {
		/* BLOCK acquire: pairs with the release in publish. */
		at[i] = sync_load_acquire(&view[i]->direct[FIB4_WORD(dst[i])]);
		__builtin_prefetch(
		    view[i]->blocks + (size_t)at[i] * ROUTE_ARENA_GRANULE);
	}
	for (i = 0; i < n; i++) {
		v = view[i];
		leaf = v->wide ? fib4_leaf(v, at[i], dst[i], true, count)
			       : fib4_leaf(v, at[i], dst[i], false, count);
		/* ALIAS acquire: pairs with the release in rebind. */
		group[i] = sync_load_acquire(&v->group[leaf]);
	}
}

ALWAYS void
body(const struct fib4 *const *f, const uint32_t *dst, uint32_t *group,
    unsigned int n, unsigned int (*count)(uint64_t))
{
	for (; n > GROUP; n -= GROUP, f += GROUP, dst += GROUP, group += GROUP)
		group_lookup(f, dst, group, GROUP, count);
	group_lookup(f, dst, group, n, count);
}

#ifdef FIB4_POPCNT
FIB4_POPCNT static void
body_popcnt(const struct fib4 *const *f, const uint32_t *dst, uint32_t *group,
    unsigned int n)
{
	body(f, dst, group, n, fib4_hard_count);
}
#endif

void
fib4_lookup_tables(const struct fib4 *const *f, const uint32_t *dst,
    uint32_t *group, unsigned int n)
{
	SYNC_ASSERT(pserialize_in_read_section());
#ifdef FIB4_POPCNT
	if (__builtin_cpu_supports("popcnt")) {
		body_popcnt(f, dst, group, n);
		return;
	}
#endif
	body(f, dst, group, n, fib4_count);
}
