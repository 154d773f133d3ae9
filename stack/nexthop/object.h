/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_NEXTHOP_OBJECT_H
#define STACK_NEXTHOP_OBJECT_H

/*
 * Next hops that the administrator numbers, as ip-nexthop(8) has them: a single
 * one, or a group that names single ones.  Routes refer to the number, and
 * replacing what is behind it touches none of them.
 *
 * What Linux refuses is refused here, too: a group in a group, a drop in a
 * group of several, a member twice, a group in the place of a single one and
 * the other way round, another type or number of buckets.
 *
 * Linux knows no backups.  One is an object that has none itself, and that a
 * group loses, as a member, when it is removed.
 *
 * All calls but the constants are the writer's: the control mutex of the stack
 * excludes them from each other and from other changes of the group table.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/nexthop/group.h"

struct nexthop_objects;

#define NEXTHOP_OBJECT_IDLE_NS (120 * UINT64_C(1000000000)) /* the default */

/* A member of a group: another object. */
struct nexthop_object_member {
	uint32_t id;
	uint16_t weight; /* 1 .. 65535 */
};

/* An object, as it is configured and as it is shown. */
struct nexthop_object_config {
	uint32_t id;      /* not 0 */
	uint8_t protocol; /* who made it, as of routes */

	/* A single one if nmembers is 0; VIA without netif is recursive. */
	struct nexthop_hop hop; /* its weight is not looked at */

	const struct nexthop_object_member *member;
	unsigned int nmembers;

	/* Of groups. */
	uint32_t backup; /* an object to use while no member's port is up */
	bool resilient;
	unsigned int buckets;      /* rounded up to a power of two; 2 .. 8192 */
	uint64_t idle_timer;       /* ns without a packet; 0: at once */
	uint64_t unbalanced_timer; /* ns; 0: never by force */
};

/*
 * Objects that routes may refer to were removed: these n groups, in order, are
 * empty.  Take the routes away; references to groups still have to be given
 * back.
 * Context: writer.
 */
typedef void (*nexthop_object_gone_fn)(
    void *arg, const uint32_t *groups, size_t n);

enum nexthop_object_change {
	NEXTHOP_OBJECT_ADDED,
	NEXTHOP_OBJECT_CHANGED, /* or a group lost a member, or its backup */
	NEXTHOP_OBJECT_REMOVED,
};

/*
 * An object is, or was, as cfg says.
 * Context: writer; changes no objects.
 */
typedef void (*nexthop_object_changed_fn)(void *arg,
    const struct nexthop_object_config *cfg, enum nexthop_object_change change);

/*
 * Make a table of objects in g.  gone may be NULL.
 * Context: writer; may sleep (allocates).
 * Returns: 0 or -ENOMEM.
 */
int nexthop_object_create(struct nexthop_groups *g, nexthop_object_gone_fn gone,
    void *arg, struct nexthop_objects **out);

/* Have fn told of every change from now on, in order.  Context: writer. */
void nexthop_object_watch(
    struct nexthop_objects *t, nexthop_object_changed_fn fn, void *arg);

/* Remove all without telling, and free.  Context: writer. */
void nexthop_object_destroy(struct nexthop_objects *t);

enum nexthop_object_mode {
	NEXTHOP_OBJECT_ADD,     /* -EEXIST if there is one */
	NEXTHOP_OBJECT_REPLACE, /* either way */
};

/*
 * Add an object, or replace the one of this id: a gateway by one word, members
 * of a group by one word, or by their own buckets in a resilient one.
 * Context: writer; may sleep (allocates, asks neighbours).
 * Returns: 0, -EEXIST, -ENOENT (a member, the backup), -EINVAL, -E2BIG, -ENOSPC
 *          or -ENOMEM, with the reason for people in *why (not NULL); nothing
 *          changed then.
 */
int nexthop_object_add(struct nexthop_objects *t,
    const struct nexthop_object_config *cfg, enum nexthop_object_mode mode,
    const char **why);

/*
 * Remove an object.  It leaves the groups that name it, and a group without
 * another member goes with it.
 * Context: as nexthop_object_add().
 * Returns: 0, -ENOENT, -ENOSPC or -ENOMEM, with *why; nothing changed then.
 */
int nexthop_object_remove(
    struct nexthop_objects *t, uint32_t id, const char **why);

/*
 * Remove n objects, as far as they are there; what is told to take routes away
 * is told once.
 * Context: as nexthop_object_add().
 * Returns: the number removed, without groups that went along, or as
 *          nexthop_object_remove(): those before it are removed then.
 */
int nexthop_object_remove_all(
    struct nexthop_objects *t, const uint32_t *ids, size_t n, const char **why);

/*
 * Remove the single objects on an interface: it is being detached.  Cannot fail:
 * without memory the buckets of their groups are refilled in place, and each is
 * told by itself.
 * Context: as nexthop_object_add().
 * Returns: the number removed.
 */
int nexthop_object_purge_netif(struct nexthop_objects *t, netif_id netif);

/*
 * The group that a route with this object carries, with a reference.
 * Context: writer.
 * Owner:   the caller, until nexthop_group_release().
 * Returns: 0 or -ENOENT.
 */
int nexthop_object_acquire(
    struct nexthop_objects *t, uint32_t id, uint32_t *group);

/*
 * The object of this id; member stays valid until it is changed or removed.
 * Context: writer.
 * Returns: 0 or -ENOENT.
 */
int nexthop_object_get(
    struct nexthop_objects *t, uint32_t id, struct nexthop_object_config *out);

/*
 * Call fn for each object in order of ids; fn changes none.
 * Context: writer; may sleep.
 * Returns: 0, -ENOMEM, or the first non-zero of fn.
 */
int nexthop_object_walk(struct nexthop_objects *t,
    int (*fn)(void *arg, const struct nexthop_object_config *cfg), void *arg);

/*
 * Who has bucket index of resilient group id, and since when it is not used,
 * in ns; UINT64_MAX: not since it was moved.
 * Context: writer.
 * Returns: 0, -ENOENT (object or bucket), -EINVAL (not resilient).
 */
int nexthop_object_bucket(struct nexthop_objects *t, uint32_t id,
    unsigned int index, uint32_t *member, uint64_t *unused);

#endif /* STACK_NEXTHOP_OBJECT_H */
