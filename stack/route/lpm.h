/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_LPM_H
#define STACK_ROUTE_LPM_H

/*
 * Longest-prefix match for who wants no more of the stack, a kernel above all:
 * prefixes, each with a number, its group, and their compiled form.  What a
 * group is, the caller knows.
 *
 *   edits ---> tree of prefixes (radix_lf) ---> compiled form (fib4, fib6)
 *                 |                                |
 *                 `-- ask, walk                    `-- lookup, lookup_batch
 *
 * One writer at a time, who has a transaction begun from _begin() to _commit()
 * or _abort(); readers never wait.  A commit changes both forms, or nothing.
 */

#include "libsync/base/assert.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/route/arena.h"
#include "stack/route/change.h"
#include "stack/route/fib.h"
#include "stack/route/fib4.h"
#include "stack/route/fib6.h"

struct radix_lf;
struct radix_lf_txn;
struct route_lpm_item;

/* [c] constant  [w] the writer's, private to lpm.c  [a] atomic */
struct route_lpm {
	unsigned int bits;          /* [c] of an address */
	struct fib4 *fib4;          /* [c] one of them, the other NULL */
	struct fib6 *fib6;          /* [c] */
	struct radix_lf *tree;      /* [c] */
	struct route_arena *arena;  /* [c] of the compiled form */
	struct route_change change; /* [a] around each commit */

	/* The transaction, if there is one. */
	struct radix_lf_txn *txn;     /* [w] */
	bool prepared;                /* [w] */
	struct route_lpm_item *fresh; /* [w] made by it */
	struct route_lpm_item *gone;  /* [w] published, taken out by it */
};

struct route_lpm_stats {
	size_t prefixes;
	uint64_t commits;
	struct fib_stats fib;
	struct route_arena_stats arena;
};

/*
 * A table without routes.
 * bits:    of an address, 32 or 128.
 * memory:  most bytes of the compiled form; a kernel has them allocated here.
 * Context: any thread that may sleep.
 * Owner:   the caller gets the table.
 * Returns: 0; -EINVAL; -ENOMEM.
 */
int route_lpm_create(unsigned int bits, size_t memory, struct route_lpm **out);

/*
 * Context: nobody else uses the table, no transaction, outside a section;
 *          sleeps until the readers of all that was removed have left.
 */
void route_lpm_destroy(struct route_lpm *t);

/*
 * Begin a transaction.
 * Context: writer (the caller's mutex), who stays the writer until its end.
 * Returns: 0; -ENOMEM.
 */
int route_lpm_begin(struct route_lpm *t);

/*
 * Have key/plen lead to group, above FIB_NONE and below FIB_GROUPS_MAX.
 * key:     bits / 8 bytes in network order; those behind plen are not looked at.
 * replace: it may be there, with another group or the same.
 * Context: writer, in a transaction; may sleep (allocates).
 * Returns: 0; -EEXIST; -EINVAL (plen, group); -ENOMEM.  After a failure the
 *          transaction is as before the call.
 */
int route_lpm_insert(struct route_lpm *t, const uint8_t *key, unsigned int plen,
    uint32_t group, bool replace);

/*
 * Take key/plen out.
 * Context: as for route_lpm_insert().
 * Returns: 0; -ENOENT; -EINVAL (plen); -ENOMEM; as for route_lpm_insert().
 */
int route_lpm_remove(
    struct route_lpm *t, const uint8_t *key, unsigned int plen);

/*
 * Take out all that there is in the transaction.
 * Context: as for route_lpm_insert().
 * Returns: 0; -ENOMEM, and some may be left.
 */
int route_lpm_clear(struct route_lpm *t);

/*
 * Do what of a commit can fail, so that several tables can change or none: no
 * more edits follow.
 * Context: writer, in a transaction, outside a section; may sleep for readers.
 * Returns: 0; -ENOMEM, and the transaction is as before the call.
 */
int route_lpm_prepare(struct route_lpm *t);

/*
 * End the transaction: readers see its edits.  Each address changes once, at an
 * instant of its own; see fib4.h, fib6.h.
 * Context: writer, in a transaction, outside a section; sleeps for readers at
 *          times.
 * Returns: 0, after route_lpm_prepare() always; -ENOMEM, and no edit is made.
 */
int route_lpm_commit(struct route_lpm *t);

/*
 * End the transaction without any of its edits.
 * Context: writer, in a transaction.
 */
void route_lpm_abort(struct route_lpm *t);

/*
 * What the tree says of an address: for tools, and to check lookups by.
 * Context: read section; never sleeps; wait-free.
 * Returns: the group, with the prefix's length in *plen; FIB_NONE, 0.
 */
uint32_t route_lpm_ask(
    const struct route_lpm *t, const uint8_t *addr, unsigned int *plen);

/*
 * The prefix that follows key/plen, which need not be there itself, in the order
 * of radix_lf_next(); the first one after NULL.
 * Context: as for route_lpm_ask().
 * Returns: its group, and what it is in next and *next_plen; FIB_NONE behind the
 *          last.
 */
uint32_t route_lpm_next(const struct route_lpm *t, const uint8_t *key,
    unsigned int plen, uint8_t next[16], unsigned int *next_plen);

/* Context: writer (the caller's mutex); visits every block. */
void route_lpm_stats(const struct route_lpm *t, struct route_lpm_stats *out);

/*
 * The number of the state that tree and compiled form are both in.  Answers of
 * both between two calls that give the same number are of one state.
 * Context: read section; never sleeps; costs a full fence.
 * Returns: false while a commit is under way, with *out untouched.
 */
bool route_lpm_state(const struct route_lpm *t, uint64_t *out);

/*
 * Look up an address of 32 bits, in host order; many of them, where dst and
 * group may be the same array.
 * Context: read section; never sleeps; wait-free.
 * Order:   as for fib4_lookup().
 * Returns: the group of the longest prefix that covers it; FIB_NONE.
 */
static inline uint32_t
route_lpm_lookup4(const struct route_lpm *t, uint32_t dst)
{
	return fib4_lookup(t->fib4, dst);
}

static inline void
route_lpm_lookup4_batch(const struct route_lpm *t, const uint32_t *dst,
    uint32_t *group, unsigned int n)
{
	fib4_lookup_batch(t->fib4, dst, group, n);
}

/* The same of 128 bits, the two halves of each in host order. */
static inline uint32_t
route_lpm_lookup6(const struct route_lpm *t, uint64_t hi, uint64_t lo)
{
	return fib6_lookup(t->fib6, hi, lo);
}

static inline void
route_lpm_lookup6_batch(const struct route_lpm *t, const uint64_t (*dst)[2],
    uint32_t *group, unsigned int n)
{
	fib6_lookup_batch(t->fib6, dst, group, n);
}

#endif /* STACK_ROUTE_LPM_H */
