/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/ops_nexthop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/array.h"
#include "apps/psnetd/ops.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"
#include "stack/nexthop/nexthop.h"
#include "stack/proto/ipv4/ipv4.h"
#include "stack/route/rule.h"
#include "stack/route/tables.h"

#define NS_PER_MS UINT64_C(1000000)

static int
fail_id(struct words_error *e, int rc, uint32_t id, const char *why)
{
	char text[WORDS_TEXT_MAX];

	snprintf(text, sizeof(text), "%u", (unsigned int)id);
	words_fail(e, text, "%s", why);
	return rc;
}

/* Do packets to the gateway, from its interface, stay here, or go to all? */
static bool
is_special(struct stack *st, netif_id id, uint32_t via)
{
	const struct route_tables *ts = ipv4_tables(st);
	const struct route *r = route_rule_lookup_in(
	    ts, route_tables_of(ts, id), (const uint8_t *)&via, NULL);

	return r != NULL &&
	       (r->type == ROUTE_LOCAL || r->type == ROUTE_BROADCAST);
}

/* Has the interface an address of a network that has the gateway, too? */
static bool
on_link(struct stack *st, netif_id id, uint32_t via)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup(st, id);
	const struct netif_addr *a;
	uint32_t addr;
	bool found = false;

	a = nif != NULL ? netif_addr_first(nif, NETIF_AF_INET) : NULL;
	for (; a != NULL && !found; a = netif_addr_next(a)) {
		memcpy(&addr, a->addr, sizeof(addr));
		found = ((addr ^ via) & words_mask(a->plen)) == 0;
	}
	found = found && !is_special(st, id, via);
	pserialize_read_exit(s);
	return found;
}

static int
resolve_hop(struct stack *st, const struct spec_object *o,
    struct nexthop_hop *hop, struct words_error *e)
{
	char text[WORDS_TEXT_MAX];
	int rc;

	*hop = (struct nexthop_hop){.kind = o->kind, .af = NETIF_AF_INET};
	memcpy(hop->gateway, &o->via, sizeof(o->via));
	if (o->dev[0] == '\0') {
		if (o->kind == NEXTHOP_VIA)
			hop->table = ROUTE_TABLES_MAIN;
		return 0;
	}
	rc = psnetd_ops_dev(st, o->dev, &hop->netif, e);
	if (rc != 0 || o->kind != NEXTHOP_VIA ||
	    on_link(st, hop->netif, o->via))
		return rc;
	words_fail(e, words_show_ipv4(o->via, text),
	    "no address puts the gateway on %s", o->dev);
	return -ENETUNREACH;
}

/* Of members, or a backup, that are not there, the first one is to blame. */
static uint32_t
to_blame(struct stack *st, const struct spec_object *o, int rc)
{
	struct nexthop_object_config cfg;
	uint32_t id = o->id;

	stack_control_enter(st);
	for (unsigned int i = 0; rc == -ENOENT && i < o->nmembers; i++) {
		rc = nexthop_object_get(
		    nexthop_objects_of(st), o->members[i].id, &cfg);
		if (rc == -ENOENT) {
			id = o->members[i].id;
			break;
		}
		rc = -ENOENT;
	}
	if (rc == -ENOENT && id == o->id && o->backup != 0)
		id = o->backup;
	stack_control_exit(st);
	return id;
}

int
psnetd_ops_nexthop_add(struct stack *st, const struct spec_object *o,
    enum nexthop_object_mode mode, struct words_error *e)
{
	struct nexthop_object_member member[SPEC_OBJECT_MEMBERS_MAX];
	struct nexthop_object_config cfg = {.id = o->id,
	    .protocol = o->protocol,
	    .member = member,
	    .nmembers = o->nmembers,
	    .backup = o->backup,
	    .resilient = o->resilient,
	    .buckets = o->buckets,
	    .idle_timer = o->idle_ms * NS_PER_MS,
	    .unbalanced_timer = o->unbalanced_ms * NS_PER_MS};
	const char *why = "it failed";
	int rc = 0;

	for (unsigned int i = 0; i < o->nmembers; i++)
		member[i] = (struct nexthop_object_member){
		    .id = o->members[i].id, .weight = o->members[i].weight};
	if (o->nmembers == 0)
		rc = resolve_hop(st, o, &cfg.hop, e);
	if (rc != 0)
		return rc;
	rc = nexthop_add(st, &cfg, mode, &why);
	return rc != 0 ? fail_id(e, rc, to_blame(st, o, rc), why) : 0;
}

int
psnetd_ops_nexthop_del(struct stack *st, uint32_t id, struct words_error *e)
{
	const char *why = "it failed";
	int rc = nexthop_del(st, id, &why);

	return rc != 0 ? fail_id(e, rc, id, why) : 0;
}

int
psnetd_ops_nexthop_check(struct stack *st, uint32_t id, struct words_error *e)
{
	struct nexthop_object_config cfg;
	int rc = -ENOENT;

	if (nexthop_objects_of(st) != NULL) {
		const bool entered = psnetd_ops_control_enter(st);

		rc = nexthop_object_get(nexthop_objects_of(st), id, &cfg);
		psnetd_ops_control_exit(st, entered);
	}
	return rc != 0 ? fail_id(e, rc, id, "there is no next hop with this id")
		       : 0;
}

int
psnetd_ops_nexthop_del_all(
    struct stack *st, const struct idset *ids, struct words_error *e)
{
	const char *why = "it failed";
	int rc = 0;

	if (ids->n > 0)
		rc = nexthop_del_all(st, ids->id, ids->n, &why);
	if (rc < 0)
		words_fail(e, NULL, "%s", why);
	return rc < 0 ? rc : 0;
}

static int
describe(struct stack *st, const struct nexthop_object_config *cfg,
    struct spec_object *out)
{
	struct spec_object o = {.id = cfg->id,
	    .protocol = cfg->protocol,
	    .kind = cfg->nmembers == 0 ? cfg->hop.kind : NEXTHOP_VIA,
	    .nmembers = cfg->nmembers,
	    .backup = cfg->backup,
	    .resilient = cfg->resilient,
	    .buckets = cfg->resilient ? cfg->buckets : 0,
	    .idle_ms = cfg->idle_timer / NS_PER_MS,
	    .unbalanced_ms = cfg->unbalanced_timer / NS_PER_MS};

	if (cfg->nmembers == 0) {
		memcpy(&o.via, cfg->hop.gateway, sizeof(o.via));
		if (cfg->hop.netif != 0)
			psnetd_ops_name(st, cfg->hop.netif, o.dev);
		*out = o;
		return 0;
	}
	o.members = calloc(cfg->nmembers, sizeof(o.members[0]));
	if (o.members == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < cfg->nmembers; i++)
		o.members[i] = (struct spec_object_member){
		    .id = cfg->member[i].id, .weight = cfg->member[i].weight};
	*out = o;
	return 0;
}

int
psnetd_ops_nexthop_find(struct stack *st, uint32_t id, struct spec_object *out)
{
	struct nexthop_objects *t = nexthop_objects_of(st);
	struct nexthop_object_config cfg;
	bool entered;
	int rc = -ENOENT;

	if (t == NULL)
		return rc;
	entered = psnetd_ops_control_enter(st);
	rc = nexthop_object_get(t, id, &cfg);
	if (rc == 0)
		rc = describe(st, &cfg, out);
	psnetd_ops_control_exit(st, entered);
	return rc;
}

struct listing {
	struct stack *st;
	struct spec_object *list;
	size_t n, room;
};

static int
collect(void *arg, const struct nexthop_object_config *cfg)
{
	struct listing *l = arg;
	int rc = array_reserve(&l->list, &l->room, l->n, sizeof(l->list[0]));

	if (rc == 0)
		rc = describe(l->st, cfg, &l->list[l->n]);
	if (rc == 0)
		l->n++;
	return rc;
}

int
psnetd_ops_nexthop_walk(struct stack *st,
    int (*fn)(void *arg, const struct spec_object *o), void *arg)
{
	struct nexthop_objects *t = nexthop_objects_of(st);
	struct listing l = {.st = st};
	bool entered;
	int rc;

	if (t == NULL)
		return 0;
	entered = psnetd_ops_control_enter(st);
	rc = nexthop_object_walk(t, collect, &l);
	psnetd_ops_control_exit(st, entered);
	for (size_t i = 0; i < l.n; i++) {
		if (rc == 0)
			rc = fn(arg, &l.list[i]);
		spec_object_fini(&l.list[i]);
	}
	free(l.list);
	return rc;
}

struct selection {
	bool (*match)(void *arg, const struct spec_object *o);
	void *arg;
	struct idset hit, *out;
};

static int
select_matching(void *arg, const struct spec_object *o)
{
	struct selection *s = arg;

	return s->match(s->arg, o) ? idset_add(&s->hit, o->id) : 0;
}

static int
select_naming(void *arg, const struct spec_object *o)
{
	struct selection *s = arg;
	bool in = idset_has(&s->hit, o->id) ||
		  (o->backup != 0 && idset_has(&s->hit, o->backup));

	for (unsigned int i = 0; i < o->nmembers; i++)
		in |= idset_has(&s->hit, o->members[i].id);
	return in ? idset_add(s->out, o->id) : 0;
}

int
psnetd_ops_nexthop_select(struct stack *st,
    bool (*match)(void *arg, const struct spec_object *o), void *arg,
    struct idset *out)
{
	struct selection s = {.match = match, .arg = arg, .out = out};
	int rc;

	*out = (struct idset){.n = 0};
	/* By number both times, so that the sets are sorted. */
	rc = psnetd_ops_nexthop_walk(st, select_matching, &s);
	/* A group may go with its members: again, for whose backup it is. */
	for (int i = 0; i < 2 && rc == 0; i++) {
		if (i > 0) {
			idset_fini(&s.hit);
			s.hit = *out;
			*out = (struct idset){.n = 0};
		}
		rc = psnetd_ops_nexthop_walk(st, select_naming, &s);
	}
	idset_fini(&s.hit);
	if (rc != 0)
		idset_fini(out);
	return rc;
}

/* Under the control mutex.  Returns: false if there is no next hop there. */
static bool
hop_of(struct stack *st, uint32_t id, uint16_t weight, struct spec_nexthop *out,
    uint8_t *kind)
{
	struct nexthop_object_config cfg;

	if (nexthop_object_get(nexthop_objects_of(st), id, &cfg) != 0)
		return false;
	*kind = cfg.hop.kind;
	if (spec_object_drop_name(cfg.hop.kind) != NULL)
		return false;
	*out = (struct spec_nexthop){.weight = weight,
	    .recursive = cfg.hop.kind == NEXTHOP_VIA && cfg.hop.netif == 0};
	memcpy(&out->via, cfg.hop.gateway, sizeof(out->via));
	if (cfg.hop.netif != 0)
		psnetd_ops_name(st, cfg.hop.netif, out->dev);
	return true;
}

unsigned int
psnetd_ops_nexthop_hops(struct stack *st, uint32_t id,
    struct spec_nexthop out[SPEC_NEXTHOPS_MAX], uint8_t *kind)
{
	struct nexthop_object_config cfg;
	unsigned int n = 0;
	bool entered;

	*kind = NEXTHOP_VIA;
	if (nexthop_objects_of(st) == NULL)
		return 0;
	entered = psnetd_ops_control_enter(st);
	if (nexthop_object_get(nexthop_objects_of(st), id, &cfg) != 0)
		cfg.nmembers = 0;
	else if (cfg.nmembers == 0)
		n += hop_of(st, id, 1, &out[0], kind);
	for (unsigned int i = 0; i < cfg.nmembers; i++)
		n += hop_of(
		    st, cfg.member[i].id, cfg.member[i].weight, &out[n], kind);
	psnetd_ops_control_exit(st, entered);
	return n;
}
