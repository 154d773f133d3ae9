/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/array.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/ops_nexthop.h"
#include "drivers/args/args.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"
#include "stack/nexthop/neigh.h"

enum undo {
	UNDO_ATTACH,
	UNDO_DETACH,
	UNDO_LINK_SET,
	UNDO_ADDR_ADD,
	UNDO_ADDR_REMOVE,
	UNDO_NEIGH_SET,
	UNDO_NEIGH_REMOVE,
	UNDO_OPTION,
	UNDO_RULE_ADD,
	UNDO_RULE_REMOVE,
	UNDO_ROUTES,
	UNDO_OBJECT_SET,
	UNDO_OBJECT_REMOVE,
};

/* kind is what to do now; the other fields belong to it. */
struct psnetd_journal_entry {
	enum undo kind;
	union {
		struct spec_link link;
		struct spec_addr addr;
		struct spec_neigh neigh;
		struct spec_rule rule;
		struct spec_object object;
		struct {
			enum ipv4_option opt;
			uint32_t value;
		} option;
		struct {
			struct psnetd_journal_route *list;
			size_t n;
		} routes;
	} u;
};

void
psnetd_journal_init(struct psnetd_journal *j, struct stack *st)
{
	*j = (struct psnetd_journal){.st = st};
}

static void
free_routes(struct psnetd_journal_route *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		spec_route_fini(&list[i].route);
	free(list);
}

void
psnetd_journal_fini(struct psnetd_journal *j)
{
	for (size_t i = 0; i < j->n; i++) {
		if (j->entries[i].kind == UNDO_ROUTES)
			free_routes(j->entries[i].u.routes.list,
			    j->entries[i].u.routes.n);
		if (j->entries[i].kind == UNDO_OBJECT_SET)
			spec_object_fini(&j->entries[i].u.object);
	}
	free(j->entries);
	psnetd_journal_init(j, j->st);
}

static void
undo_routes(struct stack *st, const struct psnetd_journal_route *list, size_t n)
{
	struct words_error e;

	for (size_t i = 0; i < n; i++) {
		const struct spec_route *r = &list[i].route;

		if (list[i].existed)
			psnetd_ops_route_add(st, r, ROUTE_REPLACE, &e);
		else
			psnetd_ops_route_del(st, r, true, &e);
	}
}

/* One of another type takes its place by going first. */
static void
undo_object(struct stack *st, const struct spec_object *o)
{
	struct spec_object now;
	struct words_error e;

	if (psnetd_ops_nexthop_find(st, o->id, &now) == 0) {
		if (!spec_object_replaceable(&now, o))
			psnetd_ops_nexthop_del(st, o->id, &e);
		spec_object_fini(&now);
	}
	psnetd_ops_nexthop_add(st, o, NEXTHOP_OBJECT_REPLACE, &e);
}

/* A step back that fails leaves the others to be taken. */
static void
undo_one(struct stack *st, const struct psnetd_journal_entry *u)
{
	struct words_error e;

	switch (u->kind) {
	case UNDO_ATTACH:
		psnetd_ops_link_add(st, &u->u.link, &e);
		break;
	case UNDO_DETACH:
		psnetd_ops_link_del(st, u->u.link.name, &e);
		break;
	case UNDO_LINK_SET:
		psnetd_ops_link_set(st, &u->u.link, &e);
		break;
	case UNDO_ADDR_ADD:
		psnetd_ops_addr_add(st, &u->u.addr, &e);
		break;
	case UNDO_ADDR_REMOVE:
		psnetd_ops_addr_del(st, &u->u.addr, &e);
		break;
	case UNDO_NEIGH_SET:
		psnetd_ops_neigh_add(st, &u->u.neigh, true, &e);
		break;
	case UNDO_NEIGH_REMOVE:
		psnetd_ops_neigh_del(st, &u->u.neigh, &e);
		break;
	case UNDO_RULE_ADD:
		psnetd_ops_rule(st, &u->u.rule, PSNETD_OPS_RULE_ADD, &e);
		break;
	case UNDO_RULE_REMOVE:
		psnetd_ops_rule(
		    st, &u->u.rule, PSNETD_OPS_RULE_REMOVE_EXACT, &e);
		break;
	case UNDO_OPTION:
		ipv4_option_set(st, u->u.option.opt, u->u.option.value);
		break;
	case UNDO_ROUTES:
		undo_routes(st, u->u.routes.list, u->u.routes.n);
		break;
	case UNDO_OBJECT_SET:
		undo_object(st, &u->u.object);
		break;
	case UNDO_OBJECT_REMOVE:
		psnetd_ops_nexthop_del(st, u->u.object.id, &e);
		break;
	}
}

void
psnetd_journal_undo(struct psnetd_journal *j)
{
	for (size_t i = j->n; i > 0; i--)
		undo_one(j->st, &j->entries[i - 1]);
	psnetd_journal_fini(j);
}

static int
note(struct psnetd_journal *j, const struct psnetd_journal_entry *u)
{
	int rc = array_reserve(&j->entries, &j->room, j->n, sizeof(*u));

	if (rc == 0)
		j->entries[j->n++] = *u;
	return rc;
}

int
psnetd_journal_attach(struct psnetd_journal *j, const struct spec_link *l)
{
	return note(j,
	    &(struct psnetd_journal_entry){.kind = UNDO_DETACH, .u.link = *l});
}

int
psnetd_journal_routes(
    struct psnetd_journal *j, struct psnetd_journal_route *routes, size_t n)
{
	int rc = note(j, &(struct psnetd_journal_entry){
			     .kind = UNDO_ROUTES, .u.routes = {routes, n}});

	if (rc != 0)
		free_routes(routes, n);
	return rc;
}

int
psnetd_journal_snapshot(struct stack *st, const struct spec_route *r,
    struct psnetd_journal_route *out)
{
	struct psnetd_journal_route saved = {.route = *r};
	struct route_entry e;
	int rc = 0;
	uint64_t s;

	saved.route.nexthops = NULL;
	saved.route.nnexthops = 0;
	s = pserialize_read_enter();
	if (psnetd_ops_route_find(st, r, &e)) {
		saved.existed = true;
		rc = psnetd_ops_describe(st, &e, &saved.route);
	}
	pserialize_read_exit(s);
	if (rc == 0)
		*out = saved;
	return rc;
}

/* The configured routes that leave through one interface, or by objects. */
struct via {
	struct stack *st;
	netif_id id;
	const struct idset *nhids; /* NULL: by interface */
	struct psnetd_journal_route *list;
	size_t n, room;
};

static int
collect_via(void *arg, const struct route_entry *e)
{
	const struct route *r = e->route;
	struct via *v = arg;
	unsigned int i = 0;
	int rc;

	while (i < r->nnexthops && r->nexthops[i].netif != v->id)
		i++;
	if (v->nhids != NULL ? !idset_has(v->nhids, r->nhid)
			     : i == r->nnexthops)
		return 0;
	if (r->protocol == ROUTE_PROTO_KERNEL)
		return 0;
	rc = array_reserve(&v->list, &v->room, v->n, sizeof(v->list[0]));
	if (rc != 0)
		return rc;
	v->list[v->n].existed = true;
	rc = psnetd_ops_describe(v->st, e, &v->list[v->n].route);
	if (rc == 0)
		v->n++;
	return rc;
}

static int
collect_table(void *arg, struct route_table *t)
{
	return route_table_walk(t, collect_via, arg);
}

static int
note_routes_via(
    struct psnetd_journal *j, netif_id id, const struct idset *nhids)
{
	struct via v = {.st = j->st, .id = id, .nhids = nhids};
	int rc = route_tables_walk(ipv4_tables(j->st), collect_table, &v);

	if (rc == 0)
		return psnetd_journal_routes(j, v.list, v.n);
	free_routes(v.list, v.n);
	return rc;
}

int
psnetd_journal_object(struct psnetd_journal *j, uint32_t id)
{
	struct psnetd_journal_entry u = {
	    .kind = UNDO_OBJECT_REMOVE, .u.object.id = id};
	struct spec_object o;
	int rc = psnetd_ops_nexthop_find(j->st, id, &o);

	if (rc == 0) {
		u.kind = UNDO_OBJECT_SET;
		u.u.object = o;
	} else if (rc != -ENOENT) {
		return rc;
	}
	rc = note(j, &u);
	if (rc != 0)
		spec_object_fini(&u.u.object);
	return rc;
}

/* What is undone first is noted last: single ones, for groups to name. */
int
psnetd_journal_objects_remove(struct psnetd_journal *j,
    bool (*match)(void *arg, const struct spec_object *o), void *arg)
{
	struct spec_object o;
	struct idset ids;
	int rc = psnetd_ops_nexthop_select(j->st, match, arg, &ids);

	if (rc != 0 || ids.n == 0)
		return rc;
	rc = note_routes_via(j, 0, &ids);
	for (unsigned int level = 3; level-- > 0;) {
		for (size_t i = 0; i < ids.n && rc == 0; i++) {
			if (psnetd_ops_nexthop_find(j->st, ids.id[i], &o) != 0)
				continue;
			if (spec_object_level(&o) == level)
				rc = psnetd_journal_object(j, ids.id[i]);
			spec_object_fini(&o);
		}
	}
	idset_fini(&ids);
	return rc;
}

struct on_link {
	struct psnetd_journal *j;
	const char *dev;
};

static int
note_permanent(void *arg, const struct nexthop_entry *n)
{
	const struct on_link *o = arg;
	struct psnetd_journal_entry u = {.kind = UNDO_NEIGH_SET};

	if (n->state != NEXTHOP_PERMANENT)
		return 0;
	memcpy(&u.u.neigh.addr, n->addr, 4);
	memcpy(u.u.neigh.lladdr, n->hwaddr, 6);
	snprintf(u.u.neigh.dev, sizeof(u.u.neigh.dev), "%s", o->dev);
	return note(o->j, &u);
}

static bool
is_on(void *arg, const struct spec_object *o)
{
	return strcmp(o->dev, arg) == 0;
}

static int
note_addrs(struct psnetd_journal *j, netif_id id, const char *dev)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup(j->st, id);
	const struct netif_addr *a;
	int rc = 0;

	a = nif != NULL ? netif_addr_first(nif, NETIF_AF_INET) : NULL;
	for (; a != NULL && rc == 0; a = netif_addr_next(a)) {
		struct psnetd_journal_entry u = {
		    .kind = UNDO_ADDR_ADD, .u.addr.plen = a->plen};

		memcpy(&u.u.addr.addr, a->addr, 4);
		snprintf(u.u.addr.dev, sizeof(u.u.addr.dev), "%s", dev);
		rc = note(j, &u);
	}
	pserialize_read_exit(s);
	return rc;
}

int
psnetd_journal_rule(
    struct psnetd_journal *j, const struct spec_rule *r, bool added)
{
	return note(j, &(struct psnetd_journal_entry){
			   .kind = added ? UNDO_RULE_REMOVE : UNDO_RULE_ADD,
			   .u.rule = *r});
}

static int
note_rule(void *arg, const struct spec_rule *r)
{
	const struct on_link *o = arg;

	return strcmp(r->iif, o->dev) != 0
		   ? 0
		   : psnetd_journal_rule(o->j, r, false);
}

/* The interface's present MTU and flags, as a specification. */
static int
present_state(struct stack *st, netif_id id, struct spec_link *l)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup(st, id);
	uint32_t f = 0;

	l->table = route_table_number(route_tables_of(ipv4_tables(st), id));
	l->has_table = l->table != ROUTE_TABLES_MAIN;
	l->has_mark = true;

	if (nif != NULL) {
		/* relaxed: configuration changes on this thread only. */
		f = sync_load_relaxed(&nif->flags);
		/* relaxed: as above. */
		l->mtu = sync_load_relaxed(&nif->mtu);
		/* relaxed: as above. */
		l->mark = sync_load_relaxed(&nif->mark);
	}
	pserialize_read_exit(s);
	l->up = (f & NETIF_UP) != 0 ? SPEC_ON : SPEC_OFF;
	l->promisc = (f & NETIF_PROMISC) != 0 ? SPEC_ON : SPEC_OFF;
	l->arp = (f & NETIF_NOARP) != 0 ? SPEC_OFF : SPEC_ON;
	return nif != NULL ? 0 : -ENODEV;
}

/* What is configured on the interface. */
static int
note_uses(struct psnetd_journal *j, netif_id id, const char *dev)
{
	struct on_link o = {.j = j, .dev = dev};
	int rc = note_routes_via(j, id, NULL);

	if (rc == 0)
		rc = psnetd_journal_objects_remove(
		    j, is_on, (void *)(uintptr_t)dev);
	if (rc != 0)
		return rc;
	rc = psnetd_ops_rules_walk(j->st, note_rule, &o);
	if (rc != 0)
		return rc;
	rc = nexthop_walk(j->st, id, NETIF_AF_INET, note_permanent, &o);
	if (rc != 0 && rc != -EAFNOSUPPORT)
		return rc;
	return note_addrs(j, id, dev);
}

/* A wire takes its other end along, and that makes both again. */
static int
note_peer(struct psnetd_journal *j, const struct spec_link *l)
{
	const char *args = l->args;
	struct spec_link peer = {.line = 0};
	struct args_word word = {.key = ""};
	struct words_error e;
	netif_id id;
	int rc;

	if (strcmp(l->driver, "wire") != 0)
		return 0;
	while (strcmp(word.key, "peer") != 0) {
		if (!args_next(&args, &word))
			return 0;
	}
	if (words_name(word.value, peer.name, &e) != 0 ||
	    psnetd_ops_dev(j->st, peer.name, &id, &e) != 0)
		return 0;
	rc = note_uses(j, id, peer.name);
	return rc != 0 ? rc : psnetd_journal_link_set(j, &peer);
}

/* Undoing runs backwards: what needs the interface is noted before it. */
int
psnetd_journal_detach(struct psnetd_journal *j, const struct spec_link *l)
{
	struct psnetd_journal_entry u = {.kind = UNDO_ATTACH, .u.link = *l};
	struct words_error e;
	netif_id id;
	int rc = psnetd_ops_dev(j->st, l->name, &id, &e);

	if (rc != 0)
		return rc;
	if ((rc = note_uses(j, id, l->name)) != 0 ||
	    (rc = note_peer(j, l)) != 0 ||
	    (rc = present_state(j->st, id, &u.u.link)) != 0)
		return rc;
	return note(j, &u);
}

int
psnetd_journal_link_set(struct psnetd_journal *j, const struct spec_link *l)
{
	struct psnetd_journal_entry u = {.kind = UNDO_LINK_SET};
	struct words_error e;
	netif_id id;
	int rc = psnetd_ops_dev(j->st, l->name, &id, &e);

	if (rc != 0)
		return rc;
	memcpy(u.u.link.name, l->name, sizeof(u.u.link.name));
	rc = present_state(j->st, id, &u.u.link);
	return rc != 0 ? rc : note(j, &u);
}

int
psnetd_journal_addr_add(struct psnetd_journal *j, const struct spec_addr *a)
{
	return note(j, &(struct psnetd_journal_entry){
			   .kind = UNDO_ADDR_REMOVE, .u.addr = *a});
}

int
psnetd_journal_addr_remove(struct psnetd_journal *j, const struct spec_addr *a)
{
	struct words_error e;
	netif_id id;
	int rc = psnetd_ops_dev(j->st, a->dev, &id, &e);

	if (rc != 0 || (rc = note_routes_via(j, id, NULL)) != 0)
		return rc;
	return note(j, &(struct psnetd_journal_entry){
			   .kind = UNDO_ADDR_ADD, .u.addr = *a});
}

struct find_neigh {
	struct spec_neigh *neigh;
	bool found;
};

static int
match_neigh(void *arg, const struct nexthop_entry *n)
{
	struct find_neigh *f = arg;

	if (n->state == NEXTHOP_PERMANENT &&
	    memcmp(n->addr, &f->neigh->addr, 4) == 0) {
		memcpy(f->neigh->lladdr, n->hwaddr, 6);
		f->found = true;
	}
	return 0;
}

int
psnetd_journal_neigh(struct psnetd_journal *j, const struct spec_neigh *n)
{
	struct psnetd_journal_entry u = {.u.neigh = *n};
	struct find_neigh f = {.neigh = &u.u.neigh};
	struct words_error e;
	netif_id id;
	int rc = psnetd_ops_dev(j->st, n->dev, &id, &e);

	if (rc != 0)
		return rc;
	rc = nexthop_walk(j->st, id, NETIF_AF_INET, match_neigh, &f);
	if (rc != 0)
		return rc;
	u.kind = f.found ? UNDO_NEIGH_SET : UNDO_NEIGH_REMOVE;
	return note(j, &u);
}

int
psnetd_journal_option(struct psnetd_journal *j, enum ipv4_option o)
{
	struct psnetd_journal_entry u = {
	    .kind = UNDO_OPTION, .u.option.opt = o};
	int rc = ipv4_option_get(j->st, o, &u.u.option.value);

	return rc != 0 ? rc : note(j, &u);
}
