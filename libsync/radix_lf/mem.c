/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Memory of branches.  Slabs grow from small to large and live as long as the
 * tree.  A transaction notes the branches that it takes out of the tree in
 * batches; after the grace period the same batches are lists of free branches.
 * Small commits fill a batch together, which is passed on when it is full, or,
 * once there is a snapshot, with the next commit: the branches that it has from
 * commits before then just wait longer than they had to.
 *
 * Ordering pairs
 *   RETURN  on_grace pushes batches on returned (release) -> collect takes them
 *           (acquire): readers' last loads of a branch, which came before the
 *           grace period's end, come before it is written again.
 */

#include <errno.h>

#include "libsync/base/point.h"
#include "libsync/radix_lf/radix_lf_impl.h"

#define SLAB_FIRST 126U  /* branches: a page with the slab's head */
#define SLAB_LAST  2040U /* 64 kilobytes: how much may be too much */
#define AT_HAND    256U  /* used branches that a transaction begins with */

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

/*
 * Take one batch back that grace periods have freed.
 * Returns: false if there is none.
 */
static bool
collect(struct radix_lf *t)
{
	struct radix_lf_batch *b = t->ready;

	if (b == NULL) {
		/* relaxed: the exchange loads it again. */
		if (sync_load_relaxed(&t->returned) == NULL)
			return false;
		/* RETURN acquire: pairs with the release in on_grace. */
		b = sync_xchg_acquire(&t->returned, NULL);
	}
	t->ready = b->next;
	if (b->n == 0) {
		put_empty(t, b);
		return true;
	}
	t->avail += b->n;
	b->next = t->full;
	t->full = b;
	return true;
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
	while (t->avail - t->bump_left < AT_HAND && collect(t))
		;
	if (t->open == NULL) {
		if (t->empties == 0 && grow_empty(t) != 0)
			return -ENOMEM;
		t->open = take_empty(t);
	}
	t->txn.first = t->txn.last = t->open;
	t->txn.kept = t->open->n;
	return 0;
}

void
radix_lf_mem_commit(struct radix_lf *t)
{
	struct radix_lf_batch *first = t->txn.first, *b = first;

	t->open = t->txn.last;
	t->txn.first = t->txn.last = NULL;
	if (first == t->open)
		return;
	while (b->next != t->open)
		b = b->next;
	b->next = NULL;
	radix_lf_mem_release(first);
}

int
radix_lf_mem_stock(struct radix_lf *t, size_t branches, size_t batches)
{
	while (t->avail < branches)
		if (!collect(t) && grow(t) != 0)
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

	while (t->avail < n)
		if (!collect(t) && grow(t) != 0)
			return -ENOMEM;
	while (room + t->empties * RADIX_LF_BATCH_SIZE < n)
		if (grow_empty(t) != 0)
			return -ENOMEM;
	return 0;
}

struct radix_lf_branch *
radix_lf_mem_alloc_slow(struct radix_lf *t)
{
	struct radix_lf_branch *b;

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
radix_lf_mem_retire_slow(struct radix_lf *t)
{
	t->txn.last->next = take_empty(t);
	t->txn.last = t->txn.last->next;
}

void
radix_lf_mem_abort(struct radix_lf *t)
{
	struct radix_lf_batch *first = t->txn.first, *b, *next;

	for (b = first->next; b != NULL; b = next) {
		next = b->next;
		b->n = 0;
		put_empty(t, b);
	}
	first->next = NULL;
	first->n = t->txn.kept;
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

	while (collect(t))
		;
	free_batches(t->full);
	free_batches(t->empty);
	free_batches(t->open);
	for (slab = t->slabs; slab != NULL; slab = next) {
		next = slab->next;
		port_free(slab);
	}
}
