/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The plain binary trie, one bit in each step: the baseline, and the reference
 * that every other structure must agree with.
 */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/route.h"

/* Node 0 is the root, and as a child none. */
struct node {
	uint32_t child[2];
	uint32_t nexthop;
};

struct trie {
	struct node *node;
	uint32_t used, room;
	unsigned int bits;
};

static uint32_t
node_make(struct trie *t)
{
	if (t->used == t->room) {
		t->room *= 2;
		t->node = realloc(t->node, t->room * sizeof(*t->node));
		if (t->node == NULL)
			abort();
	}
	memset(&t->node[t->used], 0, sizeof(*t->node));
	return t->used++;
}

static uint32_t *
nexthop_of(struct trie *t, const struct route_prefix *e)
{
	uint32_t at = 0;

	for (unsigned int i = 0; i < e->plen; i++) {
		const bool b = route_bit(e->key, i);
		uint32_t next = t->node[at].child[b];

		if (next == 0) {
			next = node_make(t);
			t->node[at].child[b] = next;
		}
		at = next;
	}
	return &t->node[at].nexthop;
}

static int
trie_add(void *table, const struct route_prefix *e)
{
	*nexthop_of(table, e) = e->nexthop;
	return 0;
}

static int
trie_remove(void *table, const struct route_prefix *e)
{
	*nexthop_of(table, e) = 0;
	return 0;
}

static void *
trie_create(
    const struct route_kind *k, const struct route_set *s, uint8_t *refused)
{
	struct trie *t = calloc(1, sizeof(*t));

	(void)k;
	if (t == NULL)
		abort();
	t->bits = s->bits;
	t->room = 1024;
	t->node = calloc(t->room, sizeof(*t->node));
	if (t->node == NULL)
		abort();
	t->used = 1;
	for (size_t i = 0; i < s->n; i++)
		if (refused == NULL || refused[i] == 0)
			trie_add(t, &s->entry[i]);
	return t;
}

static void
trie_destroy(void *table)
{
	struct trie *t = table;

	free(t->node);
	free(t);
}

static bool
trie_select(void *table, int how)
{
	(void)table;
	(void)how;
	return true;
}

static uint32_t
trie_single4(const void *table, union route_keys key)
{
	const struct trie *t = table;
	uint32_t at = 0, found = t->node[0].nexthop, left = *key.v4;

	for (unsigned int i = 0; i < 32; i++, left <<= 1) {
		at = t->node[at].child[left >> 31];
		if (at == 0)
			break;
		if (t->node[at].nexthop != 0)
			found = t->node[at].nexthop;
	}
	return found;
}

static uint32_t
trie_single6(const void *table, union route_keys key)
{
	const struct trie *t = table;
	uint32_t at = 0, found = t->node[0].nexthop;

	for (unsigned int i = 0; i < 128; i++) {
		at = t->node[at].child[route_bit(key.v6, i)];
		if (at == 0)
			break;
		if (t->node[at].nexthop != 0)
			found = t->node[at].nexthop;
	}
	return found;
}

static void
trie_lookup4(const void *table, union route_keys keys, union route_out *out)
{
	for (unsigned int i = 0; i < ROUTE_BURST; i++, keys.v4++)
		out->u32[i] = trie_single4(table, keys);
}

static void
trie_lookup6(const void *table, union route_keys keys, union route_out *out)
{
	for (unsigned int i = 0; i < ROUTE_BURST; i++, keys.v6 += 16)
		out->u32[i] = trie_single6(table, keys);
}

static uint32_t
trie_decode(const union route_out *out, unsigned int i)
{
	return out->u32[i];
}

static size_t
trie_bytes(const void *table)
{
	return ((const struct trie *)table)->used * sizeof(struct node);
}

static const struct route_way modes[] = {{.name = ""}, {.name = NULL}};

const struct route_kind route_trie4 = {
    .name = "binary trie",
    .family = 4,
    .modes = modes,
    .create = trie_create,
    .destroy = trie_destroy,
    .select = trie_select,
    .lookup = trie_lookup4,
    .decode = trie_decode,
    .single = trie_single4,
    .add = trie_add,
    .remove = trie_remove,
    .bytes = trie_bytes,
};

const struct route_kind route_trie6 = {
    .name = "binary trie",
    .family = 6,
    .modes = modes,
    .create = trie_create,
    .destroy = trie_destroy,
    .select = trie_select,
    .lookup = trie_lookup6,
    .decode = trie_decode,
    .single = trie_single6,
    .add = trie_add,
    .remove = trie_remove,
    .bytes = trie_bytes,
};
