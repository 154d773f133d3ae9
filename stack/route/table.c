/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A routing table is a radix_lf tree whose items are the routes.
 *
 * Invariants
 *   I1  A route in the tree is never written: a change replaces it.
 *   I2  Every change is a transaction of the tree (txn.c), so a reader meets,
 *       for each address, the state before or after it.
 *
 * Reclamation
 *   A commit hands what it removed to radix_lf_retire(): freed when no read
 *   section and no snapshot can reach it.
 */

#include "stack/route/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/stack.h"
#include "stack/route/table_impl.h"

static unsigned int
item_bits(const void *item)
{
	const struct route *r = item;

	return r->plen;
}

int
route_table_create(struct stack *st, enum netif_af af, struct route_table **out)
{
	struct route_table *t;
	int error;

	t = malloc(sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	*t = (struct route_table){
	    .stack = st,
	    .af = af,
	    .bits = af == NETIF_AF_INET ? 32 : 128,
	};
	error = radix_lf_create(
	    &(struct radix_lf_config){
		.key_offset = offsetof(struct route, key),
		.max_bits = t->bits,
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

/* Chain the routes by their retire heads, which are ours until retirement. */
static struct pserialize_head *
chain_all(struct route_table *t)
{
	struct pserialize_head *chain = NULL;
	struct radix_lf_snap *snap;
	struct route *r;

	if (radix_lf_count(t->tree) == 0)
		return NULL;
	SYNC_REQUIRE(radix_lf_snap_open(t->tree, &snap) == 0);
	for (r = radix_lf_snap_next(snap, NULL, 0); r != NULL;
	     r = radix_lf_snap_next(snap, r->key, r->plen)) {
		r->retire.next = chain;
		chain = &r->retire;
	}
	radix_lf_snap_close(snap);
	return chain;
}

void
route_table_destroy(struct route_table *t)
{
	struct pserialize_head *chain = chain_all(t), *next;

	radix_lf_destroy(t->tree);
	for (; chain != NULL; chain = next) {
		next = chain->next;
		route_table_free(chain);
	}
	free(t);
}

void
route_table_free(struct pserialize_head *head)
{
	free((char *)head - offsetof(struct route, retire));
}

const struct route *
route_table_lookup(const struct route_table *t, const uint8_t *addr)
{
	SYNC_ASSERT(pserialize_in_read_section());
	return radix_lf_lookup(t->tree, addr, t->bits);
}

const struct route *
route_table_exact(
    const struct route_table *t, const uint8_t *prefix, unsigned int plen)
{
	SYNC_ASSERT(pserialize_in_read_section());
	return radix_lf_exact(t->tree, prefix, plen);
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
		route_txn_commit(x);
	return error;
}

int
route_table_remove(
    struct route_table *t, const uint8_t *prefix, unsigned int plen)
{
	struct route_txn *x;
	int error;

	error = route_txn_begin(t, &x);
	if (error != 0)
		return error;
	error = route_txn_remove(x, prefix, plen);
	if (error != 0)
		route_txn_abort(x);
	else
		route_txn_commit(x);
	return error;
}

struct purge {
	struct route_txn *txn;
	netif_id id;
	int edits;
};

static bool
uses_netif(const struct route_nexthop *nh, void *arg)
{
	const struct purge *p = arg;

	return nh->netif == p->id;
}

static int
purge_one(void *arg, const struct route *r)
{
	struct purge *p = arg;
	int n;

	n = route_txn_prune(p->txn, r, uses_netif, p);
	if (n > 0)
		p->edits++;
	return n < 0 ? n : 0;
}

int
route_table_purge_netif(struct route_table *t, netif_id id)
{
	struct purge p = {.id = id};
	int error;

	SYNC_REQUIRE(stack_control_held(t->stack));
	error = route_txn_begin(t, &p.txn);
	if (error != 0)
		return error;
	error = route_table_walk(t, purge_one, &p);
	if (error != 0) {
		route_txn_abort(p.txn);
		return error;
	}
	route_txn_commit(p.txn);
	return p.edits;
}

int
route_table_walk(struct route_table *t,
    int (*fn)(void *arg, const struct route *r), void *arg)
{
	struct radix_lf_snap *snap;
	const struct route *r;
	int error;

	SYNC_ASSERT(!pserialize_in_read_section());
	error = radix_lf_snap_open(t->tree, &snap);
	if (error != 0)
		return error;
	for (r = radix_lf_snap_next(snap, NULL, 0); r != NULL && error == 0;
	     r = radix_lf_snap_next(snap, r->key, r->plen))
		error = fn(arg, r);
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
	};

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : NULL;
}
