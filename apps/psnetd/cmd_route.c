/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <string.h>

#include "apps/psnetd/args.h"
#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/dump.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/ops_nexthop.h"
#include "apps/psnetd/show.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"
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

/* Where routes are asked to lead. */
struct target {
	uint32_t via;
	const char *dev;
};

static bool
leads_there(void *arg, const struct spec_object *o)
{
	const struct target *t = arg;

	return o->nmembers == 0 && (t->via == 0 || t->via == o->via) &&
	       (t->dev[0] == '\0' || strcmp(t->dev, o->dev) == 0);
}

/* A route that names an object leads where that does. */
static int
filter_behind(
    struct psnetd_request *r, struct psnetd_dump_filter *f, const char *dev)
{
	struct target t = {.via = f->via, .dev = dev};
	int rc = 0;

	if (t.via != 0 || dev[0] != '\0')
		rc = psnetd_ops_nexthop_select(
		    r->d->st, leads_there, &t, &f->behind);
	if (rc != 0)
		words_fail(&r->e, NULL, "%s", words_strerror(-rc));
	return rc;
}

/* Owner: f->behind is the caller's on success. */
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
	if (filter_table(r->args, f, e) != 0)
		return -EINVAL;
	return filter_behind(r, f, dev);
}

int
psnetd_cmd_route_show(struct psnetd_request *r)
{
	struct psnetd_dump_filter f = {.scope = PSNETD_DUMP_ALL};
	int rc = parse_filter(r, &f);

	if (rc != 0)
		return rc;
	rc = psnetd_dump_create(r->d->st, &f, &r->c->dump);
	idset_fini(&f.behind);
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
	idset_fini(&f.behind);
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
