/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/spec_object.h"
#include "stack/core/netif.h"
#include "stack/route/rule.h"
#include "stack/route/table.h"

_Static_assert(WORDS_NAME_MAX == NETIF_NAME_MAX, "names fit");
_Static_assert(SPEC_NEXTHOPS_MAX == ROUTE_NEXTHOPS_MAX, "next hops fit");

/* A person may configure some types; the rest follow from addresses. */
static const struct {
	const char *name;
	uint8_t type;
	bool configurable;
} types[] = {
    {"unicast", ROUTE_UNICAST, true},
    {"local", ROUTE_LOCAL, false},
    {"broadcast", ROUTE_BROADCAST, false},
    {"blackhole", ROUTE_BLACKHOLE, true},
    {"unreachable", ROUTE_UNREACHABLE, true},
    {"prohibit", ROUTE_PROHIBIT, true},
    {"throw", ROUTE_THROW, true},
    {"lookup", ROUTE_LOOKUP, false},
};

/* rtnetlink(7)'s numbers, with the names of /etc/iproute2/rt_protos. */
static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
    {"kernel", ROUTE_PROTO_KERNEL},
    {"boot", ROUTE_PROTO_BOOT},
    {"static", ROUTE_PROTO_STATIC},
    {"zebra", 11},
    {"bird", 12},
    {"bgp", 186},
    {"isis", 187},
    {"ospf", 188},
    {"rip", 189},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

bool
spec_type_parse(const char *s, uint8_t *out)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		if (types[i].configurable && strcmp(s, types[i].name) == 0) {
			*out = types[i].type;
			return true;
		}
	}
	return false;
}

const char *
spec_type_name(uint8_t type)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		if (types[i].type == type)
			return types[i].name;
	}
	return "unknown";
}

int
spec_protocol_parse(const char *s, uint8_t *out, struct words_error *e)
{
	uint32_t n;

	for (size_t i = 0; i < COUNT(protocols); i++) {
		if (strcmp(s, protocols[i].name) == 0) {
			*out = protocols[i].number;
			return 0;
		}
	}
	if (words_u32(s, 1, 255, &n, e) != 0)
		return words_fail(
		    e, s, "not a routing protocol's name or number");
	*out = (uint8_t)n;
	return 0;
}

const char *
spec_protocol_name(uint8_t p, char out[WORDS_TEXT_MAX])
{
	for (size_t i = 0; i < COUNT(protocols); i++) {
		if (protocols[i].number == p)
			return protocols[i].name;
	}
	snprintf(out, WORDS_TEXT_MAX, "%u", p);
	return out;
}

int
spec_table_parse(const char *s, uint32_t *out, struct words_error *e)
{
	uint32_t n;

	if (strcmp(s, "main") == 0) {
		*out = 0;
		return 0;
	}
	if (strcmp(s, "default") == 0) {
		*out = ROUTE_TABLES_DEFAULT;
		return 0;
	}
	if (strcmp(s, "local") == 0)
		return words_fail(
		    e, s, "the local table follows from addresses");
	if (words_u32(s, 1, UINT32_MAX, &n, e) != 0)
		return words_fail(e, s, "neither main, default nor a number");
	if (n == ROUTE_TABLES_LOCAL)
		return words_fail(
		    e, s, "the local table follows from addresses");
	*out = n == ROUTE_TABLES_MAIN ? 0 : n;
	return 0;
}

const char *
spec_table_name(uint32_t table, char out[WORDS_TEXT_MAX])
{
	if (table == 0 || table == ROUTE_TABLES_MAIN)
		return "main";
	if (table == ROUTE_TABLES_DEFAULT)
		return "default";
	if (table == ROUTE_TABLES_LOCAL)
		return "local";
	snprintf(out, WORDS_TEXT_MAX, "%u", (unsigned int)table);
	return out;
}

/* A table behind the word key. */
static int
parse_table(
    struct words *w, const char *key, uint32_t *out, struct words_error *e)
{
	const char *s = words_value(w, key, e);

	return s == NULL ? -EINVAL : spec_table_parse(s, out, e);
}

static int
parse_switch(struct words *w, const char *keyword, enum spec_switch *out,
    struct words_error *e)
{
	const char *s = words_value(w, keyword, e);
	bool on;

	if (s == NULL || words_onoff(s, &on, e) != 0)
		return -EINVAL;
	*out = on ? SPEC_ON : SPEC_OFF;
	return 0;
}

/* Digits as strtoul(3) reads them, without its blanks and signs. */
static bool
mark_number(const char *s, char **end, uint32_t *out)
{
	unsigned long n;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	n = strtoul(s, end, 0);
	*out = (uint32_t)n;
	return errno == 0 && n <= UINT32_MAX;
}

int
spec_mark_parse(const char *s, uint32_t *out, struct words_error *e)
{
	uint32_t n;
	char *end;

	if (!mark_number(s, &end, &n) || *end != '\0')
		return words_fail(e, s, "not a mark");
	*out = n;
	return 0;
}

/* One of the words that every interface knows.  Returns: 1 if it is none. */
static int
link_keyword(struct words *w, struct spec_link *l, struct words_error *e)
{
	const char *s;

	if (words_accept(w, "up")) {
		l->up = SPEC_ON;
		return 0;
	}
	if (words_accept(w, "down")) {
		l->up = SPEC_OFF;
		return 0;
	}
	if (words_accept(w, "mtu")) {
		s = words_value(w, "mtu", e);
		return s == NULL ? -EINVAL
				 : words_u32(s, NETIF_MTU_MIN, NETIF_MTU_MAX,
				       &l->mtu, e);
	}
	if (words_accept(w, "promisc"))
		return parse_switch(w, "promisc", &l->promisc, e);
	if (words_accept(w, "arp"))
		return parse_switch(w, "arp", &l->arp, e);
	if (words_accept(w, "table")) {
		l->has_table = true;
		return parse_table(w, "table", &l->table, e);
	}
	if (words_accept(w, "mark")) {
		l->has_mark = true;
		s = words_value(w, "mark", e);
		return s == NULL ? -EINVAL : spec_mark_parse(s, &l->mark, e);
	}
	return 1;
}

static int
link_driver(struct words *w, enum spec_link_form form, struct spec_link *l,
    struct words_error *e)
{
	const char *s;

	if (form == SPEC_LINK_ADD && !words_accept(w, "type"))
		return words_fail(
		    e, words_peek(w), "\"type DRIVER\" must follow the name");
	s = words_value(w, form == SPEC_LINK_ADD ? "type" : l->name, e);
	if (s == NULL)
		return words_fail(e, l->name, "a driver must follow");
	if (strlen(s) >= sizeof(l->driver))
		return words_fail(e, s, "no driver has so long a name");
	snprintf(l->driver, sizeof(l->driver), "%s", s);
	return 0;
}

static int
link_argument(struct words *w, struct spec_link *l, struct words_error *e)
{
	const char *s = words_next(w);
	const size_t used = strlen(l->args);

	if (used + strlen(s) + 2 > sizeof(l->args))
		return words_fail(e, s, "the driver's words are too long");
	snprintf(l->args + used, sizeof(l->args) - used, "%s%s",
	    used > 0 ? " " : "", s);
	return 0;
}

int
spec_link_parse(struct words *w, enum spec_link_form form,
    struct spec_link *out, struct words_error *e)
{
	struct spec_link l = {.line = 0};
	const char *s;
	int rc;

	if (form != SPEC_LINK_FILE && !words_accept(w, "dev") &&
	    form == SPEC_LINK_ADD)
		words_accept(w, "name");
	s = words_next(w);
	if (s == NULL)
		return words_fail(e, NULL, "an interface name must follow");
	if (words_name(s, l.name, e) != 0)
		return -EINVAL;
	if (form != SPEC_LINK_CHANGE && link_driver(w, form, &l, e) != 0)
		return -EINVAL;
	while ((s = words_peek(w)) != NULL) {
		rc = link_keyword(w, &l, e);
		if (rc > 0 && form == SPEC_LINK_CHANGE)
			return words_fail(e, s,
			    "neither up, down, mtu, promisc, arp, table nor "
			    "mark");
		if (rc > 0)
			rc = link_argument(w, &l, e);
		if (rc != 0)
			return rc;
	}
	*out = l;
	return 0;
}

int
spec_addr_parse(struct words *w, struct spec_addr *out, struct words_error *e)
{
	struct spec_addr a = {.line = 0};
	const char *s = words_next(w);

	if (s == NULL)
		return words_fail(
		    e, NULL, "an address like 192.0.2.1/24 must follow");
	if (strcmp(s, "default") == 0)
		return words_fail(e, s, "not an address");
	if (words_inet(s, &a.addr, &a.plen, e) != 0)
		return -EINVAL;
	if (words_peek(w) == NULL)
		return words_fail(e, s, "\"dev NAME\" must follow");
	if (!words_accept(w, "dev"))
		return words_fail(
		    e, words_peek(w), "\"dev NAME\" was expected");
	s = words_value(w, "dev", e);
	if (s == NULL || words_name(s, a.dev, e) != 0 || words_end(w, e) != 0)
		return -EINVAL;
	*out = a;
	return 0;
}

static int
add_nexthop(struct spec_route *r, const char *word,
    const struct spec_nexthop *nh, struct words_error *e)
{
	struct spec_nexthop *more;

	if (r->nnexthops == SPEC_NEXTHOPS_MAX)
		return words_fail(
		    e, word, "more than %d next hops", SPEC_NEXTHOPS_MAX);
	more = realloc(r->nexthops, (r->nnexthops + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	r->nexthops = more;
	r->nexthops[r->nnexthops++] = *nh;
	return 0;
}

/* A word that describes a next hop.  Returns: 1 if it is none. */
static int
nexthop_keyword(struct words *w, struct spec_nexthop *nh, struct words_error *e)
{
	const char *s;

	if (words_accept(w, "via")) {
		words_accept(w, "inet");
		s = words_value(w, "via", e);
		if (s == NULL || words_ipv4(s, &nh->via, e) != 0)
			return -EINVAL;
		return nh->via != 0 ? 0 : words_fail(e, s, "not a gateway");
	}
	if (words_accept(w, "dev")) {
		s = words_value(w, "dev", e);
		return s == NULL ? -EINVAL : words_name(s, nh->dev, e);
	}
	if (words_accept(w, "recursive")) {
		nh->recursive = true;
		return 0;
	}
	return 1;
}

/* A recursive one has a gateway, and its interface follows from routes. */
static int
check_nexthop(const struct spec_nexthop *nh, struct words_error *e)
{
	if (!nh->recursive || (nh->via != 0 && nh->dev[0] == '\0'))
		return 0;
	return words_fail(
	    e, "recursive", "only \"via ADDRESS\" without dev can be");
}

static int
parse_nexthop(struct words *w, struct spec_route *r, struct words_error *e)
{
	struct spec_nexthop nh = {.weight = 1};
	const char *s;
	uint32_t n;
	int rc;

	while ((rc = nexthop_keyword(w, &nh, e)) <= 0) {
		if (rc < 0)
			return rc;
	}
	if (words_accept(w, "weight")) {
		s = words_value(w, "weight", e);
		if (s == NULL || words_u32(s, 1, ROUTE_WEIGHT_MAX, &n, e) != 0)
			return -EINVAL;
		nh.weight = (uint16_t)n;
		while ((rc = nexthop_keyword(w, &nh, e)) <= 0) {
			if (rc < 0)
				return rc;
		}
	}
	if (nh.via == 0 && nh.dev[0] == '\0')
		return words_fail(
		    e, "nexthop", "\"via\" or \"dev\" must follow");
	if (check_nexthop(&nh, e) != 0)
		return -EINVAL;
	return add_nexthop(r, "nexthop", &nh, e);
}

/* A word that describes the route itself.  Returns: 1 if it is none. */
static int
route_keyword(struct words *w, struct spec_route *r, struct words_error *e)
{
	const char *key = words_peek(w), *s;
	uint32_t n;

	if (words_accept(w, "metric") || words_accept(w, "preference")) {
		s = words_value(w, key, e);
		return s == NULL ? -EINVAL
				 : words_u32(s, 0, UINT32_MAX, &r->metric, e);
	}
	if (words_accept(w, "distance")) {
		s = words_value(w, key, e);
		if (s == NULL || words_u32(s, 0, 255, &n, e) != 0)
			return -EINVAL;
		r->distance = (uint8_t)n;
		r->has_distance = true;
		return 0;
	}
	if (words_accept(w, "table"))
		return parse_table(w, key, &r->table, e);
	if (words_accept(w, "lookup")) {
		r->type = ROUTE_LOOKUP;
		if (parse_table(w, key, &r->lookup, e) != 0)
			return -EINVAL;
		if (r->lookup == 0)
			r->lookup = ROUTE_TABLES_MAIN;
		return 0;
	}
	if (words_accept(w, "src")) {
		s = words_value(w, key, e);
		return s == NULL ? -EINVAL : words_ipv4(s, &r->src, e);
	}
	if (words_accept(w, "nhid")) {
		s = words_value(w, key, e);
		return s == NULL ? -EINVAL : spec_object_id(s, &r->nhid, e);
	}
	if (words_accept(w, "proto") || words_accept(w, "protocol")) {
		s = words_value(w, key, e);
		return s == NULL ? -EINVAL
				 : spec_protocol_parse(s, &r->protocol, e);
	}
	return 1;
}

static int
route_words(struct words *w, struct spec_route *r, struct spec_nexthop *only,
    struct words_error *e)
{
	const char *s;
	int rc;

	while ((s = words_peek(w)) != NULL) {
		if (words_accept(w, "nexthop")) {
			rc = parse_nexthop(w, r, e);
		} else {
			rc = nexthop_keyword(w, only, e);
			if (rc > 0)
				rc = route_keyword(w, r, e);
			if (rc > 0)
				rc = words_fail(e, s, "unexpected word");
		}
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
route_target(struct spec_route *r, const struct spec_nexthop *only,
    bool need_target, const char *prefix, struct words_error *e)
{
	const bool single =
	    only->via != 0 || only->dev[0] != '\0' || only->recursive;

	if (r->nhid != 0 &&
	    (single || r->nnexthops > 0 || r->type != ROUTE_UNICAST))
		return words_fail(e, "nhid",
		    "a route that names a next hop by id has no other, and no "
		    "type");
	if (r->type != ROUTE_UNICAST) {
		if (single || r->nnexthops > 0)
			return words_fail(e, only->via != 0 ? "via" : "dev",
			    "a route of type %s has no next hop",
			    spec_type_name(r->type));
		return 0;
	}
	if (single && r->nnexthops > 0)
		return words_fail(e, "nexthop",
		    "either one \"via\"/\"dev\" or several \"nexthop\"");
	if (single && check_nexthop(only, e) != 0)
		return -EINVAL;
	if (single)
		return add_nexthop(r, "via", only, e);
	if (r->nnexthops == 0 && r->nhid == 0 && need_target)
		return words_fail(e, prefix,
		    "\"via\", \"dev\", \"nhid\" or \"nexthop\" must follow");
	return 0;
}

int
spec_route_parse(struct words *w, bool need_target, struct spec_route *out,
    struct words_error *e)
{
	struct spec_route r = {.type = ROUTE_UNICAST};
	struct spec_nexthop only = {.weight = 1};
	const char *s = words_next(w);
	int rc;

	if (s != NULL && spec_type_parse(s, &r.type))
		s = words_next(w);
	if (s != NULL && strcmp(s, "to") == 0)
		s = words_next(w);
	if (s == NULL)
		return words_fail(
		    e, NULL, "a prefix like 192.0.2.0/24 must follow");
	rc = words_prefix(s, &r.prefix, &r.plen, e);
	if (rc == 0)
		rc = route_words(w, &r, &only, e);
	if (rc == 0)
		rc = route_target(&r, &only, need_target, s, e);
	if (rc != 0) {
		spec_route_fini(&r);
		return rc;
	}
	*out = r;
	return 0;
}

void
spec_route_fini(struct spec_route *r)
{
	free(r->nexthops);
	r->nexthops = NULL;
	r->nnexthops = 0;
}

int
spec_route_copy(const struct spec_route *r, struct spec_route *out)
{
	struct spec_route c = *r;

	c.nexthops = NULL;
	if (r->nnexthops > 0) {
		c.nexthops = malloc(r->nnexthops * sizeof(*c.nexthops));
		if (c.nexthops == NULL)
			return -ENOMEM;
		memcpy(c.nexthops, r->nexthops,
		    r->nnexthops * sizeof(*c.nexthops));
	}
	*out = c;
	return 0;
}

bool
spec_route_equal(const struct spec_route *a, const struct spec_route *b)
{
	if (a->table != b->table || a->lookup != b->lookup ||
	    a->prefix != b->prefix || a->plen != b->plen ||
	    a->type != b->type || a->protocol != b->protocol ||
	    a->metric != b->metric || a->src != b->src ||
	    a->has_distance != b->has_distance || a->distance != b->distance ||
	    a->nhid != b->nhid || a->nnexthops != b->nnexthops)
		return false;
	for (unsigned int i = 0; i < a->nnexthops; i++) {
		const struct spec_nexthop *x = &a->nexthops[i];
		const struct spec_nexthop *y = &b->nexthops[i];

		if (x->via != y->via || x->weight != y->weight ||
		    x->recursive != y->recursive || x->nhid != y->nhid ||
		    strcmp(x->dev, y->dev) != 0)
			return false;
	}
	return true;
}

/* "MARK[/MASK]", in decimal, or with 0x in hexadecimal, with 0 in octal. */
static int
parse_mark(const char *s, struct spec_rule *r, struct words_error *e)
{
	uint32_t mark, mask = UINT32_MAX;
	char *end;
	bool fine = mark_number(s, &end, &mark);

	if (fine && *end == '/')
		fine = mark_number(end + 1, &end, &mask);
	if (!fine || *end != '\0' || mask == 0 || (mark & ~mask) != 0)
		return words_fail(e, s, "not a mark, or MARK/MASK");
	r->mark = mark;
	r->mask = mask;
	return 0;
}

static int
rule_value(
    struct spec_rule *r, const char *key, const char *s, struct words_error *e)
{
	if (strcmp(key, "from") == 0) {
		if (strcmp(s, "all") == 0)
			return 0;
		return words_prefix(s, &r->src, &r->src_plen, e);
	}
	if (strcmp(key, "iif") == 0)
		return words_name(s, r->iif, e);
	if (strcmp(key, "fwmark") == 0)
		return parse_mark(s, r, e);
	if (strcmp(key, "lookup") == 0 || strcmp(key, "table") == 0) {
		r->has_table = true;
		return spec_table_parse(s, &r->table, e);
	}
	if (strcmp(key, "pref") == 0 || strcmp(key, "preference") == 0 ||
	    strcmp(key, "priority") == 0 || strcmp(key, "order") == 0)
		return words_u32(s, 1, UINT32_MAX, &r->pref, e);
	return words_fail(e, key, "neither from, iif, fwmark, pref nor lookup");
}

int
spec_rule_parse(struct words *w, bool need_table, struct spec_rule *out,
    struct words_error *e)
{
	struct spec_rule r = {.line = 0};
	const char *key, *s;

	while ((key = words_next(w)) != NULL) {
		s = words_value(w, key, e);
		if (s == NULL || rule_value(&r, key, s, e) != 0)
			return -EINVAL;
	}
	if (need_table && !r.has_table)
		return words_fail(e, NULL, "\"lookup TABLE\" must follow");
	*out = r;
	return 0;
}

int
spec_neigh_parse(struct words *w, bool need_lladdr, struct spec_neigh *out,
    struct words_error *e)
{
	struct spec_neigh n = {.line = 0};
	const char *first = words_next(w), *key, *s;
	bool have = false;

	if (first == NULL)
		return words_fail(e, NULL, "a neighbour's address must follow");
	if (words_ipv4(first, &n.addr, e) != 0)
		return -EINVAL;
	while ((key = words_next(w)) != NULL) {
		s = words_value(w, key, e);
		if (s == NULL)
			return -EINVAL;
		if (strcmp(key, "lladdr") == 0) {
			if (words_lladdr(s, n.lladdr, e) != 0)
				return -EINVAL;
			have = true;
		} else if (strcmp(key, "dev") == 0) {
			if (words_name(s, n.dev, e) != 0)
				return -EINVAL;
		} else if (strcmp(key, "nud") != 0 ||
			   strcmp(s, "permanent") != 0) {
			return words_fail(e, key, "unexpected word");
		}
	}
	if (n.dev[0] == '\0')
		return words_fail(e, first, "\"dev NAME\" must follow");
	if (need_lladdr && !have)
		return words_fail(e, first, "\"lladdr ADDRESS\" must follow");
	*out = n;
	return 0;
}
