/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_SHOW_H
#define APPS_PSNETD_SHOW_H

/*
 * Objects of the stack as JSON, with the field names of iproute2's -j.
 *
 * Context: reader section (interfaces), else any thread.
 * Owner:   the caller owns the reference returned.
 * Returns: NULL without memory.
 */

#include <jansson.h>

#include "apps/spec.h"
#include "apps/spec_object.h"
#include "stack/proto/arp/arp.h"

struct event;
struct netif;
struct nexthop_entry;
struct stack;

json_t *psnetd_show_link(const struct netif *nif);
json_t *psnetd_show_addrs(const struct netif *nif);

/* Add to an address what conflict detection (RFC 5227) found out. */
void psnetd_show_claim(json_t *o, enum arp_claim_state state);

json_t *psnetd_show_object(const struct spec_object *s);
json_t *psnetd_show_object_event(struct stack *st, const struct event *ev);
json_t *psnetd_show_seconds(uint64_t ms);

/* Behind its own nhid a route has the next hops of the object, from st. */
json_t *psnetd_show_route_of(struct stack *st, struct spec_route *r);
json_t *psnetd_show_route(const struct spec_route *r);
json_t *psnetd_show_neigh(
    const struct nexthop_entry *n, const char *dev, int with_times);
json_t *psnetd_show_event(struct stack *st, const struct event *ev);

#endif /* APPS_PSNETD_SHOW_H */
