/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_FIB_SMALL_H
#define STACK_ROUTE_FIB_SMALL_H

/*
 * The compiled form of a table of a few prefixes, of which there may be
 * thousands: where the answer changes, and to what.  One is made anew for each
 * change, in a few kilobytes, and never written after.
 */

#include "stack/route/fib.h"

struct fib_small;

#define FIB_SMALL_MAX 256u /* prefixes */

/*
 * Compile all routes of after.
 * bits:    of an address, 32 or 128.
 * Context: writer (control mutex); may sleep (allocates).
 * Owner:   the caller, until fib_small_free() or _retire().
 * Returns: 0, -ENOMEM, or -E2BIG (more than FIB_SMALL_MAX prefixes).
 */
int fib_small_create(
    const struct fib_source *after, unsigned int bits, struct fib_small **out);

/* Free one that no reader has, and one that has been published; may be NULL. */
void fib_small_free(struct fib_small *s);
void fib_small_retire(struct fib_small *s);

/*
 * The group of an address, its first 64 bits and the others; one of 32 bits is
 * the first half of hi.
 * Context: read section; never sleeps; wait-free, at most ten steps.
 * Returns: the group of the longest prefix that covers it; FIB_NONE.
 */
uint32_t fib_small_lookup(const struct fib_small *s, uint64_t hi, uint64_t lo);

/* Bytes that lookups read.  Context: as lookup, or writer. */
size_t fib_small_bytes(const struct fib_small *s);

#endif /* STACK_ROUTE_FIB_SMALL_H */
