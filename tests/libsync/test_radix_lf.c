/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>

#include "tests/libsync/radix_lf_item.h"

static struct radix_lf *t;

static void
setup(void)
{
	const struct radix_lf_config cfg = item_config(32);

	cr_assert_eq(radix_lf_create(&cfg, &t), 0);
}

static void
teardown(void)
{
	radix_lf_destroy(t);
}

TestSuite(radix_lf, .init = setup, .fini = teardown);

/* 10.1.2.3 as P(10, 1, 2, 3) */
#define P(a, b, c, d) ((const uint8_t[]){(a), (b), (c), (d)})

static struct item *
add(const uint8_t *key, unsigned bits)
{
	struct item *it = item_new(key, bits);

	cr_assert_eq(radix_lf_insert(t, it), 0);
	return it;
}

static void *
lookup(const uint8_t *key)
{
	const uint64_t s = pserialize_read_enter();
	void *found = radix_lf_lookup(t, key, 32);

	pserialize_read_exit(s);
	return found;
}

static void *
exact(const uint8_t *key, unsigned bits)
{
	const uint64_t s = pserialize_read_enter();
	void *found = radix_lf_exact(t, key, bits);

	pserialize_read_exit(s);
	return found;
}

/* Take out and free all, so that leak checkers stay quiet. */
static void
clear(void)
{
	struct radix_lf_snap *snap;
	struct item *it, *next;
	void *out;

	cr_assert_eq(radix_lf_snap_open(t, &snap), 0);
	for (it = radix_lf_snap_next(snap, NULL, 0); it != NULL; it = next) {
		next = radix_lf_snap_next(snap, it->key, it->bits);
		cr_assert_eq(radix_lf_remove(t, it->key, it->bits, &out), 0);
		cr_assert_eq(out, it);
		free(it);
	}
	radix_lf_snap_close(snap);
	cr_assert_eq(radix_lf_count(t), 0);
}

static bool called;

static void
note_call(struct pserialize_head *head)
{
	called = true;
	free(head);
}

Test(radix_lf, create_rejects_bad_config)
{
	struct radix_lf_config cfg = item_config(0);
	struct radix_lf *none = NULL;

	cr_assert_eq(radix_lf_create(&cfg, &none), -EINVAL);
	cfg.max_bits = RADIX_LF_BITS_MAX + 1;
	cr_assert_eq(radix_lf_create(&cfg, &none), -EINVAL);
	cfg = item_config(8);
	cfg.item_bits = NULL;
	cr_assert_eq(radix_lf_create(&cfg, &none), -EINVAL);
	cr_assert_null(none);
}

Test(radix_lf, empty_tree_finds_nothing)
{
	struct radix_lf_snap *snap;
	void *out = NULL;

	cr_assert_null(lookup(P(1, 2, 3, 4)));
	cr_assert_null(exact(P(1, 2, 3, 4), 32));
	cr_assert_eq(radix_lf_remove(t, P(1, 2, 3, 4), 32, &out), -ENOENT);
	cr_assert_eq(radix_lf_snap_open(t, &snap), 0);
	cr_assert_null(radix_lf_snap_next(snap, NULL, 0));
	cr_assert_null(radix_lf_snap_next(snap, P(1, 2, 3, 4), 32));
	radix_lf_snap_close(snap);
}

Test(radix_lf, longest_prefix_wins)
{
	struct item *any = add(NULL, 0), *p8 = add(P(10, 0, 0, 0), 8);
	struct item *p24 = add(P(10, 1, 2, 0), 24);
	struct item *host = add(P(10, 1, 2, 3), 32);

	cr_assert_eq(lookup(P(10, 1, 2, 3)), host);
	cr_assert_eq(lookup(P(10, 1, 2, 4)), p24);
	cr_assert_eq(lookup(P(10, 1, 3, 3)), p8);
	cr_assert_eq(lookup(P(11, 1, 2, 3)), any);
	clear();
}

Test(radix_lf, lookup_finds_the_next_covering_prefix)
{
	struct item *p8 = add(P(10, 0, 0, 0), 8),
		    *p16 = add(P(10, 1, 0, 0), 16);
	const uint64_t s = pserialize_read_enter();

	cr_assert_eq(radix_lf_lookup(t, p16->key, 16), p16);
	cr_assert_eq(radix_lf_lookup(t, p16->key, 15), p8);
	cr_assert_null(radix_lf_lookup(t, p16->key, 7));
	pserialize_read_exit(s);
	clear();
}

Test(radix_lf, exact_wants_the_exact_length)
{
	struct item *p8 = add(P(10, 0, 0, 0), 8);

	add(P(10, 0, 0, 0), 16);
	add(P(10, 128, 0, 0), 16);
	cr_assert_eq(exact(P(10, 0, 0, 0), 8), p8);
	cr_assert_null(exact(P(10, 0, 0, 0), 9));
	cr_assert_null(exact(P(10, 0, 0, 0), 7));
	cr_assert_null(exact(P(11, 0, 0, 0), 8));
	clear();
}

Test(radix_lf, insert_of_a_taken_key_changes_nothing)
{
	struct item *it = add(P(10, 0, 0, 0), 8);
	struct item *twin = item_new(P(10, 0, 0, 0), 8);

	cr_assert_eq(radix_lf_insert(t, twin), -EEXIST);
	cr_assert_eq(exact(P(10, 0, 0, 0), 8), it);
	cr_assert_eq(radix_lf_count(t), 1);
	free(twin);
	clear();
}

Test(radix_lf, replace_returns_the_old_item_or_null)
{
	struct item *a = item_new(P(10, 0, 0, 0), 8);
	struct item *b = item_new(P(10, 0, 0, 0), 8);
	void *old = a;

	cr_assert_eq(radix_lf_replace(t, a, &old), 0);
	cr_assert_null(old);
	cr_assert_eq(radix_lf_replace(t, b, &old), 0);
	cr_assert_eq(old, a);
	cr_assert_eq(lookup(P(10, 2, 3, 4)), b);
	cr_assert_eq(radix_lf_count(t), 1);
	free(a);
	clear();
}

Test(radix_lf, failed_remove_leaves_out_untouched)
{
	void *out = t;

	add(P(10, 0, 0, 0), 8);
	cr_assert_eq(radix_lf_remove(t, P(10, 0, 0, 0), 9, &out), -ENOENT);
	cr_assert_eq(out, t);
	clear();
}

Test(radix_lf, walk_puts_a_prefix_before_what_it_covers)
{
	struct item *want[] = {
	    add(NULL, 0),
	    add(P(10, 0, 0, 0), 8),
	    add(P(10, 0, 0, 0), 9),
	    add(P(10, 1, 0, 0), 16),
	    add(P(10, 128, 0, 0), 9),
	    add(P(192, 0, 0, 0), 2),
	};
	struct radix_lf_snap *snap;
	struct item *it;
	size_t n = 0;

	cr_assert_eq(radix_lf_snap_open(t, &snap), 0);
	cr_assert_eq(radix_lf_snap_count(snap), 6);
	for (it = radix_lf_snap_next(snap, NULL, 0); it != NULL;
	     it = radix_lf_snap_next(snap, it->key, it->bits))
		cr_assert_eq(it, want[n++]);
	cr_assert_eq(n, 6);
	/* From keys that are not there. */
	cr_assert_eq(radix_lf_snap_next(snap, P(10, 0, 0, 0), 10), want[3]);
	cr_assert_eq(radix_lf_snap_next(snap, P(10, 64, 0, 0), 10), want[4]);
	cr_assert_eq(radix_lf_snap_next(snap, P(11, 0, 0, 0), 8), want[5]);
	cr_assert_null(radix_lf_snap_next(snap, P(255, 0, 0, 0), 8));
	radix_lf_snap_close(snap);
	clear();
}

Test(radix_lf, walk_backwards_puts_a_prefix_behind_what_it_covers)
{
	struct item *want[] = {
	    add(P(192, 0, 0, 0), 2),
	    add(P(10, 128, 0, 0), 9),
	    add(P(10, 1, 0, 0), 16),
	    add(P(10, 0, 0, 0), 9),
	    add(P(10, 0, 0, 0), 8),
	    add(NULL, 0),
	};
	struct radix_lf_snap *snap;
	struct item *it;
	size_t n = 0;

	cr_assert_eq(radix_lf_snap_open(t, &snap), 0);
	for (it = radix_lf_snap_prev(snap, NULL, 0); it != NULL;
	     it = radix_lf_snap_prev(snap, it->key, it->bits))
		cr_assert_eq(it, want[n++]);
	cr_assert_eq(n, 6);
	/* From keys that are not there. */
	cr_assert_eq(radix_lf_snap_prev(snap, P(10, 0, 0, 0), 10), want[3]);
	cr_assert_eq(radix_lf_snap_prev(snap, P(10, 64, 0, 0), 10), want[2]);
	cr_assert_eq(radix_lf_snap_prev(snap, P(255, 0, 0, 0), 8), want[0]);
	cr_assert_eq(radix_lf_snap_prev(snap, P(0, 0, 0, 0), 1), want[5]);
	cr_assert_null(radix_lf_snap_prev(snap, P(0, 0, 0, 0), 0));
	radix_lf_snap_close(snap);
	clear();
}

/* Items that a visit met, in its order. */
struct met {
	struct item *it[8];
	unsigned n, stop_at;
};

static bool
meet(void *item, void *arg)
{
	struct met *m = arg;

	m->it[m->n++] = item;
	return m->n == m->stop_at;
}

Test(radix_lf, covering_visits_all_prefixes_of_a_key_shortest_first)
{
	struct item *any = add(NULL, 0), *p8 = add(P(10, 0, 0, 0), 8);
	struct item *p24 = add(P(10, 1, 2, 0), 24);
	struct met m = {.n = 0}, one = {.stop_at = 2};
	const uint64_t s = pserialize_read_enter();

	add(P(10, 2, 0, 0), 16);
	add(P(10, 1, 2, 3), 32);
	cr_assert_null(radix_lf_covering(t, P(10, 1, 2, 0), 24, meet, &m));
	cr_assert_eq(m.n, 3);
	cr_assert(m.it[0] == any && m.it[1] == p8 && m.it[2] == p24);
	cr_assert_eq(radix_lf_covering(t, P(10, 1, 2, 0), 24, meet, &one), p8);
	cr_assert_eq(one.n, 2);
	pserialize_read_exit(s);
	clear();
}

Test(radix_lf, covered_visits_all_under_a_prefix_in_walk_order)
{
	struct item *p8 = add(P(10, 0, 0, 0), 8);
	struct item *p24 = add(P(10, 1, 2, 0), 24);
	struct item *host = add(P(10, 1, 2, 3), 32);
	struct item *p16 = add(P(10, 2, 0, 0), 16);
	struct met m = {.n = 0}, one = {.stop_at = 2}, none = {.n = 0};
	const uint64_t s = pserialize_read_enter();

	add(NULL, 0);
	add(P(11, 0, 0, 0), 8);
	cr_assert_null(radix_lf_covered(t, P(10, 0, 0, 0), 8, meet, &m));
	cr_assert_eq(m.n, 4);
	cr_assert(m.it[0] == p8 && m.it[1] == p24);
	cr_assert(m.it[2] == host && m.it[3] == p16);
	cr_assert_eq(radix_lf_covered(t, P(10, 0, 0, 0), 8, meet, &one), p24);
	cr_assert_null(radix_lf_covered(t, P(12, 0, 0, 0), 8, meet, &none));
	cr_assert_null(radix_lf_covered(t, P(10, 1, 3, 0), 24, meet, &none));
	cr_assert_eq(none.n, 0);
	pserialize_read_exit(s);
	clear();
}

static bool
count_in_order(void *item, void *arg)
{
	unsigned *n = arg;

	/* What covers all, then the deepest: no bit set but the last. */
	cr_assert_eq(((const struct item *)item)->bits, *n == 0 ? 0 : 257 - *n);
	++*n;
	return false;
}

/* A comb: a fork at every bit. */
Test(radix_lf, covered_visits_more_forks_than_it_can_remember)
{
	const struct radix_lf_config cfg = item_config(256);
	struct item *it[257];
	struct radix_lf *comb;
	unsigned n = 0;
	uint64_t s;

	cr_assert_eq(radix_lf_create(&cfg, &comb), 0);
	for (unsigned i = 0; i < 256; i++) {
		uint8_t key[ITEM_KEY_MAX] = {0};

		key[i / 8] = (uint8_t)(0x80 >> i % 8);
		it[i] = item_new(key, i + 1);
		cr_assert_eq(radix_lf_insert(comb, it[i]), 0);
	}
	it[256] = item_new(NULL, 0);
	cr_assert_eq(radix_lf_insert(comb, it[256]), 0);
	s = pserialize_read_enter();
	cr_assert_null(radix_lf_covered(comb, NULL, 0, count_in_order, &n));
	pserialize_read_exit(s);
	cr_assert_eq(n, 257);
	radix_lf_destroy(comb);
	for (unsigned i = 0; i < 257; i++)
		free(it[i]);
}

static bool
is_short(void *item, void *arg)
{
	return ((const struct item *)item)->bits <= *(unsigned *)arg;
}

Test(radix_lf, lookup_if_takes_the_longest_that_matches)
{
	struct item *any = add(NULL, 0), *p8 = add(P(10, 0, 0, 0), 8);
	unsigned limit = 23;
	uint64_t s;

	add(P(10, 1, 2, 0), 24);
	s = pserialize_read_enter();
	cr_assert_eq(
	    radix_lf_lookup_if(t, P(10, 1, 2, 3), 32, is_short, &limit), p8);
	limit = 7;
	cr_assert_eq(
	    radix_lf_lookup_if(t, P(10, 1, 2, 3), 32, is_short, &limit), any);
	pserialize_read_exit(s);
	clear();
}

Test(radix_lf, pin_taken_in_a_section_holds_beyond_it)
{
	struct item *it = add(P(10, 0, 0, 0), 8);
	const uint64_t s = pserialize_read_enter();
	struct radix_lf_snap pin;
	void *out;

	called = false;
	radix_lf_snap_pin(t, &pin);
	cr_assert_eq(radix_lf_snap_exact(&pin, it->key, 8), it);
	pserialize_read_exit(s);
	cr_assert_eq(radix_lf_remove(t, it->key, 8, &out), 0);
	radix_lf_retire(t, &it->head, note_call);
	pserialize_barrier();
	cr_assert_not(called);
	cr_assert_eq(radix_lf_snap_lookup(&pin, P(10, 1, 1, 1), 32), it);
	radix_lf_snap_unpin(&pin);
	pserialize_barrier();
	cr_assert(called);
}

Test(radix_lf, transaction_sees_its_own_edits)
{
	struct item *p8 = add(P(10, 0, 0, 0), 8);
	struct item *p16 = item_new(P(10, 1, 0, 0), 16);
	struct radix_lf_txn *txn;

	cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	cr_assert_eq(radix_lf_txn_insert(txn, p16), 0);
	cr_assert_eq(radix_lf_txn_lookup(txn, P(10, 1, 2, 3), 32), p16);
	cr_assert_eq(radix_lf_txn_next(txn, NULL, 0), p8);
	cr_assert_eq(radix_lf_txn_next(txn, p8->key, 8), p16);
	cr_assert_eq(lookup(P(10, 1, 2, 3)), p8);
	radix_lf_txn_commit(txn);
	clear();
}

Test(radix_lf, transaction_is_invisible_until_its_commit)
{
	struct item *old = add(P(10, 0, 0, 0), 8);
	struct item *a = item_new(P(10, 1, 0, 0), 16);
	struct item *b = item_new(P(11, 0, 0, 0), 8);
	struct radix_lf_txn *txn;
	void *out;

	cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	cr_assert_eq(radix_lf_txn_insert(txn, a), 0);
	cr_assert_eq(radix_lf_txn_insert(txn, b), 0);
	cr_assert_eq(radix_lf_txn_remove(txn, old->key, 8, &out), 0);
	cr_assert_eq(radix_lf_txn_exact(txn, a->key, 16), a);
	cr_assert_null(radix_lf_txn_exact(txn, old->key, 8));
	cr_assert_eq(lookup(P(10, 1, 2, 3)), old);
	cr_assert_null(lookup(P(11, 1, 2, 3)));
	cr_assert_eq(radix_lf_count(t), 1);

	radix_lf_txn_commit(txn);
	cr_assert_eq(lookup(P(10, 1, 2, 3)), a);
	cr_assert_null(lookup(P(10, 2, 2, 3)));
	cr_assert_eq(lookup(P(11, 1, 2, 3)), b);
	cr_assert_eq(radix_lf_count(t), 2);
	free(old);
	clear();
}

Test(radix_lf, aborted_transaction_leaves_no_trace)
{
	struct item *old = add(P(10, 0, 0, 0), 8);
	struct item *a = item_new(P(10, 1, 0, 0), 16);
	struct radix_lf_txn *txn;
	void *out;

	cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	cr_assert_eq(radix_lf_txn_insert(txn, a), 0);
	cr_assert_eq(radix_lf_txn_remove(txn, old->key, 8, &out), 0);
	radix_lf_txn_abort(txn);
	cr_assert_eq(lookup(P(10, 1, 2, 3)), old);
	cr_assert_eq(radix_lf_count(t), 1);
	free(a);
	clear();
}

Test(radix_lf, failed_edit_leaves_the_transaction_going)
{
	struct item *a = item_new(P(10, 1, 0, 0), 16);
	struct radix_lf_txn *txn;
	void *out;

	cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	cr_assert_eq(radix_lf_txn_insert(txn, a), 0);
	cr_assert_eq(radix_lf_txn_insert(txn, a), -EEXIST);
	cr_assert_eq(radix_lf_txn_remove(txn, a->key, 15, &out), -ENOENT);
	radix_lf_txn_commit(txn);
	cr_assert_eq(lookup(P(10, 1, 2, 3)), a);
	clear();
}

Test(radix_lf, snapshot_keeps_its_version)
{
	struct item *p8 = add(P(10, 0, 0, 0), 8),
		    *p16 = add(P(10, 1, 0, 0), 16);
	struct radix_lf_snap *snap;
	void *out;

	cr_assert_eq(radix_lf_snap_open(t, &snap), 0);
	cr_assert_eq(radix_lf_remove(t, p16->key, 16, &out), 0);
	add(P(10, 1, 2, 0), 24);
	cr_assert_eq(radix_lf_snap_lookup(snap, P(10, 1, 2, 3), 32), p16);
	cr_assert_eq(radix_lf_snap_exact(snap, p8->key, 8), p8);
	cr_assert_null(radix_lf_snap_exact(snap, P(10, 1, 2, 0), 24));
	cr_assert_eq(radix_lf_snap_count(snap), 2);
	cr_assert_eq(radix_lf_count(t), 2);
	radix_lf_snap_close(snap);
	free(p16);
	clear();
}

Test(radix_lf, retired_item_waits_for_the_grace_period)
{
	struct item *it = add(P(10, 0, 0, 0), 8);
	const uint64_t s = pserialize_read_enter();
	void *out;

	called = false;
	cr_assert_eq(radix_lf_remove(t, it->key, 8, &out), 0);
	radix_lf_retire(t, &it->head, note_call);
	for (int i = 0; i < 100; i++)
		sched_yield(); /* time in which it must not happen */
	cr_assert_not(called);
	pserialize_read_exit(s);
	pserialize_barrier();
	cr_assert(called);
}

Test(radix_lf, retired_item_waits_for_older_snapshots_only)
{
	struct item *it = add(P(10, 0, 0, 0), 8);
	struct radix_lf_snap *older, *newer;
	void *out;

	called = false;
	cr_assert_eq(radix_lf_snap_open(t, &older), 0);
	cr_assert_eq(radix_lf_remove(t, it->key, 8, &out), 0);
	radix_lf_retire(t, &it->head, note_call);
	cr_assert_eq(radix_lf_snap_open(t, &newer), 0);
	pserialize_barrier();
	cr_assert_not(called);
	cr_assert_eq(radix_lf_snap_lookup(older, P(10, 1, 1, 1), 32), it);

	radix_lf_snap_close(older);
	pserialize_barrier();
	cr_assert(called);
	cr_assert_null(radix_lf_snap_lookup(newer, P(10, 1, 1, 1), 32));
	radix_lf_snap_close(newer);
}

Test(radix_lf, newer_snapshot_closed_first_frees_nothing_early)
{
	struct item *it = add(P(10, 0, 0, 0), 8);
	struct radix_lf_snap *older, *newer;
	void *out;

	called = false;
	cr_assert_eq(radix_lf_snap_open(t, &older), 0);
	cr_assert_eq(radix_lf_remove(t, it->key, 8, &out), 0);
	radix_lf_retire(t, &it->head, note_call);
	cr_assert_eq(radix_lf_snap_open(t, &newer), 0);
	radix_lf_snap_close(newer);
	pserialize_barrier();
	cr_assert_not(called);
	radix_lf_snap_close(older);
	pserialize_barrier();
	cr_assert(called);
}

Test(radix_lf, one_item_may_be_in_two_trees)
{
	const struct radix_lf_config cfg = item_config(32);
	struct item *it = add(P(10, 0, 0, 0), 8);
	struct radix_lf *other;
	void *out;

	cr_assert_eq(radix_lf_create(&cfg, &other), 0);
	cr_assert_eq(radix_lf_insert(other, it), 0);
	cr_assert_eq(radix_lf_remove(other, it->key, 8, &out), 0);
	cr_assert_eq(lookup(P(10, 1, 1, 1)), it);
	radix_lf_destroy(other);
	clear();
}

struct long_item {
	unsigned bits;
	uint8_t key[RADIX_LF_BITS_MAX / 8 + 1];
};

static unsigned
long_bits(const void *item)
{
	return ((const struct long_item *)item)->bits;
}

Test(radix_lf, keys_may_be_as_long_as_promised)
{
	const struct radix_lf_config cfg = {
	    .key_offset = offsetof(struct long_item, key),
	    .max_bits = RADIX_LF_BITS_MAX,
	    .item_bits = long_bits,
	};
	static struct long_item a, b, c; /* b and c differ in the last bit */
	struct radix_lf *other;
	uint64_t s;

	a.bits = RADIX_LF_BITS_MAX - 1;
	b.bits = c.bits = RADIX_LF_BITS_MAX;
	c.key[RADIX_LF_BITS_MAX / 8] = 1 << 1;
	cr_assert_eq(radix_lf_create(&cfg, &other), 0);
	cr_assert_eq(radix_lf_insert(other, &b), 0);
	cr_assert_eq(radix_lf_insert(other, &c), 0);
	cr_assert_eq(radix_lf_insert(other, &a), 0);
	s = pserialize_read_enter();
	cr_assert_eq(radix_lf_lookup(other, b.key, b.bits), &b);
	cr_assert_eq(radix_lf_lookup(other, c.key, c.bits), &c);
	cr_assert_eq(radix_lf_lookup(other, c.key, a.bits), &a);
	cr_assert_null(radix_lf_lookup(other, c.key, a.bits - 1));
	cr_assert_eq(radix_lf_next(other, a.key, a.bits), &b);
	cr_assert_eq(radix_lf_next(other, b.key, b.bits), &c);
	cr_assert_null(radix_lf_next(other, c.key, c.bits));
	cr_assert_eq(radix_lf_prev(other, NULL, 0), &c);
	cr_assert_eq(radix_lf_prev(other, c.key, c.bits), &b);
	cr_assert_eq(radix_lf_prev(other, b.key, b.bits), &a);
	cr_assert_null(radix_lf_prev(other, a.key, a.bits));
	pserialize_read_exit(s);
	radix_lf_destroy(other);
}

#define DEEP 4000

/* One way down with an item at every bit, to the longest key there may be. */
Test(radix_lf, tree_may_be_as_high_as_keys_are_long, .timeout = 60)
{
	const struct radix_lf_config cfg = {
	    .key_offset = offsetof(struct long_item, key),
	    .max_bits = RADIX_LF_BITS_MAX,
	    .item_bits = long_bits,
	};
	struct long_item *it = calloc(DEEP, sizeof(*it));
	struct radix_lf *other;
	struct radix_lf_txn *txn;
	uint64_t s;

	cr_assert_not_null(it);
	cr_assert_eq(radix_lf_create(&cfg, &other), 0);
	cr_assert_eq(radix_lf_txn_begin(other, &txn), 0);
	for (unsigned i = 0; i < DEEP; i++) {
		it[i].bits = RADIX_LF_BITS_MAX - i;
		cr_assert_eq(radix_lf_txn_insert(txn, &it[i]), 0);
	}
	radix_lf_txn_abort(txn);
	cr_assert_eq(radix_lf_txn_begin(other, &txn), 0);
	for (unsigned i = 0; i < DEEP; i++)
		cr_assert_eq(radix_lf_txn_insert(txn, &it[i]), 0);
	radix_lf_txn_commit(txn);
	s = pserialize_read_enter();
	cr_assert_eq(
	    radix_lf_lookup(other, it[0].key, RADIX_LF_BITS_MAX), &it[0]);
	cr_assert_eq(radix_lf_prev(other, NULL, 0), &it[0]);
	cr_assert_eq(radix_lf_next(other, NULL, 0), &it[DEEP - 1]);
	pserialize_read_exit(s);
	radix_lf_destroy(other);
	free(it);
}

/* Broken contracts end the program. */

Test(radix_lf, lookup_outside_a_section_aborts, .signal = SIGABRT)
{
	radix_lf_lookup(t, P(10, 0, 0, 0), 32);
}

Test(radix_lf, second_transaction_at_a_time_aborts, .signal = SIGABRT)
{
	struct radix_lf_txn *txn;

	cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	radix_lf_txn_begin(t, &txn);
}

Test(radix_lf, edit_of_an_ended_transaction_aborts, .signal = SIGABRT)
{
	struct radix_lf_txn *txn;

	cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	radix_lf_txn_commit(txn);
	radix_lf_txn_insert(txn, item_new(P(10, 0, 0, 0), 8));
}

Test(radix_lf, place_of_before_another_edit_aborts, .signal = SIGABRT)
{
	struct radix_lf_place place;
	struct radix_lf_txn *txn;

	cr_assert_eq(radix_lf_txn_begin(t, &txn), 0);
	radix_lf_txn_find(txn, P(10, 0, 0, 0), 8, &place);
	cr_assert_eq(radix_lf_txn_insert(txn, item_new(P(11, 0, 0, 0), 8)), 0);
	(void)radix_lf_txn_put(txn, &place, item_new(P(10, 0, 0, 0), 8));
}

Test(radix_lf, key_longer_than_allowed_aborts, .signal = SIGABRT)
{
	const uint8_t key[5] = {10};

	radix_lf_insert(t, item_new(key, 33));
}

Test(radix_lf, destroy_under_a_snapshot_aborts, .signal = SIGABRT)
{
	struct radix_lf_snap *snap;

	cr_assert_eq(radix_lf_snap_open(t, &snap), 0);
	radix_lf_destroy(t);
}

Test(radix_lf, destroy_leaves_the_items_to_the_caller)
{
	const struct radix_lf_config cfg = item_config(32);
	struct item *it = item_new(P(10, 0, 0, 0), 8);
	struct radix_lf *other;

	cr_assert_eq(radix_lf_create(&cfg, &other), 0);
	cr_assert_eq(radix_lf_insert(other, it), 0);
	radix_lf_destroy(other);
	cr_assert_eq(it->bits, 8);
	free(it);
}
