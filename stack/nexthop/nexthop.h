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

/*
 * Have fn take the routes of a family away when the object is removed that
 * they name; NULL: none.
 * Context: control thread, when no object is being removed; never sleeps.
 * Returns: 0 or -EPROTONOSUPPORT (the stack is without the protocol).
 */
int nexthop_gone_set(
    struct stack *st, enum netif_af af, nexthop_object_gone_fn fn, void *arg);

/*
 * nexthop_object_add() and nexthop_object_remove() under the control mutex.
 * Context: control thread without the control mutex; may sleep.
 * Returns: also -EPROTONOSUPPORT, and -ENODEV (there is no such interface).
 */
int nexthop_add(struct stack *st, const struct nexthop_object_config *cfg,
    enum nexthop_object_mode mode, const char **why);
int nexthop_del(struct stack *st, uint32_t id, const char **why);

#endif /* STACK_NEXTHOP_NEXTHOP_H */
