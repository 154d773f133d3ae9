/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Addresses of interfaces, and the routes that follow from them.
 *
 * They are candidates of protocol ROUTE_PROTO_KERNEL, distance 0 and metric 0.
 * What a prefix's route should be is derived from all addresses together:
 * the local route of an address, else the broadcast route of a network, else
 * the connected route of a network.  So a network that two addresses share
 * stays until the last of them goes, and an address that equals the broadcast
 * address of another network is an address.
 *
 * Invariants
 *   I1  All routes that follow from an address change in one commit, so no
 *       packet finds the address without its network or the reverse.
 *   I2  A route of protocol ROUTE_PROTO_KERNEL is there exactly while some
 *       address asks for it.
 *   I3  An address is listed only while its local route is there: added to the
 *       list after the commit, taken off it after the one that removes.
 *   I4  An address that was added is claimed where there is ARP: nothing that
 *       comes after its commit can fail for want of memory.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libsync/base/assert.h"
#include "stack/core/event.h"
#include "stack/nexthop/neigh.h"
#include "stack/nexthop/nexthop.h"
#include "stack/proto/arp/arp.h"
#include "stack/proto/ipv4/ipv4_impl.h"

/* A millisecond each; meanwhile nothing else can be configured. */
#define DETACH_TRIES 1000

/* One address of the stack, host order. */
struct item {
	struct netif *nif;
	uint32_t addr;
	unsigned int plen;
};

/* All addresses that share a routing table, as they will be. */
struct plan {
	struct ipv4 *ip;
	struct route_table *table;
	struct item *item;
	size_t n, room;
};

/* A prefix, host order. */
struct prefix {
	uint32_t net;
	unsigned int plen;
};

static uint32_t
network(const struct item *i)
{
	return i->addr & ipv4_mask(i->plen);
}

/* RFC 3021: networks of two addresses have no broadcast address. */
static bool
has_broadcast(const struct item *i)
{
	return i->plen < 31 && !ipv4_loopback(i->addr);
}

static uint32_t
broadcast_of(const struct item *i)
{
	return i->addr | ~ipv4_mask(i->plen);
}

static int
plan_add(struct plan *pl, const struct item *i)
{
	const size_t room = pl->room == 0 ? 16 : 2 * pl->room;
	struct item *item;

	if (pl->n == pl->room) {
		item = realloc(pl->item, room * sizeof(*item));
		if (item == NULL)
			return -ENOMEM;
		pl->item = item;
		pl->room = room;
	}
	pl->item[pl->n++] = *i;
	return 0;
}

/* Collect the addresses of nif, without addr; 0: all (host order). */
static int
plan_netif(struct plan *pl, struct netif *nif, bool leave_out, uint32_t addr)
{
	const struct netif_addr *a;
	struct item i;
	int error = 0;

	for (a = netif_addr_first(nif, NETIF_AF_INET); a != NULL && error == 0;
	     a = netif_addr_next(a)) {
		i = (struct item){nif, ntohl(ipv4_get(a->addr)), a->plen};
		if (!leave_out || (addr != 0 && addr != i.addr))
			error = plan_add(pl, &i);
	}
	return error;
}

/*
 * Collect the addresses of all interfaces with nif's table; of nif itself, if
 * some are to be left out, all but addr, or none if addr is 0 (host order).
 */
static int
plan_make(struct ipv4 *ip, const struct netif *nif, bool leave_out,
    uint32_t addr, struct plan *pl)
{
	struct netif *each;
	int error = 0;

	*pl = (struct plan){
	    .ip = ip, .table = route_tables_of(ip->tables, nif->id)};
	for (each = netif_first(ip->stack); each != NULL && error == 0;
	     each = netif_next(ip->stack, each))
		if (route_tables_of(ip->tables, each->id) == pl->table)
			error = plan_netif(
			    pl, each, leave_out && each == nif, addr);
	if (error != 0)
		free(pl->item);
	return error;
}

static void
set_nexthop(struct route_config *cfg, struct route_nexthop *nh,
    const struct item *i, uint8_t type)
{
	*nh = (struct route_nexthop){.netif = i->nif->id, .weight = 1};
	cfg->type = type;
	cfg->protocol = ROUTE_PROTO_KERNEL;
	cfg->has_prefsrc = true;
	ipv4_put(cfg->prefsrc, htonl(i->addr));
	cfg->nexthops = nh;
	cfg->nnexthops = 1;
}

/* Every interface whose network has this broadcast address receives it. */
static bool
derive_broadcast(const struct plan *pl, uint32_t net, struct route_config *cfg,
    struct route_nexthop *nh)
{
	unsigned int n = 0;
	size_t k;

	for (k = 0; k < pl->n && n < ROUTE_NEXTHOPS_MAX; k++) {
		const struct item *i = &pl->item[k];

		if (!has_broadcast(i) || broadcast_of(i) != net ||
		    (n > 0 && nh[n - 1].netif == i->nif->id))
			continue;
		if (n == 0)
			set_nexthop(cfg, nh, i, ROUTE_BROADCAST);
		else
			nh[n] = (struct route_nexthop){
			    .netif = i->nif->id, .weight = 1};
		n++;
	}
	cfg->nnexthops = n;
	return n > 0;
}

/* The route that the planned addresses ask for at px; false: none. */
static bool
derive(const struct plan *pl, struct prefix px, struct route_config *cfg,
    struct route_nexthop *nh)
{
	size_t k;

	*cfg = (struct route_config){.plen = (uint8_t)px.plen};
	ipv4_put(cfg->prefix, htonl(px.net));
	for (k = 0; k < pl->n && px.plen == 32; k++) {
		if (pl->item[k].addr == px.net) {
			set_nexthop(cfg, nh, &pl->item[k], ROUTE_LOCAL);
			return true;
		}
	}
	if (px.plen == 32 && derive_broadcast(pl, px.net, cfg, nh))
		return true;
	for (k = 0; k < pl->n && px.plen < 32; k++) {
		const struct item *i = &pl->item[k];

		if (i->plen != px.plen || network(i) != px.net)
			continue;
		/* All of a loop interface's network is ourselves. */
		set_nexthop(cfg, nh, i,
		    ipv4_loopback(i->addr) ? ROUTE_LOCAL : ROUTE_UNICAST);
		return true;
	}
	return false;
}

/* Make px's route in x what the plan asks for. */
static int
settle(struct route_txn *x, const struct plan *pl, struct prefix px)
{
	struct route_nexthop nh[ROUTE_NEXTHOPS_MAX];
	struct route_config cfg;
	const struct route_key key = {.protocol = ROUTE_PROTO_KERNEL};
	int error;

	if (derive(pl, px, &cfg, nh))
		return route_txn_add(x, &cfg, ROUTE_REPLACE);
	error = route_txn_remove(x, cfg.prefix, cfg.plen, &key);
	return error == -ENOENT ? 0 : error;
}

/* Settle the three prefixes that i's coming or going concerns. */
static int
settle_all(struct route_txn *x, const struct plan *pl, const struct item *i)
{
	int error;

	error = settle(x, pl, (struct prefix){i->addr, 32});
	if (error == 0 && i->plen < 32)
		error = settle(x, pl, (struct prefix){network(i), i->plen});
	if (error == 0 && has_broadcast(i))
		error = settle(x, pl, (struct prefix){broadcast_of(i), 32});
	return error;
}

static const struct netif_addr *
find_addr(const struct netif *nif, uint32_t addr)
{
	const struct netif_addr *a;

	for (a = netif_addr_first(nif, NETIF_AF_INET); a != NULL;
	     a = netif_addr_next(a))
		if (ipv4_get(a->addr) == addr)
			return a;
	return NULL;
}

/*
 * What has to go together with an address: the routes that follow from it, in
 * its own table, and of the configured ones what needs it, in any.
 */
struct sweep {
	const struct plan *plan;
	const struct item *gone;
	size_t ngone;
	bool walk; /* configured ones may be concerned */
	struct ipv4_txns txns;
	struct route_txn *txn; /* of the table it is at */
	const struct netif *nif;
	uint32_t addr; /* host order; 0: all of nif */
};

/* Does nh name the interface, and a gateway on none of its networks? */
static bool
stranded(const struct route_nexthop *nh, void *arg)
{
	const struct sweep *s = arg;
	const uint32_t gateway = ntohl(ipv4_get(nh->gateway));
	size_t k;

	if (nh->netif != s->nif->id)
		return false;
	if (s->addr == 0)
		return true;
	if (!nh->has_gateway)
		return false;
	for (k = 0; k < s->plan->n; k++) {
		const struct item *i = &s->plan->item[k];

		if (i->nif == s->nif && ipv4_within(gateway, i->addr, i->plen))
			return false;
	}
	return true;
}

/* Does r send from an address that goes? */
static bool
orphaned(const struct sweep *s, const struct route *r)
{
	const uint32_t src = ipv4_get(r->prefsrc);

	if (!r->has_prefsrc)
		return false;
	return s->addr != 0 ? ntohl(src) == s->addr
			    : find_addr(s->nif, src) != NULL;
}

static int
sweep_one(void *arg, const struct route_entry *e)
{
	const struct route_key key = route_key(e->route);
	struct sweep *s = arg;
	int n;

	if (e->route->protocol == ROUTE_PROTO_KERNEL)
		return 0;
	if (orphaned(s, e->route)) {
		n = route_txn_remove(s->txn, e->key, e->plen, &key);
		return n == -ENOENT ? 0 : n;
	}
	n = route_txn_prune(s->txn, e, stranded, s);
	/* Nothing that needs it may stay: rather the route goes whole. */
	if (n == -ENOSPC)
		n = route_txn_remove(s->txn, e->key, e->plen, &key);
	return n < 0 ? n : 0;
}

/* Is i's network on i's interface in the plan? */
static bool
covered(const struct plan *pl, const struct item *i)
{
	size_t k;

	for (k = 0; k < pl->n; k++)
		if (pl->item[k].nif == i->nif && pl->item[k].plen <= i->plen &&
		    ipv4_within(i->addr, pl->item[k].addr, pl->item[k].plen))
			return true;
	return false;
}

static int
sweep_table(void *arg, struct route_table *t)
{
	struct sweep *s = arg;
	size_t i;
	int error;

	if (t != s->plan->table && !s->walk)
		return 0;
	error = ipv4_txns_begin(&s->txns, t, &s->txn);
	for (i = 0; i < s->ngone && error == 0 && t == s->plan->table; i++)
		error = settle_all(s->txn, s->plan, &s->gone[i]);
	if (error == 0 && s->walk)
		error = route_table_walk(t, sweep_one, s);
	return error;
}

/* All tables, or none. */
static int
sweep_all(struct ipv4 *ip, struct sweep *s)
{
	const int error = route_tables_walk(ip->tables, sweep_table, s);

	return ipv4_txns_end(&s->txns, error);
}

/* All that i's going changes, in one commit of each table. */
static int
commit_removal(struct ipv4 *ip, const struct item *i, bool *gone)
{
	struct plan pl;
	struct sweep s = {
	    .plan = &pl, .gone = i, .ngone = 1, .nif = i->nif, .addr = i->addr};
	int error;

	error = plan_make(ip, i->nif, true, i->addr, &pl);
	if (error != 0)
		return error;
	*gone = !covered(&pl, i);
	s.walk = *gone || ip->prefsrc_used;
	error = sweep_all(ip, &s);
	free(pl.item);
	return error;
}

static int
commit_addition(struct ipv4 *ip, const struct item *i)
{
	struct route_txn *x;
	struct plan pl;
	int error;

	error = plan_make(ip, i->nif, false, 0, &pl);
	if (error != 0)
		return error;
	error = plan_add(&pl, i);
	if (error == 0)
		error = route_txn_begin(pl.table, &x);
	if (error != 0)
		goto free_plan;
	error = settle_all(x, &pl, i);
	if (error != 0)
		route_txn_abort(x);
	else
		error = route_txn_commit(x);
free_plan:
	free(pl.item);
	return error;
}

/* An interface by id; it stays while the control mutex is held. */
static struct netif *
find_netif(struct stack *st, netif_id id)
{
	const uint64_t s = pserialize_read_enter();
	struct netif *nif = netif_lookup(st, id);

	pserialize_read_exit(s);
	return nif;
}

static int
check_new(struct ipv4 *ip, const struct item *i)
{
	struct netif *nif;
	uint32_t loop;

	/* relaxed: this flag never changes. */
	loop = sync_load_relaxed(&i->nif->flags) & NETIF_LOOPBACK;
	if (!ipv4_unicast(i->addr) || (ipv4_loopback(i->addr) && loop == 0))
		return -EADDRNOTAVAIL;
	if (i->plen < 31 &&
	    (i->addr == network(i) || i->addr == broadcast_of(i)))
		return -EADDRNOTAVAIL;
	if (find_addr(i->nif, htonl(i->addr)) != NULL)
		return -EEXIST;
	for (nif = netif_first(ip->stack); nif != NULL;
	     nif = netif_next(ip->stack, nif))
		if (route_tables_of(ip->tables, nif->id) ==
			route_tables_of(ip->tables, i->nif->id) &&
		    find_addr(nif, htonl(i->addr)) != NULL)
			return -EADDRINUSE;
	return 0;
}

static struct netif_addr *
make_addr(const struct item *i)
{
	struct netif_addr *a = malloc(sizeof(*a));

	if (a == NULL)
		return NULL;
	*a = (struct netif_addr){
	    .af = NETIF_AF_INET,
	    .plen = (uint8_t)i->plen,
	};
	ipv4_put(a->addr, htonl(i->addr));
	if (has_broadcast(i))
		ipv4_put(a->broadcast, htonl(broadcast_of(i)));
	return a;
}

static void
publish_event(const struct item *i, enum event_action action)
{
	struct event ev = {
	    .kind = EVENT_ADDR,
	    .action = action,
	    .netif = i->nif->id,
	    .af = NETIF_AF_INET,
	    .plen = (uint8_t)i->plen,
	};

	memcpy(ev.ifname, i->nif->name, sizeof(ev.ifname));
	ipv4_put(ev.addr, htonl(i->addr));
	event_publish(i->nif->stack, &ev);
}

/* What may fail comes before the commit, which is the last that does. */
static int
add(struct ipv4 *ip, const struct item *i)
{
	const uint32_t addr = htonl(i->addr);
	struct arp_claim_entry *claim = NULL;
	struct netif_addr *a;
	int error;

	error = check_new(ip, i);
	if (error != 0)
		return error;
	error = -ENOMEM;
	a = make_addr(i);
	if (a != NULL)
		claim = arp_claim_create(
		    addr, ipv4_option(ip, IPV4_OPT_ADDRESS_PROBE) != 0);
	if (claim != NULL)
		error = commit_addition(ip, i);
	if (error != 0) {
		arp_claim_destroy(claim);
		free(a);
		return error;
	}
	netif_addr_publish(i->nif, a);
	publish_event(i, EVENT_ADD);
	/* Whoever had it has not any more, or is a conflict. */
	(void)nexthop_flush(
	    ip->stack, i->nif->id, NETIF_AF_INET, a->addr, 32, false);
	/* An interface without ARP says so, and needs none. */
	(void)arp_claim_begin(ip->stack, i->nif->id, claim);
	return 0;
}

int
ipv4_addr_add(struct stack *st, netif_id id, uint32_t addr, unsigned int plen)
{
	struct ipv4 *ip = ipv4_of(st);
	struct item i = {.addr = ntohl(addr), .plen = plen};
	int error = -ENODEV;

	if (ip == NULL)
		return -EAFNOSUPPORT;
	if (plen > 32)
		return -EINVAL;
	stack_control_enter(st);
	i.nif = find_netif(st, id);
	if (i.nif != NULL)
		error = add(ip, &i);
	stack_control_exit(st);
	return error;
}

static int
remove_addr(struct ipv4 *ip, struct item *i, unsigned int plen)
{
	const struct netif_addr *a = find_addr(i->nif, htonl(i->addr));
	uint32_t net;
	bool gone;
	int error;

	if (a == NULL || a->plen != plen)
		return -EADDRNOTAVAIL;
	i->plen = plen;
	error = commit_removal(ip, i, &gone);
	if (error != 0)
		return error;
	netif_addr_retire(i->nif, (struct netif_addr *)(uintptr_t)a);
	publish_event(i, EVENT_DELETE);
	(void)arp_claim_remove(ip->stack, i->nif->id, htonl(i->addr));
	if (gone) {
		net = htonl(network(i));
		(void)nexthop_flush(ip->stack, i->nif->id, NETIF_AF_INET,
		    (const uint8_t *)&net, plen, false);
	}
	return 0;
}

int
ipv4_addr_remove(
    struct stack *st, netif_id id, uint32_t addr, unsigned int plen)
{
	struct ipv4 *ip = ipv4_of(st);
	struct item i = {.addr = ntohl(addr)};
	int error = -ENODEV;

	if (ip == NULL)
		return -EAFNOSUPPORT;
	stack_control_enter(st);
	i.nif = find_netif(st, id);
	if (i.nif != NULL)
		error = remove_addr(ip, &i, plen);
	stack_control_exit(st);
	return error;
}

static int
commit_detach(struct ipv4 *ip, struct netif *nif)
{
	struct plan pl, all = {.ip = ip};
	struct sweep s = {.plan = &pl, .walk = true, .nif = nif};
	int error;

	error = plan_make(ip, nif, true, 0, &pl);
	if (error != 0)
		return error;
	error = plan_netif(&all, nif, false, 0);
	s.gone = all.item;
	s.ngone = all.n;
	if (error == 0)
		error = sweep_all(ip, &s);
	free(all.item);
	free(pl.item);
	return error;
}

void
ipv4_addr_detach(struct ipv4 *ip, struct netif *nif)
{
	const struct netif_addr *a;
	struct item i = {.nif = nif};
	unsigned int tries = 0;
	int error;

	/*
	 * It cannot be refused.  Memory may come back; if it does not, or the
	 * tables are full, the routes that stay lead nowhere.
	 */
	while ((error = commit_detach(ip, nif)) == -ENOMEM &&
	       tries++ < DETACH_TRIES)
		(void)usleep(1000);
	if (error != 0)
		nexthop_group_refill_purge(
		    nexthop_groups_of(ip->stack), nif->id);
	while ((a = netif_addr_first(nif, NETIF_AF_INET)) != NULL) {
		i.addr = ntohl(ipv4_get(a->addr));
		i.plen = a->plen;
		netif_addr_retire(nif, (struct netif_addr *)(uintptr_t)a);
		publish_event(&i, EVENT_DELETE);
	}
}

bool
ipv4_addr_on_link(const struct netif *nif, uint32_t gateway)
{
	const struct netif_addr *a;

	for (a = netif_addr_first(nif, NETIF_AF_INET); a != NULL;
	     a = netif_addr_next(a))
		if (ipv4_within(
			ntohl(gateway), ntohl(ipv4_get(a->addr)), a->plen))
			return true;
	return false;
}

uint32_t
ipv4_addr_primary(const struct netif *nif, uint32_t neighbour)
{
	const struct netif_addr *a, *first;

	first = netif_addr_first(nif, NETIF_AF_INET);
	for (a = first; a != NULL; a = netif_addr_next(a))
		if (ipv4_within(
			ntohl(neighbour), ntohl(ipv4_get(a->addr)), a->plen))
			return ipv4_get(a->addr);
	return first != NULL ? ipv4_get(first->addr) : 0;
}

static int
set_table(struct ipv4 *ip, netif_id id, uint32_t number)
{
	const struct netif *nif = find_netif(ip->stack, id);

	if (nif == NULL)
		return -ENODEV;
	if (route_tables_of(ip->tables, id) ==
	    route_tables_find(ip->tables, number))
		return 0;
	if (netif_addr_first(nif, NETIF_AF_INET) != NULL)
		return -EBUSY;
	return route_tables_bind(ip->tables, id, number);
}

int
ipv4_netif_table_set(struct stack *st, netif_id id, uint32_t number)
{
	struct ipv4 *ip = ipv4_of(st);
	int error;

	if (ip == NULL)
		return -EAFNOSUPPORT;
	stack_control_enter(st);
	error = set_table(ip, id, number);
	stack_control_exit(st);
	return error;
}
