/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What subscribers are told of an edit.  The two lists of a prefix's candidates
 * differ by what came, went or was replaced; each is an event, and so is the
 * rise of one that was there before and that packets find now.
 */

#include "stack/core/event.h"

#include <string.h>

#include "stack/core/stack.h"
#include "stack/route/table_impl.h"

_Static_assert(EVENT_HOPS_MAX == ROUTE_NEXTHOPS_MAX, "all next hops fit");

/* One prefix of one table. */
struct place {
	const struct route_table *table;
	const uint8_t *key;
	unsigned int plen;
};

static void
publish(const struct place *p, const struct route *r, enum event_action action,
    bool selected)
{
	struct event ev = {
	    .kind = EVENT_ROUTE,
	    .action = action,
	    .af = p->table->store->af,
	    .plen = (uint8_t)p->plen,
	    .type = r->type,
	    .protocol = r->protocol,
	    .nhid = r->nhid,
	    .distance = r->distance,
	    .selected = selected,
	    .has_prefsrc = r->has_prefsrc,
	    .metric = r->metric,
	    .table = p->table->number,
	    .lookup = r->table,
	    .nhops = r->nnexthops,
	};
	unsigned int i;

	memcpy(ev.addr, p->key, p->table->store->bits / 8);
	memcpy(ev.prefsrc, r->prefsrc, sizeof(ev.prefsrc));
	for (i = 0; i < r->nnexthops; i++) {
		const struct route_nexthop *nh = &r->nexthops[i];

		ev.hop[i].netif = nh->netif;
		ev.hop[i].has_gateway = nh->has_gateway;
		ev.hop[i].weight = nh->weight;
		memcpy(ev.hop[i].gateway, nh->gateway, sizeof(nh->gateway));
	}
	if (r->nnexthops > 0) {
		ev.netif = r->nexthops[0].netif;
		memcpy(ev.gateway, r->nexthops[0].gateway, sizeof(ev.gateway));
	}
	event_publish(p->table->store->stack, &ev);
}

/* The candidate of set with r's key; NULL: none. */
static const struct route *
counterpart(const struct route_set *set, const struct route *r)
{
	uint32_t i;

	for (i = 0; set != NULL && i < set->n; i++)
		if (route_key_equal(route_key(set->route[i]), route_key(r)))
			return set->route[i];
	return NULL;
}

void
route_event_publish(const struct route_table *t, const struct route_item *fresh,
    const struct route_item *old)
{
	const struct route_item *some = fresh != NULL ? fresh : old;
	const struct place p = {t, some->key, route_item_plen(some)};
	const struct route_set *now = NULL, *was = NULL;
	const struct route *other;
	uint32_t i;

	if (fresh != NULL)
		now = route_item_set(t->store, fresh);
	if (old != NULL)
		was = route_item_set(t->store, old);
	for (i = 0; was != NULL && i < was->n; i++)
		if (counterpart(now, was->route[i]) == NULL)
			publish(&p, was->route[i], EVENT_DELETE, false);
	for (i = 0; now != NULL && i < now->n; i++) {
		other = counterpart(was, now->route[i]);
		if (other == NULL)
			publish(&p, now->route[i], EVENT_ADD, i == 0);
		else if (other != now->route[i] ||
			 (i == 0 && was != NULL && was->route[0] != other))
			publish(&p, now->route[i], EVENT_CHANGE, i == 0);
	}
}
