/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_TABLES_IMPL_H
#define STACK_ROUTE_TABLES_IMPL_H

/* Shared by the files of this folder only. */

#include "libsync/base/atomic.h"
#include "stack/route/rule.h"
#include "stack/route/table_impl.h"
#include "stack/route/tables.h"

struct route_tables_entry {
	uint32_t number;
	struct route_table *table;
};

struct route_tables_binding {
	netif_id id;
	struct route_table *table;
};

/* What packets look at, as one.  [c] constant once published */
struct route_policy {
	struct pserialize_head retire;
	bool plain; /* [c] the main table is all there is */
	size_t ntables, nbindings, nrules;    /* [c] */
	struct route_tables_entry *table;     /* [c] by number */
	struct route_tables_binding *binding; /* [c] by id */
	struct route_rule *rule;              /* [c] by preference */
};

struct route_tables {
	struct route_store *store; /* [c] */
	struct route_table *main;  /* [c] */
	SYNC_ATOMIC(struct route_policy *)
	policy; /* [a] by the control mutex */
};

/* A policy with room for one more of each than old (NULL: none) has. */
struct route_policy *route_tables_policy(const struct route_policy *old);

/* Make p, which is filled, the one that packets see. */
void route_tables_publish(struct route_tables *ts, struct route_policy *p);

/* The present one.  Context: reader section or control mutex. */
const struct route_policy *route_tables_current(const struct route_tables *ts);

/* Look a table up in p.  Returns: NULL if there is none. */
struct route_table *route_tables_in(
    const struct route_policy *p, uint32_t number);

/* The table of interface id; dflt if it has none of its own. */
struct route_table *route_tables_bound(
    const struct route_policy *p, netif_id id, struct route_table *dflt);

#endif /* STACK_ROUTE_TABLES_IMPL_H */
