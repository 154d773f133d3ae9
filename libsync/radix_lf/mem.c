/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Memory of branches, which come in two sizes.  Slabs grow from small to large
 * and live as long as the tree.  A transaction notes the branches that it takes
 * out of the tree in batches; after the grace period the same batches are lists
 * of free branches.  Small commits fill a batch together, which is passed on
 * when it is full, or, once there is a snapshot, with the next commit: the
 * branches that it has from commits before then just wait longer than they had
 * to.
 *
 * Ordering pairs
 *   RETURN  on_grace pushes batches on returned (release) -> collect takes them
 *           (acquire): readers' last loads of a branch, which came before the
 *           grace period's end, come before it is written again.
 */

#include "libsync/base/point.h"
#include "libsync/port/types.h"
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
	if (b->n[0] + b->n[1] == 0) {
		put_empty(t, b);
		return true;
	}
	t->pool[0].avail += b->n[0];
	t->pool[1].avail += b->n[1];
	b->next = t->full;
	t->full = b;
	return true;
}

static size_t
size_of(bool val)
{
	return val ? sizeof(struct radix_lf_valued)
		   : sizeof(struct radix_lf_branch);
}

static struct radix_lf_branch *
bump(struct radix_lf_pool *p, bool val)
{
	struct radix_lf_branch *b = (void *)p->bump;

	p->bump += size_of(val);
	p->bump_left--;
	p->avail--;
	RADIX_LF_STORE(b->tag, val ? RADIX_LF_HAS_VAL : 0);
	return b;
}

static int
grow(struct radix_lf *t, bool val)
{
	struct radix_lf_pool *p = &t->pool[val];
	struct radix_lf_slab *slab;
	const size_t n = p->slab_size == 0 ? SLAB_FIRST : p->slab_size;

	slab = port_alloc(sizeof(*slab) + n * size_of(val));
	if (slab == NULL)
		return -ENOMEM;
	/* The rest of the last slab must not be lost. */
	while (p->bump_left > 0)
		radix_lf_mem_free(t, bump(p, val));
	slab->next = p->slabs;
	p->slabs = slab;
	p->bump = slab->bytes;
	p->bump_left = n;
	p->avail += n;
	p->slab_size = n >= SLAB_LAST / 2 ? SLAB_LAST : 2 * n + 2;
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
	while (t->pool[0].avail - t->pool[0].bump_left < AT_HAND && collect(t))
		;
	if (t->open == NULL) {
		if (t->empties == 0 && grow_empty(t) != 0)
			return -ENOMEM;
		t->open = take_empty(t);
	}
	t->txn.first = t->txn.last = t->open;
	t->txn.kept[0] = t->open->n[0];
	t->txn.kept[1] = t->open->n[1];
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
	for (int val = 0; val < 2; val++)
		while (t->pool[val].avail < branches)
			if (!collect(t) && grow(t, val != 0) != 0)
				return -ENOMEM;
	while (t->empties < batches)
		if (grow_empty(t) != 0)
			return -ENOMEM;
	return 0;
}

int
radix_lf_mem_reserve(struct radix_lf *t, const unsigned n[2])
{
	const unsigned room =
	    RADIX_LF_BATCH_SIZE - t->txn.last->n[0] - t->txn.last->n[1];

	for (int val = 0; val < 2; val++)
		while (t->pool[val].avail < n[val])
			if (!collect(t) && grow(t, val != 0) != 0)
				return -ENOMEM;
	while (room + t->empties * RADIX_LF_BATCH_SIZE < n[0] + n[1])
		if (grow_empty(t) != 0)
			return -ENOMEM;
	return 0;
}

/* Make the branches of a batch loose, as it has none of the kind asked for. */
static void
loosen(struct radix_lf *t, struct radix_lf_batch *batch)
{
	for (int val = 0; val < 2; val++) {
		t->pool[val].avail -= batch->n[val];
		while (batch->n[val] > 0)
			radix_lf_mem_free(t, *radix_lf_batch_at(batch, val != 0,
						 --batch->n[val]));
	}
	put_empty(t, batch);
}

/* Take one of that kind out of the first full batch, which has some. */
static struct radix_lf_branch *
take_full(struct radix_lf *t, bool val)
{
	struct radix_lf_batch *batch = t->full;
	struct radix_lf_branch *b;

	b = *radix_lf_batch_at(batch, val, --batch->n[val]);
	if (batch->n[0] + batch->n[1] == 0) {
		t->full = batch->next;
		put_empty(t, batch);
	}
	t->pool[val].avail--;
	return b;
}

struct radix_lf_branch *
radix_lf_mem_alloc_slow(struct radix_lf *t, bool val)
{
	struct radix_lf_pool *p = &t->pool[val];
	struct radix_lf_branch *b = p->loose;

	SYNC_ASSERT(p->avail > 0);
	if (b != NULL) {
		p->loose = (struct radix_lf_branch *)(void *)b->child[0];
		p->avail--;
		return b;
	}
	while (t->full != NULL) {
		struct radix_lf_batch *batch = t->full;

		if (batch->n[val] > 0)
			return take_full(t, val);
		t->full = batch->next;
		loosen(t, batch);
	}
	return bump(p, val);
}

void
radix_lf_mem_free(struct radix_lf *t, struct radix_lf_branch *b)
{
	struct radix_lf_pool *p = &t->pool[radix_lf_has_val(b)];

	RADIX_LF_STORE(b->child[0], (char *)p->loose);
	p->loose = b;
	p->avail++;
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
		b->n[0] = b->n[1] = 0;
		put_empty(t, b);
	}
	first->next = NULL;
	first->n[0] = t->txn.kept[0];
	first->n[1] = t->txn.kept[1];
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
	for (int val = 0; val < 2; val++) {
		for (slab = t->pool[val].slabs; slab != NULL; slab = next) {
			next = slab->next;
			port_free(slab);
		}
	}
}
