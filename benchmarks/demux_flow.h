/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef BENCHMARKS_DEMUX_FLOW_H
#define BENCHMARKS_DEMUX_FLOW_H

/*
 * What bench_demux.c and the files of its peers look up: connections of one
 * cache line, and random keys of theirs.  Every table has the same objects,
 * hashes by the same function, and its user reads a word of what was found.
 * Keys are made on the way, as they come out of packets.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsync/pserialize/pserialize.h"

#define FLOW_BURST 32u /* lookups in one read section */

struct flow_key {
	uint64_t addresses;
	uint32_t ports;
	uint32_t protocol;
};

struct flow {
	struct flow_key key;
	uint64_t node[2]; /* of a table that chains its objects */
	struct pserialize_head retire;
	uint64_t state;
	bool single; /* allocated alone, to be freed alone */
} __attribute__((aligned(64)));

static inline struct flow_key
flow_key_of(uint64_t i)
{
	return (struct flow_key){
	    i * UINT64_C(0x9e3779b97f4a7c15), (uint32_t)i, 6};
}

static inline uint64_t
flow_hash(const struct flow_key *k)
{
	uint64_t x = (uint64_t)k->protocol << 32 | k->ports;

	x = (k->addresses ^ x >> 7) + x * UINT64_C(0xd6e8feb86659fd93);
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

static inline bool
flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return ((a->addresses ^ b->addresses) |
		   (uint32_t)(a->ports ^ b->ports) |
		   (uint32_t)(a->protocol ^ b->protocol)) == 0;
}

/* A number below n; the state starts with anything odd. */
static inline uint64_t
flow_random(uint64_t *state, uint64_t n)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407U;
	return (*state >> 32) * n >> 32;
}

#ifdef __cplusplus
extern "C" {
#endif

/* The n flows of this process, made at the first call for n. */
struct flow *flow_array(size_t n);

/* Another one with the key of f. */
struct flow *flow_copy(const struct flow *f);

/* Free it, if it is single, after a grace period of libsync; or now. */
void flow_retire(struct flow *f);
void flow_free(struct flow *f);

#ifdef __cplusplus
}
#endif

#endif /* BENCHMARKS_DEMUX_FLOW_H */
