/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_MRT_IMPL_H
#define APPS_MRT_IMPL_H

/*
 * What the decoder's files share: mrt.c has the records, mrt_bgp.c what is BGP
 * in them.  All functions return 0, -EINVAL after filling *e, or -ENOMEM.
 */

#include "apps/mrt.h"
#include "apps/mrt_cursor.h"

/* Address families (IANA), and the one SAFI that counts. */
enum {
	MRT_AFI_INET = 1,
	MRT_AFI_INET6 = 2,
	MRT_SAFI_UNICAST = 1
};

/* Append a copy. */
int mrt_add(
    struct mrt *m, const struct tablefile_entry *entry, struct words_error *e);

/* A prefix as NLRI have it (RFC 4271 4.3): length, then as few bytes as do. */
int mrt_bgp_prefix(struct mrt_cursor *c, uint8_t family,
    struct tablefile_entry *out, struct words_error *e);

/* The next hop out of the attributes of a table's route. */
int mrt_bgp_hop(struct mrt_cursor attrs, struct tablefile_entry *out,
    struct words_error *e);

/* The entries of an UPDATE message; base has their time and peer. */
int mrt_bgp_update(struct mrt *m, struct mrt_cursor msg, bool addpath,
    const struct tablefile_entry *base, struct words_error *e);

#endif /* APPS_MRT_IMPL_H */
