/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Edits on a private root.  The way to the place of an edit is noted on the way
 * down and copied from the top; each copy is linked into the one before it.  A
 * branch that carries this transaction's id is a copy already and is edited in
 * place: only the private root leads to it.  Every edit finds its place first
 * and reserves its memory, so that it cannot fail half way.
 *
 * With same = leading bits that the key shares with the tree, an item is put
 *   in the branch at bit = same = its length  as that branch's val
 *   into an empty slot                        as a leaf
 *   above what is longer and under it         as val of a one-way branch
 *   under a leaf that is a prefix of it       which becomes a one-way branch
 *   beside what differs at bit same           under a new two-way branch
 * and a branch that an edit leaves with one thing only is replaced by it.
 */

#include "libsync/port/types.h"
#include "libsync/radix_lf/radix_lf_impl.h"

/* A branch of txn; it gets its children from the caller. */
static inline struct radix_lf_branch *
make(struct radix_lf_txn *txn, unsigned bit, void *val)
{
	struct radix_lf_branch *b = radix_lf_mem_alloc(txn->tree, val != NULL);
	const uint64_t has_val = val != NULL ? RADIX_LF_HAS_VAL : 0;

	RADIX_LF_STORE(b->tag, txn->id << RADIX_LF_TAG_SIZE | has_val | bit);
	if (val != NULL)
		RADIX_LF_STORE(radix_lf_valued(b)->val, val);
	return b;
}

static inline bool
is_private(const struct radix_lf_txn *txn, const struct radix_lf_branch *b)
{
	return b->tag >> RADIX_LF_TAG_SIZE == txn->id;
}

/* Make the branch in a private slot private too. */
static inline struct radix_lf_branch *
own(struct radix_lf_txn *txn, char **slot, struct radix_lf_branch *b)
{
	struct radix_lf_branch *copy;

	if (is_private(txn, b))
		return b;
	copy = make(txn, radix_lf_bit(b), radix_lf_val(b));
	RADIX_LF_STORE(copy->child[0], b->child[0]);
	RADIX_LF_STORE(copy->child[1], b->child[1]);
	RADIX_LF_STORE(*slot, radix_lf_ref(copy));
	radix_lf_mem_retire(txn->tree, b);
	return copy;
}

/* Own the first n branches on the way of key; return the slot behind them. */
static char **
own_way(struct radix_lf_txn *txn, const uint8_t *key, unsigned n)
{
	struct radix_lf_branch *const *way = txn->tree->way;
	char **slot = &txn->root;

	for (unsigned i = 0; i < n; i++) {
		const unsigned side =
		    radix_lf_key_bit(key, radix_lf_bit(way[i]));

		slot = &own(txn, slot, way[i])->child[side];
	}
	return slot;
}

/* The branch has left the private tree. */
static void
drop(struct radix_lf_txn *txn, struct radix_lf_branch *b)
{
	if (is_private(txn, b))
		radix_lf_mem_free(txn->tree, b);
	else
		radix_lf_mem_retire(txn->tree, b);
}

/* Put a branch in the place of b that has val instead of b's. */
static void
revalue(
    struct radix_lf_txn *txn, char **slot, struct radix_lf_branch *b, void *val)
{
	struct radix_lf_branch *fresh = make(txn, radix_lf_bit(b), val);

	RADIX_LF_STORE(fresh->child[0], b->child[0]);
	RADIX_LF_STORE(fresh->child[1], b->child[1]);
	RADIX_LF_STORE(*slot, radix_lf_ref(fresh));
	drop(txn, b);
}

/* A branch that joins item with what is at its place. */
static char *
join(struct radix_lf_txn *txn, const struct radix_lf_spot *s, void *item,
    const uint8_t *key, unsigned bits)
{
	const struct radix_lf *t = txn->tree;
	struct radix_lf_branch *b;
	void *val = NULL;
	char *child[2] = {NULL, NULL};

	if (s->same == bits) {
		val = item;
		child[radix_lf_key_bit(s->near, bits)] = s->at;
	} else {
		const unsigned side = radix_lf_key_bit(key, s->same);

		child[side] = item;
		if (!radix_lf_is_branch(s->at) &&
		    t->cfg.item_bits(s->at) == s->same)
			val = s->at;
		else
			child[!side] = s->at;
	}
	b = make(txn, s->same, val);
	RADIX_LF_STORE(b->child[0], child[0]);
	RADIX_LF_STORE(b->child[1], child[1]);
	return radix_lf_ref(b);
}

/* The memory of an edit at the spot.  Returns: 0 or -ENOMEM. */
static int
reserve(struct radix_lf_txn *txn)
{
	const struct radix_lf_spot *s = &txn->spot;

	return radix_lf_mem_reserve(txn->tree,
	    (const unsigned[]){s->published - s->valued + 1, s->valued + 1});
}

/* Put item at the spot of its key.  Returns: 0 or -ENOMEM. */
static int
put(struct radix_lf_txn *txn, void *item, unsigned bits)
{
	const struct radix_lf_spot *s = &txn->spot;
	const uint8_t *key = radix_lf_key(txn->tree, item);
	char **slot;
	int error;

	error = reserve(txn);
	if (error != 0)
		return error;

	txn->finds++; /* places end here */
	slot = own_way(txn, key, s->depth);
	if (s->exact && radix_lf_is_branch(s->at)) {
		revalue(txn, slot, radix_lf_branch(s->at), item);
	} else if (s->exact || s->at == NULL) {
		RADIX_LF_STORE(*slot, item);
	} else {
		RADIX_LF_STORE(*slot, join(txn, s, item, key, bits));
	}
	if (s->hit == NULL)
		txn->count++;
	return 0;
}

/* Find the place of an item.  Returns: the length of its key. */
static unsigned
locate(struct radix_lf_txn *txn, const void *item)
{
	const struct radix_lf *t = txn->tree;
	const unsigned bits = t->cfg.item_bits(item);

	SYNC_REQUIRE(txn->id != 0);
	SYNC_REQUIRE(((uintptr_t)item & 1) == 0 && bits <= t->cfg.max_bits);
	txn->finds++;
	radix_lf_walk_locate(txn, radix_lf_key(t, item), bits);
	return bits;
}

int
radix_lf_txn_insert(struct radix_lf_txn *txn, void *item)
{
	const unsigned bits = locate(txn, item);

	if (txn->spot.hit != NULL)
		return -EEXIST;
	return put(txn, item, bits);
}

int
radix_lf_txn_replace(struct radix_lf_txn *txn, void *item, void **old)
{
	const unsigned bits = locate(txn, item);
	const int error = put(txn, item, bits);

	if (error == 0)
		*old = txn->spot.hit;
	return error;
}

/* Take the val out of the branch at the spot. */
static void
remove_val(struct radix_lf_txn *txn, const uint8_t *key)
{
	char **slot = own_way(txn, key, txn->spot.depth);
	struct radix_lf_branch *b = radix_lf_branch(txn->spot.at);

	if (b->child[0] != NULL && b->child[1] != NULL) {
		revalue(txn, slot, b, NULL);
		return;
	}
	RADIX_LF_STORE(*slot, b->child[b->child[0] == NULL]);
	drop(txn, b);
}

/* Take the leaf at the spot out of the branch above it. */
static void
remove_leaf(struct radix_lf_txn *txn, const uint8_t *key)
{
	const unsigned depth = txn->spot.depth;
	struct radix_lf_branch *b;
	char **slot, *other;
	unsigned side;

	if (depth == 0) {
		RADIX_LF_STORE(txn->root, NULL);
		return;
	}
	slot = own_way(txn, key, depth - 1);
	b = txn->tree->way[depth - 1];
	side = radix_lf_key_bit(key, radix_lf_bit(b));
	other = b->child[!side];
	if (radix_lf_has_val(b) && other != NULL) {
		b = own(txn, slot, b);
		RADIX_LF_STORE(b->child[side], NULL);
		return;
	}
	RADIX_LF_STORE(*slot, radix_lf_has_val(b) ? radix_lf_val(b) : other);
	drop(txn, b);
}

/* Take out the item at the spot, which is one.  Returns: 0 or -ENOMEM. */
static int
take(struct radix_lf_txn *txn)
{
	const uint8_t *key = radix_lf_key(txn->tree, txn->spot.hit);
	int error;

	error = reserve(txn);
	if (error != 0)
		return error;

	txn->finds++; /* places end here */
	if (radix_lf_is_branch(txn->spot.at))
		remove_val(txn, key);
	else
		remove_leaf(txn, key);
	txn->count--;
	return 0;
}

int
radix_lf_txn_remove(
    struct radix_lf_txn *txn, const void *key, unsigned bits, void **out)
{
	int error;

	SYNC_REQUIRE(txn->id != 0);
	txn->finds++;
	radix_lf_walk_locate(txn, key, bits);
	if (txn->spot.hit == NULL)
		return -ENOENT;
	error = take(txn);
	if (error == 0)
		*out = txn->spot.hit;
	return error;
}

/* The item with the longest key that is a shorter prefix of the spot's. */
static void *
cover_of(const struct radix_lf_txn *txn)
{
	const struct radix_lf_spot *s = &txn->spot;
	unsigned i = s->depth;

	if (s->at != NULL && !s->exact && !radix_lf_is_branch(s->at) &&
	    txn->tree->cfg.item_bits(s->at) == s->same)
		return s->at;
	while (i > 0 && !radix_lf_has_val(txn->tree->way[i - 1]))
		i--;
	return i > 0 ? radix_lf_val(txn->tree->way[i - 1]) : NULL;
}

void
radix_lf_txn_find(struct radix_lf_txn *txn, const void *key, unsigned bits,
    struct radix_lf_place *out)
{
	const struct radix_lf_spot *s = &txn->spot;

	SYNC_REQUIRE(txn->id != 0);
	radix_lf_walk_locate(txn, key, bits);
	txn->place_bits = bits;
	out->number = ++txn->finds;
	out->item = s->hit;
	out->cover = cover_of(txn);
	out->has_longer = s->at != NULL && s->same == bits &&
			  (radix_lf_is_branch(s->at) || !s->exact);
}

int
radix_lf_txn_put(
    struct radix_lf_txn *txn, const struct radix_lf_place *p, void *item)
{
	SYNC_REQUIRE(txn->id != 0 && p->number == txn->finds);
	SYNC_REQUIRE(((uintptr_t)item & 1) == 0);
	SYNC_REQUIRE(txn->tree->cfg.item_bits(item) == txn->place_bits);
	return put(txn, item, txn->place_bits);
}

int
radix_lf_txn_take(struct radix_lf_txn *txn, const struct radix_lf_place *p)
{
	SYNC_REQUIRE(txn->id != 0 && p->number == txn->finds);
	SYNC_REQUIRE(p->item != NULL);
	return take(txn);
}

/*
 * A way down meets one branch for each value of bit at most, and a tree has
 * fewer branches than items.  An edit copies the way and adds one branch; what
 * it retires fills batches, of which every commit has one of its own.
 */
int
radix_lf_reserve(struct radix_lf *t, size_t edits)
{
	/* relaxed: only the writer, our caller, stores it. */
	const size_t items = sync_load_relaxed(&t->count);
	const size_t bits = (size_t)t->cfg.max_bits + 1;
	size_t each = edits > SIZE_MAX - items ? bits : items + edits;
	size_t batches;

	SYNC_REQUIRE(t->txn.id == 0);
	each = 1 + (each < bits ? each : bits);
	batches = 2 + each / RADIX_LF_BATCH_SIZE;
	if (edits > SIZE_MAX / sizeof(struct radix_lf_batch) / each)
		return -ENOMEM;
	return radix_lf_mem_stock(t, edits * each, edits * batches);
}

void *
radix_lf_txn_lookup(
    const struct radix_lf_txn *txn, const void *key, unsigned bits)
{
	SYNC_REQUIRE(txn->id != 0);
	return radix_lf_walk_lookup(txn->tree, txn->root, key, bits);
}

void *
radix_lf_txn_next(
    const struct radix_lf_txn *txn, const void *key, unsigned bits)
{
	SYNC_REQUIRE(txn->id != 0);
	return radix_lf_walk_next(txn->tree, txn->root, key, bits);
}

void *
radix_lf_txn_covered(const struct radix_lf_txn *txn, const void *key,
    unsigned bits, radix_lf_match_fn match, void *arg)
{
	const struct radix_lf_ask ask = {key, bits, match, arg};

	SYNC_REQUIRE(txn->id != 0);
	return radix_lf_walk_covered(txn->tree, txn->root, &ask);
}

void *
radix_lf_txn_exact(
    const struct radix_lf_txn *txn, const void *key, unsigned bits)
{
	SYNC_REQUIRE(txn->id != 0);
	return radix_lf_walk_exact(txn->tree, txn->root, key, bits);
}

int
radix_lf_txn_begin(struct radix_lf *t, struct radix_lf_txn **out)
{
	struct radix_lf_txn *txn = &t->txn;

	SYNC_REQUIRE(txn->id == 0); /* one writer, one transaction */
	if (radix_lf_mem_begin(t) != 0)
		return -ENOMEM;
	txn->tree = t;
	txn->id = ++t->last_id;
	/* relaxed: only the writer, our caller, stores the two. */
	txn->root = sync_load_relaxed(&t->root);
	txn->count = sync_load_relaxed(&t->count);
	txn->finds++; /* no place of before is one of this transaction */
	*out = txn;
	return 0;
}

void
radix_lf_txn_commit(struct radix_lf_txn *txn)
{
	SYNC_REQUIRE(txn->id != 0);
	radix_lf_publish(txn->tree);
	txn->id = 0;
}

/*
 * Put ref on the list todo if it is a private branch.  The tag is the link, as
 * nothing else is free in it, but for the bit that says what size it has.
 */
static struct radix_lf_branch *
push_private(
    const struct radix_lf_txn *txn, char *ref, struct radix_lf_branch *todo)
{
	struct radix_lf_branch *b;

	if (!radix_lf_is_branch(ref))
		return todo;
	b = radix_lf_branch(ref);
	if (!is_private(txn, b))
		return todo;
	RADIX_LF_STORE(b->tag, (uintptr_t)todo | radix_lf_has_val(b));
	return b;
}

/*
 * Free the private branches: a tree that starts at the root, as every branch
 * above a private one is private.
 */
static void
free_private(struct radix_lf_txn *txn)
{
	struct radix_lf_branch *todo = push_private(txn, txn->root, NULL);

	while (todo != NULL) {
		struct radix_lf_branch *b = todo;
		const uint64_t link = b->tag;

		todo =
		    (struct radix_lf_branch *)(uintptr_t)(link & ~UINT64_C(1));
		todo = push_private(txn, b->child[0], todo);
		todo = push_private(txn, b->child[1], todo);
		RADIX_LF_STORE(b->tag, (link & 1) != 0 ? RADIX_LF_HAS_VAL : 0);
		radix_lf_mem_free(txn->tree, b);
	}
}

void
radix_lf_txn_abort(struct radix_lf_txn *txn)
{
	SYNC_REQUIRE(txn->id != 0);
	free_private(txn);
	radix_lf_mem_abort(txn->tree);
	txn->id = 0;
}
