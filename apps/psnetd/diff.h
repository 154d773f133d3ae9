/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_DIFF_H
#define APPS_PSNETD_DIFF_H

/*
 * From one configuration to another as a list of operations, in the order in
 * which they can be applied: what disturbs nothing first, what destroys last.
 */

#include <stddef.h>
#include <stdint.h>

#include "apps/config.h"

enum psnetd_diff_kind {
	PSNETD_DIFF_LINK_ATTACH,    /* link */
	PSNETD_DIFF_LINK_DETACH,    /* old_link */
	PSNETD_DIFF_LINK_SET,       /* old_link (NULL: new), link */
	PSNETD_DIFF_ADDR_ADD,       /* addr */
	PSNETD_DIFF_ADDR_REMOVE,    /* addr */
	PSNETD_DIFF_OBJECTS_SET,    /* those of new that changed or are lost */
	PSNETD_DIFF_OBJECTS_REMOVE, /* those of old that new has not */
	PSNETD_DIFF_ROUTES_SET,     /* the set list, one commit */
	PSNETD_DIFF_ROUTES_REMOVE,  /* the del list, one commit */
	PSNETD_DIFF_NEIGH_SET,      /* neigh */
	PSNETD_DIFF_NEIGH_REMOVE,   /* neigh */
	PSNETD_DIFF_OPTION,         /* option; said or back to its default */
	PSNETD_DIFF_RULE_ADD,       /* rule */
	PSNETD_DIFF_RULE_REMOVE,    /* rule */
};

struct psnetd_diff_op {
	enum psnetd_diff_kind kind;
	const struct spec_link *link, *old_link;
	const struct spec_addr *addr;
	const struct spec_neigh *neigh;
	const struct spec_rule *rule;
	enum ipv4_option option;
};

/* One route of a configuration: of a route line, or of a table. */
struct psnetd_diff_route {
	uint32_t in;     /* number of the routing table; 0: main */
	uint32_t prefix; /* host order */
	uint32_t index;  /* in routes, or in the table's entries */
	uint32_t table;  /* 0: routes; else 1 + index of the table */
	uint32_t metric;
	uint8_t plen;
	uint8_t distance, protocol; /* with metric, what tells it apart */
};

struct psnetd_diff {
	const struct config *old, *new;
	struct psnetd_diff_op *ops;
	struct psnetd_diff_route *set; /* of new: added or changed */
	struct psnetd_diff_route *del; /* of old: not in new */
	size_t nops, nset, ndel;
	size_t ops_room, set_room, del_room;
};

/*
 * Both configurations must outlive the result.
 * Context: any thread; never sleeps.
 * Owner:   the caller owns *out until psnetd_diff_fini().
 * Returns: 0 or -ENOMEM with *out untouched.
 */
int psnetd_diff(const struct config *old, const struct config *new,
    struct psnetd_diff *out);
void psnetd_diff_fini(struct psnetd_diff *d);

/*
 * Every route of a configuration once, sorted by prefix: of those with the same
 * protocol, metric and distance, a route line wins over a table, a later table
 * line over an earlier one.
 * Owner:   *out is the caller's, from malloc().
 * Returns: 0 or -ENOMEM.
 */
int psnetd_diff_effective(
    const struct config *c, struct psnetd_diff_route **out, size_t *n);

/*
 * The route that r stands for.  Its next hops are borrowed from c.
 */
void psnetd_diff_view(const struct config *c, const struct psnetd_diff_route *r,
    struct spec_route *out);

/* Order of psnetd_diff_effective(); 0 for the same route. */
int psnetd_diff_compare(
    const struct psnetd_diff_route *a, const struct psnetd_diff_route *b);

#endif /* APPS_PSNETD_DIFF_H */
