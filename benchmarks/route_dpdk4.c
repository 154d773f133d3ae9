/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * rte_lpm and rte_fib (DIR24_8) of DPDK.
 *
 * rte_lpm searches its rules one by one when it adds one: a full table takes
 * minutes.  "rte_lpm" here therefore has its two tables, which are all that a
 * lookup reads and are laid open in its header, filled as it would have filled
 * them.  "rte_lpm_rules" is filled by its own functions, for the cost of
 * updates.
 */

#include <rte_fib.h>
#include <rte_lpm.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/route.h"
#include "benchmarks/route_dpdk.h"

#define SPARE_TBL8 4096U /* for the updates */

struct lpm {
	struct rte_lpm *lpm;
	size_t bytes;
};

struct fib {
	struct rte_fib *fib;
	size_t bytes;
};

/* The tbl8 that a table needs: a /24 with something longer in it takes one. */
static uint32_t
count_tbl8(const struct route_set *s)
{
	uint32_t n = 0, last = UINT32_MAX;

	for (size_t i = 0; i < s->n; i++)
		if (s->entry[i].plen > 24 &&
		    route_set_index(&s->entry[i]) >> 8 != last) {
			last = route_set_index(&s->entry[i]) >> 8;
			n++;
		}
	return n;
}

static struct lpm *
lpm_make(const struct route_set *s, uint32_t rules)
{
	struct rte_lpm_config cfg = {
	    .max_rules = rules, .number_tbl8s = count_tbl8(s) + SPARE_TBL8};
	struct lpm *t = calloc(1, sizeof(*t));
	int socket;

	if (t == NULL)
		abort();
	t->bytes = sizeof(struct rte_lpm) + (size_t)cfg.number_tbl8s * 1024;
	socket = route_dpdk_grow(t->bytes + (size_t)rules * 8 + (4 << 20));
	t->lpm = rte_lpm_create(route_dpdk_name(), socket, &cfg);
	if (t->lpm == NULL)
		abort();
	return t;
}

static void
lpm_fill(struct rte_lpm *l, const struct route_prefix *e, uint32_t *groups)
{
	const uint32_t first = route_set_index(e);
	struct rte_lpm_tbl_entry new = {
	    .next_hop = e->nexthop, .valid = 1, .depth = e->plen};
	struct rte_lpm_tbl_entry *at = &l->tbl24[first >> 8];

	if (e->plen <= 24) {
		for (uint32_t i = 0; i < 1U << (24 - e->plen); i++)
			at[i] = new;
		return;
	}
	if (!at->valid_group) {
		struct rte_lpm_tbl_entry *g = &l->tbl8[256 * *groups];

		for (unsigned int i = 0; i < 256; i++) {
			g[i] = *at;
			g[i].valid_group = 1;
		}
		at->next_hop = (*groups)++;
		at->valid = at->valid_group = 1;
	}
	new.valid_group = 1;
	at = &l->tbl8[256 * at->next_hop + (first & 255)];
	for (uint32_t i = 0; i < 1U << (32 - e->plen); i++)
		at[i] = new;
}

static void *
lpm_create(
    const struct route_kind *k, const struct route_set *s, uint8_t *refused)
{
	struct lpm *t = lpm_make(s, 1);
	uint32_t groups = 0;

	(void)k;
	(void)refused;
	for (unsigned int plen = 0; plen <= 32; plen++)
		for (size_t i = 0; i < s->n; i++)
			if (s->entry[i].plen == plen)
				lpm_fill(t->lpm, &s->entry[i], &groups);
	return t;
}

static int
lpm_add(void *table, const struct route_prefix *e)
{
	return rte_lpm_add(((struct lpm *)table)->lpm, route_set_index(e),
	    e->plen, e->nexthop);
}

static int
lpm_remove(void *table, const struct route_prefix *e)
{
	return rte_lpm_delete(
	    ((struct lpm *)table)->lpm, route_set_index(e), e->plen);
}

static void *
lpm_create_rules(
    const struct route_kind *k, const struct route_set *s, uint8_t *refused)
{
	struct lpm *t = lpm_make(s, (uint32_t)s->room + 1024);

	(void)k;
	for (size_t i = 0; i < s->n; i++)
		if (lpm_add(t, &s->entry[i]) != 0 && refused != NULL)
			refused[i] = 1; /* it has no default route */
	return t;
}

static void
lpm_destroy(void *table)
{
	struct lpm *t = table;

	rte_lpm_free(t->lpm);
	free(t);
}

static bool
lpm_select(void *table, int how)
{
	(void)table;
	(void)how;
	return true;
}

static void
lpm_lookup(const void *table, union route_keys keys, union route_out *out)
{
	rte_lpm_lookup_bulk(
	    ((const struct lpm *)table)->lpm, keys.v4, out->u32, ROUTE_BURST);
}

static uint32_t
lpm_decode(const union route_out *out, unsigned int i)
{
	return (out->u32[i] & RTE_LPM_LOOKUP_SUCCESS) != 0
		   ? out->u32[i] & 0xffffff
		   : 0;
}

static uint32_t
lpm_single(const void *table, union route_keys key)
{
	uint32_t hop;

	return rte_lpm_lookup(
		   ((const struct lpm *)table)->lpm, *key.v4, &hop) == 0
		   ? hop
		   : 0;
}

static size_t
lpm_bytes(const void *table)
{
	return ((const struct lpm *)table)->bytes;
}

static void *
fib_create(
    const struct route_kind *k, const struct route_set *s, uint8_t *refused)
{
	const uint32_t most = k->width == 1 ? 127 : 32767;
	struct rte_fib_conf cfg = {
	    .type = RTE_FIB_DIR24_8,
	    .max_routes = (int)(s->room + 1024),
	};
	struct fib *t = calloc(1, sizeof(*t));
	uint32_t tbl8 = count_tbl8(s) + SPARE_TBL8;
	int socket;

	if (t == NULL)
		abort();
	if (k->width <= 2 && tbl8 > most)
		tbl8 = most;
	while (1U << cfg.dir24_8.nh_sz < k->width)
		cfg.dir24_8.nh_sz++;
	cfg.dir24_8.num_tbl8 = tbl8;
	t->bytes = ((size_t)k->width << 24) + (size_t)tbl8 * 256 * k->width;
	/* Its own tree has two nodes of 64 bytes for a route, and headers. */
	socket = route_dpdk_grow(t->bytes + s->room * 400 + (32 << 20));
	t->fib = rte_fib_create(route_dpdk_name(), socket, &cfg);
	if (t->fib == NULL)
		abort();
	for (size_t i = 0; i < s->n; i++)
		if (rte_fib_add(t->fib, route_set_index(&s->entry[i]),
			s->entry[i].plen, s->entry[i].nexthop) != 0)
			refused[i] = 1;
	return t;
}

static void
fib_destroy(void *table)
{
	struct fib *t = table;

	rte_fib_free(t->fib);
	free(t);
}

static bool
fib_select(void *table, int how)
{
	return rte_fib_select_lookup(((struct fib *)table)->fib,
		   (enum rte_fib_lookup_type)how) == 0;
}

static void
fib_lookup(const void *table, union route_keys keys, union route_out *out)
{
	/* Its keys are not const, but it does not write them. */
	rte_fib_lookup_bulk(((const struct fib *)table)->fib,
	    (uint32_t *)(uintptr_t)keys.v4, out->u64, ROUTE_BURST);
}

static uint32_t
fib_decode(const union route_out *out, unsigned int i)
{
	return (uint32_t)out->u64[i];
}

static uint32_t
fib_single(const void *table, union route_keys key)
{
	uint64_t hop;

	rte_fib_lookup_bulk(((const struct fib *)table)->fib,
	    (uint32_t *)(uintptr_t)key.v4, &hop, 1);
	return (uint32_t)hop;
}

static int
fib_add(void *table, const struct route_prefix *e)
{
	return rte_fib_add(((struct fib *)table)->fib, route_set_index(e),
	    e->plen, e->nexthop);
}

static int
fib_remove(void *table, const struct route_prefix *e)
{
	return rte_fib_delete(
	    ((struct fib *)table)->fib, route_set_index(e), e->plen);
}

static size_t
fib_bytes(const void *table)
{
	return ((const struct fib *)table)->bytes;
}

static const struct route_way lpm_modes[] = {
    {.name = "bulk"},
    {.name = NULL},
};

static const struct route_way fib_modes[] = {
    {.name = "macro", .how = RTE_FIB_LOOKUP_DIR24_8_SCALAR_MACRO},
    {.name = "inline", .how = RTE_FIB_LOOKUP_DIR24_8_SCALAR_INLINE},
    {.name = "uni", .how = RTE_FIB_LOOKUP_DIR24_8_SCALAR_UNI},
    {.name = "avx512",
	.vector = true,
	.how = RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512},
    {.name = NULL},
};

#define LPM(kind, fill, ...)                           \
	const struct route_kind kind = {.name = #kind, \
	    .family = 4,                               \
	    .modes = lpm_modes,                        \
	    .create = fill,                            \
	    .destroy = lpm_destroy,                    \
	    .select = lpm_select,                      \
	    .lookup = lpm_lookup,                      \
	    .decode = lpm_decode,                      \
	    .single = lpm_single,                      \
	    .bytes = lpm_bytes,                        \
	    __VA_ARGS__}

#define FIB(bytes_of_nexthop)                                  \
	const struct route_kind rte_fib_##bytes_of_nexthop = { \
	    .name = "rte_fib_" #bytes_of_nexthop,              \
	    .family = 4,                                       \
	    .width = bytes_of_nexthop,                         \
	    .modes = fib_modes,                                \
	    .create = fib_create,                              \
	    .destroy = fib_destroy,                            \
	    .select = fib_select,                              \
	    .lookup = fib_lookup,                              \
	    .decode = fib_decode,                              \
	    .single = fib_single,                              \
	    .add = fib_add,                                    \
	    .remove = fib_remove,                              \
	    .bytes = fib_bytes,                                \
	}

LPM(rte_lpm, lpm_create, .add = NULL);
LPM(rte_lpm_rules, lpm_create_rules, .add = lpm_add, .remove = lpm_remove);
FIB(1);
FIB(2);
FIB(4);
FIB(8);
