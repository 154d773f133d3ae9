/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_DEMUX_HASH_H
#define LIBSYNC_DEMUX_HASH_H

/*
 * Hash functions for demux.  All 64 bits of a result are used: the lowest
 * choose the bucket, the highest 8 tell the items in it apart.
 */

#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The hash of a key of size bytes; equal keys have equal hashes. */
typedef uint64_t demux_hash_fn(
    const void *key, size_t size, const uint64_t seed[2]);

/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012, with one and three rounds): without the seed nobody can choose keys
 * that share a bucket.
 * Context: any thread; never sleeps; wait-free.
 */
uint64_t demux_hash_siphash13(
    const void *key, size_t size, const uint64_t seed[2]);

/*
 * Make 64 bits of the 32 that a network interface computed (RSS), for a hash
 * function of the caller.  The lowest bits stay as good as they are.
 * Context: any thread; never sleeps; wait-free.
 */
static inline uint64_t
demux_hash_spread(uint32_t rss)
{
	return rss * UINT64_C(0x9e3779b97f4a7c15);
}

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_DEMUX_HASH_H */
