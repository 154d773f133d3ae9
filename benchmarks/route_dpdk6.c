/* SPDX-License-Identifier: BSD-2-Clause */

/* rte_lpm6 and rte_fib6 (TRIE) of DPDK. */

#include <rte_fib6.h>
#include <rte_lpm6.h>
#include <stdlib.h>

#include "benchmarks/route.h"
#include "benchmarks/route_dpdk.h"

/*
 * Both count beforehand how many tables of 256 entries a prefix may need, one
 * for each byte behind the third, and refuse it if there are not so many.
 */
#define TBL8_OF_ROUTE 4U

struct lpm {
	struct rte_lpm6 *lpm;
	size_t bytes;
};

struct fib {
	struct rte_fib6 *fib;
	size_t bytes;
};

static int
lpm_add(void *table, const struct route_prefix *e)
{
	return rte_lpm6_add(
	    ((struct lpm *)table)->lpm, e->key, e->plen, e->nexthop);
}

static int
lpm_remove(void *table, const struct route_prefix *e)
{
	return rte_lpm6_delete(((struct lpm *)table)->lpm, e->key, e->plen);
}

static void *
lpm_create(
    const struct route_kind *k, const struct route_set *s, uint8_t *refused)
{
	struct rte_lpm6_config cfg = {.max_rules = (uint32_t)s->room + 1024};
	struct lpm *t = calloc(1, sizeof(*t));
	size_t tbl8 = s->room * TBL8_OF_ROUTE + 1024;
	int socket;

	(void)k;
	if (t == NULL)
		abort();
	if (tbl8 > 1U << 21) /* it can number no more */
		tbl8 = 1U << 21;
	cfg.number_tbl8s = (uint32_t)tbl8;
	t->bytes = ((size_t)4 << 24) + tbl8 * 1024;
	socket =
	    route_dpdk_grow(t->bytes + tbl8 * 64 + s->room * 300 + (64 << 20));
	t->lpm = rte_lpm6_create(route_dpdk_name(), socket, &cfg);
	if (t->lpm == NULL)
		abort();
	for (size_t i = 0; i < s->n; i++)
		if (lpm_add(t, &s->entry[i]) != 0)
			refused[i] = 1;
	return t;
}

static void
lpm_destroy(void *table)
{
	struct lpm *t = table;

	rte_lpm6_free(t->lpm);
	free(t);
}

static bool
lpm_select(void *table, int how)
{
	(void)table;
	(void)how;
	return true;
}

/* Neither of the two writes the keys, whatever their types say. */
static uint8_t (*keys_of(union route_keys keys))[16]
{
	return (uint8_t(*)[16])(uintptr_t)keys.v6;
}

static void
lpm_lookup(const void *table, union route_keys keys, union route_out *out)
{
	rte_lpm6_lookup_bulk_func(((const struct lpm *)table)->lpm,
	    keys_of(keys), out->i32, ROUTE_BURST);
}

static uint32_t
lpm_decode(const union route_out *out, unsigned int i)
{
	return out->i32[i] < 0 ? 0 : (uint32_t)out->i32[i];
}

static uint32_t
lpm_single(const void *table, union route_keys key)
{
	uint32_t hop;

	return rte_lpm6_lookup(
		   ((const struct lpm *)table)->lpm, key.v6, &hop) == 0
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
	struct rte_fib6_conf cfg = {
	    .type = RTE_FIB6_TRIE,
	    .max_routes = (int)(s->room + 1024),
	};
	struct fib *t = calloc(1, sizeof(*t));
	size_t tbl8 = s->room * TBL8_OF_ROUTE + 1024;
	int socket;

	if (t == NULL)
		abort();
	if (k->width == 2 && tbl8 > 32767)
		tbl8 = 32767; /* more it does not take */
	while (1U << cfg.trie.nh_sz < k->width)
		cfg.trie.nh_sz++;
	cfg.trie.num_tbl8 = (uint32_t)tbl8;
	t->bytes = ((size_t)k->width << 24) + tbl8 * 256 * k->width;
	socket =
	    route_dpdk_grow(t->bytes + tbl8 * 8 + s->room * 400 + (32 << 20));
	t->fib = rte_fib6_create(route_dpdk_name(), socket, &cfg);
	if (t->fib == NULL)
		abort();
	for (size_t i = 0; i < s->n; i++)
		if (rte_fib6_add(t->fib, s->entry[i].key, s->entry[i].plen,
			s->entry[i].nexthop) != 0)
			refused[i] = 1;
	return t;
}

static void
fib_destroy(void *table)
{
	struct fib *t = table;

	rte_fib6_free(t->fib);
	free(t);
}

static bool
fib_select(void *table, int how)
{
	return rte_fib6_select_lookup(((struct fib *)table)->fib,
		   (enum rte_fib6_lookup_type)how) == 0;
}

static void
fib_lookup(const void *table, union route_keys keys, union route_out *out)
{
	rte_fib6_lookup_bulk(((const struct fib *)table)->fib, keys_of(keys),
	    out->u64, (int)ROUTE_BURST);
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

	rte_fib6_lookup_bulk(
	    ((const struct fib *)table)->fib, keys_of(key), &hop, 1);
	return (uint32_t)hop;
}

static int
fib_add(void *table, const struct route_prefix *e)
{
	return rte_fib6_add(
	    ((struct fib *)table)->fib, e->key, e->plen, e->nexthop);
}

static int
fib_remove(void *table, const struct route_prefix *e)
{
	return rte_fib6_delete(((struct fib *)table)->fib, e->key, e->plen);
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
    {.name = "scalar", .how = RTE_FIB6_LOOKUP_TRIE_SCALAR},
    {.name = "avx512",
	.vector = true,
	.how = RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512},
    {.name = NULL},
};

const struct route_kind rte_lpm6 = {
    .name = "rte_lpm6",
    .family = 6,
    .modes = lpm_modes,
    .create = lpm_create,
    .destroy = lpm_destroy,
    .select = lpm_select,
    .lookup = lpm_lookup,
    .decode = lpm_decode,
    .single = lpm_single,
    .add = lpm_add,
    .remove = lpm_remove,
    .bytes = lpm_bytes,
};

#define FIB(bytes_of_nexthop)                                   \
	const struct route_kind rte_fib6_##bytes_of_nexthop = { \
	    .name = "rte_fib6_" #bytes_of_nexthop,              \
	    .family = 6,                                        \
	    .width = bytes_of_nexthop,                          \
	    .modes = fib_modes,                                 \
	    .create = fib_create,                               \
	    .destroy = fib_destroy,                             \
	    .select = fib_select,                               \
	    .lookup = fib_lookup,                               \
	    .decode = fib_decode,                               \
	    .single = fib_single,                               \
	    .add = fib_add,                                     \
	    .remove = fib_remove,                               \
	    .bytes = fib_bytes,                                 \
	}

FIB(2);
FIB(4);
FIB(8);
