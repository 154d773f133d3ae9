/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/apply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/idset.h"
#include "apps/psnetd/diff.h"
#include "apps/psnetd/journal.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/ops_nexthop.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"

struct apply {
	struct stack *st;
	struct psnetd_diff diff;
	struct psnetd_journal journal;
	const struct psnetd_apply_defaults *dflt;
	struct config_error *e;
};

/* Failures without a reason of their own. */
static int
blame(struct apply *a, unsigned int line, const char *word, int rc)
{
	a->e->line = line;
	words_fail(&a->e->what, word, "%s", words_strerror(-rc));
	return rc;
}

static int
apply_link(struct apply *a, const struct psnetd_diff_op *op)
{
	const struct spec_link *l = op->link;
	struct spec_link bare;
	int rc;

	a->e->line = l->line;
	if (op->kind == PSNETD_DIFF_LINK_SET) {
		rc = psnetd_journal_link_set(&a->journal, l);
		return rc != 0 ? blame(a, l->line, l->name, rc)
			       : psnetd_ops_link_set(a->st, l, &a->e->what);
	}
	bare = *l;
	bare.mtu = 0;
	bare.up = bare.promisc = bare.arp = SPEC_UNSAID;
	rc = psnetd_ops_link_add(a->st, &bare, &a->e->what);
	if (rc == 0 && psnetd_journal_attach(&a->journal, l) != 0) {
		psnetd_ops_link_del(a->st, l->name, &a->e->what);
		rc = blame(a, l->line, l->name, -ENOMEM);
	}
	return rc;
}

/* One that is gone already is as good as detached. */
static int
apply_detach(struct apply *a, const struct psnetd_diff_op *op)
{
	const struct spec_link *l = op->old_link;
	int rc = psnetd_journal_detach(&a->journal, l);

	if (rc == 0)
		rc = psnetd_ops_link_del(a->st, l->name, &a->e->what);
	if (rc == 0 || rc == -ENODEV)
		return 0;
	return blame(a, 0, l->name, rc);
}

static int
apply_addr(struct apply *a, const struct psnetd_diff_op *op)
{
	const struct spec_addr *addr = op->addr;
	int rc;

	a->e->line = addr->line;
	if (op->kind == PSNETD_DIFF_ADDR_ADD) {
		rc = psnetd_ops_addr_add(a->st, addr, &a->e->what);
		if (rc == 0)
			rc = psnetd_journal_addr_add(&a->journal, addr);
		return rc;
	}
	rc = psnetd_journal_addr_remove(&a->journal, addr);
	if (rc == 0)
		rc = psnetd_ops_addr_del(a->st, addr, &a->e->what);
	if (rc == 0 || rc == -EADDRNOTAVAIL || rc == -ENODEV)
		return 0;
	return blame(a, 0, addr->dev, rc);
}

static int
apply_neigh(struct apply *a, const struct psnetd_diff_op *op)
{
	const struct spec_neigh *n = op->neigh;
	const bool set = op->kind == PSNETD_DIFF_NEIGH_SET;
	int rc = psnetd_journal_neigh(&a->journal, n);

	a->e->line = set ? n->line : 0;
	if (rc != 0)
		return set ? blame(a, n->line, n->dev, rc) : 0;
	rc = set ? psnetd_ops_neigh_add(a->st, n, true, &a->e->what)
		 : psnetd_ops_neigh_del(a->st, n, &a->e->what);
	return !set && rc == -ENOENT ? 0 : rc;
}

/* One that somebody else added is as good; one that is gone is gone. */
static int
apply_rule(struct apply *a, const struct psnetd_diff_op *op)
{
	const struct spec_rule *r = op->rule;
	const bool add = op->kind == PSNETD_DIFF_RULE_ADD;
	int rc = 0;

	a->e->line = add ? r->line : 0;
	if (!add)
		rc = psnetd_journal_rule(&a->journal, r, false);
	if (rc == 0)
		rc = psnetd_ops_rule(a->st, r,
		    add ? PSNETD_OPS_RULE_ADD : PSNETD_OPS_RULE_REMOVE_EXACT,
		    &a->e->what);
	if (rc == 0 && add)
		rc = psnetd_journal_rule(&a->journal, r, true);
	return rc == -EEXIST || (!add && (rc == -ENOENT || rc == -ENODEV)) ? 0
									   : rc;
}

static int
apply_option(struct apply *a, const struct psnetd_diff_op *op)
{
	const struct config_option *o = &a->diff.new->options[op->option];
	const uint32_t value =
	    o->line != 0 ? o->value : a->dflt->options[op->option];
	int rc = psnetd_journal_option(&a->journal, op->option);

	if (rc == 0)
		rc = ipv4_option_set(a->st, op->option, value);
	if (rc == 0)
		return 0;
	a->e->line = o->line;
	words_fail(&a->e->what, ipv4_option_name(op->option),
	    "the value %u is out of range", (unsigned int)value);
	return rc;
}

/* Does o name one that was made again? */
static bool
names_fresh(
    const struct config *c, const struct spec_object *o, const bool *fresh)
{
	for (unsigned int i = 0; i < o->nmembers; i++)
		if (fresh[config_object_find(c, o->members[i].id) - c->objects])
			return true;
	return o->backup != 0 &&
	       fresh[config_object_find(c, o->backup) - c->objects];
}

static bool
is_this(void *arg, const struct spec_object *o)
{
	const struct spec_object *it = arg;

	return o->id == it->id;
}

/* Take the object away first; its routes come again with the file's. */
static int
remake_object(struct apply *a, const struct spec_object *o)
{
	int rc = psnetd_journal_objects_remove(
	    &a->journal, is_this, (void *)(uintptr_t)o);

	if (rc == 0)
		rc = psnetd_ops_nexthop_del(a->st, o->id, &a->e->what);
	if (rc != 0)
		return blame(a, o->line, NULL, rc);
	return psnetd_ops_nexthop_add(
	    a->st, o, NEXTHOP_OBJECT_ADD, &a->e->what);
}

/*
 * What cannot be replaced is made anew: another kind of thing, or a drop in
 * the place of a member of a group that will not name it any more.
 */
static int
replace_object(struct apply *a, const struct spec_object *o,
    const struct spec_object *now, bool *fresh)
{
	int rc;

	a->e->line = o->line;
	if (now != NULL && !spec_object_replaceable(now, o)) {
		*fresh = true;
		return remake_object(a, o);
	}
	rc = psnetd_journal_object(&a->journal, o->id);
	if (rc != 0)
		return blame(a, o->line, NULL, rc);
	rc = psnetd_ops_nexthop_add(
	    a->st, o, NEXTHOP_OBJECT_REPLACE, &a->e->what);
	if (rc != -EINVAL || now == NULL)
		return rc;
	*fresh = true;
	return remake_object(a, o);
}

/* One that changed in the file, or that the stack has lost. */
static int
apply_object(struct apply *a, const struct spec_object *o, bool *fresh)
{
	const struct config *c = a->diff.new;
	const struct spec_object *old = config_object_find(a->diff.old, o->id);
	struct spec_object now;
	int rc = psnetd_ops_nexthop_find(a->st, o->id, &now);

	if (rc == -ENOENT) {
		fresh[o - c->objects] = true;
		return replace_object(a, o, NULL, &fresh[o - c->objects]);
	}
	if (rc != 0)
		return blame(a, o->line, NULL, rc);
	if ((old == NULL || !spec_object_equal(old, o) ||
		names_fresh(c, o, fresh)) &&
	    !spec_object_equal(&now, o))
		rc = replace_object(a, o, &now, &fresh[o - c->objects]);
	spec_object_fini(&now);
	return rc;
}

/* Single ones first, for groups to name, and backups before who has them. */
static int
apply_objects(struct apply *a)
{
	const struct config *c = a->diff.new;
	bool *fresh = calloc(c->nobjects + 1, sizeof(*fresh));
	int rc = 0;

	if (fresh == NULL)
		return blame(a, 0, NULL, -ENOMEM);
	for (unsigned int level = 0; level < 3; level++)
		for (size_t i = 0; i < c->nobjects && rc == 0; i++)
			if (spec_object_level(&c->objects[i]) == level)
				rc = apply_object(a, &c->objects[i], fresh);
	free(fresh);
	return rc;
}

/* Did the file name it, and does so no more? */
static bool
is_dropped(void *arg, const struct spec_object *o)
{
	const struct psnetd_diff *d = arg;

	return config_object_find(d->old, o->id) != NULL &&
	       config_object_find(d->new, o->id) == NULL;
}

static int
apply_objects_remove(struct apply *a)
{
	const struct config *c = a->diff.old;
	struct idset ids = {.n = 0};
	int rc =
	    psnetd_journal_objects_remove(&a->journal, is_dropped, &a->diff);

	for (size_t i = 0; i < c->nobjects && rc == 0; i++)
		if (is_dropped(&a->diff, &c->objects[i]))
			rc = idset_add(&ids, c->objects[i].id);
	if (rc != 0)
		blame(a, 0, NULL, rc);
	else
		rc = psnetd_ops_nexthop_del_all(a->st, &ids, &a->e->what);
	idset_fini(&ids);
	return rc;
}

/* The routes of one commit: specifications, and what the stack needs. */
struct batch {
	const struct psnetd_diff_route **route;
	struct route_config *cfg;
	struct route_nexthop *hops;
	size_t n, nhops;
};

static void
batch_fini(struct batch *b)
{
	free(b->route);
	free(b->cfg);
	free(b->hops);
}

static bool
present(struct stack *st, const struct spec_route *r)
{
	const uint64_t s = pserialize_read_enter();
	struct route_entry e;
	const bool found = psnetd_ops_route_find(st, r, &e);

	pserialize_read_exit(s);
	return found;
}

/* Those that changed, and those that the stack lost. */
static int
batch_collect(struct apply *a, const struct psnetd_diff_route *all, size_t n,
    struct batch *b)
{
	const struct psnetd_diff *d = &a->diff;
	struct spec_route r;
	size_t next = 0;

	b->route = malloc((n + 1) * sizeof(b->route[0]));
	if (b->route == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const bool changed =
		    next < d->nset &&
		    psnetd_diff_compare(&d->set[next], &all[i]) == 0;

		psnetd_diff_view(d->new, &all[i], &r);
		if (changed)
			next++;
		else if (present(a->st, &r))
			continue;
		b->nhops += r.nnexthops;
		b->route[b->n++] = &all[i];
	}
	return 0;
}

/* Blame the line that has the route: of the file, or of a table's file. */
static void
blame_route(struct apply *a, const struct psnetd_diff_route *r)
{
	const struct config *c = a->diff.new;
	const struct config_table *t;

	if (r->table == 0) {
		a->e->line = c->routes[r->index].line;
		return;
	}
	t = &c->tables[r->table - 1];
	a->e->line = t->list.entries[r->index].at;
	snprintf(a->e->file, sizeof(a->e->file), "%s", t->path);
}

static int
batch_resolve(struct apply *a, struct batch *b)
{
	struct route_nexthop *hops;
	struct spec_route r;
	int rc = 0;

	b->cfg = calloc(b->n + 1, sizeof(b->cfg[0]));
	b->hops = hops = calloc(b->nhops + 1, sizeof(hops[0]));
	if (b->cfg == NULL || hops == NULL)
		return blame(a, 0, NULL, -ENOMEM);
	for (size_t i = 0; i < b->n && rc == 0; i++) {
		psnetd_diff_view(a->diff.new, b->route[i], &r);
		rc = psnetd_ops_resolve(
		    a->st, &r, hops, &b->cfg[i], &a->e->what);
		if (rc != 0)
			blame_route(a, b->route[i]);
		hops += r.nnexthops;
	}
	return rc;
}

static int
batch_note(struct apply *a, const struct batch *b)
{
	struct psnetd_journal_route *old = calloc(b->n + 1, sizeof(*old));
	struct spec_route r;
	size_t i;

	if (old == NULL)
		return blame(a, 0, NULL, -ENOMEM);
	for (i = 0; i < b->n; i++) {
		psnetd_diff_view(a->diff.new, b->route[i], &r);
		if (psnetd_journal_snapshot(a->st, &r, &old[i]) != 0)
			break;
	}
	if (psnetd_journal_routes(&a->journal, old, i) != 0 || i < b->n)
		return blame(a, 0, NULL, -ENOMEM);
	return 0;
}

static int
batch_load(struct apply *a, struct batch *b)
{
	struct spec_route r;
	size_t failed = b->n;
	int rc = batch_resolve(a, b);

	if (rc != 0)
		return rc;
	rc = ipv4_route_load(
	    a->st, b->cfg, b->n, ROUTE_REPLACE, NULL, NULL, &failed);
	if (rc == 0)
		return 0;
	/* The commit of all of them may fail where no single one did. */
	if (failed >= b->n) {
		a->e->line = 0;
		words_fail(&a->e->what, "routes", "%s", words_strerror(-rc));
		return rc;
	}
	psnetd_diff_view(a->diff.new, b->route[failed], &r);
	blame_route(a, b->route[failed]);
	psnetd_ops_route_error(&r, rc, &a->e->what);
	return rc;
}

/*
 * The journal is noted first but filled only with what a commit replaces; a
 * failed load changed nothing, and undoing nothing is harmless.
 */
static int
apply_routes(struct apply *a)
{
	struct psnetd_diff_route *all;
	struct batch b = {.n = 0};
	size_t n;

	if (psnetd_diff_effective(a->diff.new, &all, &n) != 0)
		return blame(a, 0, NULL, -ENOMEM);
	int rc = batch_collect(a, all, n, &b);

	if (rc != 0)
		blame(a, 0, NULL, rc);
	else if (b.n > 0)
		rc = batch_note(a, &b);
	if (rc == 0 && b.n > 0)
		rc = batch_load(a, &b);
	batch_fini(&b);
	free(all);
	return rc;
}

/* Is the route one of those to remove, which are sorted? */
static bool
is_removed(void *arg, const struct route_entry *e)
{
	const struct psnetd_diff *d = arg;
	struct psnetd_diff_route key = {.plen = e->plen,
	    .in = e->table == ROUTE_TABLES_MAIN ? 0 : e->table,
	    .metric = e->route->metric,
	    .distance = e->route->distance,
	    .protocol = e->route->protocol};
	size_t lo = 0, hi = d->ndel;
	uint32_t prefix;

	memcpy(&prefix, e->key, sizeof(prefix));
	key.prefix = ntohl(prefix);
	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;
		const int order = psnetd_diff_compare(&key, &d->del[mid]);

		if (order == 0)
			return true;
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

static int
apply_routes_remove(struct apply *a)
{
	const struct psnetd_diff *d = &a->diff;
	struct psnetd_journal_route *old = calloc(d->ndel + 1, sizeof(*old));
	int rc = old != NULL ? 0 : -ENOMEM;
	struct spec_route r;
	size_t i = 0;

	while (rc == 0 && i < d->ndel) {
		psnetd_diff_view(d->old, &d->del[i], &r);
		rc = psnetd_journal_snapshot(a->st, &r, &old[i]);
		if (rc == 0)
			i++;
	}
	if (old != NULL && psnetd_journal_routes(&a->journal, old, i) != 0)
		rc = -ENOMEM;
	if (rc == 0)
		rc = psnetd_ops_routes_flush(a->st, is_removed, &a->diff);
	return rc >= 0 ? 0 : blame(a, 0, NULL, rc);
}

static int
apply_op(struct apply *a, const struct psnetd_diff_op *op)
{
	switch (op->kind) {
	case PSNETD_DIFF_LINK_ATTACH:
	case PSNETD_DIFF_LINK_SET:
		return apply_link(a, op);
	case PSNETD_DIFF_LINK_DETACH:
		return apply_detach(a, op);
	case PSNETD_DIFF_ADDR_ADD:
	case PSNETD_DIFF_ADDR_REMOVE:
		return apply_addr(a, op);
	case PSNETD_DIFF_OBJECTS_SET:
		return apply_objects(a);
	case PSNETD_DIFF_OBJECTS_REMOVE:
		return apply_objects_remove(a);
	case PSNETD_DIFF_ROUTES_SET:
		return apply_routes(a);
	case PSNETD_DIFF_ROUTES_REMOVE:
		return apply_routes_remove(a);
	case PSNETD_DIFF_NEIGH_SET:
	case PSNETD_DIFF_NEIGH_REMOVE:
		return apply_neigh(a, op);
	case PSNETD_DIFF_RULE_ADD:
	case PSNETD_DIFF_RULE_REMOVE:
		return apply_rule(a, op);
	case PSNETD_DIFF_OPTION:
		return apply_option(a, op);
	}
	return -EINVAL;
}

int
psnetd_apply(struct stack *st, const struct config *old,
    const struct config *new, const struct psnetd_apply_defaults *dflt,
    struct config_error *e)
{
	struct apply a = {.st = st, .dflt = dflt, .e = e};
	int rc;

	e->line = 0;
	rc = psnetd_diff(old, new, &a.diff);
	if (rc != 0)
		return blame(&a, 0, NULL, rc);
	psnetd_journal_init(&a.journal, st);
	for (size_t i = 0; i < a.diff.nops && rc == 0; i++)
		rc = apply_op(&a, &a.diff.ops[i]);
	if (rc != 0)
		psnetd_journal_undo(&a.journal);
	psnetd_journal_fini(&a.journal);
	psnetd_diff_fini(&a.diff);
	return rc;
}

static bool
addr_present(struct stack *st, const struct spec_addr *want)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup_name(st, want->dev);
	const struct netif_addr *a;

	a = nif != NULL ? netif_addr_first(nif, NETIF_AF_INET) : NULL;
	while (a != NULL &&
	       (memcmp(a->addr, &want->addr, 4) != 0 || a->plen != want->plen))
		a = netif_addr_next(a);
	pserialize_read_exit(s);
	return a != NULL;
}

static void
forget_neighs(struct config *c, const char *dev)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->nneighs; i++) {
		if (strcmp(c->neighs[i].dev, dev) != 0)
			c->neighs[kept++] = c->neighs[i];
	}
	c->nneighs = kept;
}

void
psnetd_apply_prune(struct stack *st, struct config *c)
{
	struct words_error e;
	size_t kept = 0;
	netif_id id;

	for (size_t i = 0; i < c->naddrs; i++) {
		if (addr_present(st, &c->addrs[i]))
			c->addrs[kept++] = c->addrs[i];
	}
	c->naddrs = kept;
	kept = 0;
	for (size_t i = 0; i < c->nrules; i++) {
		if (psnetd_ops_rule_present(st, &c->rules[i]))
			c->rules[kept++] = c->rules[i];
	}
	c->nrules = kept;
	kept = 0;
	for (size_t i = 0; i < c->nlinks; i++) {
		if (psnetd_ops_dev(st, c->links[i].name, &id, &e) == 0)
			c->links[kept++] = c->links[i];
		else
			forget_neighs(c, c->links[i].name);
	}
	c->nlinks = kept;
}
