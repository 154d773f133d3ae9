/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_LPM_FILE_H
#define TESTS_LPM_FILE_H

/*
 * A table or a trace, read as a whole, with a group number for each next hop.
 */

#include <stddef.h>

#include "apps/tablefile.h"
#include "tests/lpm/key.h"
#include "tests/lpm/oracle.h"

/* Groups of a forwarding table are below this (FIB_GROUPS_MAX). */
#define LPM_FILE_GROUPS_MAX (UINT32_C(1) << 20)

struct lpm_file_route {
	struct lpm_prefix p;
	uint8_t family; /* 4 or 6 */
	uint32_t group; /* 0: withdrawn */
};

struct lpm_file {
	const char *path;
	const char *format;
	bool stream; /* of updates */
	struct lpm_file_route *routes;
	size_t n, room;
	size_t of[2]; /* of IPv4, of IPv6 */
};

/* Next hops of all files by number: the addresses, and how many there are. */
struct lpm_file_hops {
	struct lpm_oracle *by_address;
	uint32_t n;
	uint32_t made_up; /* groups for routes that have no next hop */
};

/*
 * Returns: 0, or a negative errno after filling *e.  Of several peers' routes
 * to a prefix the first is taken.
 */
int lpm_file_read(const char *path, struct lpm_file_hops *hops,
    struct lpm_file *out, struct tablefile_error *e);
void lpm_file_fini(struct lpm_file *f);

#endif /* TESTS_LPM_FILE_H */
