/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Transactions of a routing table: one of the tree, and a log of its edits,
 * which says what to retire, what to free on abort, and what to tell.
 *
 * Invariants
 *   I1  The log has an entry for each edit of the tree, in order; room for it
 *       is made before the edit, so a failed edit leaves no trace.
 *   I2  A route made by this transaction is the fresh of exactly one entry;
 *       one taken out of the tree is the old of exactly one.
 *
 * Reclamation
 *   Commit retires every old; one that was never published waits for the grace
 *   period like the rest.  Abort frees every fresh; no old is touched.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/event.h"
#include "stack/core/stack.h"
#include "stack/route/table_impl.h"

#define EVENTS_MAX 1024

struct edit {
	struct route *fresh, *old;
};

struct route_txn {
	struct route_table *table;
	struct radix_lf_txn *tree;
	struct edit *log;
	size_t n, room;
};

int
route_txn_begin(struct route_table *t, struct route_txn **out)
{
	struct route_txn *x;
	int error;

	SYNC_REQUIRE(stack_control_held(t->stack));
	x = malloc(sizeof(*x));
	if (x == NULL)
		return -ENOMEM;
	*x = (struct route_txn){.table = t};
	error = radix_lf_txn_begin(t->tree, &x->tree);
	if (error != 0) {
		free(x);
		return error;
	}
	*out = x;
	return 0;
}

static int
log_reserve(struct route_txn *x)
{
	const size_t room = x->room == 0 ? 8 : 2 * x->room;
	struct edit *log;

	if (x->n < x->room)
		return 0;
	log = realloc(x->log, room * sizeof(*log));
	if (log == NULL)
		return -ENOMEM;
	x->log = log;
	x->room = room;
	return 0;
}

static bool
host_bits_clear(const uint8_t *key, unsigned int plen, unsigned int bits)
{
	unsigned int i = plen / 8;

	if (plen == bits)
		return true;
	if ((key[i] & (0xff >> plen % 8)) != 0)
		return false;
	while (++i < bits / 8)
		if (key[i] != 0)
			return false;
	return true;
}

static bool
needs_nexthop(uint8_t type)
{
	return type == ROUTE_UNICAST || type == ROUTE_LOCAL ||
	       type == ROUTE_BROADCAST;
}

static bool
config_valid(const struct route_table *t, const struct route_config *cfg)
{
	unsigned int i;

	if (cfg->plen > t->bits || route_type_name(cfg->type) == NULL ||
	    !host_bits_clear(cfg->prefix, cfg->plen, t->bits) ||
	    cfg->nnexthops > ROUTE_NEXTHOPS_MAX ||
	    needs_nexthop(cfg->type) != (cfg->nnexthops > 0))
		return false;
	for (i = 0; i < cfg->nnexthops; i++)
		if (cfg->nexthops[i].weight == 0 || cfg->nexthops[i].netif == 0)
			return false;
	return true;
}

static struct route *
make(const struct route_table *t, const struct route_config *cfg)
{
	const size_t size = cfg->nnexthops * sizeof(cfg->nexthops[0]);
	struct route *r;

	r = malloc(sizeof(*r) + size);
	if (r == NULL)
		return NULL;
	*r = (struct route){
	    .plen = cfg->plen,
	    .type = cfg->type,
	    .protocol = cfg->protocol,
	    .metric = cfg->metric,
	    .nnexthops = (uint8_t)cfg->nnexthops,
	    .has_prefsrc = cfg->has_prefsrc,
	};
	memcpy(r->key, cfg->prefix, t->bits / 8);
	memcpy(r->prefsrc, cfg->prefsrc, t->bits / 8);
	if (size > 0)
		memcpy(r->nexthops, cfg->nexthops, size);
	return r;
}

int
route_txn_add(
    struct route_txn *x, const struct route_config *cfg, enum route_mode mode)
{
	const struct route *present;
	struct route *r;
	void *old = NULL;
	int error;

	if (!config_valid(x->table, cfg))
		return -EINVAL;
	if (mode != ROUTE_REPLACE) {
		present = route_txn_exact(x, cfg->prefix, cfg->plen);
		if (present != NULL && mode == ROUTE_ADD)
			return -EEXIST;
		if (present == NULL && mode == ROUTE_CHANGE)
			return -ENOENT;
	}
	error = log_reserve(x);
	if (error != 0)
		return error;
	r = make(x->table, cfg);
	if (r == NULL)
		return -ENOMEM;
	error = radix_lf_txn_replace(x->tree, r, &old);
	if (error != 0) {
		free(r);
		return error;
	}
	x->log[x->n++] = (struct edit){.fresh = r, .old = old};
	return 0;
}

int
route_txn_remove(struct route_txn *x, const uint8_t *prefix, unsigned int plen)
{
	void *old = NULL;
	int error;

	if (plen > x->table->bits)
		return -ENOENT;
	error = log_reserve(x);
	if (error == 0)
		error = radix_lf_txn_remove(x->tree, prefix, plen, &old);
	if (error != 0)
		return error;
	x->log[x->n++] = (struct edit){.old = old};
	return 0;
}

const struct route *
route_txn_exact(struct route_txn *x, const uint8_t *prefix, unsigned int plen)
{
	return radix_lf_txn_exact(x->tree, prefix, plen);
}

int
route_txn_prune(struct route_txn *x, const struct route *r,
    bool (*goes)(const struct route_nexthop *nh, void *arg), void *arg)
{
	struct route_nexthop keep[ROUTE_NEXTHOPS_MAX];
	struct route_config cfg;
	unsigned int i, n = 0;
	int error;

	if (route_txn_exact(x, r->key, r->plen) != r)
		return 0; /* edited meanwhile */
	for (i = 0; i < r->nnexthops; i++)
		if (!goes(&r->nexthops[i], arg))
			keep[n++] = r->nexthops[i];
	if (n == r->nnexthops)
		return 0;
	if (n == 0) {
		error = route_txn_remove(x, r->key, r->plen);
		return error != 0 ? error : 1;
	}
	cfg = (struct route_config){
	    .plen = r->plen,
	    .type = r->type,
	    .protocol = r->protocol,
	    .metric = r->metric,
	    .has_prefsrc = r->has_prefsrc,
	    .nnexthops = n,
	    .nexthops = keep,
	};
	memcpy(cfg.prefix, r->key, sizeof(cfg.prefix));
	memcpy(cfg.prefsrc, r->prefsrc, sizeof(cfg.prefsrc));
	error = route_txn_add(x, &cfg, ROUTE_REPLACE);
	return error != 0 ? error : 1;
}

static void
publish_event(const struct route_table *t, const struct edit *e)
{
	const struct route *r = e->fresh != NULL ? e->fresh : e->old;
	struct event ev = {
	    .kind = EVENT_ROUTE,
	    .action = e->fresh == NULL ? EVENT_DELETE
		      : e->old == NULL ? EVENT_ADD
				       : EVENT_CHANGE,
	    .af = t->af,
	    .plen = r->plen,
	    .type = r->type,
	    .protocol = r->protocol,
	};

	memcpy(ev.addr, r->key, sizeof(ev.addr));
	if (r->nnexthops > 0) {
		ev.netif = r->nexthops[0].netif;
		memcpy(ev.gateway, r->nexthops[0].gateway, sizeof(ev.gateway));
	}
	event_publish(t->stack, &ev);
}

/* Before retirement: the events are made from the routes. */
static void
publish_events(const struct route_txn *x)
{
	const struct route_table *t = x->table;
	size_t i;

	if (x->n == 0 || !event_wanted(t->stack))
		return;
	if (x->n > EVENTS_MAX) {
		event_publish(t->stack, &(struct event){
					    .kind = EVENT_ROUTE,
					    .action = EVENT_CHANGE,
					    .af = t->af,
					});
		return;
	}
	for (i = 0; i < x->n; i++)
		publish_event(t, &x->log[i]);
}

void
route_txn_commit(struct route_txn *x)
{
	size_t i;

	SYNC_REQUIRE(stack_control_held(x->table->stack));
	radix_lf_txn_commit(x->tree);
	publish_events(x);
	for (i = 0; i < x->n; i++)
		if (x->log[i].old != NULL)
			radix_lf_retire(x->table->tree, &x->log[i].old->retire,
			    route_table_free);
	free(x->log);
	free(x);
}

void
route_txn_abort(struct route_txn *x)
{
	size_t i;

	SYNC_REQUIRE(stack_control_held(x->table->stack));
	radix_lf_txn_abort(x->tree);
	for (i = 0; i < x->n; i++)
		free(x->log[i].fresh);
	free(x->log);
	free(x);
}
