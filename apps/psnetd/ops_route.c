/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/array.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/ops_nexthop.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"
#include "stack/proto/ipv4/ipv4.h"

int
psnetd_ops_resolve(struct stack *st, const struct spec_route *r,
    struct route_nexthop *hops, struct route_config *cfg, struct words_error *e)
{
	*cfg = (struct route_config){.plen = (uint8_t)r->plen,
	    .type = r->type,
	    .protocol = r->protocol != 0 ? r->protocol : ROUTE_PROTO_BOOT,
	    .distance = r->distance,
	    .has_distance = r->has_distance,
	    .metric = r->metric,
	    .in = r->table,
	    .table = r->lookup,
	    .has_prefsrc = r->src != 0,
	    .nhid = r->nhid,
	    .nnexthops = r->nnexthops,
	    .nexthops = hops};
	memcpy(cfg->prefix, &r->prefix, 4);
	memcpy(cfg->prefsrc, &r->src, 4);
	if (r->nhid != 0 && psnetd_ops_nexthop_check(st, r->nhid, e) != 0)
		return -ENOENT;
	for (unsigned int i = 0; i < r->nnexthops; i++) {
		const struct spec_nexthop *nh = &r->nexthops[i];

		hops[i] = (struct route_nexthop){.has_gateway = nh->via != 0,
		    .recursive = nh->recursive,
		    .weight = nh->weight};
		memcpy(hops[i].gateway, &nh->via, 4);
		if (nh->dev[0] != '\0') {
			int rc = psnetd_ops_dev(st, nh->dev, &hops[i].netif, e);

			if (rc != 0)
				return rc;
		}
	}
	return 0;
}

struct route_key
psnetd_ops_route_key(const struct spec_route *r)
{
	const uint8_t protocol =
	    r->protocol != 0 ? r->protocol : ROUTE_PROTO_BOOT;

	return (struct route_key){.metric = r->metric,
	    .protocol = protocol,
	    .distance =
		r->has_distance ? r->distance : route_distance(protocol)};
}

bool
psnetd_ops_route_find(
    struct stack *st, const struct spec_route *r, struct route_entry *out)
{
	const struct route_key key = psnetd_ops_route_key(r);
	const struct route_table *t =
	    route_tables_find(ipv4_tables(st), r->table);
	struct route_entry e = {.plen = (uint8_t)r->plen};

	if (t == NULL)
		return false;
	e.table = route_table_number(t);
	memcpy(e.key, &r->prefix, 4);
	while ((e.route = route_table_candidate(t, e.key, e.plen, e.rank)) !=
	       NULL) {
		if (route_key_equal(route_key(e.route), key)) {
			*out = e;
			return true;
		}
		e.rank++;
	}
	return false;
}

int
psnetd_ops_describe(
    struct stack *st, const struct route_entry *entry, struct spec_route *out)
{
	const struct route *r = entry->route;
	struct spec_route s = {.plen = entry->plen,
	    .type = r->type,
	    .protocol = r->protocol,
	    .distance = r->distance,
	    .has_distance = true,
	    .waiting = entry->rank > 0,
	    .table = entry->table == ROUTE_TABLES_MAIN ? 0 : entry->table,
	    .lookup = r->table,
	    .metric = r->metric,
	    .nhid = r->nhid,
	    .nnexthops = r->nnexthops};

	memcpy(&s.prefix, entry->key, 4);
	if (r->has_prefsrc)
		memcpy(&s.src, r->prefsrc, 4);
	if (r->nnexthops > 0) {
		s.nexthops = calloc(r->nnexthops, sizeof(s.nexthops[0]));
		if (s.nexthops == NULL)
			return -ENOMEM;
	}
	for (unsigned int i = 0; i < r->nnexthops; i++) {
		const struct route_nexthop *nh = &r->nexthops[i];

		s.nexthops[i].weight = nh->weight;
		s.nexthops[i].recursive = nh->recursive;
		if (nh->has_gateway)
			memcpy(&s.nexthops[i].via, nh->gateway, 4);
		psnetd_ops_name(st, nh->netif, s.nexthops[i].dev);
	}
	*out = s;
	return 0;
}

/* The first gateway of the route, or else its interface. */
static const char *
first_hop(const struct spec_route *r, char text[WORDS_TEXT_MAX])
{
	for (unsigned int i = 0; i < r->nnexthops; i++) {
		if (r->nexthops[i].via != 0)
			return words_show_ipv4(r->nexthops[i].via, text);
	}
	return r->nnexthops > 0 ? r->nexthops[0].dev : "";
}

int
psnetd_ops_route_error(
    const struct spec_route *r, int rc, struct words_error *e)
{
	char text[WORDS_TEXT_MAX];
	const char *word = words_show_prefix(r->prefix, r->plen, text);
	const char *why = words_strerror(-rc);

	switch (rc) {
	case -EEXIST:
		why = "there is a route to this prefix already";
		break;
	case -ENOENT:
		why = "there is no route to this prefix";
		break;
	case -EPERM:
		why = "this route follows from an address";
		break;
	case -ENETUNREACH:
		word = first_hop(r, text);
		why = "no connected network has this gateway";
		break;
	case -ENODEV:
		word = first_hop(r, text);
		why = "the interface is gone";
		break;
	case -EINVAL:
		why = "the route is not valid";
		break;
	default:
		break;
	}
	words_fail(e, word, "%s", why);
	return rc;
}

int
psnetd_ops_route_add(struct stack *st, const struct spec_route *r,
    enum route_mode mode, struct words_error *e)
{
	struct route_nexthop *hops = calloc(r->nnexthops + 1, sizeof(hops[0]));
	struct route_config cfg;
	int rc;

	if (hops == NULL)
		return psnetd_ops_route_error(r, -ENOMEM, e);
	rc = psnetd_ops_resolve(st, r, hops, &cfg, e);
	if (rc == 0) {
		rc = ipv4_route_add(st, &cfg, mode);
		if (rc != 0)
			psnetd_ops_route_error(r, rc, e);
	}
	free(hops);
	return rc;
}

struct wanted {
	struct stack *st;
	const struct spec_route *route;
	bool exact;
};

static bool
has_hop(const struct wanted *w, const struct route *r,
    const struct spec_nexthop *hop)
{
	char dev[WORDS_NAME_MAX];

	for (unsigned int i = 0; i < r->nnexthops; i++) {
		const struct route_nexthop *nh = &r->nexthops[i];

		psnetd_ops_name(w->st, nh->netif, dev);
		if ((hop->via == 0 || memcmp(nh->gateway, &hop->via, 4) == 0) &&
		    (hop->dev[0] == '\0' || strcmp(hop->dev, dev) == 0))
			return true;
	}
	return false;
}

/* As with ip-route(8), what is said besides the prefix must match. */
static bool
agrees(void *arg, const struct route *r)
{
	const struct wanted *w = arg;
	const struct spec_route *s = w->route;

	if (w->exact)
		return route_key_equal(route_key(r), psnetd_ops_route_key(s));
	if ((s->protocol != 0 && s->protocol != r->protocol) ||
	    (s->metric != 0 && s->metric != r->metric) ||
	    (s->has_distance && s->distance != r->distance) ||
	    (s->nhid != 0 && s->nhid != r->nhid) ||
	    (s->type != 0 && s->type != ROUTE_UNICAST && s->type != r->type))
		return false;
	for (unsigned int i = 0; i < s->nnexthops; i++) {
		if (!has_hop(w, r, &s->nexthops[i]))
			return false;
	}
	return true;
}

int
psnetd_ops_route_del(struct stack *st, const struct spec_route *want,
    bool exact, struct words_error *e)
{
	struct wanted w = {.st = st, .route = want, .exact = exact};
	uint8_t bytes[16] = {0};
	int rc;

	memcpy(bytes, &want->prefix, sizeof(want->prefix));
	rc = ipv4_route_remove_if(
	    st, want->table, bytes, want->plen, agrees, &w);
	return rc == 0 ? 0 : psnetd_ops_route_error(want, rc, e);
}

struct doomed {
	struct {
		uint8_t key[16];
		uint8_t plen;
		uint32_t table;
		struct route_key which;
	} * routes;
	size_t n, room;
	bool (*match)(void *arg, const struct route_entry *e);
	void *arg;
};

static int
collect(void *arg, const struct route_entry *e)
{
	struct doomed *d = arg;
	int rc;

	if (e->route->protocol == ROUTE_PROTO_KERNEL || !d->match(d->arg, e))
		return 0;
	rc = array_reserve(&d->routes, &d->room, d->n, sizeof(d->routes[0]));
	if (rc != 0)
		return rc;
	memcpy(d->routes[d->n].key, e->key, sizeof(e->key));
	d->routes[d->n].plen = e->plen;
	d->routes[d->n].table = e->table;
	d->routes[d->n++].which = route_key(e->route);
	return 0;
}

static int
collect_table(void *arg, struct route_table *t)
{
	return route_table_walk(t, collect, arg);
}

/* Those from *at on that are of one table; one transaction. */
static int
remove_some(struct stack *st, const struct doomed *d, size_t *at)
{
	const uint32_t table = d->routes[*at].table;
	struct route_txn *x;
	int rc = route_txn_begin(route_tables_find(ipv4_tables(st), table), &x);
	size_t i = *at;

	if (rc != 0)
		return rc;
	for (; i < d->n && d->routes[i].table == table &&
	       (rc == 0 || rc == -ENOENT);
	     i++)
		rc = route_txn_remove(x, d->routes[i].key, d->routes[i].plen,
		    &d->routes[i].which);
	if (rc != 0 && rc != -ENOENT) {
		route_txn_abort(x);
		return rc;
	}
	rc = route_txn_commit(x);
	if (rc == 0)
		*at = i;
	return rc;
}

int
psnetd_ops_routes_flush(struct stack *st,
    bool (*match)(void *arg, const struct route_entry *e), void *arg)
{
	struct doomed d = {.match = match, .arg = arg};
	int rc = route_tables_walk(ipv4_tables(st), collect_table, &d);
	size_t at = 0;

	stack_control_enter(st);
	while (rc == 0 && at < d.n)
		rc = remove_some(st, &d, &at);
	stack_control_exit(st);
	free(d.routes);
	return rc == 0 ? (int)d.n : rc;
}
