/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Configured routes: what route_table_add() does not know of, the interfaces
 * and networks that gateways are on.  Routes that follow from addresses are
 * addr.c's and refused here.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/nexthop/neigh.h"
#include "stack/proto/ipv4/ipv4_impl.h"

#define PROGRESS_EVERY 16384

/* The interface that gw, network order, is on by table t; 0: on no link. */
static netif_id
link_by(const struct ipv4 *ip, const struct route_table *t, uint32_t gw)
{
	const struct route *r =
	    route_rule_lookup_in(ip->tables, t, (const uint8_t *)&gw, NULL);

	if (r == NULL || r->type != ROUTE_UNICAST || r->nnexthops == 0 ||
	    r->nexthops[0].has_gateway)
		return 0;
	return r->nexthops[0].netif;
}

/* The same by the route's own table, or else by that of its interface. */
static netif_id
link_of(const struct ipv4 *ip, const struct route_table *t,
    const struct route_nexthop *nh)
{
	const uint32_t gw = ipv4_get(nh->gateway);
	const netif_id on = link_by(ip, t, gw);

	return on != 0
		   ? on
		   : link_by(ip, route_tables_of(ip->tables, nh->netif), gw);
}

/*
 * Check one next hop of a route in t, and give it its interface.  In a read
 * section.
 */
static int
resolve(const struct ipv4 *ip, const struct route_table *t,
    struct route_nexthop *nh)
{
	const struct netif *nif;
	netif_id on;

	if (nh->recursive)
		return nh->netif == 0 && nh->has_gateway ? 0 : -EINVAL;
	if (nh->netif == 0 && !nh->has_gateway)
		return -EINVAL;
	on = nh->has_gateway ? link_of(ip, t, nh) : nh->netif;
	if (nh->netif == 0)
		nh->netif = on;
	if (nh->netif == 0)
		return -ENETUNREACH;
	nif = netif_lookup(ip->stack, nh->netif);
	if (nif == NULL)
		return -ENODEV;
	/* Several interfaces may share the gateway's network. */
	if (on != nh->netif &&
	    (on == 0 || !ipv4_addr_on_link(nif, ipv4_get(nh->gateway))))
		return -ENETUNREACH;
	return 0;
}

static bool
configurable(uint8_t type)
{
	return type == ROUTE_UNICAST || type == ROUTE_BLACKHOLE ||
	       type == ROUTE_UNREACHABLE || type == ROUTE_PROHIBIT ||
	       type == ROUTE_THROW || type == ROUTE_LOOKUP;
}

/* Copy cfg with its next hops, resolved, in nh.  In a read section. */
static int
prepare(const struct ipv4 *ip, const struct route_table *t,
    const struct route_config *cfg, struct route_config *out,
    struct route_nexthop *nh)
{
	const struct route *src;
	unsigned int i;
	int error;

	if (!configurable(cfg->type) || cfg->nnexthops > ROUTE_NEXTHOPS_MAX)
		return -EINVAL;
	if (cfg->protocol == ROUTE_PROTO_KERNEL)
		return -EPERM;
	if (cfg->type == ROUTE_LOOKUP &&
	    (cfg->table == route_table_number(t) ||
		route_tables_find(ip->tables, cfg->table) == NULL))
		return -EINVAL;
	*out = *cfg;
	out->nexthops = nh;
	for (i = 0; i < cfg->nnexthops; i++) {
		nh[i] = cfg->nexthops[i];
		error = resolve(ip, t, &nh[i]);
		if (error != 0)
			return error;
	}
	if (cfg->has_prefsrc) {
		src = ipv4_lookup(ip, cfg->nnexthops > 0 ? nh[0].netif : 0,
		    ipv4_get(cfg->prefsrc));
		if (src == NULL || src->type != ROUTE_LOCAL)
			return -EINVAL;
	}
	return 0;
}

/* Add one route to x, a transaction of t. */
static int
edit(const struct ipv4 *ip, const struct route_table *t, struct route_txn *x,
    const struct route_config *cfg, enum route_mode mode)
{
	struct route_nexthop nh[ROUTE_NEXTHOPS_MAX];
	struct route_config full;
	uint64_t s;
	int error;

	s = pserialize_read_enter();
	error = prepare(ip, t, cfg, &full, nh);
	pserialize_read_exit(s);
	return error != 0 ? error : route_txn_add(x, &full, mode);
}

/* The interfaces on whose links a prefix's addresses were. */
struct links {
	unsigned int n;
	netif_id id[ROUTE_NEXTHOPS_MAX];
};

static void
remember_links(const struct route *r, struct links *out)
{
	unsigned int i;

	out->n = 0;
	if (r == NULL)
		return;
	for (i = 0; i < r->nnexthops; i++)
		if (!r->nexthops[i].has_gateway)
			out->id[out->n++] = r->nexthops[i].netif;
}

static bool
on_link(const struct route *r, netif_id id)
{
	unsigned int i;

	for (i = 0; r != NULL && i < r->nnexthops; i++)
		if (!r->nexthops[i].has_gateway && r->nexthops[i].netif == id)
			return true;
	return false;
}

/* How a network of interface id overlaps net/plen. */
enum overlap {
	OVERLAP_NONE,
	OVERLAP_PART, /* some of it is inside */
	OVERLAP_ALL,  /* it is net/plen, or around it */
};

static enum overlap
overlap(const struct ipv4 *ip, netif_id id, uint32_t net, unsigned int plen)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup(ip->stack, id);
	const struct netif_addr *a = NULL;
	enum overlap found = OVERLAP_NONE;
	uint32_t addr;

	if (nif != NULL)
		a = netif_addr_first(nif, NETIF_AF_INET);
	for (; a != NULL && found != OVERLAP_ALL; a = netif_addr_next(a)) {
		addr = ntohl(ipv4_get(a->addr));
		if (a->plen <= plen && ipv4_within(net, addr, a->plen))
			found = OVERLAP_ALL;
		else if (ipv4_within(addr, net, plen))
			found = OVERLAP_PART;
	}
	pserialize_read_exit(s);
	return found;
}

/* Purge net/plen on interface id, but what its networks contain. */
static void
flush_unconnected(
    const struct ipv4 *ip, netif_id id, uint32_t net, unsigned int plen)
{
	const enum overlap how = overlap(ip, id, net, plen);
	uint8_t prefix[4];

	if (how == OVERLAP_NONE) {
		ipv4_put(prefix, htonl(net));
		(void)nexthop_flush(
		    ip->stack, id, NETIF_AF_INET, prefix, plen, false);
	} else if (how == OVERLAP_PART) {
		flush_unconnected(ip, id, net, plen + 1);
		flush_unconnected(ip, id, net | 1U << (31 - plen), plen + 1);
	}
}

/*
 * Neighbours are purged with the route that made them neighbours, unless its
 * successor does so too, or a connected network does: to ask for those again
 * would cost packets of flows that nobody touched.
 */
static void
flush_links(const struct ipv4 *ip, const struct links *l, const uint8_t *prefix,
    unsigned int plen, const struct route *successor)
{
	unsigned int i;

	for (i = 0; i < l->n; i++)
		if (!on_link(successor, l->id[i]))
			flush_unconnected(
			    ip, l->id[i], ntohl(ipv4_get(prefix)), plen);
}

/* The table that cfg is for, and the one that it leads to, made if need be. */
static int
tables_of(
    struct ipv4 *ip, const struct route_config *cfg, struct route_table **out)
{
	struct route_table *other;
	int error = 0;

	if (cfg->type == ROUTE_LOOKUP)
		error = route_tables_get(ip->tables, cfg->table, &other);
	return error != 0 ? error : route_tables_get(ip->tables, cfg->in, out);
}

/* The routes that are in use stay while the control mutex is held. */
static int
add_one(struct ipv4 *ip, const struct route_config *cfg, enum route_mode mode)
{
	const struct route *now;
	struct route_table *t;
	struct links links;
	struct route_txn *x;
	int error;

	error = tables_of(ip, cfg, &t);
	if (error == 0)
		error = route_txn_begin(t, &x);
	if (error != 0)
		return error;
	remember_links(route_txn_exact(x, cfg->prefix, cfg->plen), &links);
	error = edit(ip, t, x, cfg, mode);
	if (error != 0) {
		route_txn_abort(x);
		return error;
	}
	now = route_txn_exact(x, cfg->prefix, cfg->plen);
	ip->prefsrc_used |= cfg->has_prefsrc;
	error = route_txn_commit(x);
	if (error == 0)
		flush_links(ip, &links, cfg->prefix, cfg->plen, now);
	return error;
}

int
ipv4_route_add(
    struct stack *st, const struct route_config *cfg, enum route_mode mode)
{
	struct ipv4 *ip = ipv4_of(st);
	int error;

	if (ip == NULL)
		return -EAFNOSUPPORT;
	stack_control_enter(st);
	error = add_one(ip, cfg, mode);
	stack_control_exit(st);
	return error;
}

/* Which candidate of a prefix is to go: the best that agrees() likes. */
struct which {
	uint32_t table;
	const uint8_t *prefix;
	unsigned int plen;
	bool (*agrees)(void *arg, const struct route *r);
	void *arg;
};

static int
choose(struct route_txn *x, const struct which *w, struct route_key *out)
{
	const struct route *r;
	unsigned int rank;
	int error = -ENOENT;

	for (rank = 0;
	     (r = route_txn_candidate(x, w->prefix, w->plen, rank)) != NULL;
	     rank++) {
		if (!w->agrees(w->arg, r))
			continue;
		if (r->protocol != ROUTE_PROTO_KERNEL) {
			*out = route_key(r);
			return 0;
		}
		error = -EPERM;
	}
	return error;
}

static int
remove_one(struct ipv4 *ip, const struct which *w)
{
	struct route_table *t = route_tables_find(ip->tables, w->table);
	const struct route *now;
	struct route_key key;
	struct route_txn *x;
	struct links links;
	int error;

	if (t == NULL)
		return -ENOENT;
	error = route_txn_begin(t, &x);
	if (error != 0)
		return error;
	remember_links(route_txn_exact(x, w->prefix, w->plen), &links);
	error = choose(x, w, &key);
	if (error == 0)
		error = route_txn_remove(x, w->prefix, w->plen, &key);
	if (error != 0) {
		route_txn_abort(x);
		return error;
	}
	now = route_txn_exact(x, w->prefix, w->plen);
	error = route_txn_commit(x);
	if (error == 0)
		flush_links(ip, &links, w->prefix, w->plen, now);
	return error;
}

int
ipv4_route_remove_if(struct stack *st, uint32_t table, const uint8_t *prefix,
    unsigned int plen, bool (*agrees)(void *arg, const struct route *r),
    void *arg)
{
	const struct which w = {table, prefix, plen, agrees, arg};
	struct ipv4 *ip = ipv4_of(st);
	int error;

	if (ip == NULL)
		return -EAFNOSUPPORT;
	stack_control_enter(st);
	error = remove_one(ip, &w);
	stack_control_exit(st);
	return error;
}

static bool
any(void *arg, const struct route *r)
{
	(void)arg;
	(void)r;
	return true;
}

int
ipv4_route_remove(struct stack *st, const uint8_t *prefix, unsigned int plen)
{
	return ipv4_route_remove_if(st, 0, prefix, plen, any, NULL);
}

static uint32_t
number_of(const struct route_config *cfg)
{
	return cfg->in != 0 ? cfg->in : ROUTE_TABLES_MAIN;
}

/*
 * By table, then by prefix, so that neighbours in the tree are edited while it
 * is cached.
 */
static int
compare_order(const void *left, const void *right)
{
	const struct route_config *a =
	    *(const struct route_config *const *)left;
	const struct route_config *b =
	    *(const struct route_config *const *)right;
	int order =
	    (number_of(a) > number_of(b)) - (number_of(a) < number_of(b));

	if (order == 0)
		order = memcmp(a->prefix, b->prefix, 4);
	if (order == 0)
		order = (a->plen > b->plen) - (a->plen < b->plen);
	if (order == 0) /* the same prefix twice: as they came */
		order = (a > b) - (a < b);
	return order;
}

/* A load that goes through the tables one after the other. */
struct load {
	struct ipv4 *ip;
	struct ipv4_txns txns;
	struct route_table *table; /* that the newest of them is of */
	struct route_txn *txn;     /* the newest */
	enum route_mode mode;
	const struct route_config **order;
	size_t n;
	void (*progress)(void *arg, size_t done);
	void *progress_arg;
	bool whole;       /* the routes are all of protocol */
	uint32_t number;  /* of their table, if whole */
	uint8_t protocol; /* if whole */
	size_t at;        /* in order, where the walk is */
	size_t removed;
};

/* Go on with t. */
static int
load_turn(struct load *l, struct route_table *t)
{
	int error = 0;

	if (t != l->table)
		error = ipv4_txns_begin(&l->txns, t, &l->txn);
	if (error == 0)
		l->table = t;
	return error;
}

static int
load_one(struct load *l, const struct route_config *cfg)
{
	struct route_table *t;
	int error;

	error = tables_of(l->ip, cfg, &t);
	if (error == 0)
		error = load_turn(l, t);
	if (error != 0)
		return error;
	l->ip->prefsrc_used |= cfg->has_prefsrc;
	return edit(l->ip, t, l->txn, cfg, l->mode);
}

/* Both are sorted alike: by prefix, then by length. */
static int
compare_entry(const struct route_config *cfg, const struct route_entry *e)
{
	const int order = memcmp(cfg->prefix, e->key, 4);

	return order != 0 ? order
			  : (cfg->plen > e->plen) - (cfg->plen < e->plen);
}

/* A candidate of before the load goes if it is not in the load. */
static int
drop_other(void *arg, const struct route_entry *e)
{
	const struct route_key key = route_key(e->route);
	struct load *l = arg;
	size_t i;

	if (key.protocol != l->protocol)
		return 0;
	while (l->at < l->n && compare_entry(l->order[l->at], e) < 0)
		l->at++;
	for (i = l->at; i < l->n && compare_entry(l->order[i], e) == 0; i++)
		if (route_key_equal(route_config_key(l->order[i]), key))
			return 0;
	l->removed++;
	return route_txn_remove(l->txn, e->key, e->plen, &key);
}

static int
drop_others(struct load *l)
{
	struct route_table *t;
	int error = route_tables_get(l->ip->tables, l->number, &t);

	if (error == 0)
		error = load_turn(l, t);
	return error != 0 ? error : route_table_walk(t, drop_other, l);
}

/* Under the control mutex. */
static int
load_sorted(struct load *l, size_t *failed)
{
	int error = 0;

	for (size_t i = 0; i < l->n && error == 0; i++) {
		*failed = i;
		error = load_one(l, l->order[i]);
		if (l->progress != NULL && error == 0 &&
		    (i + 1) % PROGRESS_EVERY == 0)
			l->progress(l->progress_arg, i + 1);
	}
	if (error == 0) {
		*failed = l->n;
		if (l->whole)
			error = drop_others(l);
	}
	error = ipv4_txns_end(&l->txns, error);
	if (l->progress != NULL && error == 0)
		l->progress(l->progress_arg, l->n);
	return error;
}

/* Sort, load and say which one failed; n if it was none of them. */
static int
load(struct load *l, struct stack *st, const struct route_config *cfg,
    size_t *failed)
{
	size_t at = 0;
	int error;

	l->order = malloc((l->n + 1) * sizeof(*l->order));
	if (l->order == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++)
		l->order[i] = &cfg[i];
	qsort(l->order, l->n, sizeof(*l->order), compare_order);
	stack_control_enter(st);
	error = load_sorted(l, &at);
	stack_control_exit(st);
	if (error != 0 && failed != NULL)
		*failed = at < l->n ? (size_t)(l->order[at] - cfg) : l->n;
	free(l->order);
	return error;
}

int
ipv4_route_load(struct stack *st, const struct route_config *cfg, size_t n,
    enum route_mode mode, void (*progress)(void *arg, size_t done),
    void *progress_arg, size_t *failed)
{
	struct load l = {.ip = ipv4_of(st),
	    .mode = mode,
	    .n = n,
	    .progress = progress,
	    .progress_arg = progress_arg};

	if (l.ip == NULL)
		return -EAFNOSUPPORT;
	return n == 0 ? 0 : load(&l, st, cfg, failed);
}

int
ipv4_route_load_whole(struct stack *st, const struct ipv4_route_whole *of,
    const struct route_config *cfg, size_t n,
    void (*progress)(void *arg, size_t done), void *progress_arg,
    size_t *failed, size_t *removed)
{
	struct load l = {.ip = ipv4_of(st),
	    .mode = ROUTE_REPLACE,
	    .n = n,
	    .progress = progress,
	    .progress_arg = progress_arg,
	    .whole = true,
	    .number = of->table != 0 ? of->table : ROUTE_TABLES_MAIN,
	    .protocol = of->protocol};
	int error;

	if (l.ip == NULL)
		return -EAFNOSUPPORT;
	if (of->protocol == ROUTE_PROTO_KERNEL)
		return -EPERM;
	for (size_t i = 0; i < n; i++) {
		if (cfg[i].protocol == of->protocol &&
		    number_of(&cfg[i]) == l.number)
			continue;
		if (failed != NULL)
			*failed = i;
		return -EINVAL;
	}
	error = load(&l, st, cfg, failed);
	if (error == 0)
		*removed = l.removed;
	return error;
}

int
ipv4_rule_add(struct stack *st, const struct route_rule *rule)
{
	struct ipv4 *ip = ipv4_of(st);
	int error = -ENODEV;

	if (ip == NULL)
		return -EAFNOSUPPORT;
	stack_control_enter(st);
	if (rule->iif == 0 || netif_present(st, rule->iif))
		error = route_rule_add(ip->tables, rule);
	stack_control_exit(st);
	return error;
}

static int
remove_rule(struct stack *st, const struct route_rule *rule,
    int (*how)(struct route_tables *ts, const struct route_rule *rule))
{
	struct ipv4 *ip = ipv4_of(st);
	int error;

	if (ip == NULL)
		return -EAFNOSUPPORT;
	stack_control_enter(st);
	error = how(ip->tables, rule);
	stack_control_exit(st);
	return error;
}

int
ipv4_rule_remove(struct stack *st, const struct route_rule *like)
{
	return remove_rule(st, like, route_rule_remove);
}

int
ipv4_rule_remove_exact(struct stack *st, const struct route_rule *rule)
{
	return remove_rule(st, rule, route_rule_remove_exact);
}
