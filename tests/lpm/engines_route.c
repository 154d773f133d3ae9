/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The stack's own routing table as the forwarding table under test: what its
 * commits compile, and its tree, which must say the same.  The routes are
 * blackholes, whose source address is the group.
 */

#include <errno.h>
#include <stdlib.h>

#include "stack/core/stack.h"
#include "stack/route/table.h"
#include "tests/lpm/engine.h"

#define DISAGREE UINT32_MAX /* tree and compiled form do */

struct table {
	struct lpm_tree *rib;
	struct stack *stack;
	struct route_table *route;
	struct route_txn *txn; /* NULL: nothing is staged */
};

static int
create(struct lpm_tree *rib, enum netif_af af, void **out)
{
	static const struct proto *const none[] = {NULL};
	const struct stack_config cfg = {
	    .name = "verify", .protos = none, .stepped = true};
	struct table *t = calloc(1, sizeof(*t));
	int rc = t != NULL ? stack_create(&cfg, &t->stack) : -ENOMEM;

	if (rc != 0)
		goto fail_stack;
	rc = route_table_create(t->stack, af, &t->route);
	if (rc != 0)
		goto fail_table;
	t->rib = rib;
	*out = t;
	return 0;
fail_table:
	stack_destroy(t->stack);
fail_stack:
	free(t);
	return rc;
}

static int
create4(struct lpm_tree *rib, void **out)
{
	return create(rib, NETIF_AF_INET, out);
}

static int
create6(struct lpm_tree *rib, void **out)
{
	return create(rib, NETIF_AF_INET6, out);
}

/* Call fn under the control mutex. */
static int
controlled(struct table *t, int (*fn)(struct table *t, const void *arg),
    const void *arg)
{
	int rc;

	stack_control_enter(t->stack);
	rc = fn(t, arg);
	stack_control_exit(t->stack);
	return rc;
}

static int
abort_now(struct table *t, const void *arg)
{
	(void)arg;
	route_txn_abort(t->txn);
	return 0;
}

static size_t
destroy(void *table)
{
	struct table *t = table;

	if (t->txn != NULL)
		(void)controlled(t, abort_now, NULL);
	route_table_destroy(t->route);
	stack_destroy(t->stack);
	free(t);
	return 0;
}

struct exact {
	unsigned int plen;
	uint32_t group; /* 0: the prefix is not there */
};

static int
first_of_all(void *ctx, const uint8_t *key, unsigned int plen, uint32_t group)
{
	struct exact *e = ctx;

	(void)key;
	if (plen == e->plen)
		e->group = group;
	return 1;
}

static int
stage_now(struct table *t, const void *arg)
{
	const struct lpm_prefix *p = arg;
	struct route_config cfg = {.plen = p->plen,
	    .type = ROUTE_BLACKHOLE,
	    .protocol = ROUTE_PROTO_STATIC,
	    .has_prefsrc = true};
	struct exact e = {.plen = p->plen};
	int rc = 0;

	(void)lpm_tree_walk(t->rib, p->key.b, p->plen, first_of_all, &e);
	if (t->txn == NULL)
		rc = route_txn_begin(t->route, &t->txn);
	if (rc != 0)
		return rc;
	memcpy(cfg.prefix, p->key.b, sizeof(cfg.prefix));
	memcpy(cfg.prefsrc, &e.group, sizeof(e.group));
	if (e.group != 0)
		return route_txn_add(t->txn, &cfg, ROUTE_REPLACE);
	rc = route_txn_remove(t->txn, cfg.prefix, cfg.plen, NULL);
	return rc == -ENOENT ? 0 : rc;
}

static int
stage(void *table, const struct lpm_prefix *p)
{
	return controlled(table, stage_now, p);
}

static int
commit_now(struct table *t, const void *arg)
{
	struct route_txn *x = t->txn;

	(void)arg;
	t->txn = NULL;
	return route_txn_commit(x);
}

static int
commit(void *table)
{
	struct table *t = table;

	return t->txn != NULL ? controlled(t, commit_now, NULL) : 0;
}

static uint32_t
group_of(const struct route *r)
{
	uint32_t group = 0;

	if (r != NULL)
		memcpy(&group, r->prefsrc, sizeof(group));
	return group;
}

static uint32_t
lookup(void *table, const struct lpm_key *key)
{
	const struct table *t = table;
	const struct route *r = route_table_lookup(t->route, key->b);
	unsigned int plen;

	if (route_table_match(t->route, key->b, &plen) != r)
		return DISAGREE;
	return group_of(r);
}

static void
batch(void *table, const struct lpm_key *key, uint32_t *group, unsigned int n)
{
	const struct route *r[LPM_ENGINE_BATCH] = {NULL};
	const uint8_t *addr[LPM_ENGINE_BATCH] = {NULL};
	const struct table *t = table;

	for (unsigned int i = 0; i < n; i++)
		addr[i] = key[i].b;
	route_table_lookup_batch(t->route, addr, r, n);
	for (unsigned int i = 0; i < n; i++)
		group[i] = group_of(r[i]);
}

static const struct lpm_engine route4 = {.name = "routing table",
    .bits = 32,
    .create = create4,
    .destroy = destroy,
    .stage = stage,
    .commit = commit,
    .lookup = lookup,
    .batch = batch};

static const struct lpm_engine route6 = {.name = "routing table",
    .bits = 128,
    .create = create6,
    .destroy = destroy,
    .stage = stage,
    .commit = commit,
    .lookup = lookup,
    .batch = batch};

const struct lpm_engine *const lpm_engines[] = {&route4, &route6, NULL};
