/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who accessed what, and the heap.  Each word of .data, .bss, the stacks, the
 * thread-locals and the heap has a cell with the vector-clock times of its
 * last accesses; a conflicting access that they do not happen before is a
 * race.  Words that are also accessed by parts have a cell per byte.
 *
 * A freed block stays out of use until the execution ends, so an access to it
 * is noticed.  Freeing is a store to the whole block.
 */

#include "tests/wsim/runtime/impl.h"

#define GAP 32u /* between blocks; belongs to none */

static const char freeing[] = "free";

void *__real_memset(void *, int, size_t);

bool
wsim_on_stack(uintptr_t a)
{
	const struct wsim_fibre *f = wsim_me();

	return a - (uintptr_t)f->stack < WSIM_STACK;
}

static bool
in_heap(uintptr_t a)
{
	return a - (uintptr_t)wsim->heap < WSIM_HEAP;
}

/* Returns: 0, or the block of a heap address + 1. */
static uint16_t
block_of(uintptr_t a)
{
	int lo = 0, hi = wsim->nblocks;

	while (lo < hi) {
		const int mid = (lo + hi) / 2;

		if ((uintptr_t)wsim->block[mid].p <= a)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0 ||
	    a - (uintptr_t)wsim->block[lo - 1].p >= wsim->block[lo - 1].size)
		return 0;
	return (uint16_t)lo;
}

__attribute__((noinline)) static void
start_cell(struct wsim_cell *c, uintptr_t a)
{
	c->gen = wsim->gen;
	c->split = c->loc = 0;
	c->seen = 0;
	c->writer = -1;
	c->bad = false;
	if (in_heap(a)) {
		const unsigned i = block_of(a);
		struct wsim_block *b = &wsim->block[i - 1];

		c->bad = i == 0 || b->freed;
		if (i == 0)
			return;
		b->touched = true;
		c->writer = (int8_t)b->owner;
		c->wclk = b->clk;
		c->wpc = b->pc;
		c->seen = (uint8_t)(1u << b->owner);
		c->clk[b->owner].read = 0;
		c->clk[b->owner].any = 0;
		c->clk[b->owner].store = 0;
	}
}

/* Returns: NULL for memory that nobody shares: of libc, or constant. */
static inline struct wsim_cell *
cell_of(uintptr_t a)
{
	const uintptr_t data = (uintptr_t)wsim->data & ~(uintptr_t)3;
	struct wsim_cell *c;

	if (a - (uintptr_t)wsim->arena < wsim->arena_size)
		c = &wsim->arena_cells[(a - (uintptr_t)wsim->arena) / 4];
	else if (a - data < wsim->data_size + 4)
		c = &wsim->data_cells[(a - data) / 4];
	else
		return NULL;
	if (c->gen != wsim->gen)
		start_cell(c, a & ~(uintptr_t)3);
	return c;
}

static void
split(struct wsim_cell *c)
{
	if (wsim->nsplits == WSIM_SPLITS)
		wsim_fail_at(WSIM_MISUSE, 0, NULL, -1, NULL,
		    "more than %d words accessed by parts", WSIM_SPLITS);
	const unsigned at = (unsigned)++wsim->nsplits;

	for (int i = 0; i < 4; i++)
		wsim->bytes[at * 4 + (unsigned)i] = *c;
	c->split = (uint16_t)at;
}

/* The cells of [at, end). */
struct walk {
	uintptr_t at, end;
};

/* The cell of a byte, for words that are accessed by parts. */
static struct wsim_cell *
byte_cell(struct wsim_cell *c, uintptr_t a)
{
	if (c->split == 0)
		split(c);
	return &wsim->bytes[c->split * 4u + a % 4];
}

static inline struct wsim_cell *
next_cell(struct walk *w)
{
	while (w->at < w->end) {
		const bool whole = w->at % 4 == 0 && w->end - w->at >= 4;
		struct wsim_cell *c = cell_of(w->at);

		if (c == NULL) {
			w->at = (w->at | 3) + 1;
			continue;
		}
		if (whole && c->split == 0) {
			w->at += 4;
			return c;
		}
		return byte_cell(c, w->at++);
	}
	return NULL;
}

static void
conflict(const char *what, const char *with, uintptr_t a, void *pc, int other,
    void *other_pc)
{
	wsim_fail_at(what == freeing ? WSIM_UAF : WSIM_RACE, a, pc, other,
	    other_pc, "%s in T%d is not ordered after %s in T%d", what,
	    wsim->me, with, other);
}

__attribute__((cold, noreturn)) static void
bad(uintptr_t a, void *pc)
{
	const unsigned i = block_of(a);
	const struct wsim_block *b = &wsim->block[i - 1];

	if (i == 0)
		wsim_fail_at(WSIM_UAF, a, pc, -1, NULL,
		    "access in T%d to heap outside any block", wsim->me);
	wsim_fail_at(WSIM_UAF, a, pc, b->freer, b->free_pc,
	    "use after free in T%d, of a block freed by T%d", wsim->me,
	    b->freer);
}

enum {
	READS,
	STORES,
	ATOMICS
};

/* Does each access of the others of that kind happen before now?  Else fail. */
static void
check_all(const struct wsim_cell *c, int kind, const char *what, uintptr_t a,
    void *pc)
{
	static const char *const names[] = {
	    "a plain load", "an atomic store", "an atomic access"};
	const struct wsim_fibre *f = wsim_me();
	unsigned set = c->seen & ~(1u << wsim->me);

	for (; set != 0; set &= set - 1) {
		const int i = __builtin_ctz(set);
		const int32_t clk = kind == READS    ? c->clk[i].read
				    : kind == STORES ? c->clk[i].store
						     : c->clk[i].any;

		if (clk > f->cur.vc[i])
			conflict(what, names[kind], a, pc, i,
			    kind == READS ? c->rpc : c->apc);
	}
}

static void
check_write(const struct wsim_cell *c, const char *what, uintptr_t a, void *pc)
{
	const struct wsim_fibre *f = wsim_me();
	const int w = c->writer;

	if (w >= 0 && w != wsim->me && c->wclk > f->cur.vc[w])
		conflict(what, "a plain store", a, pc, w, c->wpc);
}

/* Say that this fibre was here.  Returns: was another one, too? */
static bool
visit(struct wsim_cell *c)
{
	const uint8_t me = (uint8_t)(1u << wsim->me);
	const uint8_t seen = c->seen;

	if ((seen & me) == 0) {
		c->seen = seen | me;
		c->clk[wsim->me].read = 0;
		c->clk[wsim->me].any = 0;
		c->clk[wsim->me].store = 0;
	}
	return (seen & ~me) != 0;
}

static void
access_plain(
    struct wsim_cell *c, bool write, uintptr_t a, void *pc, const char *what)
{
	const int32_t now = wsim_me()->cur.vc[wsim->me];

	if (visit(c)) {
		check_write(c, what, a, pc);
		if (write) {
			check_all(c, READS, what, a, pc);
			check_all(c, ATOMICS, what, a, pc);
		} else {
			check_all(c, STORES, what, a, pc);
		}
	}
	if (!write) {
		c->clk[wsim->me].read = now;
		c->rpc = pc;
		return;
	}
	c->writer = (int8_t)wsim->me;
	c->wclk = now;
	c->wpc = pc;
	if (c->loc != 0)
		wsim->loc[c->loc - 1].dirty = true;
}

/* Is it a store to a whole block that nobody has seen yet? */
static bool
fills_new_block(uintptr_t a, size_t size)
{
	const unsigned i = size > 64 && in_heap(a) ? block_of(a) : 0;
	struct wsim_block *b = &wsim->block[i - 1];

	if (i == 0 || b->touched || b->freed || b->owner != wsim->me ||
	    (uintptr_t)b->p != a || size != b->size)
		return false;
	b->clk = wsim_me()->cur.vc[wsim->me];
	return true;
}

void
wsim_plain(uintptr_t a, size_t size, bool write, void *pc)
{
	struct walk w = {.at = a, .end = a + size};
	struct wsim_cell *c;

	if (!wsim_on_stack(a) && (wsim_rnd() & 3) == 0)
		wsim_point();
	if (write && fills_new_block(a, size))
		return;
	while ((c = next_cell(&w)) != NULL) {
		if (c->bad)
			bad(a, pc);
		access_plain(
		    c, write, a, pc, write ? "a plain store" : "a plain load");
	}
	if (wsim->tracing && !wsim_on_stack(a))
		wsim_trace(
		    write ? WSIM_OP_WRITE : WSIM_OP_READ, 0, a, 0, 0, 0, 0, pc);
}

/* Returns: the first cell of the word, NULL if it is in no known memory. */
struct wsim_cell *
wsim_shadow_atomic(uintptr_t a, unsigned size, bool write, void *pc)
{
	const char *what = write ? "an atomic store" : "an atomic load";
	const int32_t now = wsim_me()->cur.vc[wsim->me];
	struct walk w = {.at = a, .end = a + size};
	struct wsim_cell *c, *first = NULL;

	while ((c = next_cell(&w)) != NULL) {
		if (first == NULL)
			first = c;
		if (c->bad)
			bad(a, pc);
		if (visit(c)) {
			check_write(c, what, a, pc);
			if (write)
				check_all(c, READS, what, a, pc);
		}
		c->clk[wsim->me].any = now;
		c->apc = pc;
		if (write)
			c->clk[wsim->me].store = now;
	}
	if (first == NULL && write)
		wsim_fail_at(WSIM_MISUSE, a, pc, -1, NULL,
		    "atomic store to memory that is not the program's");
	return first;
}

void
wsim_shadow_bind(uintptr_t a, unsigned size, int loc)
{
	struct walk w = {.at = a, .end = a + size};
	struct wsim_cell *c;

	while ((c = next_cell(&w)) != NULL)
		c->loc = (uint16_t)(loc + 1);
}

/* Returns: the location that the word at a belongs to, -1: none. */
int
wsim_shadow_loc(uintptr_t a)
{
	const struct wsim_cell *c = cell_of(a);

	return c == NULL ? -1 : (int)c->loc - 1;
}

void *
wsim_alloc(size_t size, size_t align, void *pc)
{
	const size_t at = (wsim->brk + GAP + align - 1) & ~(align - 1);
	struct wsim_block *b;

	if (wsim->alloc_fails > 0 && wsim_rnd() % wsim->alloc_fails == 0) {
		wsim_note("gets no memory", size, pc);
		return NULL;
	}
	if (wsim->nblocks == WSIM_BLOCKS || size > WSIM_HEAP ||
	    at + size + GAP > WSIM_HEAP)
		wsim_fail_at(
		    WSIM_MISUSE, 0, pc, -1, NULL, "out of simulated heap");
	b = &wsim->block[wsim->nblocks++];
	b->p = wsim->heap + at;
	b->size = size > 0 ? size : 1;
	b->freed = b->touched = false;
	b->owner = wsim->me;
	b->clk = wsim_me()->cur.vc[wsim->me];
	b->pc = pc;
	wsim->brk = (at + b->size + 3) & ~(size_t)3;
	__real_memset(b->p, 0x5a, b->size);
	wsim_note("allocates", (uintptr_t)b->p, pc);
	return b->p;
}

static struct wsim_block *
block_at(const void *p)
{
	const uint16_t i = in_heap((uintptr_t)p) ? block_of((uintptr_t)p) : 0;

	if (i == 0 || wsim->block[i - 1].p != p)
		return NULL;
	return &wsim->block[i - 1];
}

size_t
wsim_block_size(const void *p)
{
	const struct wsim_block *b = block_at(p);

	return b == NULL ? 0 : b->size;
}

/* Free is a store to all that was accessed; the rest is noticed by its block. */
static void
check_free(const struct wsim_block *b, void *pc)
{
	const uintptr_t base = (uintptr_t)b->p;

	for (uintptr_t a = base; b->touched && a < base + b->size; a += 4) {
		const size_t k = (a - (uintptr_t)wsim->arena) / 4;
		struct walk w = {.at = a, .end = a + 4};
		struct wsim_cell *c;

		if (wsim->arena_cells[k].gen != wsim->gen)
			continue;
		while ((c = next_cell(&w)) != NULL) {
			access_plain(c, true, a, pc, freeing);
			c->bad = true;
		}
	}
}

void
wsim_free(void *p, void *pc)
{
	struct wsim_block *b = block_at(p);

	if (b == NULL)
		wsim_fail_at(WSIM_FREE, (uintptr_t)p, pc, -1, NULL,
		    "free of what is not a block, in T%d", wsim->me);
	wsim_point();
	if (b->freed)
		wsim_fail_at(WSIM_FREE, (uintptr_t)p, pc, b->freer, b->free_pc,
		    "double free in T%d, of a block freed by T%d", wsim->me,
		    b->freer);
	wsim_note("frees", (uintptr_t)p, pc);
	check_free(b, pc);
	b->freed = true;
	b->freer = wsim->me;
	b->free_pc = pc;
}

unsigned
wsim_blocks(void)
{
	unsigned n = 0;

	for (int i = 0; i < wsim->nblocks; i++)
		n += !wsim->block[i].freed;
	return n;
}

void
wsim_alloc_fails(unsigned n)
{
	wsim->alloc_fails = n;
}
