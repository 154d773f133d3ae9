/* SPDX-License-Identifier: BSD-2-Clause */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/config.h"
#include "stack/core/stack.h"

static const struct spec_link *
find_link(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nlinks; i++) {
		if (strcmp(c->links[i].name, name) == 0)
			return &c->links[i];
	}
	return NULL;
}

uint32_t
config_dev_table(const struct config *c, const char *dev)
{
	const struct spec_link *l = find_link(c, dev);

	return l != NULL ? l->table : 0;
}

static int
check_driver(const struct spec_link *l, const struct driver *const *drivers,
    struct words_error *e)
{
	char reason[128];
	int rc;

	while (*drivers != NULL && strcmp((*drivers)->name, l->driver) != 0)
		drivers++;
	if (*drivers == NULL)
		return words_fail(e, l->driver, "there is no such driver");
	rc = (*drivers)->check(l->args, reason, sizeof(reason));
	return rc == 0 ? 0 : words_fail(e, l->driver, "%s", reason);
}

static int
check_links(const struct config *c, const struct driver *const *drivers,
    struct config_error *e)
{
	for (size_t i = 0; i < c->nlinks; i++) {
		const struct spec_link *l = &c->links[i];
		const struct spec_link *first = find_link(c, l->name);

		e->line = l->line;
		if (first != l)
			return words_fail(&e->what, l->name,
			    "defined on line %u already", first->line);
		if (check_driver(l, drivers, &e->what) != 0)
			return -EINVAL;
	}
	return 0;
}

/* The interface must be in the file. */
static int
check_dev(const struct config *c, const char *dev, unsigned int line,
    struct config_error *e)
{
	e->line = line;
	if (find_link(c, dev) != NULL)
		return 0;
	return words_fail(&e->what, dev, "no line defines this interface");
}

/* No group, and neither the name of its network nor its broadcast address. */
static bool
is_host(const struct spec_addr *a)
{
	const uint32_t addr = ntohl(a->addr);
	const uint32_t host = ~ntohl(words_mask(a->plen));

	if (addr >> 24 == 0 || addr >> 28 >= 0xe)
		return false;
	return a->plen >= 31 || ((addr & host) != 0 && (addr & host) != host);
}

static int
check_addrs(const struct config *c, struct config_error *e)
{
	char text[WORDS_TEXT_MAX];

	for (size_t i = 0; i < c->naddrs; i++) {
		const struct spec_addr *a = &c->addrs[i];

		if (check_dev(c, a->dev, a->line, e) != 0)
			return -EINVAL;
		if (!is_host(a))
			return words_fail(&e->what,
			    words_show_prefix(a->addr, a->plen, text),
			    "not an address of one host");
		for (size_t j = 0; j < i; j++) {
			if (c->addrs[j].addr == a->addr &&
			    config_dev_table(c, c->addrs[j].dev) ==
				config_dev_table(c, a->dev))
				return words_fail(&e->what,
				    words_show_ipv4(a->addr, text),
				    "configured on line %u already",
				    c->addrs[j].line);
		}
	}
	return 0;
}

/* Does a route of the table lead to another one for addr? */
static bool
leads_on(const struct config *c, uint32_t table, uint32_t addr)
{
	for (size_t i = 0; i < c->nroutes; i++) {
		const struct spec_route *r = &c->routes[i];

		if (r->type == ROUTE_LOOKUP && r->table == table &&
		    ((addr ^ r->prefix) & words_mask(r->plen)) == 0)
			return true;
	}
	return false;
}

/*
 * A gateway must be a neighbour on an interface of the file: the one that is
 * said, or one of the route's table.
 */
static int
check_hop(const struct config *c, const struct spec_nexthop *nh, uint32_t table,
    unsigned int line, struct config_error *e)
{
	char text[WORDS_TEXT_MAX];
	bool found = false;

	e->line = line;
	if (nh->dev[0] != '\0' && check_dev(c, nh->dev, line, e) != 0)
		return -EINVAL;
	if (nh->via == 0 || nh->recursive)
		return 0;
	for (size_t i = 0; i < c->naddrs; i++) {
		const struct spec_addr *a = &c->addrs[i];
		const uint32_t mask = words_mask(a->plen);

		if (nh->dev[0] != '\0' && strcmp(nh->dev, a->dev) != 0)
			continue;
		if (((nh->via ^ a->addr) & mask) != 0)
			continue;
		if (nh->dev[0] == '\0' &&
		    config_dev_table(c, a->dev) != table &&
		    !leads_on(c, table, nh->via))
			continue;
		if (nh->via == a->addr)
			return words_fail(&e->what,
			    words_show_ipv4(nh->via, text),
			    "the gateway is our own address of line %u",
			    a->line);
		if (a->plen < 31 && (nh->via | mask) == UINT32_MAX)
			return words_fail(&e->what,
			    words_show_ipv4(nh->via, text),
			    "the gateway is the broadcast address of line %u",
			    a->line);
		found = true;
	}
	if (found)
		return 0;
	return words_fail(&e->what, words_show_ipv4(nh->via, text),
	    "no address of this file puts the gateway on %s",
	    nh->dev[0] != '\0' ? nh->dev
	    : table == 0       ? "a link"
			       : "a link of its table");
}

/* Is there such an object? */
static int
check_nhid(const struct config *c, uint32_t id, unsigned int line,
    struct config_error *e)
{
	char text[WORDS_TEXT_MAX];

	e->line = line;
	if (config_object_find(c, id) != NULL)
		return 0;
	snprintf(text, sizeof(text), "%u", (unsigned int)id);
	return words_fail(&e->what, text, "no line defines this next hop");
}

static int
check_members(
    const struct config *c, const struct spec_object *o, struct config_error *e)
{
	char text[WORDS_TEXT_MAX];

	for (unsigned int i = 0; i < o->nmembers; i++) {
		const uint32_t id = o->members[i].id;
		const struct spec_object *m = config_object_find(c, id);

		if (check_nhid(c, id, o->line, e) != 0)
			return -EINVAL;
		snprintf(text, sizeof(text), "%u", (unsigned int)id);
		if (m->nmembers > 0)
			return words_fail(&e->what, text,
			    "it is a group itself, of line %u", m->line);
		if (o->nmembers > 1 && spec_object_drop_name(m->kind) != NULL)
			return words_fail(&e->what, text,
			    "it is a drop, of line %u, in a group of several",
			    m->line);
	}
	return 0;
}

static int
check_backup(
    const struct config *c, const struct spec_object *o, struct config_error *e)
{
	const struct spec_object *b = config_object_find(c, o->backup);
	char text[WORDS_TEXT_MAX];

	if (o->backup == 0)
		return 0;
	if (check_nhid(c, o->backup, o->line, e) != 0)
		return -EINVAL;
	if (b->backup == 0)
		return 0;
	snprintf(text, sizeof(text), "%u", (unsigned int)o->backup);
	return words_fail(
	    &e->what, text, "it has a backup itself, of line %u", b->line);
}

static int
check_objects(const struct config *c, struct config_error *e)
{
	char text[WORDS_TEXT_MAX];

	for (size_t i = 0; i < c->nobjects; i++) {
		const struct spec_object *o = &c->objects[i];
		struct spec_nexthop nh = {.via = o->via, .weight = 1};

		e->line = o->line;
		snprintf(text, sizeof(text), "%u", (unsigned int)o->id);
		if (i > 0 && o[-1].id == o->id)
			return words_fail(&e->what, text,
			    "defined on line %u already", o[-1].line);
		memcpy(nh.dev, o->dev, sizeof(nh.dev));
		if (o->dev[0] != '\0' && check_hop(c, &nh, 0, o->line, e) != 0)
			return -EINVAL;
		if (check_members(c, o, e) != 0 || check_backup(c, o, e) != 0)
			return -EINVAL;
	}
	return 0;
}

static int
compare_routes(const void *a, const void *b)
{
	const struct spec_route *x = *(const struct spec_route *const *)a;
	const struct spec_route *y = *(const struct spec_route *const *)b;
	const uint32_t p = ntohl(x->prefix), q = ntohl(y->prefix);

	if (p != q)
		return p < q ? -1 : 1;
	if (x->plen != y->plen)
		return x->plen < y->plen ? -1 : 1;
	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	if (x->metric != y->metric)
		return x->metric < y->metric ? -1 : 1;
	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* Would b replace a? */
static bool
same_route(const struct spec_route *a, const struct spec_route *b)
{
	return a->table == b->table && a->prefix == b->prefix &&
	       a->plen == b->plen && a->metric == b->metric &&
	       a->protocol == b->protocol && a->distance == b->distance;
}

static int
check_duplicate_routes(const struct config *c, struct config_error *e)
{
	const struct spec_route **sorted;
	char text[WORDS_TEXT_MAX];
	int rc = 0;

	if (c->nroutes == 0)
		return 0;
	sorted = malloc(c->nroutes * sizeof(*sorted));
	if (sorted == NULL)
		return words_fail(&e->what, NULL, "no memory");
	for (size_t i = 0; i < c->nroutes; i++)
		sorted[i] = &c->routes[i];
	qsort(sorted, c->nroutes, sizeof(*sorted), compare_routes);
	for (size_t i = 1; i < c->nroutes && rc == 0; i++) {
		const struct spec_route *r = sorted[i], *p = sorted[i - 1];

		if (!same_route(r, p))
			continue;
		e->line = r->line;
		rc = words_fail(&e->what,
		    words_show_prefix(r->prefix, r->plen, text),
		    "routed on line %u already", p->line);
	}
	free(sorted);
	return rc;
}

/* A route cannot lead to its own table. */
static int
check_lookup(const struct spec_route *r, struct config_error *e)
{
	char text[WORDS_TEXT_MAX];
	const uint32_t to = r->lookup == ROUTE_TABLES_MAIN ? 0 : r->lookup;

	e->line = r->line;
	if (to != r->table)
		return 0;
	return words_fail(&e->what, spec_table_name(r->table, text),
	    "the route leads to the table that it is in");
}

static int
check_routes(const struct config *c, struct config_error *e)
{
	for (size_t i = 0; i < c->nroutes; i++) {
		const struct spec_route *r = &c->routes[i];

		if (r->nhid != 0 && check_nhid(c, r->nhid, r->line, e) != 0)
			return -EINVAL;
		if (r->type == ROUTE_LOOKUP && check_lookup(r, e) != 0)
			return -EINVAL;
		for (unsigned int k = 0; k < r->nnexthops; k++) {
			if (check_hop(
				c, &r->nexthops[k], r->table, r->line, e) != 0)
				return -EINVAL;
		}
	}
	for (size_t i = 0; i < c->ntables; i++) {
		const struct config_table *t = &c->tables[i];

		if (t->has_default &&
		    check_hop(c, &t->dflt, t->in, t->line, e) != 0)
			return -EINVAL;
		for (size_t k = 0; k < t->list.nhops; k++) {
			const struct spec_nexthop *nh = &t->list.hops[k];

			if (nh->nhid != 0
				? check_nhid(c, nh->nhid, t->line, e) != 0
				: check_hop(c, nh, t->in, t->line, e) != 0)
				return -EINVAL;
		}
	}
	return check_duplicate_routes(c, e);
}

bool
config_rule_equal(const struct spec_rule *a, const struct spec_rule *b)
{
	return a->pref == b->pref && a->table == b->table && a->src == b->src &&
	       a->src_plen == b->src_plen && a->mark == b->mark &&
	       a->mask == b->mask && strcmp(a->iif, b->iif) == 0;
}

static int
check_rules(const struct config *c, struct config_error *e)
{
	for (size_t i = 0; i < c->nrules; i++) {
		const struct spec_rule *r = &c->rules[i];

		e->line = r->line;
		if (r->iif[0] != '\0' && strcmp(r->iif, "lo") != 0 &&
		    check_dev(c, r->iif, r->line, e) != 0)
			return -EINVAL;
		for (size_t j = 0; j < i; j++) {
			if (config_rule_equal(&c->rules[j], r))
				return words_fail(&e->what, "rule",
				    "the same as on line %u", c->rules[j].line);
		}
	}
	return 0;
}

static int
check_neighs(const struct config *c, struct config_error *e)
{
	char text[WORDS_TEXT_MAX];

	for (size_t i = 0; i < c->nneighs; i++) {
		const struct spec_neigh *n = &c->neighs[i];

		if (check_dev(c, n->dev, n->line, e) != 0)
			return -EINVAL;
		for (size_t j = 0; j < i; j++) {
			const struct spec_neigh *o = &c->neighs[j];

			if (o->addr == n->addr && strcmp(o->dev, n->dev) == 0)
				return words_fail(&e->what,
				    words_show_ipv4(n->addr, text),
				    "defined on line %u already", o->line);
		}
	}
	return 0;
}

int
config_check(const struct config *c, const struct driver *const *drivers,
    struct config_error *e)
{
	if (check_links(c, drivers, e) != 0 || check_addrs(c, e) != 0 ||
	    check_objects(c, e) != 0 || check_routes(c, e) != 0)
		return -EINVAL;
	return check_rules(c, e) != 0 ? -EINVAL : check_neighs(c, e);
}
