/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Blocks of a table: runs of equal leaves, whose heads are bits.  They are
 * filled before they are published and never written again.
 *
 * Invariants
 *   I1  heads has bit 0, but for the arena's first line, which has no bit and
 *       stands for leaf 0 in every slot.
 *   I2  A block with one run is the shared one of its id, and no other is.
 *   I3  A block for longer prefixes is named by one slot of one word, in the
 *       versions of it that there are.  It begins a line of the arena.
 */

#include "stack/route/fib4_impl.h"

struct block {
	uint64_t heads;
	/* leaves follow */
};

static const struct block *
block_at(const struct fib4_view *v, uint32_t at)
{
	return (const struct block *)(const void *)(v->blocks +
						    (size_t)at *
							ROUTE_ARENA_GRANULE);
}

static size_t
leaf_size(const struct fib4_view *v)
{
	return v->wide ? sizeof(uint32_t) : sizeof(uint16_t);
}

/* Leaf i of those at p, with FIB4_EXT in its place. */
static uint32_t
leaf_get(const struct fib4_view *v, const void *p, unsigned int i)
{
	uint32_t leaf;

	if (v->wide)
		return ((const uint32_t *)p)[i];
	leaf = ((const uint16_t *)p)[i];
	return (leaf & FIB4_NARROW_EXT) != 0
		   ? (leaf & ~FIB4_NARROW_EXT) | FIB4_EXT
		   : leaf;
}

static void
leaf_put(const struct fib4_view *v, void *p, unsigned int i, uint32_t leaf)
{
	if (v->wide) {
		((uint32_t *)p)[i] = leaf;
		return;
	}
	if ((leaf & FIB4_EXT) != 0)
		leaf = (leaf & ~FIB4_EXT) | FIB4_NARROW_EXT;
	((uint16_t *)p)[i] = (uint16_t)leaf;
}

static size_t
block_size(const struct fib4_view *v, uint64_t heads)
{
	return sizeof(struct block) + leaf_size(v) * fib4_count(heads);
}

void
fib4_block_expand(
    const struct fib4_view *v, uint32_t at, uint32_t leaf[FIB4_SLOTS])
{
	const struct block *b = block_at(v, at);
	uint64_t heads = b->heads;
	unsigned int run = 0, slot = 0;

	memset(leaf, 0, FIB4_SLOTS * sizeof(leaf[0]));
	for (; heads != 0; run++) {
		const uint32_t value = leaf_get(v, b + 1, run);
		unsigned int end;

		heads &= heads - 1;
		end = heads == 0 ? FIB4_SLOTS : route_bits_first(heads);
		while (slot < end)
			leaf[slot++] = value;
	}
}

uint32_t
fib4_block_leaf(const struct fib4_view *v, uint32_t at, unsigned int slot)
{
	const struct block *b = block_at(v, at);

	if (b->heads == 0)
		return 0;
	return leaf_get(
	    v, b + 1, fib4_count(b->heads & ~UINT64_C(0) >> (63 - slot)) - 1);
}

bool
fib4_block_uniform(const struct fib4_view *v, uint32_t at)
{
	return block_at(v, at)->heads <= 1;
}

int
fib4_block_make(struct fib4 *f, struct fib4_view *v,
    const uint32_t leaf[FIB4_SLOTS], uint32_t *out)
{
	uint64_t heads = 1;
	struct block *b;
	unsigned int run = 0;
	int error;

	for (unsigned int i = 1; i < FIB4_SLOTS; i++)
		heads |= (uint64_t)(leaf[i] != leaf[i - 1]) << i;
	if (heads == 1)
		return fib4_uniform(f, v, leaf[0], out);
	error = route_arena_alloc(
	    f->writer->arena, block_size(v, heads), ROUTE_ARENA_GRANULE, out);
	if (error != 0)
		return error;
	b = route_arena_at(f->writer->arena, *out);
	b->heads = heads;
	for (; heads != 0; heads &= heads - 1)
		leaf_put(v, b + 1, run++, leaf[route_bits_first(heads)]);
	return 0;
}

void
fib4_block_free(
    struct fib4 *f, const struct fib4_view *v, uint32_t at, fib4_free_fn *fn)
{
	const uint64_t heads = block_at(v, at)->heads;

	if (heads > 1)
		fn(f->writer->arena, at, block_size(v, heads));
}

/* Does a block name others? */
static bool
has_exts(const struct fib4_view *v, const struct block *b)
{
	const unsigned int runs = fib4_count(b->heads);
	uint32_t any = 0;

	for (unsigned int i = 0; i < runs; i++)
		any |= v->wide ? ((const uint32_t *)(b + 1))[i]
			       : ((const uint16_t *)(b + 1))[i];
	return (any & (v->wide ? FIB4_WIDE_EXT : FIB4_NARROW_EXT)) != 0;
}

void
fib4_block_free_exts(struct fib4 *f, const struct fib4_view *v, uint32_t at,
    uint32_t keep, uint32_t keep2, fib4_free_fn *fn)
{
	const struct block *b = block_at(v, at);
	uint64_t heads = b->heads;
	unsigned int run = 0;

	if (f->writer->exts == 0 || !has_exts(v, b))
		return;
	for (; heads != 0; heads &= heads - 1) {
		const uint32_t leaf = leaf_get(v, b + 1, run++);
		const unsigned int slot = route_bits_first(heads);

		if ((leaf & FIB4_EXT) != 0 &&
		    leaf != fib4_block_leaf(v, keep, slot) &&
		    leaf != fib4_block_leaf(v, keep2, slot))
			fib4_ext_free(f, v, leaf, fn);
	}
}

int
fib4_block_substitute(struct fib4 *f, const struct fib4_view *v, uint32_t at,
    uint32_t from, uint32_t to, uint32_t *out)
{
	const struct block *b = block_at(v, at);
	const unsigned int runs = fib4_count(b->heads);
	unsigned int first = 0;
	struct block *fresh;
	int error;

	if (has_exts(v, b))
		return 1;
	if (runs <= 1) {
		const bool same =
		    runs == 0 ? from == 0 : leaf_get(v, b + 1, 0) == from;

		*out = at;
		return same ? fib4_uniform(f, v, to, out) : 0;
	}
	while (first < runs && leaf_get(v, b + 1, first) != from)
		first++;
	*out = at;
	if (first == runs)
		return 0;
	error = route_arena_alloc(f->writer->arena, block_size(v, b->heads),
	    ROUTE_ARENA_GRANULE, out);
	if (error != 0)
		return error;
	fresh = route_arena_at(f->writer->arena, *out);
	memcpy(fresh, b, block_size(v, b->heads));
	for (unsigned int i = first; i < runs; i++)
		if (leaf_get(v, b + 1, i) == from)
			leaf_put(v, fresh + 1, i, to);
	return 0;
}

/* A block's runs where the slots from first to end get a leaf. */
struct edit {
	uint64_t heads;     /* afterwards */
	unsigned int below; /* runs that stay, before the slots */
	bool own;           /* the slots begin a run */
	unsigned int from;  /* the first run behind them, as it was */
	unsigned int above; /* how many there are */
};

static struct edit
edit_of(const struct fib4_view *v, const struct block *b, unsigned int first,
    unsigned int end, uint32_t leaf)
{
	const uint64_t heads = b->heads | 1; /* I1 */
	struct edit e = {.heads = heads & ((UINT64_C(1) << first) - 1)};
	uint64_t above;

	e.below = fib4_count(e.heads);
	e.own = first == 0 || leaf_get(v, b + 1, e.below - 1) != leaf;
	e.heads |= (uint64_t)e.own << first;
	if (end == FIB4_SLOTS)
		return e;
	above = heads >> end << end;
	e.from = fib4_count(heads ^ above);
	if ((heads >> end & 1) == 0)
		e.from--; /* it goes on there */
	if (leaf_get(v, b + 1, e.from) == leaf) {
		e.from++;
		above &= ~(UINT64_C(1) << end);
	} else {
		above |= UINT64_C(1) << end;
	}
	e.above = fib4_count(above);
	e.heads |= above;
	return e;
}

int
fib4_block_edit(struct fib4 *f, const struct fib4_view *v, uint32_t at,
    unsigned int first, unsigned int n, uint32_t leaf, uint32_t *out)
{
	const struct block *b = block_at(v, at);
	const struct edit e = edit_of(v, b, first, first + n, leaf);
	const size_t size = leaf_size(v);
	uint8_t *to;
	int error;

	if (e.heads == (b->heads | 1) &&
	    (!e.own || leaf_get(v, b + 1, e.below) == leaf)) {
		*out = at;
		return 0;
	}
	if (e.heads == 1)
		return fib4_uniform(f, v, leaf, out);
	error = route_arena_alloc(
	    f->writer->arena, block_size(v, e.heads), ROUTE_ARENA_GRANULE, out);
	if (error != 0)
		return error;
	to = route_arena_at(f->writer->arena, *out);
	memcpy(to, &e.heads, sizeof(e.heads));
	to += sizeof(*b);
	memcpy(to, b + 1, e.below * size);
	to += e.below * size;
	if (e.own) {
		leaf_put(v, to, 0, leaf);
		to += size;
	}
	memcpy(to, (const uint8_t *)(b + 1) + e.from * size, e.above * size);
	return 0;
}

static uint32_t
ext_line(const struct fib4_view *v, uint32_t leaf)
{
	return v->wide ? leaf & ~FIB4_EXT : v->ext[leaf & ~FIB4_EXT];
}

static const struct fib4_ext *
ext_at(const struct fib4_view *v, uint32_t leaf)
{
	return (
	    const struct fib4_ext *)(const void *)(v->blocks +
						   (size_t)ext_line(v, leaf) *
						       64);
}

static size_t
ext_size(const struct fib4_view *v, unsigned int runs)
{
	return FIB4_EXT_LEAVES + leaf_size(v) * runs;
}

static unsigned int
ext_runs(const struct fib4_ext *x)
{
	unsigned int runs = 0;

	for (unsigned int i = 0; i < FIB4_EXT_WORDS; i++)
		runs += fib4_count(x->heads[i]);
	return runs;
}

void
fib4_ext_expand(
    const struct fib4_view *v, uint32_t leaf, uint32_t out[FIB4_EXTS])
{
	const struct fib4_ext *x = ext_at(v, leaf);
	const uint8_t *leaves = (const uint8_t *)x + FIB4_EXT_LEAVES;
	unsigned int run = 0;

	for (unsigned int i = 0; i < FIB4_EXTS; i++) {
		run += fib4_bit(x->heads, i);
		out[i] = leaf_get(v, leaves, run - 1);
	}
}

/* Numbers of blocks for longer prefixes, where leaves are too narrow. */
static int
ext_number(struct fib4 *f, struct fib4_view *v, uint32_t line, uint32_t *out)
{
	struct fib4_writer *w = f->writer;

	if (v->wide) {
		*out = FIB4_EXT | line;
		return 0;
	}
	while (
	    w->next_ext < FIB4_NARROW_IDS && fib4_bit(w->ext_used, w->next_ext))
		w->next_ext++;
	if (w->next_ext == FIB4_NARROW_IDS)
		return -ENOSPC;
	fib4_bit_set(w->ext_used, w->next_ext);
	v->ext[w->next_ext] = line;
	*out = FIB4_EXT | w->next_ext;
	return 0;
}

int
fib4_ext_make(struct fib4 *f, struct fib4_view *v,
    const uint32_t leaf[FIB4_EXTS], uint32_t *out)
{
	struct fib4_ext head = {{1}, {0}};
	unsigned int runs = 1;
	uint8_t *p;
	uint32_t at;
	int error;

	for (unsigned int i = 1; i < FIB4_EXTS; i++) {
		if (i % 64 == 0)
			head.rank[i / 64] = (uint8_t)runs;
		if (leaf[i] != leaf[i - 1]) {
			fib4_bit_set(head.heads, i);
			runs++;
		}
	}
	error = route_arena_alloc(f->writer->arena, ext_size(v, runs), 64, &at);
	if (error != 0)
		return error;
	error = ext_number(f, v, at / 8, out);
	if (error != 0) {
		route_arena_free(f->writer->arena, at, ext_size(v, runs));
		return error;
	}
	p = route_arena_at(f->writer->arena, at);
	memcpy(p, &head, FIB4_EXT_LEAVES);
	runs = 0;
	for (unsigned int i = 0; i < FIB4_EXTS; i++)
		if (fib4_bit(head.heads, i))
			leaf_put(v, p + FIB4_EXT_LEAVES, runs++, leaf[i]);
	f->writer->exts++;
	return 0;
}

/* The number of one that was published is found again by the next sweep. */
void
fib4_ext_free(
    struct fib4 *f, const struct fib4_view *v, uint32_t leaf, fib4_free_fn *fn)
{
	const unsigned int runs = ext_runs(ext_at(v, leaf));
	struct fib4_writer *w = f->writer;

	if (!v->wide && fn == route_arena_free) {
		const uint32_t number = leaf & ~FIB4_EXT;

		fib4_bit_clear(w->ext_used, number);
		if (number < w->next_ext)
			w->next_ext = number;
	}
	fn(w->arena, ext_line(v, leaf) * 8, ext_size(v, runs));
	w->exts--;
}

static size_t
granules(size_t bytes)
{
	return SYNC_ROUNDUP(bytes, ROUTE_ARENA_GRANULE);
}

void
fib4_block_count(const struct fib4_view *v, uint32_t at, struct fib_stats *s)
{
	const struct block *b = block_at(v, at);
	const unsigned int runs = fib4_count(b->heads);

	if (runs <= 1)
		return;
	s->blocks++;
	s->block_bytes += granules(block_size(v, b->heads));
	for (unsigned int i = 0; i < runs; i++) {
		const uint32_t leaf = leaf_get(v, b + 1, i);

		if ((leaf & FIB4_EXT) != 0)
			s->block_bytes +=
			    granules(ext_size(v, ext_runs(ext_at(v, leaf))));
	}
}
