/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Our tables, compiled for lookup out of a bare prefix tree.  A change is
 * committed in the tree, compiled out of its snapshot, and then seen by
 * readers.
 */

#include "benchmarks/route_ours.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"

#define ARENA ((size_t)16 << 30) /* of addresses, not of memory */

/* [c] constant once published */
struct item {
	struct pserialize_head retire;
	uint8_t key[16]; /* [c] */
	uint8_t plen;    /* [c] */
	uint32_t group;  /* [c] */
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
item_make(const struct route_prefix *e)
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
	const struct route_ours *t = arg;
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
	const struct route_ours *t = arg;
	struct walk w = {fn, ctx, 0};

	(void)radix_lf_snap_covered(&t->snap, key, plen, visit, &w);
	return w.result;
}

/* Compile what was staged out of the tree as it is, and publish it. */
static int
publish(struct route_ours *t)
{
	const struct fib_source source = {
	    .cover = cover, .walk = walk, .arg = t};
	int error;

	radix_lf_snap_pin(t->tree, &t->snap);
	error = t->ops->prepare(t->fib, &source);
	radix_lf_snap_unpin(&t->snap);
	if (error != 0)
		return error;
	t->ops->commit(t->fib);
	return 0;
}

int
route_ours_add(void *table, const struct route_prefix *e)
{
	struct route_ours *t = table;
	struct item *i = item_make(e);
	void *old = NULL;

	if (i == NULL || radix_lf_replace(t->tree, i, &old) != 0 ||
	    t->ops->stage(t->fib, e->key, e->plen) != 0 || publish(t) != 0)
		return -1;
	if (old != NULL)
		radix_lf_retire(
		    t->tree, &((struct item *)old)->retire, item_free);
	return 0;
}

int
route_ours_remove(void *table, const struct route_prefix *e)
{
	struct route_ours *t = table;
	void *old;

	if (radix_lf_remove(t->tree, e->key, e->plen, &old) != 0 ||
	    t->ops->stage(t->fib, e->key, e->plen) != 0 || publish(t) != 0)
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
fill_tree(struct route_ours *t, const struct route_set *s)
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

struct route_ours *
route_ours_create(const struct route_set *s, const struct route_ours_ops *ops,
    const char *body)
{
	const struct radix_lf_config cfg = {
	    .key_offset = offsetof(struct item, key),
	    .max_bits = s->bits,
	    .item_bits = item_bits,
	};
	struct route_ours *t = calloc(1, sizeof(*t));

	if ((body != NULL ? setenv("PSNET_FIB", body, 1)
			  : unsetenv("PSNET_FIB")) != 0 ||
	    t == NULL || radix_lf_create(&cfg, &t->tree) != 0)
		abort();
	t->ops = ops;
	if (ops->create(arena(), &t->fib) != 0)
		abort();
	fill_tree(t, s);
	for (size_t i = 0; i < s->n; i++)
		if (t->ops->stage(t->fib, s->entry[i].key, s->entry[i].plen) !=
		    0)
			abort();
	if (publish(t) != 0)
		abort();
	return t;
}

static bool
collect(void *item, void *arg)
{
	struct item ***next = arg;

	*(*next)++ = item;
	return false;
}

void
route_ours_destroy(void *table)
{
	struct route_ours *t = table;
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
	t->ops->destroy(t->fib);
	route_arena_settle(arena());
	free(t);
}

bool
route_ours_select(void *table, int how)
{
	(void)table;
	(void)how;
	return true;
}

uint32_t
route_ours_decode(const union route_out *out, unsigned int i)
{
	return out->u32[i];
}

size_t
route_ours_rib_bytes(const void *table)
{
	return ((const struct route_ours *)table)->tree_bytes;
}

const struct route_way route_ours_modes[] = {{.name = ""}, {.name = NULL}};
