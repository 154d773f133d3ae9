/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_NEXTHOP_OBJECT_IMPL_H
#define STACK_NEXTHOP_OBJECT_IMPL_H

/* Shared by object.c and object_show.c.  All of it: [w] writer. */

#include "stack/nexthop/group_impl.h"
#include "stack/nexthop/object.h"

struct nexthop_object {
	struct nexthop_object_config cfg; /* member is its own copy */
	struct nexthop_group *grp;        /* a reference */
	struct nexthop_group_link by_id;
	struct nexthop_object *backup;
	LIST_HEAD(, nexthop_object) backs; /* whose backup it is */
	LIST_ENTRY(nexthop_object) on_backs;
};

struct nexthop_objects {
	struct nexthop_groups *g;
	struct nexthop_group_hash by_id;
	nexthop_object_gone_fn gone;
	void *gone_arg;
	uint32_t *emptied; /* groups to tell gone of, each held */
	size_t nemptied, emptied_room;
	nexthop_object_changed_fn changed;
	void *changed_arg;
};

/* The object of this id, or NULL. */
struct nexthop_object *nexthop_object_find(
    const struct nexthop_objects *t, uint32_t id);

/*
 * Another object of the table than those passed before; NULL at the end.  With
 * o NULL the first from *chain on, which then is past that object's chain.
 */
struct nexthop_object *nexthop_object_next(
    const struct nexthop_objects *t, size_t *chain, struct nexthop_object *o);

#endif /* STACK_NEXTHOP_OBJECT_IMPL_H */
