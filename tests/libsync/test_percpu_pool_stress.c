/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Threads that allocate, hand objects to each other through a table, free
 * them and come and go, against readers that look at what is in the table.
 * The sources of the pool are compiled once more here, with a test point in
 * each gap between a load and an exchange, where a thread may lose the
 * processor.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "libsync/base/atomic.h"
#include "libsync/base/point.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/libsync/pool_item.h"
#include "tests/stress.h"

#define WORKERS 3
#define READERS 2
#define PLACES  64

/* All but made is under whoever has the object. */
struct object {
	SYNC_ATOMIC(uint64_t) life; /* [a] odd: in use */
	uint64_t check; /* life at the last alloc, plain: for TSan */
};

static struct percpu_pool *p;
static struct {
	SYNC_ATOMIC(struct object *) at;
} place[PLACES];
static SYNC_ATOMIC(bool) stop;
static SYNC_ATOMIC(unsigned long) looks, met;
static unsigned long rounds;
static bool grace;

static __thread uint32_t seed;

static uint32_t
rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	return seed ^= seed << 5;
}

void
sync_test_point(const char *name)
{
	(void)name;
	if (seed != 0 && rnd() % 16 == 0)
		sched_yield();
}

/* Does anybody else have it? */
static void
begin_life(struct object *o)
{
	/* relaxed: ours alone, or the test fails. */
	const uint64_t life = sync_load_relaxed(&o->life);

	cr_assert_eq(life % 2, 0);
	cr_assert_eq(o->check, life);
	o->check = life + 1;
	/* relaxed: the place publishes it. */
	sync_store_relaxed(&o->life, life + 1);
}

static void
end_life(struct object *o)
{
	/* relaxed: ours alone, or the test fails. */
	const uint64_t life = sync_load_relaxed(&o->life);

	cr_assert_eq(life % 2, 1);
	cr_assert_eq(o->check, life);
	if (!grace)
		o->check = life + 1;
	/* relaxed: the pool orders it before the next alloc. */
	sync_store_relaxed(&o->life, life + 1);
	percpu_pool_free(p, o);
}

/* With grace, free leaves all but life as it is: readers may look. */
static void
begin_again(struct object *o)
{
	if (grace)
		/* relaxed: as in begin_life. */
		o->check = sync_load_relaxed(&o->life);
	begin_life(o);
}

static void *
work(void *arg)
{
	const unsigned long n = rounds;

	seed = (uint32_t)(uintptr_t)arg * 7919 + 1;
	for (unsigned long i = 0; i < n; i++) {
		struct object *o = NULL, *old;

		if (rnd() % 4 != 0)
			o = percpu_pool_alloc(p);
		if (o != NULL)
			begin_again(o);
		/* acq_rel: hands the object on and takes another's. */
		old = sync_xchg_acq_rel(&place[rnd() % PLACES].at, o);
		if (old != NULL)
			end_life(old);
		if (rnd() % 256 == 0)
			percpu_pool_flush(p);
		if (rnd() % 64 == 0)
			sched_yield();
	}
	return NULL;
}

/* With grace: what is found in a section keeps its life or ends it. */
static void *
look(void *arg)
{
	seed = (uint32_t)(uintptr_t)arg * 104729 + 1;
	/* relaxed: the end need not come at once. */
	while (!sync_load_relaxed(&stop)) {
		const uint64_t s = pserialize_read_enter();
		struct object *o;
		uint64_t life, then;

		/* acquire: pairs with the exchange in work. */
		o = sync_load_acquire(&place[rnd() % PLACES].at);
		if (o != NULL) {
			life = o->check;
			if (rnd() % 4 == 0)
				sched_yield();
			/* relaxed: the grace period keeps it. */
			then = sync_load_relaxed(&o->life);
			cr_assert(then == life || then == life + 1);
			cr_assert_eq(o->check, life);
			/* relaxed: statistics only. */
			sync_fetch_add_relaxed(&met, 1);
		}
		pserialize_read_exit(s);
		/* relaxed: statistics only. */
		sync_fetch_add_relaxed(&looks, 1);
		sched_yield();
	}
	return NULL;
}

static bool
has_met(void)
{
	/* relaxed: statistics only. */
	return sync_load_relaxed(&met) > 0;
}

static void
run(bool with_grace, unsigned magazine)
{
	const struct percpu_pool_config cfg = {
	    .size = sizeof(struct object),
	    .magazine = magazine,
	    .max = with_grace ? 1000 : PLACES + WORKERS * (2 * magazine + 1),
	    .grace = with_grace,
	};
	pthread_t worker[WORKERS], reader[READERS];
	struct percpu_pool_stats stats;

	grace = with_grace;
	cr_assert_eq(percpu_pool_create(&cfg, &p), 0);
	/* relaxed: nobody else is there. */
	sync_store_relaxed(&stop, false);
	for (uintptr_t i = 0; with_grace && i < READERS; i++)
		cr_assert_eq(
		    pthread_create(&reader[i], NULL, look, (void *)(i + 1)), 0);
	for (int generation = 0; generation < 8 || (with_grace && !has_met());
	     generation++) {
		for (uintptr_t i = 0; i < WORKERS; i++)
			cr_assert_eq(pthread_create(&worker[i], NULL, work,
					 (void *)(i + 1)),
			    0);
		for (int i = 0; i < WORKERS; i++)
			pthread_join(worker[i], NULL);
	}
	/* relaxed: the end need not come at once. */
	sync_store_relaxed(&stop, true);
	for (int i = 0; with_grace && i < READERS; i++)
		pthread_join(reader[i], NULL);
	for (int i = 0; i < PLACES; i++) {
		/* relaxed: the threads have ended. */
		struct object *o = sync_xchg_relaxed(&place[i].at, NULL);

		if (o != NULL)
			end_life(o);
	}
	stats = pool_stats(p);
	cr_assert_eq(stats.in_use, 0);
	/* What idle threads may keep is in the limit, so all was found. */
	if (!with_grace)
		cr_assert_eq(stats.failures, 0);
	fprintf(stderr, "%lu allocs, %lu objects, %lu failures, %lu waits\n",
	    (unsigned long)stats.allocs, (unsigned long)stats.objects,
	    (unsigned long)stats.failures, (unsigned long)stats.waits);
	percpu_pool_destroy(p);
}

Test(percpu_pool_stress, stress_nobody_gets_what_another_has, .timeout = 120)
{
	rounds = stress_n(3000);
	run(false, 1);
	run(false, 4);
	run(false, 32);
}

Test(percpu_pool_stress, stress_readers_keep_what_they_found, .timeout = 120)
{
	rounds = stress_n(2000);
	run(true, 1);
	run(true, 4);
	run(true, 32);
	/* relaxed: the threads have ended. */
	fprintf(stderr, "%lu looks, %lu met\n", sync_load_relaxed(&looks),
	    sync_load_relaxed(&met));
	cr_assert(has_met());
}
