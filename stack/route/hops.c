/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a route leads to, as a next-hop group: routes with the same next hops
 * share one, and a route that names an object has the object's.  A gateway
 * that is on no link is looked up here, as the table will be after the change
 * under way, and again whenever a prefix around it changes.
 *
 * A gateway whose route says "look in another table" is looked up there, as
 * packets are; one whose route says "throw" is not reachable, as the rules are
 * for packets only.
 */

#include <errno.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/stack.h"
#include "stack/nexthop/resolve.h"
#include "stack/route/table_impl.h"

_Static_assert(
    ROUTE_NEXTHOPS_MAX <= NEXTHOP_HOPS_MAX, "a route's next hops fit");

static uint8_t
kind_of(uint8_t type)
{
	static const uint8_t kinds[] = {
	    [ROUTE_UNICAST] = NEXTHOP_LINK,
	    [ROUTE_LOCAL] = NEXTHOP_LOCAL,
	    [ROUTE_BROADCAST] = NEXTHOP_BROADCAST,
	    [ROUTE_BLACKHOLE] = NEXTHOP_BLACKHOLE,
	    [ROUTE_UNREACHABLE] = NEXTHOP_UNREACHABLE,
	    [ROUTE_PROHIBIT] = NEXTHOP_PROHIBIT,
	    [ROUTE_THROW] = NEXTHOP_THROW,
	    [ROUTE_LOOKUP] = NEXTHOP_THROW,
	};

	return kinds[type];
}

static void
hop_fill(const struct route_store *s, const struct route *r,
    const struct route_nexthop *nh, struct nexthop_hop *hop)
{
	*hop = (struct nexthop_hop){.kind = kind_of(r->type),
	    .af = (uint8_t)s->af,
	    .weight = nh->weight,
	    .netif = nh->netif,
	    .table = nh->recursive ? r->table : 0};
	if (!nh->has_gateway)
		return;
	hop->kind = NEXTHOP_VIA;
	memcpy(hop->gateway, nh->gateway, s->bits / 8);
}

/* The next hops that r itself has.  Returns: their number, one at least. */
static unsigned int
hops_of(const struct route_store *s, const struct route *r,
    struct nexthop_hop hop[ROUTE_NEXTHOPS_MAX])
{
	static const struct route_nexthop nowhere = {.weight = 1};
	unsigned int i;

	if (r->nnexthops == 0)
		hop_fill(s, r, &nowhere, &hop[0]);
	for (i = 0; i < r->nnexthops; i++)
		hop_fill(s, r, &r->nexthops[i], &hop[i]);
	return r->nnexthops > 0 ? r->nnexthops : 1;
}

int
route_hops_acquire(const struct route_store *s, struct route *r, bool fits)
{
	struct nexthop_hop hop[ROUTE_NEXTHOPS_MAX];
	struct nexthop_group_config cfg = {.hops = hop, .fits = fits};

	if (r->nhid != 0) {
		if (s->objects == NULL ||
		    nexthop_object_acquire(s->objects, r->nhid, &r->hops) != 0)
			return -ENXIO;
		return 0;
	}
	cfg.nhops = hops_of(s, r, hop);
	return nexthop_group_acquire(s->groups, &cfg, &r->hops);
}

void
route_hops_release(const struct route_store *s, const struct route *r)
{
	nexthop_group_release(s->groups, r->hops);
}

/*
 * The next hops that r has now, an object's too.
 * Returns: their number; 0: r has too many, or the object is gone.
 */
static unsigned int
hops_now(const struct route_store *s, const struct route *r,
    struct nexthop_hop hop[ROUTE_NEXTHOPS_MAX])
{
	struct nexthop_object_config group, one;
	unsigned int i;

	if (r->nhid == 0)
		return hops_of(s, r, hop);
	if (nexthop_object_get(s->objects, r->nhid, &group) != 0 ||
	    group.nmembers > ROUTE_NEXTHOPS_MAX)
		return 0;
	hop[0] = group.hop;
	for (i = 0; i < group.nmembers; i++) {
		if (nexthop_object_get(s->objects, group.member[i].id, &one) !=
		    0)
			return 0;
		hop[i] = one.hop;
	}
	return i > 0 ? i : 1;
}

static bool
leads_by(const struct nexthop_slot *slot, const struct nexthop_hop *hop)
{
	return slot->kind == hop->kind && slot->af == hop->af &&
	       slot->netif == hop->netif &&
	       memcmp(slot->gateway, hop->gateway, sizeof(hop->gateway)) == 0;
}

static bool
any_down(const struct nexthop_groups *g, const struct nexthop_hop *hop,
    unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (nexthop_slot_down(
			g, &(struct nexthop_slot){.netif = hop[i].netif}))
			return true;
	return false;
}

bool
route_hops_right(
    const struct route_store *s, const struct route *r, uint32_t hash)
{
	struct nexthop_hop hop[ROUTE_NEXTHOPS_MAX];
	const unsigned int n = hops_now(s, r, hop);
	const struct nexthop_slot *slot;
	unsigned int i;
	bool down;

	if (n == 0)
		return true;
	down = any_down(s->groups, hop, n);
	for (i = 0; i < n; i++)
		if (hop[i].kind == NEXTHOP_VIA && hop[i].netif == 0)
			return true;
	slot = nexthop_resolve(s->groups, NULL, r->hops, hash);
	/* Ports come and go meanwhile. */
	if (slot == NULL)
		return down || any_down(s->groups, hop, n);
	for (i = 0; i < n; i++)
		if (leads_by(slot, &hop[i]))
			return true;
	return false;
}

struct nexthop_resolve_found
route_hops_find(const struct route_table *t, const uint8_t *addr)
{
	const struct route *r;
	const struct route_item *i;
	uint64_t section;

	if (t->open != NULL) {
		i = radix_lf_txn_lookup(t->open->tree, addr, t->store->bits);
	} else {
		section = pserialize_read_enter();
		i = radix_lf_lookup(t->tree, addr, t->store->bits);
		pserialize_read_exit(section);
	}
	if (i == NULL)
		return (struct nexthop_resolve_found){
		    .group = NEXTHOP_GROUP_NONE};
	r = route_item_set(t->store, i)->route[0];
	return (struct nexthop_resolve_found){
	    .group = r->hops,
	    .leads_on = r->type == ROUTE_LOOKUP,
	    .table = r->table,
	};
}

/* An object's gateway is in table 0, which stands for the main one. */
static void
stage(const struct route_table *t, const struct route_item *i)
{
	const unsigned int plen = route_item_plen(i);

	(void)nexthop_resolve_via_stage(
	    t->store->groups, t->number, t->store->af, i->key, plen);
	if (t->main && t->number != 0)
		(void)nexthop_resolve_via_stage(
		    t->store->groups, 0, t->store->af, i->key, plen);
}

int
route_hops_prepare(struct route_txn *x)
{
	const struct route_table *t = x->table;
	size_t i;

	for (i = 0; i < x->n; i++)
		if (route_edit_moves(t->store, &x->log[i]))
			stage(t, route_edit_item(&x->log[i]));
	return nexthop_resolve_via_prepare(t->store->groups);
}
