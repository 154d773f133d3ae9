/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/core/netif.h"
#include "stack/route/table.h"
#include "stack/route/tables.h"

int
psnetd_args_known(json_t *args, const char *const *keys, struct words_error *e)
{
	const char *key;
	json_t *value;

	json_object_foreach(args, key, value)
	{
		const char *const *k = keys;

		while (*k != NULL && strcmp(*k, key) != 0)
			k++;
		if (*k == NULL)
			return words_fail(e, key, "unknown field");
	}
	return 0;
}

int
psnetd_args_string(const json_t *args, const char *key, bool required,
    const char **out, struct words_error *e)
{
	const json_t *v = json_object_get(args, key);

	if (v == NULL)
		return required ? words_fail(e, key, "the field is missing")
				: 0;
	if (!json_is_string(v))
		return words_fail(e, key, "not a string");
	*out = json_string_value(v);
	return 0;
}

int
psnetd_args_u32(const json_t *args, const char *key, uint32_t min, uint32_t max,
    uint32_t *out, struct words_error *e)
{
	const json_t *v = json_object_get(args, key);
	const json_int_t n = json_integer_value(v);

	if (v == NULL)
		return 0;
	if (!json_is_integer(v) || n < (json_int_t)min || n > (json_int_t)max)
		return words_fail(e, key, "not a number from %u to %u",
		    (unsigned int)min, (unsigned int)max);
	*out = (uint32_t)n;
	return 0;
}

int
psnetd_args_bool(
    const json_t *args, const char *key, bool *out, struct words_error *e)
{
	const json_t *v = json_object_get(args, key);

	if (v == NULL)
		return 0;
	if (!json_is_boolean(v))
		return words_fail(e, key, "neither true nor false");
	*out = json_is_true(v);
	return 0;
}

int
psnetd_args_switch(const json_t *args, const char *key, enum spec_switch *out,
    struct words_error *e)
{
	bool on = false;

	if (json_object_get(args, key) == NULL)
		return 0;
	if (psnetd_args_bool(args, key, &on, e) != 0)
		return -EINVAL;
	*out = on ? SPEC_ON : SPEC_OFF;
	return 0;
}

int
psnetd_args_name(const json_t *args, const char *key, bool required,
    char out[WORDS_NAME_MAX], struct words_error *e)
{
	const char *s = NULL;

	if (psnetd_args_string(args, key, required, &s, e) != 0)
		return -EINVAL;
	return s == NULL ? 0 : words_name(s, out, e);
}

static int
link_driver(const json_t *args, struct spec_link *l, struct words_error *e)
{
	const char *driver = "", *words = "";

	if (psnetd_args_string(args, "driver", true, &driver, e) != 0 ||
	    psnetd_args_string(args, "args", false, &words, e) != 0)
		return -EINVAL;
	if (strlen(driver) >= sizeof(l->driver))
		return words_fail(e, driver, "no driver has so long a name");
	if (strlen(words) >= sizeof(l->args))
		return words_fail(e, "args", "the driver's words are too long");
	snprintf(l->driver, sizeof(l->driver), "%s", driver);
	snprintf(l->args, sizeof(l->args), "%s", words);
	return 0;
}

/* A table, by name or number as a string. */
static int
args_table(
    const json_t *args, const char *key, uint32_t *out, struct words_error *e)
{
	const char *s = NULL;

	if (psnetd_args_string(args, key, false, &s, e) != 0)
		return -EINVAL;
	return s == NULL ? 0 : spec_table_parse(s, out, e);
}

int
psnetd_args_link(
    json_t *args, bool add, struct spec_link *out, struct words_error *e)
{
	static const char *const keys_add[] = {"dev", "driver", "args", "mtu",
	    "up", "promisc", "arp", "table", "mark", NULL};
	static const char *const keys_set[] = {
	    "dev", "mtu", "up", "promisc", "arp", "table", "mark", NULL};
	struct spec_link l = {.line = 0};

	if (psnetd_args_known(args, add ? keys_add : keys_set, e) != 0 ||
	    psnetd_args_name(args, "dev", true, l.name, e) != 0 ||
	    psnetd_args_u32(
		args, "mtu", NETIF_MTU_MIN, NETIF_MTU_MAX, &l.mtu, e) != 0 ||
	    psnetd_args_switch(args, "up", &l.up, e) != 0 ||
	    psnetd_args_switch(args, "promisc", &l.promisc, e) != 0 ||
	    psnetd_args_switch(args, "arp", &l.arp, e) != 0 ||
	    args_table(args, "table", &l.table, e) != 0 ||
	    psnetd_args_u32(args, "mark", 0, UINT32_MAX, &l.mark, e) != 0)
		return -EINVAL;
	l.has_mark = json_object_get(args, "mark") != NULL;
	l.has_table = json_object_get(args, "table") != NULL;
	if (add && link_driver(args, &l, e) != 0)
		return -EINVAL;
	*out = l;
	return 0;
}

int
psnetd_args_addr(json_t *args, struct spec_addr *out, struct words_error *e)
{
	static const char *const keys[] = {"local", "prefixlen", "dev", NULL};
	struct spec_addr a = {.plen = 32};
	const char *local = NULL;
	uint32_t plen = 32;

	if (psnetd_args_known(args, keys, e) != 0 ||
	    psnetd_args_string(args, "local", true, &local, e) != 0 ||
	    words_ipv4(local, &a.addr, e) != 0 ||
	    psnetd_args_u32(args, "prefixlen", 0, 32, &plen, e) != 0 ||
	    psnetd_args_name(args, "dev", true, a.dev, e) != 0)
		return -EINVAL;
	a.plen = plen;
	*out = a;
	return 0;
}

static int
parse_hop(const json_t *obj, struct spec_nexthop *nh, struct words_error *e)
{
	const char *via = NULL;
	uint32_t weight = 1;

	if (psnetd_args_string(obj, "gateway", false, &via, e) != 0 ||
	    psnetd_args_name(obj, "dev", false, nh->dev, e) != 0 ||
	    psnetd_args_bool(obj, "recursive", &nh->recursive, e) != 0 ||
	    psnetd_args_u32(obj, "weight", 1, ROUTE_WEIGHT_MAX, &weight, e) !=
		0)
		return -EINVAL;
	if (via != NULL && words_ipv4(via, &nh->via, e) != 0)
		return -EINVAL;
	if (via != NULL && nh->via == 0)
		return words_fail(e, via, "not a gateway");
	if (nh->recursive && (via == NULL || nh->dev[0] != '\0'))
		return words_fail(
		    e, "recursive", "only a gateway without dev can be");
	nh->weight = (uint16_t)weight;
	return 0;
}

static int
parse_hops(json_t *list, struct spec_route *r, struct words_error *e)
{
	static const char *const keys[] = {
	    "gateway", "dev", "recursive", "weight", NULL};
	const size_t n = json_array_size(list);
	json_t *obj;
	size_t i;

	if (!json_is_array(list))
		return words_fail(e, "nexthops", "not an array");
	if (n > SPEC_NEXTHOPS_MAX)
		return words_fail(
		    e, "nexthops", "more than %d next hops", SPEC_NEXTHOPS_MAX);
	r->nexthops = calloc(n + 1, sizeof(r->nexthops[0]));
	if (r->nexthops == NULL)
		return -ENOMEM;
	json_array_foreach(list, i, obj)
	{
		struct spec_nexthop *nh = &r->nexthops[i];

		if (!json_is_object(obj))
			return words_fail(e, "nexthops", "not objects");
		if (psnetd_args_known(obj, keys, e) != 0 ||
		    parse_hop(obj, nh, e) != 0)
			return -EINVAL;
		if (nh->via == 0 && nh->dev[0] == '\0')
			return words_fail(
			    e, "nexthops", "one has no gateway and no dev");
	}
	r->nnexthops = (unsigned int)n;
	return 0;
}

/* One next hop in the fields of the route itself, or an array of them. */
static int
route_hops(json_t *args, struct spec_route *r, struct words_error *e)
{
	json_t *list = json_object_get(args, "nexthops");
	struct spec_nexthop nh = {.weight = 1};

	if (parse_hop(args, &nh, e) != 0)
		return -EINVAL;
	if (list != NULL && (nh.via != 0 || nh.dev[0] != '\0'))
		return words_fail(
		    e, "nexthops", "either gateway and dev, or nexthops");
	if (list != NULL)
		return parse_hops(list, r, e);
	if (nh.via == 0 && nh.dev[0] == '\0')
		return 0;
	r->nexthops = malloc(sizeof(nh));
	if (r->nexthops == NULL)
		return -ENOMEM;
	r->nexthops[0] = nh;
	r->nnexthops = 1;
	return 0;
}

static int
route_fields(json_t *args, struct spec_route *r, struct words_error *e)
{
	const char *dst = NULL, *type = NULL, *proto = NULL, *src = NULL;
	uint32_t distance = 0;

	if (psnetd_args_string(args, "dst", true, &dst, e) != 0 ||
	    words_prefix(dst, &r->prefix, &r->plen, e) != 0 ||
	    psnetd_args_string(args, "type", false, &type, e) != 0 ||
	    psnetd_args_string(args, "protocol", false, &proto, e) != 0 ||
	    psnetd_args_string(args, "prefsrc", false, &src, e) != 0 ||
	    psnetd_args_u32(args, "metric", 0, UINT32_MAX, &r->metric, e) !=
		0 ||
	    psnetd_args_u32(args, "distance", 0, 255, &distance, e) != 0 ||
	    psnetd_args_u32(args, "nhid", 1, UINT32_MAX, &r->nhid, e) != 0 ||
	    args_table(args, "table", &r->table, e) != 0 ||
	    args_table(args, "lookup", &r->lookup, e) != 0)
		return -EINVAL;
	if (json_object_get(args, "lookup") != NULL) {
		r->type = ROUTE_LOOKUP;
		if (r->lookup == 0)
			r->lookup = ROUTE_TABLES_MAIN;
	}
	r->distance = (uint8_t)distance;
	r->has_distance = json_object_get(args, "distance") != NULL;
	if (type != NULL && !spec_type_parse(type, &r->type))
		return words_fail(e, type, "not a type one may configure");
	if (proto != NULL && spec_protocol_parse(proto, &r->protocol, e) != 0)
		return -EINVAL;
	return src != NULL ? words_ipv4(src, &r->src, e) : 0;
}

int
psnetd_args_route(json_t *args, bool need_target, struct spec_route *out,
    struct words_error *e)
{
	static const char *const keys[] = {"dst", "type", "protocol", "prefsrc",
	    "metric", "distance", "gateway", "dev", "nexthops", "table",
	    "lookup", "nhid", "recursive", NULL};
	struct spec_route r = {.type = ROUTE_UNICAST};
	int rc;

	if (psnetd_args_known(args, keys, e) != 0 ||
	    route_fields(args, &r, e) != 0)
		return -EINVAL;
	rc = route_hops(args, &r, e);
	if (rc == 0 && r.type == ROUTE_UNICAST && need_target &&
	    r.nnexthops == 0 && r.nhid == 0)
		rc = words_fail(
		    e, "dst", "gateway, dev, nhid or nexthops must be given");
	if (rc == 0 && r.nhid != 0 &&
	    (r.nnexthops > 0 || r.type != ROUTE_UNICAST))
		rc = words_fail(
		    e, "nhid", "such a route has no other next hop or type");
	if (rc == 0 && r.type != ROUTE_UNICAST && r.nnexthops > 0)
		rc = words_fail(e, "type", "this type has no next hop");
	if (rc != 0)
		spec_route_fini(&r);
	else
		*out = r;
	return rc;
}

int
psnetd_args_neigh(json_t *args, bool need_lladdr, struct spec_neigh *out,
    struct words_error *e)
{
	static const char *const keys[] = {"dst", "lladdr", "dev", NULL};
	struct spec_neigh n = {.line = 0};
	const char *dst = NULL, *lladdr = NULL;

	if (psnetd_args_known(args, keys, e) != 0 ||
	    psnetd_args_string(args, "dst", true, &dst, e) != 0 ||
	    words_ipv4(dst, &n.addr, e) != 0 ||
	    psnetd_args_string(args, "lladdr", need_lladdr, &lladdr, e) != 0 ||
	    psnetd_args_name(args, "dev", true, n.dev, e) != 0)
		return -EINVAL;
	if (lladdr != NULL && words_lladdr(lladdr, n.lladdr, e) != 0)
		return -EINVAL;
	*out = n;
	return 0;
}

int
psnetd_args_rule(
    json_t *args, bool need_table, struct spec_rule *out, struct words_error *e)
{
	static const char *const keys[] = {
	    "src", "iif", "fwmark", "fwmask", "priority", "table", NULL};
	struct spec_rule r = {.line = 0};
	const char *src = NULL;

	if (psnetd_args_known(args, keys, e) != 0 ||
	    psnetd_args_string(args, "src", false, &src, e) != 0 ||
	    psnetd_args_name(args, "iif", false, r.iif, e) != 0 ||
	    psnetd_args_u32(args, "fwmark", 0, UINT32_MAX, &r.mark, e) != 0 ||
	    psnetd_args_u32(args, "priority", 1, UINT32_MAX, &r.pref, e) != 0 ||
	    args_table(args, "table", &r.table, e) != 0)
		return -EINVAL;
	if (json_object_get(args, "fwmark") != NULL)
		r.mask = UINT32_MAX;
	if (psnetd_args_u32(args, "fwmask", 1, UINT32_MAX, &r.mask, e) != 0)
		return -EINVAL;
	r.has_table = json_object_get(args, "table") != NULL;
	if (need_table && !r.has_table)
		return words_fail(e, "table", "is missing");
	if (src != NULL && words_prefix(src, &r.src, &r.src_plen, e) != 0)
		return -EINVAL;
	*out = r;
	return 0;
}
