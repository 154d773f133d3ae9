/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From netif_id to interface: an array of slots that doubles when it is full.
 * Growth fills a new array, publishes it and retires the old one, so a reader
 * may go on in the old one to the end of its section.  netif_lookup() in
 * netif.c is the reader.
 *
 * Invariants
 *   I1  Slot 0 is never used, and generations begin at 1: no id is 0.
 *   I2  An interface in a slot has that slot and its generation as its id, so
 *       a reader need only compare ids.
 *   I3  A slot is free again, with the next generation, only after detaching
 *       has made sure that no table holds its last id.  A packet that waits
 *       somewhere may still, as where it came in; slots are handed out in
 *       rotation, so it would have to wait for 65535 turns of them.
 *
 * Ordering pairs
 *   INDEX  grow stores index (release) -> netif_lookup loads it (acquire):
 *          the array is filled before it is seen.
 *   NETIF  netif_index_publish stores the slot (release) -> netif_lookup loads
 *          it (acquire): the interface is complete before it is found.
 *
 * Reclamation: old arrays by pserialize_call(); interfaces by netif_detach().
 */

#include <errno.h>
#include <stdlib.h>

#include "libsync/base/assert.h"
#include "stack/core/core_impl.h"

#define SLOTS_FIRST 8

/* [w] */
struct netif_slot {
	uint16_t generation; /* of the interface in it, or the last one */
	bool busy;
};

static void
index_free(struct pserialize_head *head)
{
	free(CORE_CONTAINER(head, struct netif_index, retire));
}

static struct netif_index *
index_alloc(uint32_t nslots)
{
	struct netif_index *x =
	    calloc(1, sizeof(*x) + nslots * sizeof(x->slot[0]));

	if (x != NULL)
		x->nslots = nslots;
	return x;
}

static struct netif_index *
writer_index(struct stack *st)
{
	/* relaxed: only writers store it, and they exclude each other. */
	return sync_load_relaxed(&st->index);
}

int
netif_index_create(struct stack *st)
{
	struct netif_index *x = index_alloc(SLOTS_FIRST);

	sync_init(&st->index, x);
	st->slots = calloc(SLOTS_FIRST, sizeof(st->slots[0]));
	st->slot_next = 1;
	return x == NULL || st->slots == NULL ? -ENOMEM : 0;
}

void
netif_index_destroy(struct stack *st)
{
	free(writer_index(st));
	free(st->slots);
}

static int
grow(struct stack *st)
{
	struct netif_index *old = writer_index(st), *x;
	struct netif_slot *slots;

	if (old->nslots > NETIF_SLOT_MASK)
		return -ENOSPC;
	slots = calloc((size_t)2 * old->nslots, sizeof(*slots));
	if (slots == NULL)
		return -ENOMEM;
	x = index_alloc(2 * old->nslots);
	if (x == NULL) {
		free(slots);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < old->nslots; i++) {
		slots[i] = st->slots[i];
		/* relaxed: we, the writer, stored it. */
		sync_init(&x->slot[i], sync_load_relaxed(&old->slot[i]));
	}
	free(st->slots);
	st->slots = slots;
	st->slot_next = old->nslots;
	/* INDEX release: pairs with the acquire in netif_lookup; COMMIT. */
	sync_store_release(&st->index, x);
	pserialize_call(&old->retire, index_free);
	return 0;
}

/* The next free slot in rotation, or 0. */
static uint32_t
free_slot(struct stack *st)
{
	const uint32_t n = writer_index(st)->nslots;

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t s = (st->slot_next + i) % n;

		if (s != 0 && !st->slots[s].busy)
			return s;
	}
	return 0;
}

int
netif_index_reserve(struct stack *st, netif_id *out)
{
	uint32_t s = free_slot(st);
	int error;

	if (s == 0) {
		error = grow(st);
		if (error != 0)
			return error;
		s = free_slot(st);
	}
	st->slot_next = s + 1;
	st->slots[s].busy = true;
	if (++st->slots[s].generation == 0)
		st->slots[s].generation = 1;
	*out = (netif_id)st->slots[s].generation << NETIF_SLOT_BITS | s;
	return 0;
}

void
netif_index_publish(struct stack *st, struct netif *nif)
{
	/* NETIF release: pairs with the acquire in netif_lookup; COMMIT. */
	sync_store_release(
	    &writer_index(st)->slot[nif->id & NETIF_SLOT_MASK], nif);
}

void
netif_index_retire(struct stack *st, netif_id id)
{
	/* relaxed: NULL points at nothing that must be complete. */
	sync_store_relaxed(&writer_index(st)->slot[id & NETIF_SLOT_MASK], NULL);
}

void
netif_index_release(struct stack *st, netif_id id)
{
	struct netif_slot *slot = &st->slots[id & NETIF_SLOT_MASK];

	SYNC_REQUIRE(slot->busy && slot->generation == id >> NETIF_SLOT_BITS);
	slot->busy = false;
}
