/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_DUMP_H
#define APPS_PSNETD_DUMP_H

/*
 * A long answer: the routes of one snapshot that match, kept compactly and
 * sent in pieces as fast as the client reads.
 *
 * Context: control thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "apps/idset.h"
#include "apps/words.h"
#include "stack/core/pkt.h"

struct psnetd_client;
struct psnetd_dump;
struct route_entry;
struct stack;

enum psnetd_dump_scope {
	PSNETD_DUMP_ALL,
	PSNETD_DUMP_EXACT, /* this very prefix */
	PSNETD_DUMP_ROOT,  /* it and what is inside */
	PSNETD_DUMP_MATCH, /* it and what it is inside of */
};

/* Which routes; zero fields match everything. */
struct psnetd_dump_filter {
	enum psnetd_dump_scope scope;
	uint32_t prefix; /* network order */
	unsigned int plen;
	uint8_t type, protocol;
	uint32_t via;
	uint32_t nhid;
	netif_id dev;
	struct idset behind; /* objects that lead by via and dev */
	bool main_only;      /* neither local nor broadcast */
	bool every;          /* whatever table it is in */
	uint32_t table;      /* else in this one; 0: main */
};

bool psnetd_dump_match(
    const struct psnetd_dump_filter *f, const struct route_entry *e);

/*
 * Returns: 0, -ENOMEM, or -EBUSY when too many dumps are in progress.
 */
int psnetd_dump_create(struct stack *st, const struct psnetd_dump_filter *f,
    struct psnetd_dump **out);
void psnetd_dump_destroy(struct psnetd_dump *dump); /* NULL: nothing */

/* Send the next piece of c->dump; after the last c->dump is NULL. */
void psnetd_dump_more(struct psnetd_client *c);

#endif /* APPS_PSNETD_DUMP_H */
