/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PERCPU_COUNTERS_H
#define LIBSYNC_PERCPU_COUNTERS_H

/*
 * Event counters in shards, one shard per worker: counting touches no line
 * that another worker touches, and costs a load and a store.
 *
 * What may run together ("-" yes, "X" the caller must prevent it):
 *
 *                        add, same shard  add, other  read, sum  destroy
 *   add, same shard             X             -           -         X
 *   read, sum                   -             -           -         X
 *   add_sig                    X *            -           -         X
 *
 *   * to the same counter; with itself it may run anywhere, also in a signal
 *     handler.
 */

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct percpu_counters_cell {
	SYNC_ATOMIC(uint64_t) n; /* [a] written by its shard's owner only */
};

/* Private, here only for the inline functions.  [c] constant  [a] atomic */
struct percpu_counters {
	unsigned nshards;                  /* [c] */
	unsigned ncounters;                /* [c] */
	struct percpu_counters_cell **row; /* [c] each shard's, [a] its cells */
};

/*
 * Make nshards shards of ncounters counters each, all zero; no two shards
 * share a cache line.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller owns *out until percpu_counters_destroy().
 * Returns: 0, or -EINVAL (a number is 0, or the size overflows) or -ENOMEM
 *          with *out untouched.
 */
int percpu_counters_create(
    unsigned nshards, unsigned ncounters, struct percpu_counters **out);

/*
 * Free the counters.
 * Context: control thread, after all users have stopped; never sleeps.
 */
void percpu_counters_destroy(struct percpu_counters *c);

static inline struct percpu_counters_cell *
percpu_counters_at(const struct percpu_counters *c, unsigned shard, unsigned i)
{
	SYNC_ASSERT(shard < c->nshards && i < c->ncounters);
	return &c->row[shard][i];
}

/*
 * Add n to counter idx of shard; it wraps at 2^64.
 * Context: the shard's owner, one thread at a time, and not from a signal
 *          handler that may interrupt it here; never sleeps; wait-free.
 * Order:   none; the counters say nothing about other memory.
 */
static inline void
percpu_counters_add(
    struct percpu_counters *c, unsigned shard, unsigned idx, uint64_t n)
{
	struct percpu_counters_cell *cell = percpu_counters_at(c, shard, idx);

	/* relaxed: only we, the owner, write it; a count orders nothing. */
	sync_store_relaxed(&cell->n, sync_load_relaxed(&cell->n) + n);
}

/*
 * Add n to counter idx of shard, from the owner and from signal handlers that
 * interrupt it: costs an atomic operation.  All that is added to this counter
 * of this shard must be added by this function, as percpu_counters_add() would
 * overwrite what a handler adds between its load and its store.
 * Context: any thread, signal handlers too; never sleeps; wait-free.
 * Order:   none.
 */
static inline void
percpu_counters_add_sig(
    struct percpu_counters *c, unsigned shard, unsigned idx, uint64_t n)
{
	/* relaxed: a count orders nothing. */
	sync_fetch_add_relaxed(&percpu_counters_at(c, shard, idx)->n, n);
}

/*
 * Read counter idx of one shard.
 * Context: any thread; never sleeps; wait-free.
 * Returns: a value that it had during the call; it never runs backwards.
 */
static inline uint64_t
percpu_counters_read(
    const struct percpu_counters *c, unsigned shard, unsigned idx)
{
	/* relaxed: a count orders nothing. */
	return sync_load_relaxed(&percpu_counters_at(c, shard, idx)->n);
}

/*
 * Add up counter idx over all shards.
 * Context: any thread; never sleeps; wait-free.
 * Returns: the sum; exact once the owners have stopped and the caller has
 *          synchronised with them, else each addend is as of some instant
 *          during the call.  It never runs backwards.
 */
uint64_t percpu_counters_sum(const struct percpu_counters *c, unsigned idx);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_PERCPU_COUNTERS_H */
