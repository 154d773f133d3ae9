/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <string.h>

#include "apps/psnetd/args.h"
#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/dump.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/show.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"
#include "stack/nexthop/nexthop.h"
#include "stack/nexthop/resolve.h"
#include "stack/proto/ipv4/ipv4.h"

static const char *const filter_keys[] = {"dst", "scope", "type", "protocol",
    "gateway", "dev", "nhid", "table", NULL};

static int
filter_prefix(
    const json_t *args, struct psnetd_dump_filter *f, struct words_error *e)
{
	const char *dst = NULL, *scope = "exact";

	if (psnetd_args_string(args, "dst", false, &dst, e) != 0 ||
	    psnetd_args_string(args, "scope", false, &scope, e) != 0)
		return -EINVAL;
	if (dst == NULL)
		return 0;
	if (words_prefix(dst, &f->prefix, &f->plen, e) != 0)
		return -EINVAL;
	if (strcmp(scope, "exact") == 0)
		f->scope = PSNETD_DUMP_EXACT;
	else if (strcmp(scope, "root") == 0)
		f->scope = PSNETD_DUMP_ROOT;
	else if (strcmp(scope, "match") == 0)
		f->scope = PSNETD_DUMP_MATCH;
	else
		return words_fail(e, scope, "neither exact, root nor match");
	return 0;
}

/* The routes that a person configured or may see, as ip-route(8)'s tables. */
static int
filter_table(
    const json_t *args, struct psnetd_dump_filter *f, struct words_error *e)
{
	const char *table = "main";

	if (psnetd_args_string(args, "table", false, &table, e) != 0)
		return -EINVAL;
	f->main_only = strcmp(table, "main") == 0 && f->type == 0;
	f->every = strcmp(table, "all") == 0;
	if (strcmp(table, "local") == 0 && f->type == 0)
		f->type = ROUTE_LOCAL;
	if (f->every || strcmp(table, "local") == 0)
		return 0;
	return spec_table_parse(table, &f->table, e);
}

static int
parse_filter(struct psnetd_request *r, struct psnetd_dump_filter *f)
{
	const char *type = NULL, *proto = NULL, *via = NULL;
	char dev[WORDS_NAME_MAX] = "";
	struct words_error *e = &r->e;

	if (psnetd_args_known(r->args, filter_keys, e) != 0 ||
	    filter_prefix(r->args, f, e) != 0 ||
	    psnetd_args_string(r->args, "type", false, &type, e) != 0 ||
	    psnetd_args_string(r->args, "protocol", false, &proto, e) != 0 ||
	    psnetd_args_string(r->args, "gateway", false, &via, e) != 0 ||
	    psnetd_args_u32(r->args, "nhid", 1, UINT32_MAX, &f->nhid, e) != 0 ||
	    psnetd_args_name(r->args, "dev", false, dev, e) != 0)
		return -EINVAL;
	if (type != NULL && strcmp(type, "local") == 0)
		f->type = ROUTE_LOCAL;
	else if (type != NULL && strcmp(type, "broadcast") == 0)
		f->type = ROUTE_BROADCAST;
	else if (type != NULL && !spec_type_parse(type, &f->type))
		return words_fail(e, type, "not a route type");
	if (proto != NULL && spec_protocol_parse(proto, &f->protocol, e) != 0)
		return -EINVAL;
	if (via != NULL && words_ipv4(via, &f->via, e) != 0)
		return -EINVAL;
	if (dev[0] != '\0' && psnetd_ops_dev(r->d->st, dev, &f->dev, e) != 0)
		return -ENODEV;
	return filter_table(r->args, f, e);
}

int
psnetd_cmd_route_show(struct psnetd_request *r)
{
	struct psnetd_dump_filter f = {.scope = PSNETD_DUMP_ALL};
	int rc = parse_filter(r, &f);

	if (rc != 0)
		return rc;
	rc = psnetd_dump_create(r->d->st, &f, &r->c->dump);
	if (rc != 0) {
		words_fail(&r->e, NULL, "%s", words_strerror(-rc));
		return rc;
	}
	r->c->long_id = r->id;
	r->later = true;
	return 0;
}

static bool
flush_match(void *arg, const struct route_entry *e)
{
	return psnetd_dump_match(arg, e);
}

int
psnetd_cmd_route_flush(struct psnetd_request *r)
{
	struct psnetd_dump_filter f = {.scope = PSNETD_DUMP_ALL};
	int n = parse_filter(r, &f);

	if (n != 0)
		return n;
	n = psnetd_ops_routes_flush(r->d->st, flush_match, &f);
	if (n < 0) {
		words_fail(&r->e, NULL, "%s", words_strerror(-n));
		return n;
	}
	r->result = json_pack("{s:i}", "removed", n);
	return 0;
}

static int
edit(struct psnetd_request *r, enum route_mode mode)
{
	struct spec_route route;
	int rc = psnetd_args_route(r->args, true, &route, &r->e);

	if (rc != 0)
		return rc;
	rc = psnetd_ops_route_add(r->d->st, &route, mode, &r->e);
	spec_route_fini(&route);
	return rc;
}

int
psnetd_cmd_route_add(struct psnetd_request *r)
{
	return edit(r, ROUTE_ADD);
}

int
psnetd_cmd_route_replace(struct psnetd_request *r)
{
	return edit(r, ROUTE_REPLACE);
}

int
psnetd_cmd_route_change(struct psnetd_request *r)
{
	return edit(r, ROUTE_CHANGE);
}

int
psnetd_cmd_route_del(struct psnetd_request *r)
{
	struct spec_route route;
	int rc = psnetd_args_route(r->args, false, &route, &r->e);

	if (rc != 0)
		return rc;
	rc = psnetd_ops_route_del(r->d->st, &route, false, &r->e);
	spec_route_fini(&route);
	return rc;
}

/* The answer of a lookup: the hop that flow 0 takes. */
static json_t *
show_lookup(struct stack *st, const struct route *route,
    const struct route_found *at, uint32_t addr, netif_id iif)
{
	const struct nexthop_slot *s =
	    nexthop_resolve(nexthop_groups_of(st), NULL, route->hops, 0);
	struct spec_nexthop hop = {.weight = 1};
	struct spec_route r = {.prefix = addr,
	    .plen = 32,
	    .type = route->type,
	    .protocol = route->protocol,
	    .distance = route->distance,
	    .has_distance = true,
	    .metric = route->metric,
	    .src = ipv4_source_on(st, iif, addr),
	    .table = at->table == ROUTE_TABLES_MAIN ? 0 : at->table,
	    .nexthops = &hop};
	char text[WORDS_TEXT_MAX];
	json_t *o;

	if (s != NULL && s->netif != 0) {
		r.nnexthops = 1;
		memcpy(&hop.via, s->gateway, 4);
		psnetd_ops_name(st, s->netif, hop.dev);
	}
	o = psnetd_show_route(&r);
	json_object_del(o, "scope");
	json_object_set_new(o, "prefix",
	    json_string(words_show_prefix(
		addr & words_mask(at->plen), at->plen, text)));
	return o;
}

/* What a packet is said to be, as ip-route(8)'s get does. */
struct question {
	uint32_t dst, src, mark;
	netif_id iif;
};

static int
parse_question(struct psnetd_request *r, struct question *q)
{
	static const char *const keys[] = {"dst", "src", "iif", "fwmark", NULL};
	const char *dst = NULL, *src = NULL;
	char iif[WORDS_NAME_MAX] = "";

	*q = (struct question){.dst = 0};
	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_string(r->args, "dst", true, &dst, &r->e) != 0 ||
	    words_ipv4(dst, &q->dst, &r->e) != 0 ||
	    psnetd_args_string(r->args, "src", false, &src, &r->e) != 0 ||
	    psnetd_args_name(r->args, "iif", false, iif, &r->e) != 0 ||
	    psnetd_args_u32(
		r->args, "fwmark", 0, UINT32_MAX, &q->mark, &r->e) != 0)
		return -EINVAL;
	if (src != NULL && words_ipv4(src, &q->src, &r->e) != 0)
		return -EINVAL;
	if (iif[0] == '\0')
		return 0;
	return psnetd_ops_dev(r->d->st, iif, &q->iif, &r->e);
}

int
psnetd_cmd_route_get(struct psnetd_request *r)
{
	struct stack *st = r->d->st;
	char text[WORDS_TEXT_MAX];
	const struct route *route;
	struct route_found found;
	struct question q;
	uint64_t s;
	int rc = parse_question(r, &q);

	if (rc != 0)
		return rc;
	s = pserialize_read_enter();
	route = route_rule_lookup(ipv4_tables(st),
	    &(struct route_flow){.dst = (const uint8_t *)&q.dst,
		.src = (const uint8_t *)&q.src,
		.iif = q.iif,
		.member = q.iif,
		.mark = q.mark},
	    &found);
	if (route != NULL)
		r->result = json_pack(
		    "[o]", show_lookup(st, route, &found, q.dst, q.iif));
	pserialize_read_exit(s);
	if (route == NULL) {
		words_fail(&r->e, words_show_ipv4(q.dst, text),
		    "no route leads there");
		return -ENETUNREACH;
	}
	return 0;
}
