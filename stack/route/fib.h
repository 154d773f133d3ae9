/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_FIB_H
#define STACK_ROUTE_FIB_H

/*
 * What the compiled tables of both families share.  They answer which group of
 * next hops an address has; what a group is, stack/nexthop/ knows.
 */

#include "libsync/port/types.h"

#define FIB_NONE 0u /* the group of no route */
#ifndef FIB_GROUPS_MAX
#define FIB_GROUPS_MAX (UINT32_C(1) << 20) /* ids are below this */
#endif

/*
 * Called for a prefix with its group.
 * Returns: 0 to go on; otherwise the walk ends and returns it.
 */
typedef int fib_walk_fn(
    void *ctx, const uint8_t *key, unsigned int plen, uint32_t group);

/*
 * The routes as they will be once what is being compiled is committed.  Keys
 * are in network order, 4 or 16 bytes, host bits clear.  Called by prepare
 * only, by its thread; nothing may change meanwhile.
 */
struct fib_source {
	/*
	 * The longest prefix shorter than plen that covers key.
	 * Returns: its group, with its length in *cover_plen; FIB_NONE with 0
	 * if there is none.
	 */
	uint32_t (*cover)(void *arg, const uint8_t *key, unsigned int plen,
	    unsigned int *cover_plen);
	/*
	 * Call fn for each prefix inside key/plen, itself included, a prefix
	 * before its more-specifics, otherwise in order of keys.
	 * Returns: 0, or what fn returned.
	 */
	int (*walk)(void *arg, const uint8_t *key, unsigned int plen,
	    fib_walk_fn *fn, void *ctx);
	/*
	 * The route of all of key/plen, if no longer prefix is inside: its own
	 * or that of its cover.  May be NULL: then nobody knows.
	 * Returns: true with its group and length, FIB_NONE and 0 without a
	 * route; or false, also where it would take a walk to know.
	 */
	bool (*alone)(void *arg, const uint8_t *key, unsigned int plen,
	    uint32_t *group, unsigned int *from);
	void *arg;
};

struct fib_stats {
	size_t direct_bytes;    /* of the words indexed by the first bits */
	size_t block_bytes;     /* of the arena, retired blocks left out */
	size_t id_bytes;        /* of the words from local ids to groups */
	size_t other_bytes;     /* of the writer's own */
	size_t blocks;          /* those of longer prefixes left out */
	size_t ext_blocks;      /* for prefixes longer than a block goes */
	uint32_t ids;           /* local ids in use */
	uint32_t aliases;       /* of them: of one prefix */
	unsigned int leaf_bits; /* 16 or 32 */
};

#endif /* STACK_ROUTE_FIB_H */
