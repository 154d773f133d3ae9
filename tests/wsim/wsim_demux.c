/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The hash table: lookups against moves and chains, equal keys against each
 * other.  The highest byte of a key is its tag; of bits 8 to 15 the hash knows
 * nothing.
 */

#include <errno.h>
#include <stdlib.h>

#include "libsync/demux/demux.h"
#include "tests/wsim/wsim.h"

#define CROWD(tag, n) ((uint64_t)(tag) << 56 | (uint64_t)(n) << 8)

struct item {
	struct pserialize_head retire;
	uint64_t key;
	int value;
};

static struct demux *d;
static struct item item[10];
static SYNC_ATOMIC(int) done;

static uint64_t
hash(const void *key, size_t size, const uint64_t seed[2])
{
	(void)size;
	return (*(const uint64_t *)key & ~(uint64_t)0xff00) + seed[0];
}

static bool
equal(const void *a, const void *b, size_t size)
{
	(void)size;
	return *(const uint64_t *)a == *(const uint64_t *)b;
}

static void
table(void)
{
	const struct demux_config cfg = {
	    .key_offset = offsetof(struct item, key),
	    .key_size = sizeof(uint64_t),
	    .hash = hash,
	    .equal = equal,
	};

	wsim_assert(demux_create(&cfg, &d) == 0);
}

static void
add(int i, uint64_t key)
{
	item[i].key = key;
	item[i].value = i + 1;
	wsim_assert(demux_insert(d, &item[i]) == 0);
}

/* The value found, or 0. */
static int
look(uint64_t key)
{
	const uint64_t s = pserialize_read_enter();
	const struct item *it = demux_lookup(d, &key);
	int value = 0;

	if (it != NULL) {
		wsim_assert(it->key == key);
		value = it->value;
	}
	pserialize_read_exit(s);
	return value;
}

static void *
look_for_0(void *arg)
{
	const int n = arg == NULL ? 1 : *(int *)arg;

	for (int i = 0; i < n; i++)
		wsim_assert(look(0) == 1);
	return NULL;
}

static void *
rehash(void *arg)
{
	const uint64_t seed[2] = {wsim_choose(2), 0};

	(void)arg;
	wsim_assert(demux_rehash(d, seed) == 0);
	return NULL;
}

WSIM_TEST(present_item_is_found_while_the_table_moves)
{
	int twice = 2;

	table();
	add(0, 0);
	(void)wsim_spawn(look_for_0, &twice);
	rehash(NULL);
	wsim_join_all();
	wsim_assert(look(0) == 1);
}

static void *
insert_one(void *arg)
{
	struct item *it = arg;
	const int r = demux_insert(d, it);

	wsim_assert(r == 0 || r == -EEXIST);
	/* relaxed: a number. */
	if (r == 0)
		sync_fetch_add_relaxed(&done, 1);
	wsim_assert(look(it->key) == (r == 0 ? it->value : 3 - it->value));
	return NULL;
}

/* Of two equal ones, one gets in, also while the table moves. */
static void
race_of_equals(uint64_t key, bool move)
{
	item[0].key = item[1].key = key;
	item[0].value = 1;
	item[1].value = 2;
	(void)wsim_spawn(insert_one, &item[0]);
	if (move)
		(void)wsim_spawn(rehash, NULL);
	insert_one(&item[1]);
	wsim_join_all();
	/* relaxed: the others have ended. */
	wsim_assert(sync_load_relaxed(&done) == 1);
	wsim_assert(demux_count(d) == 1);
}

WSIM_TEST(one_of_two_equals_is_inserted)
{
	table();
	race_of_equals(0, false);
}

WSIM_TEST(one_of_two_equals_is_inserted_while_the_table_moves)
{
	table();
	race_of_equals(0, true);
}

static void *
look_for_versions(void *arg)
{
	int seen = 1;

	(void)arg;
	for (int i = 0; i < 2; i++) {
		const int value = look(0);

		wsim_assert(value >= seen && value <= 2);
		seen = value;
	}
	return NULL;
}

WSIM_TEST(replace_leaves_no_gap)
{
	table();
	add(0, 0);
	(void)wsim_spawn(look_for_versions, NULL);
	item[1].value = 2;
	wsim_assert(demux_replace(d, &item[0], &item[1]) == 0);
	wsim_assert(look(0) == 2);
	wsim_join_all();
}

static void *
replace_0(void *arg)
{
	(void)arg;
	item[1].value = 2;
	wsim_assert(demux_replace(d, &item[0], &item[1]) == 0);
	wsim_assert(look(0) == 2);
	return NULL;
}

WSIM_TEST(replace_leaves_no_gap_while_the_table_moves)
{
	table();
	add(0, 0);
	(void)wsim_spawn(replace_0, NULL);
	(void)wsim_spawn(rehash, NULL);
	look_for_versions(NULL);
	wsim_join_all();
	wsim_assert(look(0) == 2);
}

static void *
remove_0(void *arg)
{
	const int r = demux_remove(d, &item[0]);

	(void)arg;
	wsim_assert(r == 0 || r == -ENOENT);
	/* relaxed: a number. */
	if (r == 0)
		sync_fetch_add_relaxed(&done, 1);
	wsim_assert(look(0) == 0);
	return NULL;
}

WSIM_TEST(removed_item_stays_removed_while_the_table_moves)
{
	table();
	add(0, 0);
	(void)wsim_spawn(remove_0, NULL);
	(void)wsim_spawn(rehash, NULL);
	remove_0(NULL);
	wsim_join_all();
	wsim_assert(look(0) == 0 && demux_count(d) == 0);
	/* relaxed: the others have ended. */
	wsim_assert(sync_load_relaxed(&done) == 1);
}

static void *
look_for_crowd(void *arg)
{
	const int i = *(int *)arg;

	wsim_assert(look(item[i].key) == i + 1);
	return NULL;
}

/*
 * A full bucket gets a node and loses it again, and gets it again, under a
 * lookup of an item that was in the last slot, or in the node, all the time.
 */
static void
chain(int n, int which)
{
	table();
	for (int i = 0; i < n; i++)
		add(i, CROWD(i % 2 + 5, i));
	(void)wsim_spawn(look_for_crowd, &which);
	add(n, CROWD(7, n));
	for (int i = n; i >= 0; i--)
		if (i != which && i != 0)
			wsim_assert(demux_remove(d, &item[i]) == 0);
	wsim_join_all();
	wsim_assert(look(item[which].key) == which + 1);
}

WSIM_TEST(item_of_the_last_slot_is_found_while_the_chain_changes)
{
	chain(7, 6);
}

WSIM_TEST(item_of_a_node_is_found_while_the_chain_changes)
{
	chain(8, 7);
}

static void *
look_again(void *arg)
{
	(void)arg;
	if (look(CROWD(5, 1)) != 0)
		wsim_assert(look(CROWD(5, 1)) == 2);
	return NULL;
}

/* Through the tag of an item that was in the slot before. */
WSIM_TEST(item_found_once_is_found_again)
{
	table();
	add(0, CROWD(5, 0));
	(void)wsim_spawn(look_again, NULL);
	wsim_assert(demux_remove(d, &item[0]) == 0);
	add(1, CROWD(5, 1));
	wsim_join_all();
}

static void *
migrate(void *arg)
{
	(void)arg;
	while (demux_migrate(d, 16))
		wsim_yield();
	return NULL;
}

WSIM_TEST(present_item_is_found_while_two_move_the_table)
{
	table();
	add(0, 0);
	(void)wsim_spawn(migrate, NULL);
	(void)wsim_spawn(look_for_0, NULL);
	rehash(NULL);
	wsim_join_all();
}
