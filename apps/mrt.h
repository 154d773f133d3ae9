/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_MRT_H
#define APPS_MRT_H

/*
 * The records of MRT files (RFC 6396, and RFC 8050 for several paths of one
 * prefix): the routes of table dumps, the updates of BGP4MP messages.  Of a
 * route only the prefix, the next hop and the peer are of interest here.
 * Unicast only; records of other protocols and states are skipped.
 *
 * Everything in a record must add up: one that ends too early, or too late, is
 * an error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apps/tablefile.h"

#define MRT_HEADER 12

struct mrt_header {
	uint32_t time, length;
	uint16_t type, subtype;
};

struct mrt_peer {
	uint8_t family; /* 4 or 6 */
	uint8_t addr[16];
};

/* A decoder: the peers of the last index, and what the last record said. */
struct mrt {
	struct mrt_peer *peers;
	size_t npeers;
	bool indexed; /* an index was seen */
	struct tablefile_entry *entries;
	size_t n, room;
	struct tablefile_entry last; /* route of a TABLE_DUMP; family 0: none */
};

/*
 * Context: any thread; never sleeps.
 * Owner:   the caller, until mrt_fini().
 */
void mrt_init(struct mrt *m);
void mrt_fini(struct mrt *m);

/* Can a file that begins with these bytes be MRT?  No text can. */
bool mrt_is(const uint8_t *data, size_t len);

/* Take the header of a record apart. */
void mrt_header_parse(const uint8_t data[MRT_HEADER], struct mrt_header *out);

/*
 * Decode a record: m->entries has the m->n entries in it afterwards.
 * Context: any thread; never sleeps.
 * Returns: 0; -EINVAL after filling *e, or -ENOMEM, with no entries.
 */
int mrt_decode(struct mrt *m, const struct mrt_header *h, const uint8_t *body,
    struct words_error *e);

#endif /* APPS_MRT_H */
