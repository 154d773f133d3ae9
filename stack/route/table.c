/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A routing table is a radix_lf tree whose items are prefixes with a list of
 * candidates each (store.c), and, for lookups, what compile.c makes of it.
 *
 * Invariants
 *   I1  An item in the tree is never written, nor are its list and its routes:
 *       a change replaces the item.
 *   I2  Every change is a transaction of the tree (txn.c), so a reader meets,
 *       for each address, the state before or after it.
 *   I3  The candidates of a list have different keys and are in their order.
 *
 * Reclamation
 *   A commit hands what it removed to retire.c: taken back when no read section
 *   and no snapshot can reach it.
 */

#include "stack/route/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/stack.h"
#include "stack/nexthop/resolve.h"
#include "stack/route/table_impl.h"
#include "stack/route/tables.h"

static unsigned int
item_bits(const void *item)
{
	return route_item_plen(item);
}

int
route_table_make(
    struct route_store *s, uint32_t number, struct route_table **out)
{
	struct route_table *t = malloc(sizeof(*t));
	int error;

	if (t == NULL)
		return -ENOMEM;
	*t = (struct route_table){.store = s, .number = number};
	t->main = number == 0 || number == ROUTE_TABLES_MAIN;
	error = radix_lf_create(
	    &(struct radix_lf_config){
		.key_offset = offsetof(struct route_item, key),
		.max_bits = s->bits,
		.item_bits = item_bits,
	    },
	    &t->tree);
	if (error != 0) {
		free(t);
		return error;
	}
	*out = t;
	return 0;
}

/* What next hops look up in a table by itself, arg. */
static void
lookup_alone(void *arg, uint32_t table, enum netif_af af, const uint8_t *addr,
    struct nexthop_resolve_found *out)
{
	const struct route_table *t = arg;

	*out = (struct nexthop_resolve_found){.group = NEXTHOP_GROUP_NONE};
	if (table == 0 && af == t->store->af)
		*out = route_hops_find(t, addr);
}

int
route_table_create(struct stack *st, enum netif_af af, struct route_table **out)
{
	const struct nexthop_group_limits limits = {
	    .workers = stack_nworkers(st)};
	struct nexthop_groups *groups;
	struct route_store *s;
	int error;

	error =
	    nexthop_group_create(&limits, nexthop_group_neigh(), st, &groups);
	if (error != 0)
		return error;
	error = route_store_create(st, af, groups, NULL, &s);
	if (error != 0)
		goto destroy_groups;
	error = route_table_make(s, 0, out);
	if (error != 0)
		goto destroy_store;
	(*out)->alone = true;
	nexthop_resolve_via_set(groups, lookup_alone, *out);
	return 0;
destroy_store:
	route_store_destroy(s);
destroy_groups:
	nexthop_group_destroy(groups);
	return error;
}

void
route_table_destroy(struct route_table *t)
{
	struct nexthop_groups *groups = t->store->groups;

	/* It waits for what was retired; the rest goes with the store. */
	radix_lf_destroy(t->tree);
	route_retire_fini(t);
	route_compile_destroy(t);
	if (t->alone) {
		route_store_destroy(t->store);
		nexthop_group_destroy(groups);
	}
	free(t);
}

uint32_t
route_table_number(const struct route_table *t)
{
	return t->number;
}

struct nexthop_groups *
route_table_groups(const struct route_table *t)
{
	return t->store->groups;
}

/* The candidate of that rank. */
static const struct route *
ranked(
    const struct route_table *t, const struct route_item *i, unsigned int rank)
{
	const struct route_set *set;

	if (i == NULL)
		return NULL;
	set = route_item_set(t->store, i);
	return rank < set->n ? set->route[rank] : NULL;
}

const struct route *
route_table_lookup(const struct route_table *t, const uint8_t *addr)
{
	const struct route *r;

	SYNC_ASSERT(pserialize_in_read_section());
	if (route_compile_lookup(t, addr, &r))
		return r;
	return ranked(t, radix_lf_lookup(t->tree, addr, t->store->bits), 0);
}

void
route_table_lookup_batch(const struct route_table *t,
    const uint8_t *const *addr, const struct route **out, unsigned int n)
{
	unsigned int i;

	SYNC_ASSERT(pserialize_in_read_section());
	if (route_compile_lookup_batch(t, addr, out, n))
		return;
	for (i = 0; i < n; i++)
		out[i] = route_table_lookup(t, addr[i]);
}

void
route_table_lookup_tables(const struct route_table *const *t,
    const uint8_t *const *addr, const struct route **out, unsigned int n)
{
	SYNC_ASSERT(pserialize_in_read_section());
	route_compile_lookup_tables(t, addr, out, n);
}

const struct route *
route_table_match(
    const struct route_table *t, const uint8_t *addr, unsigned int *plen)
{
	const struct route_item *i;

	SYNC_ASSERT(pserialize_in_read_section());
	i = radix_lf_lookup(t->tree, addr, t->store->bits);
	if (i != NULL)
		*plen = route_item_plen(i);
	return ranked(t, i, 0);
}

const struct route *
route_table_candidate(const struct route_table *t, const uint8_t *prefix,
    unsigned int plen, unsigned int rank)
{
	SYNC_ASSERT(pserialize_in_read_section());
	return ranked(t, radix_lf_exact(t->tree, prefix, plen), rank);
}

const struct route *
route_table_exact(
    const struct route_table *t, const uint8_t *prefix, unsigned int plen)
{
	return route_table_candidate(t, prefix, plen, 0);
}

int
route_table_add(
    struct route_table *t, const struct route_config *cfg, enum route_mode mode)
{
	struct route_txn *x;
	int error;

	error = route_txn_begin(t, &x);
	if (error != 0)
		return error;
	error = route_txn_add(x, cfg, mode);
	if (error != 0)
		route_txn_abort(x);
	else
		error = route_txn_commit(x);
	return error;
}

int
route_table_remove(struct route_table *t, const uint8_t *prefix,
    unsigned int plen, const struct route_key *key)
{
	struct route_txn *x;
	int error;

	error = route_txn_begin(t, &x);
	if (error != 0)
		return error;
	error = route_txn_remove(x, prefix, plen, key);
	if (error != 0)
		route_txn_abort(x);
	else
		error = route_txn_commit(x);
	return error;
}

/* Routes of these groups, which ascend, to be removed. */
struct purge {
	struct route_txn *txn;
	const uint32_t *hops;
	size_t nhops;
	int edits;
};

static bool
has_hops(const struct purge *p, uint32_t hops)
{
	size_t lo = 0, hi = p->nhops;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (p->hops[mid] < hops)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->nhops && p->hops[lo] == hops;
}

static int
purge_one(void *arg, const struct route_entry *e)
{
	const struct route_key key = route_key(e->route);
	struct purge *p = arg;

	if (!has_hops(p, e->route->hops))
		return 0;
	p->edits++;
	return route_txn_remove(p->txn, e->key, e->plen, &key);
}

int
route_table_purge_hops(struct route_table *t, const uint32_t *hops, size_t n)
{
	struct purge p = {.hops = hops, .nhops = n};
	int error;

	SYNC_REQUIRE(stack_control_held(t->store->stack));
	error = route_txn_begin(t, &p.txn);
	if (error != 0)
		return error;
	error = route_table_walk(t, purge_one, &p);
	if (error != 0)
		route_txn_abort(p.txn);
	else
		error = route_txn_commit(p.txn);
	return error != 0 ? error : p.edits;
}

/* Call fn for each candidate of i. */
static int
visit(struct route_table *t, const struct route_item *i,
    int (*fn)(void *arg, const struct route_entry *e), void *arg)
{
	const struct route_set *set = route_item_set(t->store, i);
	struct route_entry e = {
	    .plen = (uint8_t)route_item_plen(i), .table = t->number};
	int error = 0;
	uint32_t k;

	memcpy(e.key, i->key, t->store->bits / 8);
	for (k = 0; k < set->n && error == 0; k++) {
		e.rank = (uint8_t)k;
		e.route = set->route[k];
		error = fn(arg, &e);
	}
	return error;
}

int
route_table_walk(struct route_table *t,
    int (*fn)(void *arg, const struct route_entry *e), void *arg)
{
	struct radix_lf_snap *snap;
	const struct route_item *i;
	int error;

	SYNC_ASSERT(!pserialize_in_read_section());
	error = radix_lf_snap_open(t->tree, &snap);
	if (error != 0)
		return error;
	for (i = radix_lf_snap_next(snap, NULL, 0); i != NULL && error == 0;
	     i = radix_lf_snap_next(snap, i->key, route_item_plen(i)))
		error = visit(t, i, fn, arg);
	radix_lf_snap_close(snap);
	return error;
}

size_t
route_table_count(const struct route_table *t)
{
	return radix_lf_count(t->tree);
}

const char *
route_type_name(uint8_t type)
{
	static const char *const names[] = {
	    [ROUTE_UNICAST] = "unicast",
	    [ROUTE_LOCAL] = "local",
	    [ROUTE_BROADCAST] = "broadcast",
	    [ROUTE_BLACKHOLE] = "blackhole",
	    [ROUTE_UNREACHABLE] = "unreachable",
	    [ROUTE_PROHIBIT] = "prohibit",
	    [ROUTE_THROW] = "throw",
	    [ROUTE_LOOKUP] = "lookup",
	};

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : NULL;
}
