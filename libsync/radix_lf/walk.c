/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Walks of one version.  A branch stores no key: the descent is blind, follows
 * the key's bits and trusts them; one comparison with any item at its end then
 * tells how many leading bits the way really shares with the key.  A second
 * descent, over branches now in the cache, goes no further than that.
 *
 * Everything below a published root is constant, and the load of the root
 * (ROOT in radix_lf.c) orders all of it, so these are plain loads.
 */

#include "libsync/radix_lf/radix_lf_impl.h"

static inline char *
child_of(struct radix_lf_branch *b, unsigned side)
{
	return RADIX_LF_LOAD(b->child[side]);
}

/* Any item at or below ref, which is not NULL. */
static const void *
any_item(char *ref)
{
	while (radix_lf_is_branch(ref)) {
		struct radix_lf_branch *b = radix_lf_branch(ref);
		const void *val = radix_lf_val(b);

		if (val != NULL)
			return val;
		ref = child_of(b, 0); /* not NULL: I2 */
	}
	return ref;
}

/* The first item, in walk order, at or below ref, which may be NULL. */
static void *
first_item(char *ref)
{
	while (radix_lf_is_branch(ref)) {
		struct radix_lf_branch *b = radix_lf_branch(ref);
		void *val = radix_lf_val(b);

		if (val != NULL)
			return val;
		ref = child_of(b, 0); /* not NULL: I2 */
	}
	return ref;
}

/* The last item, in walk order, at or below ref, which may be NULL. */
static void *
last_item(char *ref)
{
	while (radix_lf_is_branch(ref)) {
		struct radix_lf_branch *b = radix_lf_branch(ref);
		char *next = child_of(b, 1);

		ref = next != NULL ? next : child_of(b, 0); /* one is: I2 */
	}
	return ref;
}

static inline uint64_t
load_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static inline uint32_t
load_be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}

/* How many of the first bits bits a and b share; touches no further byte. */
static inline unsigned
shared_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	const unsigned bytes = (bits + 7) / 8;
	unsigned i = 0, same = bits;

	for (; i + 8 <= bytes; i += 8) {
		const uint64_t x = load_be64(a + i) ^ load_be64(b + i);

		if (x != 0) {
			same = i * 8 + (unsigned)__builtin_clzll(x);
			return same < bits ? same : bits;
		}
	}
	if (i + 4 <= bytes) {
		const uint32_t x = load_be32(a + i) ^ load_be32(b + i);

		if (x != 0) {
			same = i * 8 + (unsigned)__builtin_clz(x);
			return same < bits ? same : bits;
		}
		i += 4;
	}
	for (; i < bytes; i++) {
		const unsigned x = a[i] ^ b[i];

		if (x != 0) {
			same = i * 8 + (unsigned)__builtin_clz(x) - 24;
			break;
		}
	}
	return same < bits ? same : bits;
}

/*
 * The blind descent: how many leading bits of key the tree under ref, which is
 * not NULL, has in common with it.
 */
static inline unsigned
reach(const struct radix_lf *t, char *ref, const uint8_t *key, unsigned bits,
    const uint8_t **near)
{
	const void *item;
	unsigned common;

	while (radix_lf_is_branch(ref)) {
		struct radix_lf_branch *b = radix_lf_branch(ref);
		const unsigned bit = radix_lf_bit(b);
		char *next;

		if (bit >= bits)
			break;
		next = child_of(b, radix_lf_key_bit(key, bit));
		if (next == NULL)
			break;
		ref = next;
	}
	item = any_item(ref);
	common = t->cfg.item_bits(item);
	*near = radix_lf_key(t, item);
	return shared_bits(key, *near, common < bits ? common : bits);
}

void *
radix_lf_walk_lookup(
    const struct radix_lf *t, char *root, const void *key, unsigned bits)
{
	const uint8_t *near;
	char *ref = root;
	void *best = NULL;
	unsigned same;

	if (root == NULL)
		return NULL;
	same = reach(t, root, key, bits, &near);
	while (radix_lf_is_branch(ref)) {
		struct radix_lf_branch *b = radix_lf_branch(ref);
		const unsigned bit = radix_lf_bit(b);
		void *val;

		if (bit > same)
			return best;
		val = radix_lf_val(b);
		if (val != NULL)
			best = val;
		if (bit == bits)
			return best;
		ref = child_of(b, radix_lf_key_bit(key, bit));
	}
	if (ref != NULL && t->cfg.item_bits(ref) <= same)
		best = ref;
	return best;
}

void *
radix_lf_walk_exact(
    const struct radix_lf *t, char *root, const void *key, unsigned bits)
{
	const uint8_t *near;
	char *ref = root;

	if (root == NULL || reach(t, root, key, bits, &near) < bits)
		return NULL;
	while (radix_lf_is_branch(ref)) {
		struct radix_lf_branch *b = radix_lf_branch(ref);
		const unsigned bit = radix_lf_bit(b);

		if (bit > bits)
			return NULL;
		if (bit == bits)
			return radix_lf_val(b);
		ref = child_of(b, radix_lf_key_bit(key, bit));
	}
	if (ref == NULL || t->cfg.item_bits(ref) != bits)
		return NULL;
	return ref;
}

/* First item below b that is longer than b's own. */
static void *
first_below(struct radix_lf_branch *b)
{
	char *ref = child_of(b, 0);

	return first_item(ref != NULL ? ref : child_of(b, 1));
}

void *
radix_lf_walk_next(
    const struct radix_lf *t, char *root, const void *key, unsigned bits)
{
	const uint8_t *near, *k = key;
	char *ref = root, *after = NULL;
	unsigned same;

	if (root == NULL || key == NULL)
		return first_item(root);
	same = reach(t, root, k, bits, &near);
	while (radix_lf_is_branch(ref)) {
		struct radix_lf_branch *b = radix_lf_branch(ref);
		const unsigned bit = radix_lf_bit(b);
		unsigned side;

		if (bit > same)
			break;
		if (bit == bits)
			return first_below(b);
		side = radix_lf_key_bit(k, bit);
		if (side == 0 && child_of(b, 1) != NULL)
			after = child_of(b, 1);
		ref = child_of(b, side);
	}
	/* Nothing there, or an item that is key or a prefix of it: go on. */
	if (ref == NULL ||
	    (!radix_lf_is_branch(ref) && t->cfg.item_bits(ref) == same))
		return first_item(after);
	/* All of ref is longer than key, or lies on one side of it. */
	if (same == bits || radix_lf_key_bit(k, same) == 0)
		return first_item(ref);
	return first_item(after);
}

void *
radix_lf_walk_prev(
    const struct radix_lf *t, char *root, const void *key, unsigned bits)
{
	const uint8_t *near, *k = key;
	char *ref = root, *before = NULL;
	unsigned same;

	if (root == NULL || key == NULL)
		return last_item(root);
	same = reach(t, root, k, bits, &near);
	while (radix_lf_is_branch(ref)) {
		struct radix_lf_branch *b = radix_lf_branch(ref);
		const unsigned bit = radix_lf_bit(b);
		char *val;
		unsigned side;

		if (bit > same)
			break;
		if (bit == bits)
			return last_item(before);
		side = radix_lf_key_bit(k, bit);
		val = radix_lf_val(b);
		if (side == 1 && child_of(b, 0) != NULL)
			before = child_of(b, 0);
		else if (val != NULL)
			before = val;
		ref = child_of(b, side);
	}
	if (ref == NULL)
		return last_item(before);
	/* All of ref is key or longer, or lies on one side of it, or is one
	 * item that is a prefix of key. */
	if (same == bits)
		return last_item(before);
	if ((!radix_lf_is_branch(ref) && t->cfg.item_bits(ref) == same) ||
	    radix_lf_key_bit(k, same) == 1)
		return last_item(ref);
	return last_item(before);
}

void *
radix_lf_walk_lookup_if(const struct radix_lf *t, char *root,
    const struct radix_lf_ask *ask, bool longest)
{
	const uint8_t *near, *key = ask->key;
	char *ref = root;
	void *best = NULL;
	unsigned same;

	if (root == NULL)
		return NULL;
	same = reach(t, root, key, ask->bits, &near);
	while (radix_lf_is_branch(ref)) {
		struct radix_lf_branch *b = radix_lf_branch(ref);
		const unsigned bit = radix_lf_bit(b);
		void *val;

		if (bit > same)
			return best;
		val = radix_lf_val(b);
		if (val != NULL && ask->match(val, ask->arg)) {
			best = val;
			if (!longest)
				return best;
		}
		if (bit == ask->bits)
			return best;
		ref = child_of(b, radix_lf_key_bit(key, bit));
	}
	if (ref != NULL && t->cfg.item_bits(ref) <= same &&
	    ask->match(ref, ask->arg))
		best = ref;
	return best;
}

/*
 * Visit what follows item at or below ref, without a stack: a descent for each.
 * NULL: all of it.
 */
static void *
visit_by_keys(const struct radix_lf *t, char *ref, void *item,
    const struct radix_lf_ask *ask)
{
	item = item == NULL ? first_item(ref)
			    : radix_lf_walk_next(t, ref, radix_lf_key(t, item),
				  t->cfg.item_bits(item));
	while (item != NULL && !ask->match(item, ask->arg))
		item = radix_lf_walk_next(
		    t, ref, radix_lf_key(t, item), t->cfg.item_bits(item));
	return item;
}

#define TURNS 64 /* a tree may be a thousand times as high */

/* Visit all at or below ref; remember the turns that were not taken. */
static void *
visit(const struct radix_lf *t, char *ref, const struct radix_lf_ask *ask)
{
	char *turn[TURNS], *at = ref;
	void *last = NULL;
	int turns = 0;

	for (;;) {
		const bool is_leaf = !radix_lf_is_branch(at);
		struct radix_lf_branch *b =
		    is_leaf ? NULL : radix_lf_branch(at);
		void *item = is_leaf ? at : radix_lf_val(b);
		char *one;

		if (item != NULL) {
			if (ask->match(item, ask->arg))
				return item;
			last = item;
		}
		if (is_leaf) {
			if (turns == 0)
				return NULL;
			at = turn[--turns];
			continue;
		}
		one = child_of(b, 1);
		at = child_of(b, 0);
		if (at != NULL && one != NULL) {
			if (turns == TURNS)
				return visit_by_keys(t, ref, last, ask);
			turn[turns++] = one;
		}
		if (at == NULL)
			at = one;
	}
}

void *
radix_lf_walk_covered(
    const struct radix_lf *t, char *root, const struct radix_lf_ask *ask)
{
	const uint8_t *near, *key = ask->key;
	char *ref = root;

	if (root == NULL || reach(t, root, key, ask->bits, &near) < ask->bits)
		return NULL;
	while (radix_lf_is_branch(ref)) {
		struct radix_lf_branch *b = radix_lf_branch(ref);
		const unsigned bit = radix_lf_bit(b);

		if (bit >= ask->bits)
			break;
		ref = child_of(b, radix_lf_key_bit(key, bit));
	}
	return ref != NULL ? visit(t, ref, ask) : NULL;
}

/*
 * The blind descent again, which notes the way this time: what the key does not
 * share of it is left out afterwards.
 */
void
radix_lf_walk_locate(
    struct radix_lf_txn *txn, const uint8_t *key, unsigned bits)
{
	const struct radix_lf *t = txn->tree;
	struct radix_lf_branch **way = txn->tree->way;
	struct radix_lf_spot *s = &txn->spot;
	char *ref = txn->root;
	const void *item;
	unsigned n = 0, own = 0, common;

	*s = (struct radix_lf_spot){.at = ref};
	if (ref == NULL)
		return;
	while (radix_lf_is_branch(ref)) {
		struct radix_lf_branch *b = radix_lf_branch(ref);
		const unsigned bit = radix_lf_bit(b);
		char *next;

		if (bit >= bits)
			break;
		way[n++] = b;
		next = child_of(b, radix_lf_key_bit(key, bit));
		if (next == NULL)
			break;
		ref = next;
	}
	item = any_item(ref);
	common = t->cfg.item_bits(item);
	s->near = radix_lf_key(t, item);
	s->same = shared_bits(key, s->near, common < bits ? common : bits);

	while (n > 0 && radix_lf_bit(way[n - 1]) > s->same)
		n--;
	while (own < n && way[own]->tag >> RADIX_LF_TAG_SIZE == txn->id)
		own++;
	s->depth = n;
	s->published = n - own;
	for (; own < n; own++)
		s->valued += radix_lf_has_val(way[own]);
	if (n > 0)
		s->at = child_of(way[n - 1],
		    radix_lf_key_bit(key, radix_lf_bit(way[n - 1])));
	if (s->at == NULL || s->same < bits)
		return;
	if (!radix_lf_is_branch(s->at)) {
		s->exact = t->cfg.item_bits(s->at) == bits;
		s->hit = s->exact ? s->at : NULL;
	} else if (radix_lf_bit(radix_lf_branch(s->at)) == bits) {
		s->exact = true;
		s->hit = radix_lf_val(radix_lf_branch(s->at));
	}
}
