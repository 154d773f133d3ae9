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
	struct radix_lf_snap *snap; /* NULL: none */
	struct radix_lf_snap pin;   /* snap, if it is one */
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

static struct item *
model_prev(const struct model *m, const uint8_t *key, unsigned bits)
{
	struct item *best = NULL;

	for (unsigned i = 0; i < m->n; i++) {
		struct item *x = m->it[i];

		if ((key == NULL || item_before(x->key, x->bits, key, bits)) &&
		    (best == NULL ||
			item_before(best->key, best->bits, x->key, x->bits)))
			best = x;
	}
	return best;
}

/* What a walk with a condition must meet, one after the other. */
struct walk {
	const struct model *m;
	const uint8_t *key;
	unsigned bits;
	bool below;       /* covered by key, else covering it */
	unsigned stop;    /* items whose stamp it divides match; 0: none */
	struct item *met; /* the last */
	struct item *matched;
	bool longest; /* goes on after a match */
};

static bool
in_walk(const struct walk *w, const struct item *x)
{
	const unsigned common = w->below ? w->bits : x->bits;

	return (w->below ? x->bits >= w->bits : x->bits <= w->bits) &&
	       item_same(x->key, w->key, common);
}

static bool
matches(const struct walk *w, const struct item *x)
{
	return w->stop != 0 && x->stamp % w->stop == 0;
}

/* The item of the walk that follows the last one met. */
static struct item *
model_step(const struct walk *w)
{
	struct item *best = NULL;

	for (unsigned i = 0; i < w->m->n; i++) {
		struct item *x = w->m->it[i];

		if (in_walk(w, x) &&
		    (w->met == NULL || item_before(w->met->key, w->met->bits,
					   x->key, x->bits)) &&
		    (best == NULL ||
			item_before(x->key, x->bits, best->key, best->bits)))
			best = x;
	}
	return best;
}

static bool
visit(void *item, void *arg)
{
	struct walk *w = arg;
	struct item *x = item;

	cr_assert(w->matched == NULL || w->longest);
	cr_assert_eq(x, model_step(w));
	w->met = x;
	if (matches(w, x))
		w->matched = x;
	return matches(w, x);
}

typedef void *(*walk_fn)(const void *of, const void *key, unsigned bits,
    radix_lf_match_fn match, void *arg);

static void *
tree_lookup_if(const void *t, const void *key, unsigned bits,
    radix_lf_match_fn match, void *arg)
{
	return radix_lf_lookup_if(t, key, bits, match, arg);
}

static void *
tree_covering(const void *t, const void *key, unsigned bits,
    radix_lf_match_fn match, void *arg)
{
	return radix_lf_covering(t, key, bits, match, arg);
}

static void *
tree_covered(const void *t, const void *key, unsigned bits,
    radix_lf_match_fn match, void *arg)
{
	return radix_lf_covered(t, key, bits, match, arg);
}

static void *
snap_lookup_if(const void *snap, const void *key, unsigned bits,
    radix_lf_match_fn match, void *arg)
{
	return radix_lf_snap_lookup_if(snap, key, bits, match, arg);
}

static void *
snap_covering(const void *snap, const void *key, unsigned bits,
    radix_lf_match_fn match, void *arg)
{
	return radix_lf_snap_covering(snap, key, bits, match, arg);
}

static void *
snap_covered(const void *snap, const void *key, unsigned bits,
    radix_lf_match_fn match, void *arg)
{
	return radix_lf_snap_covered(snap, key, bits, match, arg);
}

static void
check_walk(const void *of, walk_fn walk, struct walk w)
{
	void *got = walk(of, w.key, w.bits, visit, &w);

	cr_assert_eq(got, w.matched);
	if (w.matched == NULL || w.longest)
		cr_assert_null(model_step(&w)); /* it met them all */
}

/* The three walks of a tree or of a snapshot. */
static void
check_walks(
    struct run *r, const struct model *m, const void *of, const walk_fn walk[3])
{
	uint8_t key[ITEM_KEY_MAX];
	const unsigned bits = make_key(r, key);

	check_walk(of, walk[0],
	    (struct walk){.m = m,
		.key = key,
		.bits = bits,
		.stop = rnd(r, 4),
		.longest = true});
	check_walk(of, walk[1],
	    (struct walk){.m = m, .key = key, .bits = bits, .stop = rnd(r, 4)});
	check_walk(of, walk[2],
	    (struct walk){.m = m,
		.key = key,
		.bits = rnd(r, 4) == 0 ? rnd(r, bits + 1) : bits,
		.below = true,
		.stop = rnd(r, 9)});
}

static const walk_fn tree_walks[] = {
    tree_lookup_if, tree_covering, tree_covered};
static const walk_fn snap_walks[] = {
    snap_lookup_if, snap_covering, snap_covered};

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
	cr_assert_eq(
	    radix_lf_prev(r->t, key, bits), model_prev(&r->m, key, bits));
	cr_assert_eq(radix_lf_prev(r->t, NULL, 0), model_prev(&r->m, NULL, 0));
	cr_assert_eq(radix_lf_count(r->t), r->m.n);
	if (rnd(r, 4) == 0)
		check_walks(r, &r->m, r->t, tree_walks);
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
	cr_assert_eq(radix_lf_snap_prev(h->snap, key, bits),
	    model_prev(&h->at, key, bits));
	cr_assert_eq(radix_lf_snap_count(h->snap), h->at.n);
	if (rnd(r, 4) == 0)
		check_walks(r, &h->at, h->snap, snap_walks);
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
	while ((x = radix_lf_snap_prev(h->snap, x != NULL ? x->key : NULL,
		    x != NULL ? x->bits : 0)) != NULL) {
		cr_assert_eq(model_exact(&h->at, x->key, x->bits), x);
		n--;
	}
	cr_assert_eq(n, 0);
}

static void
drop_snapshot(struct held *h)
{
	walk_held(h);
	if (h->snap == &h->pin)
		radix_lf_snap_unpin(h->snap);
	else
		radix_lf_snap_close(h->snap);
	h->snap = NULL;
}

/* Open a snapshot in a free place, or walk and close the one there. */
static void
turn_snapshot(struct run *r)
{
	struct held *h = &r->held[rnd(r, SNAPS_MAX)];

	if (h->snap == NULL) {
		if (rnd(r, 2) != 0)
			cr_assert_eq(radix_lf_snap_open(r->t, &h->snap), 0);
		else
			radix_lf_snap_pin(r->t, h->snap = &h->pin);
		h->at = r->m;
		return;
	}
	drop_snapshot(h);
}

/* What an edit took out; retired after its commit. */
struct removed {
	struct item *it[64];
	unsigned n;
};

static bool
is_longer(void *item, void *bits)
{
	return ((struct item *)item)->bits > *(unsigned *)bits;
}

/* What a place says, against the walks that ask for one thing each. */
static void
check_place(const struct run *r, const struct radix_lf_txn *txn,
    const struct radix_lf_place *p, const uint8_t *key, unsigned bits)
{
	cr_assert_eq(p->item, model_exact(&r->m, key, bits));
	cr_assert_eq(
	    p->cover, bits > 0 ? model_lookup(&r->m, key, bits - 1) : NULL);
	cr_assert_eq(p->has_longer,
	    radix_lf_txn_covered(txn, key, bits, is_longer, &bits) != NULL);
}

/* An edit at a place; what it says must be so before and after. */
static void
edit_place(struct run *r, struct radix_lf_txn *txn, struct removed *gone)
{
	uint8_t key[ITEM_KEY_MAX];
	const unsigned bits = make_key(r, key);
	struct radix_lf_place p;
	struct item *it = NULL;

	radix_lf_txn_find(txn, key, bits, &p);
	check_place(r, txn, &p, key, bits);
	if (rnd(r, 2) == 0 && r->m.n < ITEMS_MAX) {
		it = item_new(key, bits);
		it->stamp = ++r->stamp;
		cr_assert_eq(radix_lf_txn_put(txn, &p, it), 0);
	} else if (p.item != NULL) {
		cr_assert_eq(radix_lf_txn_take(txn, &p), 0);
	} else {
		return;
	}
	model_put(&r->m, p.item, it);
	if (p.item != NULL)
		gone->it[gone->n++] = p.item;
	p.item = it;
	check_place(r, txn, &p, key, bits);
}

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

		if (rnd(r, 2) == 0)
			edit_place(r, txn, &gone);
		else
			edit(r, txn, &gone);
		cr_assert_eq(radix_lf_txn_exact(txn, key, bits),
		    model_exact(&r->m, key, bits));
		cr_assert_eq(radix_lf_txn_lookup(txn, key, bits),
		    model_lookup(&r->m, key, bits));
		cr_assert_eq(radix_lf_txn_next(txn, key, bits),
		    model_next(&r->m, key, bits));
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
		if (r->held[i].snap != NULL)
			drop_snapshot(&r->held[i]);
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
	run_width(32, 6, stress_alone_n(2500));
	run_width(32, 32, stress_alone_n(1000));
}

Test(radix_lf_model, keys_of_128_bits, .timeout = 60)
{
	run_width(128, 7, stress_alone_n(2500));
	run_width(128, 40, stress_alone_n(300));
}

Test(radix_lf_model, keys_of_odd_lengths, .timeout = 60)
{
	static const unsigned widths[] = {1, 2, 3, 7, 8, 9, 13, 31, 33, 63, 64,
	    65, 67, 96, 97, 100, 127, 129, 255, 256};

	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
		run_width(widths[i], 6, stress_alone_n(300));
}
