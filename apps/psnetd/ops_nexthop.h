/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_OPS_NEXTHOP_H
#define APPS_PSNETD_OPS_NEXTHOP_H

/*
 * Numbered next hops, as apps/psnetd/ops.h has the rest.
 *
 * Context: control thread, not in a read section, without the control mutex;
 *          may sleep.  Those that only read, also in the middle of a commit.
 * Returns: 0, or a negative errno after filling *e.
 */

#include "apps/idset.h"
#include "apps/spec.h"
#include "apps/spec_object.h"
#include "apps/words.h"
#include "stack/nexthop/object.h"

struct stack;

int psnetd_ops_nexthop_add(struct stack *st, const struct spec_object *o,
    enum nexthop_object_mode mode, struct words_error *e);
int psnetd_ops_nexthop_del(
    struct stack *st, uint32_t id, struct words_error *e);

/* All of a set, as far as they are there, and their routes in one commit of
 * each table. */
int psnetd_ops_nexthop_del_all(
    struct stack *st, const struct idset *ids, struct words_error *e);

/* Is there an object with this id?  Returns: 0, or -ENOENT after filling *e. */
int psnetd_ops_nexthop_check(
    struct stack *st, uint32_t id, struct words_error *e);

/*
 * The object with this id.
 * Owner:   the caller owns out->members.
 * Returns: 0, -ENOENT or -ENOMEM.
 */
int psnetd_ops_nexthop_find(
    struct stack *st, uint32_t id, struct spec_object *out);

/*
 * Call fn for each object, in order of ids; fn may change them.
 * Returns: 0, -ENOMEM, or the first non-zero of fn.
 */
int psnetd_ops_nexthop_walk(struct stack *st,
    int (*fn)(void *arg, const struct spec_object *o), void *arg);

/*
 * The objects that match is true for, the groups that name one of them, and
 * those whose backup is any of all these.
 * Owner:   *out is the caller's, sorted; empty on failure.
 * Returns: 0 or -ENOMEM.
 */
int psnetd_ops_nexthop_select(struct stack *st,
    bool (*match)(void *arg, const struct spec_object *o), void *arg,
    struct idset *out);

/*
 * What is behind an object: itself, or the members of a group.
 * Returns: the number of next hops in out, 0 if there is no such object or it
 *          drops; with its kind, enum nexthop_kind.
 */
unsigned int psnetd_ops_nexthop_hops(struct stack *st, uint32_t id,
    struct spec_nexthop out[SPEC_NEXTHOPS_MAX], uint8_t *kind);

#endif /* APPS_PSNETD_OPS_NEXTHOP_H */
