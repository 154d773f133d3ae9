/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_FIB4_IMPL_H
#define STACK_ROUTE_FIB4_IMPL_H

/* Shared by the files fib4*.c only. */

#include "stack/route/fib4.h"
#include "stack/route/host.h"

#define FIB4_WORDS (1u << FIB4_DIRECT_BITS)

/* Prefixes of up to so many bits have a local id of their own. */
#ifndef FIB4_ALIAS_BITS
#define FIB4_ALIAS_BITS 12u
#endif
#define FIB4_ALIASES (2u << FIB4_ALIAS_BITS)

/* Local ids of a view; a wide one has some for each group there can be. */
#ifndef FIB4_NARROW_IDS
#define FIB4_NARROW_IDS 0x8000u
#endif
#define FIB4_WIDE_IDS (2u * FIB_GROUPS_MAX)

/*
 * From 1 to this, a power of two, a local id is its group: a batch body need
 * not look it up.  Those above it, and 0, are of aliases and other groups.
 */
#define FIB4_PLAIN (FIB4_NARROW_IDS / 2)

static inline bool
fib4_plain(uint32_t id)
{
	return id - 1 < FIB4_PLAIN;
}
_Static_assert(FIB4_WIDE_IDS >= FIB4_NARROW_IDS, "a wide view has more");

/* The bit of FIB4_WIDE_EXT, too, while the writer works on narrow leaves. */
#define FIB4_EXT FIB4_WIDE_EXT

/* Changed words that are listed with the prefix that changed in them. */
#define FIB4_LIST 1024u

#define FIB4_BITMAP(n) (((n) + 63) / 64)

static inline bool
fib4_bit(const uint64_t *map, uint32_t i)
{
	return (map[i / 64] >> i % 64 & 1) != 0;
}

static inline void
fib4_bit_set(uint64_t *map, uint32_t i)
{
	map[i / 64] |= UINT64_C(1) << i % 64;
}

static inline void
fib4_bit_clear(uint64_t *map, uint32_t i)
{
	map[i / 64] &= ~(UINT64_C(1) << i % 64);
}

/* A short prefix: its place is 1 followed by its bits, as in a heap. */
struct fib4_alias {
	bool present;
	uint32_t id, group;
};

/*
 * A word that changes.  interim, if not 0, is published before the aliases are
 * rebound, and final after; else final before.
 */
struct fib4_change {
	uint32_t word, final, interim;
};

/* All [w] */
struct fib4_writer {
	struct route_arena *arena;

	/*
	 * Staged: dirty words are compiled, from the prefix that is listed for
	 * them or, if it is in whole, from all their prefixes.  Those in whole
	 * only change their alias.
	 */
	uint64_t dirty[FIB4_BITMAP(FIB4_WORDS)];
	uint64_t whole[FIB4_BITMAP(FIB4_WORDS)];
	uint32_t first, last; /* of the words in either; first > last: none */
	struct fib4_prefix {
		uint32_t key, plen;
	} list[FIB4_LIST];
	unsigned int nlist;
	bool
	    listed; /* the list has all dirty words, and no other is in whole */
	uint16_t staged_alias[FIB4_ALIASES];
	unsigned int nstaged_alias;

	/* Prepared. */
	bool prepared;
	struct fib4_change *change;
	size_t nchange, room;
	unsigned int nrebind;

	/* before: as published. */
	struct fib4_alias before[FIB4_ALIASES], after[FIB4_ALIASES];
	bool unfenced; /* a block was published since the last grace period */
	bool retired;  /* a view waits for its readers */

	/* Ids; those without a reference are found when none is left. */
	uint32_t next_id, next_ext;
	size_t exts;                     /* published or prepared */
	uint32_t id[FIB_GROUPS_MAX];     /* of a group; 0: none */
	uint32_t uniform[FIB4_WIDE_IDS]; /* granule of its block; 0 */
	uint64_t used[FIB4_BITMAP(FIB4_WIDE_IDS)];
	uint64_t ext_used[FIB4_BITMAP(FIB4_NARROW_IDS)];
};

/* The view that the writer works on. */
static inline struct fib4_view *
fib4_current(const struct fib4 *f)
{
	/* relaxed: only the writer, our caller, changes it. */
	return sync_load_relaxed(&f->view);
}

/* The block of a word. */
static inline uint32_t
fib4_word_block(const struct fib4_view *v, uint32_t word)
{
	/* relaxed: only the writer, our caller, changes it. */
	return sync_load_relaxed(&v->direct[word]);
}

/* A function that ends the life of granules. */
typedef void fib4_free_fn(struct route_arena *a, uint32_t at, size_t bytes);

/*
 * fib4_block.c: blocks to and from arrays of leaves, one for each slot or
 * address, where bit FIB4_EXT says that the rest names a block.
 */
void fib4_block_expand(
    const struct fib4_view *v, uint32_t at, uint32_t leaf[FIB4_SLOTS]);
uint32_t fib4_block_leaf(
    const struct fib4_view *v, uint32_t at, unsigned int slot);
/* Does one leaf serve all slots? Such blocks belong to the id. */
bool fib4_block_uniform(const struct fib4_view *v, uint32_t at);
/* A block for these leaves: 0 or -ENOMEM. */
int fib4_block_make(struct fib4 *f, struct fib4_view *v,
    const uint32_t leaf[FIB4_SLOTS], uint32_t *out);
/*
 * The same block with an id replaced, where that adds no run: 0, and *out is at
 * if it does not have the id; -ENOMEM; 1 if it names other blocks.
 */
int fib4_block_substitute(struct fib4 *f, const struct fib4_view *v,
    uint32_t at, uint32_t from, uint32_t to, uint32_t *out);
/*
 * The same block with leaf in n slots from first on: 0, and *out is at if it is
 * that already; -ENOMEM.
 */
int fib4_block_edit(struct fib4 *f, const struct fib4_view *v, uint32_t at,
    unsigned int first, unsigned int n, uint32_t leaf, uint32_t *out);
/* Only the block, and not if it is uniform. */
void fib4_block_free(
    struct fib4 *f, const struct fib4_view *v, uint32_t at, fib4_free_fn *fn);
/* The blocks for longer prefixes that neither keep nor keep2 has, too. */
void fib4_block_free_exts(struct fib4 *f, const struct fib4_view *v,
    uint32_t at, uint32_t keep, uint32_t keep2, fib4_free_fn *fn);

/* Add a word's own blocks to the statistics. */
void fib4_block_count(
    const struct fib4_view *v, uint32_t at, struct fib_stats *s);

void fib4_ext_expand(
    const struct fib4_view *v, uint32_t leaf, uint32_t out[FIB4_EXTS]);
/* A leaf for these: 0, -ENOMEM, or -ENOSPC if there is no number left. */
int fib4_ext_make(struct fib4 *f, struct fib4_view *v,
    const uint32_t leaf[FIB4_EXTS], uint32_t *out);
void fib4_ext_free(
    struct fib4 *f, const struct fib4_view *v, uint32_t leaf, fib4_free_fn *fn);

/* fib4_ids.c */
int fib4_view_create(struct route_arena *a, bool wide, struct fib4_view **out);
void fib4_view_destroy(struct route_arena *a, struct fib4_view *v);
/* The shared block of an id: 0 or -ENOMEM. */
int fib4_uniform(
    struct fib4 *f, const struct fib4_view *v, uint32_t id, uint32_t *out);
/* A new id: 0 or -ENOSPC. */
int fib4_id_alloc(struct fib4 *f, uint32_t group, uint32_t *out);
/* Take back an id that was never published. */
void fib4_id_free(struct fib4 *f, uint32_t id);
/* The id of a group: 0 or -ENOSPC. */
int fib4_id_of(struct fib4 *f, uint32_t group, uint32_t *out);
/* Find ids again that nothing uses, or make room for more: 0 or -ENOMEM. */
int fib4_ids_reclaim(struct fib4 *f, bool again);

/* fib4_compile.c: fill in change, after: 0, -ENOMEM, -ENOSPC. */
int fib4_compile(struct fib4 *f, const struct fib_source *after);
/* The alias of a word. */
const struct fib4_alias *fib4_alias_of(
    const struct fib4_alias *aliases, uint32_t word);

/* fib4.c: undo what fib4_compile() did. */
void fib4_undo(struct fib4 *f);

/* fib4_batch*.c */
typedef void fib4_batch_fn(const struct fib4_view *v, const uint32_t *dst,
    uint32_t *group, unsigned int n);

struct fib4_body {
	const char *name;
	fib4_batch_fn *narrow, *wide;
};

/*
 * The id of an address whose slot has longer prefixes, for bodies whose own
 * loads are not ones of the language: the lookup once more, in order.
 */
static inline uint32_t
fib4_id_again(const struct fib4_view *v, uint32_t dst, bool wide)
{
	/* BLOCK acquire: pairs with the release in publish. */
	const uint32_t at = sync_load_acquire(&v->direct[FIB4_WORD(dst)]);

	return fib4_leaf(v, at, dst, wide, fib4_count);
}

const struct fib4_body *fib4_body_choose(void);
/* Its body, or NULL where the processor or the build has none. */
const struct fib4_body *fib4_body_avx2(void);
const struct fib4_body *fib4_body_avx512(void);
const struct fib4_body *fib4_body_neon(void);

#if defined(__x86_64__) && !defined(ROUTE_HOST_KERNEL)
/* For code that runs only where the processor has the instruction. */
#define FIB4_POPCNT __attribute__((target("popcnt")))

FIB4_POPCNT static inline unsigned int
fib4_hard_count(uint64_t x)
{
	return (unsigned int)__builtin_popcountll(x);
}
#endif

#endif /* STACK_ROUTE_FIB4_IMPL_H */
