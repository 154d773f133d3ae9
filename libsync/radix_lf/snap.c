/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A snapshot is a root that was current, on a list of open snapshots.  A commit
 * that finds the list not empty queues what it retired, with its version,
 * instead of releasing it.  A snapshot of version s may reach what a later
 * commit retired, never what a commit up to s did.
 *
 * Invariants (under lock)
 *   I1  The list of snapshots and the queue of commits are in order of version.
 *   I2  The queue holds exactly the commits whose version is above that of the
 *       oldest snapshot, and is empty without a snapshot.  Hence what a commit
 *       took out is in no snapshot if the queue is empty, and can wait with the
 *       newest queued commit otherwise.
 */

#include "libsync/port/types.h"
#include "libsync/radix_lf/radix_lf_impl.h"

#define RELEASE_AT_ONCE 64 /* commits, for each time that lock is held */

void
radix_lf_snap_pin(struct radix_lf *t, struct radix_lf_snap *snap)
{
	snap->tree = t;
	snap->next = NULL;
	port_mutex_lock(&t->lock);
	/* relaxed: stored under lock, which we hold. */
	snap->root = sync_load_relaxed(&t->root);
	snap->count = sync_load_relaxed(&t->count);
	snap->version = t->version;
	snap->prev = t->newest;
	if (t->newest != NULL)
		t->newest->next = snap;
	else
		t->oldest = snap;
	t->newest = snap;
	port_mutex_unlock(&t->lock);
}

int
radix_lf_snap_open(struct radix_lf *t, struct radix_lf_snap **out)
{
	struct radix_lf_snap *snap = port_alloc(sizeof(*snap));

	if (snap == NULL)
		return -ENOMEM;
	radix_lf_snap_pin(t, snap);
	*out = snap;
	return 0;
}

/*
 * Take queued commits that no snapshot needs, at most RELEASE_AT_ONCE.
 * Context: lock held.
 */
static struct radix_lf_batch *
take_ready(struct radix_lf *t, bool *more)
{
	struct radix_lf_batch *ready = t->first, *last = NULL, *b = ready;

	for (int n = 0; n < RELEASE_AT_ONCE && b != NULL; n++) {
		if (t->oldest != NULL && b->version > t->oldest->version)
			break;
		last = b;
		b = b->later;
	}
	*more = last != NULL && b != NULL;
	if (last == NULL)
		return NULL;
	last->later = NULL;
	t->first = b;
	if (b == NULL)
		t->last = NULL;
	return ready;
}

static void
release(struct radix_lf_batch *ready)
{
	while (ready != NULL) {
		struct radix_lf_batch *later = ready->later;
		struct pserialize_head *item = ready->items;

		ready->later = NULL;
		ready->items = NULL;
		while (item != NULL) {
			struct pserialize_head *next = item->next;

			pserialize_call(item, item->fn);
			item = next;
		}
		radix_lf_mem_release(ready);
		ready = later;
	}
}

void
radix_lf_snap_unpin(struct radix_lf_snap *snap)
{
	struct radix_lf *t = snap->tree;
	struct radix_lf_batch *ready;
	bool more;

	port_mutex_lock(&t->lock);
	if (snap->prev != NULL)
		snap->prev->next = snap->next;
	else
		t->oldest = snap->next;
	if (snap->next != NULL)
		snap->next->prev = snap->prev;
	else
		t->newest = snap->prev;
	ready = take_ready(t, &more);
	port_mutex_unlock(&t->lock);

	release(ready);
	while (more) {
		port_mutex_lock(&t->lock);
		ready = take_ready(t, &more);
		port_mutex_unlock(&t->lock);
		release(ready);
	}
}

void
radix_lf_snap_close(struct radix_lf_snap *snap)
{
	radix_lf_snap_unpin(snap);
	port_free(snap);
}

void
radix_lf_retire(struct radix_lf *t, struct pserialize_head *head,
    void (*fn)(struct pserialize_head *head))
{
	struct radix_lf_batch *newest;

	port_mutex_lock(&t->lock);
	newest = t->last;
	if (newest != NULL) {
		/* The head is ours until pserialize gets it. */
		head->fn = fn;
		head->next = newest->items;
		newest->items = head;
	}
	port_mutex_unlock(&t->lock);
	if (newest == NULL)
		pserialize_call(head, fn);
}

void *
radix_lf_snap_lookup(
    const struct radix_lf_snap *snap, const void *key, unsigned bits)
{
	return radix_lf_walk_lookup(snap->tree, snap->root, key, bits);
}

void *
radix_lf_snap_exact(
    const struct radix_lf_snap *snap, const void *key, unsigned bits)
{
	return radix_lf_walk_exact(snap->tree, snap->root, key, bits);
}

void *
radix_lf_snap_next(
    const struct radix_lf_snap *snap, const void *key, unsigned bits)
{
	return radix_lf_walk_next(snap->tree, snap->root, key, bits);
}

void *
radix_lf_snap_prev(
    const struct radix_lf_snap *snap, const void *key, unsigned bits)
{
	return radix_lf_walk_prev(snap->tree, snap->root, key, bits);
}

void *
radix_lf_snap_lookup_if(const struct radix_lf_snap *snap, const void *key,
    unsigned bits, radix_lf_match_fn match, void *arg)
{
	const struct radix_lf_ask ask = {key, bits, match, arg};

	return radix_lf_walk_lookup_if(snap->tree, snap->root, &ask, true);
}

void *
radix_lf_snap_covering(const struct radix_lf_snap *snap, const void *key,
    unsigned bits, radix_lf_match_fn match, void *arg)
{
	const struct radix_lf_ask ask = {key, bits, match, arg};

	return radix_lf_walk_lookup_if(snap->tree, snap->root, &ask, false);
}

void *
radix_lf_snap_covered(const struct radix_lf_snap *snap, const void *key,
    unsigned bits, radix_lf_match_fn match, void *arg)
{
	const struct radix_lf_ask ask = {key, bits, match, arg};

	return radix_lf_walk_covered(snap->tree, snap->root, &ask);
}

size_t
radix_lf_snap_count(const struct radix_lf_snap *snap)
{
	return snap->count;
}
