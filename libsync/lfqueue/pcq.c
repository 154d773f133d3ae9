/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * As many places as the capacity.  The free ones are on a stack, the filled
 * ones in a queue; both are lock-free, and so is what is made of them.  A ring
 * would be faster, but there the order of the places is that of the claims: a
 * producer stopped between its claim and its item would hide all later items.
 *
 * Invariants
 *   I1  A place is on the stack, in the queue, or in the hands of one put or
 *       get that has not ended.
 *   I2  Places live as long as the queue, so that no read of one is late.
 *
 * Linearization: of the push to, the pop from, or the look at the queue; put
 * that finds it full, of the pop from the stack.
 *
 * Ordering pairs, beside those of the queue and the stack, which hand over the
 * place, its item, and what that points to:
 *   PLACE  put stores item (release) -> peek loads it (acquire): who sees the
 *          item of the place's next use does not see the place in front for
 *          its last one.
 */

#include "libsync/lfqueue/pcq.h"

#include "libsync/base/assert.h"
#include "libsync/base/point.h"
#include "libsync/lfqueue/atomicq.h"
#include "libsync/lfqueue/stack.h"
#include "libsync/port/port.h"
#include "libsync/port/types.h"

/* [a] atomic */
struct place {
	struct lfqueue_atomicq_link link; /* [a] in the queue */
	struct lfqueue_stack_node node;   /* [a] on the stack */
	SYNC_ATOMIC(void *) item;         /* [a] */
};

/* [c] constant  [a] atomic */
struct lfqueue_pcq {
	size_t maxitems;               /* [c] */
	struct place *place;           /* [c] behind this structure */
	struct lfqueue_atomicq filled; /* [a] */
	struct lfqueue_stack unused    /* [a] */
	    __attribute__((aligned(SYNC_CACHELINE)));
};

#define MAXITEMS (SIZE_MAX / 4 / sizeof(struct place))

int
lfqueue_pcq_create(size_t maxitems, struct lfqueue_pcq **out)
{
	struct lfqueue_pcq *q;

	if (maxitems == 0 || maxitems > MAXITEMS)
		return -EINVAL;
	q = port_alloc(sizeof(*q) + maxitems * sizeof(q->place[0]));
	if (q == NULL)
		return -ENOMEM;
	q->maxitems = maxitems;
	q->place = (struct place *)(q + 1);
	lfqueue_atomicq_init(&q->filled, offsetof(struct place, link));
	lfqueue_stack_init(&q->unused);
	for (size_t i = maxitems; i-- > 0;)
		lfqueue_stack_push(&q->unused, &q->place[i].node);
	*out = q;
	return 0;
}

void
lfqueue_pcq_destroy(struct lfqueue_pcq *q)
{
	SYNC_REQUIRE(lfqueue_atomicq_peek(&q->filled) == NULL);
	port_free(q);
}

bool
lfqueue_pcq_put(struct lfqueue_pcq *q, void *item)
{
	struct lfqueue_stack_node *node = lfqueue_stack_pop(&q->unused);
	struct place *p;

	SYNC_ASSERT(item != NULL);
	if (node == NULL)
		return false;
	p = (void *)((char *)node - offsetof(struct place, node));
	/* PLACE release: pairs with the acquire in peek; to get, the push
	 * hands it over. */
	sync_store_release(&p->item, item);
	SYNC_POINT("pcq_put");
	lfqueue_atomicq_push_fifo(&q->filled, p);
	return true;
}

void *
lfqueue_pcq_get(struct lfqueue_pcq *q)
{
	struct place *p = lfqueue_atomicq_pop(&q->filled);
	void *item;

	if (p == NULL)
		return NULL;
	/* relaxed: the pop handed it over. */
	item = sync_load_relaxed(&p->item);
	SYNC_POINT("pcq_get");
	lfqueue_stack_push(&q->unused, &p->node);
	return item;
}

void *
lfqueue_pcq_peek(const struct lfqueue_pcq *q)
{
	const struct place *p = lfqueue_atomicq_peek(&q->filled), *was;
	void *item = NULL;

	/* If it is in front after we read it, its item was meanwhile, even if
	 * the place was used again in between. */
	do {
		was = p;
		if (was == NULL)
			return NULL;
		/* PLACE acquire: pairs with the release in put. */
		item = sync_load_acquire(&was->item);
		SYNC_POINT("pcq_peek");
		p = lfqueue_atomicq_peek(&q->filled);
	} while (p != was);
	return item;
}

size_t
lfqueue_pcq_maxitems(const struct lfqueue_pcq *q)
{
	return q->maxitems;
}
