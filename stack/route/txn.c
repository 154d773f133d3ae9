/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Transactions of a routing table: one of the tree, and a log of its edits,
 * which says what to retire, what to free on abort, and what to tell.  An edit
 * replaces the item of a prefix by one with another list of candidates.
 *
 * Invariants
 *   I1  The log has an entry for each edit of the tree, in order; room for it,
 *       and for the retirement of its old, is made before the edit, so a failed
 *       edit leaves no trace.
 *   I2  An item made by this transaction is the fresh of exactly one entry;
 *       one taken out of the tree is the old of exactly one.
 *
 * Reclamation
 *   A commit hands every old to retire.c, also those that were never published;
 *   abort frees every fresh, and no old is touched.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/event.h"
#include "stack/core/stack.h"
#include "stack/nexthop/resolve.h"
#include "stack/route/table_impl.h"

#define EVENTS_MAX 1024

int
route_txn_begin(struct route_table *t, struct route_txn **out)
{
	struct route_store *s = t->store;
	struct route_txn *x;
	int error;

	SYNC_REQUIRE(stack_control_held(s->stack));
	(void)route_store_collect(s);
	x = s->free_txn != NULL ? s->free_txn : malloc(sizeof(*x));
	if (x == NULL)
		return -ENOMEM;
	s->free_txn = NULL;
	*x = (struct route_txn){.table = t, .room = ROUTE_EDITS_INLINE};
	x->log = x->inlined;
	error = radix_lf_txn_begin(t->tree, &x->tree);
	if (error != 0) {
		s->free_txn = x;
		return error;
	}
	t->open = x;
	*out = x;
	return 0;
}

/* Room for an edit, and for what it takes out. */
static int
log_reserve(struct route_txn *x, const struct route_item *old)
{
	const size_t room = 4 * x->room;
	struct route_edit *log;

	SYNC_REQUIRE(!x->prepared);
	if (old != NULL && route_retire_reserve(x->table, x->nold + 1) != 0)
		return -ENOMEM;
	if (x->n < x->room)
		return 0;
	log =
	    realloc(x->log == x->inlined ? NULL : x->log, room * sizeof(*log));
	if (log == NULL)
		return -ENOMEM;
	if (x->log == x->inlined)
		memcpy(log, x->inlined, sizeof(x->inlined));
	x->log = log;
	x->room = room;
	return 0;
}

/* The prefix's present candidates; NULL: none. */
static const struct route_set *
present(const struct route_txn *x, const uint8_t *prefix, unsigned int plen)
{
	const struct route_item *i = NULL;

	if (plen <= x->table->store->bits)
		i = radix_lf_txn_exact(x->tree, prefix, plen);
	return i != NULL ? route_item_set(x->table->store, i) : NULL;
}

/* The rank of the candidate with this key; set->n: there is none. */
static unsigned int
rank_of(const struct route_set *set, struct route_key key)
{
	unsigned int i = 0;

	while (i < set->n && !route_key_equal(route_key(set->route[i]), key))
		i++;
	return i;
}

/* The lists that an edit makes of one: it, without i, and with r. */
struct list {
	const struct route *route[ROUTE_CANDIDATES_MAX + 1];
	unsigned int n;
};

static void
list_without(const struct route_set *set, unsigned int rank, struct list *out)
{
	unsigned int i;

	out->n = 0;
	for (i = 0; set != NULL && i < set->n; i++)
		if (i != rank)
			out->route[out->n++] = set->route[i];
}

static void
list_insert(struct list *l, const struct route *r)
{
	unsigned int i = l->n++;

	for (; i > 0 &&
	       route_candidate_before(route_key(r), route_key(l->route[i - 1]));
	     i--)
		l->route[i] = l->route[i - 1];
	l->route[i] = r;
}

/*
 * Find the prefix's place for an edit.
 * Returns: its present candidates; NULL: none.
 */
static const struct route_set *
find(struct route_txn *x, const uint8_t *prefix, unsigned int plen,
    struct radix_lf_place *place)
{
	*place = (struct radix_lf_place){.item = NULL};
	if (plen > x->table->store->bits)
		return NULL;
	route_compile_prefetch(x->table, prefix, false);
	radix_lf_txn_find(x->tree, prefix, plen, place);
	route_compile_prefetch(x->table, prefix, true);
	if (place->item == NULL)
		return NULL;
	return route_item_set(x->table->store, place->item);
}

static void
log_edit(
    struct route_txn *x, const struct radix_lf_place *p, struct route_item *i)
{
	if (x->n == 0) {
		x->first_cover = p->cover;
		x->first_has_longer = p->has_longer;
	}
	x->log[x->n++] = (struct route_edit){.fresh = i, .old = p->item};
	x->nold += p->item != NULL;
}

/* Make the prefix's candidates those of l, which are not none. */
static int
put(struct route_txn *x, const struct radix_lf_place *place,
    const uint8_t *prefix, unsigned int plen, const struct list *l)
{
	struct route_store *s = x->table->store;
	struct route_item *i;
	int error;

	error = log_reserve(x, place->item);
	if (error == 0)
		error = route_store_item(s, prefix, plen, l->route, l->n, &i);
	if (error != 0)
		return error;
	error = radix_lf_txn_put(x->tree, place, i);
	if (error != 0) {
		route_store_item_free(s, i);
		return error;
	}
	log_edit(x, place, i);
	return 0;
}

/* Remove the prefix with all its candidates. */
static int
drop(struct route_txn *x, const struct radix_lf_place *place)
{
	int error;

	error = log_reserve(x, place->item);
	if (error == 0)
		error = radix_lf_txn_take(x->tree, place);
	if (error == 0)
		log_edit(x, place, NULL);
	return error;
}

int
route_txn_add(
    struct route_txn *x, const struct route_config *cfg, enum route_mode mode)
{
	const struct route_set *set;
	const struct route *r;
	struct radix_lf_place place;
	unsigned int rank, n;
	struct list l;
	int error;

	if (!route_candidate_valid(x->table, cfg))
		return -EINVAL;
	set = find(x, cfg->prefix, cfg->plen, &place);
	n = set != NULL ? set->n : 0;
	rank = set != NULL ? rank_of(set, route_config_key(cfg)) : 0;
	if (rank < n && mode == ROUTE_ADD)
		return -EEXIST;
	if (rank == n && mode == ROUTE_CHANGE)
		return -ENOENT;
	if (rank == n && n == ROUTE_CANDIDATES_MAX)
		return -ENOSPC;
	error = route_store_route(x->table->store, cfg, x->table->number, &r);
	if (error != 0)
		return error;
	if (rank < n && set->route[rank] == r)
		return 0;
	list_without(set, rank, &l);
	list_insert(&l, r);
	route_store_hold(r);
	error = put(x, &place, cfg->prefix, cfg->plen, &l);
	route_store_release(x->table->store, r);
	return error;
}

int
route_txn_remove(struct route_txn *x, const uint8_t *prefix, unsigned int plen,
    const struct route_key *key)
{
	struct radix_lf_place place;
	const struct route_set *set = find(x, prefix, plen, &place);
	unsigned int rank;
	struct list l;

	if (set == NULL)
		return -ENOENT;
	rank = key != NULL ? rank_of(set, *key) : 0;
	if (rank == set->n)
		return -ENOENT;
	if (key == NULL || set->n == 1)
		return drop(x, &place);
	list_without(set, rank, &l);
	return put(x, &place, prefix, plen, &l);
}

const struct route *
route_txn_candidate(struct route_txn *x, const uint8_t *prefix,
    unsigned int plen, unsigned int rank)
{
	const struct route_set *set = present(x, prefix, plen);

	return set != NULL && rank < set->n ? set->route[rank] : NULL;
}

const struct route *
route_txn_exact(struct route_txn *x, const uint8_t *prefix, unsigned int plen)
{
	return route_txn_candidate(x, prefix, plen, 0);
}

const struct route *
route_txn_find(struct route_txn *x, const uint8_t *prefix, unsigned int plen,
    const struct route_key *key)
{
	const struct route_set *set = present(x, prefix, plen);
	const unsigned int rank = set != NULL ? rank_of(set, *key) : 0;

	return set != NULL && rank < set->n ? set->route[rank] : NULL;
}

int
route_txn_prune(struct route_txn *x, const struct route_entry *e,
    bool (*goes)(const struct route_nexthop *nh, void *arg), void *arg)
{
	const struct route_key key = route_key(e->route);
	struct route_nexthop keep[ROUTE_NEXTHOPS_MAX];
	struct route_config cfg;
	const struct route *r;
	unsigned int i, n = 0;
	int error;

	r = route_txn_find(x, e->key, e->plen, &key);
	if (r == NULL || r != e->route)
		return 0; /* edited meanwhile */
	for (i = 0; i < r->nnexthops; i++)
		if (!goes(&r->nexthops[i], arg))
			keep[n++] = r->nexthops[i];
	if (n == r->nnexthops)
		return 0;
	if (n == 0) {
		error = route_txn_remove(x, e->key, e->plen, &key);
		return error != 0 ? error : 1;
	}
	cfg = (struct route_config){
	    .plen = e->plen,
	    .type = r->type,
	    .protocol = r->protocol,
	    .distance = r->distance,
	    .has_distance = true,
	    .metric = r->metric,
	    .has_prefsrc = r->has_prefsrc,
	    .fits = true,
	    .nnexthops = n,
	    .nexthops = keep,
	};
	memcpy(cfg.prefix, e->key, sizeof(cfg.prefix));
	memcpy(cfg.prefsrc, r->prefsrc, sizeof(cfg.prefsrc));
	error = route_txn_add(x, &cfg, ROUTE_REPLACE);
	return error != 0 ? error : 1;
}

/* Before retirement: the events are made from the items. */
static void
publish_events(const struct route_txn *x)
{
	const struct route_table *t = x->table;
	size_t i;

	if (x->n == 0 || !event_wanted(t->store->stack))
		return;
	if (x->n > EVENTS_MAX) {
		event_publish(t->store->stack, &(struct event){
						   .kind = EVENT_ROUTE,
						   .action = EVENT_CHANGE,
						   .af = t->store->af,
						   .table = t->number,
					       });
		return;
	}
	for (i = 0; i < x->n; i++)
		route_event_publish(t, x->log[i].fresh, x->log[i].old);
}

/* Pass on what x removed; readers may still have it. */
static void
retire(const struct route_txn *x)
{
	size_t i;

	for (i = 0; i < x->n; i++)
		if (x->log[i].old != NULL)
			route_retire_push(x->table, x->log[i].old);
	route_retire_pushed(x->table);
}

static void
destroy(struct route_txn *x)
{
	struct route_store *s = x->table->store;

	if (x->log != x->inlined)
		free(x->log);
	if (s->free_txn == NULL)
		s->free_txn = x;
	else
		free(x);
}

int
route_txn_prepare(struct route_txn *x)
{
	int error;

	if (x->prepared)
		return 0;
	error = route_compile_prepare(x);
	if (error != 0)
		return error;
	error = route_hops_prepare(x);
	if (error != 0)
		route_compile_abort(x);
	x->prepared = error == 0;
	return error;
}

int
route_txn_commit(struct route_txn *x)
{
	int error;

	SYNC_REQUIRE(stack_control_held(x->table->store->stack));
	error = route_txn_prepare(x);
	if (error != 0) {
		route_txn_abort(x);
		return error;
	}
	route_change_enter(&x->table->store->change);
	radix_lf_txn_commit(x->tree);
	route_compile_commit(x);
	route_change_exit(&x->table->store->change);
	x->table->open = NULL;
	nexthop_resolve_via_commit(x->table->store->groups);
	publish_events(x);
	retire(x);
	destroy(x);
	return 0;
}

void
route_txn_abort(struct route_txn *x)
{
	size_t i;

	SYNC_REQUIRE(stack_control_held(x->table->store->stack));
	if (x->prepared) {
		route_compile_abort(x);
		nexthop_resolve_via_abort(x->table->store->groups);
	}
	radix_lf_txn_abort(x->tree);
	x->table->open = NULL;
	for (i = 0; i < x->n; i++)
		if (x->log[i].fresh != NULL)
			route_store_item_free(x->table->store, x->log[i].fresh);
	destroy(x);
}
