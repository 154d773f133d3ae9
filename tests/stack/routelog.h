/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The states that routing tables had, for those who look up while a writer
 * changes them: was an answer that of a state which there was meanwhile?
 *
 * All prefixes that a table may have are known beforehand.  The writer logs
 * what a commit will do, then counts the commit as begun, commits, and counts
 * it as done.  A state is the number of its last commit.  Who looks up notes
 * the states done before and begun after: the answer must be that of one of
 * them, or of those between.  Routes have stamps; each edit has its own, but
 * for some that share theirs.
 */
#ifndef TESTS_STACK_ROUTELOG_H
#define TESTS_STACK_ROUTELOG_H

#include <criterion/criterion.h>
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/atomic.h"

#define ROUTELOG_TABLES 3
#define ROUTELOG_DEPTH  129 /* prefixes that cover an address, at most */
#define ROUTELOG_NONE   UINT32_MAX

/* A stamp has one of these on top; 0 is no route. */
enum routelog_kind {
	ROUTELOG_HOP = 1, /* leads somewhere */
	ROUTELOG_THROW = 2,
	ROUTELOG_LOOKUP = 3, /* leads to the table of its step's leak */
};
#define ROUTELOG_KIND(stamp) ((stamp) >> 30)
#define ROUTELOG_STAMP(kind, n) \
	((uint32_t)(kind) << 30 | ((uint32_t)(n)&0x3fffffff))

/* cr_assert() of what holds a million times: it tells each to its parent. */
#define routelog_must(c)                    \
	do {                                \
		if (!(c))                   \
			cr_assert_fail(#c); \
	} while (0)

struct routelog_addr {
	uint64_t hi, lo; /* of IPv4: the upper bits of hi */
};

struct routelog_prefix {
	struct routelog_addr a;
	unsigned int plen;
	uint32_t up; /* the longest one around it, or NONE */
};

struct routelog_edit {
	uint32_t cell; /* table * n + prefix */
	uint32_t stamp;
};

/* [c] constant while there are readers  [w] writer's, but see head  [a] */
struct routelog {
	unsigned int bits;              /* [c] of an address */
	struct routelog_prefix *prefix; /* [c] sorted */
	uint32_t n;                     /* [c] */
	struct routelog_edit *edit;     /* [w] read up to those of begun */
	uint32_t *end;                  /* [w] by state: edits, in all */
	uint32_t edits, edits_max, states_max;
	uint32_t *now;                     /* [w] by cell: stamp */
	uint64_t seed;                     /* [w] */
	SYNC_ATOMIC(uint32_t) begun, done; /* [a] states */
};

/* Where a lookup is, and where it goes on.  NONE: it ends without a route. */
struct routelog_step {
	uint32_t table;
	uint32_t none; /* step after nothing or a throw */
	uint32_t leak; /* step after a LOOKUP */
};

/* [o] of one reader */
struct routelog_reader {
	const struct routelog *log;
	uint32_t *now; /* by cell, of state at */
	uint32_t at;
	uint64_t seed;
	char wrong[128]; /* the first wrong answer; empty: none */
};

/* A lookup in two states or more, and what it said. */
struct routelog_answer {
	struct routelog_addr addr;
	uint32_t from, to; /* done before, begun after */
	uint32_t stamp;    /* 0: no route */
};

static inline uint64_t
routelog_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed >> 8;
}

static inline struct routelog_addr
routelog_mask(unsigned int plen)
{
	return (struct routelog_addr){
	    .hi = plen >= 64  ? UINT64_MAX
		  : plen == 0 ? 0
			      : ~(UINT64_MAX >> plen),
	    .lo = plen <= 64    ? 0
		  : plen == 128 ? UINT64_MAX
				: ~(UINT64_MAX >> (plen - 64)),
	};
}

static inline bool
routelog_covers(const struct routelog_prefix *p, struct routelog_addr a)
{
	const struct routelog_addr m = routelog_mask(p->plen);

	return (a.hi & m.hi) == p->a.hi && (a.lo & m.lo) == p->a.lo;
}

/* As tables take it: network order. */
static inline void
routelog_store(struct routelog_addr a, uint8_t out[16])
{
	const uint64_t word[2] = {htobe64(a.hi), htobe64(a.lo)};

	memcpy(out, word, sizeof(word));
}

static inline int
routelog_cmp(const void *x, const void *y)
{
	const struct routelog_prefix *a = x, *b = y;

	if (a->a.hi != b->a.hi)
		return a->a.hi < b->a.hi ? -1 : 1;
	if (a->a.lo != b->a.lo)
		return a->a.lo < b->a.lo ? -1 : 1;
	return a->plen < b->plen ? -1 : a->plen > b->plen;
}

/* The longest prefix around a among those up to i. */
static inline uint32_t
routelog_around(const struct routelog *l, uint32_t i, struct routelog_addr a)
{
	while (i != ROUTELOG_NONE && !routelog_covers(&l->prefix[i], a))
		i = l->prefix[i].up;
	return i;
}

/* The longest prefix around a. */
static inline uint32_t
routelog_leaf(const struct routelog *l, struct routelog_addr a)
{
	uint32_t lo = 0, hi = l->n;

	while (lo < hi) {
		const uint32_t mid = lo + (hi - lo) / 2;
		const struct routelog_prefix *p = &l->prefix[mid];

		if (p->a.hi < a.hi || (p->a.hi == a.hi && p->a.lo <= a.lo))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo == 0 ? ROUTELOG_NONE : routelog_around(l, lo - 1, a);
}

/* Sort prefixes, take doubles out, and say which are around which. */
static inline void
routelog_sort(struct routelog *l)
{
	uint32_t n = 0;

	qsort(l->prefix, l->n, sizeof(*l->prefix), routelog_cmp);
	for (uint32_t i = 0; i < l->n; i++)
		if (n == 0 ||
		    routelog_cmp(&l->prefix[n - 1], &l->prefix[i]) != 0)
			l->prefix[n++] = l->prefix[i];
	l->n = n;
	for (uint32_t i = 0; i < n; i++)
		l->prefix[i].up =
		    i == 0 ? ROUTELOG_NONE
			   : routelog_around(l, i - 1, l->prefix[i].a);
}

/* Prefixes are there, sorted; make room for so many states and edits. */
static inline void
routelog_init(struct routelog *l, uint32_t states, uint32_t edits)
{
	l->states_max = states;
	l->edits_max = edits;
	l->edit = malloc((edits + 1) * sizeof(*l->edit));
	l->end = calloc(states + 1, sizeof(*l->end));
	l->now = calloc((size_t)l->n * ROUTELOG_TABLES, sizeof(*l->now));
	cr_assert(l->edit != NULL && l->end != NULL && l->now != NULL);
}

static inline void
routelog_fini(struct routelog *l)
{
	free(l->prefix);
	free(l->edit);
	free(l->end);
	free(l->now);
}

/* The writer is about to give a cell this kind of route; 0: none. */
static inline uint32_t
routelog_note(struct routelog *l, uint32_t cell, unsigned int kind, bool shared)
{
	const uint32_t i = l->edits++;
	const uint32_t n = shared ? 1 + i % 7 : 8 + i;

	routelog_must(i < l->edits_max);
	l->edit[i].cell = cell;
	l->edit[i].stamp = kind != 0 ? ROUTELOG_STAMP(kind, n) : 0;
	l->now[cell] = l->edit[i].stamp;
	return l->edit[i].stamp;
}

static inline void
routelog_begin(struct routelog *l)
{
	/* relaxed: written here alone. */
	const uint32_t state = sync_load_relaxed(&l->begun) + 1;

	routelog_must(state <= l->states_max);
	l->end[state] = l->edits;
	/* STATE release: pairs with the acquire in routelog_to. */
	sync_store_release(&l->begun, state);
}

static inline void
routelog_end(struct routelog *l)
{
	/* STATE release: pairs with the acquire in routelog_from. */
	/* relaxed: begun is written by the caller alone. */
	sync_store_release(&l->done, sync_load_relaxed(&l->begun));
}

/* The state that a lookup which begins now sees at least. */
static inline uint32_t
routelog_from(const struct routelog *l)
{
	/* STATE acquire: pairs with the release in routelog_end. */
	return sync_load_acquire(&l->done);
}

/* The state that a lookup which ended saw at most. */
static inline uint32_t
routelog_to(const struct routelog *l)
{
	/* STATE acquire: pairs with the release in routelog_begin. */
	return sync_load_acquire(&l->begun);
}

/* --- Judging ------------------------------------------------------------ */

static inline void
routelog_reader_init(
    struct routelog_reader *r, const struct routelog *l, uint64_t seed)
{
	*r = (struct routelog_reader){.log = l, .seed = seed};
	r->now = calloc((size_t)l->n * ROUTELOG_TABLES, sizeof(*r->now));
	cr_assert_not_null(r->now);
}

/* What the prefixes around an address have: [table][the longest first]. */
struct routelog_chain {
	uint32_t prefix[ROUTELOG_DEPTH];
	uint32_t stamp[ROUTELOG_TABLES][ROUTELOG_DEPTH];
	unsigned int n;
};

static inline void
routelog_chain_init(struct routelog_chain *c, const struct routelog_reader *r,
    struct routelog_addr a)
{
	const struct routelog *l = r->log;

	c->n = 0;
	for (uint32_t i = routelog_leaf(l, a); i != ROUTELOG_NONE;
	     i = l->prefix[i].up) {
		routelog_must(c->n < ROUTELOG_DEPTH);
		c->prefix[c->n] = i;
		for (uint32_t t = 0; t < ROUTELOG_TABLES; t++)
			c->stamp[t][c->n] = r->now[t * l->n + i];
		c->n++;
	}
}

static inline void
routelog_chain_edit(struct routelog_chain *c, const struct routelog *l,
    const struct routelog_edit *e)
{
	for (unsigned int i = 0; i < c->n; i++)
		if (c->prefix[i] == e->cell % l->n)
			c->stamp[e->cell / l->n][i] = e->stamp;
}

/*
 * A state goes on from each of the steps in *at, to which it adds.  Returns:
 * can the lookup end here with this stamp?
 */
static inline bool
routelog_can_end(const struct routelog_chain *c,
    const struct routelog_step *step, uint32_t *at, uint32_t stamp)
{
	bool ends = false;

	for (uint32_t i = 0; i < 32 && *at >> i != 0; i++) {
		uint32_t found = 0, next;

		if ((*at >> i & 1) == 0)
			continue;
		for (unsigned int k = 0; k < c->n && found == 0; k++)
			found = c->stamp[step[i].table][k];
		if (ROUTELOG_KIND(found) == ROUTELOG_HOP) {
			ends = ends || found == stamp;
			continue;
		}
		next = ROUTELOG_KIND(found) == ROUTELOG_LOOKUP ? step[i].leak
							       : step[i].none;
		if (next != ROUTELOG_NONE)
			*at |= 1U << next; /* steps lead upwards only */
		else
			ends = ends || stamp == 0;
	}
	return ends;
}

/*
 * The first state, not before least, in which a lookup by these steps, begun
 * with the one numbered first, could end as it did.  Answers are judged in the
 * order of their lookups.
 * Returns: NONE if there is none.
 */
static inline uint32_t
routelog_judge(struct routelog_reader *r, const struct routelog_step *step,
    uint32_t first, const struct routelog_answer *a, uint32_t least)
{
	const struct routelog *l = r->log;
	struct routelog_chain c;
	uint32_t at = 1U << first, i, s;

	for (i = l->end[r->at]; i < l->end[a->from]; i++)
		r->now[l->edit[i].cell] = l->edit[i].stamp;
	r->at = a->from;
	routelog_chain_init(&c, r, a->addr);
	for (s = a->from;; s++) {
		for (; i < l->end[s]; i++)
			routelog_chain_edit(&c, l, &l->edit[i]);
		if (s >= least && routelog_can_end(&c, step, &at, a->stamp))
			return s;
		if (s >= a->to)
			return ROUTELOG_NONE;
	}
}

#endif /* TESTS_STACK_ROUTELOG_H */
