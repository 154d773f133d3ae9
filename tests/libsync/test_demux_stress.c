/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Readers, writers and moves at the same time.  Keys are of three kinds:
 *   fixed     in the table all the time: each lookup finds its item;
 *   replaced  there all the time too, in versions that never run backwards;
 *   fought    inserted and removed by all writers: one item at most, and a
 *             remove has one winner.
 * Every other writer makes the table grow and shrink.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "libsync/base/atomic.h"
#include "libsync/base/point.h"
#include "tests/libsync/demux_item.h"
#include "tests/stress.h"

#define READERS  2
#define WRITERS  2
#define FIXED    64u
#define REPLACED 8u
#define FOUGHT   8u
#define MASS     400u /* keys that come and go to make the table move */

#define KEY_REPLACED 1000u
#define KEY_FOUGHT   2000u
#define KEY_MASS     3000u

static struct demux *d;
static SYNC_ATOMIC(bool) stop;
static SYNC_ATOMIC(unsigned long) lookups;
static SYNC_ATOMIC(int) present[FOUGHT];
static unsigned long rounds;

static struct item *
lookup(uint64_t key)
{
	return demux_lookup(d, &key);
}

static void
read_fixed(uint64_t at)
{
	const struct item *it = lookup(at % FIXED);

	cr_assert_not_null(it);
	cr_assert_eq(it->key, at % FIXED);
}

static void
read_replaced(uint64_t at, uint64_t seen[REPLACED])
{
	const uint64_t i = at % REPLACED;
	const struct item *it = lookup(KEY_REPLACED + i);

	cr_assert_not_null(it);
	cr_assert_eq(it->key, KEY_REPLACED + i);
	cr_assert_geq(it->value, seen[i]);
	cr_assert_neq(it->value, UINT64_MAX);
	seen[i] = it->value;
}

static void
read_bulk(uint64_t at)
{
	uint64_t key[20];
	const void *keys[20];
	void *items[20];

	for (uint64_t i = 0; i < 20; i++) {
		key[i] = (at * 7 + i) % FIXED;
		keys[i] = &key[i];
	}
	cr_assert_eq(demux_lookup_bulk(d, keys, 20, items), 20);
	for (uint64_t i = 0; i < 20; i++)
		cr_assert_eq(((struct item *)items[i])->key, key[i]);
}

static void *
reader(void *arg)
{
	uint64_t seen[REPLACED] = {0}, at = (uintptr_t)arg;

	/* relaxed: the end need not come at once. */
	while (!sync_load_relaxed(&stop)) {
		const uint64_t s = pserialize_read_enter();
		const struct item *it;

		for (unsigned i = 0; i < 50; i++) {
			read_fixed(at);
			read_replaced(at, seen);
			it = lookup(KEY_FOUGHT + at % FOUGHT);
			if (it != NULL)
				cr_assert_eq(it->key, KEY_FOUGHT + at % FOUGHT);
			at++;
		}
		read_bulk(at);
		pserialize_read_exit(s);
		/* relaxed: statistics only. */
		sync_fetch_add_relaxed(&lookups, 150);
		sched_yield();
	}
	return NULL;
}

/* The one writer of the replaced keys. */
static void
replace_all(unsigned long version)
{
	for (uint64_t i = 0; i < REPLACED; i++) {
		struct item *it = item_new(KEY_REPLACED + i, version);
		struct item *old = item_lookup(d, it->key);

		cr_assert_eq(demux_replace(d, old, it), 0);
		item_retire(old);
	}
}

static void
fight(uint64_t i, uint64_t me)
{
	struct item *it = item_new(KEY_FOUGHT + i, me), *found;
	uint64_t s;
	int r = demux_insert(d, it);

	if (r == 0) {
		/* relaxed: the number is all that counts. */
		cr_assert_eq(sync_fetch_add_relaxed(&present[i], 1), 0);
	} else {
		cr_assert_eq(r, -EEXIST);
		item_retire(it);
	}
	s = pserialize_read_enter();
	found = lookup(KEY_FOUGHT + i);
	if (found != NULL && found->value == me) {
		/* relaxed: as above; only we count our item. */
		sync_fetch_add_relaxed(&present[i], -1);
		cr_assert_eq(demux_remove(d, found), 0);
		cr_assert_eq(demux_remove(d, found), -ENOENT);
		item_retire(found);
	}
	pserialize_read_exit(s);
}

/* Keys of this writer's own: what was inserted is found until it is removed. */
static void
mass(uint64_t me)
{
	struct item *it[MASS];

	for (uint64_t i = 0; i < MASS; i++) {
		it[i] = item_new(KEY_MASS + me * MASS + i, i);
		cr_assert_eq(demux_insert(d, it[i]), 0);
		cr_assert_eq(item_lookup(d, it[i]->key), it[i]);
	}
	for (uint64_t i = 0; i < MASS; i++) {
		cr_assert_eq(item_lookup(d, it[i]->key), it[i]);
		cr_assert_eq(demux_remove(d, it[i]), 0);
		cr_assert_null(item_lookup(d, it[i]->key));
		item_retire(it[i]);
	}
}

static void *
writer(void *arg)
{
	const uint64_t me = (uintptr_t)arg;

	for (unsigned long n = 1; n <= rounds; n++) {
		for (uint64_t i = 0; i < FOUGHT; i++)
			fight((i + me) % FOUGHT, me);
		if (me == 1)
			replace_all(n);
		mass(me);
		if (me == 2 && n % 2 == 0) {
			const uint64_t seed[2] = {n, me};

			cr_assert_eq(demux_resize(d, 0), 0);
			cr_assert_eq(demux_rehash(d, seed), 0);
		}
		sched_yield();
	}
	return NULL;
}

static int
count_fixed(void *item, void *arg)
{
	if (((struct item *)item)->key < FIXED)
		++*(unsigned *)arg;
	return 0;
}

static void *
walker(void *arg)
{
	/* relaxed: the end need not come at once. */
	while (!sync_load_relaxed(&stop)) {
		unsigned n = 0;

		cr_assert_eq(demux_walk(d, count_fixed, &n), 0);
		cr_assert_eq(n, FIXED);
		sched_yield();
	}
	return arg;
}

static void
run(demux_hash_fn *hash)
{
	struct demux_config cfg = item_config();
	pthread_t reading[READERS + 1], writing[WRITERS];
	struct demux_stats st;

	cfg.hash = hash;
	sync_point_yield(1, 500);
	d = item_table(&cfg);
	for (uint64_t i = 0; i < FIXED; i++)
		cr_assert_eq(demux_insert(d, item_new(i, 0)), 0);
	for (uint64_t i = 0; i < REPLACED; i++)
		cr_assert_eq(demux_insert(d, item_new(KEY_REPLACED + i, 0)), 0);
	for (uintptr_t i = 0; i < READERS; i++)
		cr_assert_eq(
		    pthread_create(&reading[i], NULL, reader, (void *)i), 0);
	cr_assert_eq(pthread_create(&reading[READERS], NULL, walker, NULL), 0);
	for (uintptr_t i = 0; i < WRITERS; i++)
		cr_assert_eq(
		    pthread_create(&writing[i], NULL, writer, (void *)(i + 1)),
		    0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writing[i], NULL);
	/* relaxed: the end need not come at once. */
	sync_store_relaxed(&stop, true);
	for (int i = 0; i <= READERS; i++)
		pthread_join(reading[i], NULL);
	demux_stats(d, &st);
	/* relaxed: the threads have ended. */
	fprintf(stderr, "%lu lookups, %lu moves\n", sync_load_relaxed(&lookups),
	    (unsigned long)st.moves);
	cr_assert_gt(st.moves, 2);
	cr_assert_eq(demux_count(d), FIXED + REPLACED);
	item_table_end(d);
}

/* Few buckets and tags: long chains, which get longer and shorter. */
static uint64_t
hash_poor(const void *key, size_t size, const uint64_t seed[2])
{
	const uint64_t h = demux_hash_siphash13(key, size, seed);

	return (h % 3) << 56 | h % 11;
}

Test(demux_stress, stress_present_items_are_found, .timeout = 120)
{
	rounds = stress_n(40);
	run(NULL);
}

Test(demux_stress, stress_present_items_in_chains_are_found, .timeout = 120)
{
	rounds = stress_n(15);
	run(hash_poor);
}
