/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One pair of words, the anchor, holds head, tail, a tag that every change
 * counts up, and PEND.  A push at the tail changes the anchor first and then
 * links the old tail to the new one; PEND says that this link may be missing.
 * Until then the new tail's own link names its predecessor, so that whoever
 * needs the link can set it.  Derived from M. Michael, "CAS-based lock-free
 * algorithm for shared deques" (Euro-Par 2003), without the right pop, so that
 * a push at the head leaves nothing pending.
 *
 *   anchor  lo: head, upper bits of the tag   hi: tail, its lower bits, PEND
 *   link    lo: neighbour                     hi: version, counts for ever
 *
 * A change clears PEND on the way if it knows the link to be set: a FIFO push
 * and a pop cost one exchange of the anchor each, plus one of a link if more
 * than one item is queued.
 *
 * Invariants
 *   I1  An item between head and tail names its successor, except the one
 *       before tail while PEND is set.
 *   I2  While PEND is set, tail names its predecessor, which is queued too.
 *   I3  Each push begins with a version that its item's link never had at the
 *       beginning of an earlier push, and stores it before the neighbour; an
 *       exchange of the link raises it by one.
 *   I4  The anchor's tag is never the same twice (it has 39 bits: a thread
 *       must not be held up inside a read section for 2^39 changes).
 * So an exchange of the anchor succeeds only if nothing changed since it was
 * read; one of a link only if the item has not been pushed again since, for
 * it was seen queued after its version was read.
 *
 * Linearization: the exchange of the anchor; an empty pop and peek, the load
 * of the anchor's lower half.
 *
 * Ordering pairs
 *   ANCHOR  exchange of the anchor (acq_rel) -> load or exchange of it
 *           (acquire): an item, and the links that the exchange relied on,
 *           are seen by whoever finds them by it.  Also: who sees a link of
 *           an item's later life does not find the anchor of the earlier one.
 *   LINK    a link is stored (release) or exchanged (acq_rel) -> loaded, or
 *           found by an exchange that fails (acquire): the link that another
 *           thread set is set for those who then rely on it and clear PEND.
 *           A link of a later life brings with it that the anchor moved on.
 *
 * Reclamation: every operation that follows another's link is inside a read
 * section, so items may be freed a grace period after they were popped.
 */

#include "libsync/lfqueue/atomicq.h"

#include "libsync/base/assert.h"
#include "libsync/base/point.h"
#include "libsync/port/cas16.h"
#include "libsync/port/port.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"

/*
 * A word of the anchor is an address, moved up by SHIFT, over LOW bits: links
 * are aligned to 16 bytes and an address is the sign extension of its lower 48
 * bits.
 */
#define SHIFT     16
#define LOW       20
#define LOW_MASK  (((uint64_t)1 << LOW) - 1)
#define ALIGNMENT ((uint64_t)1 << (LOW - SHIFT))
#define PEND      ((uint64_t)1)
#define TAG_ONE   ((uint64_t)2) /* in hi, above PEND */

_Static_assert(sizeof(struct lfqueue_atomicq_link) == 16, "a link is a pair");
_Static_assert(ALIGNMENT == 16, "its address has as many bits to spare");

static struct lfqueue_atomicq_link *
link_in(uint64_t word)
{
	const int64_t address = (int64_t)word >> SHIFT;

	return (struct lfqueue_atomicq_link *)((uintptr_t)address &
					       ~(uintptr_t)(ALIGNMENT - 1));
}

static uint64_t
word_of(const struct lfqueue_atomicq_link *l)
{
	return (uint64_t)(uintptr_t)l << SHIFT;
}

static struct lfqueue_atomicq_link *
neighbour(uint64_t lo)
{
	return (struct lfqueue_atomicq_link *)(uintptr_t)lo;
}

/* The anchor that follows a. */
static struct sync_pair_value
anchor_next(struct sync_pair_value a, const struct lfqueue_atomicq_link *head,
    const struct lfqueue_atomicq_link *tail, uint64_t pend)
{
	const uint64_t lower = ((a.hi & ~PEND) + TAG_ONE) & LOW_MASK;
	const uint64_t upper = (a.lo + (lower == 0)) & LOW_MASK;

	return (struct sync_pair_value){
	    .lo = word_of(head) | upper, .hi = word_of(tail) | lower | pend};
}

static struct sync_pair_value
anchor_load(const struct lfqueue_atomicq *q)
{
	struct sync_pair_value a;

	/* ANCHOR acquire: pairs with its exchanges. */
	a.lo = sync_load_acquire(&q->anchor.lo);
	a.hi = sync_load_acquire(&q->anchor.hi);
	return a;
}

static bool
anchor_is(const struct lfqueue_atomicq *q, struct sync_pair_value a)
{
	const struct sync_pair_value b = anchor_load(q);

	return a.lo == b.lo && a.hi == b.hi;
}

/* Wait longer each time that others were first. */
static void
back_off(unsigned *failed)
{
	for (unsigned i = 0; i < 1U << *failed; i++)
		port_pause();
	if (*failed < 6)
		(*failed)++;
}

/*
 * With PEND set in a: name the tail in its predecessor.
 * Returns: false if the anchor is not a any more; then a means nothing.
 */
static bool
link_tail(const struct lfqueue_atomicq *q, struct sync_pair_value a)
{
	struct lfqueue_atomicq_link *tail = link_in(a.hi), *pred;
	struct sync_pair_value l, want;

	/* LINK acquire: pairs with the store in push. */
	pred = neighbour(sync_load_acquire(&tail->pair.lo));
	if (!anchor_is(q, a))
		return false;
	/* LINK acquire: pairs with its stores and exchanges. */
	l.lo = sync_load_acquire(&pred->pair.lo);
	l.hi = sync_load_acquire(&pred->pair.hi);
	if (!anchor_is(q, a))
		return false;
	if (neighbour(l.lo) == tail)
		return true;
	want.lo = (uint64_t)(uintptr_t)tail;
	want.hi = l.hi + 1;
	SYNC_POINT("atomicq_link");
	/* LINK acq_rel: pairs with the loads, and with a failure here. */
	(void)sync_cas16_acq_rel(&pred->pair, &l, want);
	return true; /* if not by us, then by another */
}

/* Begin a push: a new version for the link, and its item's address. */
static struct lfqueue_atomicq_link *
link_begin(const struct lfqueue_atomicq *q, void *item, uint64_t *version)
{
	struct lfqueue_atomicq_link *n = (void *)((char *)item + q->offset);

	SYNC_ASSERT(item != NULL);
	SYNC_ASSERT(link_in(word_of(n)) == n);
	/* relaxed: see I3; the owner before us came by way of the anchor. */
	*version = sync_load_relaxed(&n->pair.hi) + 1;
	return n;
}

static void
link_store(struct lfqueue_atomicq_link *n,
    const struct lfqueue_atomicq_link *to, uint64_t version)
{
	/* LINK release: pairs with the loads in link_tail and pop. */
	sync_pair_store_release(
	    &n->pair, (struct sync_pair_value){(uintptr_t)to, version});
}

static void *
item_of(const struct lfqueue_atomicq *q, struct lfqueue_atomicq_link *n)
{
	return (char *)n - q->offset;
}

void
lfqueue_atomicq_init(struct lfqueue_atomicq *q, size_t offset)
{
	sync_init(&q->anchor.lo, 0);
	sync_init(&q->anchor.hi, 0);
	q->offset = offset;
}

void
lfqueue_atomicq_push_fifo(struct lfqueue_atomicq *q, void *item)
{
	const uint64_t section = pserialize_read_enter();
	struct lfqueue_atomicq_link *n, *head, *tail;
	struct sync_pair_value a, want;
	unsigned failed = 0;
	uint64_t version;

	n = link_begin(q, item, &version);
	a = anchor_load(q);
	for (;;) {
		head = link_in(a.lo);
		tail = link_in(a.hi);
		if ((a.hi & PEND) != 0 && !link_tail(q, a)) {
			a = anchor_load(q);
			continue;
		}
		link_store(n, tail, version);
		want = tail == NULL ? anchor_next(a, n, n, 0)
				    : anchor_next(a, head, n, PEND);
		SYNC_POINT("atomicq_push_fifo");
		/* ANCHOR acq_rel: pairs with every load and exchange of it. */
		if (sync_cas16_acq_rel(&q->anchor, &a, want))
			break;
		back_off(&failed);
		a = anchor_load(q); /* what was found is old by now */
	}
	/* A pop finds the way from the only other item without the link. */
	if (tail != NULL && tail != head)
		(void)link_tail(q, want);
	pserialize_read_exit(section);
}

void
lfqueue_atomicq_push_lifo(struct lfqueue_atomicq *q, void *item)
{
	struct lfqueue_atomicq_link *n, *head;
	struct sync_pair_value a, want;
	unsigned failed = 0;
	uint64_t version;

	n = link_begin(q, item, &version);
	a = anchor_load(q);
	for (;;) {
		head = link_in(a.lo);
		link_store(n, head, version);
		want = head == NULL
			   ? anchor_next(a, n, n, 0)
			   : anchor_next(a, n, link_in(a.hi), a.hi & PEND);
		SYNC_POINT("atomicq_push_lifo");
		/* ANCHOR acq_rel: pairs with every load and exchange of it. */
		if (sync_cas16_acq_rel(&q->anchor, &a, want))
			return;
		back_off(&failed);
		a = anchor_load(q); /* what was found is old by now */
	}
}

/*
 * The anchor after a pop from a, which is not empty.  What it was made of may
 * be out of date; then the exchange fails.
 */
static struct sync_pair_value
anchor_popped(struct sync_pair_value a)
{
	struct lfqueue_atomicq_link *head = link_in(a.lo), *next;
	struct lfqueue_atomicq_link *tail = link_in(a.hi);

	if (head == tail)
		return anchor_next(a, NULL, NULL, 0);
	if ((a.hi & PEND) != 0) {
		/* LINK acquire: pairs with the store in push. */
		next = neighbour(sync_load_acquire(&tail->pair.lo));
		if (next == head) /* two are left */
			return anchor_next(a, tail, tail, 0);
	}
	/* LINK acquire: pairs with its stores and exchanges. */
	next = neighbour(sync_load_acquire(&head->pair.lo));
	return anchor_next(a, next, tail, a.hi & PEND);
}

void *
lfqueue_atomicq_pop(struct lfqueue_atomicq *q)
{
	const uint64_t section = pserialize_read_enter();
	struct sync_pair_value a = anchor_load(q), want;
	struct lfqueue_atomicq_link *head;
	unsigned failed = 0;

	while ((head = link_in(a.lo)) != NULL) {
		want = anchor_popped(a);
		SYNC_POINT("atomicq_pop");
		/* ANCHOR acq_rel: pairs with every load and exchange of it. */
		if (sync_cas16_acq_rel(&q->anchor, &a, want))
			break;
		back_off(&failed);
		a = anchor_load(q); /* what was found is old by now */
	}
	pserialize_read_exit(section);
	return head != NULL ? item_of(q, head) : NULL;
}

void *
lfqueue_atomicq_peek(const struct lfqueue_atomicq *q)
{
	/* ANCHOR acquire: pairs with its exchanges. */
	struct lfqueue_atomicq_link *head =
	    link_in(sync_load_acquire(&q->anchor.lo));

	return head != NULL ? item_of(q, head) : NULL;
}

/*
 * Make the chain from head to tail, which is ours, one that next can walk.
 * Threads that were late may still set the link before tail, to the same.
 */
static void
chain_end(struct sync_pair_value a)
{
	struct lfqueue_atomicq_link *tail = link_in(a.hi), *pred;

	if ((a.hi & PEND) != 0) {
		/* relaxed: the exchange that made the chain ours brought it. */
		pred = neighbour(sync_load_relaxed(&tail->pair.lo));
		/* relaxed: likewise. */
		link_store(pred, tail, sync_load_relaxed(&pred->pair.hi) + 1);
	}
	/* relaxed: likewise. */
	link_store(tail, NULL, sync_load_relaxed(&tail->pair.hi));
}

void *
lfqueue_atomicq_pop_all(struct lfqueue_atomicq *q)
{
	struct sync_pair_value a = anchor_load(q), old;
	unsigned failed = 0;

	while (link_in(a.lo) != NULL) {
		old = a;
		SYNC_POINT("atomicq_pop_all");
		/* ANCHOR acq_rel: pairs with every load and exchange of it. */
		if (sync_cas16_acq_rel(
			&q->anchor, &a, anchor_next(a, NULL, NULL, 0))) {
			chain_end(old);
			return item_of(q, link_in(old.lo));
		}
		back_off(&failed);
		a = anchor_load(q); /* what was found is old by now */
	}
	return NULL;
}

void *
lfqueue_atomicq_next(const struct lfqueue_atomicq *q, const void *item)
{
	const struct lfqueue_atomicq_link *n =
	    (const void *)((const char *)item + q->offset);
	/* relaxed: the caller owns item, and has it by way of the anchor. */
	struct lfqueue_atomicq_link *next =
	    neighbour(sync_load_relaxed(&n->pair.lo));

	return next != NULL ? item_of(q, next) : NULL;
}
