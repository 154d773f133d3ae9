/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef BENCHMARKS_ROUTE_OURS_H
#define BENCHMARKS_ROUTE_OURS_H

/*
 * What our tables of both families share: routes in a prefix tree, compiled
 * for lookup by the functions of one family, which have the contracts of
 * stack/route/fib4.h.
 */

#include "benchmarks/route.h"
#include "libsync/radix_lf/radix_lf.h"
#include "stack/route/arena.h"
#include "stack/route/fib.h"

struct route_ours_ops {
	int (*create)(struct route_arena *a, void **out);
	void (*destroy)(void *fib);
	int (*stage)(void *fib, const uint8_t *key, unsigned int plen);
	int (*prepare)(void *fib, const struct fib_source *after);
	void (*commit)(void *fib);
	void (*stats)(const void *fib, struct fib_stats *out);
};

struct route_ours {
	void *fib;
	const struct route_ours_ops *ops;
	struct radix_lf *tree;
	size_t tree_bytes;
	struct radix_lf_snap snap; /* while a change is compiled */
};

/* body: of the batch, as PSNET_FIB names it, or NULL: the best one. */
struct route_ours *route_ours_create(const struct route_set *s,
    const struct route_ours_ops *ops, const char *body);
void route_ours_destroy(void *table);
bool route_ours_select(void *table, int how);
uint32_t route_ours_decode(const union route_out *out, unsigned int i);
int route_ours_add(void *table, const struct route_prefix *e);
int route_ours_remove(void *table, const struct route_prefix *e);
size_t route_ours_rib_bytes(const void *table);

extern const struct route_way route_ours_modes[];

#define ROUTE_OURS(kind, label, af, fill)      \
	const struct route_kind kind = {       \
	    .name = label,                     \
	    .family = af,                      \
	    .ours = true,                      \
	    .modes = route_ours_modes,         \
	    .create = fill,                    \
	    .destroy = route_ours_destroy,     \
	    .select = route_ours_select,       \
	    .lookup = lookup,                  \
	    .decode = route_ours_decode,       \
	    .single = single,                  \
	    .add = route_ours_add,             \
	    .remove = route_ours_remove,       \
	    .bytes = bytes,                    \
	    .rib_bytes = route_ours_rib_bytes, \
	}

#endif /* BENCHMARKS_ROUTE_OURS_H */
