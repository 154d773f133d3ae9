/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_FIB6_H
#define STACK_ROUTE_FIB6_H

/*
 * IPv6 routes compiled for lookup: from an address to the group of next hops of
 * its longest prefix.  Readers never wait and see, for each address, one of the
 * states that the table had during the lookup.  Changes are staged, prepared
 * out of sight of the readers, and committed by stores that cannot fail.
 *
 * The drawing, the invariants and the argument are in fib6.c.  For IPv4:
 * fib4.h.  To ask which routes there are, ask the routing table: prefixes
 * cannot be found again in here.
 *
 * What may run together: lookups with everything but fib6_destroy(); the other
 * functions are for one writer at a time.
 */

#include "libsync/base/atomic.h"
#include "libsync/base/point.h"
#include "libsync/port/types.h"
#include "stack/route/fib.h"
#include "stack/route/host.h"

/*
 * Bits of an address that index the directory, those of each stage, and leading
 * bits by which an address finds the group of its short prefixes.  A test may
 * have a smaller directory.
 */
#ifndef FIB6_DIR_BITS
#define FIB6_DIR_BITS   20u
#define FIB6_SHORT_BITS 12u
#define FIB6_LOCAL_MAX  0x8000u
#define FIB6_STAGES_MAX ((uint32_t)1 << 22)
#endif
#define FIB6_STAGE_BITS 32u

#ifndef ROUTE_HOST_KERNEL
#define FIB6_VECTORS 1 /* registers of 16 bytes may be used */
#endif

/* Keys of a line, by what it is. */
#define FIB6_INNER_KEYS 15
#define FIB6_LEAF_KEYS  10
#define FIB6_WIDE_KEYS  7

/* Private to fib6: a word of the directory, of a stage or of a line. */
struct fib6_word {
	SYNC_ATOMIC(uint32_t) w; /* [a] */
};

/*
 * Private to fib6: what a word of the directory or of a stage says.
 * levels 0: number is the group of all addresses, 0 that of the short prefixes.
 * Else number is the line to begin with, and levels counts those to visit.
 */
#define FIB6_LEVELS(word) ((word)&7u)
#define FIB6_WIDE         8u /* its leaves are struct fib6_wide */
#define FIB6_NUMBER(word) ((word) >> 4)

/*
 * Private to fib6: the three kinds of line.  A key is the last address before
 * a range, with the first bit inverted so that it compares as a signed number;
 * INT32_MAX where there is none.  key[i] is between child or value i and i+1.
 */
struct fib6_inner {
	struct fib6_word base; /* [a] line of child 0; the others follow it */
	int32_t key[FIB6_INNER_KEYS]; /* [c] */
} __attribute__((aligned(SYNC_CACHELINE)));

struct fib6_leaf {
	int32_t key[FIB6_LEAF_KEYS]; /* [c] */
	struct fib6_half {
		SYNC_ATOMIC(uint16_t) v; /* [a] number in groups, or stage */
	} value[FIB6_LEAF_KEYS + 1];
	uint16_t unused;
} __attribute__((aligned(SYNC_CACHELINE)));

struct fib6_wide {
	int32_t key[FIB6_WIDE_KEYS];        /* [c] */
	uint32_t value[FIB6_WIDE_KEYS + 1]; /* [c] group, or stage */
	uint32_t unused;
} __attribute__((aligned(SYNC_CACHELINE)));

/* Bit of a value that is the number of a stage. */
#define FIB6_LEAF_STAGE 0x8000u
#define FIB6_WIDE_STAGE 0x80000000u

/* No group whatever the short prefixes give, as 0 is theirs. */
#define FIB6_NOTHING 0x08000000u

/* Numbers of groups[]: 0 is not used, then local ids, then short prefixes. */
#define FIB6_GROUPS (FIB6_LOCAL_MAX + (1u << FIB6_SHORT_BITS))

struct fib6;
struct fib6_writer;
struct route_arena;

typedef void (*fib6_batch_fn)(const struct fib6 *f, const uint64_t (*dst)[2],
    uint32_t *group, unsigned int n);

/* [c] constant  [w] the writer's; what the pointers lead to is atomic */
struct fib6 {
	const struct fib6_inner *lines; /* [c] line 0 */
	struct fib6_word *dir;          /* [c] by the first bits */
	struct fib6_word *stages;       /* [c] by number, from 1 */
	struct fib6_word *groups;       /* [c] group ids */
	fib6_batch_fn batch;            /* [c] */
	const char *body;               /* [c] name of batch */
	struct fib6_writer *writer;     /* [w] */
};

/*
 * Make a table without routes.  The environment variable PSNET_FIB names the
 * body of fib6_lookup_batch(): portable, avx2, avx512, neon; else, and
 * where the machine has not got it, the best one that it has.
 * Context: control thread; may sleep.
 * Owner:   the caller gets the table; the arena must outlive it.
 * Returns: 0; -ENOMEM.
 */
int fib6_create(struct route_arena *a, struct fib6 **out);

/*
 * Context: writer (control mutex), no reader left; what was staged is
 *          forgotten.
 * Owner:   the table is gone; its blocks wait in the arena.
 */
void fib6_destroy(struct fib6 *f);

/*
 * Remember that this prefix was added, removed or got another group.
 * key:     16 bytes, host bits clear; plen up to 128.
 * Context: writer (control mutex); never sleeps.
 * Returns: 0; -ENOMEM, and nothing is remembered.
 */
int fib6_stage(struct fib6 *f, const uint8_t *key, unsigned int plen);

/*
 * Have what a change of key will be made in come to the cache: the word first
 * and, if it has come meanwhile, the line that it leads to.
 * Context: writer (control mutex); never sleeps.
 */
void fib6_prefetch(const struct fib6 *f, const uint8_t *key, bool line);

/*
 * Compile all that was staged, unseen by readers.  after has the routes as they
 * will be, and is asked during this call only.
 * Context: writer (control mutex), outside a section, nothing prepared; may
 *          sleep, see route_arena_alloc().
 * Returns: 0; -ENOMEM, and everything is as before the call.
 */
int fib6_prepare(struct fib6 *f, const struct fib_source *after);

/*
 * Let readers see what was prepared.  Each address changes from its old group
 * to its new one once, whatever was staged; addresses may differ in when.
 * Context: writer (control mutex), outside a section, after fib6_prepare();
 *          sleeps until readers have left where a prefix of up to 12 bits was
 *          staged.
 * Order:   a lookup that begins after the return finds the new groups.
 */
void fib6_commit(struct fib6 *f);

/*
 * Forget what was staged and what was prepared.
 * Context: writer (control mutex); never sleeps.
 */
void fib6_abort(struct fib6 *f);

/*
 * direct_bytes are those of pages that were stored to; the rest of the
 * directory is the system's page of zeros.
 * Context: writer (control mutex); never sleeps.
 */
void fib6_stats(const struct fib6 *f, struct fib_stats *out);

/*
 * fib6_lookup() of n addresses, each hi and lo in host order.  Each is looked
 * up in a state of its own of those that the table had during the call.
 * Context: reader section; never sleeps; wait-free.
 */
static inline void
fib6_lookup_batch(const struct fib6 *f, const uint64_t (*dst)[2],
    uint32_t *group, unsigned int n)
{
	f->batch(f, dst, group, n);
}

/* fib6_lookup_batch() with a table for each address. */
void fib6_lookup_tables(const struct fib6 *const *f, const uint64_t (*dst)[2],
    uint32_t *group, unsigned int n);

#ifndef FIB6_VECTORS

/* Private to fib6: how many keys are less than k: the child or value of k. */
static inline uint32_t
fib6_rank(const int32_t *key, unsigned int n, int32_t k)
{
	uint32_t less = 0;

	for (unsigned int i = 0; i < n; i++)
		less += key[i] < k;
	return less;
}

static inline uint32_t
fib6_rank_inner(const struct fib6_inner *n, int32_t k)
{
	return fib6_rank(n->key, FIB6_INNER_KEYS, k);
}

static inline uint32_t
fib6_rank_leaf(const struct fib6_leaf *n, int32_t k)
{
	return fib6_rank(n->key, FIB6_LEAF_KEYS, k);
}

static inline uint32_t
fib6_rank_wide(const struct fib6_wide *n, int32_t k)
{
	return fib6_rank(n->key, FIB6_WIDE_KEYS, k);
}

#else

/* Private to fib6: four keys, aligned as an int32_t. */
typedef int32_t fib6_keys __attribute__((vector_size(16)));
typedef int32_t fib6_keys_at
    __attribute__((vector_size(16), aligned(4), may_alias));

/* Private to fib6: the lanes' sum, of lanes that are 0 or -1, negated. */
static inline uint32_t
fib6_count(fib6_keys m)
{
	typedef uint64_t pair __attribute__((vector_size(16)));
	const pair p = (pair)-m;
	const uint64_t sum = p[0] + p[1];

	return (uint32_t)(sum + (sum >> 32));
}

/*
 * Private to fib6: how many keys are less than k: the child or value of k.
 * Vectors overlap rather than read word 0, which may be stored to meanwhile.
 */
static inline uint32_t
fib6_rank_inner(const struct fib6_inner *n, int32_t k)
{
	const fib6_keys all = {k, k, k, k};
	const fib6_keys last = {0, -1, -1, -1};
	const fib6_keys a = *(const fib6_keys_at *)&n->key[0] < all;
	const fib6_keys b = *(const fib6_keys_at *)&n->key[4] < all;
	const fib6_keys c = *(const fib6_keys_at *)&n->key[8] < all;
	const fib6_keys d = *(const fib6_keys_at *)&n->key[11] < all;

	return fib6_count(a + b + c + (d & last));
}

static inline uint32_t
fib6_rank_leaf(const struct fib6_leaf *n, int32_t k)
{
	const fib6_keys all = {k, k, k, k};
	const fib6_keys last = {0, 0, -1, -1};
	const fib6_keys a = *(const fib6_keys_at *)&n->key[0] < all;
	const fib6_keys b = *(const fib6_keys_at *)&n->key[4] < all;
	const fib6_keys c = *(const fib6_keys_at *)&n->key[6] < all;

	return fib6_count(a + b + (c & last));
}

static inline uint32_t
fib6_rank_wide(const struct fib6_wide *n, int32_t k)
{
	const fib6_keys all = {k, k, k, k};
	const fib6_keys last = {0, -1, -1, -1};
	const fib6_keys a = *(const fib6_keys_at *)&n->key[0] < all;
	const fib6_keys b = *(const fib6_keys_at *)&n->key[3] < all;

	return fib6_count(a + (b & last));
}

#endif

/* Private to fib6: the key of an address in the stage that begins at bit at. */
static inline int32_t
fib6_key(uint64_t hi, uint64_t lo, unsigned int at)
{
	const unsigned int d = FIB6_DIR_BITS;
	const uint64_t k = at == d        ? hi >> (32 - d)
			   : at == d + 32 ? hi << d | lo >> (64 - d)
			   : at == d + 64 ? lo >> (32 - d)
					  : lo << d;

	return (int32_t)((uint32_t)k ^ 0x80000000u);
}

/* Private to fib6: the group that the short prefixes give to an address. */
static inline uint32_t
fib6_short(const struct fib6 *f, uint64_t hi)
{
	SYNC_POINT("fib6_value");
	/* BRIEF acquire: pairs with the release in store_briefs.  A grace
	 * period keeps it in order with the lines. */
	return sync_load_acquire(
	    &f->groups[FIB6_LOCAL_MAX + (hi >> (64 - FIB6_SHORT_BITS))].w);
}

/*
 * Private to fib6: the value that a word leads to, a group or FIB6_WIDE_STAGE
 * and the number of the next stage.
 */
static inline uint32_t
fib6_step(const struct fib6 *f, uint32_t word, uint64_t hi, int32_t k)
{
	unsigned int levels = FIB6_LEVELS(word);
	uint32_t line = FIB6_NUMBER(word), v;

	SYNC_POINT("fib6_line");
	if (levels == 0)
		return line != 0 ? line & ~FIB6_NOTHING : fib6_short(f, hi);
	while (--levels > 0) {
		const struct fib6_inner *n = &f->lines[line];

		/* LINE acquire: pairs with the release in fib6_commit(). */
		line = sync_load_acquire(&n->base.w) + fib6_rank_inner(n, k);
		SYNC_POINT("fib6_line");
	}
	if ((word & FIB6_WIDE) != 0) {
		const struct fib6_wide *n = (const void *)&f->lines[line];

		v = n->value[fib6_rank_wide(n, k)];
		return v != 0 ? v & ~FIB6_NOTHING : fib6_short(f, hi);
	}

	const struct fib6_leaf *n = (const void *)&f->lines[line];
	const uint32_t i = fib6_rank_leaf(n, k);

	/* VALUE acquire: pairs with the release in fib6_commit(). */
	v = sync_load_acquire(&n->value[i].v);
	if ((v & FIB6_LEAF_STAGE) != 0)
		return FIB6_WIDE_STAGE | (v & ~FIB6_LEAF_STAGE);
	if (v == 0)
		v = FIB6_LOCAL_MAX + (uint32_t)(hi >> (64 - FIB6_SHORT_BITS));
	SYNC_POINT("fib6_value");
	/* BRIEF acquire: pairs with the release in store_briefs; what is no
	 * short prefix's was ordered by VALUE. */
	return sync_load_acquire(&f->groups[v].w);
}

/* Private to fib6: go on from a value of the first stage to the group. */
static inline uint32_t
fib6_finish(const struct fib6 *f, uint64_t hi, uint64_t lo, uint32_t v)
{
	unsigned int at = FIB6_DIR_BITS;

	while (__builtin_expect((v & FIB6_WIDE_STAGE) != 0, 0)) {
		uint32_t w;

		at += FIB6_STAGE_BITS;
		SYNC_POINT("fib6_stage");
		/* LINE acquire: pairs with the release in fib6_commit(). */
		w = sync_load_acquire(&f->stages[v & ~FIB6_WIDE_STAGE].w);
		v = fib6_step(f, w, hi, fib6_key(hi, lo, at));
	}
	return v;
}

/*
 * The group of the longest prefix that covers an address, its halves in host
 * order.
 * Context: reader section; never sleeps; wait-free.
 * Returns: the group id; FIB_NONE.
 */
static inline uint32_t
fib6_lookup(const struct fib6 *f, uint64_t hi, uint64_t lo)
{
	/* LINE acquire: pairs with the release in fib6_commit(). */
	uint32_t w = sync_load_acquire(&f->dir[hi >> (64 - FIB6_DIR_BITS)].w);

	return fib6_finish(
	    f, hi, lo, fib6_step(f, w, hi, fib6_key(hi, lo, FIB6_DIR_BITS)));
}

#endif /* STACK_ROUTE_FIB6_H */
