/* SPDX-License-Identifier: BSD-2-Clause */

/* Readers of a tree against a writer that inserts, replaces and removes. */

#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/radix_lf/radix_lf.h"
#include "tests/wsim/wsim.h"

struct item {
	struct pserialize_head head; /* first: the callback is given it */
	uint8_t key;
	uint8_t bits;
	int value;
};

static struct radix_lf *tree;

static unsigned
item_bits(const void *item)
{
	return ((const struct item *)item)->bits;
}

static struct item *
make(uint8_t key, uint8_t bits, int value)
{
	struct item *i = malloc(sizeof(*i));

	i->key = key;
	i->bits = bits;
	i->value = value;
	return i;
}

static void
start(void)
{
	const struct radix_lf_config cfg = {
	    .key_offset = offsetof(struct item, key),
	    .max_bits = 8,
	    .item_bits = item_bits,
	};

	wsim_assert(radix_lf_create(&cfg, &tree) == 0);
}

static void
insert(uint8_t key, uint8_t bits, int value)
{
	wsim_assert(radix_lf_insert(tree, make(key, bits, value)) == 0);
}

static void
free_item(struct pserialize_head *head)
{
	free(head);
}

static void
take_out(uint8_t key, uint8_t bits)
{
	void *item;

	wsim_assert(radix_lf_remove(tree, &key, bits, &item) == 0);
	pserialize_perform();
	free(item);
}

/* The longest match of 0xc1; its value. */
static int
find(void)
{
	const uint8_t key = 0xc1;
	const uint64_t s = pserialize_read_enter();
	const struct item *i = radix_lf_lookup(tree, &key, 8);
	const int value = i == NULL ? 0 : i->value;

	pserialize_read_exit(s);
	return value;
}

static void *
find_twice(void *arg)
{
	(void)arg;
	for (int k = 0; k < 2; k++) {
		const int value = find();

		wsim_assert(value >= 1 && value <= 3);
	}
	return NULL;
}

WSIM_TEST(longest_match_while_a_longer_one_comes_and_goes)
{
	start();
	insert(0, 0, 1);
	insert(0x80, 1, 2);
	(void)wsim_spawn(find_twice, NULL);
	insert(0xc0, 4, 3);
	take_out(0x80, 1);
	wsim_join_all();
}

/* A replaced key is there at every moment, old or new. */
static void *
find_replaced(void *arg)
{
	int last = 0;

	(void)arg;
	for (int k = 0; k < 3; k++) {
		const int value = find();

		wsim_assert(value >= 1 && value >= last);
		last = value;
	}
	return NULL;
}

WSIM_TEST(replaced_item_is_always_there)
{
	void *old;

	start();
	insert(0xc0, 4, 1);
	(void)wsim_spawn(find_replaced, NULL);
	wsim_assert(radix_lf_replace(tree, make(0xc0, 4, 2), &old) == 0);
	pserialize_perform();
	free(old);
	wsim_join_all();
}

/* Both keys of a transaction are seen, or neither. */
static void *
find_both(void *arg)
{
	const uint8_t a = 0x10, b = 0xe0;
	uint64_t s;
	bool has_b;

	(void)arg;
	s = pserialize_read_enter();
	has_b = radix_lf_exact(tree, &b, 8) != NULL;
	if (has_b)
		wsim_assert(radix_lf_exact(tree, &a, 8) != NULL);
	pserialize_read_exit(s);
	return NULL;
}

WSIM_TEST(transaction_is_seen_at_once)
{
	struct radix_lf_txn *txn;

	start();
	(void)wsim_spawn(find_both, NULL);
	wsim_assert(radix_lf_txn_begin(tree, &txn) == 0);
	wsim_assert(radix_lf_txn_insert(txn, make(0xe0, 8, 1)) == 0);
	wsim_assert(radix_lf_txn_insert(txn, make(0x10, 8, 2)) == 0);
	radix_lf_txn_commit(txn);
	wsim_join_all();
}

/* A snapshot keeps its version, and what was retired after it. */
static void *
hold_snapshot(void *arg)
{
	struct radix_lf_snap snap;
	const uint8_t key = 0xc1;
	const struct item *first, *second;

	(void)arg;
	radix_lf_snap_pin(tree, &snap);
	first = radix_lf_snap_lookup(&snap, &key, 8);
	second = radix_lf_snap_lookup(&snap, &key, 8);
	wsim_assert(first == second && first->value >= 1);
	radix_lf_snap_unpin(&snap);
	return NULL;
}

WSIM_TEST(snapshot_keeps_what_is_retired)
{
	struct item *old;
	void *out;

	start();
	insert(0xc0, 4, 1);
	(void)wsim_spawn(hold_snapshot, NULL);
	wsim_assert(radix_lf_replace(tree, make(0xc0, 4, 2), &out) == 0);
	old = out;
	radix_lf_retire(tree, &old->head, free_item);
	pserialize_barrier();
	wsim_join_all();
}

WSIM_MUST_FAIL(item_freed_at_once, WSIM_UAF)
{
	void *old;

	start();
	insert(0xc0, 4, 1);
	(void)wsim_spawn(find_twice, NULL);
	wsim_assert(radix_lf_replace(tree, make(0xc0, 4, 2), &old) == 0);
	free(old);
	wsim_join_all();
}
