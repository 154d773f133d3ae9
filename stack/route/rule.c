/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Rules are kept in the tables' policy (tables.c), by preference, those with
 * the same in the order in which they came.
 */

#include "stack/route/rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/stack.h"
#include "stack/route/tables_impl.h"

/* --- Looking up --------------------------------------------------------- */

static bool
within(const uint8_t *addr, const uint8_t *net, unsigned int plen)
{
	const unsigned int whole = plen / 8, rest = plen % 8;

	if (memcmp(addr, net, whole) != 0)
		return false;
	return rest == 0 ||
	       ((addr[whole] ^ net[whole]) & (0xff00U >> rest & 0xff)) == 0;
}

static bool
matches(const struct route_rule *r, const struct route_flow *f)
{
	return (r->iif == 0 || r->iif == f->iif) &&
	       (!r->local || f->iif == 0) && (f->mark & r->mask) == r->mark &&
	       (r->src_plen == 0 || within(f->src, r->src, r->src_plen));
}

/* Who wants to know more than the route. */
struct trace {
	struct route_found found;
	uint32_t pref; /* of the rule that is followed */
	route_step_fn *fn;
	void *arg;
};

/* The route in one table; the tree knows the length of the prefix, too. */
static const struct route *
look(const struct route_table *t, const uint8_t *dst, struct trace *out)
{
	if (out == NULL)
		return route_table_lookup(t, dst);
	out->found.table = t->number;
	return route_table_match(t, dst, &out->found.plen);
}

/* A table was asked. */
static void
step(const struct trace *t, const struct route *r)
{
	if (t != NULL && t->fn != NULL)
		t->fn(t->arg, &(struct route_step){.pref = t->pref,
				  .table = t->found.table,
				  .plen = t->found.plen,
				  .route = r});
}

/* From here on a rule of that preference is followed. */
static void
turn_to(struct trace *t, uint32_t pref)
{
	if (t != NULL)
		t->pref = pref;
}

/* The route of t, or of where it leads; NULL also for a throw. */
static const struct route *
follow(const struct route_policy *p, const struct route_table *t,
    const uint8_t *dst, struct trace *out)
{
	const struct route *r;
	unsigned int depth;

	for (depth = 0; t != NULL && depth <= ROUTE_RULE_DEPTH; depth++) {
		r = look(t, dst, out);
		step(out, r);
		if (r == NULL || r->type == ROUTE_THROW)
			return NULL;
		if (r->type != ROUTE_LOOKUP)
			return r;
		t = route_tables_in(p, r->table);
	}
	return NULL;
}

/* The rules of p, the table at their main place being own. */
static const struct route *
by_rules(const struct route_policy *p, struct route_table *own, bool bound,
    const struct route_flow *f, struct trace *out)
{
	const struct route *r;
	bool done = false;
	size_t i;

	for (i = 0; i < p->nrules; i++) {
		if (!done && p->rule[i].pref > ROUTE_RULE_MAIN) {
			done = true;
			turn_to(out, ROUTE_RULE_MAIN);
			r = follow(p, own, f->dst, out);
			if (r != NULL)
				return r;
		}
		if (!matches(&p->rule[i], f))
			continue;
		turn_to(out, p->rule[i].pref);
		r = follow(
		    p, route_tables_in(p, p->rule[i].table), f->dst, out);
		if (r != NULL)
			return r;
	}
	if (!done)
		turn_to(out, ROUTE_RULE_MAIN);
	r = done ? NULL : follow(p, own, f->dst, out);
	if (r != NULL || bound)
		return r;
	turn_to(out, ROUTE_RULE_DEFAULT);
	return follow(p, route_tables_in(p, ROUTE_TABLES_DEFAULT), f->dst, out);
}

/* By the table of what is local, then by the rules. */
static const struct route *
by_policy(const struct route_tables *ts, const struct route_policy *p,
    const struct route_flow *flow, struct trace *out)
{
	struct route_table *own = route_tables_bound(p, flow->member, ts->main);
	const struct route *r = look(own, flow->dst, out);

	if (r == NULL || (r->type != ROUTE_LOCAL && r->type != ROUTE_BROADCAST))
		return by_rules(p, own, own != ts->main, flow, out);
	step(out, r);
	return r;
}

const struct route *
route_rule_lookup(const struct route_tables *ts, const struct route_flow *flow,
    struct route_found *found)
{
	const struct route_policy *p = route_tables_current(ts);

	SYNC_ASSERT(pserialize_in_read_section());
	if (found != NULL)
		return route_rule_trace(ts, flow, NULL, NULL, found);
	if (p->plain)
		return follow(p, ts->main, flow->dst, NULL);
	return by_policy(ts, p, flow, NULL);
}

const struct route *
route_rule_trace(const struct route_tables *ts, const struct route_flow *flow,
    route_step_fn *fn, void *arg, struct route_found *found)
{
	struct trace t = {.fn = fn, .arg = arg};
	const struct route *r;

	SYNC_ASSERT(pserialize_in_read_section());
	r = by_policy(ts, route_tables_current(ts), flow, &t);
	*found = t.found;
	return r;
}

const struct route *
route_rule_lookup_in(const struct route_tables *ts, const struct route_table *t,
    const uint8_t *dst, struct route_found *found)
{
	struct trace trace = {.fn = NULL};
	const struct route *r;

	SYNC_ASSERT(pserialize_in_read_section());
	r = follow(
	    route_tables_current(ts), t, dst, found != NULL ? &trace : NULL);
	if (found != NULL)
		*found = trace.found;
	return r;
}

/* What follow() says of t, whose route is r. */
static const struct route *
follow_from(const struct route_policy *p, const struct route_table *t,
    const uint8_t *dst, const struct route *r)
{
	if (r != NULL && (r->type == ROUTE_THROW || r->type == ROUTE_LOOKUP))
		return follow(p, t, dst, NULL);
	return r;
}

/* Of addresses in one table; a route may lead to another one. */
static void
follow_batch(const struct route_policy *p, const struct route_table *t,
    const uint8_t *const *addr, const struct route **out, unsigned int n)
{
	unsigned int i;

	route_table_lookup_batch(t, addr, out, n);
	for (i = 0; i < n; i++)
		out[i] = follow_from(p, t, addr[i], out[i]);
}

/* Is what flow's own table says of it, r, the answer that rules would give? */
static bool
settled(const struct route_policy *p, const struct route_flow *flow,
    const struct route *r)
{
	size_t i;

	if (r == NULL || r->type == ROUTE_THROW || r->type == ROUTE_LOOKUP)
		return false;
	if (r->type == ROUTE_LOCAL || r->type == ROUTE_BROADCAST)
		return true;
	for (i = 0; i < p->nrules; i++)
		if (matches(&p->rule[i], flow))
			return false;
	return true;
}

/* Of packets that need not have the same table: first all their own ones. */
static void
policy_batch(const struct route_tables *ts, const struct route_policy *p,
    const struct route_flow *flow, const struct route **dst,
    const struct route **src, unsigned int n)
{
	const struct route_table *own[2 * ROUTE_RULE_BATCH];
	const uint8_t *addr[2 * ROUTE_RULE_BATCH];
	const struct route *r[2 * ROUTE_RULE_BATCH];
	unsigned int i;

	for (i = 0; i < n; i++) {
		own[i] = own[n + i] =
		    route_tables_bound(p, flow[i].member, ts->main);
		addr[i] = flow[i].dst;
		addr[n + i] = flow[i].src;
	}
	route_table_lookup_tables(own, addr, r, 2 * n);
	for (i = 0; i < n; i++) {
		dst[i] = settled(p, &flow[i], r[i])
			     ? r[i]
			     : by_policy(ts, p, &flow[i], NULL);
		src[i] = follow_from(p, own[i], flow[i].src, r[n + i]);
	}
}

void
route_rule_lookup_batch(const struct route_tables *ts,
    const struct route_flow *flow, const struct route **dst,
    const struct route **src, unsigned int n)
{
	const struct route_policy *p = route_tables_current(ts);
	const uint8_t *addr[ROUTE_RULE_BATCH];
	unsigned int i;

	SYNC_ASSERT(pserialize_in_read_section());
	SYNC_ASSERT(n <= ROUTE_RULE_BATCH);
	if (!p->plain) {
		policy_batch(ts, p, flow, dst, src, n);
		return;
	}
	for (i = 0; i < n; i++)
		addr[i] = flow[i].dst;
	follow_batch(p, ts->main, addr, dst, n);
	for (i = 0; i < n; i++)
		addr[i] = flow[i].src;
	follow_batch(p, ts->main, addr, src, n);
}

/* --- Changing ----------------------------------------------------------- */

static bool
same(const struct route_rule *a, const struct route_rule *b)
{
	return a->pref == b->pref && a->table == b->table &&
	       a->mark == b->mark && a->mask == b->mask && a->iif == b->iif &&
	       a->local == b->local && a->src_plen == b->src_plen &&
	       memcmp(a->src, b->src, sizeof(a->src)) == 0;
}

static bool
valid(const struct route_tables *ts, const struct route_rule *r)
{
	static const uint8_t zero[16];
	uint8_t host[16];
	unsigned int i;

	if (r->src_plen > ts->store->bits || (r->mark & ~r->mask) != 0 ||
	    (r->iif != 0 && r->local))
		return false;
	memcpy(host, r->src, sizeof(host));
	for (i = 0; i < r->src_plen; i++)
		host[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return memcmp(host, zero, sizeof(zero)) == 0;
}

/* Before all that have a preference, as Linux does.  Returns: 0: none left. */
static uint32_t
choose_pref(const struct route_policy *p)
{
	return p->nrules == 0 || p->rule[0].pref > ROUTE_RULE_NEW
		   ? ROUTE_RULE_NEW
		   : p->rule[0].pref - 1;
}

/* Put r into p.  Returns: 0, -EINVAL or -EEXIST. */
static int
insert(struct route_policy *p, struct route_rule r)
{
	size_t at = 0, i;

	if (r.pref == 0)
		r.pref = choose_pref(p);
	if (r.pref == 0)
		return -EINVAL;
	for (i = 0; i < p->nrules; i++) {
		if (same(&p->rule[i], &r))
			return -EEXIST;
		if (p->rule[i].pref <= r.pref)
			at = i + 1;
	}
	memmove(&p->rule[at + 1], &p->rule[at],
	    (p->nrules++ - at) * sizeof(p->rule[0]));
	p->rule[at] = r;
	return 0;
}

int
route_rule_add(struct route_tables *ts, const struct route_rule *rule)
{
	struct route_rule r = *rule;
	struct route_policy *p;
	struct route_table *t;
	int error;

	if (!valid(ts, rule))
		return -EINVAL;
	error = route_tables_get(ts, rule->table, &t);
	if (error != 0)
		return error;
	r.table = t->number;
	p = route_tables_policy(route_tables_current(ts));
	if (p == NULL)
		return -ENOMEM;
	error = insert(p, r);
	if (error != 0)
		free(p);
	else
		route_tables_publish(ts, p);
	return error;
}

static bool
is_like(const struct route_rule *r, const struct route_rule *like)
{
	return (like->pref == 0 || like->pref == r->pref) &&
	       (like->table == 0 || like->table == r->table) &&
	       (like->mask == 0 ||
		   (like->mark == r->mark && like->mask == r->mask)) &&
	       (like->iif == 0 || like->iif == r->iif) &&
	       (!like->local || r->local) &&
	       (like->src_plen == 0 ||
		   (like->src_plen == r->src_plen &&
		       memcmp(like->src, r->src, sizeof(r->src)) == 0));
}

static int
remove_first(struct route_tables *ts, const struct route_rule *like,
    bool (*is)(const struct route_rule *r, const struct route_rule *like))
{
	const struct route_policy *now = route_tables_current(ts);
	struct route_policy *p;
	size_t at = 0;

	SYNC_REQUIRE(stack_control_held(ts->store->stack));
	while (at < now->nrules && !is(&now->rule[at], like))
		at++;
	if (at == now->nrules)
		return -ENOENT;
	p = route_tables_policy(now);
	if (p == NULL)
		return -ENOMEM;
	memmove(&p->rule[at], &p->rule[at + 1],
	    (--p->nrules - at) * sizeof(p->rule[0]));
	route_tables_publish(ts, p);
	return 0;
}

int
route_rule_remove(struct route_tables *ts, const struct route_rule *like)
{
	return remove_first(ts, like, is_like);
}

int
route_rule_remove_exact(struct route_tables *ts, const struct route_rule *rule)
{
	return remove_first(ts, rule, same);
}

int
route_rule_walk(const struct route_tables *ts,
    int (*fn)(void *arg, const struct route_rule *rule), void *arg)
{
	const struct route_policy *p = route_tables_current(ts);
	int error = 0;
	size_t i;

	SYNC_REQUIRE(stack_control_held(ts->store->stack));
	for (i = 0; i < p->nrules && error == 0; i++)
		error = fn(arg, &p->rule[i]);
	return error;
}
