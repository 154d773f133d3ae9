/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Two levels over lines of 64 bytes.  Whole free lines form runs, on lists by
 * length, which merge with their neighbours.  A block takes lines from the
 * front of a run and only the granules that it needs of its last one; what is
 * left of that line is a hole for blocks of up to 56 bytes.  A line with holes
 * is on a list by its longest; when it is all hole it is a run again.
 *
 * The lists are kept in what is free: no reader looks there, as retired blocks
 * are not free yet.
 *
 * An update frees a block and takes one of nearly the same size.  So some of
 * each small size are kept as they are, spares, and are made holes only when the
 * arena cannot grow.
 *
 * Invariants
 *   I1  holes[l] is 0xff exactly for the lines of free runs; no two runs touch.
 *       Line 0 and the last one mapped belong to nobody, so are never free.
 *   I2  The first line of a run has its length and links, the last word of its
 *       last line the length again.
 *   I3  A line with 0 < holes < 0xff is on the list of its longest hole; the
 *       links are in that hole's first granule, the lowest if there are
 *       several.
 *   I4  room > blocks: each block there is can be retired without memory.
 *   I5  head <= mark <= tail; while asked, the period in progress, which began
 *       after they were retired, is for [head, mark).
 *
 * Ordering pairs
 *   OVER  the callback stores over (release) -> turn loads it (acquire): what
 *         readers did in a block comes before its next owner writes there.
 *
 * Reclamation
 *   One pserialize_call() at a time, for all that was retired before it; the
 *   writer frees them when it next comes by and finds it over.
 */

#include "stack/route/arena.h"

#include "libsync/base/assert.h"
#include "libsync/port/types.h"
#include "stack/route/bits.h"
#include "stack/route/host.h"

#define LINE     ((size_t)64)
#define GRANULES 8u    /* of a line */
#define ALL      0xffu /* of a line's granules */
/* What it grows by and begins at; smaller ones are for tests. */
#ifndef ROUTE_ARENA_STEP
#define ROUTE_ARENA_STEP ((size_t)2 << 20) /* a huge page */
#endif
#define HUGE_PAGE ROUTE_ARENA_STEP
#define ROOM_MIN  ((size_t)64)

struct run {
	uint32_t len, prev, next; /* lines; 0: none */
};

struct part {
	uint32_t prev, next;
};

struct route_arena_retired {
	uint32_t at, granules;
};

static void *
line_at(const struct route_arena *a, uint32_t line)
{
	return a->base + (size_t)line * LINE;
}

static struct run *
run_at(const struct route_arena *a, uint32_t line)
{
	return line_at(a, line);
}

/* The copy of the length at the end of the run whose last line this is. */
static uint32_t *
run_end(const struct route_arena *a, uint32_t line)
{
	return (uint32_t *)line_at(a, line) + LINE / sizeof(uint32_t) - 1;
}

static unsigned int
run_list(uint32_t len)
{
	return len <= 32 ? len - 1 : 31u + (58u - route_bits_above(len));
}

static void
run_link(struct route_arena *a, uint32_t line, uint32_t len)
{
	const unsigned int list = run_list(len);
	struct run *r = run_at(a, line);

	*r = (struct run){.len = len, .next = a->run[list]};
	*run_end(a, line + len - 1) = len;
	if (r->next != 0)
		run_at(a, r->next)->prev = line;
	a->run[list] = line;
	a->run_lists |= UINT64_C(1) << list;
}

static void
run_unlink(struct route_arena *a, uint32_t line)
{
	const struct run *r = run_at(a, line);
	const unsigned int list = run_list(r->len);

	if (r->next != 0)
		run_at(a, r->next)->prev = r->prev;
	if (r->prev != 0) {
		run_at(a, r->prev)->next = r->next;
		return;
	}
	a->run[list] = r->next;
	if (r->next == 0)
		a->run_lists &= ~(UINT64_C(1) << list);
}

/* Lines become free: a run, together with those that it touches. */
static void
run_put(struct route_arena *a, uint32_t line, uint32_t len)
{
	uint32_t other;

	memset(a->holes + line, ALL, len);
	if (a->holes[line - 1] == ALL) {
		other = *run_end(a, line - 1);
		line -= other;
		len += other;
		run_unlink(a, line);
	}
	if (a->holes[line + len] == ALL) {
		other = run_at(a, line + len)->len;
		run_unlink(a, line + len);
		len += other;
	}
	run_link(a, line, len);
}

/* A run of at least need lines, or 0. */
static uint32_t
run_find(const struct route_arena *a, uint32_t need)
{
	unsigned int list = run_list(need);
	uint64_t longer;
	uint32_t line;

	for (line = a->run[list]; line != 0; line = run_at(a, line)->next)
		if (run_at(a, line)->len >= need)
			return line;
	if (++list == ROUTE_ARENA_RUNS)
		return 0;
	longer = a->run_lists >> list << list;
	return longer == 0 ? 0 : a->run[route_bits_first(longer)];
}

/* Take n lines, the first a multiple of align; 0 if there are none. */
static uint32_t
run_take(struct route_arena *a, uint32_t n, uint32_t align)
{
	const uint32_t line = run_find(a, n + align - 1);
	uint32_t len, start, after;

	if (line == 0)
		return 0;
	len = run_at(a, line)->len;
	run_unlink(a, line);
	start = (line + align - 1) / align * align;
	after = line + len - (start + n);
	if (start != line)
		run_link(a, line, start - line);
	if (after != 0)
		run_link(a, start + n, after);
	memset(a->holes + start, 0, n);
	return start;
}

/* Where n free granules in a row begin: bit i is set if granule i does. */
static unsigned int
starts(unsigned int holes, unsigned int n)
{
	while (--n > 0)
		holes &= holes >> 1;
	return holes;
}

static unsigned int
longest(unsigned int holes)
{
	unsigned int n = 0;

	for (; holes != 0; holes &= holes >> 1)
		n++;
	return n;
}

static struct part *
part_at(const struct route_arena *a, uint32_t line)
{
	const unsigned int holes = a->holes[line];
	const unsigned int first = starts(holes, longest(holes));

	return (struct part *)line_at(a, line) + route_bits_first(first);
}

static void
part_link(struct route_arena *a, uint32_t line)
{
	uint32_t *list = &a->part[longest(a->holes[line])];

	*part_at(a, line) = (struct part){.next = *list};
	if (*list != 0)
		part_at(a, *list)->prev = line;
	*list = line;
}

static void
part_unlink(struct route_arena *a, uint32_t line)
{
	const struct part *p = part_at(a, line);

	if (p->next != 0)
		part_at(a, p->next)->prev = p->prev;
	if (p->prev != 0)
		part_at(a, p->prev)->next = p->next;
	else
		a->part[longest(a->holes[line])] = p->next;
}

/* Change which granules of a line are free. */
static void
set_holes(struct route_arena *a, uint32_t line, unsigned int holes)
{
	if (a->holes[line] != 0)
		part_unlink(a, line);
	if (holes == ALL) {
		run_put(a, line, 1);
		return;
	}
	a->holes[line] = (uint8_t)holes;
	if (holes != 0)
		part_link(a, line);
}

/* Let the arena grow, by n lines or what the limit leaves. */
static int
grow(struct route_arena *a, size_t n)
{
	const size_t want = SYNC_ROUNDUP((n + 2) * LINE, HUGE_PAGE);
	const size_t left = a->limit - a->mapped;
	const size_t mapped = a->mapped + (want < left ? want : left);
	const size_t line = a->mapped == 0 ? 1 : a->mapped / LINE - 1;
	const size_t end = mapped / LINE - 1;

	if (left == 0)
		return -ENOMEM;
	if (route_host_use(a->holes,
		SYNC_ROUNDUP(mapped / LINE, route_host_page())) != 0 ||
	    route_host_use(a->base, mapped) != 0)
		return -ENOMEM;
	a->mapped = mapped;
	run_put(a, (uint32_t)line, (uint32_t)(end - line));
	return 0;
}

/* Make granules holes: whole lines and the beginning of one, or a part. */
static void
open_holes(struct route_arena *a, uint32_t at, uint32_t granules)
{
	const uint32_t line = at / GRANULES, first = at % GRANULES;
	const uint32_t lines = granules / GRANULES, rest = granules % GRANULES;
	const unsigned int bits = (ALL >> (GRANULES - rest)) << first;

	SYNC_REQUIRE(line != 0 && (lines == 0 || first == 0));
	if (rest != 0) {
		const unsigned int holes = a->holes[line + lines];

		SYNC_REQUIRE((holes & bits) == 0 && bits <= ALL);
		set_holes(a, line + lines, holes | bits);
	}
	if (lines != 0) {
		SYNC_REQUIRE(a->holes[line] == 0);
		run_put(a, line, lines);
	}
}

static __attribute__((unused)) bool /* without SYNC_CHECKS */
is_spare(const struct route_arena *a, uint32_t at, uint32_t granules)
{
	uint32_t i = 0;

	while (i < a->spares[granules] && a->spare[granules][i] != at)
		i++;
	return i < a->spares[granules];
}

/* Free a block. */
static void
give(struct route_arena *a, uint32_t at, uint32_t granules)
{
	a->used -= granules * ROUTE_ARENA_GRANULE;
	a->blocks--;
	if (granules >= ROUTE_ARENA_SPARABLE ||
	    a->spares[granules] == ROUTE_ARENA_SPARES) {
		open_holes(a, at, granules);
		return;
	}
	SYNC_ASSERT(!is_spare(a, at, granules));
	a->spare[granules][a->spares[granules]++] = at;
}

static void
give_spares(struct route_arena *a)
{
	for (uint32_t n = 1; n < ROUTE_ARENA_SPARABLE; n++)
		while (a->spares[n] > 0)
			open_holes(a, a->spare[n][--a->spares[n]], n);
}

static void
grace_over(struct pserialize_head *head)
{
	struct route_arena *a =
	    (struct route_arena *)(void *)((char *)head -
					   offsetof(struct route_arena, grace));

	/* OVER release: pairs with the acquire in turn. */
	sync_store_release(&a->over, 1);
}

/* Free what has waited long enough; ask for the next period. */
static void
turn(struct route_arena *a)
{
	if (a->asked) {
		/* OVER acquire: pairs with the release in grace_over. */
		if (sync_load_acquire(&a->over) == 0)
			return;
		a->asked = false;
		for (; a->head != a->mark; a->head++) {
			const struct route_arena_retired *r =
			    &a->retired[a->head & (a->room - 1)];

			a->waiting -= r->granules * ROUTE_ARENA_GRANULE;
			give(a, r->at, r->granules);
		}
	}
	if (a->head == a->tail) {
		a->head = a->mark = a->tail = 0;
		return;
	}
	a->mark = a->tail;
	a->asked = true;
	/* relaxed: nobody else uses it until the call below. */
	sync_store_relaxed(&a->over, 0);
	pserialize_call_sized(&a->grace, grace_over, a->waiting);
}

void
route_arena_settle(struct route_arena *a)
{
	turn(a);
	while (a->asked) {
		pserialize_barrier();
		turn(a);
	}
}

/* Room for the retirement of one block more (I4). */
static int
reserve(struct route_arena *a)
{
	const size_t room = a->room == 0 ? ROOM_MIN : 2 * a->room;
	struct route_arena_retired *bigger;
	size_t i;

	if (a->blocks + 1 < a->room)
		return 0;
	bigger = route_host_alloc(room * sizeof(*bigger));
	if (bigger == NULL)
		return -ENOMEM;
	for (i = a->head; i != a->tail; i++)
		bigger[i & (room - 1)] = a->retired[i & (a->room - 1)];
	route_host_free(a->retired);
	a->retired = bigger;
	a->room = room;
	return 0;
}

/* A hole of n granules, n < 8, or 0. */
static uint32_t
part_take(struct route_arena *a, uint32_t n)
{
	unsigned int list = n, holes, from, first;
	uint32_t line;

	while (list < GRANULES && a->part[list] == 0)
		list++;
	if (list == GRANULES)
		return 0;
	line = a->part[list];
	holes = a->holes[line];
	from = starts(holes, list);
	first = route_bits_first(from);
	set_holes(a, line, holes & ~((ALL >> (GRANULES - n)) << first));
	return line * GRANULES + first;
}

/* Granules for a block, or 0; align is in lines. */
static uint32_t
take(struct route_arena *a, uint32_t granules, uint32_t align)
{
	const uint32_t lines = (granules + GRANULES - 1) / GRANULES;
	const uint32_t rest = granules % GRANULES;
	uint32_t at, line;

	/* One of a line or more begins with a line. */
	if ((align == 0 || (align == 1 && granules >= GRANULES)) &&
	    granules < ROUTE_ARENA_SPARABLE && a->spares[granules] > 0)
		return a->spare[granules][--a->spares[granules]];
	if (align == 0 && granules < GRANULES) {
		at = part_take(a, granules);
		if (at != 0)
			return at;
	}
	line = run_take(a, lines, align == 0 ? 1 : align);
	if (line != 0 && rest != 0)
		set_holes(a, line + lines - 1, ALL & (ALL << rest));
	return line * GRANULES;
}

int
route_arena_alloc(
    struct route_arena *a, size_t bytes, size_t align, uint32_t *out)
{
	const uint32_t lines =
	    align <= ROUTE_ARENA_GRANULE ? 0 : (uint32_t)((align + 63) / LINE);
	uint32_t at, granules;

	SYNC_REQUIRE(bytes > 0 && align > 0 && (align & (align - 1)) == 0 &&
		     align <= HUGE_PAGE && (uintptr_t)a->base % align == 0);
	if (bytes > a->limit)
		return -ENOMEM;
	if (reserve(a) != 0)
		return -ENOMEM;
	granules =
	    (uint32_t)((bytes + ROUTE_ARENA_GRANULE - 1) / ROUTE_ARENA_GRANULE);
	if (a->asked)
		turn(a);
	at = take(a, granules, lines);
	if (at == 0 && grow(a, granules / GRANULES + lines + 1) == 0)
		at = take(a, granules, lines);
	if (at == 0) {
		if (a->waiting > 0)
			route_arena_settle(a);
		give_spares(a);
		at = take(a, granules, lines);
	}
	if (at == 0)
		return -ENOMEM;
	a->blocks++;
	a->used += granules * ROUTE_ARENA_GRANULE;
	*out = at;
	return 0;
}

void
route_arena_free(struct route_arena *a, uint32_t at, size_t bytes)
{
	give(a, at,
	    (uint32_t)((bytes + ROUTE_ARENA_GRANULE - 1) /
		       ROUTE_ARENA_GRANULE));
}

void
route_arena_retire(struct route_arena *a, uint32_t at, size_t bytes)
{
	const uint32_t granules =
	    (uint32_t)((bytes + ROUTE_ARENA_GRANULE - 1) / ROUTE_ARENA_GRANULE);

	SYNC_REQUIRE(a->tail - a->head < a->room);
	a->retired[a->tail++ & (a->room - 1)] =
	    (struct route_arena_retired){at, granules};
	a->waiting += granules * ROUTE_ARENA_GRANULE;
	turn(a);
}

int
route_arena_create(size_t limit_bytes, struct route_arena **out)
{
	const size_t page = route_host_page();
	struct route_arena *a;

	if (limit_bytes == 0 || limit_bytes > ROUTE_ARENA_MAX)
		return -EINVAL;
	a = route_host_alloc(sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	a->limit = SYNC_ROUNDUP(limit_bytes, page);
	a->holes_limit = SYNC_ROUNDUP(a->limit / LINE, page);
	a->base = route_host_map(a->limit + a->holes_limit, HUGE_PAGE);
	if (a->base == NULL)
		goto fail_base;
	a->holes = a->base + a->limit;
	route_host_huge(a->base, a->limit);
	if (grow(a, 1) != 0)
		goto fail_grow;
	*out = a;
	return 0;

fail_grow:
	route_host_unmap(a->base, a->limit + a->holes_limit);
fail_base:
	route_host_free(a);
	return -ENOMEM;
}

void
route_arena_destroy(struct route_arena *a)
{
	route_arena_settle(a);
	SYNC_REQUIRE(a->blocks == 0);
	route_host_unmap(a->base, a->limit + a->holes_limit);
	route_host_free(a->retired);
	route_host_free(a);
}

void
route_arena_stats(const struct route_arena *a, struct route_arena_stats *out)
{
	*out = (struct route_arena_stats){
	    .used = a->used,
	    .free = a->mapped - 2 * LINE - a->used,
	    .waiting = a->waiting,
	    .mapped = a->mapped,
	};
}
