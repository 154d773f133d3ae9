/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_FIB4_H
#define STACK_ROUTE_FIB4_H

/*
 * IPv4 routes compiled for lookup: address to group of next hops in two
 * dependent loads and a third of a word that stays in the cache.  Lookups take
 * no lock, never wait, and answer for each address what the routes said at one
 * instant during the lookup.
 *
 *   direct[address / 2^14] -> block { heads: 64 bits, leaf[] }   one /24 a slot
 *                             bit i of heads: slot i begins a run of one leaf
 *   leaf -> local id -> group, or the block of a slot with longer prefixes
 *
 * A change is staged, prepared out of the readers' sight, and committed by
 * stores that cannot fail.  One writer, under the control mutex.
 *
 * What a reader may see of a commit: for each address either the state before
 * or the one after, changing once; a prefix of /18 or longer changes as a
 * whole, so does one of up to /12 that only gets another group; others by parts
 * of /18.
 */

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/base/point.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/route/arena.h"
#include "stack/route/bits.h"
#include "stack/route/fib.h"
#include "stack/route/host.h"

/* A test may make addresses shorter: their bits after these are not used. */
#ifndef FIB4_DIRECT_BITS
#define FIB4_DIRECT_BITS 18u
#define FIB4_SLOT_BITS   6u
#define FIB4_EXT_BITS    8u
#ifndef ROUTE_HOST_KERNEL
#define FIB4_VECTORS 1 /* there are bodies for these */
#endif
#endif
#define FIB4_SLOT_PLEN   (FIB4_DIRECT_BITS + FIB4_SLOT_BITS)
#define FIB4_PLEN_MAX    (FIB4_SLOT_PLEN + FIB4_EXT_BITS)
#define FIB4_SLOTS       (1u << FIB4_SLOT_BITS)
#define FIB4_EXTS        (1u << FIB4_EXT_BITS)
#define FIB4_EXT_WORDS   ((FIB4_EXTS + 63) / 64)
#define FIB4_WORD(dst)   ((dst) >> (32 - FIB4_DIRECT_BITS))
#define FIB4_SLOT(dst)   ((dst) >> (32 - FIB4_SLOT_PLEN) & (FIB4_SLOTS - 1))
#define FIB4_OFFSET(dst) ((dst) >> (32 - FIB4_PLEN_MAX) & (FIB4_EXTS - 1))

/* A leaf with this bit names a block for longer prefixes. */
#define FIB4_NARROW_EXT UINT32_C(0x8000)
#define FIB4_WIDE_EXT   UINT32_C(0x80000000)

/*
 * Private to fib4: all that a reader needs.  Of two widths of leaves; the
 * table goes to the wide one by publishing another view.
 *
 * narrow: ext[] has the line of a block for longer prefixes; wide: so has leaf.
 */
struct fib4_view {
	const uint8_t *blocks;          /* [c] of the arena */
	SYNC_ATOMIC(uint32_t) * direct; /* [a] granules of blocks */
	SYNC_ATOMIC(uint32_t) * group;  /* [a] by local id */
	uint32_t *ext;                  /* [w] before a leaf names it */
	bool wide;                      /* [c] */
	uint32_t at;                    /* [c] granule of direct */
	uint32_t ids;                   /* [c] length of group */
	struct pserialize_head retire;  /* [w] */
};

/* Private to fib4: slots with longer prefixes; leaves of the view's width. */
struct fib4_ext {
	uint64_t heads[FIB4_EXT_WORDS];
	uint8_t rank[FIB4_EXT_WORDS]; /* heads in the words before */
				      /* leaves follow */
};
#define FIB4_EXT_LEAVES ((FIB4_EXT_WORDS * 9 + 3) / 4 * 4)

struct fib4_body;
struct fib4_writer;

/* [c] constant  [a] atomic  [w] the writer's */
struct fib4 {
	SYNC_ATOMIC(struct fib4_view *) view; /* [a] */
	const struct fib4_body *body;         /* [c] */
	struct fib4_writer *writer;           /* [w] */
};

/*
 * An empty table, whose blocks are in the arena.
 * Context: control thread; may sleep.
 * Owner:   the caller gets the table; the arena must outlive it.
 * Returns: 0; -ENOMEM.
 */
int fib4_create(struct route_arena *a, struct fib4 **out);

/*
 * Free the table.
 * Context: writer (control mutex), no reader left, outside a section; sleeps.
 */
void fib4_destroy(struct fib4 *f);

/*
 * Say that a prefix was added, removed or got another group.
 * key:     4 bytes in network order, host bits clear.
 * Context: writer (control mutex), nothing prepared; never sleeps.
 * Returns: 0; it always succeeds.
 */
int fib4_stage(struct fib4 *f, const uint8_t *key, unsigned int plen);

/*
 * Have the word that a change of key will be made in come to the cache, or, if
 * it has come meanwhile, its block.
 * Context: writer (control mutex); never sleeps.
 */
void fib4_prefetch(const struct fib4 *f, const uint8_t *key, bool block);

/*
 * Compile what was staged, unseen by readers.
 * after:   the routes as they will be; used during this call only.
 * Context: writer (control mutex), outside a section, nothing prepared; may
 *          sleep, for readers too, where the arena or the ids are used up.
 * Returns: 0; -ENOMEM: readers see no difference, and all is still staged.
 */
int fib4_prepare(struct fib4 *f, const struct fib_source *after);

/*
 * Publish what was prepared; cannot fail.
 * Context: writer (control mutex), outside a section, after fib4_prepare();
 *          sleeps for readers if a prefix of up to /12 has another group.
 * Order:   what the caller did before, to groups above all, comes before any
 *          lookup that returns them.
 */
void fib4_commit(struct fib4 *f);

/*
 * Forget what was staged and prepared.
 * Context: writer (control mutex); never sleeps.
 */
void fib4_abort(struct fib4 *f);

/*
 * Context: writer (control mutex); never sleeps; visits every block.
 */
void fib4_stats(const struct fib4 *f, struct fib_stats *out);

/*
 * Look up many addresses, in host order; dst and group may be the same array.
 * Context: read section; never sleeps; wait-free.
 * Order:   as fib4_lookup(), for each address at an instant of its own.
 */
void fib4_lookup_batch(
    const struct fib4 *f, const uint32_t *dst, uint32_t *group, unsigned int n);

/*
 * fib4_lookup_batch() with a table for each address; dst and group may be the
 * same array.
 */
void fib4_lookup_tables(const struct fib4 *const *f, const uint32_t *dst,
    uint32_t *group, unsigned int n);

/*
 * The name of the batch body in use: portable, avx2, avx512, neon.  The best
 * one of this processor, or the one that PSNET_FIB names when the table is created,
 * if the processor can run it.
 * Context: any thread; wait-free.
 */
const char *fib4_body_name(const struct fib4 *f);

/* Private to fib4: bits set, with what the compiler's target has. */
static inline unsigned int
fib4_count(uint64_t x)
{
	return route_bits_count(x);
}

/* Private to fib4: the leaf of a slot with longer prefixes. */
static inline uint32_t
fib4_ext_leaf(const struct fib4_view *v, uint32_t leaf, uint32_t dst)
{
	const uint32_t line =
	    v->wide ? leaf & ~FIB4_WIDE_EXT : v->ext[leaf & ~FIB4_NARROW_EXT];
	const uint8_t *at = v->blocks + (size_t)line * 64;
	const struct fib4_ext *x = (const struct fib4_ext *)(const void *)at;
	const unsigned int i = FIB4_OFFSET(dst);
	const unsigned int r =
	    x->rank[i / 64] +
	    fib4_count(x->heads[i / 64] & ~UINT64_C(0) >> (63 - i % 64)) - 1;
	const void *leaves = at + FIB4_EXT_LEAVES;

	return v->wide ? ((const uint32_t *)leaves)[r]
		       : ((const uint16_t *)leaves)[r];
}

/*
 * Private to fib4: the leaf of an address in a block.  In the arena's first
 * line, the block of an empty table, no run begins: leaf "-1" is 0 there.
 */
static inline __attribute__((always_inline)) uint32_t
fib4_leaf_at(const uint8_t *blocks, uint32_t at, uint32_t dst, bool wide,
    unsigned int (*count)(uint64_t))
{
	const uint8_t *block = blocks + (size_t)at * ROUTE_ARENA_GRANULE;
	const uint64_t heads = *(const uint64_t *)(const void *)block;
	const unsigned int r = count(heads << (63 - FIB4_SLOT(dst)));

	return wide ? ((const uint32_t *)(const void *)(block + 4))[r]
		    : ((const uint16_t *)(const void *)(block + 6))[r];
}

/* Private to fib4: the local id of an address in a block. */
static inline __attribute__((always_inline)) uint32_t
fib4_leaf(const struct fib4_view *v, uint32_t at, uint32_t dst, bool wide,
    unsigned int (*count)(uint64_t))
{
	const uint32_t leaf = fib4_leaf_at(v->blocks, at, dst, wide, count);
	const uint32_t longer = wide ? FIB4_WIDE_EXT : FIB4_NARROW_EXT;

	return __builtin_expect((leaf & longer) != 0, 0)
		   ? fib4_ext_leaf(v, leaf, dst)
		   : leaf;
}

/*
 * Look up one address, in host order.
 * Context: read section; never sleeps; wait-free.
 * Order:   the answer is that of the routes at one instant of the call; what
 *          their writer did before the commit comes before the return.
 * Returns: the group of the longest prefix that covers dst; FIB_NONE.
 */
static inline uint32_t
fib4_lookup(const struct fib4 *f, uint32_t dst)
{
	const struct fib4_view *v;
	uint32_t at, leaf;

	SYNC_ASSERT(pserialize_in_read_section());
	/* VIEW acquire: pairs with the release in widen_publish. */
	v = sync_load_acquire(&f->view);
	/* BLOCK acquire: pairs with the release in publish. */
	at = sync_load_acquire(&v->direct[FIB4_WORD(dst)]);
	SYNC_POINT("fib4_block");
	leaf = fib4_leaf(v, at, dst, v->wide, fib4_count);
	/* ALIAS acquire: pairs with the release in rebind. */
	return sync_load_acquire(&v->group[leaf]);
}

#endif /* STACK_ROUTE_FIB4_H */
