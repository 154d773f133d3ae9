/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PREFIXLIST_H
#define APPS_PREFIXLIST_H

/*
 * A list of prefixes for one bulk load: a line "PREFIX [NEXT-HOP]" each; blank
 * lines and what follows a '#' do not count.  A line without a next hop uses
 * the list's default.  Text is fed in pieces of any size, so a large file can
 * be read in slices; 16 bytes per prefix are kept.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apps/spec.h"
#include "apps/words.h"

/* More prefixes than any table has; a bound for what a client may send. */
#define PREFIXLIST_MAX (UINT32_C(1) << 24)

struct prefixlist_entry {
	uint32_t prefix; /* network order */
	uint32_t line;
	uint32_t hop; /* index in hops */
	uint8_t plen;
};

struct prefixlist {
	struct prefixlist_entry *entries;
	size_t n, room;
	struct spec_nexthop *hops; /* [0] is the default, if there is one */
	size_t nhops, hops_room;
	uint32_t *index; /* of hops by address: open addressing, 0 free */
	size_t index_size;
	bool has_default;
	unsigned int line; /* lines seen */
	unsigned int used; /* bytes of partial */
	char partial[256]; /* a line cut by the end of a piece */
};

/*
 * Start an empty list; dflt (may be NULL) is copied.
 * Context: any thread; never sleeps.
 * Owner:   the caller, until prefixlist_fini().
 * Returns: 0 or -ENOMEM.
 */
int prefixlist_init(struct prefixlist *l, const struct spec_nexthop *dflt);
void prefixlist_fini(struct prefixlist *l);

/*
 * Take a piece of text; prefixlist_end() takes the last, unfinished line.
 * Context: any thread; never sleeps.
 * Returns: 0, -EINVAL after filling *e (the line at fault is l->line),
 *          -ENOSPC beyond PREFIXLIST_MAX, or -ENOMEM.
 */
int prefixlist_feed(
    struct prefixlist *l, const char *text, size_t len, struct words_error *e);
int prefixlist_end(struct prefixlist *l, struct words_error *e);

#endif /* APPS_PREFIXLIST_H */
