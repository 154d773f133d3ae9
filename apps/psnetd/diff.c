/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * An interface whose driver, driver's words or table changed is detached and attached
 * anew; one that takes over the words of an interface that goes (they name the
 * same device) waits for that.  All other new interfaces come first, because
 * they may fail and disturb nothing.  An address is added before another is
 * removed, so that a network both connect stays connected, except where the
 * stack could not hold both.
 */

#include "apps/psnetd/diff.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps/array.h"

static const struct spec_link *
find_link(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nlinks; i++) {
		if (strcmp(c->links[i].name, name) == 0)
			return &c->links[i];
	}
	return NULL;
}

static bool
same_device(const struct spec_link *a, const struct spec_link *b)
{
	return strcmp(a->driver, b->driver) == 0 &&
	       strcmp(a->args, b->args) == 0 && a->table == b->table;
}

/* Does old's interface go before others come? */
static bool
early_detach(const struct psnetd_diff *d, const struct spec_link *old)
{
	const struct spec_link *same = find_link(d->new, old->name);

	if (same != NULL)
		return !same_device(old, same);
	for (size_t i = 0; i < d->new->nlinks; i++) {
		if (old->args[0] != '\0' && same_device(old, &d->new->links[i]))
			return true;
	}
	return false;
}

/* Must new's interface wait until others went? */
static bool
late_attach(const struct psnetd_diff *d, const struct spec_link *new)
{
	if (find_link(d->old, new->name) != NULL)
		return true;
	for (size_t i = 0; i < d->old->nlinks; i++) {
		const struct spec_link *old = &d->old->links[i];

		if (same_device(old, new) && early_detach(d, old))
			return true;
	}
	return false;
}

static bool
unchanged(const struct psnetd_diff *d, const struct spec_link *new)
{
	const struct spec_link *old = find_link(d->old, new->name);

	return old != NULL && same_device(old, new);
}

/* Is the interface of this name the same before and after? */
static bool
link_stays(const struct psnetd_diff *d, const char *name)
{
	const struct spec_link *new = find_link(d->new, name);

	return new != NULL &&unchanged(d, new);
}

static int
add_op(struct psnetd_diff *d, struct psnetd_diff_op op)
{
	int rc = array_reserve(&d->ops, &d->ops_room, d->nops, sizeof(op));

	if (rc == 0)
		d->ops[d->nops++] = op;
	return rc;
}

static int
attach_links(struct psnetd_diff *d, bool late)
{
	int rc = 0;

	for (size_t i = 0; i < d->new->nlinks &&rc == 0; i++) {
		const struct spec_link *l = &d->new->links[i];

		if (!unchanged(d, l) && late_attach(d, l) == late)
			rc = add_op(
			    d, (struct psnetd_diff_op){
				   .kind = PSNETD_DIFF_LINK_ATTACH, .link = l});
	}
	return rc;
}

static int
detach_links(struct psnetd_diff *d, bool early)
{
	int rc = 0;

	for (size_t i = 0; i < d->old->nlinks && rc == 0; i++) {
		const struct spec_link *l = &d->old->links[i];

		if (!link_stays(d, l->name) && early_detach(d, l) == early)
			rc = add_op(d, (struct psnetd_diff_op){
					   .kind = PSNETD_DIFF_LINK_DETACH,
					   .old_link = l});
	}
	return rc;
}

static int
set_links(struct psnetd_diff *d)
{
	int rc = 0;

	for (size_t i = 0; i < d->new->nlinks &&rc == 0; i++) {
		const struct spec_link *l = &d->new->links[i];
		const struct spec_link *old =
		    unchanged(d, l) ? find_link(d->old, l->name) : NULL;

		if (old != NULL && old->mtu == l->mtu && old->up == l->up &&
		    old->promisc == l->promisc && old->arp == l->arp &&
		    old->mark == l->mark)
			continue;
		rc = add_op(
		    d, (struct psnetd_diff_op){.kind = PSNETD_DIFF_LINK_SET,
			   .link = l,
			   .old_link = old});
	}
	return rc;
}

/* The address of this table: others may have it, too. */
static const struct spec_addr *
find_addr(const struct config *c, uint32_t addr, uint32_t table)
{
	for (size_t i = 0; i < c->naddrs; i++) {
		if (c->addrs[i].addr == addr &&
		    config_dev_table(c, c->addrs[i].dev) == table)
			return &c->addrs[i];
	}
	return NULL;
}

static bool
same_addr(const struct spec_addr *a, const struct spec_addr *b)
{
	return a != NULL && b != NULL && a->addr == b->addr &&
	       a->plen == b->plen && strcmp(a->dev, b->dev) == 0;
}

/* Has a detachment taken the addresses of dev along, or will it? */
static bool
gone_before(const struct psnetd_diff *d, const char *dev, bool moved)
{
	const struct spec_link *old = find_link(d->old, dev);

	if (link_stays(d, dev))
		return false;
	return !moved || old == NULL || early_detach(d, old);
}

/* moved: those that come back on another interface or with another length. */
static int
remove_addrs(struct psnetd_diff *d, bool moved)
{
	int rc = 0;

	for (size_t i = 0; i < d->old->naddrs && rc == 0; i++) {
		const struct spec_addr *a = &d->old->addrs[i];
		const struct spec_addr *new = find_addr(
		    d->new, a->addr, config_dev_table(d->old, a->dev));

		if (same_addr(a, new) || (new != NULL) != moved ||
		    gone_before(d, a->dev, moved))
			continue;
		rc = add_op(d, (struct psnetd_diff_op){
				   .kind = PSNETD_DIFF_ADDR_REMOVE, .addr = a});
	}
	return rc;
}

static int
add_addrs(struct psnetd_diff *d)
{
	int rc = 0;

	for (size_t i = 0; i < d->new->naddrs &&rc == 0; i++) {
		const struct spec_addr *a = &d->new->addrs[i];

		if (link_stays(d, a->dev) &&
		    same_addr(a, find_addr(d->old, a->addr,
				     config_dev_table(d->new, a->dev))))
			continue;
		rc = add_op(d, (struct psnetd_diff_op){
				   .kind = PSNETD_DIFF_ADDR_ADD, .addr = a});
	}
	return rc;
}

static const struct spec_neigh *
find_neigh(const struct config *c, const struct spec_neigh *n)
{
	for (size_t i = 0; i < c->nneighs; i++) {
		if (c->neighs[i].addr == n->addr &&
		    strcmp(c->neighs[i].dev, n->dev) == 0)
			return &c->neighs[i];
	}
	return NULL;
}

static int
diff_neighs(struct psnetd_diff *d, bool set)
{
	const struct config *from = set ? d->new : d->old;
	const struct config *to = set ? d->old : d->new;
	int rc = 0;

	for (size_t i = 0; i < from->nneighs && rc == 0; i++) {
		const struct spec_neigh *n = &from->neighs[i];
		const struct spec_neigh *other = find_neigh(to, n);
		const bool stays = link_stays(d, n->dev);

		if (set && stays && other != NULL &&
		    memcmp(n->lladdr, other->lladdr, 6) == 0)
			continue;
		if (!set && (!stays || other != NULL))
			continue;
		rc = add_op(d, (struct psnetd_diff_op){
				   .kind = set ? PSNETD_DIFF_NEIGH_SET
					       : PSNETD_DIFF_NEIGH_REMOVE,
				   .neigh = n});
	}
	return rc;
}

static bool
has_rule(const struct config *c, const struct spec_rule *r)
{
	size_t i = 0;

	while (i < c->nrules && !config_rule_equal(&c->rules[i], r))
		i++;
	return i < c->nrules;
}

/* The interface of a rule is the same before and after; so is that of none. */
static bool
iif_stays(const struct psnetd_diff *d, const struct spec_rule *r)
{
	return r->iif[0] == '\0' || strcmp(r->iif, "lo") == 0 ||
	       link_stays(d, r->iif);
}

/* An interface that is made anew has taken its rules along. */
static int
diff_rules(struct psnetd_diff *d, bool add)
{
	const struct config *from = add ? d->new : d->old;
	const struct config *to = add ? d->old : d->new;
	int rc = 0;

	for (size_t i = 0; i < from->nrules && rc == 0; i++) {
		const struct spec_rule *r = &from->rules[i];

		if (has_rule(to, r) && (!add || iif_stays(d, r)))
			continue;
		rc = add_op(d, (struct psnetd_diff_op){
				   .kind = add ? PSNETD_DIFF_RULE_ADD
					       : PSNETD_DIFF_RULE_REMOVE,
				   .rule = r});
	}
	return rc;
}

/*
 * Addresses are added as address-probe says by then; a router forwards once
 * its routes are there.
 */
static bool
precedes_addrs(unsigned int option)
{
	return option == IPV4_OPT_ADDRESS_PROBE;
}

static int
diff_options(struct psnetd_diff *d, bool before_addrs)
{
	int rc = 0;

	for (unsigned int i = 0; i < IPV4_OPT_COUNT && rc == 0; i++) {
		const struct config_option *a = &d->old->options[i];
		const struct config_option *b = &d->new->options[i];

		if (precedes_addrs(i) != before_addrs ||
		    ((a->line != 0) == (b->line != 0) && a->value == b->value))
			continue;
		rc = add_op(
		    d, (struct psnetd_diff_op){.kind = PSNETD_DIFF_OPTION,
			   .option = (enum ipv4_option)i});
	}
	return rc;
}

int
psnetd_diff_compare(
    const struct psnetd_diff_route *a, const struct psnetd_diff_route *b)
{
	if (a->in != b->in)
		return a->in < b->in ? -1 : 1;
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	if (a->plen != b->plen)
		return a->plen < b->plen ? -1 : 1;
	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	if (a->metric != b->metric)
		return a->metric < b->metric ? -1 : 1;
	return a->protocol < b->protocol ? -1 : a->protocol > b->protocol;
}

/* Of the same route, the one that wins comes first. */
static int
compare_winner_first(const void *a, const void *b)
{
	const struct psnetd_diff_route *x = a, *y = b;
	const int order = psnetd_diff_compare(x, y);

	if (order != 0)
		return order;
	if ((x->table == 0) != (y->table == 0))
		return x->table == 0 ? -1 : 1;
	if (x->table != y->table)
		return x->table > y->table ? -1 : 1;
	return x->index > y->index ? -1 : x->index < y->index;
}

static size_t
collect_routes(const struct config *c, struct psnetd_diff_route *all)
{
	size_t n = 0;

	for (size_t i = 0; i < c->nroutes; i++) {
		const struct spec_route *r = &c->routes[i];

		all[n++] = (struct psnetd_diff_route){.in = r->table,
		    .prefix = ntohl(r->prefix),
		    .plen = (uint8_t)r->plen,
		    .metric = r->metric,
		    .protocol = r->protocol,
		    .distance = r->has_distance ? r->distance
						: route_distance(r->protocol),
		    .index = (uint32_t)i};
	}
	for (size_t t = 0; t < c->ntables; t++) {
		const struct prefixlist *l = &c->tables[t].list;

		for (size_t i = 0; i < l->n; i++)
			all[n++] =
			    (struct psnetd_diff_route){.in = c->tables[t].in,
				.prefix = ntohl(l->entries[i].prefix),
				.plen = l->entries[i].plen,
				.protocol = ROUTE_PROTO_STATIC,
				.distance = route_distance(ROUTE_PROTO_STATIC),
				.index = (uint32_t)i,
				.table = (uint32_t)t + 1};
	}
	return n;
}

int
psnetd_diff_effective(
    const struct config *c, struct psnetd_diff_route **out, size_t *n)
{
	struct psnetd_diff_route *all;
	size_t total = c->nroutes, kept = 0;

	for (size_t t = 0; t < c->ntables; t++)
		total += c->tables[t].list.n;
	all = malloc((total + 1) * sizeof(*all));
	if (all == NULL)
		return -ENOMEM;
	collect_routes(c, all);
	qsort(all, total, sizeof(*all), compare_winner_first);
	for (size_t i = 0; i < total; i++) {
		if (kept == 0 ||
		    psnetd_diff_compare(&all[kept - 1], &all[i]) != 0)
			all[kept++] = all[i];
	}
	*out = all;
	*n = kept;
	return 0;
}

void
psnetd_diff_view(const struct config *c, const struct psnetd_diff_route *r,
    struct spec_route *out)
{
	const struct config_table *t;
	const struct prefixlist_entry *e;

	if (r->table == 0) {
		*out = c->routes[r->index];
		return;
	}
	t = &c->tables[r->table - 1];
	e = &t->list.entries[r->index];
	*out = (struct spec_route){.line = t->line,
	    .prefix = e->prefix,
	    .plen = e->plen,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .table = t->in,
	    .nhid = t->list.hops[e->hop].nhid,
	    .nnexthops = t->list.hops[e->hop].nhid == 0,
	    .nexthops = &t->list.hops[e->hop]};
}

static int
push_route(struct psnetd_diff_route **list, size_t *room, size_t *n,
    const struct psnetd_diff_route *r)
{
	int rc = array_reserve(list, room, *n, sizeof(*r));

	if (rc == 0)
		(*list)[(*n)++] = *r;
	return rc;
}

static int
merge_routes(struct psnetd_diff *d, const struct psnetd_diff_route *old,
    size_t nold, const struct psnetd_diff_route *new, size_t nnew)
{
	size_t i = 0, k = 0;
	int rc = 0;

	while (rc == 0 && (i < nold || k < nnew)) {
		struct spec_route a, b;
		int order;

		if (i == nold || k == nnew)
			order = i == nold ? 1 : -1;
		else
			order = psnetd_diff_compare(&old[i], &new[k]);
		if (order < 0) {
			rc = push_route(
			    &d->del, &d->del_room, &d->ndel, &old[i++]);
			continue;
		}
		if (order == 0) {
			psnetd_diff_view(d->old, &old[i++], &a);
			psnetd_diff_view(d->new, &new[k], &b);
		}
		if (order != 0 || !spec_route_equal(&a, &b))
			rc = push_route(
			    &d->set, &d->set_room, &d->nset, &new[k]);
		k++;
	}
	return rc;
}

static int
diff_routes(struct psnetd_diff *d)
{
	struct psnetd_diff_route *old, *new;
	size_t nold, nnew;
	int rc = psnetd_diff_effective(d->old, &old, &nold);

	if (rc != 0)
		return rc;
	rc = psnetd_diff_effective(d->new, &new, &nnew);
	if (rc == 0) {
		rc = merge_routes(d, old, nold, new, nnew);
		free(new);
	}
	free(old);
	return rc;
}

static int
diff_all(struct psnetd_diff *d)
{
	const struct psnetd_diff_op set = {.kind = PSNETD_DIFF_ROUTES_SET};
	const struct psnetd_diff_op del = {.kind = PSNETD_DIFF_ROUTES_REMOVE};
	const struct psnetd_diff_op objects = {.kind = PSNETD_DIFF_OBJECTS_SET};
	const struct psnetd_diff_op no_objects = {
	    .kind = PSNETD_DIFF_OBJECTS_REMOVE};
	int rc;

	if ((rc = attach_links(d, false)) != 0 ||
	    (rc = detach_links(d, true)) != 0 ||
	    (rc = attach_links(d, true)) != 0 || (rc = set_links(d)) != 0 ||
	    (rc = diff_options(d, true)) != 0 ||
	    (rc = remove_addrs(d, true)) != 0 || (rc = add_addrs(d)) != 0 ||
	    (rc = diff_routes(d)) != 0 ||
	    (d->new->nobjects > 0 && (rc = add_op(d, objects)) != 0) ||
	    (rc = add_op(d, set)) != 0 || (rc = diff_rules(d, true)) != 0 ||
	    (rc = diff_rules(d, false)) != 0 ||
	    (rc = diff_neighs(d, true)) != 0 ||
	    (rc = diff_options(d, false)) != 0 ||
	    (rc = diff_neighs(d, false)) != 0)
		return rc;
	if (d->ndel > 0 && (rc = add_op(d, del)) != 0)
		return rc;
	if (d->old->nobjects > 0 && (rc = add_op(d, no_objects)) != 0)
		return rc;
	rc = remove_addrs(d, false);
	return rc != 0 ? rc : detach_links(d, false);
}

int
psnetd_diff(
    const struct config *old, const struct config *new, struct psnetd_diff *out)
{
	struct psnetd_diff d = {.old = old, .new = new};
	int rc = diff_all(&d);

	if (rc != 0)
		psnetd_diff_fini(&d);
	else
		*out = d;
	return rc;
}

void
psnetd_diff_fini(struct psnetd_diff *d)
{
	free(d->ops);
	free(d->set);
	free(d->del);
	*d = (struct psnetd_diff){.nops = 0};
}
