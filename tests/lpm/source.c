/* SPDX-License-Identifier: BSD-2-Clause */

#include "tests/lpm/source.h"

#define ARENA_LIMIT ((size_t)2 << 30)

static uint32_t
cover(
    void *arg, const uint8_t *key, unsigned int plen, unsigned int *cover_plen)
{
	return lpm_tree_cover(arg, key, plen, cover_plen);
}

static int
walk(void *arg, const uint8_t *key, unsigned int plen, fib_walk_fn *fn,
    void *ctx)
{
	return lpm_tree_walk(arg, key, plen, fn, ctx);
}

struct fib_source
lpm_source(struct lpm_tree *t)
{
	return (struct fib_source){.cover = cover, .walk = walk, .arg = t};
}

int
lpm_source_arena(struct route_arena **out)
{
	return route_arena_create(ARENA_LIMIT, out);
}

size_t
lpm_source_arena_end(struct route_arena *a)
{
	struct route_arena_stats stats;

	route_arena_settle(a);
	route_arena_stats(a, &stats);
	route_arena_destroy(a);
	return stats.used;
}
