/* SPDX-License-Identifier: BSD-2-Clause */

/* Pools for the tests of percpu/pool. */
#ifndef TESTS_LIBSYNC_POOL_ITEM_H
#define TESTS_LIBSYNC_POOL_ITEM_H

#include <stdint.h>

#include "libsync/percpu/pool.h"

struct pool_item {
	uint64_t made; /* by init, and never again */
	uint64_t owner;
};

static inline struct percpu_pool_stats
pool_stats(struct percpu_pool *p)
{
	struct percpu_pool_stats s;

	percpu_pool_stats(p, &s);
	return s;
}

#endif /* TESTS_LIBSYNC_POOL_ITEM_H */
