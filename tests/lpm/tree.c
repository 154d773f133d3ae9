/* SPDX-License-Identifier: BSD-2-Clause */

#include "tests/lpm/tree.h"

#include <errno.h>
#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/radix_lf/radix_lf.h"

struct item {
	struct pserialize_head retire; /* first: a head is its item */
	struct item *gone;             /* removed before it */
	uint32_t group;
	struct lpm_prefix p;
};

struct lpm_tree {
	struct radix_lf *tree;
	struct radix_lf_txn *txn; /* NULL: none begun */
	struct item *gone;        /* by the transaction */
	unsigned int bits;
};

static unsigned int
item_bits(const void *item)
{
	return ((const struct item *)item)->p.plen;
}

static void
item_free(struct pserialize_head *head)
{
	free(head);
}

int
lpm_tree_create(unsigned int bits, struct lpm_tree **out)
{
	const struct radix_lf_config cfg = {
	    .key_offset = offsetof(struct item, p.key),
	    .max_bits = bits,
	    .item_bits = item_bits};
	struct lpm_tree *t = calloc(1, sizeof(*t));
	int rc = t != NULL ? radix_lf_create(&cfg, &t->tree) : -ENOMEM;

	if (rc != 0) {
		free(t);
		return rc;
	}
	t->bits = bits;
	*out = t;
	return 0;
}

void
lpm_tree_destroy(struct lpm_tree *t)
{
	struct radix_lf_snap snap;
	struct item *gone = NULL, *it;

	if (t == NULL)
		return;
	lpm_tree_commit(t);
	radix_lf_snap_pin(t->tree, &snap);
	for (it = radix_lf_snap_next(&snap, NULL, 0); it != NULL;
	     it = radix_lf_snap_next(&snap, it->p.key.b, it->p.plen)) {
		it->gone = gone;
		gone = it;
	}
	radix_lf_snap_unpin(&snap);
	radix_lf_destroy(t->tree);
	while (gone != NULL) {
		it = gone;
		gone = it->gone;
		free(it);
	}
	free(t);
}

static int
insert(struct lpm_tree *t, const struct lpm_prefix *p, uint32_t group,
    struct item **old)
{
	struct item *it = calloc(1, sizeof(*it));
	void *replaced = NULL;
	int rc;

	if (it == NULL)
		return -ENOMEM;
	it->p = *p;
	it->group = group;
	rc = radix_lf_txn_replace(t->txn, it, &replaced);
	if (rc != 0)
		free(it);
	*old = replaced;
	return rc;
}

int
lpm_tree_edit(struct lpm_tree *t, const struct lpm_prefix *p, uint32_t group)
{
	struct item *old = NULL;
	void *removed = NULL;
	int rc = 0;

	if (t->txn == NULL)
		rc = radix_lf_txn_begin(t->tree, &t->txn);
	if (rc == 0 && group != 0) {
		rc = insert(t, p, group, &old);
	} else if (rc == 0) {
		rc = radix_lf_txn_remove(t->txn, p->key.b, p->plen, &removed);
		if (rc == -ENOENT)
			rc = 0;
		old = removed;
	}
	if (old != NULL) {
		old->gone = t->gone;
		t->gone = old;
	}
	return rc;
}

void
lpm_tree_commit(struct lpm_tree *t)
{
	struct item *it, *next;

	if (t->txn == NULL)
		return;
	radix_lf_txn_commit(t->txn);
	t->txn = NULL;
	for (it = t->gone; it != NULL; it = next) {
		next = it->gone;
		radix_lf_retire(t->tree, &it->retire, item_free);
	}
	t->gone = NULL;
}

uint32_t
lpm_tree_lookup(const struct lpm_tree *t, const struct lpm_key *key)
{
	const struct item *it = radix_lf_lookup(t->tree, key->b, t->bits);

	return it != NULL ? it->group : 0;
}

size_t
lpm_tree_count(const struct lpm_tree *t)
{
	return radix_lf_count(t->tree);
}

uint32_t
lpm_tree_cover(struct lpm_tree *t, const uint8_t *key, unsigned int plen,
    unsigned int *cover_plen)
{
	const uint64_t s = pserialize_read_enter();
	const struct item *it =
	    plen > 0 ? radix_lf_lookup(t->tree, key, plen - 1) : NULL;
	const uint32_t group = it != NULL ? it->group : 0;

	*cover_plen = it != NULL ? it->p.plen : 0;
	pserialize_read_exit(s);
	return group;
}

struct walk {
	lpm_tree_walk_fn *fn;
	void *ctx;
	int rc;
};

static bool
visit(void *item, void *arg)
{
	const struct item *it = item;
	struct walk *w = arg;

	w->rc = w->fn(w->ctx, it->p.key.b, it->p.plen, it->group);
	return w->rc != 0;
}

int
lpm_tree_walk(struct lpm_tree *t, const uint8_t *key, unsigned int plen,
    lpm_tree_walk_fn *fn, void *ctx)
{
	struct walk w = {.fn = fn, .ctx = ctx};
	struct radix_lf_snap snap;

	radix_lf_snap_pin(t->tree, &snap);
	radix_lf_snap_covered(&snap, key, plen, visit, &w);
	radix_lf_snap_unpin(&snap);
	return w.rc;
}
