/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Those who want to know a neighbour's adjacency without asking for each
 * packet: the owner of the table tells them.
 */

#include <errno.h>
#include <string.h>

#include "stack/core/stack.h"
#include "stack/nexthop/group.h"
#include "stack/nexthop/neigh_impl.h"

static struct nexthop_watch **
chain(struct nexthop_table *t, const struct nexthop_key *key)
{
	const uint64_t mixed = (key->word[0] ^ key->word[1] ^ t->seed) *
			       UINT64_C(0x94d049bb133111eb);

	return &t->watches[mixed >> 32 & (NEXTHOP_WATCH_CHAINS - 1)];
}

void
nexthop_neigh_tell(const struct nexthop_neigh *e, const struct nexthop_adj *adj)
{
	struct nexthop_watch *w = *chain(e->table, &e->key);

	for (; w != NULL; w = w->next)
		if (memcmp(w->addr, e->key.word, sizeof(w->addr)) == 0)
			w->fn(w, adj);
}

uint32_t
nexthop_neigh_used(const struct nexthop_neigh *e)
{
	struct nexthop_watch *w = *chain(e->table, &e->key);
	uint32_t last = 0;

	for (; w != NULL; w = w->next)
		if (w->used != NULL &&
		    memcmp(w->addr, e->key.word, sizeof(w->addr)) == 0)
			last = nexthop_group_tick_later(last, w->used(w));
	return last;
}

struct request {
	struct nexthop_watch *w;
	bool begin;
};

static int
on_owner(struct worker *w, void *arg)
{
	const struct request *r = arg;
	const struct netif *nif = netif_lookup(w->stack, r->w->netif);
	struct nexthop_watch **at;
	struct nexthop_table *t;
	struct nexthop_neigh *e;
	struct nexthop_key key;

	if (nif == NULL)
		return -ENODEV;
	t = nexthop_table_get(nif, r->w->af);
	if (t == NULL)
		return -EAFNOSUPPORT;
	key = nexthop_key_make(t, r->w->addr);
	at = chain(t, &key);
	if (!r->begin) {
		while (*at != NULL && *at != r->w)
			at = &(*at)->next;
		if (*at != NULL)
			*at = r->w->next;
		return 0;
	}
	r->w->next = *at;
	*at = r->w;
	e = nexthop_find(t, &key);
	/* relaxed: we, the owner, stored it. */
	if (e != NULL && sync_load_relaxed(&e->adj) != NULL)
		/* relaxed: as above. */
		r->w->fn(r->w, sync_load_relaxed(&e->adj));
	return 0;
}

static int
ask_owner(struct stack *st, struct nexthop_watch *w, bool begin)
{
	struct request r = {.w = w, .begin = begin};

	SYNC_REQUIRE(!pserialize_in_read_section());
	return worker_call(nexthop_owner(st, w->netif), on_owner, &r);
}

int
nexthop_watch(struct stack *st, struct nexthop_watch *w)
{
	return ask_owner(st, w, true);
}

void
nexthop_unwatch(struct stack *st, struct nexthop_watch *w)
{
	(void)ask_owner(st, w, false);
}

static void
group_watch(void *arg, struct nexthop_watch *w)
{
	/* Without a table there is no header to learn: packets find out. */
	(void)nexthop_watch(arg, w);
}

static void
group_unwatch(void *arg, struct nexthop_watch *w)
{
	nexthop_unwatch(arg, w);
}

const struct nexthop_group_neigh_ops *
nexthop_group_neigh(void)
{
	static const struct nexthop_group_neigh_ops ops = {
	    .watch = group_watch, .unwatch = group_unwatch};

	return &ops;
}
