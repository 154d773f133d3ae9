/* SPDX-License-Identifier: BSD-2-Clause */

/* A transaction's tree, asked as the compilers of FIBs ask. */

#include "stack/route/source.h"

#include "stack/route/table_impl.h"

static uint32_t
cover(
    void *arg, const uint8_t *key, unsigned int plen, unsigned int *cover_plen)
{
	const struct route_txn *x = arg;
	const struct route_item *i = NULL;

	if (plen > 0)
		i = radix_lf_txn_lookup(x->tree, key, plen - 1);
	*cover_plen = i != NULL ? route_item_plen(i) : 0;
	return route_item_group(x->table->store, i);
}

static bool
alone(void *arg, const uint8_t *key, unsigned int plen, uint32_t *group,
    unsigned int *from)
{
	const struct route_txn *x = arg;
	const struct route_store *s = x->table->store;
	struct radix_lf_place p = {.has_longer = x->first_has_longer};
	const struct route_item *i;

	if (x->n == 1 && route_item_is(s, route_edit_item(x->log), key, plen))
		i = x->log->fresh != NULL ? x->log->fresh : x->first_cover;
	else {
		radix_lf_txn_find(x->tree, key, plen, &p);
		i = p.item != NULL ? p.item : p.cover;
	}
	if (p.has_longer)
		return false;
	*group = route_item_group(s, i);
	*from = i != NULL ? route_item_plen(i) : 0;
	return true;
}

struct visit {
	const struct route_txn *txn;
	fib_walk_fn *fn;
	void *ctx;
	int error;
};

static bool
visit(void *item, void *arg)
{
	const struct route_item *i = item;
	struct visit *v = arg;

	v->error = v->fn(v->ctx, i->key, route_item_plen(i),
	    route_item_group(v->txn->table->store, i));
	return v->error != 0;
}

static int
walk(void *arg, const uint8_t *key, unsigned int plen, fib_walk_fn *fn,
    void *ctx)
{
	const struct route_txn *x = arg;
	struct visit v = {.txn = x, .fn = fn, .ctx = ctx};

	(void)radix_lf_txn_covered(x->tree, key, plen, visit, &v);
	return v.error;
}

struct fib_source
route_source(struct route_txn *x)
{
	return (struct fib_source){
	    .cover = cover, .walk = walk, .alone = alone, .arg = x};
}
