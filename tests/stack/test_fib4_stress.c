/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Readers of the IPv4 table while its writer changes it.  The writer knows for
 * each of some addresses the answer in each state, and groups are used once, so
 * an answer tells its state: it must be one that there was during the lookup.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "tests/stack/fib4_routes.h"
#include "tests/stress.h"

#define READERS 3
#define PROBES  24
#ifdef STRESS_SANITIZED
#define STATES 150 /* readers that never rest leave the writer little time */
#else
#define STATES 400
#endif

/*
 * State i is of commit i.  A lookup that began after done was stored as i, and
 * ended before begun was stored as k, answers one of the states i to k - 1.
 */
struct scene {
	struct route_arena *a;
	struct fib4 *f;
	struct routes4 r;
	unsigned long states;
	uint32_t (*answer)[PROBES]; /* [w] of a state, before it is begun */
	uint32_t probe[PROBES];     /* [c] */
	bool batch;                 /* [c] */
	bool ordered;   /* [c] the sanitizer sees the lookups' order */
	uint32_t *note; /* [w] of a group, before its first commit */
	SYNC_ATOMIC(unsigned long) begun, done;
	SYNC_ATOMIC(unsigned int) reading; /* readers that found something */
	SYNC_ATOMIC(bool) end;
};

static const uint32_t places[] = {0, 0x0a000000, 0x0a0a0000, 0x0a0a8a00,
    0x0a0a8a80, 0x0a0a8a8b, 0x0a0f0000, 0x40000000, 0xc0000000, 0xffffffff};

static void
check(const struct scene *s, unsigned int probe, uint32_t group,
    unsigned long from, unsigned long to)
{
	for (unsigned long i = from; i <= to; i++)
		if (s->answer[i][probe] == group)
			return;
	cr_assert_fail("%#x has %u, in none of the states %lu to %lu",
	    s->probe[probe], group, from, to);
}

/* What the writer did about groups before it used them. */
static void
read_notes(const struct scene *s, const uint32_t *group, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		cr_assert_eq(s->note[group[i]], group[i]);
}

static void *
reader(void *arg)
{
	struct scene *s = arg;
	uint32_t group[PROBES];
	unsigned long from, to, passes = 0;

	/* relaxed: a flag. */
	while (!sync_load_relaxed(&s->end)) {
		const uint64_t cookie = pserialize_read_enter();

		for (unsigned int i = 0; i < PROBES; i++) {
			/* STATE acquire: pairs with the releases in step. */
			from = sync_load_acquire(&s->done);
			if (s->batch)
				fib4_lookup_batch(
				    s->f, s->probe, group, PROBES);
			else
				group[i] = fib4_lookup(s->f, s->probe[i]);
			if (s->ordered)
				read_notes(s, s->batch ? group : &group[i],
				    s->batch ? PROBES : 1);
			/* STATE acquire: as above. */
			to = sync_load_acquire(&s->begun);
			for (unsigned int k = 0; s->batch && k < PROBES; k++)
				check(s, k, group[k], from, to);
			if (!s->batch)
				check(s, i, group[i], from, to);
		}
		pserialize_read_exit(cookie);
		if (++passes == 1)
			/* relaxed: a number. */
			sync_fetch_add_relaxed(&s->reading, 1);
		sched_yield();
	}
	return NULL;
}

/* The groups that a state gives to the probes. */
static void
foresee(struct scene *s, unsigned long state)
{
	for (unsigned int i = 0; i < PROBES; i++)
		s->answer[state][i] = routes4_lookup(&s->r, s->probe[i]);
}

/* From one state to the next, by one change or some. */
static void
step(struct scene *s, unsigned long state)
{
	const unsigned int n =
	    routes4_random(&s->r) % 3 != 0 ? 1 : 1 + routes4_random(&s->r) % 4;
	const struct fib_source source = routes4_source(&s->r);

	for (unsigned int i = 0; i < n; i++) {
		static const uint8_t plens[] = {
		    0, 0, 0, 1, 4, 8, 8, 12, 13, 16, 18, 20, 24, 25, 30, 32};
		const unsigned int plen = plens[routes4_random(&s->r) % 16];
		const uint32_t key =
		    places[routes4_random(&s->r) % 10] & routes4_mask(plen);

		if (routes4_random(&s->r) % 2 == 0) {
			(void)routes4_remove(&s->r, key, plen);
		} else {
			const uint32_t group = (uint32_t)(state * 8 + i);

			s->note[group] = group;
			routes4_add(&s->r, key, plen, group);
		}
		cr_assert_eq(routes4_stage(s->f, key, plen), 0);
	}
	foresee(s, state);
	cr_assert_eq(fib4_prepare(s->f, &source), 0);
	/* STATE release: pairs with the acquires in reader. */
	sync_store_release(&s->begun, state);
	fib4_commit(s->f);
	/* STATE release: as above. */
	sync_store_release(&s->done, state);
}

static struct scene *
scene_new(bool batch, unsigned long states)
{
	struct scene *s = calloc(1, sizeof(*s));

	cr_assert_not_null(s);
	cr_assert_lt(states * 8 + 8, FIB_GROUPS_MAX, "groups are used once");
	s->batch = batch;
	s->states = states;
	s->answer = calloc(states + 1, sizeof(*s->answer));
	cr_assert_not_null(s->answer);
	s->note = calloc(FIB_GROUPS_MAX, sizeof(*s->note));
	cr_assert_not_null(s->note);
	cr_assert_eq(route_arena_create((size_t)32 << 20, &s->a), 0);
	cr_assert_eq(fib4_create(s->a, &s->f), 0);
	s->ordered = !batch || strcmp(fib4_body_name(s->f), "portable") == 0;
	for (unsigned int i = 0; i < PROBES; i++)
		s->probe[i] = places[i % 10] ^ (i < 10 ? 0 : 1u << i);
	return s;
}

static void
scene_end(struct scene *s)
{
	/* relaxed: the readers have ended. */
	cr_assert_eq(sync_load_relaxed(&s->reading), READERS);
	fib4_destroy(s->f);
	route_arena_destroy(s->a);
	free(s->r.route);
	free(s->answer);
	free(s->note);
	free(s);
}

static void
readers_start(struct scene *s, pthread_t t[READERS])
{
	for (unsigned int i = 0; i < READERS; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, reader, s), 0);
	/* relaxed: a number. */
	while (sync_load_relaxed(&s->reading) < READERS)
		sched_yield();
}

static void
readers_end(struct scene *s, pthread_t t[READERS])
{
	/* relaxed: a flag. */
	sync_store_relaxed(&s->end, true);
	for (unsigned int i = 0; i < READERS; i++)
		cr_assert_eq(pthread_join(t[i], NULL), 0);
}

static void
run(bool batch, unsigned long states)
{
	struct scene *s = scene_new(batch, states);
	pthread_t t[READERS];

	readers_start(s, t);
	for (unsigned long i = 1; i <= states; i++)
		step(s, i);
	readers_end(s, t);
	scene_end(s);
}

Test(fib4_stress, stress_each_lookup_is_of_a_state_that_was)
{
	run(false, stress_n(STATES));
}

Test(fib4_stress, stress_each_of_a_batch_is_of_a_state_that_was)
{
	run(true, stress_n(STATES));
}

Test(fib4_stress, stress_portable_body)
{
	cr_assert_eq(setenv("PSNET_FIB", "portable", 1), 0);
	run(true, stress_n(STATES));
}

/* More groups than narrow leaves can tell apart, while there are readers. */
Test(fib4_stress, stress_widening_is_not_seen)
{
	struct scene *s = scene_new(false, 60);
	struct fib_stats st;
	pthread_t t[READERS];

	readers_start(s, t);
	for (unsigned long i = 1; i <= 20; i++)
		step(s, i);
	for (uint32_t i = 0; i < 33000; i++) {
		routes4_add(&s->r, 0x80000000 + (i << 8), 24, 1000 + i);
		cr_assert_eq(routes4_stage(s->f, 0x80000000 + (i << 8), 24), 0);
	}
	for (unsigned long i = 21; i <= 60; i++)
		step(s, i);
	readers_end(s, t);
	fib4_stats(s->f, &st);
	cr_assert_eq(st.leaf_bits, 32);
	scene_end(s);
}
