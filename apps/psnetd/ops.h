/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_OPS_H
#define APPS_PSNETD_OPS_H

/*
 * What a specification asks for, done to a stack.  Each function does all or
 * nothing, and on failure says which word is to blame and why.
 *
 * Context: control thread, not in a read section, without the control mutex;
 *          may sleep.
 * Returns: 0, or a negative errno after filling *e.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apps/spec.h"
#include "apps/words.h"
#include "stack/core/pkt.h"
#include "stack/route/table.h"

struct stack;

/*
 * The control mutex, for what only reads: where a commit serves clients in its
 * middle (psnetd_load_step()), this thread holds it already.
 * Context: control thread, also in the middle of a commit.
 * Returns: what psnetd_ops_control_exit() wants to know.
 */
bool psnetd_ops_control_enter(struct stack *st);
void psnetd_ops_control_exit(struct stack *st, bool entered);

/* The interface of this name. */
int psnetd_ops_dev(
    struct stack *st, const char *name, netif_id *out, struct words_error *e);

/* The name of an interface; "" if it is gone. */
void psnetd_ops_name(struct stack *st, netif_id id, char out[WORDS_NAME_MAX]);

int psnetd_ops_link_add(
    struct stack *st, const struct spec_link *l, struct words_error *e);
int psnetd_ops_link_del(
    struct stack *st, const char *name, struct words_error *e);
int psnetd_ops_link_set(
    struct stack *st, const struct spec_link *l, struct words_error *e);

int psnetd_ops_addr_add(
    struct stack *st, const struct spec_addr *a, struct words_error *e);
int psnetd_ops_addr_del(
    struct stack *st, const struct spec_addr *a, struct words_error *e);

int psnetd_ops_route_add(struct stack *st, const struct spec_route *r,
    enum route_mode mode, struct words_error *e);

/*
 * Remove the best route of want's prefix that has what want says besides;
 * exact: its protocol, metric and distance whatever they are.
 */
int psnetd_ops_route_del(struct stack *st, const struct spec_route *want,
    bool exact, struct words_error *e);

/* Add a rule; remove the first one that has what r says, or exactly r. */
enum psnetd_ops_rule_edit {
	PSNETD_OPS_RULE_ADD,
	PSNETD_OPS_RULE_REMOVE,
	PSNETD_OPS_RULE_REMOVE_EXACT,
};
int psnetd_ops_rule(struct stack *st, const struct spec_rule *r,
    enum psnetd_ops_rule_edit edit, struct words_error *e);

/* Call fn for each rule.  Returns: 0, or the first non-zero of fn. */
int psnetd_ops_rules_walk(struct stack *st,
    int (*fn)(void *arg, const struct spec_rule *r), void *arg);

/* Is exactly this rule there? */
bool psnetd_ops_rule_present(struct stack *st, const struct spec_rule *r);

int psnetd_ops_neigh_add(struct stack *st, const struct spec_neigh *n,
    bool replace, struct words_error *e);
int psnetd_ops_neigh_del(
    struct stack *st, const struct spec_neigh *n, struct words_error *e);

/*
 * A route as the stack wants it: cfg->nexthops points at hops, which has room
 * for r->nnexthops.
 */
int psnetd_ops_resolve(struct stack *st, const struct spec_route *r,
    struct route_nexthop *hops, struct route_config *cfg,
    struct words_error *e);

/* The reverse, with a copy of the next hops.  Returns: 0 or -ENOMEM. */
int psnetd_ops_describe(
    struct stack *st, const struct route_entry *entry, struct spec_route *out);

/*
 * The candidate of r's prefix with r's protocol, metric and distance.
 * Context: reader section; never sleeps.
 * Returns: false if there is none, with *out untouched.
 */
bool psnetd_ops_route_find(
    struct stack *st, const struct spec_route *r, struct route_entry *out);

/* What tells r from other routes to its prefix. */
struct route_key psnetd_ops_route_key(const struct spec_route *r);

/* Why a route could not be added, for people. */
int psnetd_ops_route_error(
    const struct spec_route *r, int rc, struct words_error *e);

/*
 * Remove the routes that match returns true for, in one commit of each table;
 * those that follow from addresses stay.  Returns: how many, or -ENOMEM.
 */
int psnetd_ops_routes_flush(struct stack *st,
    bool (*match)(void *arg, const struct route_entry *e), void *arg);

#endif /* APPS_PSNETD_OPS_H */
