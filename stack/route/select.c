/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Weighted choice of a next hop: the 32-bit hash space is divided in
 * proportion to the weights (RFC 2992's hash-threshold).  A flow whose next
 * hop is down is divided again among the usable ones, so the flows of the
 * others stay where they are.
 */

#include "libsync/base/assert.h"
#include "stack/core/netif.h"
#include "stack/route/table.h"

static bool
usable(struct stack *st, const struct route_nexthop *nh)
{
	const struct netif *nif = netif_lookup(st, nh->netif);

	return nif != NULL && netif_usable(nif);
}

/* The next hop, of those whose bit is set in mask, that owns hash. */
static unsigned int
owner(const struct route *r, uint64_t mask, uint32_t hash)
{
	uint64_t total = 0, at;
	unsigned int i, last = 0;

	for (i = 0; i < r->nnexthops; i++)
		if ((mask >> i & 1) != 0)
			total += r->nexthops[i].weight;
	at = total * hash >> 32;
	for (i = 0; i < r->nnexthops; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		last = i;
		if (at < r->nexthops[i].weight)
			break;
		at -= r->nexthops[i].weight;
	}
	return last;
}

/* Spread again: the part of the space that is divided anew is one interval. */
static uint32_t
rehash(uint32_t h)
{
	h ^= h >> 16;
	h *= 0x7feb352dU;
	h ^= h >> 15;
	h *= 0x846ca68bU;
	return h ^ h >> 16;
}

const struct route_nexthop *
route_select(struct stack *st, const struct route *r, uint32_t hash)
{
	uint64_t up = 0;
	unsigned int i;

	SYNC_ASSERT(pserialize_in_read_section());
	if (r->nnexthops == 0)
		return NULL;
	i = r->nnexthops == 1 ? 0 : owner(r, UINT64_MAX, hash);
	if (usable(st, &r->nexthops[i]))
		return &r->nexthops[i];
	for (i = 0; i < r->nnexthops; i++)
		if (usable(st, &r->nexthops[i]))
			up |= UINT64_C(1) << i;
	if (up == 0)
		return NULL;
	return &r->nexthops[owner(r, up, rehash(hash))];
}
