/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_NEXTHOP_NEXTHOP_H
#define STACK_NEXTHOP_NEXTHOP_H

/*
 * The next-hop groups and objects of a stack, one table for all families.  It
 * is a protocol without packets, so that it hears of interfaces: it stands
 * before the families that have routes.
 */

#include "stack/core/proto.h"
#include "stack/nexthop/group.h"
#include "stack/nexthop/object.h"
#include "stack/nexthop/resolve.h"

struct stack;

extern const struct proto proto_nexthop;

/*
 * The groups, the objects of a stack.
 * Context: control thread or reader section; never sleeps.
 * Owner:   they live as long as the protocol is in the stack.
 * Returns: NULL without the protocol.
 */
struct nexthop_groups *nexthop_groups_of(struct stack *st);
struct nexthop_objects *nexthop_objects_of(struct stack *st);

/* What the table asks of a family's routes.  Context: writer. */
struct nexthop_family {
	/* As nexthop_resolve_via_fn. */
	struct nexthop_resolve_found (*lookup)(
	    void *arg, uint32_t table, const uint8_t *addr);

	/* As nexthop_object_gone_fn. */
	void (*gone)(void *arg, const uint32_t *groups, size_t n);
};

/*
 * A family has routes, or no more (NULL).
 * Context: control thread, before its first route and after its last.
 * Returns: 0 or -EPROTONOSUPPORT (the stack is without the protocol).
 */
int nexthop_family_set(struct stack *st, enum netif_af af,
    const struct nexthop_family *family, void *arg);

/*
 * nexthop_object_add() and nexthop_object_remove() under the control mutex.
 * Context: control thread without the control mutex; may sleep.
 * Returns: also -EPROTONOSUPPORT, and -ENODEV (there is no such interface).
 */
int nexthop_add(struct stack *st, const struct nexthop_object_config *cfg,
    enum nexthop_object_mode mode, const char **why);
int nexthop_del(struct stack *st, uint32_t id, const char **why);

/*
 * nexthop_object_remove_all() likewise: one walk of the routes for all.
 * Returns: the number removed, or as nexthop_del().
 */
int nexthop_del_all(
    struct stack *st, const uint32_t *ids, size_t n, const char **why);

/*
 * Send p, whose data is the L3 header, on nif, which s names, with the header
 * that s has (hdr_len is not 0).
 * Context: worker in a read section; never sleeps; wait-free.
 * Owner:   takes p.
 */
void nexthop_slot_output(struct worker *w, struct netif *nif,
    const struct nexthop_slot *s, struct pkt *p);

#endif /* STACK_NEXTHOP_NEXTHOP_H */
