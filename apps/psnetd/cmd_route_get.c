/* SPDX-License-Identifier: BSD-2-Clause */

/* Which way a packet goes, and why. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apps/psnetd/args.h"
#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/show.h"
#include "apps/spec.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"
#include "stack/nexthop/neigh.h"
#include "stack/nexthop/nexthop.h"
#include "stack/nexthop/resolve.h"
#include "stack/proto/ipv4/ipv4.h"

/* What a packet is said to be, as ip-route(8)'s get does. */
struct question {
	uint32_t dst, src, mark;
	uint32_t sport, dport, proto;
	netif_id iif;
	bool details;
};

/* The way of the packet, in a section. */
struct answer {
	struct stack *st;
	const struct question *q;
	const struct route *route;
	struct route_found found;
	const struct nexthop_slot *slot; /* NULL: none is usable */
	uint32_t hash;
	json_t *steps; /* the tables that were asked; NULL: nobody wants them */
	netif_id neigh_netif; /* the neighbour it is sent to; 0: none */
	uint32_t neigh_addr;
};

/* --- The question ------------------------------------------------------- */

static int
parse_ports(struct psnetd_request *r, struct question *q)
{
	if (psnetd_args_u32(
		r->args, "sport", 0, UINT16_MAX, &q->sport, &r->e) != 0 ||
	    psnetd_args_u32(
		r->args, "dport", 0, UINT16_MAX, &q->dport, &r->e) != 0 ||
	    psnetd_args_u32(
		r->args, "ipproto", 0, UINT8_MAX, &q->proto, &r->e) != 0)
		return -EINVAL;
	if ((q->sport | q->dport) != 0 && q->proto != 6 && q->proto != 17)
		return words_fail(
		    &r->e, "ipproto", "ports are those of 6 (TCP) or 17 (UDP)");
	return psnetd_args_bool(r->args, "details", &q->details, &r->e);
}

static int
parse_question(struct psnetd_request *r, struct question *q)
{
	static const char *const keys[] = {"dst", "src", "iif", "fwmark",
	    "sport", "dport", "ipproto", "details", NULL};
	const char *dst = NULL, *src = NULL;
	char iif[WORDS_NAME_MAX] = "";

	*q = (struct question){.dst = 0};
	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_string(r->args, "dst", true, &dst, &r->e) != 0 ||
	    words_ipv4(dst, &q->dst, &r->e) != 0 ||
	    psnetd_args_string(r->args, "src", false, &src, &r->e) != 0 ||
	    psnetd_args_name(r->args, "iif", false, iif, &r->e) != 0 ||
	    psnetd_args_u32(
		r->args, "fwmark", 0, UINT32_MAX, &q->mark, &r->e) != 0 ||
	    parse_ports(r, q) != 0)
		return -EINVAL;
	if (src != NULL && words_ipv4(src, &q->src, &r->e) != 0)
		return -EINVAL;
	if (iif[0] == '\0')
		return 0;
	return psnetd_ops_dev(r->d->st, iif, &q->iif, &r->e);
}

/* --- The way ------------------------------------------------------------ */

static json_t *
prefix_string(uint32_t addr, unsigned int plen)
{
	char text[WORDS_TEXT_MAX];

	return json_string(
	    words_show_prefix(addr & words_mask(plen), plen, text));
}

/* A table that was asked, and what it said. */
static void
note_step(void *arg, const struct route_step *step)
{
	struct answer *a = arg;
	char text[WORDS_TEXT_MAX];
	json_t *o;

	if (a->steps == NULL)
		return;
	o = json_pack("{s:I, s:s}", "priority", (json_int_t)step->pref, "table",
	    spec_table_name(step->table, text));
	if (step->route == NULL) {
		json_object_set_new(o, "result", json_string("no route"));
	} else {
		json_object_set_new(
		    o, "prefix", prefix_string(a->q->dst, step->plen));
		json_object_set_new(o, "result",
		    json_string(route_type_name(step->route->type)));
	}
	json_array_append_new(a->steps, o);
}

static void
find(struct answer *a)
{
	const struct question *q = a->q;

	a->hash = ipv4_flow_of(a->st, &(struct ipv4_flow){.src = q->src,
					  .dst = q->dst,
					  .sport = (uint16_t)q->sport,
					  .dport = (uint16_t)q->dport,
					  .proto = (uint8_t)q->proto,
					  .here = q->iif == 0});
	a->route = route_rule_trace(ipv4_tables(a->st),
	    &(struct route_flow){.dst = (const uint8_t *)&q->dst,
		.src = (const uint8_t *)&q->src,
		.iif = q->iif,
		.member = q->iif,
		.mark = q->mark},
	    note_step, a, &a->found);
	if (a->route != NULL)
		a->slot = nexthop_resolve(
		    nexthop_groups_of(a->st), NULL, a->route->hops, a->hash);
}

static json_t *
show_way(const struct answer *a)
{
	const struct route *route = a->route;
	const struct route_found *at = &a->found;
	struct spec_nexthop hop = {.weight = 1};
	struct spec_route r = {.prefix = a->q->dst,
	    .plen = 32,
	    .type = route->type,
	    .protocol = route->protocol,
	    .distance = route->distance,
	    .has_distance = true,
	    .metric = route->metric,
	    .src = ipv4_source_on(a->st, a->q->iif, a->q->dst),
	    .table = at->table == ROUTE_TABLES_MAIN ? 0 : at->table,
	    .nhid = route->nhid,
	    .nexthops = &hop};
	json_t *o;

	if (a->slot != NULL && a->slot->netif != 0) {
		r.nnexthops = 1;
		memcpy(&hop.via, a->slot->gateway, 4);
		psnetd_ops_name(a->st, a->slot->netif, hop.dev);
	}
	o = psnetd_show_route(&r);
	json_object_del(o, "scope");
	/* An object may drop what its routes do not. */
	if (a->slot != NULL && spec_object_drop_name(a->slot->kind) != NULL)
		json_object_set_new(o, "type",
		    json_string(spec_object_drop_name(a->slot->kind)));
	json_object_set_new(o, "prefix", prefix_string(a->q->dst, at->plen));
	return o;
}

/* --- Why ---------------------------------------------------------------- */

/* What made the prefix's best route better than r. */
static json_t *
show_loss(const struct route *best, const struct route *r)
{
	if (best->distance != r->distance)
		return json_sprintf("distance %u is more than %u",
		    (unsigned int)r->distance, (unsigned int)best->distance);
	if (best->metric != r->metric)
		return json_sprintf("metric %u is more than %u",
		    (unsigned int)r->metric, (unsigned int)best->metric);
	return json_sprintf("protocol %u is more than %u",
	    (unsigned int)r->protocol, (unsigned int)best->protocol);
}

/* All routes of the prefix, the one in use first. */
static json_t *
show_candidates(const struct answer *a)
{
	const struct route_table *t =
	    route_tables_find(ipv4_tables(a->st), a->found.table);
	const uint32_t prefix = a->q->dst & words_mask(a->found.plen);
	struct route_entry e = {
	    .plen = (uint8_t)a->found.plen, .table = a->found.table};
	json_t *list = json_array(), *o;
	struct spec_route r;

	memcpy(e.key, &prefix, sizeof(prefix));
	while ((e.route = route_table_candidate(t, e.key, e.plen, e.rank)) !=
	       NULL) {
		if (psnetd_ops_describe(a->st, &e, &r) != 0)
			break;
		o = psnetd_show_route(&r);
		spec_route_fini(&r);
		if (e.rank > 0)
			json_object_set_new(
			    o, "lost", show_loss(a->route, e.route));
		json_array_append_new(list, o);
		e.rank++;
	}
	return list;
}

static json_t *
show_member(
    struct stack *st, const struct nexthop_group_member_info *m, bool chosen)
{
	static const char *const kinds[NEXTHOP_KIND_COUNT] = {
	    [NEXTHOP_VIA] = "via",
	    [NEXTHOP_LINK] = "link",
	    [NEXTHOP_LOCAL] = "local",
	    [NEXTHOP_BROADCAST] = "broadcast",
	    [NEXTHOP_BLACKHOLE] = "blackhole",
	    [NEXTHOP_UNREACHABLE] = "unreachable",
	    [NEXTHOP_PROHIBIT] = "prohibit",
	};
	char text[WORDS_TEXT_MAX], dev[WORDS_NAME_MAX];
	json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:s, s:b}", "kind",
	    kinds[m->hop.kind], "adjacency", (json_int_t)m->adjacency, "weight",
	    (json_int_t)m->weight, "buckets", (json_int_t)m->buckets, "port",
	    m->down ? "down" : "up", "chosen", chosen);
	uint32_t via;

	memcpy(&via, m->hop.gateway, sizeof(via));
	if (via != 0)
		json_object_set_new(
		    o, "gateway", json_string(words_show_ipv4(via, text)));
	psnetd_ops_name(st, m->hop.netif, dev);
	if (dev[0] != '\0')
		json_object_set_new(o, "dev", json_string(dev));
	return o;
}

/* The way of the hash through the group, and whether it was left. */
static void
show_choice(json_t *o, const struct answer *a, uint32_t adjacency)
{
	const struct nexthop_groups *g = nexthop_groups_of(a->st);
	const uint64_t w = nexthop_word_get(g, a->route->hops);

	if (nexthop_word_kind(w) == NEXTHOP_WORD_EMPTY) {
		json_object_set_new(o, "instead",
		    json_string(a->slot != NULL ? "the backup: it is empty"
						: "nothing: it is empty"));
		return;
	}
	if (nexthop_word_kind(w) != NEXTHOP_WORD_SINGLE)
		json_object_set_new(o, "bucket",
		    json_integer(
			(json_int_t)(nexthop_word_bucket(g, w, a->hash) -
				     (uint32_t)w)));
	json_object_set_new(
	    o, "adjacency", json_integer((json_int_t)adjacency));
	if (a->slot == NULL)
		json_object_set_new(
		    o, "instead", json_string("nothing: no port is up"));
	else if (nexthop_slot_get(g, adjacency) != a->slot)
		json_object_set_new(o, "instead",
		    json_string("another: the port of its choice is down"));
}

/* The gateways of the group that are on no link, and where they were found. */
static json_t *
show_gateways(const struct answer *a)
{
	struct nexthop_resolve_info info[NEXTHOP_HOPS_MAX];
	const unsigned int n = nexthop_resolve_via_show(
	    nexthop_groups_of(a->st), a->route->hops, info, NEXTHOP_HOPS_MAX);
	json_t *list = json_array();

	for (unsigned int i = 0; i < n && i < NEXTHOP_HOPS_MAX; i++) {
		char text[WORDS_TEXT_MAX];
		json_t *tables = json_array();
		uint32_t via;

		memcpy(&via, info[i].hop.gateway, sizeof(via));
		for (unsigned int k = 0; k < info[i].ntables; k++)
			json_array_append_new(tables,
			    json_string(
				spec_table_name(info[i].table[k], text)));
		json_array_append_new(
		    list, json_pack("{s:s, s:o, s:s}", "gateway",
			      words_show_ipv4(via, text), "tables", tables,
			      "result", nexthop_resolve_via_name(info[i].end)));
	}
	return list;
}

/* Under the control mutex. */
static json_t *
show_group(const struct answer *a)
{
	struct nexthop_groups *g = nexthop_groups_of(a->st);
	const uint64_t w = nexthop_word_get(g, a->route->hops);
	struct nexthop_group_member_info m[NEXTHOP_MEMBERS_MAX];
	struct nexthop_group_info info;
	uint32_t adj = 0;
	json_t *list, *o;

	if (nexthop_group_show(
		g, a->route->hops, &info, m, NEXTHOP_MEMBERS_MAX) != 0)
		return json_null();
	if (nexthop_word_kind(w) != NEXTHOP_WORD_EMPTY)
		adj = nexthop_word_pick(g, NULL, w, a->hash);
	list = json_array();
	for (unsigned int i = 0; i < info.members; i++)
		json_array_append_new(
		    list, show_member(a->st, &m[i],
			      nexthop_word_kind(w) != NEXTHOP_WORD_EMPTY &&
				  m[i].adjacency == adj));
	o = json_pack("{s:I, s:I, s:b, s:I, s:I, s:I, s:o, s:o}", "id",
	    (json_int_t)a->route->hops, "refs", (json_int_t)info.refs,
	    "resilient", info.resilient, "buckets", (json_int_t)info.buckets,
	    "left_out", (json_int_t)info.left_out, "backup",
	    (json_int_t)info.backup, "members", list, "gateways",
	    show_gateways(a));
	show_choice(o, a, adj);
	return o;
}

static void
remember_neighbour(struct answer *a)
{
	const struct nexthop_slot *s = a->slot;

	if (s == NULL || (s->kind != NEXTHOP_VIA && s->kind != NEXTHOP_LINK))
		return;
	a->neigh_netif = s->netif;
	a->neigh_addr = a->q->dst;
	if (s->kind == NEXTHOP_VIA)
		memcpy(&a->neigh_addr, s->gateway, sizeof(a->neigh_addr));
}

static json_t *
show_why(struct answer *a)
{
	json_t *why = json_pack("{s:O, s:o, s:I, s:o}", "rules", a->steps,
	    "candidates", show_candidates(a), "hash", (json_int_t)a->hash,
	    "group", show_group(a));

	if (a->slot != NULL)
		json_object_set_new(
		    why, "prebuilt", json_boolean(a->slot->hdr_len != 0));
	remember_neighbour(a);
	return why;
}

struct neighbour {
	uint32_t addr;
	const char *dev;
	json_t *found;
};

static int
match_neighbour(void *arg, const struct nexthop_entry *e)
{
	struct neighbour *n = arg;

	if (memcmp(e->addr, &n->addr, sizeof(n->addr)) == 0 && n->found == NULL)
		n->found = psnetd_show_neigh(e, n->dev, 0);
	return 0;
}

/* Outside the section: the owner of the neighbours is asked. */
static void
add_neighbour(const struct answer *a, json_t *why)
{
	char text[WORDS_TEXT_MAX], dev[WORDS_NAME_MAX];
	struct neighbour n = {.addr = a->neigh_addr, .dev = dev};

	if (a->neigh_netif == 0)
		return;
	psnetd_ops_name(a->st, a->neigh_netif, dev);
	(void)nexthop_walk(
	    a->st, a->neigh_netif, NETIF_AF_INET, match_neighbour, &n);
	if (n.found == NULL)
		n.found = json_pack("{s:s, s:s, s:[s]}", "dst",
		    words_show_ipv4(a->neigh_addr, text), "dev", dev, "state",
		    "NONE");
	json_object_set_new(why, "neighbour", n.found);
}

/* The group's members are the writer's: they need the control mutex. */
static json_t *
explain(struct answer *a)
{
	json_t *way = NULL, *why = NULL;
	uint64_t s;

	a->steps = json_array();
	stack_control_enter(a->st);
	s = pserialize_read_enter();
	find(a);
	if (a->route != NULL) {
		way = show_way(a);
		why = show_why(a);
	}
	pserialize_read_exit(s);
	stack_control_exit(a->st);
	json_decref(a->steps);
	if (way == NULL)
		return NULL;
	add_neighbour(a, why);
	json_object_set_new(way, "why", why);
	return way;
}

/* Under the control mutex, in a section: why the route has no slot. */
static void
say_unusable(const struct answer *a, struct words_error *e)
{
	struct nexthop_groups *g = nexthop_groups_of(a->st);
	const uint64_t w = nexthop_word_get(g, a->route->hops);
	struct nexthop_resolve_info info[NEXTHOP_HOPS_MAX];
	char dst[WORDS_TEXT_MAX], net[WORDS_TEXT_MAX], via[WORDS_TEXT_MAX];
	unsigned int n, i = 0;
	uint32_t gateway;

	words_show_ipv4(a->q->dst, dst);
	words_show_prefix(
	    a->q->dst & words_mask(a->found.plen), a->found.plen, net);
	if (nexthop_word_kind(w) != NEXTHOP_WORD_EMPTY) {
		words_fail(e, dst,
		    "its route %s has no next hop whose interface is up", net);
		return;
	}
	n = nexthop_resolve_via_show(g, a->route->hops, info, NEXTHOP_HOPS_MAX);
	n = n < NEXTHOP_HOPS_MAX ? n : NEXTHOP_HOPS_MAX;
	while (i < n && info[i].end == NEXTHOP_RESOLVE_FOUND)
		i++;
	if (i == n) {
		words_fail(e, dst, "its route %s has no next hop left", net);
		return;
	}
	memcpy(&gateway, info[i].hop.gateway, sizeof(gateway));
	words_fail(e, dst, "its route %s does not resolve: gateway %s: %s", net,
	    words_show_ipv4(gateway, via),
	    nexthop_resolve_via_name(info[i].end));
}

/* The same, from outside; in the middle of a commit nobody can say. */
static int
fail_unusable(struct psnetd_request *r, struct answer *a)
{
	char text[WORDS_TEXT_MAX];
	uint64_t s;

	words_fail(&r->e, words_show_ipv4(a->q->dst, text),
	    "its route has no usable next hop");
	if (r->d->busy)
		return -ENETUNREACH;
	stack_control_enter(a->st);
	s = pserialize_read_enter();
	find(a);
	if (a->route != NULL && a->slot == NULL)
		say_unusable(a, &r->e);
	pserialize_read_exit(s);
	stack_control_exit(a->st);
	return -ENETUNREACH;
}

/* Without details: only the way. */
static json_t *
look(struct answer *a)
{
	const uint64_t s = pserialize_read_enter();
	json_t *way = NULL;

	find(a);
	if (a->slot != NULL)
		way = show_way(a);
	pserialize_read_exit(s);
	return way;
}

int
psnetd_cmd_route_get(struct psnetd_request *r)
{
	struct answer a = {.st = r->d->st};
	char text[WORDS_TEXT_MAX];
	struct question q;
	json_t *way;
	int rc = parse_question(r, &q);

	if (rc != 0)
		return rc;
	if (q.details && r->d->busy)
		return -EINPROGRESS;
	a.q = &q;
	way = q.details ? explain(&a) : look(&a);
	if (way == NULL && a.route != NULL)
		return fail_unusable(r, &a);
	if (way == NULL) {
		words_fail(&r->e, words_show_ipv4(q.dst, text),
		    "no route leads there");
		return -ENETUNREACH;
	}
	r->result = json_pack("[o]", way);
	return 0;
}
