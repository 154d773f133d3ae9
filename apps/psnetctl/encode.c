/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <string.h>

#include "apps/psnetctl/ctl.h"
#include "apps/spec.h"
#include "apps/spec_object.h"
#include "stack/route/table.h"

/* Ask for cmd and print the result; args is taken. */
static int
request(struct psnetctl_request *out, const char *cmd, json_t *args,
    psnetctl_print_fn *print)
{
	out->cmd = cmd;
	out->args = args;
	out->print = print;
	return args != NULL ? 0 : -ENOMEM;
}

static void
set_string(json_t *o, const char *key, const char *s)
{
	if (s[0] != '\0')
		json_object_set_new(o, key, json_string(s));
}

static void
set_ipv4(json_t *o, const char *key, uint32_t addr)
{
	char text[WORDS_TEXT_MAX];

	if (addr != 0)
		json_object_set_new(
		    o, key, json_string(words_show_ipv4(addr, text)));
}

static void
set_switch(json_t *o, const char *key, enum spec_switch sw)
{
	if (sw != SPEC_UNSAID)
		json_object_set_new(o, key, json_boolean(sw == SPEC_ON));
}

/* "[dev] NAME", or nothing. */
static int
show_dev(
    struct psnetctl *ctl, struct words *w, json_t *args, struct words_error *e)
{
	const char *s;

	if (words_accept(w, "dev") && words_peek(w) == NULL)
		return words_fail(e, "dev", "a name must follow");
	s = words_next(w);
	if (s != NULL)
		json_object_set_new(args, "dev", json_string(s));
	if (ctl->stats)
		json_object_set_new(args, "stats", json_true());
	return words_end(w, e);
}

int
psnetctl_link_show(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc = request(out, "link.show", json_object(), psnetctl_print_links);

	return rc != 0 ? rc : show_dev(ctl, w, out->args, e);
}

int
psnetctl_addr_show(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc = request(out, "addr.show", json_object(), psnetctl_print_addrs);

	return rc != 0 ? rc : show_dev(ctl, w, out->args, e);
}

static json_t *
encode_link(const struct spec_link *l)
{
	char text[WORDS_TEXT_MAX];
	json_t *o = json_object();

	set_string(o, "dev", l->name);
	set_string(o, "driver", l->driver);
	set_string(o, "args", l->args);
	if (l->mtu != 0)
		json_object_set_new(o, "mtu", json_integer(l->mtu));
	set_switch(o, "up", l->up);
	set_switch(o, "promisc", l->promisc);
	set_switch(o, "arp", l->arp);
	if (l->has_mark)
		json_object_set_new(o, "mark", json_integer(l->mark));
	if (l->has_table)
		set_string(o, "table", spec_table_name(l->table, text));
	return o;
}

int
psnetctl_link_add(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	struct spec_link l;

	(void)ctl;
	if (spec_link_parse(w, SPEC_LINK_ADD, &l, e) != 0)
		return -EINVAL;
	return request(out, "link.add", encode_link(&l), NULL);
}

int
psnetctl_link_set(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	struct spec_link l;

	(void)ctl;
	if (spec_link_parse(w, SPEC_LINK_CHANGE, &l, e) != 0)
		return -EINVAL;
	if (l.mtu == 0 && l.up == SPEC_UNSAID && l.promisc == SPEC_UNSAID &&
	    l.arp == SPEC_UNSAID && !l.has_table && !l.has_mark)
		return words_fail(e, l.name,
		    "up, down, mtu, promisc, arp, table or mark must follow");
	return request(out, "link.set", encode_link(&l), NULL);
}

int
psnetctl_link_del(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc = request(out, "link.del", json_object(), NULL);

	(void)ctl;
	words_accept(w, "dev");
	if (words_peek(w) == NULL)
		return words_fail(e, NULL, "an interface name must follow");
	if (rc == 0)
		set_string(out->args, "dev", words_next(w));
	return rc != 0 ? rc : words_end(w, e);
}

static int
addr_edit(struct words *w, const char *cmd, struct psnetctl_request *out,
    struct words_error *e)
{
	struct spec_addr a;
	json_t *o;

	if (spec_addr_parse(w, &a, e) != 0)
		return -EINVAL;
	o = json_pack("{s:i}", "prefixlen", (int)a.plen);
	set_string(o, "dev", a.dev);
	set_ipv4(o, "local", a.addr);
	return request(out, cmd, o, NULL);
}

int
psnetctl_addr_add(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return addr_edit(w, "addr.add", out, e);
}

int
psnetctl_addr_del(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return addr_edit(w, "addr.del", out, e);
}

static void
encode_hop(json_t *o, const struct spec_nexthop *nh)
{
	set_ipv4(o, "gateway", nh->via);
	set_string(o, "dev", nh->dev);
	if (nh->recursive)
		json_object_set_new(o, "recursive", json_true());
}

static json_t *
encode_route(const struct spec_route *r)
{
	char text[WORDS_TEXT_MAX];
	json_t *o = json_object(), *list, *h;

	set_string(o, "dst", words_show_prefix(r->prefix, r->plen, text));
	if (r->type == ROUTE_LOOKUP)
		set_string(o, "lookup", spec_table_name(r->lookup, text));
	else if (r->type != ROUTE_UNICAST)
		set_string(o, "type", spec_type_name(r->type));
	if (r->table != 0)
		set_string(o, "table", spec_table_name(r->table, text));
	if (r->protocol != 0)
		set_string(
		    o, "protocol", spec_protocol_name(r->protocol, text));
	set_ipv4(o, "prefsrc", r->src);
	if (r->metric != 0)
		json_object_set_new(o, "metric", json_integer(r->metric));
	if (r->has_distance)
		json_object_set_new(o, "distance", json_integer(r->distance));
	if (r->nhid != 0)
		json_object_set_new(o, "nhid", json_integer(r->nhid));
	if (r->nnexthops == 1)
		encode_hop(o, &r->nexthops[0]);
	if (r->nnexthops <= 1)
		return o;
	list = json_array();
	for (unsigned int i = 0; i < r->nnexthops; i++) {
		h = json_pack("{s:i}", "weight", r->nexthops[i].weight);
		encode_hop(h, &r->nexthops[i]);
		json_array_append_new(list, h);
	}
	json_object_set_new(o, "nexthops", list);
	return o;
}

static int
route_edit(struct words *w, const char *cmd, bool need_target,
    struct psnetctl_request *out, struct words_error *e)
{
	struct spec_route r;
	int rc = spec_route_parse(w, need_target, &r, e);

	if (rc != 0)
		return rc;
	rc = request(out, cmd, encode_route(&r), NULL);
	spec_route_fini(&r);
	return rc;
}

int
psnetctl_route_add(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return route_edit(w, "route.add", true, out, e);
}

int
psnetctl_route_replace(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return route_edit(w, "route.replace", true, out, e);
}

int
psnetctl_route_change(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return route_edit(w, "route.change", true, out, e);
}

int
psnetctl_route_del(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return route_edit(w, "route.del", false, out, e);
}

/* Ids are numbers, everything else is words. */
static int
filter_value(json_t *o, const char *key, const char *s, struct words_error *e)
{
	const bool id = strcmp(key, "nhid") == 0;
	uint32_t n = 0;

	if (id && spec_object_id(s, &n, e) != 0)
		return -EINVAL;
	json_object_set_new(o, key, id ? json_integer(n) : json_string(s));
	return 0;
}

/* The selector of ip-route(8). */
static int
route_filter(struct words *w, json_t *o, struct words_error *e)
{
	static const char *const keys[][2] = {{"dev", "dev"},
	    {"via", "gateway"}, {"proto", "protocol"}, {"protocol", "protocol"},
	    {"type", "type"}, {"table", "table"}, {"nhid", "nhid"}};
	const size_t nkeys = sizeof(keys) / sizeof(keys[0]);
	const char *s, *v;

	while ((s = words_next(w)) != NULL) {
		size_t i = 0;

		while (i < nkeys && strcmp(s, keys[i][0]) != 0)
			i++;
		if (i < nkeys) {
			v = words_value(w, s, e);
			if (v == NULL || filter_value(o, keys[i][1], v, e) != 0)
				return -EINVAL;
			continue;
		}
		if (strcmp(s, "to") == 0 && (s = words_value(w, s, e)) == NULL)
			return -EINVAL;
		if (strcmp(s, "root") == 0 || strcmp(s, "match") == 0 ||
		    strcmp(s, "exact") == 0) {
			json_object_set_new(o, "scope", json_string(s));
			s = words_value(w, s, e);
			if (s == NULL)
				return -EINVAL;
		}
		if (json_object_get(o, "dst") != NULL)
			return words_fail(e, s, "unexpected word");
		json_object_set_new(o, "dst", json_string(s));
	}
	return 0;
}

int
psnetctl_route_show(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc =
	    request(out, "route.show", json_object(), psnetctl_print_routes);

	(void)ctl;
	return rc != 0 ? rc : route_filter(w, out->args, e);
}

int
psnetctl_route_flush(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc =
	    request(out, "route.flush", json_object(), psnetctl_print_removed);

	(void)ctl;
	if (words_peek(w) == NULL)
		return words_fail(
		    e, NULL, "what to flush must follow, or \"table all\"");
	return rc != 0 ? rc : route_filter(w, out->args, e);
}

/* The argument of the protocol that a word of "route load" stands for. */
static const char *
load_argument(const char *key)
{
	static const char *const words[][2] = {{"via", "gateway"},
	    {"dev", "dev"}, {"family", "family"}, {"peer", "peer"},
	    {"table", "table"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(key, words[i][0]) == 0)
			return words[i][1];
	}
	return strncmp(key, "proto", 5) == 0 ? "protocol" : NULL;
}

int
psnetctl_route_load(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	const char *key, *argument, *s;
	int rc = request(out, "route.load", json_object(), NULL);

	(void)ctl;
	out->run = psnetctl_run_load;
	out->file = words_next(w);
	if (out->file == NULL)
		return words_fail(e, NULL, "a file must follow, or -");
	while (rc == 0 && (key = words_next(w)) != NULL) {
		if (strcmp(key, "replace") == 0 || strcmp(key, "whole") == 0 ||
		    strcmp(key, "nhid") == 0) {
			json_object_set_new(out->args, key, json_true());
			continue;
		}
		argument = load_argument(key);
		if (argument == NULL)
			return words_fail(e, key,
			    "neither via, dev, nhid, protocol, family, peer, "
			    "table, replace nor whole");
		s = words_value(w, key, e);
		if (s == NULL)
			return -EINVAL;
		json_object_set_new(out->args, argument, json_string(s));
	}
	return rc;
}

int
psnetctl_neigh_show(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc =
	    request(out, "neigh.show", json_object(), psnetctl_print_neighs);
	struct words_error none;
	unsigned int plen;
	const char *s = words_peek(w);
	uint32_t addr;

	if (rc != 0)
		return rc;
	/* No interface is called like a prefix. */
	if (words_accept(w, "to") ||
	    (s != NULL && words_inet(s, &addr, &plen, &none) == 0)) {
		s = words_value(w, "to", e);
		if (s == NULL || words_prefix(s, &addr, &plen, e) != 0)
			return -EINVAL;
		json_object_set_new(out->args, "dst", json_string(s));
	}
	return show_dev(ctl, w, out->args, e);
}

static int
neigh_edit(struct words *w, const char *cmd, bool need_lladdr,
    struct psnetctl_request *out, struct words_error *e)
{
	char text[WORDS_TEXT_MAX];
	struct spec_neigh n;
	json_t *o;

	if (spec_neigh_parse(w, need_lladdr, &n, e) != 0)
		return -EINVAL;
	o = json_object();
	set_ipv4(o, "dst", n.addr);
	set_string(o, "dev", n.dev);
	if (need_lladdr)
		set_string(o, "lladdr", words_show_lladdr(n.lladdr, text));
	return request(out, cmd, o, NULL);
}

int
psnetctl_neigh_add(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return neigh_edit(w, "neigh.add", true, out, e);
}

int
psnetctl_neigh_replace(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return neigh_edit(w, "neigh.replace", true, out, e);
}

int
psnetctl_neigh_del(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return neigh_edit(w, "neigh.del", false, out, e);
}

int
psnetctl_neigh_flush(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc =
	    request(out, "neigh.flush", json_object(), psnetctl_print_removed);
	const char *s;

	(void)ctl;
	if (words_peek(w) == NULL)
		return words_fail(
		    e, NULL, "dev, a prefix or \"all\" must follow");
	while (rc == 0 && (s = words_next(w)) != NULL) {
		if (strcmp(s, "all") == 0)
			continue;
		if (strcmp(s, "permanent") == 0) {
			json_object_set_new(out->args, s, json_true());
			continue;
		}
		if (strcmp(s, "dev") != 0 && strcmp(s, "to") != 0) {
			json_object_set_new(out->args, "dst", json_string(s));
			continue;
		}
		const char *v = words_value(w, s, e);

		if (v == NULL)
			return -EINVAL;
		json_object_set_new(
		    out->args, s[0] == 'd' ? "dev" : "dst", json_string(v));
	}
	return rc;
}

int
psnetctl_stats(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	const char *s;

	(void)ctl;
	out->run = psnetctl_run_stats;
	words_accept(w, "show");
	while ((s = words_next(w)) != NULL) {
		uint32_t *n = strcmp(s, "-w") == 0   ? &out->interval
			      : strcmp(s, "-c") == 0 ? &out->count
						     : NULL;

		if (n == NULL)
			return words_fail(e, s, "neither -w nor -c");
		s = words_value(w, s, e);
		if (s == NULL || words_u32(s, 1, 86400, n, e) != 0)
			return -EINVAL;
	}
	return request(out, "stats.show", json_object(), NULL);
}

int
psnetctl_drops(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc =
	    request(out, "drops.show", json_object(), psnetctl_print_drops);
	const bool stats = ctl->stats;

	words_accept(w, "show");
	ctl->stats = false; /* drops are counters anyway */
	if (rc == 0)
		rc = show_dev(ctl, w, out->args, e);
	ctl->stats = stats;
	return rc;
}

int
psnetctl_set(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	const char *name = words_next(w), *s;
	uint32_t value;

	(void)ctl;
	if (name == NULL || strcmp(name, "show") == 0)
		return request(
		    out, "option.show", json_object(), psnetctl_print_options);
	s = words_value(w, name, e);
	if (s == NULL)
		return -EINVAL;
	if (words_switch(s, &value, e) != 0 || words_end(w, e) != 0)
		return -EINVAL;
	return request(out, "option.set",
	    json_pack("{s:s, s:I}", "name", name, "value", (json_int_t)value),
	    NULL);
}

int
psnetctl_monitor(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	static const char *const kinds[] = {
	    "link", "address", "route", "neigh", "nexthop"};
	static const char *const names[] = {
	    "link", "addr", "route", "neigh", "nexthop"};
	const size_t n = sizeof(kinds) / sizeof(kinds[0]);
	json_t *list = json_array();
	const char *s;

	(void)ctl;
	out->run = psnetctl_run_monitor;
	request(out, "monitor", json_pack("{s:o}", "kinds", list), NULL);
	while ((s = words_next(w)) != NULL) {
		size_t i = 0;

		if (strcmp(s, "all") == 0)
			continue;
		while (i < n && strncmp(kinds[i], s, strlen(s)) != 0)
			i++;
		if (i == n)
			return words_fail(e, s,
			    "neither link, address, route, neigh nor nexthop");
		json_array_append_new(list, json_string(names[i]));
	}
	return 0;
}
