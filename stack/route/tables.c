/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What packets need to find their table is one immutable object: the tables by
 * number, the interfaces with a table of their own, and the rules.  A change
 * makes a new one and publishes it with one store, so that a packet meets all
 * of it before the change or all of it after.
 *
 * Invariants
 *   I1  A published policy is never written.
 *   I2  A table, once made, lives as long as the tables do, so that routes and
 *       rules may name it.
 *   I3  The main table is in every policy.
 *
 * Ordering pairs
 *   POLICY  publish(release) -> current(acquire): who sees a policy sees its
 *           content, and the tables it names.
 *
 * Reclamation
 *   A replaced policy is freed after a grace period.
 */

#include "stack/route/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/stack.h"
#include "stack/nexthop/nexthop.h"
#include "stack/route/tables_impl.h"

_Static_assert(NEXTHOP_RESOLVE_TABLES == ROUTE_RULE_DEPTH + 1,
    "a gateway is looked up in as many tables as a packet");

struct route_policy *
route_tables_policy(const struct route_policy *old)
{
	const size_t ntables = 1 + (old != NULL ? old->ntables : 0);
	const size_t nbindings = 1 + (old != NULL ? old->nbindings : 0);
	const size_t nrules = 1 + (old != NULL ? old->nrules : 0);
	struct route_policy *p;

	p = calloc(1, sizeof(*p) + ntables * sizeof(p->table[0]) +
			  nbindings * sizeof(p->binding[0]) +
			  nrules * sizeof(p->rule[0]));
	if (p == NULL)
		return NULL;
	p->table = (struct route_tables_entry *)(void *)(p + 1);
	p->binding =
	    (struct route_tables_binding *)(void *)(p->table + ntables);
	p->rule = (struct route_rule *)(void *)(p->binding + nbindings);
	if (old == NULL)
		return p;
	p->ntables = old->ntables;
	p->nbindings = old->nbindings;
	p->nrules = old->nrules;
	memcpy(p->table, old->table, p->ntables * sizeof(p->table[0]));
	memcpy(p->binding, old->binding, p->nbindings * sizeof(p->binding[0]));
	memcpy(p->rule, old->rule, p->nrules * sizeof(p->rule[0]));
	return p;
}

const struct route_policy *
route_tables_current(const struct route_tables *ts)
{
	/* POLICY acquire: pairs with the release in publish. */
	return sync_load_acquire(&ts->policy);
}

static void
free_policy(struct pserialize_head *head)
{
	free((char *)head - offsetof(struct route_policy, retire));
}

void
route_tables_publish(struct route_tables *ts, struct route_policy *p)
{
	/* relaxed: written under the control mutex only, which is held. */
	struct route_policy *old = sync_load_relaxed(&ts->policy);

	SYNC_REQUIRE(stack_control_held(ts->store->stack));
	p->plain = p->nbindings == 0 && p->nrules == 0 &&
		   route_tables_in(p, ROUTE_TABLES_DEFAULT) == NULL;
	route_change_enter(&ts->store->change);
	/* POLICY release: pairs with the acquire in current. */
	sync_store_release(&ts->policy, p);
	route_change_exit(&ts->store->change);
	pserialize_call(&old->retire, free_policy);
}

/* The place of number among the tables of p. */
static size_t
table_at(const struct route_policy *p, uint32_t number)
{
	size_t lo = 0, hi = p->ntables, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (p->table[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct route_table *
route_tables_in(const struct route_policy *p, uint32_t number)
{
	const size_t at = table_at(p, number != 0 ? number : ROUTE_TABLES_MAIN);

	if (number == 0)
		number = ROUTE_TABLES_MAIN;
	if (at == p->ntables || p->table[at].number != number)
		return NULL;
	return p->table[at].table;
}

static size_t
binding_at(const struct route_policy *p, netif_id id)
{
	size_t lo = 0, hi = p->nbindings, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (p->binding[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct route_table *
route_tables_bound(
    const struct route_policy *p, netif_id id, struct route_table *dflt)
{
	size_t at;

	if (p->nbindings == 0)
		return dflt;
	at = binding_at(p, id);
	if (at == p->nbindings || p->binding[at].id != id)
		return dflt;
	return p->binding[at].table;
}

/* The first policy: the main table. */
static int
init(struct route_tables *ts)
{
	struct route_policy *p = route_tables_policy(NULL);
	int error;

	if (p == NULL)
		return -ENOMEM;
	error = route_table_make(ts->store, ROUTE_TABLES_MAIN, &ts->main);
	if (error != 0) {
		free(p);
		return error;
	}
	p->table[0].number = ROUTE_TABLES_MAIN;
	p->table[0].table = ts->main;
	p->ntables = 1;
	p->plain = true;
	sync_init(&ts->policy, p);
	return 0;
}

int
route_tables_create(
    struct stack *st, enum netif_af af, struct route_tables **out)
{
	struct nexthop_groups *groups = nexthop_groups_of(st);
	struct route_tables *ts;
	int error;

	if (groups == NULL)
		return -EPROTONOSUPPORT;
	ts = malloc(sizeof(*ts));
	if (ts == NULL)
		return -ENOMEM;
	error = route_store_create(
	    st, af, groups, nexthop_objects_of(st), &ts->store);
	if (error != 0)
		goto free_tables;
	error = init(ts);
	if (error != 0)
		goto destroy_store;
	*out = ts;
	return 0;
destroy_store:
	route_store_destroy(ts->store);
free_tables:
	free(ts);
	return error;
}

void
route_tables_destroy(struct route_tables *ts)
{
	/* relaxed: nobody else has it. */
	struct route_policy *p = sync_load_relaxed(&ts->policy);
	size_t i;

	for (i = 0; i < p->ntables; i++)
		route_table_destroy(p->table[i].table);
	route_store_destroy(ts->store);
	free(p);
	free(ts);
}

struct route_table *
route_tables_main(const struct route_tables *ts)
{
	return ts->main;
}

struct route_table *
route_tables_find(const struct route_tables *ts, uint32_t number)
{
	return route_tables_in(route_tables_current(ts), number);
}

int
route_tables_get(
    struct route_tables *ts, uint32_t number, struct route_table **out)
{
	struct route_table *t = route_tables_find(ts, number);
	struct route_policy *p;
	size_t at;
	int error;

	SYNC_REQUIRE(stack_control_held(ts->store->stack));
	if (t != NULL) {
		*out = t;
		return 0;
	}
	if (number == ROUTE_TABLES_LOCAL)
		return -EINVAL;
	p = route_tables_policy(route_tables_current(ts));
	if (p == NULL)
		return -ENOMEM;
	error = route_table_make(ts->store, number, &t);
	if (error != 0) {
		free(p);
		return error;
	}
	at = table_at(p, number);
	memmove(&p->table[at + 1], &p->table[at],
	    (p->ntables - at) * sizeof(p->table[0]));
	p->table[at].number = number;
	p->table[at].table = t;
	p->ntables++;
	route_tables_publish(ts, p);
	*out = t;
	return 0;
}

struct nexthop_resolve_found
route_tables_hops(
    const struct route_tables *ts, uint32_t number, const uint8_t *addr)
{
	const struct route_table *t = route_tables_find(ts, number);

	if (t == NULL)
		return (struct nexthop_resolve_found){
		    .group = NEXTHOP_GROUP_NONE};
	return route_hops_find(t, addr);
}

int
route_tables_walk(struct route_tables *ts,
    int (*fn)(void *arg, struct route_table *t), void *arg)
{
	struct route_policy *copy;
	uint64_t s;
	size_t i;
	int error = 0;

	SYNC_ASSERT(!pserialize_in_read_section());
	s = pserialize_read_enter();
	copy = route_tables_policy(route_tables_current(ts));
	pserialize_read_exit(s);
	if (copy == NULL)
		return -ENOMEM;
	for (i = 0; i < copy->ntables && error == 0; i++)
		error = fn(arg, copy->table[i].table);
	free(copy);
	return error;
}

bool
route_tables_collect(struct route_tables *ts)
{
	SYNC_REQUIRE(stack_control_held(ts->store->stack));
	return route_store_collect(ts->store);
}

bool
route_tables_arena_stats(
    const struct route_tables *ts, struct route_arena_stats *out)
{
	SYNC_REQUIRE(stack_control_held(ts->store->stack));
	if (ts->store->arena == NULL)
		return false;
	route_arena_stats(ts->store->arena, out);
	return true;
}

int
route_tables_bind(struct route_tables *ts, netif_id id, uint32_t number)
{
	struct route_table *t;
	struct route_policy *p;
	size_t at;
	int error;

	error = route_tables_get(ts, number, &t);
	if (error != 0)
		return error;
	p = route_tables_policy(route_tables_current(ts));
	if (p == NULL)
		return -ENOMEM;
	at = binding_at(p, id);
	if (at < p->nbindings && p->binding[at].id == id)
		memmove(&p->binding[at], &p->binding[at + 1],
		    (--p->nbindings - at) * sizeof(p->binding[0]));
	if (t != ts->main) {
		memmove(&p->binding[at + 1], &p->binding[at],
		    (p->nbindings++ - at) * sizeof(p->binding[0]));
		p->binding[at].id = id;
		p->binding[at].table = t;
	}
	route_tables_publish(ts, p);
	return 0;
}

/* Drop from p what names id.  Returns: whether anything did. */
static bool
drop(struct route_policy *p, netif_id id)
{
	const size_t at = binding_at(p, id), before = p->nrules;
	bool bound = at < p->nbindings && p->binding[at].id == id;
	size_t i;

	if (bound)
		memmove(&p->binding[at], &p->binding[at + 1],
		    (--p->nbindings - at) * sizeof(p->binding[0]));
	p->nrules = 0;
	for (i = 0; i < before; i++)
		if (p->rule[i].iif != id)
			p->rule[p->nrules++] = p->rule[i];
	return bound || p->nrules < before;
}

void
route_tables_forget(struct route_tables *ts, netif_id id)
{
	struct route_policy *p = route_tables_policy(route_tables_current(ts));

	/* An id is not used again: what stays for want of memory is idle. */
	if (p == NULL)
		return;
	if (drop(p, id))
		route_tables_publish(ts, p);
	else
		free(p);
}

struct route_table *
route_tables_of(const struct route_tables *ts, netif_id id)
{
	return route_tables_bound(route_tables_current(ts), id, ts->main);
}

struct route_answers
route_tables_answers(const struct route_tables *ts)
{
	return (struct route_answers){.af = ts->store->af,
	    .change = &ts->store->change,
	    .route = ts->store->way};
}
