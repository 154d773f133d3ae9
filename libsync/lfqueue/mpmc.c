/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A power-of-two ring of pointers, NULL for "not filled", and two free-running
 * counters of the slots claimed.  Positions are claimed as in D. Vyukov's
 * bounded queue (1024cores): look at the slots first, then move the counter in
 * one exchange.  There each slot has a sequence number that says whose turn it
 * is; here the other side's counter says it, so that a slot is eight bytes.
 *
 * A producer may claim position t if the consumer of t - capacity has claimed
 * that (head > t - capacity) and the slot is NULL: then that consumer is done.
 * A consumer may claim position h if its producer has claimed it (tail > h)
 * and the slot is not NULL: then that producer is done.
 *
 * Invariants
 *   I1  head <= tail <= head + capacity; counters wrap, so only unsigned
 *       differences are compared.
 *   I2  The slot of a position in [head, tail) is NULL until its producer has
 *       filled it, and then holds its item.
 *   I3  The slot of a position in [tail, head + capacity) holds what its last
 *       consumer has claimed and not emptied yet, or NULL.
 *   I4  head_seen <= head, tail_seen <= tail: they may be out of date, which
 *       only sends somebody to look at the true ones.
 * The exchange succeeds only if the counter did not move, so that no one else
 * has claimed the slots that were looked at.
 *
 * Ordering pairs
 *   ITEM  push stores a slot (release) -> pop loads it (acquire): what an item
 *         points to is filled before it is seen.
 *   HEAD  pop moves head (release) -> push loads it, or head_seen, which
 *         another stored (release), (acquire): the consumer had seen the item
 *         of t - capacity, so NULL in the slot is not of a time before that.
 *         Also to the next pop (acquire): who finds that one was taken finds
 *         what was pushed before that; else a queue that was never empty
 *         would look so.
 *   TAIL  push moves tail (release) -> pop loads it, or tail_seen, which
 *         another stored (release), (acquire): the producer had seen NULL in
 *         the slot, so an item in it is not that of h - capacity.  Also to
 *         the next push (acquire), as for HEAD: a queue that was never full.
 *   FREE  pop stores NULL (release) -> pop and push load it (acquire): head
 *         was moved before, so that whoever finds NULL for this reason also
 *         finds that head moved on.
 */

#include "libsync/lfqueue/mpmc.h"

#include "libsync/base/assert.h"
#include "libsync/base/point.h"
#include "libsync/port/port.h"
#include "libsync/port/types.h"

#define CAPACITY_MAX (SIZE_MAX / 4 / sizeof(void *))
#define FLAGS        (LFQUEUE_MPMC_ONE_PRODUCER | LFQUEUE_MPMC_ONE_CONSUMER)
#define INLINE       static inline __attribute__((__always_inline__))

struct slot {
	SYNC_ATOMIC(void *) item; /* [a] */
};

/* [c] constant  [a] atomic */
struct lfqueue_mpmc {
	size_t mask;       /* [c] capacity - 1 */
	unsigned flags;    /* [c] */
	struct slot *slot; /* [c] behind this structure */

	/* The producers' line. */
	SYNC_ATOMIC(size_t) tail __attribute__((aligned(SYNC_CACHELINE)));
	SYNC_ATOMIC(size_t) head_seen; /* [a] */

	/* The consumers' line. */
	SYNC_ATOMIC(size_t) head __attribute__((aligned(SYNC_CACHELINE)));
	SYNC_ATOMIC(size_t) tail_seen; /* [a] */
};

int
lfqueue_mpmc_create(size_t capacity, unsigned flags, struct lfqueue_mpmc **out)
{
	struct lfqueue_mpmc *q;

	if (capacity == 0 || (capacity & (capacity - 1)) != 0 ||
	    capacity > CAPACITY_MAX || (flags & ~(unsigned)FLAGS) != 0)
		return -EINVAL;

	q = port_alloc(sizeof(*q) + capacity * sizeof(q->slot[0]));
	if (q == NULL)
		return -ENOMEM;
	q->mask = capacity - 1;
	q->flags = flags;
	q->slot = (struct slot *)(q + 1);
	*out = q;
	return 0;
}

void
lfqueue_mpmc_destroy(struct lfqueue_mpmc *q)
{
	/* relaxed: the caller has stopped all users. */
	SYNC_REQUIRE(
	    sync_load_relaxed(&q->head) == sync_load_relaxed(&q->tail));
	port_free(q);
}

/* Does the slot of this position hold an item? */
INLINE bool
holds_item(struct lfqueue_mpmc *q, size_t position)
{
	/* FREE acquire: pairs with the release in pop;
	 * ITEM acquire: pairs with the release in push. */
	return sync_load_acquire(&q->slot[position & q->mask].item) != NULL;
}

/*
 * How many of n positions from tail on, the last ones of a lap, have been
 * claimed by their consumers?  The one producer need not ask: it has filled
 * the slots itself, and NULL there means that they were taken.
 */
INLINE size_t
room_for(struct lfqueue_mpmc *q, size_t tail, size_t n)
{
	const size_t capacity = q->mask + 1;
	size_t room, head;

	if ((q->flags & LFQUEUE_MPMC_ONE_PRODUCER) != 0)
		return n < capacity ? n : capacity;
	/* HEAD acquire: pairs with the release below and those in pop. */
	room = capacity - (tail - sync_load_acquire(&q->head_seen));
	if (room >= n && room <= capacity)
		return n;
	/* HEAD acquire: pairs with the releases in pop. */
	head = sync_load_acquire(&q->head);
	/* HEAD release: pairs with the acquire above, in another thread. */
	sync_store_release(&q->head_seen, head);
	room = capacity - (tail - head);
	/* More than there can be: tail was out of date. */
	if (room > capacity)
		return 0;
	return room < n ? room : n;
}

INLINE bool
tail_move(struct lfqueue_mpmc *q, size_t *tail, size_t to)
{
	size_t seen = *tail;
	bool done;

	if ((q->flags & LFQUEUE_MPMC_ONE_PRODUCER) != 0) {
		/* TAIL release: pairs with the acquires in pop. */
		sync_store_release(&q->tail, to);
		return true;
	}
	SYNC_POINT("mpmc_push");
	/* TAIL acq_rel: pairs with the acquires in pop, and with itself. */
	done = sync_cas_acq_rel(&q->tail, &seen, to);
	*tail = seen;
	return done;
}

INLINE size_t
push(struct lfqueue_mpmc *q, void *const items[], size_t n)
{
	/* TAIL acquire: pairs with the exchange in tail_move; if it is out of
	 * date, that finds out. */
	size_t tail = sync_load_acquire(&q->tail), was, room, k;

	for (;;) {
		/* First the slot, to leave the consumers' line alone if not. */
		room = holds_item(q, tail) ? 0 : room_for(q, tail, n);
		for (k = 0; k < room && !holds_item(q, tail + k); k++)
			continue;
		if (k > 0) {
			if (tail_move(q, &tail, tail + k))
				break;
			continue;
		}
		was = tail;
		/* TAIL acquire: likewise; who filled that slot moved tail
		 * before (ITEM). */
		tail = sync_load_acquire(&q->tail);
		if (tail == was)
			return 0;
	}
	SYNC_POINT("mpmc_push_claimed");
	for (size_t i = 0; i < k; i++) {
		SYNC_ASSERT(items[i] != NULL);
		/* ITEM release: pairs with the acquire in pop. */
		sync_store_release(
		    &q->slot[(tail + i) & q->mask].item, items[i]);
	}
	return k;
}

/*
 * How many of n positions from head on have been claimed by producers?  The one
 * consumer need not ask: it has emptied the slots itself, and an item there
 * was put since.
 */
INLINE size_t
filled_of(struct lfqueue_mpmc *q, size_t head, size_t n)
{
	const size_t capacity = q->mask + 1;
	size_t filled, tail;

	if ((q->flags & LFQUEUE_MPMC_ONE_CONSUMER) != 0)
		return n < capacity ? n : capacity;
	/* TAIL acquire: pairs with the release below and those in push. */
	filled = sync_load_acquire(&q->tail_seen) - head;
	if (filled >= n && filled <= capacity)
		return n;
	/* TAIL acquire: pairs with the releases in push. */
	tail = sync_load_acquire(&q->tail);
	/* TAIL release: pairs with the acquire above, in another thread. */
	sync_store_release(&q->tail_seen, tail);
	filled = tail - head;
	/* More than there can be: head was out of date. */
	if (filled > capacity)
		return 0;
	return filled < n ? filled : n;
}

INLINE bool
head_move(struct lfqueue_mpmc *q, size_t *head, size_t to)
{
	size_t seen = *head;
	bool done;

	if ((q->flags & LFQUEUE_MPMC_ONE_CONSUMER) != 0) {
		/* HEAD release: pairs with the acquires in push. */
		sync_store_release(&q->head, to);
		return true;
	}
	SYNC_POINT("mpmc_pop");
	/* HEAD acq_rel: pairs with the acquires in push, and with itself. */
	done = sync_cas_acq_rel(&q->head, &seen, to);
	*head = seen;
	return done;
}

INLINE size_t
pop(struct lfqueue_mpmc *q, void *items[], size_t n)
{
	/* HEAD acquire: pairs with the exchange in head_move; if it is out of
	 * date, that finds out. */
	size_t head = sync_load_acquire(&q->head), was, filled, k;

	for (;;) {
		/* First the slot, to leave the producers' line alone if not. */
		filled = holds_item(q, head) ? filled_of(q, head, n) : 0;
		for (k = 0; k < filled; k++) {
			/* ITEM acquire: pairs with the release in push;
			 * FREE acquire: pairs with the release below. */
			items[k] = sync_load_acquire(
			    &q->slot[(head + k) & q->mask].item);
			if (items[k] == NULL)
				break;
		}
		if (k > 0) {
			if (head_move(q, &head, head + k))
				break;
			continue;
		}
		was = head;
		/* HEAD acquire: likewise; who emptied that slot moved head
		 * before (FREE). */
		head = sync_load_acquire(&q->head);
		if (head == was)
			return 0;
	}
	SYNC_POINT("mpmc_pop_claimed");
	for (size_t i = 0; i < k; i++) {
		/* FREE release: pairs with the acquires in push and pop. */
		sync_store_release(&q->slot[(head + i) & q->mask].item, NULL);
	}
	return k;
}

bool
lfqueue_mpmc_push(struct lfqueue_mpmc *q, void *item)
{
	return push(q, &item, 1) != 0;
}

void *
lfqueue_mpmc_pop(struct lfqueue_mpmc *q)
{
	void *item;

	return pop(q, &item, 1) != 0 ? item : NULL;
}

size_t
lfqueue_mpmc_push_bulk(struct lfqueue_mpmc *q, void *const items[], size_t n)
{
	return push(q, items, n);
}

size_t
lfqueue_mpmc_pop_bulk(struct lfqueue_mpmc *q, void *items[], size_t n)
{
	return pop(q, items, n);
}
