/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_ARENA_H
#define STACK_ROUTE_ARENA_H

/*
 * Memory for blocks that lookups read without a lock: one range of addresses
 * that grows and never moves, so that a block is named by 32 bits, the number
 * of its first granule of 8 bytes.  The tables of a stack share one.
 *
 * One writer at a time, who allocates, fills, publishes, and retires a block
 * once no new reader can find it.  Readers only turn numbers into pointers.
 *
 * The first line is never handed out and reads as zeros, and a line is kept
 * behind the last block, so a vector load may begin in any block and be longer
 * than it.
 */

#include "libsync/base/atomic.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"

#define ROUTE_ARENA_GRANULE ((size_t)8)
#define ROUTE_ARENA_MAX     ((size_t)1 << 35) /* bytes that 32 bits reach */

/* Free runs of lines: one list for each length up to 32, then for each log2. */
#define ROUTE_ARENA_RUNS  64u
#define ROUTE_ARENA_PARTS 8u

/* Freed blocks that are kept as they are: so many of each size below a limit. */
#define ROUTE_ARENA_SPARES   256u
#define ROUTE_ARENA_SPARABLE 20u /* granules */

struct route_arena_retired;

/* [c] constant  [w] the writer  [a] atomic  [p] private to arena.c */
struct route_arena {
	uint8_t *base;  /* [c] granule 0 */
	uint8_t *holes; /* [p][w] for each line: bit i, granule i is free */
	size_t limit;   /* [p][c] bytes */
	size_t holes_limit;
	size_t mapped;                    /* [p][w] bytes of base */
	size_t used;                      /* [p][w] bytes allocated */
	size_t waiting;                   /* [p][w] bytes retired */
	uint64_t run_lists;               /* [p][w] bit i: run[i] not empty */
	uint32_t run[ROUTE_ARENA_RUNS];   /* [p][w] lines */
	uint32_t part[ROUTE_ARENA_PARTS]; /* [p][w] lines, by longest hole */

	/* Spares by granules, the first so many of a size. */
	uint32_t spares[ROUTE_ARENA_SPARABLE];                    /* [p][w] */
	uint32_t spare[ROUTE_ARENA_SPARABLE][ROUTE_ARENA_SPARES]; /* [p][w] */

	/* Retired blocks, oldest first, from head to tail. */
	struct route_arena_retired *retired; /* [p][w] */
	size_t head, mark, tail, room;       /* [p][w] */
	size_t blocks;                       /* [p][w] neither free nor freed */
	struct pserialize_head grace;        /* [p] of those before mark */
	bool asked;                          /* [p][w] grace is in use */
	SYNC_ATOMIC(uint32_t) over;          /* [p][a] its period has ended */
};

struct route_arena_stats {
	size_t used;    /* bytes in blocks, those retired included */
	size_t free;    /* bytes ready to be handed out */
	size_t waiting; /* bytes retired, for which readers may still hold */
	size_t mapped;  /* bytes that the arena has grown to */
};

/*
 * Reserve the addresses; memory is taken as blocks are, in large steps, huge
 * pages where the system has them.
 * Context: any thread; may sleep.
 * Owner:   the caller gets the arena.
 * Returns: 0; -EINVAL if the limit is 0 or above ROUTE_ARENA_MAX; -ENOMEM.
 */
int route_arena_create(size_t limit_bytes, struct route_arena **out);

/*
 * Give everything back.
 * Context: any thread outside a section, no reader left; sleeps until the
 *          grace period of what was retired has ended.
 * Owner:   every block must have been freed or retired.
 */
void route_arena_destroy(struct route_arena *a);

/*
 * Allocate a block.  One of up to 64 bytes lies in one cache line, a larger one
 * begins with a line.  Its bytes are not initialised.
 * Context: writer (control mutex), outside a section; where the limit is
 *          reached, sleeps until retired blocks can be used again.
 * Owner:   the caller gets the block; the granule that it ends in is its own.
 * align:   in bytes, a power of two up to 2 MiB.
 * Returns: 0; -ENOMEM.
 */
int route_arena_alloc(
    struct route_arena *a, size_t bytes, size_t align, uint32_t *out);

/*
 * Free a block that no reader could ever find.  bytes as allocated.
 * Context: writer (control mutex); never sleeps.
 */
void route_arena_free(struct route_arena *a, uint32_t at, size_t bytes);

/*
 * Free a block after a grace period; cannot fail.  bytes as allocated.
 * Context: writer (control mutex); never sleeps; the first in a process starts
 *          the thread of pserialize_call().
 * Order:   no reader can find the block any more; those that have found it are
 *          done with it before it is handed out again.
 */
void route_arena_retire(struct route_arena *a, uint32_t at, size_t bytes);

/*
 * Wait for everything retired so far, and make it free.
 * Context: writer (control mutex), outside a section; sleeps until readers
 *          have left.
 */
void route_arena_settle(struct route_arena *a);

/* Context: writer (control mutex); never sleeps. */
void route_arena_stats(
    const struct route_arena *a, struct route_arena_stats *out);

/*
 * The granule of a number.
 * Context: any thread; wait-free.  A reader has the number from a word that it
 *          loaded, with acquire, in the read section that it is still in.
 */
static inline void *
route_arena_at(const struct route_arena *a, uint32_t at)
{
	return a->base + (size_t)at * ROUTE_ARENA_GRANULE;
}

#endif /* STACK_ROUTE_ARENA_H */
