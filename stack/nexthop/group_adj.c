/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Adjacencies: a number for each next hop, and the slot that packets find by
 * it.  Ordering pairs and reclamation: group.c.
 *
 * The word of an adjacency has one writer at a time: the control thread while
 * the next hop is not watched, the owner of the neighbour's table while it is.
 * Watching begins and ends on that owner.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/nexthop/group_impl.h"

_Static_assert(
    sizeof(struct nexthop_slot) == SYNC_CACHELINE || sizeof(void *) != 8,
    "a slot is a line");

static void
slot_free(struct pserialize_head *head)
{
	free(NEXTHOP_CONTAINER(head, struct nexthop_slot, retire));
}

/* A slot that asks the neighbour cache; NULL without memory. */
static struct nexthop_slot *
slot_make(const struct nexthop_hop *hop)
{
	struct nexthop_slot *s = aligned_alloc(SYNC_CACHELINE, sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = (struct nexthop_slot){
	    .kind = hop->kind, .af = hop->af, .netif = hop->netif};
	memcpy(s->gateway, hop->gateway, sizeof(s->gateway));
	return s;
}

/* On the owner of the neighbour's table: its header is another one. */
static void
header_changed(struct nexthop_watch *w, const struct nexthop_adj *adj)
{
	struct nexthop_adjacency *a =
	    NEXTHOP_CONTAINER(w, struct nexthop_adjacency, watch);
	struct nexthop_slot *old = a->header, *s = NULL;

	/* A stale one is used by the neighbour cache, which asks again then. */
	if (adj != NULL && !adj->stale)
		s = slot_make(&a->hop);
	if (s == NULL && old == NULL)
		return;
	if (s != NULL) {
		s->hdr_len = adj->hdr_len;
		memcpy(s->hdr, adj->hdr, sizeof(s->hdr));
	}
	a->header = s;
	/* SLOT release: pairs with the acquire in nexthop_slot_get. */
	sync_store_release(&a->g->slot[a->id], s != NULL ? s : a->base);
	if (old != NULL)
		pserialize_call(&old->retire, slot_free);
}

/* The last tick in the marks of all workers; 0: none. */
static uint32_t
last_use(const struct nexthop_groups *g, uint32_t id)
{
	const struct nexthop_group_control *c = g->control;
	uint32_t last = 0;

	for (unsigned int w = 0; w < c->limits.workers; w++)
		last = nexthop_group_tick_later(last,
		    /* relaxed: that it was used matters, not for what. */
		    sync_load_relaxed(&c->marks[w].used[id]));
	return last;
}

/* On the owner of the neighbour's table: when was its header used? */
static uint32_t
header_used(struct nexthop_watch *w)
{
	const struct nexthop_adjacency *a =
	    NEXTHOP_CONTAINER(w, struct nexthop_adjacency, watch);
	const uint32_t last = last_use(a->g, a->id);

	/* Marks are never cleared: these are of the id's life before. */
	return last != a->used_before ? last : 0;
}

static void
watch(struct nexthop_groups *g, struct nexthop_adjacency *a)
{
	if (g->control->ops == NULL || a->hop.kind != NEXTHOP_VIA)
		return;
	a->watch = (struct nexthop_watch){.used = header_used,
	    .fn = header_changed,
	    .netif = a->hop.netif,
	    .af = (enum netif_af)a->hop.af};
	memcpy(a->watch.addr, a->hop.gateway, sizeof(a->watch.addr));
	a->watched = true;
	g->control->ops->watch(g->control->ops_arg, &a->watch);
}

/* Afterwards only the control thread touches a. */
static void
unwatch(struct nexthop_groups *g, struct nexthop_adjacency *a)
{
	if (a->watched)
		g->control->ops->unwatch(g->control->ops_arg, &a->watch);
	a->watched = false;
}

/* A record with an id, whose slot nobody reads any more. */
static int
record_take(struct nexthop_groups *g, struct nexthop_adjacency **out)
{
	struct nexthop_group_control *c = g->control;
	struct nexthop_adjacency *a;

	if (SLIST_EMPTY(&c->adjs_unused) &&
	    c->adjs_fresh == c->limits.adjacencies)
		nexthop_group_wait_all(g);
	a = SLIST_FIRST(&c->adjs_unused);
	if (a != NULL) {
		SLIST_REMOVE_HEAD(&c->adjs_unused, unused);
		*out = a;
		return 0;
	}
	if (c->adjs_fresh == c->limits.adjacencies)
		return -ENOSPC;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	a->g = g;
	a->id = c->adjs_fresh++;
	c->adj[a->id] = a;
	*out = a;
	return 0;
}

static int
record_make(struct nexthop_groups *g, const struct nexthop_hop *hop,
    bool shared, struct nexthop_adjacency **out)
{
	struct nexthop_slot *base = slot_make(hop);
	struct nexthop_adjacency *a;
	int error;

	if (base == NULL)
		return -ENOMEM;
	error = record_take(g, &a);
	if (error != 0) {
		free(base);
		return error;
	}
	a->base = base;
	a->refs = 1;
	a->used_before = last_use(g, a->id);
	a->hop = *hop;
	a->shared = shared;
	/* relaxed: the word or bucket that leads to the id publishes it. */
	sync_store_relaxed(&g->slot[a->id], base);
	watch(g, a);
	g->control->stats.adjacencies++;
	*out = a;
	return 0;
}

/* What tells adjacencies apart. */
static struct nexthop_hop
identity(const struct nexthop_hop *hop)
{
	struct nexthop_hop h = *hop;

	h.weight = 0;
	h.table = 0;
	return h;
}

int
nexthop_group_adj_acquire(struct nexthop_groups *g,
    const struct nexthop_hop *hop, struct nexthop_adjacency **out)
{
	struct nexthop_group_hash *h = &g->control->adjs_by_hop;
	const struct nexthop_hop key = identity(hop);
	const uint64_t hash = nexthop_group_hash_bytes(0, &key, sizeof(key));
	struct nexthop_group_link *l = nexthop_group_hash_first(h, hash);
	int error;

	for (; l != NULL; l = l->next) {
		struct nexthop_adjacency *a =
		    NEXTHOP_CONTAINER(l, struct nexthop_adjacency, by_hop);

		if (l->hash == hash &&
		    memcmp(&a->hop, &key, sizeof(key)) == 0) {
			a->refs++;
			*out = a;
			return 0;
		}
	}
	error = record_make(g, &key, true, out);
	if (error == 0)
		nexthop_group_hash_insert(h, &(*out)->by_hop, hash);
	return error;
}

int
nexthop_group_adj_own(struct nexthop_groups *g, const struct nexthop_hop *hop,
    struct nexthop_adjacency **out)
{
	const struct nexthop_hop key = identity(hop);

	return record_make(g, &key, false, out);
}

int
nexthop_group_adj_move(struct nexthop_groups *g, struct nexthop_adjacency *a,
    const struct nexthop_hop *hop)
{
	struct nexthop_slot *base = slot_make(hop), *old;

	SYNC_REQUIRE(!a->shared);
	if (base == NULL)
		return -ENOMEM;
	unwatch(g, a);
	old = a->base;
	a->base = base;
	a->used_before = last_use(g, a->id);
	a->hop = identity(hop);
	/* SLOT release: pairs with the acquire in nexthop_slot_get. */
	sync_store_release(&g->slot[a->id], base);
	pserialize_call(&old->retire, slot_free);
	if (a->header != NULL)
		pserialize_call(&a->header->retire, slot_free);
	a->header = NULL;
	watch(g, a);
	return 0;
}

void
nexthop_group_adj_hold(struct nexthop_adjacency *a)
{
	a->refs++;
}

/* No reader can have the id any more. */
static void
record_unused(struct nexthop_groups *g, struct nexthop_group_wait *w)
{
	struct nexthop_adjacency *a =
	    NEXTHOP_CONTAINER(w, struct nexthop_adjacency, wait);

	/* relaxed: the grace period has passed; for the id's next life. */
	sync_store_relaxed(&g->slot[a->id], NULL);
	free(a->base);
	free(a->header);
	a->base = a->header = NULL;
	SLIST_INSERT_HEAD(&g->control->adjs_unused, a, unused);
}

void
nexthop_group_adj_release(struct nexthop_groups *g, struct nexthop_adjacency *a)
{
	SYNC_REQUIRE(a->refs != 0);
	if (--a->refs != 0)
		return;
	unwatch(g, a);
	if (a->shared)
		nexthop_group_hash_remove(&g->control->adjs_by_hop, &a->by_hop);
	g->control->stats.adjacencies--;
	nexthop_group_wait_add(g, &a->wait, record_unused);
}
