/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * All lookups that could meet all short histories of a very small IPv4 table.
 *
 * A lookup loads two words that change: its direct word, which gives it a leaf,
 * and the group of that leaf.  The writer stops at a point after each store.
 * There, for each address, every lookup is taken to its end that loaded its
 * direct word at this or an earlier stop: but none across a grace period, as it
 * would have held that up.  Its answer must be of a state that was there
 * between its two loads.
 */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/point.h"
#include "stack/route/fib4.h"
#include "tests/stack/fib4_routes.h"
#include "tests/stress.h"

#define PREFIXES  ((2u << FIB4_PLEN_MAX) - 1)
#define ADDRESSES (1u << FIB4_PLEN_MAX)
#define STOPS     200
#define OPS       3
#define CHANGED   (2 * PREFIXES) /* ways to change: set each, remove each */

/* What a lookup that loads its direct word after a stop has got. */
struct stop {
	unsigned int before; /* the last state that was there before it */
	const struct fib4_view *view;
	uint32_t leaf[ADDRESSES];
};

static struct scene {
	struct route_arena *a;
	struct fib4 *f;
	struct routes4 r;
	uint32_t answer[OPS + 1][ADDRESSES]; /* of each state */
	struct stop stop[STOPS];
	unsigned int n, first; /* stops; the first after the grace period */
	unsigned int commit;   /* the last that has begun */
	bool live, inside;     /* a history; a commit */
	unsigned long lookups;
} scene;

void __real_pserialize_perform(void);
void __wrap_pserialize_perform(void);

static _Thread_local bool writing;

static uint32_t
address(unsigned int i)
{
	return i << (32 - FIB4_PLEN_MAX);
}

static bool
was(const struct scene *s, uint32_t group, unsigned int i, unsigned int from,
    unsigned int to)
{
	for (; from <= to; from++)
		if (s->answer[from][i] == group)
			return true;
	return false;
}

/* End the lookups that loaded their word after stop k. */
static void
end_lookups(struct scene *s, unsigned int k)
{
	const struct stop *p = &s->stop[k];
	/*
	 * The last moment at which such a lookup can begin is before the next
	 * stop, and the first at which it can end is now.
	 */
	const unsigned int from =
	    k + 1 < s->n ? s->stop[k + 1].before : s->commit - s->inside;

	for (unsigned int i = 0; i < ADDRESSES; i++) {
		const uint32_t group =
		    /* relaxed: this is the only thread. */
		    sync_load_relaxed(&p->view->group[p->leaf[i]]);

		s->lookups++;
		cr_assert(was(s, group, i, from, s->commit),
		    "address %u: group %u in states %u to %u", i, group, from,
		    s->commit);
	}
}

static void
stop_here(struct scene *s, unsigned int before)
{
	struct stop *p = &s->stop[s->n];

	cr_assert_lt(s->n, STOPS);
	s->n++;
	p->before = before;
	/* relaxed: this is the only thread; here and below. */
	p->view = sync_load_relaxed(&s->f->view);
	for (unsigned int i = 0; i < ADDRESSES; i++) {
		/* relaxed: as above. */
		const uint32_t at =
		    sync_load_relaxed(&p->view->direct[FIB4_WORD(address(i))]);

		p->leaf[i] = fib4_leaf(
		    p->view, at, address(i), p->view->wide, fib4_count);
	}
	for (unsigned int k = s->first; k < s->n; k++)
		end_lookups(s, k);
}

void
sync_test_point(const char *name)
{
	(void)name;
	if (scene.live)
		stop_here(&scene, scene.commit - 1);
}

/*
 * Lookups that began before are over; the table has nothing to wait for.  The
 * library's own thread, which gives blocks back to the arena, has.
 */
void
__wrap_pserialize_perform(void)
{
	if (!writing) {
		__real_pserialize_perform();
		return;
	}
	if (!scene.live)
		return;
	stop_here(&scene, scene.commit - scene.inside);
	scene.first = scene.n - 1;
}

/* Prefix p of all, shorter ones first. */
static void
prefix(unsigned int p, uint32_t *key, unsigned int *plen)
{
	*plen = 31u - (unsigned int)__builtin_clz(p + 1);
	*key = *plen == 0 ? 0 : (p + 1) << (32 - *plen);
}

static void
set(struct scene *s, unsigned int p, uint32_t group)
{
	uint32_t key;
	unsigned int plen;

	prefix(p, &key, &plen);
	routes4_add(&s->r, key, plen, group);
	cr_assert_eq(routes4_stage(s->f, key, plen), 0);
}

/* Apply a change; false if there is nothing to remove. */
static bool
change(struct scene *s, unsigned int c, unsigned int op)
{
	uint32_t key;
	unsigned int plen;

	if (c < PREFIXES) {
		set(s, c, 1 + PREFIXES * (op + 1) + c);
		return true;
	}
	prefix(c - PREFIXES, &key, &plen);
	cr_assert_eq(routes4_stage(s->f, key, plen), 0);
	return routes4_remove(&s->r, key, plen);
}

static void
foresee(struct scene *s, unsigned int state)
{
	for (unsigned int i = 0; i < ADDRESSES; i++)
		s->answer[state][i] = routes4_lookup(&s->r, address(i));
}

/* The table has the routes of init, and is unfenced. */
static void
reset(struct scene *s, const unsigned int *init, unsigned int n)
{
	s->live = false;
	while (s->r.n > 0) {
		const struct route4 p = s->r.route[s->r.n - 1];

		cr_assert(routes4_remove(&s->r, p.key, p.plen));
		cr_assert_eq(routes4_stage(s->f, p.key, p.plen), 0);
	}
	for (unsigned int i = 0; i < n; i++)
		set(s, init[i], 1 + init[i]);
	routes4_commit(&s->r, s->f);
	s->n = s->first = s->commit = 0;
	foresee(s, 0);
	s->live = true;
	stop_here(s, 0);
}

/* One commit of what is staged. */
static void
commit(struct scene *s)
{
	const struct fib_source source = routes4_source(&s->r);

	cr_assert_eq(fib4_prepare(s->f, &source), 0);
	s->commit++;
	foresee(s, s->commit);
	s->inside = true;
	fib4_commit(s->f);
	s->inside = false;
	stop_here(s, s->commit - 1);
}

/*
 * Changes op[0] to op[n - 1], two neighbours in one commit if that bit of
 * together is set.  One that removes what is not there ends it.
 */
static void
history(struct scene *s, const unsigned int *op, unsigned int n,
    unsigned int together)
{
	for (unsigned int i = 0; i < n; i++) {
		if (!change(s, op[i], i)) {
			s->live = false;
			routes4_commit(&s->r, s->f);
			return;
		}
		if ((together >> i & 1) == 0)
			commit(s);
	}
}

/* All histories of n changes from a table with the routes of init. */
static void
histories(struct scene *s, const unsigned int *init, unsigned int ninit,
    unsigned int n)
{
	unsigned int op[OPS], code, all = 1, together;

	for (unsigned int i = 0; i < n; i++)
		all *= CHANGED;
	for (code = 0; code < all; code++) {
		unsigned int rest = code;

		for (unsigned int i = 0; i < n; i++, rest /= CHANGED)
			op[i] = rest % CHANGED;
		for (together = 0; together < 1u << (n - 1); together++) {
			reset(s, init, ninit);
			history(s, op, n, together);
		}
	}
}

static void
begin(struct scene *s)
{
	writing = true;
	cr_assert_eq(route_arena_create((size_t)1 << 20, &s->a), 0);
	cr_assert_eq(fib4_create(s->a, &s->f), 0);
}

static void
end(struct scene *s)
{
	s->live = false;
	cr_log_info("%lu lookups", s->lookups);
	cr_assert_gt(s->lookups, 100000);
	fib4_destroy(s->f);
	route_arena_destroy(s->a);
	free(s->r.route);
}

Test(fib4_lin, two_changes)
{
	struct scene *s = &scene;
	unsigned int init[2] = {0};

	begin(s);
	histories(s, init, 0, 2);
	for (init[0] = 0; init[0] < PREFIXES; init[0]++) {
		histories(s, init, 1, 2);
		for (init[1] = 0; PREFIXES <= 15 && init[1] < init[0];
		     init[1]++)
			histories(s, init, 2, 2);
	}
	end(s);
}

/* Of a larger table, some of them. */
Test(fib4_lin, three_changes)
{
	struct scene *s = &scene;
	unsigned int init[1] = {0};

	begin(s);
	for (; PREFIXES <= 15 && init[0] < PREFIXES; init[0]++)
		histories(s, init, init[0] > 0, 3);
	for (unsigned long i = stress_n(100000); i > 0; i--) {
		unsigned int op[3];

		for (unsigned int k = 0; k < 3; k++)
			op[k] = routes4_random(&s->r) % CHANGED;
		init[0] = routes4_random(&s->r) % PREFIXES;
		reset(s, init, 1);
		history(s, op, 3, routes4_random(&s->r) % 4);
	}
	end(s);
}
