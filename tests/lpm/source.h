/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_LPM_SOURCE_H
#define TESTS_LPM_SOURCE_H

/*
 * A tree as what forwarding tables are compiled from, and the arena that one
 * table has for itself.
 */

#include "stack/route/arena.h"
#include "stack/route/fib.h"
#include "tests/lpm/tree.h"

/* The tree's committed state. */
struct fib_source lpm_source(struct lpm_tree *t);

/* Returns: 0 or -ENOMEM. */
int lpm_source_arena(struct route_arena **out);

/* Destroy an arena whose table is gone.  Returns: bytes still in use. */
size_t lpm_source_arena_end(struct route_arena *a);

#endif /* TESTS_LPM_SOURCE_H */
