/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A persistent Patricia tree.  An edit never changes what a reader may see: it
 * copies the branches from the root to its place, and one store of the root
 * publishes the new version as a whole.  So every lookup runs in one immutable
 * version, and its answer is linearizable; a tree that is edited in place
 * cannot promise that for the longest match, because a walk would collect its
 * candidates from different instants (docs/man/radix_lf.3 gives the history).
 * Path copying: Driscoll, Sarnak, Sleator, Tarjan, "Making data structures
 * persistent", 1989.  Patricia: Morrison, 1968.
 *
 *   walk.c lookups in one version     txn.c  edits of a private version
 *   mem.c  memory of branches         snap.c versions that are kept
 *
 * Invariants
 *   I1  From a branch to the one below it, bit strictly increases; everything
 *       below a branch shares its first bit bits.
 *   I2  A branch has at least two of val, child[0], child[1]; without a val it
 *       has both children.
 *   I3  Every item is in a version once: as leaf, or as val of the branch whose
 *       bit is the item's length.
 *   I4  A branch below a published root is never written again.
 *
 * Ordering pairs
 *   ROOT  publish stores root (release) -> lookup, exact and next load root
 *         (acquire): all branches and items of a version are complete before
 *         it is seen.  What older versions contributed is ordered by their own
 *         root stores: the writers follow each other under the caller's mutex.
 *
 * Reclamation
 *   Branches that commits replaced go to pserialize_call() in batches, or, while
 *   snapshots are open, wait until the last one older than the commit has
 *   closed, and go then.  Items are the caller's; radix_lf_retire() sends
 *   them the same way.
 */

#include "libsync/radix_lf/radix_lf.h"

#include "libsync/port/types.h"
#include "libsync/radix_lf/radix_lf_impl.h"

int
radix_lf_create(const struct radix_lf_config *cfg, struct radix_lf **out)
{
	struct radix_lf *t;

	if (cfg->item_bits == NULL || cfg->max_bits == 0 ||
	    cfg->max_bits > RADIX_LF_BITS_MAX)
		return -EINVAL;
	t = port_alloc(sizeof(*t) + (cfg->max_bits + 1) * sizeof(t->way[0]));
	if (t == NULL)
		return -ENOMEM;
	t->cfg = *cfg;
	t->lock = (struct port_mutex)PORT_MUTEX_INIT;
	*out = t;
	return 0;
}

void
radix_lf_destroy(struct radix_lf *t)
{
	SYNC_REQUIRE(t->txn.id == 0);
	SYNC_REQUIRE(t->oldest == NULL);
	pserialize_barrier();
	radix_lf_mem_fini(t);
	port_free(t);
}

void *
radix_lf_lookup(const struct radix_lf *t, const void *key, unsigned bits)
{
	SYNC_ASSERT(pserialize_in_read_section());
	return radix_lf_walk_lookup(t,
	    /* ROOT acquire: pairs with the release in publish. */
	    sync_load_acquire(&t->root), key, bits);
}

void *
radix_lf_exact(const struct radix_lf *t, const void *key, unsigned bits)
{
	SYNC_ASSERT(pserialize_in_read_section());
	return radix_lf_walk_exact(t,
	    /* ROOT acquire: pairs with the release in publish. */
	    sync_load_acquire(&t->root), key, bits);
}

void *
radix_lf_next(const struct radix_lf *t, const void *key, unsigned bits)
{
	SYNC_ASSERT(pserialize_in_read_section());
	return radix_lf_walk_next(t,
	    /* ROOT acquire: pairs with the release in publish. */
	    sync_load_acquire(&t->root), key, bits);
}

void *
radix_lf_prev(const struct radix_lf *t, const void *key, unsigned bits)
{
	SYNC_ASSERT(pserialize_in_read_section());
	return radix_lf_walk_prev(t,
	    /* ROOT acquire: pairs with the release in publish. */
	    sync_load_acquire(&t->root), key, bits);
}

void *
radix_lf_lookup_if(const struct radix_lf *t, const void *key, unsigned bits,
    radix_lf_match_fn match, void *arg)
{
	const struct radix_lf_ask ask = {key, bits, match, arg};

	SYNC_ASSERT(pserialize_in_read_section());
	return radix_lf_walk_lookup_if(t,
	    /* ROOT acquire: pairs with the release in publish. */
	    sync_load_acquire(&t->root), &ask, true);
}

void *
radix_lf_covering(const struct radix_lf *t, const void *key, unsigned bits,
    radix_lf_match_fn match, void *arg)
{
	const struct radix_lf_ask ask = {key, bits, match, arg};

	SYNC_ASSERT(pserialize_in_read_section());
	return radix_lf_walk_lookup_if(t,
	    /* ROOT acquire: pairs with the release in publish. */
	    sync_load_acquire(&t->root), &ask, false);
}

void *
radix_lf_covered(const struct radix_lf *t, const void *key, unsigned bits,
    radix_lf_match_fn match, void *arg)
{
	const struct radix_lf_ask ask = {key, bits, match, arg};

	SYNC_ASSERT(pserialize_in_read_section());
	return radix_lf_walk_covered(t,
	    /* ROOT acquire: pairs with the release in publish. */
	    sync_load_acquire(&t->root), &ask);
}

size_t
radix_lf_count(const struct radix_lf *t)
{
	/* relaxed: a number, through which nothing is reached. */
	return sync_load_relaxed(&t->count);
}

void
radix_lf_publish(struct radix_lf *t)
{
	struct radix_lf_txn *txn = &t->txn;
	struct radix_lf_batch *first = txn->first;

	/* relaxed: only the writer stores root. */
	if (txn->root == sync_load_relaxed(&t->root)) {
		radix_lf_mem_abort(t); /* nothing was edited, nor retired */
		return;
	}
	port_mutex_lock(&t->lock);
	/* COMMIT.  ROOT release: pairs with the acquires in lookup etc. */
	sync_store_release(&t->root, txn->root);
	/* relaxed: a number, through which nothing is reached. */
	sync_store_relaxed(&t->count, txn->count);
	t->version = first->version = txn->id;
	if (t->oldest != NULL) {
		if (t->first == NULL)
			t->first = first;
		else
			t->last->later = first;
		t->last = first;
		first = NULL;
	}
	port_mutex_unlock(&t->lock);

	if (first != NULL)
		radix_lf_mem_commit(t);
	else
		txn->first = txn->last = t->open = NULL;
}

static int
finish(struct radix_lf_txn *txn, int error)
{
	if (error == 0)
		radix_lf_txn_commit(txn);
	else
		radix_lf_txn_abort(txn);
	return error;
}

int
radix_lf_insert(struct radix_lf *t, void *item)
{
	struct radix_lf_txn *txn;
	const int error = radix_lf_txn_begin(t, &txn);

	if (error != 0)
		return error;
	return finish(txn, radix_lf_txn_insert(txn, item));
}

int
radix_lf_replace(struct radix_lf *t, void *item, void **old)
{
	struct radix_lf_txn *txn;
	const int error = radix_lf_txn_begin(t, &txn);

	if (error != 0)
		return error;
	return finish(txn, radix_lf_txn_replace(txn, item, old));
}

int
radix_lf_remove(struct radix_lf *t, const void *key, unsigned bits, void **out)
{
	struct radix_lf_txn *txn;
	const int error = radix_lf_txn_begin(t, &txn);

	if (error != 0)
		return error;
	return finish(txn, radix_lf_txn_remove(txn, key, bits, out));
}
