/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Memory of branches.  Slabs grow from small to large and live as long as the
 * tree.  A transaction notes the branches that it takes out of the tree in
 * batches; after the grace period the same batches are lists of free branches,
 * so freeing costs one exchange for a commit, whatever its size, and the next
 * alloc takes the branch that was retired last.
 *
 * Ordering pairs
 *   RETURN  on_grace pushes batches on returned (release) -> collect takes them
 *           (acquire): readers' last loads of a branch, which came before the
 *           grace period's end, come before it is written again.
 */

#include <errno.h>

#include "libsync/base/point.h"
#include "libsync/radix_lf/radix_lf_impl.h"

#define SLAB_FIRST 126U   /* branches: a page with the slab's head */
#define SLAB_LAST  65534U /* two megabytes */

/* pserialize_call() function of a commit's first batch. */
static void
on_grace(struct pserialize_head *head)
{
	struct radix_lf_batch *first = (struct radix_lf_batch *)(void *)head;
	struct radix_lf *t = first->tree;
	struct radix_lf_batch *last = first, *old;

	while (last->next != NULL)
		last = last->next;
	/* relaxed: only its value goes into the exchange. */
	old = sync_load_relaxed(&t->returned);
	do {
		last->next = old;
		SYNC_POINT("radix_lf_return");
		/* RETURN release: pairs with the acquire in collect. */
	} while (!sync_cas_release(&t->returned, &old, first));
}

void
radix_lf_mem_release(struct radix_lf_batch *first)
{
	pserialize_call(&first->head, on_grace);
}

static void
put_empty(struct radix_lf *t, struct radix_lf_batch *b)
{
	b->next = t->empty;
	t->empty = b;
	t->empties++;
}

/* Take back what grace periods have freed. */
static void
collect(struct radix_lf *t)
{
	struct radix_lf_batch *b, *next;

	/* RETURN acquire: pairs with the release in on_grace. */
	for (b = sync_xchg_acquire(&t->returned, NULL); b != NULL; b = next) {
		next = b->next;
		if (b->n == 0) {
			put_empty(t, b);
			continue;
		}
		t->avail += b->n;
		b->next = t->full;
		t->full = b;
	}
}

static int
grow(struct radix_lf *t)
{
	struct radix_lf_slab *slab;
	const size_t n = t->slab_size == 0 ? SLAB_FIRST : t->slab_size;

	slab = port_alloc(sizeof(*slab) + n * sizeof(slab->branch[0]));
	if (slab == NULL)
		return -ENOMEM;
	/* The rest of the last slab must not be lost. */
	while (t->bump_left > 0) {
		t->bump_left--;
		t->avail--;
		radix_lf_mem_free(t, t->bump++);
	}
	slab->next = t->slabs;
	t->slabs = slab;
	t->bump = slab->branch;
	t->bump_left = n;
	t->avail += n;
	t->slab_size = n >= SLAB_LAST / 2 ? SLAB_LAST : 2 * n + 2;
	return 0;
}

static int
grow_empty(struct radix_lf *t)
{
	struct radix_lf_batch *b = port_alloc(sizeof(*b));

	if (b == NULL)
		return -ENOMEM;
	b->tree = t;
	put_empty(t, b);
	return 0;
}

static struct radix_lf_batch *
take_empty(struct radix_lf *t)
{
	struct radix_lf_batch *b = t->empty;

	t->empty = b->next;
	t->empties--;
	b->next = NULL;
	return b;
}

int
radix_lf_mem_begin(struct radix_lf *t)
{
	if (t->empties == 0)
		collect(t);
	if (t->empties == 0 && grow_empty(t) != 0)
		return -ENOMEM;
	t->txn.first = t->txn.last = take_empty(t);
	return 0;
}

int
radix_lf_mem_stock(struct radix_lf *t, size_t branches, size_t batches)
{
	collect(t);
	while (t->avail < branches)
		if (grow(t) != 0)
			return -ENOMEM;
	while (t->empties < batches)
		if (grow_empty(t) != 0)
			return -ENOMEM;
	return 0;
}

int
radix_lf_mem_reserve(struct radix_lf *t, unsigned n)
{
	const unsigned room = RADIX_LF_BATCH_SIZE - t->txn.last->n;

	if (t->avail < n)
		collect(t);
	while (t->avail < n)
		if (grow(t) != 0)
			return -ENOMEM;
	while (room + t->empties * RADIX_LF_BATCH_SIZE < n)
		if (grow_empty(t) != 0)
			return -ENOMEM;
	return 0;
}

struct radix_lf_branch *
radix_lf_mem_alloc(struct radix_lf *t)
{
	struct radix_lf_branch *b;

	SYNC_ASSERT(t->avail > 0);
	t->avail--;
	if ((b = t->loose) != NULL) {
		t->loose = (struct radix_lf_branch *)(void *)b->child[0];
		return b;
	}
	if (t->full != NULL) {
		struct radix_lf_batch *batch = t->full;

		b = batch->branch[--batch->n];
		if (batch->n == 0) {
			t->full = batch->next;
			put_empty(t, batch);
		}
		return b;
	}
	t->bump_left--;
	return t->bump++;
}

void
radix_lf_mem_free(struct radix_lf *t, struct radix_lf_branch *b)
{
	RADIX_LF_STORE(b->child[0], (char *)t->loose);
	t->loose = b;
	t->avail++;
}

void
radix_lf_mem_retire(struct radix_lf *t, struct radix_lf_branch *b)
{
	struct radix_lf_batch *batch = t->txn.last;

	if (batch->n == RADIX_LF_BATCH_SIZE) {
		batch->next = take_empty(t);
		t->txn.last = batch = batch->next;
	}
	batch->branch[batch->n++] = b;
}

void
radix_lf_mem_abort(struct radix_lf *t)
{
	struct radix_lf_batch *b, *next;

	for (b = t->txn.first; b != NULL; b = next) {
		next = b->next;
		b->n = 0;
		put_empty(t, b);
	}
	t->txn.first = t->txn.last = NULL;
}

static void
free_batches(struct radix_lf_batch *b)
{
	struct radix_lf_batch *next;

	for (; b != NULL; b = next) {
		next = b->next;
		port_free(b);
	}
}

void
radix_lf_mem_fini(struct radix_lf *t)
{
	struct radix_lf_slab *slab, *next;

	collect(t);
	free_batches(t->full);
	free_batches(t->empty);
	for (slab = t->slabs; slab != NULL; slab = next) {
		next = slab->next;
		port_free(slab);
	}
}
