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
 * An address in the anchor is short: its lower 48 bits, less the four that
 * alignment makes zero.  In a program the other bits are zero, too.  A kernel
 * has its memory in a few regions of 2^48 bytes, as far apart as it likes, so
 * the anchor also has the number of the region in the queue's own table, which
 * a push adds to.  Region 0 is the lowest, and needs no entry.
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
 *   I4  The anchor's tag is never the same twice (it has 39 bits, in a kernel
 *       33: a thread must not be held up inside a read section for 2^39 or
 *       2^33 changes; 2^33 of 10 ns take 86 s).  Its upper part is in lo,
 *       which is loaded first to begin with and last to see whether it is the
 *       same anchor still: then no tag between had another upper part.
 *   I5  An entry of the table of regions is written once, those before it are
 *       full and differ from it; so two words are equal if and only if the
 *       links are.  The region of a link that is queued has an entry, which
 *       whoever finds the link in the anchor or in another link sees: the push
 *       saw or wrote it before its exchange of the anchor, and reads of one
 *       entry by threads that follow one another never go back.
 * So an exchange of the anchor succeeds only if nothing changed since it was
 * read; one of a link only if the item has not been pushed again since, for
 * it was seen queued after its version was read.  A link without a region was
 * not found by way of the anchor as it is, so what word it gets is all one.
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
 * A word of the anchor: 44 bits of an address, moved up by SHIFT, the number of
 * its region, if there are several, and LOW bits of tag and PEND.
 */
#define SHIFT    16
#define ALIGNED  4             /* bits of an address that are zero */
#define TAG_ONE  ((uint64_t)2) /* in hi, above PEND */
#define PEND     ((uint64_t)1)
#define LOW_MASK (((uint64_t)1 << LOW) - 1)

#if PORT_HIGH_ADDRESSES
#define LOW 17
#else
#define LOW 20
#endif

/* Bits of an address in a region, for tests less than the word has. */
#ifndef LFQUEUE_ATOMICQ_REGION
#define LFQUEUE_ATOMICQ_REGION 48
#endif

#define ALIGN_MASK (((uint64_t)1 << ALIGNED) - 1)
#define INSIDE     (((uint64_t)1 << LFQUEUE_ATOMICQ_REGION) - 1)

_Static_assert(sizeof(struct lfqueue_atomicq_link) == 16, "a link is a pair");
_Static_assert(LFQUEUE_ATOMICQ_REGION <= 64 - SHIFT, "fits in a word");
_Static_assert(ALIGN_MASK + 1 == sizeof(struct sync_pair), "as a pair is");

#if PORT_HIGH_ADDRESSES

_Static_assert(LFQUEUE_ATOMICQ_REGIONS + 1 == 1 << (SHIFT + ALIGNED - LOW),
    "as many as have a number");

static struct lfqueue_atomicq_link *
link_in(const struct lfqueue_atomicq *q, uint64_t word)
{
	const uint64_t region = (word & (ALIGN_MASK << SHIFT)) >> LOW;
	uint64_t address = word >> SHIFT & ~ALIGN_MASK;

	if (region != 0)
		/* relaxed: written before the region is in the anchor: I5. */
		address |= (uint64_t)sync_load_relaxed(&q->region[region - 1])
			   << LFQUEUE_ATOMICQ_REGION;
	return (struct lfqueue_atomicq_link *)(uintptr_t)address;
}

/* What is in the table of regions. */
static uint32_t
high_of(const struct lfqueue_atomicq_link *l)
{
	return (uint32_t)((uintptr_t)l >> LFQUEUE_ATOMICQ_REGION);
}

/* The word of l, its region having this number. */
static uint64_t
word_in(const struct lfqueue_atomicq_link *l, uint64_t region)
{
	return ((uint64_t)(uintptr_t)l & INSIDE) << SHIFT | region << LOW;
}

/* Of what may be queued: NULL's if it is certainly not. */
static uint64_t
word_of(const struct lfqueue_atomicq *q, const struct lfqueue_atomicq_link *l)
{
	const uint32_t high = high_of(l);

	if (high == 0)
		return word_in(l, 0);
	for (unsigned i = 0; i < LFQUEUE_ATOMICQ_REGIONS; i++)
		/* relaxed: I5. */
		if (sync_load_relaxed(&q->region[i]) == high)
			return word_in(l, i + 1);
	return 0;
}

/* Of what is to be queued. */
static uint64_t
word_add(struct lfqueue_atomicq *q, const struct lfqueue_atomicq_link *l)
{
	const uint32_t high = high_of(l);
	uint64_t region = 0;

	SYNC_REQUIRE(((uintptr_t)l & ALIGN_MASK) == 0);
	while (high != 0) {
		uint32_t is;

		/* Else there are more regions than a queue may have. */
		SYNC_REQUIRE(region < LFQUEUE_ATOMICQ_REGIONS);
		/* relaxed: the exchange of the anchor hands it over: I5. */
		is = sync_load_relaxed(&q->region[region]);
		SYNC_POINT("atomicq_region");
		/* relaxed: likewise. */
		if (is == 0 && sync_cas_relaxed(&q->region[region], &is, high))
			is = high;
		region++;
		if (is == high)
			break;
	}
	return word_in(l, region);
}

#else

static struct lfqueue_atomicq_link *
link_in(const struct lfqueue_atomicq *q, uint64_t word)
{
	(void)q;
	return (struct lfqueue_atomicq_link *)(uintptr_t)(word >> SHIFT &
							  ~ALIGN_MASK);
}

static uint64_t
word_of(const struct lfqueue_atomicq *q, const struct lfqueue_atomicq_link *l)
{
	(void)q;
	return (uint64_t)(uintptr_t)l << SHIFT;
}

static uint64_t
word_add(struct lfqueue_atomicq *q, const struct lfqueue_atomicq_link *l)
{
	SYNC_REQUIRE(((uintptr_t)l & ~(INSIDE - ALIGN_MASK)) == 0);
	return word_of(q, l);
}

#endif

static struct lfqueue_atomicq_link *
neighbour(uint64_t lo)
{
	return (struct lfqueue_atomicq_link *)(uintptr_t)lo;
}

/* The anchor that follows a; of the words head and tail no tag is taken. */
static struct sync_pair_value
anchor_next(
    struct sync_pair_value a, uint64_t head, uint64_t tail, uint64_t pend)
{
	const uint64_t lower = ((a.hi & ~PEND) + TAG_ONE) & LOW_MASK;
	const uint64_t upper = (a.lo + (lower == 0)) & LOW_MASK;

	return (struct sync_pair_value){.lo = (head & ~LOW_MASK) | upper,
	    .hi = (tail & ~LOW_MASK) | lower | pend};
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
	/* ANCHOR acquire: pairs with its exchanges.  hi first: see I4. */
	const uint64_t hi = sync_load_acquire(&q->anchor.hi);

	/* ANCHOR acquire: as above. */
	return hi == a.hi && sync_load_acquire(&q->anchor.lo) == a.lo;
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
	struct lfqueue_atomicq_link *tail = link_in(q, a.hi), *pred;
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

/* Begin a push: the item's link, its word, and a new version for it. */
static struct lfqueue_atomicq_link *
link_begin(
    struct lfqueue_atomicq *q, void *item, uint64_t *word, uint64_t *version)
{
	struct lfqueue_atomicq_link *n = (void *)((char *)item + q->offset);

	SYNC_ASSERT(item != NULL);
	*word = word_add(q, n);
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
#if PORT_HIGH_ADDRESSES
	for (unsigned i = 0; i < LFQUEUE_ATOMICQ_REGIONS; i++)
		sync_init(&q->region[i], 0);
#endif
	q->offset = offset;
}

void
lfqueue_atomicq_push_fifo(struct lfqueue_atomicq *q, void *item)
{
	const uint64_t section = pserialize_read_enter();
	struct lfqueue_atomicq_link *n, *head, *tail;
	struct sync_pair_value a, want;
	unsigned failed = 0;
	uint64_t word, version;

	n = link_begin(q, item, &word, &version);
	a = anchor_load(q);
	for (;;) {
		head = link_in(q, a.lo);
		tail = link_in(q, a.hi);
		if ((a.hi & PEND) != 0 && !link_tail(q, a)) {
			a = anchor_load(q);
			continue;
		}
		link_store(n, tail, version);
		want = tail == NULL ? anchor_next(a, word, word, 0)
				    : anchor_next(a, a.lo, word, PEND);
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
	uint64_t word, version;

	n = link_begin(q, item, &word, &version);
	a = anchor_load(q);
	for (;;) {
		head = link_in(q, a.lo);
		link_store(n, head, version);
		want = head == NULL ? anchor_next(a, word, word, 0)
				    : anchor_next(a, word, a.hi, a.hi & PEND);
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
anchor_popped(const struct lfqueue_atomicq *q, struct sync_pair_value a)
{
	struct lfqueue_atomicq_link *head = link_in(q, a.lo), *next;
	struct lfqueue_atomicq_link *tail = link_in(q, a.hi);

	if (head == tail)
		return anchor_next(a, 0, 0, 0);
	if ((a.hi & PEND) != 0) {
		/* LINK acquire: pairs with the store in push. */
		next = neighbour(sync_load_acquire(&tail->pair.lo));
		if (next == head) /* two are left */
			return anchor_next(a, a.hi, a.hi, 0);
	}
	/* LINK acquire: pairs with its stores and exchanges. */
	next = neighbour(sync_load_acquire(&head->pair.lo));
	return anchor_next(a, word_of(q, next), a.hi, a.hi & PEND);
}

void *
lfqueue_atomicq_pop(struct lfqueue_atomicq *q)
{
	const uint64_t section = pserialize_read_enter();
	struct sync_pair_value a = anchor_load(q), want;
	struct lfqueue_atomicq_link *head;
	unsigned failed = 0;

	while ((head = link_in(q, a.lo)) != NULL) {
		want = anchor_popped(q, a);
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
	    link_in(q, sync_load_acquire(&q->anchor.lo));

	return head != NULL ? item_of(q, head) : NULL;
}

/*
 * Make the chain from head to tail, which is ours, one that next can walk.
 * Threads that were late may still set the link before tail, to the same.
 */
static void
chain_end(const struct lfqueue_atomicq *q, struct sync_pair_value a)
{
	struct lfqueue_atomicq_link *tail = link_in(q, a.hi), *pred;

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

	while (link_in(q, a.lo) != NULL) {
		old = a;
		SYNC_POINT("atomicq_pop_all");
		/* ANCHOR acq_rel: pairs with every load and exchange of it. */
		if (sync_cas16_acq_rel(
			&q->anchor, &a, anchor_next(a, 0, 0, 0))) {
			chain_end(q, old);
			return item_of(q, link_in(q, old.lo));
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
