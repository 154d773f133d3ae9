/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Resolving when something is down, and resolving many at once: words, then
 * slots, then ports are loaded for all packets of a block, so that its cache
 * misses overlap.  Ordering pairs: group.c.
 */

#include "stack/nexthop/resolve.h"

/* Packets in flight; their words and slots fit the first-level cache. */
#define BLOCK 32u

/* Chances to hit a usable member before all buckets are looked at. */
#define TRIES 8

/* Spread again: what is divided anew is one bucket's share. */
static uint32_t
rehash(uint32_t h)
{
	h ^= h >> 16;
	h *= 0x7feb352dU;
	h ^= h >> 15;
	h *= 0x846ca68bU;
	return h ^ h >> 16;
}

/* A usable member of the group of word w, or NULL. */
static const struct nexthop_slot *
other(const struct nexthop_groups *g, struct nexthop_group_marks *m, uint64_t w,
    uint32_t hash)
{
	const struct nexthop_slot *s;
	uint32_t total, from, adj;

	if (nexthop_word_kind(w) < NEXTHOP_WORD_SPREAD)
		return NULL;
	for (unsigned int i = 0; i < TRIES; i++) {
		hash = rehash(hash + 1);
		adj = nexthop_word_pick(g, NULL, w, hash);
		s = nexthop_slot_get(g, adj);
		if (!nexthop_slot_down(g, s)) {
			nexthop_mark_use(m, adj);
			return s;
		}
	}
	total = UINT32_C(1) << nexthop_word_order(w);
	from = nexthop_word_bucket(g, w, hash) - (uint32_t)w;
	for (uint32_t i = 0; i < total; i++) {
		const uint32_t at = (uint32_t)w + (from + i) % total;

		adj = nexthop_bucket_get(g, at);
		s = nexthop_slot_get(g, adj);
		if (!nexthop_slot_down(g, s)) {
			nexthop_mark_use(m, adj);
			return s;
		}
	}
	return NULL;
}

const struct nexthop_slot *
nexthop_resolve_around(const struct nexthop_groups *g,
    struct nexthop_group_marks *m, uint64_t w, uint32_t hash)
{
	const struct nexthop_slot *s = other(g, m, w, hash);
	uint32_t adj;

	if (s != NULL || nexthop_word_backup(w) == NEXTHOP_GROUP_NONE)
		return s;
	w = nexthop_word_get(g, nexthop_word_backup(w));
	if (nexthop_word_kind(w) == NEXTHOP_WORD_EMPTY)
		return NULL;
	adj = nexthop_word_pick(g, NULL, w, hash);
	s = nexthop_slot_get(g, adj);
	if (nexthop_slot_down(g, s))
		return other(g, m, w, hash);
	nexthop_mark_use(m, adj);
	return s;
}

static void
block(const struct nexthop_groups *g, struct nexthop_group_marks *m,
    const uint32_t *id, const uint32_t *hash, const struct nexthop_slot **out,
    unsigned int n)
{
	uint64_t w[BLOCK];
	uint32_t adj[BLOCK];

	for (unsigned int i = 0; i < n; i++) {
		w[i] = nexthop_word_get(g, id[i]);
		if (nexthop_word_kind(w[i]) < NEXTHOP_WORD_SPREAD)
			__builtin_prefetch(&g->slot[(uint32_t)w[i]]);
		else
			__builtin_prefetch(
			    &g->bucket[nexthop_word_bucket(g, w[i], hash[i])]);
	}
	for (unsigned int i = 0; i < n; i++) {
		if (nexthop_word_kind(w[i]) == NEXTHOP_WORD_EMPTY)
			continue;
		adj[i] = nexthop_word_pick(g, m, w[i], hash[i]);
		out[i] = nexthop_slot_get(g, adj[i]);
		__builtin_prefetch(out[i]);
	}
	for (unsigned int i = 0; i < n; i++)
		if (nexthop_word_kind(w[i]) == NEXTHOP_WORD_EMPTY ||
		    nexthop_slot_down(g, out[i]))
			out[i] = nexthop_resolve_around(g, m, w[i], hash[i]);
		else
			nexthop_mark_use(m, adj[i]);
}

void
nexthop_resolve_batch(const struct nexthop_groups *g,
    struct nexthop_group_marks *m, const uint32_t *id, const uint32_t *hash,
    const struct nexthop_slot **out, unsigned int n)
{
	SYNC_ASSERT(pserialize_in_read_section());
	for (; n > BLOCK; n -= BLOCK, id += BLOCK, hash += BLOCK, out += BLOCK)
		block(g, m, id, hash, out, BLOCK);
	block(g, m, id, hash, out, n);
}
