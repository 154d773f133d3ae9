/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_RULE_H
#define STACK_ROUTE_RULE_H

/*
 * Policy rules: which tables a packet's destination is looked up in, by its
 * source, the interface it came in on and its mark.  The list is immutable and
 * replaced as a whole, so that a packet meets one list, without a lock.
 *
 * The order, by preference:
 *
 *       0        what is local to the interface's table
 *       1 ...    the rules
 *   32766        the interface's table; the main one without one of its own
 *   32767        the default table, if the interface has none of its own
 *
 * until a table has a route that is not a throw.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/route/tables.h"

#define ROUTE_RULE_MAIN    32766U
#define ROUTE_RULE_DEFAULT 32767U
#define ROUTE_RULE_NEW     32765U /* of the first without a preference */

/* A rule; what is zero matches everything. */
struct route_rule {
	uint32_t pref; /* 1 ...; 0: before the others */
	uint32_t table;
	uint32_t mark, mask; /* matches if (a mark & mask) == mark */
	netif_id iif;
	bool local;       /* made here; Linux calls it "iif lo" */
	uint8_t src_plen; /* bits of src */
	uint8_t src[16];  /* network order */
};

/* What is known of a packet. */
struct route_flow {
	const uint8_t *dst, *src; /* network order */
	netif_id iif;             /* came in here; 0: made here */
	netif_id member; /* of whose table's world; 0: the main one's */
	uint32_t mark;
};

/* Where the answer was found. */
struct route_found {
	uint32_t table;
	unsigned int plen;
};

/*
 * Add a rule; its table is made if there is none.
 * Context: control thread holding the control mutex; may sleep.
 * Returns: 0, -EEXIST (there is the same one), -EINVAL (host bits, a mark
 *          outside of the mask, no preference left) or -ENOMEM.
 */
int route_rule_add(struct route_tables *ts, const struct route_rule *rule);

/*
 * Remove the first rule with everything that like says: fields that are zero
 * are not compared.
 * Context: as route_rule_add().
 * Returns: 0, -ENOENT, or -ENOMEM with nothing changed.
 */
int route_rule_remove(struct route_tables *ts, const struct route_rule *like);

/* The same for the rule that has nothing else.  Context and returns: as above. */
int route_rule_remove_exact(
    struct route_tables *ts, const struct route_rule *rule);

/*
 * Call fn for each rule, in order.
 * Context: control thread holding the control mutex.
 * Returns: 0, or the first non-zero of fn.
 */
int route_rule_walk(const struct route_tables *ts,
    int (*fn)(void *arg, const struct route_rule *rule), void *arg);

/*
 * The route of a packet, through rules, throw routes and routes that lead to
 * another table (at most ROUTE_RULE_DEPTH of them in a row: a loop is no
 * route).
 * Context: reader section; never sleeps; wait-free.
 * Order:   one list of rules; each table as route_table_lookup().
 * Owner:   lives until the section ends.
 * Returns: NULL if there is none; else never of type ROUTE_THROW or
 *          ROUTE_LOOKUP.  *found (may be NULL) says where it was.
 */
#define ROUTE_RULE_DEPTH 8
const struct route *route_rule_lookup(const struct route_tables *ts,
    const struct route_flow *flow, struct route_found *found);

/*
 * The same, and fn is called for each table that was asked, in order: the last
 * one has the answer, unless there is none.
 * Context: as above; fn runs in the section.
 */
struct route_step {
	uint32_t pref;  /* of the rule that named the table, 0 for local ones */
	uint32_t table; /* also one that a route led to */
	unsigned int plen;         /* if there was a route */
	const struct route *route; /* NULL: none */
};

typedef void route_step_fn(void *arg, const struct route_step *step);

const struct route *route_rule_trace(const struct route_tables *ts,
    const struct route_flow *flow, route_step_fn *fn, void *arg,
    struct route_found *found);

/* The same in table t alone.  Context and returns: as above. */
const struct route *route_rule_lookup_in(const struct route_tables *ts,
    const struct route_table *t, const uint8_t *dst, struct route_found *found);

/*
 * Of n packets, up to ROUTE_RULE_BATCH: dst[i] is as by route_rule_lookup(),
 * src[i] what the table of the packet's member has for its source, whatever
 * the rules say.  Context: as above; each is at an instant of its own.
 */
#define ROUTE_RULE_BATCH 64
void route_rule_lookup_batch(const struct route_tables *ts,
    const struct route_flow *flow, const struct route **dst,
    const struct route **src, unsigned int n);

#endif /* STACK_ROUTE_RULE_H */
