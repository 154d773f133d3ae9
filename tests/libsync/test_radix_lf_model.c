/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * radix_lf against a list that is searched from one end to the other: random
 * edits, single and in transactions, with snapshots kept across them.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "tests/libsync/radix_lf_item.h"
#include "tests/stress.h"

#define ITEMS_MAX 300
#define SNAPS_MAX 3

struct model {
	struct item *it[ITEMS_MAX];
	unsigned n;
};

/* A snapshot and what it must hold, by value: its items may be gone. */
struct held {
	struct radix_lf_snap *snap;
	struct model at;
};

struct run {
	struct radix_lf *t;
	struct model m;
	struct held held[SNAPS_MAX];
	unsigned width;  /* longest key */
	unsigned spread; /* how many bits of a key are random */
	uint64_t seed;
	unsigned stamp;
};

static uint32_t
rnd(struct run *r, uint32_t below)
{
	/* xorshift64*, Vigna 2016 */
	r->seed ^= r->seed >> 12;
	r->seed ^= r->seed << 25;
	r->seed ^= r->seed >> 27;
	return (uint32_t)((r->seed * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

/*
 * A key: a constant pattern in which few bits are random, and those near each
 * other, so that keys nest, coincide and differ late.
 */
static unsigned
make_key(struct run *r, uint8_t key[ITEM_KEY_MAX])
{
	const unsigned from = rnd(r, r->width);

	for (unsigned i = 0; i < ITEM_KEY_MAX; i++)
		key[i] = (uint8_t)(0x5c * (i + 1));
	for (unsigned i = 0; i < r->spread; i++) {
		const unsigned bit = (from + i) % r->width;

		key[bit / 8] ^= (uint8_t)(rnd(r, 2) << (7 - bit % 8));
	}
	return rnd(r, 8) == 0 ? r->width : rnd(r, r->width + 1);
}

static struct item *
model_lookup(const struct model *m, const uint8_t *key, unsigned bits)
{
	struct item *best = NULL;

	for (unsigned i = 0; i < m->n; i++) {
		struct item *x = m->it[i];

		if (x->bits <= bits && item_same(x->key, key, x->bits) &&
		    (best == NULL || x->bits > best->bits))
			best = x;
	}
	return best;
}

static struct item *
model_exact(const struct model *m, const uint8_t *key, unsigned bits)
{
	struct item *x = model_lookup(m, key, bits);

	return x != NULL && x->bits == bits ? x : NULL;
}

static struct item *
model_next(const struct model *m, const uint8_t *key, unsigned bits)
{
	struct item *best = NULL;

	for (unsigned i = 0; i < m->n; i++) {
		struct item *x = m->it[i];

		if ((key == NULL || item_before(key, bits, x->key, x->bits)) &&
		    (best == NULL ||
			item_before(x->key, x->bits, best->key, best->bits)))
			best = x;
	}
	return best;
}

static void
model_put(struct model *m, struct item *old, struct item *it)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->it[i] == old && old != NULL) {
			m->it[i] = it != NULL ? it : m->it[--m->n];
			return;
		}
	m->it[m->n++] = it;
}

static void
free_item(struct pserialize_head *head)
{
	memset(head, 0xdd, sizeof(struct item));
	free(head);
}

static void
check_reads(struct run *r)
{
	uint8_t key[ITEM_KEY_MAX];
	const unsigned bits = make_key(r, key);
	const uint64_t s = pserialize_read_enter();

	cr_assert_eq(
	    radix_lf_lookup(r->t, key, bits), model_lookup(&r->m, key, bits));
	cr_assert_eq(
	    radix_lf_exact(r->t, key, bits), model_exact(&r->m, key, bits));
	cr_assert_eq(
	    radix_lf_next(r->t, key, bits), model_next(&r->m, key, bits));
	cr_assert_eq(radix_lf_count(r->t), r->m.n);
	pserialize_read_exit(s);
}

static void
check_held(struct run *r, const struct held *h)
{
	uint8_t key[ITEM_KEY_MAX];
	const unsigned bits = make_key(r, key);

	cr_assert_eq(radix_lf_snap_lookup(h->snap, key, bits),
	    model_lookup(&h->at, key, bits));
	cr_assert_eq(radix_lf_snap_exact(h->snap, key, bits),
	    model_exact(&h->at, key, bits));
	cr_assert_eq(radix_lf_snap_next(h->snap, key, bits),
	    model_next(&h->at, key, bits));
	cr_assert_eq(
	    radix_lf_snap_next(h->snap, NULL, 0), model_next(&h->at, NULL, 0));
	cr_assert_eq(radix_lf_snap_count(h->snap), h->at.n);
}

static void
walk_held(const struct held *h)
{
	const struct item *x = NULL;
	unsigned n = 0;

	while ((x = radix_lf_snap_next(h->snap, x != NULL ? x->key : NULL,
		    x != NULL ? x->bits : 0)) != NULL) {
		cr_assert_eq(model_exact(&h->at, x->key, x->bits), x);
		n++;
	}
	cr_assert_eq(n, h->at.n);
}

/* Open a snapshot in a free place, or walk and close the one there. */
static void
turn_snapshot(struct run *r)
{
	struct held *h = &r->held[rnd(r, SNAPS_MAX)];

	if (h->snap == NULL) {
		cr_assert_eq(radix_lf_snap_open(r->t, &h->snap), 0);
		h->at = r->m;
		return;
	}
	walk_held(h);
	radix_lf_snap_close(h->snap);
	h->snap = NULL;
}

/* What an edit took out; retired after its commit. */
struct removed {
	struct item *it[64];
	unsigned n;
};

static void
edit(struct run *r, struct radix_lf_txn *txn, struct removed *gone)
{
	uint8_t key[ITEM_KEY_MAX];
	const unsigned bits = make_key(r, key), what = rnd(r, 5);
	struct item *had = model_exact(&r->m, key, bits), *it;
	void *out = &r->seed;
	int error;

	if (what >= 3 || r->m.n == ITEMS_MAX) {
		error = txn != NULL ? radix_lf_txn_remove(txn, key, bits, &out)
				    : radix_lf_remove(r->t, key, bits, &out);
		cr_assert_eq(error, had != NULL ? 0 : -ENOENT);
		cr_assert_eq(out, had != NULL ? (void *)had : &r->seed);
		if (had != NULL) {
			model_put(&r->m, had, NULL);
			gone->it[gone->n++] = had;
		}
		return;
	}
	it = item_new(key, bits);
	it->stamp = ++r->stamp;
	if (what == 0) {
		error = txn != NULL ? radix_lf_txn_insert(txn, it)
				    : radix_lf_insert(r->t, it);
		cr_assert_eq(error, had != NULL ? -EEXIST : 0);
		if (had != NULL)
			free(it);
		else
			model_put(&r->m, NULL, it);
		return;
	}
	error = txn != NULL ? radix_lf_txn_replace(txn, it, &out)
			    : radix_lf_replace(r->t, it, &out);
	cr_assert_eq(error, 0);
	cr_assert_eq(out, had);
	model_put(&r->m, had, it);
	if (had != NULL)
		gone->it[gone->n++] = had;
}

static void
retire_all(struct run *r, struct removed *gone)
{
	for (unsigned i = 0; i < gone->n; i++)
		radix_lf_retire(r->t, &gone->it[i]->head, free_item);
	gone->n = 0;
}

static bool
was_there(const struct model *m, const struct item *it)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->it[i] == it)
			return true;
	return false;
}

static void
transact(struct run *r)
{
	const struct model before = r->m;
	struct removed gone = {.n = 0};
	struct radix_lf_txn *txn;
	const unsigned edits = rnd(r, 60);
	uint8_t key[ITEM_KEY_MAX];

	cr_assert_eq(radix_lf_txn_begin(r->t, &txn), 0);
	for (unsigned i = 0; i < edits; i++) {
		const unsigned bits = make_key(r, key);

		edit(r, txn, &gone);
		cr_assert_eq(radix_lf_txn_exact(txn, key, bits),
		    model_exact(&r->m, key, bits));
	}
	if (rnd(r, 3) != 0) {
		radix_lf_txn_commit(txn);
		retire_all(r, &gone);
		return;
	}
	radix_lf_txn_abort(txn);
	for (unsigned i = 0; i < gone.n; i++)
		if (!was_there(&before, gone.it[i]))
			free(gone.it[i]);
	for (unsigned i = 0; i < r->m.n; i++)
		if (!was_there(&before, r->m.it[i]))
			free(r->m.it[i]);
	r->m = before;
}

static void
finish(struct run *r)
{
	for (unsigned i = 0; i < SNAPS_MAX; i++)
		if (r->held[i].snap != NULL) {
			walk_held(&r->held[i]);
			radix_lf_snap_close(r->held[i].snap);
		}
	radix_lf_destroy(r->t);
	for (unsigned i = 0; i < r->m.n; i++)
		free(r->m.it[i]);
}

static void
run_width(unsigned width, unsigned spread, unsigned long steps)
{
	const struct radix_lf_config cfg = item_config(width);
	static struct run run;
	struct run *r = &run;

	*r = (struct run){.width = width,
	    .spread = spread,
	    .seed = 88172645463325252ULL + width};
	cr_assert_eq(radix_lf_create(&cfg, &r->t), 0);
	for (unsigned long i = 0; i < steps; i++) {
		struct removed gone = {.n = 0};

		switch (rnd(r, 16)) {
		case 0:
			transact(r);
			break;
		case 1:
			turn_snapshot(r);
			break;
		default:
			edit(r, NULL, &gone);
			retire_all(r, &gone);
			break;
		}
		check_reads(r);
		for (unsigned s = 0; s < SNAPS_MAX; s++)
			if (r->held[s].snap != NULL)
				check_held(r, &r->held[s]);
	}
	finish(r);
}

Test(radix_lf_model, keys_of_32_bits, .timeout = 60)
{
	run_width(32, 6, stress_n(2500));
	run_width(32, 32, stress_n(1000));
}

Test(radix_lf_model, keys_of_128_bits, .timeout = 60)
{
	run_width(128, 7, stress_n(2500));
	run_width(128, 40, stress_n(300));
}

Test(radix_lf_model, keys_of_odd_lengths, .timeout = 60)
{
	static const unsigned widths[] = {1, 2, 3, 7, 8, 9, 13, 31, 33, 63, 64,
	    65, 67, 96, 97, 100, 127, 129, 255, 256};

	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
		run_width(widths[i], 6, stress_n(300));
}
