/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Our own tables: routes in a prefix tree, compiled for lookup.  A change is
 * committed in the tree, compiled out of its snapshot, and then seen by
 * readers.  The two kinds of a family differ in the body of the batch.
 */

#include <endian.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/route.h"
#include "libsync/pserialize/pserialize.h"
#include "libsync/radix_lf/radix_lf.h"
#include "stack/route/arena.h"
#include "stack/route/fib4.h"
#include "stack/route/fib6.h"

#define ARENA ((size_t)16 << 30) /* of addresses, not of memory */

/* [c] constant once published */
struct item {
	struct pserialize_head retire;
	uint8_t key[16]; /* [c] */
	uint8_t plen;    /* [c] */
	uint32_t group;  /* [c] */
};

struct table {
	struct radix_lf *tree;
	struct fib4 *fib4; /* one of the two */
	struct fib6 *fib6;
	unsigned int bits;
	size_t tree_bytes;
	struct radix_lf_snap snap; /* while a change is compiled */
};

/* What fib_source asks of a walk, on its way through radix_lf. */
struct walk {
	fib_walk_fn *fn;
	void *ctx;
	int result;
};

/* All tables of a process share it, as those of a stack do. */
static struct route_arena *
arena(void)
{
	static struct route_arena *a;

	if (a == NULL && route_arena_create(ARENA, &a) != 0)
		abort();
	return a;
}

static unsigned int
item_bits(const void *item)
{
	return ((const struct item *)item)->plen;
}

static void
item_free(struct pserialize_head *head)
{
	free(head); /* it is the first member */
}

static struct item *
item_make(const struct route_entry *e)
{
	struct item *i = malloc(sizeof(*i));

	if (i == NULL)
		return NULL;
	memcpy(i->key, e->key, sizeof(i->key));
	i->plen = e->plen;
	i->group = e->nexthop;
	return i;
}

static uint32_t
cover(
    void *arg, const uint8_t *key, unsigned int plen, unsigned int *cover_plen)
{
	const struct table *t = arg;
	const struct item *i = NULL;

	if (plen > 0)
		i = radix_lf_snap_lookup(&t->snap, key, plen - 1);
	*cover_plen = i == NULL ? 0 : i->plen;
	return i == NULL ? FIB_NONE : i->group;
}

static bool
visit(void *item, void *arg)
{
	const struct item *i = item;
	struct walk *w = arg;

	w->result = w->fn(w->ctx, i->key, i->plen, i->group);
	return w->result != 0;
}

static int
walk(void *arg, const uint8_t *key, unsigned int plen, fib_walk_fn *fn,
    void *ctx)
{
	const struct table *t = arg;
	struct walk w = {fn, ctx, 0};

	(void)radix_lf_snap_covered(&t->snap, key, plen, visit, &w);
	return w.result;
}

static int
stage(struct table *t, const uint8_t *key, unsigned int plen)
{
	return t->fib4 != NULL ? fib4_stage(t->fib4, key, plen)
			       : fib6_stage(t->fib6, key, plen);
}

/* Compile what was staged out of the tree as it is, and publish it. */
static int
publish(struct table *t)
{
	const struct fib_source source = {cover, walk, t};
	int error;

	radix_lf_snap_pin(t->tree, &t->snap);
	error = t->fib4 != NULL ? fib4_prepare(t->fib4, &source)
				: fib6_prepare(t->fib6, &source);
	radix_lf_snap_unpin(&t->snap);
	if (error != 0)
		return error;
	if (t->fib4 != NULL)
		fib4_commit(t->fib4);
	else
		fib6_commit(t->fib6);
	return 0;
}

static int
table_add(void *table, const struct route_entry *e)
{
	struct table *t = table;
	struct item *i = item_make(e);
	void *old = NULL;

	if (i == NULL || radix_lf_replace(t->tree, i, &old) != 0 ||
	    stage(t, e->key, e->plen) != 0 || publish(t) != 0)
		return -1;
	if (old != NULL)
		radix_lf_retire(
		    t->tree, &((struct item *)old)->retire, item_free);
	return 0;
}

static int
table_remove(void *table, const struct route_entry *e)
{
	struct table *t = table;
	void *old;

	if (radix_lf_remove(t->tree, e->key, e->plen, &old) != 0 ||
	    stage(t, e->key, e->plen) != 0 || publish(t) != 0)
		return -1;
	radix_lf_retire(t->tree, &((struct item *)old)->retire, item_free);
	return 0;
}

static size_t
heap_bytes(void)
{
	const struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void
fill_tree(struct table *t, const struct route_set *s)
{
	struct item **item = calloc(s->n + 1, sizeof(*item));
	struct radix_lf_txn *txn;
	size_t before;

	if (item == NULL)
		abort();
	for (size_t i = 0; i < s->n; i++) {
		item[i] = item_make(&s->entry[i]);
		if (item[i] == NULL)
			abort();
	}
	before = heap_bytes();
	if (radix_lf_txn_begin(t->tree, &txn) != 0)
		abort();
	for (size_t i = 0; i < s->n; i++)
		if (radix_lf_txn_insert(txn, item[i]) != 0)
			abort();
	radix_lf_txn_commit(txn);
	t->tree_bytes = heap_bytes() - before;
	free(item);
}

static struct table *
table_make(const struct route_set *s)
{
	const struct radix_lf_config cfg = {
	    .key_offset = offsetof(struct item, key),
	    .max_bits = s->bits,
	    .item_bits = item_bits,
	};
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL || radix_lf_create(&cfg, &t->tree) != 0)
		abort();
	t->bits = s->bits;
	if ((s->family == 4 ? fib4_create(arena(), &t->fib4)
			    : fib6_create(arena(), &t->fib6)) != 0)
		abort();
	fill_tree(t, s);
	for (size_t i = 0; i < s->n; i++)
		if (stage(t, s->entry[i].key, s->entry[i].plen) != 0)
			abort();
	if (publish(t) != 0)
		abort();
	return t;
}

static void *
create_best(
    const struct route_kind *k, const struct route_set *s, uint8_t *refused)
{
	(void)k;
	(void)refused;
	unsetenv("PSNET_FIB");
	return table_make(s);
}

static void *
create_portable(
    const struct route_kind *k, const struct route_set *s, uint8_t *refused)
{
	(void)k;
	(void)refused;
	if (setenv("PSNET_FIB", "portable", 1) != 0)
		abort();
	return table_make(s);
}

static bool
collect(void *item, void *arg)
{
	struct item ***next = arg;

	*(*next)++ = item;
	return false;
}

static void
table_destroy(void *table)
{
	struct table *t = table;
	const size_t n = radix_lf_count(t->tree);
	struct item **item = calloc(n + 1, sizeof(*item)), **next = item;
	uint64_t s;

	if (item == NULL)
		abort();
	s = pserialize_read_enter();
	(void)radix_lf_covered(t->tree, NULL, 0, collect, &next);
	pserialize_read_exit(s);
	radix_lf_destroy(t->tree);
	for (size_t i = 0; i < n; i++)
		free(item[i]);
	free(item);
	if (t->fib4 != NULL)
		fib4_destroy(t->fib4);
	else
		fib6_destroy(t->fib6);
	route_arena_settle(arena());
	free(t);
}

static bool
table_select(void *table, int how)
{
	(void)table;
	(void)how;
	return true;
}

static void
lookup4(const void *table, union route_keys keys, union route_out *out)
{
	const struct table *t = table;
	const uint64_t s = pserialize_read_enter();

	fib4_lookup_batch(t->fib4, keys.v4, out->u32, ROUTE_BURST);
	pserialize_read_exit(s);
}

static inline uint64_t
word(const uint8_t *at)
{
	uint64_t w;

	memcpy(&w, at, sizeof(w));
	return be64toh(w);
}

/* As keys come out of packets: turning them round is part of the price. */
static void
lookup6(const void *table, union route_keys keys, union route_out *out)
{
	const struct table *t = table;
	const uint64_t s = pserialize_read_enter();
	uint64_t dst[ROUTE_BURST][2];

	for (unsigned int i = 0; i < ROUTE_BURST; i++) {
		dst[i][0] = word(keys.v6 + 16 * i);
		dst[i][1] = word(keys.v6 + 16 * i + 8);
	}
	fib6_lookup_batch(
	    t->fib6, (const uint64_t(*)[2])dst, out->u32, ROUTE_BURST);
	pserialize_read_exit(s);
}

static uint32_t
decode(const union route_out *out, unsigned int i)
{
	return out->u32[i];
}

static uint32_t
single4(const void *table, union route_keys key)
{
	const struct table *t = table;
	const uint64_t s = pserialize_read_enter();
	const uint32_t group = fib4_lookup(t->fib4, *key.v4);

	pserialize_read_exit(s);
	return group;
}

static uint32_t
single6(const void *table, union route_keys key)
{
	const struct table *t = table;
	const uint64_t s = pserialize_read_enter();
	const uint32_t group =
	    fib6_lookup(t->fib6, word(key.v6), word(key.v6 + 8));

	pserialize_read_exit(s);
	return group;
}

static size_t
fib_bytes(const void *table)
{
	const struct table *t = table;
	struct fib_stats st;

	if (t->fib4 != NULL)
		fib4_stats(t->fib4, &st);
	else
		fib6_stats(t->fib6, &st);
	/* Lookups of IPv6 stay in one eighth of it, that of 2000::/3. */
	if (t->fib6 != NULL)
		st.direct_bytes /= 8;
	return st.direct_bytes + st.block_bytes + st.id_bytes;
}

static size_t
tree_bytes(const void *table)
{
	return ((const struct table *)table)->tree_bytes;
}

static const struct route_mode modes[] = {{.name = ""}, {.name = NULL}};

#define KIND(kind, label, af, fill)      \
	const struct route_kind kind = { \
	    .name = label,               \
	    .family = af,                \
	    .ours = true,                \
	    .modes = modes,              \
	    .create = fill,              \
	    .destroy = table_destroy,    \
	    .select = table_select,      \
	    .lookup = lookup##af,        \
	    .decode = decode,            \
	    .single = single##af,        \
	    .add = table_add,            \
	    .remove = table_remove,      \
	    .bytes = fib_bytes,          \
	    .rib_bytes = tree_bytes,     \
	}

KIND(route_ours4_best, "psnet best", 4, create_best);
KIND(route_ours4_portable, "psnet portable", 4, create_portable);
KIND(route_ours6_best, "psnet6 best", 6, create_best);
KIND(route_ours6_portable, "psnet6 portable", 6, create_portable);
