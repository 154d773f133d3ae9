/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_FIB6_IMPL_H
#define STACK_ROUTE_FIB6_IMPL_H

/* Shared by the files fib6*.c only; all of it is the writer's. */

#include "libsync/port/types.h"
#include "stack/route/arena.h"
#include "stack/route/fib6.h"

/* Stages of an address, and levels of lines in one. */
#define FIB6_STAGES     4u
#define FIB6_LEVELS_MAX 7u

/* Numbers of lines that a word has room for. */
#define FIB6_LINES_MAX ((uint32_t)1 << 28)

/* Pages of the directory: those that are never stored to take no memory. */
#define FIB6_PAGE_WORDS 1024u
#define FIB6_DIR_PAGES  ((1u << FIB6_DIR_BITS) / FIB6_PAGE_WORDS)

#define FIB6_LINE_GRANULES ((uint32_t)(SYNC_CACHELINE / ROUTE_ARENA_GRANULE))

/*
 * A value, whatever the width of the leaves: a group, 0 for that of the short
 * prefixes, FIB6_NOTHING, or a stage's number with FIB6_STAGE.
 */
#define FIB6_STAGE FIB6_WIDE_STAGE

/* An array that grows and is emptied, never freed between changes. */
struct fib6_vec {
	void *at;
	size_t n, room;
};

/* From start to the next range's, in the numbers of one stage. */
struct fib6_range {
	uint32_t start, value;
};

/* count neighbouring lines. */
struct fib6_block {
	uint32_t line, count;
};

struct fib6_route {
	uint64_t hi, lo;
	uint32_t group;
	unsigned int plen;
};

/* What is known of an id; one without references is on a list. */
struct fib6_id {
	uint32_t refs;
	uint32_t stamp; /* commit that let it go */
	uint32_t group; /* of a local id, while bound */
	bool bound;
	uint32_t prev, next; /* 0: none */
};

/* Ids from 1, and two lists of those let go, the oldest first. */
struct fib6_ids {
	struct fib6_id *id;
	uint32_t made, room, limit;
	uint32_t split; /* ids from here are on the second list */
	uint32_t first[2], last[2];
};

/* A part of the table to be compiled anew: the prefix that holds all staged. */
struct fib6_hull {
	uint64_t hi, lo;
	unsigned int plen; /* at least FIB6_DIR_BITS */
};

/* A staged short prefix, and the group to be put in its place. */
struct fib6_brief {
	uint32_t node, group;
};

/*
 * A word to store; later, if it differs, after the short prefixes.  gone is
 * what the word led to, as of a root, if flat has no lines; else the child that
 * was replaced of those in flat.  Or, without a word, the value of a leaf: first
 * as it is stored, gone as in a range.
 */
struct fib6_job {
	struct fib6_word *word;
	struct fib6_half *half;
	uint32_t first, later;
	uint32_t gone;
	struct fib6_block flat;
};

struct fib6_writer {
	struct route_arena *arena;
	struct fib6_ids local, stage;
	uint16_t *group_local; /* local id of a group, or 0 */
	size_t groups;         /* room of that */

	/* Staged. */
	struct fib6_vec hulls;  /* of struct fib6_hull */
	uint32_t *hash;         /* number in hulls plus 1, by first bits; 0 */
	size_t hash_room;       /* a power of two */
	struct fib6_vec briefs; /* of struct fib6_brief */
	uint32_t *brief;        /* groups of the short prefixes, as a heap */
	uint8_t *brief_staged;  /* by number in that */

	/* Prepared. */
	bool prepared;
	struct fib6_vec jobs;       /* of struct fib6_job */
	struct fib6_vec fresh;      /* of struct fib6_block, allocated */
	struct fib6_vec taken;      /* of uint32_t, values counted in */
	struct fib6_vec new_stages; /* of uint32_t */

	/* While preparing. */
	const struct fib_source *after;
	bool tight;             /* what is built is not made to grow */
	struct fib6_vec routes; /* of struct fib6_route */
	struct fib6_vec ranges; /* of struct fib6_range, painted */
	struct fib6_vec old;    /* of struct fib6_range, found */
	struct fib6_vec mix;    /* of struct fib6_range, old with painted */

	/* Grace periods, for ids and short prefixes. */
	uint32_t commits; /* so far */
	uint32_t safe;    /* no reader is left from before this commit's end */
	uint32_t asked;   /* commits when gp was asked for */
	uint64_t gp;
	bool asking;
	bool published; /* a line, and no grace period waited for since */

	size_t lines; /* in use */
	size_t blocks;
	uint64_t dir_used[FIB6_DIR_PAGES / 64]; /* bit i: page i */
};

/* A word for a root, or for a line below one. */
static inline uint32_t
fib6_root(uint32_t line, bool wide, unsigned int levels)
{
	return line << 4 | (wide ? FIB6_WIDE : 0) | levels;
}

static inline struct fib6_inner *
fib6_line(const struct fib6 *f, uint32_t line)
{
	return route_arena_at(f->writer->arena, line * FIB6_LINE_GRANULES);
}

/* The number that this prefix has in the stage that begins at bit at. */
static inline uint32_t
fib6_number(uint64_t hi, uint64_t lo, unsigned int at)
{
	return (uint32_t)fib6_key(hi, lo, at) ^ 0x80000000u;
}

/* fib6_ids.c */

/* Room for n more elements.  Returns: 0; -ENOMEM. */
int fib6_vec_more(struct fib6_vec *v, size_t n, size_t size);

/* Count a value in.  Returns: 0; -ENOMEM; -ENOSPC: its group has no local id
 * and there is none left. */
int fib6_ids_take(struct fib6 *f, uint32_t value);

/* Count a value out.  Returns: true if it was the last of a stage. */
bool fib6_ids_drop(struct fib6 *f, uint32_t value);

/* The local id of a group that was taken. */
uint32_t fib6_ids_local(const struct fib6 *f, uint32_t group);

/* Number a stage, of no references yet, by its root.  Returns: 0; -ENOMEM. */
int fib6_ids_stage(struct fib6 *f, uint32_t root, uint32_t *out);

/* A stage without references may be numbered again, after readers left. */
void fib6_ids_release(struct fib6 *f, uint32_t stage);

/* fib6_build.c */

/* Lines for n ranges, which cover a stage.  Returns: 0; -ENOMEM. */
int fib6_build_root(
    struct fib6 *f, const struct fib6_range *r, size_t n, uint32_t *out);

/*
 * The job that puts w->ranges in the place of those from span[0] to span[1] in
 * the stage of word.
 * Returns: 0; -ENOMEM; FIB6_SAME: they are there already; FIB6_WHOLE: nothing
 *          was done, as all of the stage would have the value *whole.
 */
#define FIB6_SAME  1
#define FIB6_WHOLE 2
int fib6_build_edit(struct fib6 *f, struct fib6_word *word,
    const uint32_t span[2], struct fib6_job *out, uint32_t *whole);

/* The value of a number in the stage that begins with a word. */
uint32_t fib6_build_value(const struct fib6 *f, uint32_t word, uint32_t number);

/* Retire what the word of a committed job led to; or all that a root does. */
void fib6_build_drop(struct fib6 *f, const struct fib6_job *job);
void fib6_build_drop_root(struct fib6 *f, uint32_t root);

/* Free what was built since the last commit, and count out what it holds. */
void fib6_build_undo(struct fib6 *f);

/* fib6_batch.c */

/* Choose the body that is asked for, or if it is not there the best one. */
void fib6_batch_choose(struct fib6 *f);

/* fib6_paint.c */

/* First and last number of a hull in the stage that it lies in. */
void fib6_paint_span(
    const struct fib6_hull *h, unsigned int at, uint32_t span[2]);

/* Fill w->ranges with what is in the hull, which lies in one stage. */
int fib6_paint(
    struct fib6 *f, const struct fib6_hull *h, unsigned int at, bool concrete);

#endif /* STACK_ROUTE_FIB6_IMPL_H */
