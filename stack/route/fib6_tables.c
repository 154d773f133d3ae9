/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lookups of many addresses, each in a table of its own: the words of all, each
 * asking for its line, then one level after the other, so that the misses of
 * each level overlap.  What is left at the leaves is as in a single lookup.
 */

#include "libsync/base/assert.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/route/fib6_impl.h"

#define GROUP 32u /* addresses under way */

/* Go down from a word to a line with a leaf's.  Returns: a word for that. */
static inline uint32_t
descend(const struct fib6 *f, uint32_t word, int32_t key)
{
	const struct fib6_inner *n = &f->lines[FIB6_NUMBER(word)];
	uint32_t line;

	/* LINE acquire: pairs with the release in fib6_commit(). */
	line = sync_load_acquire(&n->base.w) + fib6_rank_inner(n, key);
	__builtin_prefetch(&f->lines[line]);
	return fib6_root(line, (word & FIB6_WIDE) != 0, FIB6_LEVELS(word) - 1);
}

static void
group_lookup(const struct fib6 *const *f, const uint64_t (*dst)[2],
    uint32_t *group, unsigned int n)
{
	unsigned int i, levels, deepest = 0;
	uint32_t word[GROUP];
	int32_t key[GROUP];

	for (i = 0; i < n; i++) {
		const uint64_t hi = dst[i][0];

		__builtin_prefetch(&f[i]->dir[hi >> (64 - FIB6_DIR_BITS)]);
		key[i] = fib6_key(hi, 0, FIB6_DIR_BITS);
	}
	for (i = 0; i < n; i++) {
		/* LINE acquire: pairs with the release in fib6_commit(). */
		word[i] = sync_load_acquire(
		    &f[i]->dir[dst[i][0] >> (64 - FIB6_DIR_BITS)].w);
		levels = FIB6_LEVELS(word[i]);
		deepest = levels > deepest ? levels : deepest;
		if (levels > 0)
			__builtin_prefetch(&f[i]->lines[FIB6_NUMBER(word[i])]);
	}
	for (; deepest > 1; deepest--)
		for (i = 0; i < n; i++)
			if (FIB6_LEVELS(word[i]) > 1)
				word[i] = descend(f[i], word[i], key[i]);
	for (i = 0; i < n; i++)
		group[i] = fib6_finish(f[i], dst[i][0], dst[i][1],
		    fib6_step(f[i], word[i], dst[i][0], key[i]));
}

void
fib6_lookup_tables(const struct fib6 *const *f, const uint64_t (*dst)[2],
    uint32_t *group, unsigned int n)
{
	SYNC_ASSERT(pserialize_in_read_section());
	for (; n > GROUP; n -= GROUP, f += GROUP, dst += GROUP, group += GROUP)
		group_lookup(f, dst, group, GROUP);
	group_lookup(f, dst, group, n);
}
