/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/show.h"

#include <arpa/inet.h>
#include <string.h>

#include "apps/psnetd/ops.h"
#include "stack/core/event.h"
#include "stack/core/netif.h"
#include "stack/nexthop/neigh.h"
#include "stack/proto/ipv4/ipv4.h"
#include "stack/route/table.h"
#include "stack/route/tables.h"

/* iproute2's index is the slot; the generation tells reuse apart. */
#define IFINDEX(id) ((json_int_t)((id)&0xffff))

static json_t *
ipv4_string(uint32_t addr)
{
	char text[WORDS_TEXT_MAX];

	return json_string(words_show_ipv4(addr, text));
}

static json_t *
lladdr_string(const uint8_t a[6])
{
	char text[WORDS_TEXT_MAX];

	return json_string(words_show_lladdr(a, text));
}

static json_t *
link_flags(uint32_t f, enum netif_link link)
{
	json_t *list = json_array();

	if ((f & NETIF_LOOPBACK) != 0)
		json_array_append_new(list, json_string("LOOPBACK"));
	else if (link == NETIF_LINK_ETHER)
		json_array_append_new(list, json_string("BROADCAST"));
	if ((f & NETIF_NOARP) != 0)
		json_array_append_new(list, json_string("NOARP"));
	if ((f & NETIF_PROMISC) != 0)
		json_array_append_new(list, json_string("PROMISC"));
	if ((f & NETIF_UP) != 0)
		json_array_append_new(list, json_string("UP"));
	if ((f & NETIF_RUNNING) != 0)
		json_array_append_new(list, json_string("LOWER_UP"));
	else if ((f & NETIF_UP) != 0)
		json_array_append_new(list, json_string("NO-CARRIER"));
	return list;
}

static const char *
link_state(uint32_t f)
{
	return (f & (NETIF_UP | NETIF_RUNNING)) == (NETIF_UP | NETIF_RUNNING)
		   ? "UP"
		   : "DOWN";
}

json_t *
psnetd_show_link(const struct netif *nif)
{
	/* relaxed: a picture of the moment. */
	const uint32_t f = sync_load_relaxed(&nif->flags);
	/* relaxed: as above. */
	const uint32_t mtu = sync_load_relaxed(&nif->mtu);
	json_t *o = json_pack("{s:I, s:I, s:s, s:o, s:i, s:s, s:s, s:s, s:i}",
	    "ifindex", IFINDEX(nif->id), "id", (json_int_t)nif->id, "ifname",
	    nif->name, "flags", link_flags(f, nif->link), "mtu", (int)mtu,
	    "operstate", link_state(f), "link_type",
	    (f & NETIF_LOOPBACK) != 0    ? "loopback"
	    : nif->link == NETIF_LINK_IP ? "none"
					 : "ether",
	    "driver", nif->driver, "queues", (int)nif->nqueues);
	const struct route_tables *ts = ipv4_tables(nif->stack);
	/* relaxed: as above. */
	const uint32_t mark = sync_load_relaxed(&nif->mark);
	char text[WORDS_TEXT_MAX];
	uint32_t table = 0;

	if (ts != NULL)
		table = route_table_number(route_tables_of(ts, nif->id));
	if (table != 0 && table != ROUTE_TABLES_MAIN)
		json_object_set_new(
		    o, "table", json_string(spec_table_name(table, text)));
	if (mark != 0)
		json_object_set_new(o, "mark", json_integer((json_int_t)mark));
	if (nif->link == NETIF_LINK_ETHER) {
		json_object_set_new(o, "address", lladdr_string(nif->hwaddr));
		json_object_set_new(
		    o, "broadcast", json_string("ff:ff:ff:ff:ff:ff"));
	}
	return o;
}

static json_t *
show_addr(const struct netif *nif, const struct netif_addr *a)
{
	json_t *o = json_object();
	uint32_t addr, brd;

	memcpy(&addr, a->addr, sizeof(addr));
	memcpy(&brd, a->broadcast, sizeof(brd));
	json_object_set_new(o, "family", json_string("inet"));
	json_object_set_new(o, "local", ipv4_string(addr));
	json_object_set_new(o, "prefixlen", json_integer(a->plen));
	if (brd != 0)
		json_object_set_new(o, "broadcast", ipv4_string(brd));
	json_object_set_new(o, "scope",
	    json_string((ntohl(addr) >> 24) == 127 ? "host" : "global"));
	json_object_set_new(o, "label", json_string(nif->name));
	return o;
}

void
psnetd_show_claim(json_t *o, enum arp_claim_state state)
{
	if (state == ARP_CLAIM_PROBING)
		json_object_set_new(o, "tentative", json_true());
	else if (state == ARP_CLAIM_DEFENDED)
		json_object_set_new(o, "defended", json_true());
	else if (state == ARP_CLAIM_CONFLICT)
		json_object_set_new(o, "dadfailed", json_true());
}

json_t *
psnetd_show_addrs(const struct netif *nif)
{
	json_t *o = psnetd_show_link(nif), *list = json_array();
	const struct netif_addr *a = netif_addr_first(nif, NETIF_AF_INET);

	for (; a != NULL; a = netif_addr_next(a))
		json_array_append_new(list, show_addr(nif, a));
	json_object_set_new(o, "addr_info", list);
	return o;
}

/* iproute2 shows a single next hop in the route itself. */
static void
show_hop(json_t *o, const struct spec_nexthop *nh)
{
	if (nh->via != 0)
		json_object_set_new(o, "gateway", ipv4_string(nh->via));
	if (nh->dev[0] != '\0')
		json_object_set_new(o, "dev", json_string(nh->dev));
	if (nh->recursive)
		json_object_set_new(o, "recursive", json_true());
}

json_t *
psnetd_show_route(const struct spec_route *r)
{
	char text[WORDS_TEXT_MAX];
	json_t *o = json_object(), *list, *h;

	if (r->type != ROUTE_UNICAST && r->type != ROUTE_LOOKUP)
		json_object_set_new(
		    o, "type", json_string(spec_type_name(r->type)));
	json_object_set_new(
	    o, "dst", json_string(words_show_prefix(r->prefix, r->plen, text)));
	if (r->nhid != 0)
		json_object_set_new(
		    o, "nhid", json_integer((json_int_t)r->nhid));
	if (r->nnexthops == 1)
		show_hop(o, &r->nexthops[0]);
	json_object_set_new(
	    o, "protocol", json_string(spec_protocol_name(r->protocol, text)));
	if (r->type == ROUTE_LOCAL)
		json_object_set_new(o, "scope", json_string("host"));
	else if (r->nnexthops == 1 && r->nexthops[0].via == 0 && r->nhid == 0)
		json_object_set_new(o, "scope", json_string("link"));
	if (r->src != 0)
		json_object_set_new(o, "prefsrc", ipv4_string(r->src));
	if (r->metric != 0)
		json_object_set_new(
		    o, "metric", json_integer((json_int_t)r->metric));
	if (r->type == ROUTE_LOOKUP)
		json_object_set_new(
		    o, "lookup", json_string(spec_table_name(r->lookup, text)));
	if (r->table != 0)
		json_object_set_new(
		    o, "table", json_string(spec_table_name(r->table, text)));
	if (r->has_distance && r->distance != route_distance(r->protocol))
		json_object_set_new(o, "distance", json_integer(r->distance));
	if (r->nnexthops > 1) {
		list = json_array();
		for (unsigned int i = 0; i < r->nnexthops; i++) {
			h = json_object();
			show_hop(h, &r->nexthops[i]);
			json_object_set_new(
			    h, "weight", json_integer(r->nexthops[i].weight));
			json_array_append_new(list, h);
		}
		json_object_set_new(o, "nexthops", list);
	}
	list = json_array();
	if (r->waiting)
		json_array_append_new(list, json_string("waiting"));
	json_object_set_new(o, "flags", list);
	return o;
}

/* As ip-neighbour(8) shows them. */
static json_t *
state_list(uint8_t state)
{
	static const char *const names[NEXTHOP_STATE_COUNT] = {
	    [NEXTHOP_INCOMPLETE] = "INCOMPLETE",
	    [NEXTHOP_REACHABLE] = "REACHABLE",
	    [NEXTHOP_STALE] = "STALE",
	    [NEXTHOP_PROBE] = "PROBE",
	    [NEXTHOP_FAILED] = "FAILED",
	    [NEXTHOP_PERMANENT] = "PERMANENT",
	};

	return json_pack(
	    "[s]", state < NEXTHOP_STATE_COUNT ? names[state] : "NONE");
}

static void
set_lladdr(json_t *o, const uint8_t a[6])
{
	static const uint8_t none[6];

	if (memcmp(a, none, sizeof(none)) != 0)
		json_object_set_new(o, "lladdr", lladdr_string(a));
}

json_t *
psnetd_show_neigh(
    const struct nexthop_entry *n, const char *dev, int with_times)
{
	json_t *o = json_object();
	uint32_t addr;

	memcpy(&addr, n->addr, sizeof(addr));
	json_object_set_new(o, "dst", ipv4_string(addr));
	json_object_set_new(o, "dev", json_string(dev));
	set_lladdr(o, n->hwaddr);
	if (with_times != 0) {
		json_object_set_new(o, "confirmed",
		    json_integer((json_int_t)(n->age / 1000000000)));
		if (n->used != UINT64_MAX)
			json_object_set_new(o, "used",
			    json_integer((json_int_t)(n->used / 1000000000)));
		json_object_set_new(
		    o, "held", json_integer((json_int_t)n->held));
		json_object_set_new(
		    o, "probes", json_integer((json_int_t)n->tries));
		json_object_set_new(o, "proven", json_boolean(n->proven));
	}
	json_object_set_new(o, "state", state_list((uint8_t)n->state));
	return o;
}

static void
event_link(json_t *o, const struct event *ev)
{
	json_object_set_new(
	    o, "flags", link_flags(ev->flags, NETIF_LINK_ETHER));
	json_object_set_new(o, "mtu", json_integer((json_int_t)ev->mtu));
	json_object_set_new(o, "operstate", json_string(link_state(ev->flags)));
	json_object_set_new(o, "address", lladdr_string(ev->hwaddr));
}

/* With the fields of route.show, and whether packets find it. */
static json_t *
event_route(struct stack *st, const struct event *ev)
{
	struct spec_nexthop hops[SPEC_NEXTHOPS_MAX];
	struct spec_route r = {.plen = ev->plen,
	    .type = ev->type,
	    .protocol = ev->protocol,
	    .distance = ev->distance,
	    .has_distance = true,
	    .waiting = !ev->selected && ev->action != EVENT_DELETE,
	    .metric = ev->metric,
	    .table = ev->table == ROUTE_TABLES_MAIN ? 0 : ev->table,
	    .lookup = ev->lookup,
	    .nhid = ev->nhid,
	    .nnexthops = ev->nhops,
	    .nexthops = hops};

	/* A commit of many edits is one event, without a type. */
	if (ev->type == 0)
		return json_pack("{s:b}", "bulk", 1);
	memcpy(&r.prefix, ev->addr, sizeof(r.prefix));
	memcpy(&r.src, ev->prefsrc, sizeof(r.src));
	for (unsigned int i = 0; i < ev->nhops; i++) {
		hops[i] = (struct spec_nexthop){.weight = ev->hop[i].weight,
		    .recursive =
			ev->hop[i].has_gateway && ev->hop[i].netif == 0};
		memcpy(&hops[i].via, ev->hop[i].gateway, sizeof(hops[i].via));
		psnetd_ops_name(st, ev->hop[i].netif, hops[i].dev);
	}
	return psnetd_show_route(&r);
}

static void
event_other(json_t *o, const struct event *ev)
{
	uint32_t addr;

	memcpy(&addr, ev->addr, sizeof(addr));
	if (ev->kind == EVENT_ADDR) {
		json_object_set_new(o, "local", ipv4_string(addr));
		json_object_set_new(o, "prefixlen", json_integer(ev->plen));
		/* A change is a conflict: with whom, and how it ended. */
		if (ev->action == EVENT_CHANGE) {
			psnetd_show_claim(o, (enum arp_claim_state)ev->state);
			set_lladdr(o, ev->hwaddr);
		}
		return;
	}
	json_object_set_new(o, "dst", ipv4_string(addr));
	set_lladdr(o, ev->hwaddr);
	json_object_set_new(o, "state", state_list(ev->state));
}

json_t *
psnetd_show_event(struct stack *st, const struct event *ev)
{
	static const char *const kinds[] = {
	    "link", "addr", "route", "neigh", "nexthop"};
	static const char *const actions[] = {"add", "change", "del"};
	json_t *o = json_pack("{s:s, s:s, s:I}", "kind", kinds[ev->kind],
	    "action", actions[ev->action], "seq", (json_int_t)ev->seq);

	if (ev->kind == EVENT_ROUTE || ev->kind == EVENT_NEXTHOP) {
		json_t *more = ev->kind == EVENT_ROUTE
				   ? event_route(st, ev)
				   : psnetd_show_object_event(st, ev);

		json_object_update(o, more);
		json_decref(more);
		return o;
	}
	if (ev->kind == EVENT_LINK)
		json_object_set_new(
		    o, "ifindex", json_integer(IFINDEX(ev->netif)));
	if (ev->ifname[0] != '\0')
		json_object_set_new(o,
		    ev->kind == EVENT_LINK || ev->kind == EVENT_ADDR ? "ifname"
								     : "dev",
		    json_string(ev->ifname));
	if (ev->kind == EVENT_LINK)
		event_link(o, ev);
	else
		event_other(o, ev);
	return o;
}
