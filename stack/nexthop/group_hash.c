/* SPDX-License-Identifier: BSD-2-Clause */

/* A chained hash of embedded links, for the writer only. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/nexthop/group_impl.h"

#define HEADS_FIRST 64

int
nexthop_group_hash_init(struct nexthop_group_hash *h)
{
	h->head = calloc(HEADS_FIRST, sizeof(*h->head));
	h->mask = HEADS_FIRST - 1;
	h->n = 0;
	return h->head == NULL ? -ENOMEM : 0;
}

void
nexthop_group_hash_fini(struct nexthop_group_hash *h)
{
	free(h->head);
}

struct nexthop_group_link *
nexthop_group_hash_first(const struct nexthop_group_hash *h, uint64_t hash)
{
	return h->head[hash & h->mask];
}

static void
grow(struct nexthop_group_hash *h)
{
	const size_t mask = 2 * h->mask + 1;
	struct nexthop_group_link **head = calloc(mask + 1, sizeof(*head)), *l;

	if (head == NULL)
		return;
	for (size_t i = 0; i <= h->mask; i++)
		while ((l = h->head[i]) != NULL) {
			h->head[i] = l->next;
			l->next = head[l->hash & mask];
			head[l->hash & mask] = l;
		}
	free(h->head);
	h->head = head;
	h->mask = mask;
}

void
nexthop_group_hash_insert(
    struct nexthop_group_hash *h, struct nexthop_group_link *l, uint64_t hash)
{
	if (h->n > h->mask)
		grow(h);
	h->n++;
	l->hash = hash;
	l->next = h->head[hash & h->mask];
	h->head[hash & h->mask] = l;
}

void
nexthop_group_hash_remove(
    struct nexthop_group_hash *h, struct nexthop_group_link *l)
{
	struct nexthop_group_link **at = &h->head[l->hash & h->mask];

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	h->n--;
}

uint64_t
nexthop_group_hash_bytes(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;
	uint32_t word;

	/* The finishing step of murmur3, once for each word. */
	for (; n >= sizeof(word); n -= sizeof(word), b += sizeof(word)) {
		memcpy(&word, b, sizeof(word));
		h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 33;
	}
	return h;
}
