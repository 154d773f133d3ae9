/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_JOURNAL_H
#define APPS_PSNETD_JOURNAL_H

/*
 * What has to be done to undo what was done, newest first.  An entry is noted
 * before the change it undoes, so that a change is never without one.
 *
 * Context: control thread, not in a read section, without the control mutex;
 *          may sleep.
 */

#include <stddef.h>
#include <stdint.h>

#include "apps/spec.h"
#include "apps/spec_object.h"
#include "stack/proto/ipv4/ipv4.h"

struct stack;
struct psnetd_journal_entry;

struct psnetd_journal {
	struct stack *st;
	struct psnetd_journal_entry *entries;
	size_t n, room;
};

/* A route as it was; existed false: there was none with its key. */
struct psnetd_journal_route {
	struct spec_route route;
	bool existed;
};

void psnetd_journal_init(struct psnetd_journal *j, struct stack *st);

/* Forget everything: it is to stay. */
void psnetd_journal_fini(struct psnetd_journal *j);

/* Undo everything, newest first, as far as the stack lets us. */
void psnetd_journal_undo(struct psnetd_journal *j);

/*
 * Note how to undo a change that is about to be made.  detach notes all that
 * hangs on the interface; unlisted routes that a removed address takes along
 * are noted too.
 * Returns: 0, -ENODEV or -ENOMEM.
 */
int psnetd_journal_attach(struct psnetd_journal *j, const struct spec_link *l);
int psnetd_journal_detach(struct psnetd_journal *j, const struct spec_link *l);
int psnetd_journal_link_set(
    struct psnetd_journal *j, const struct spec_link *l);
int psnetd_journal_addr_add(
    struct psnetd_journal *j, const struct spec_addr *a);
int psnetd_journal_addr_remove(
    struct psnetd_journal *j, const struct spec_addr *a);
int psnetd_journal_neigh(struct psnetd_journal *j, const struct spec_neigh *n);

/*
 * The object with this id is to change, or to come; those that match is true
 * for are to go, and with them routes and groups that name them.
 */
int psnetd_journal_object(struct psnetd_journal *j, uint32_t id);
int psnetd_journal_objects_remove(struct psnetd_journal *j,
    bool (*match)(void *arg, const struct spec_object *o), void *arg);

int psnetd_journal_rule(
    struct psnetd_journal *j, const struct spec_rule *r, bool added);
int psnetd_journal_option(struct psnetd_journal *j, enum ipv4_option o);

/* Owner: takes the array and its routes, also on failure. */
int psnetd_journal_routes(
    struct psnetd_journal *j, struct psnetd_journal_route *routes, size_t n);

/* Note what the route is that r would replace.  Returns: 0 or -ENOMEM. */
int psnetd_journal_snapshot(struct stack *st, const struct spec_route *r,
    struct psnetd_journal_route *out);

#endif /* APPS_PSNETD_JOURNAL_H */
