/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_TABLES_H
#define STACK_ROUTE_TABLES_H

/*
 * The numbered routing tables of a stack and family, and which of them the
 * packets of an interface use (virtual routing and forwarding).  The tables
 * share memory: a route that is in a thousand of them is there once.
 *
 * An interface without a table of its own uses the main one.  The routes that
 * follow from its addresses are in the table of the interface, so that two
 * interfaces with different tables may have the same networks, and addresses.
 */

#include "stack/core/netif.h"
#include "stack/nexthop/resolve.h"
#include "stack/route/change.h"
#include "stack/route/table.h"

struct route_arena_stats;
struct route_tables;

/* The numbers of Linux; the local routes are in the table of their interface */
enum route_tables_number {
	ROUTE_TABLES_DEFAULT = 253, /* looked up last */
	ROUTE_TABLES_MAIN = 254,
	ROUTE_TABLES_LOCAL = 255, /* no table: a view of the others */
};

/*
 * Make the tables, of which only the main one exists.  Their routes go by the
 * stack's next-hop groups, which outlive them.
 * Context: control thread; may sleep (allocates).
 * Returns: 0, -EPROTONOSUPPORT (no proto_nexthop in st) or -ENOMEM.
 */
int route_tables_create(
    struct stack *st, enum netif_af af, struct route_tables **out);

/* Free all of them.  Context: control thread, the only user. */
void route_tables_destroy(struct route_tables *ts);

/* The main table.  Context: any thread. */
struct route_table *route_tables_main(const struct route_tables *ts);

/*
 * The table of a number; 0 is the main one.
 * Context: reader section or control mutex; never sleeps.
 * Owner:   it lives as long as ts.
 * Returns: NULL if there is none.
 */
struct route_table *route_tables_find(
    const struct route_tables *ts, uint32_t number);

/*
 * The table of a number, made if there is none.
 * Context: control thread holding the control mutex; may sleep.
 * Returns: 0, -EINVAL (ROUTE_TABLES_LOCAL) or -ENOMEM.
 */
int route_tables_get(
    struct route_tables *ts, uint32_t number, struct route_table **out);

/*
 * Call fn for each table, by number.
 * Context: control thread, not in a read section; fn may sleep.
 * Returns: 0, -ENOMEM or the first non-zero of fn.
 */
int route_tables_walk(struct route_tables *ts,
    int (*fn)(void *arg, struct route_table *t), void *arg);

/*
 * The next-hop group of the route that addr has in table number alone, or the
 * table that the route leads to, as it will be after the change under way: what
 * recursive next hops ask.
 * Context: control thread holding the control mutex; never sleeps.
 * Returns: NEXTHOP_GROUP_NONE if there is no such route.
 */
struct nexthop_resolve_found route_tables_hops(
    const struct route_tables *ts, uint32_t number, const uint8_t *addr);

/*
 * Take back what was removed and nobody can have any more, next-hop groups too:
 * for housekeeping, which is rung for when there is something.
 * Context: control thread holding the control mutex, no transaction open; may
 *          sleep.
 * Returns: was there anything?  The groups then have a grace period of their
 *          own.
 */
bool route_tables_collect(struct route_tables *ts);

/*
 * The memory of the compiled forms, which the tables share.
 * Context: control mutex; never sleeps.
 * Returns: false if nothing has been compiled.
 */
bool route_tables_arena_stats(
    const struct route_tables *ts, struct route_arena_stats *out);

/*
 * Give interface id a table; 0 or the main one's number: none of its own.  Its
 * addresses' routes are not moved: it should have none.
 * Context: control thread holding the control mutex; may sleep.
 * Returns: as route_tables_get(); packets see it at once, or nothing changed.
 */
int route_tables_bind(struct route_tables *ts, netif_id id, uint32_t number);

/*
 * Forget interface id: its table, and the rules that name it.
 * Context: control thread holding the control mutex; never sleeps.
 */
void route_tables_forget(struct route_tables *ts, netif_id id);

/*
 * The table of interface id; the main one if it has none of its own.
 * Context: reader section or control mutex; never sleeps; wait-free.
 */
struct route_table *route_tables_of(const struct route_tables *ts, netif_id id);

/*
 * For those who keep answers of any of the tables: their family, the count of
 * changes, and the routes by number (their group); 0: none.  A number stands
 * for a route as long as a reader may have it.
 * Context: any thread; what is pointed to as the answers.
 * Owner:   it lives as long as ts.
 */
struct route_answers {
	enum netif_af af;
	const struct route_change *change;
	const struct route *const *route;
};
struct route_answers route_tables_answers(const struct route_tables *ts);

#endif /* STACK_ROUTE_TABLES_H */
