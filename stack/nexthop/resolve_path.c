/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The tables that a recursive gateway is looked up in: that of who goes by it,
 * and those that routes lead to from there, as they lead packets.  All of them
 * are watched, also if nothing was found: a change in any may be a change of
 * the answer.
 *
 * Invariants
 *   I1  watch[] is sorted by family, table watched, gateway, and the table that
 *       the gateway is of; no two are equal.
 *   I2  A path has no table twice, and its first is the gateway's own.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/nexthop/group_impl.h"

/* Below, equal to or above 0 as w is before, at or after the one described. */
static int
order(const struct nexthop_resolve_watch *w, uint32_t table,
    const struct nexthop_hop *key)
{
	const struct nexthop_hop *have = &w->t->key;
	int diff;

	if (have->af != key->af)
		return have->af < key->af ? -1 : 1;
	if (w->table != table)
		return w->table < table ? -1 : 1;
	diff = memcmp(have->gateway, key->gateway, sizeof(key->gateway));
	if (diff != 0)
		return diff;
	return (have->table > key->table) - (have->table < key->table);
}

size_t
nexthop_resolve_path_find(const struct nexthop_group_control *c, uint32_t table,
    const struct nexthop_hop *key)
{
	size_t from = 0, to = c->nwatches;

	while (from < to) {
		const size_t mid = (from + to) / 2;

		if (order(&c->watch[mid], table, key) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static bool
has(const struct nexthop_resolve_path *p, uint32_t table)
{
	for (unsigned int i = 0; p != NULL && i < p->n; i++)
		if (p->table[i] == table)
			return true;
	return false;
}

/* The table after those of p; p ends if there is none.  Returns: is there? */
static bool
step(struct nexthop_groups *g, const struct nexthop_hop *key,
    struct nexthop_resolve_path *p, struct nexthop_resolve_found *found)
{
	const struct nexthop_group_control *c = g->control;

	c->lookup(c->lookup_arg, p->table[p->n - 1], (enum netif_af)key->af,
	    key->gateway, found);
	if (!found->leads_on)
		p->end = found->group == NEXTHOP_GROUP_NONE
			     ? NEXTHOP_RESOLVE_NO_ROUTE
			     : NEXTHOP_RESOLVE_FOUND;
	else if (has(p, found->table))
		p->end = NEXTHOP_RESOLVE_LOOP;
	else if (p->n == NEXTHOP_RESOLVE_TABLES)
		p->end = NEXTHOP_RESOLVE_DEEP;
	else
		return true;
	return false;
}

struct nexthop_group *
nexthop_resolve_path_walk(struct nexthop_groups *g,
    const struct nexthop_hop *key, struct nexthop_resolve_path *out)
{
	struct nexthop_resolve_found found;

	*out = (struct nexthop_resolve_path){.table = {key->table}, .n = 1};
	out->end = NEXTHOP_RESOLVE_NO_ROUTE;
	if (g->control->lookup == NULL)
		return NULL;
	while (step(g, key, out, &found))
		out->table[out->n++] = found.table;
	if (out->end != NEXTHOP_RESOLVE_FOUND)
		return NULL;
	return nexthop_group_find(g, found.group);
}

bool
nexthop_resolve_path_same(
    const struct nexthop_resolve_path *a, const struct nexthop_resolve_path *b)
{
	return a->n == b->n && a->end == b->end &&
	       memcmp(a->table, b->table, a->n * sizeof(a->table[0])) == 0;
}

int
nexthop_resolve_path_reserve(
    struct nexthop_group_control *c, const struct nexthop_resolve_path *p)
{
	const size_t cap = c->watches_cap == 0 ? 64 : 2 * c->watches_cap;
	struct nexthop_resolve_watch *grown;

	if (c->nwatches + p->n <= c->watches_cap)
		return 0;
	grown = realloc(c->watch, cap * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	c->watch = grown;
	c->watches_cap = cap;
	return 0;
}

void
nexthop_resolve_path_watch(struct nexthop_group_control *c,
    struct nexthop_resolve_track *t, const struct nexthop_resolve_path *p)
{
	for (unsigned int i = 0; i < p->n; i++) {
		const size_t at =
		    nexthop_resolve_path_find(c, p->table[i], &t->key);

		if (at < c->nwatches &&
		    order(&c->watch[at], p->table[i], &t->key) == 0)
			continue;
		SYNC_ASSERT(c->nwatches < c->watches_cap);
		memmove(&c->watch[at + 1], &c->watch[at],
		    (c->nwatches++ - at) * sizeof(c->watch[0]));
		c->watch[at] = (struct nexthop_resolve_watch){
		    .t = t, .table = p->table[i]};
	}
}

void
nexthop_resolve_path_unwatch(struct nexthop_group_control *c,
    struct nexthop_resolve_track *t, const struct nexthop_resolve_path *p,
    const struct nexthop_resolve_path *a, const struct nexthop_resolve_path *b)
{
	for (unsigned int i = 0; i < p->n; i++) {
		const size_t at =
		    nexthop_resolve_path_find(c, p->table[i], &t->key);

		if (has(a, p->table[i]) || has(b, p->table[i]) ||
		    at == c->nwatches ||
		    order(&c->watch[at], p->table[i], &t->key) != 0)
			continue;
		memmove(&c->watch[at], &c->watch[at + 1],
		    (--c->nwatches - at) * sizeof(c->watch[0]));
	}
}

void
nexthop_resolve_path_free(struct nexthop_group_control *c)
{
	size_t n = 0;

	/* One of each first: the others lead to it, too. */
	for (size_t i = 0; i < c->nwatches; i++)
		if (c->watch[i].table == c->watch[i].t->key.table)
			c->watch[n++] = c->watch[i];
	c->nwatches = 0;
	for (size_t i = 0; i < n; i++)
		free(c->watch[i].t);
}
