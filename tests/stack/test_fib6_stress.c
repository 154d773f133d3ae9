/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Readers while routes come and go: each answer must be that of a state which
 * the table had during the lookup.  Groups are never used twice, so an answer
 * tells its state.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/route/arena.h"
#include "tests/stack/fib6_model.h"
#include "tests/stress.h"

#define READERS 2
#define PLACES  48u
#ifdef STRESS_SANITIZED
#define STATES 1000u /* readers that never rest leave the writer little time */
#else
#define STATES 2000u
#endif

struct race {
	struct route_arena *arena;
	struct fib6 *f;
	struct model m;
	struct model_addr place[PLACES];
	uint32_t *answer; /* of each place in each state */
	unsigned long states;
	uint32_t groups;
	SYNC_ATOMIC(unsigned long) begun;  /* state that may be seen */
	SYNC_ATOMIC(unsigned long) done;   /* state that is there for all */
	SYNC_ATOMIC(unsigned int) reading; /* readers that found something */
};

struct reader {
	struct race *race;
	pthread_t thread;
	struct model m;
	unsigned long wrong;
};

/* Few prefixes over and within each other. */
static struct model_addr
busy_addr(struct model *m, unsigned int *plen)
{
	static const unsigned int plens[] = {
	    0, 3, 8, 12, 14, 20, 24, 32, 36, 48, 52, 60, 64, 96, 128};
	const uint64_t x = model_rnd(m);

	*plen = plens[x % 15];
	return (struct model_addr){
	    UINT64_C(0x2001000000000000) | (x >> 8 & 1) << 61 |
		(x >> 10 & 1) << 44 | (x >> 12 & 7) << 32 |
		(x >> 16 & 7) << 16 | (x >> 20 & 3) << 12 | (x >> 24 & 1),
	    (x >> 28 & 1) << 32 | (x >> 30 & 1)};
}

static bool
was_there(const struct race *r, unsigned int place, uint32_t group,
    unsigned long from, unsigned long to)
{
	for (unsigned long v = from; v <= to; v++) {
		if (r->answer[v * PLACES + place] == group)
			return true;
	}
	return false;
}

static void
look(struct reader *me)
{
	struct race *r = me->race;
	const unsigned int first = (unsigned int)(model_rnd(&me->m) % PLACES);
	const unsigned int how = model_rnd(&me->m) % 3, n = how == 0 ? 1 : 20;
	/* acquire: done's state is there. */
	const unsigned long from = sync_load_acquire(&r->done);
	const struct fib6 *f[20];
	uint64_t dst[20][2], c;
	uint32_t got[20];
	unsigned long to;

	for (unsigned int i = 0; i < n; i++) {
		f[i] = r->f;
		dst[i][0] = r->place[(first + i) % PLACES].hi;
		dst[i][1] = r->place[(first + i) % PLACES].lo;
	}
	c = pserialize_read_enter();
	if (how == 0)
		got[0] = fib6_lookup(r->f, dst[0][0], dst[0][1]);
	else if (how == 1)
		fib6_lookup_batch(r->f, (const uint64_t(*)[2])dst, got, n);
	else
		fib6_lookup_tables(f, (const uint64_t(*)[2])dst, got, n);
	pserialize_read_exit(c);
	/* acquire: the answers of that state. */
	to = sync_load_acquire(&r->begun);
	for (unsigned int i = 0; i < n; i++)
		me->wrong +=
		    !was_there(r, (first + i) % PLACES, got[i], from, to);
}

static void *
reader(void *arg)
{
	struct reader *me = arg;
	struct race *r = me->race;
	unsigned int looks = 0;

	/* acquire: as in look. */
	while (sync_load_acquire(&r->done) + 1 < r->states) {
		look(me);
		if (++looks == 1)
			/* relaxed: a number. */
			sync_fetch_add_relaxed(&r->reading, 1);
		if (looks % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void
note_answers(struct race *r, unsigned long state)
{
	for (unsigned int i = 0; i < PLACES; i++)
		r->answer[state * PLACES + i] =
		    model_lookup(&r->m, r->place[i]);
}

static void
change(struct race *r, unsigned long state)
{
	const struct fib_source after = model_source(&r->m);
	unsigned int edits = model_rnd(&r->m) % 4 == 0
				 ? 1 + model_rnd(&r->m) % 6
				 : 1,
		     plen;

	for (; edits > 0; edits--) {
		const struct model_addr a = busy_addr(&r->m, &plen);

		r->groups = r->groups % (FIB_GROUPS_MAX - 1) + 1;
		model_stage(&r->m, r->f, a, plen,
		    model_rnd(&r->m) % 5 < 2 ? FIB_NONE : r->groups);
	}
	note_answers(r, state);
	/* release: the answers are there. */
	sync_store_release(&r->begun, state);
	cr_assert_eq(fib6_prepare(r->f, &after), 0);
	fib6_commit(r->f);
	/* release: so is the state. */
	sync_store_release(&r->done, state);
}

static void
race(const char *body, uint64_t seed)
{
	struct race r = {.m = {.seed = seed}, .states = stress_n(STATES)};
	struct reader readers[READERS];
	unsigned int plen;

	cr_assert_eq(setenv("PSNET_FIB", body, 1), 0);
	cr_assert_eq(route_arena_create((size_t)64 << 20, &r.arena), 0);
	cr_assert_eq(fib6_create(r.arena, &r.f), 0);
	r.answer = calloc(r.states * PLACES, sizeof(*r.answer));
	cr_assert_not_null(r.answer);
	for (unsigned int i = 0; i < PLACES; i++)
		r.place[i] = busy_addr(&r.m, &plen);
	for (unsigned int i = 0; i < READERS; i++) {
		readers[i] =
		    (struct reader){.race = &r, .m = {.seed = seed + i + 1}};
		cr_assert_eq(pthread_create(
				 &readers[i].thread, NULL, reader, &readers[i]),
		    0);
	}
	/* relaxed: a number. */
	while (sync_load_relaxed(&r.reading) < READERS)
		sched_yield();
	for (unsigned long v = 1; v < r.states; v++)
		change(&r, v);
	for (unsigned int i = 0; i < READERS; i++) {
		cr_assert_eq(pthread_join(readers[i].thread, NULL), 0);
		cr_assert_eq(readers[i].wrong, 0);
	}
	fib6_destroy(r.f);
	route_arena_destroy(r.arena);
	free(r.answer);
	model_fini(&r.m);
}

Test(fib6_stress, stress_each_answer_is_of_a_state_that_was_there)
{
	race("portable", 11);
}

Test(fib6_stress, stress_so_is_each_answer_with_vectors)
{
	race("avx2", 12);
	race("avx512", 13);
}
