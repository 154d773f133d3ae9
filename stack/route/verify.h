/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_VERIFY_H
#define STACK_ROUTE_VERIFY_H

/*
 * Is a table that is in use right?  Three ways to look an address up are
 * compared with a fourth that shares nothing with them but the list of
 * prefixes: the tree (RIB), the compiled form (FIB), and the FIB a batch at
 * once; against a sweep over the sorted prefixes that knows, for each address,
 * which of them are open.  And its route must lead, through the next-hop group,
 * to one of the next hops that it has, if none of them is recursive.
 *
 * Asked for are the addresses at which the answer may change: the first and the
 * last one of each prefix and those before and behind it, one at random between
 * each two of them, and as many as wanted spread over all addresses.
 *
 * The table may change meanwhile.  It is verified in chunks of about a thousand
 * prefixes; during one the control mutex is held, a few milliseconds, so that
 * tree, FIB and sweep are of the same state; between two chunks changes go on.
 * So each address is judged by the state of its moment.  Packets wait for
 * nothing.
 */

#include <stdbool.h>
#include <stdint.h>

#include "stack/route/table.h"

struct route_verify;

/* An address for which an answer differs; a route that is NULL: none. */
struct route_verify_diff {
	uint8_t addr[16];  /* network order */
	unsigned int plen; /* of the prefix that the sweep has, if it has */
	unsigned int rib_plen;
	const struct route *sweep, *rib;
	const struct route *fib, *batch; /* compiled tables only */
	bool compiled;
	bool hops; /* of the sweep's route: they are right */
};

/* Called for each difference, with the control mutex held, in a section. */
typedef void route_verify_fn(void *arg, const struct route_verify_diff *d);

struct route_verify_config {
	struct route_table *table;
	/*
	 * Whose prefixes are right: another of the same tables, to compare two
	 * of them; NULL: its own.
	 */
	struct route_table *like;
	uint32_t random; /* addresses spread over all */
	uint64_t seed;
	route_verify_fn *differs; /* may be NULL */
	void *arg;
};

struct route_verify_result {
	uint64_t prefixes;        /* that were swept over */
	uint64_t addresses;       /* that were looked up */
	uint64_t compiled;        /* of these, while there was a FIB */
	uint64_t differences;     /* addresses with any wrong answer */
	uint64_t rib, fib, batch; /* wrong answers of each */
	uint64_t hops;            /* routes that led elsewhere */
};

/*
 * Begin to verify a table.
 * Context: control thread; may sleep (allocates).
 * Owner:   the tables must outlive *out.
 * Returns: 0 or -ENOMEM.
 */
int route_verify_create(
    const struct route_verify_config *cfg, struct route_verify **out);

void route_verify_destroy(struct route_verify *v); /* NULL: nothing */

/*
 * Verify the next chunk.
 * Context: control thread without the control mutex, not in a read section; may
 *          sleep.
 * Returns: false if it was the last one.
 */
bool route_verify_step(struct route_verify *v);

/* What was found up to now.  Context: as route_verify_step(). */
const struct route_verify_result *route_verify_result(
    const struct route_verify *v);

/* All of it.  Context and returns: as above; *out is filled on success. */
int route_verify_table(
    const struct route_verify_config *cfg, struct route_verify_result *out);

#endif /* STACK_ROUTE_VERIFY_H */
