/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PREFIXLIST_H
#define APPS_PREFIXLIST_H

/*
 * What one bulk load will make of a table file: its entries are given one by
 * one, those of other families and peers left out, updates reduced to what is
 * there behind the last of them.  16 bytes per prefix are kept.
 *
 * The next hop of a line of a list goes before the default.  The next hops of
 * dumps and traces, and ids, are those of where they were recorded: there the
 * default, if there is one, takes their place.  It is for who gives the list to
 * say that ids mean the next hops that are numbered here (ids).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apps/spec.h"
#include "apps/tablefile.h"
#include "apps/words.h"

/* More prefixes than any table has; a bound for what a client may send. */
#define PREFIXLIST_MAX  (UINT32_C(1) << 24)
#define PREFIXLIST_GONE UINT32_MAX

struct prefixlist_config {
	const struct spec_nexthop *hop; /* the default; NULL: none */
	bool ids;                       /* ids are those of objects here */
	uint8_t family;                 /* 4 or 6; 0: all */
	uint8_t peer_family; /* 0: the first peer's route to a prefix */
	uint8_t peer[16];
};

struct prefixlist_entry {
	uint32_t prefix; /* network order */
	uint32_t at;     /* line or record */
	uint32_t hop;    /* index in hops; PREFIXLIST_GONE: withdrawn */
	uint32_t order : 24, plen : 8;
};

struct prefixlist {
	struct prefixlist_config cfg; /* but for the default */
	bool has_default;
	struct prefixlist_entry *entries;
	size_t n, room;
	uint64_t skipped;          /* of other families or peers */
	uint64_t last;             /* record that the last entry came from */
	bool stream;               /* updates came */
	struct spec_nexthop *hops; /* [0] is the default, if there is one */
	size_t nhops, hops_room;
	uint32_t *index; /* of hops by address or id: open addressing, 0 free */
	size_t index_size;
};

/*
 * Start an empty list; what cfg points at is copied.
 * Context: any thread; never sleeps.
 * Owner:   the caller, until prefixlist_fini().
 * Returns: 0 or -ENOMEM.
 */
int prefixlist_init(struct prefixlist *l, const struct prefixlist_config *cfg);
void prefixlist_fini(struct prefixlist *l);

/*
 * Take an entry; prefixlist_end() behind the last one makes of updates what is
 * there after them.
 * Context: any thread; never sleeps.
 * Returns: 0, -EINVAL after filling *e, -ENOSPC beyond PREFIXLIST_MAX, or
 *          -ENOMEM.
 */
int prefixlist_add(struct prefixlist *l, const struct tablefile_entry *entry,
    struct words_error *e);
void prefixlist_end(struct prefixlist *l);

/*
 * Take what the next line or record of f says.
 * Context: any thread; may sleep (reads).
 * Returns: as tablefile_step() and prefixlist_add(); every error fills *e.
 */
int prefixlist_take(
    struct prefixlist *l, struct tablefile *f, struct tablefile_error *e);

#endif /* APPS_PREFIXLIST_H */
