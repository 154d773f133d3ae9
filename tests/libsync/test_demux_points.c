/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * demux stopping where the test says: a lookup stands between its load of the
 * bucket's word and that of a slot, while a writer does all that it can do.
 */

#include <pthread.h>
#include <string.h>

#include "tests/libsync/demux_item.h"
#include "tests/libsync/gate.h"

#define CROWD 8u /* one bucket and its node */

void sync_test_point(const char *name);

static struct demux *d;
static struct item *item[CROWD];
static const char *stop_at;
static __thread bool stops;
static struct gate reader, writer;

void
sync_test_point(const char *name)
{
	if (!stops || strcmp(name, stop_at) != 0)
		return;
	stops = false;
	gate_open(&reader, 1);
	gate_wait(&writer, 1);
}

static void *
look(void *arg)
{
	struct item *it;

	stops = true;
	it = item_lookup(d, *(uint64_t *)arg);
	cr_assert_not(stops, "the lookup came to the point");
	return it;
}

/* CROWD items of one bucket, one more than it holds; all tags are equal. */
static void
setup(void)
{
	struct demux_config cfg = item_config();

	cfg.hash = item_hash_crowded;
	d = item_table(&cfg);
	for (uint64_t i = 0; i < CROWD; i++) {
		item[i] = item_new(i, i);
		cr_assert_eq(demux_insert(d, item[i]), 0);
	}
}

static void
teardown(void)
{
	item_table_end(d);
}

TestSuite(demux_points, .init = setup, .fini = teardown);

static void
remove_item(uint64_t i)
{
	cr_assert_eq(demux_remove(d, item[i]), 0);
	item_retire(item[i]);
}

/* Look for key, do what act does at the point; returns what was found. */
static struct item *
look_meanwhile(const char *point, uint64_t key, void (*act)(void))
{
	pthread_t thread;
	void *found;

	stop_at = point;
	cr_assert_eq(pthread_create(&thread, NULL, look, &key), 0);
	gate_wait(&reader, 1);
	act();
	gate_open(&writer, 1);
	pthread_join(thread, &found);
	return found;
}

/* Leaves item 7 alone in the node, and then takes the node away. */
static void
end_chain(void)
{
	struct demux_stats st;

	for (uint64_t i = 1; i < 7; i++)
		remove_item(i);
	demux_stats(d, &st);
	cr_assert_eq(st.overflow, 0);
}

/* The last slot was a link, and is the item when it is loaded. */
Test(demux_points, lookup_finds_an_item_that_leaves_its_node)
{
	cr_assert_eq(
	    look_meanwhile("demux_lookup_last", 7, end_chain), item[7]);
}

static void
move(void)
{
	static const uint64_t seed[2] = {5, 0};

	cr_assert_eq(demux_rehash(d, seed), 0);
}

Test(demux_points, lookup_finds_an_item_that_was_moved_meanwhile)
{
	cr_assert_eq(look_meanwhile("demux_lookup_slot", 3, move), item[3]);
}

static void
replace_3(void)
{
	struct item *it = item_new(3, 33);

	cr_assert_eq(demux_replace(d, item[3], it), 0);
	item_retire(item[3]);
	item[3] = it;
}

static void
move_and_replace(void)
{
	move();
	replace_3();
}

Test(demux_points, lookup_finds_the_new_item)
{
	cr_assert_eq(
	    look_meanwhile("demux_lookup_slot", 3, replace_3)->value, 33);
}

/* The old one, which was there when the bucket was moved, is right too. */
Test(demux_points, lookup_in_a_moved_bucket_finds_one_of_both)
{
	const struct item *old = item[3];
	const struct item *found =
	    look_meanwhile("demux_lookup_slot", 3, move_and_replace);

	cr_assert(found == old || found == item[3]);
}
