/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A trie of the common kind, wrong on purpose: links are swung in the live
 * tree, as with most tries that readers walk without a lock.  Each pointer
 * that a reader follows is stored atomically, no node is freed under it, and
 * still its longest match can be the answer of no state that there ever was:
 *
 *   nodes edited in place   {0/0, x/1}.  The writer gives 0/0 another value,
 *     then removes x/1.  A reader who had the old 0/0 before finds x/1 gone
 *     and answers with the old value, which at no time was the answer.
 *   nodes replaced          {00/2, 01/2}.  The writer inserts 0/0 above, then
 *     removes 00/2.  A reader who had come in below the new root of before
 *     finds the hole and answers "nothing", though 00/2, then 0/0, was there.
 *
 * One edit during a lookup is harmless, so that simple tests never see it.
 * test_radix_lf_lin must find both.
 */
#ifndef TESTS_LIBSYNC_SWING_TRIE_H
#define TESTS_LIBSYNC_SWING_TRIE_H

#include <criterion/criterion.h>

#include "tests/libsync/radix_lf_item.h"
#include "tests/libsync/radix_lf_trace.h"

#define SWING_NODES 64

struct swing_node {
	uint8_t key;
	unsigned bits;
	struct item *val;
	struct swing_node *child[2];
};

static struct swing_trie {
	struct swing_node node[SWING_NODES], *top;
	int nodes;
	bool replaces_nodes; /* else a node's val is stored in place */
} swing;

static inline unsigned
swing_bit(uint8_t key, unsigned i)
{
	return key >> (7 - i) & 1;
}

static inline struct swing_node *
swing_node_new(uint8_t key, unsigned bits, struct item *val,
    struct swing_node *c0, struct swing_node *c1)
{
	struct swing_node *n = &swing.node[swing.nodes++];

	cr_assert_leq(swing.nodes, SWING_NODES);
	*n = (struct swing_node){key, bits, val, {c0, c1}};
	return n;
}

/* Put val into the node of slot, or take it out. */
static inline void
swing_value(struct swing_node **slot, struct item *val)
{
	struct swing_node *n = *slot;

	if (swing.replaces_nodes)
		RADIX_LF_STORE(*slot, swing_node_new(n->key, n->bits, val,
					  n->child[0], n->child[1]));
	else
		RADIX_LF_STORE(n->val, val);
}

static inline void
swing_put(struct item *it)
{
	const uint8_t key = it->key[0];
	struct swing_node **slot = &swing.top, *n, *pair[2], *leaf = NULL;
	unsigned c;

	while ((n = *slot) != NULL && n->bits < it->bits &&
	       item_same(&n->key, &key, n->bits))
		slot = &n->child[swing_bit(key, n->bits)];
	if (n == NULL) {
		RADIX_LF_STORE(
		    *slot, swing_node_new(key, it->bits, it, NULL, NULL));
		return;
	}
	if (n->bits == it->bits && item_same(&n->key, &key, n->bits)) {
		swing_value(slot, it);
		return;
	}
	for (c = 0; c < n->bits && c < it->bits; c++)
		if (swing_bit(key, c) != swing_bit(n->key, c))
			break;
	if (c < it->bits)
		leaf = swing_node_new(key, it->bits, it, NULL, NULL);
	pair[swing_bit(n->key, c)] = n;
	pair[!swing_bit(n->key, c)] = leaf;
	RADIX_LF_STORE(*slot,
	    swing_node_new(key, c, leaf == NULL ? it : NULL, pair[0], pair[1]));
}

static inline void
swing_remove(uint8_t key, unsigned bits)
{
	struct swing_node **slot = &swing.top, **above = NULL, *n = swing.top;

	while (n->bits < bits) {
		above = slot;
		slot = &n->child[swing_bit(key, n->bits)];
		n = *slot;
	}
	if (n->child[0] != NULL && n->child[1] != NULL) {
		swing_value(slot, NULL);
	} else if (n->child[0] != NULL || n->child[1] != NULL) {
		RADIX_LF_STORE(*slot, n->child[n->child[0] == NULL]);
	} else if (above != NULL && (*above)->val == NULL) {
		struct swing_node *u = *above;

		RADIX_LF_STORE(*above, u->child[!swing_bit(key, u->bits)]);
	} else {
		RADIX_LF_STORE(*slot, NULL);
	}
}

static inline const void *
swing_lookup(const uint8_t *key, unsigned bits)
{
	const struct item *best = NULL, *val;
	struct swing_node *n = RADIX_LF_LOAD(swing.top);

	while (
	    n != NULL && n->bits <= bits && item_same(&n->key, key, n->bits)) {
		val = RADIX_LF_LOAD(n->val);
		if (val != NULL)
			best = val;
		if (n->bits == bits)
			break;
		n = RADIX_LF_LOAD(n->child[swing_bit(*key, n->bits)]);
	}
	return best;
}

static inline void
swing_clear(void)
{
	swing.nodes = 0;
	swing.top = NULL;
}

#endif /* TESTS_LIBSYNC_SWING_TRIE_H */
