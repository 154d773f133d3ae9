/* SPDX-License-Identifier: BSD-2-Clause */

/* What one thread sees of demux. */

#include <errno.h>
#include <string.h>

#include "tests/libsync/demux_item.h"

#define CROWD 100u /* items in one bucket */

static struct demux *d;

static void
setup(void)
{
	const struct demux_config cfg = item_config();

	d = item_table(&cfg);
}

static void
teardown(void)
{
	item_table_end(d);
}

TestSuite(demux, .init = setup, .fini = teardown);

static struct item *
add(uint64_t key, uint64_t value)
{
	struct item *it = item_new(key, value);

	cr_assert_eq(demux_insert(d, it), 0);
	return it;
}

static int
sum_values(void *item, void *arg)
{
	*(uint64_t *)arg += ((struct item *)item)->value;
	return 0;
}

Test(demux, lookup_finds_what_was_inserted)
{
	struct item *one = add(7, 1);

	cr_assert_null(item_lookup(d, 8));
	cr_assert_eq(item_lookup(d, 7), one);
	cr_assert_eq(demux_count(d), 1);
}

Test(demux, create_refuses_what_it_cannot_do)
{
	struct demux_config cfg = item_config();
	struct demux *none = NULL;

	cfg.key_size = 0;
	cr_assert_eq(demux_create(&cfg, &none), -EINVAL);
	cfg = item_config();
	cfg.items = SIZE_MAX;
	cr_assert_eq(demux_create(&cfg, &none), -EINVAL);
	cr_assert_null(none);
	cr_assert_eq(demux_resize(d, SIZE_MAX), -EINVAL);
}

Test(demux, insert_refuses_an_equal_key)
{
	struct item *one = add(7, 1), *two = item_new(7, 2);
	void *out = NULL;
	uint64_t s;

	cr_assert_eq(demux_insert(d, two), -EEXIST);
	s = pserialize_read_enter();
	cr_assert_eq(demux_lookup_or_insert(d, two, &out), 0);
	pserialize_read_exit(s);
	cr_assert_eq(out, one);
	cr_assert_eq(item_lookup(d, 7), one);
	cr_assert_eq(demux_count(d), 1);
	free(two);
}

Test(demux, lookup_or_insert_inserts)
{
	struct item *one = item_new(7, 1);
	void *out = NULL;
	const uint64_t s = pserialize_read_enter();

	cr_assert_eq(demux_lookup_or_insert(d, one, &out), 0);
	pserialize_read_exit(s);
	cr_assert_eq(out, one);
	cr_assert_eq(item_lookup(d, 7), one);
}

Test(demux, replace_is_for_the_very_item)
{
	struct item *one = add(7, 1), *two = item_new(7, 2);

	cr_assert_eq(demux_replace(d, two, one), -ENOENT);
	cr_assert_eq(demux_replace(d, one, two), 0);
	cr_assert_eq(item_lookup(d, 7), two);
	cr_assert_eq(demux_replace(d, one, two), -ENOENT);
	cr_assert_eq(demux_count(d), 1);
	item_retire(one);
}

Test(demux, remove_is_for_the_very_item)
{
	struct item *one = add(7, 1), *two = item_new(7, 2);

	cr_assert_eq(demux_remove(d, two), -ENOENT);
	cr_assert_eq(demux_remove(d, one), 0);
	cr_assert_eq(demux_remove(d, one), -ENOENT);
	cr_assert_null(item_lookup(d, 7));
	cr_assert_eq(demux_count(d), 0);
	cr_assert_eq(demux_insert(d, one), 0, "inserted again");
	cr_assert_eq(item_lookup(d, 7), one);
	free(two);
}

Test(demux, table_grows_and_keeps_all)
{
	struct demux_stats st;

	for (uint64_t i = 0; i < 10000; i++) {
		add(i, i);
		cr_assert_not_null(item_lookup(d, i / 2));
	}
	while (demux_migrate(d, 1000))
		;
	demux_stats(d, &st);
	cr_assert_eq(st.items, 10000);
	cr_assert_geq(st.buckets, 2048);
	cr_assert_gt(st.moves, 3);
	cr_assert_eq(st.failures, 0);
	cr_assert_not(st.moving);
	for (uint64_t i = 0; i < 10000; i++)
		cr_assert_eq(item_lookup(d, i)->value, i);
	cr_assert_null(item_lookup(d, 10000));
}

Test(demux, table_created_for_many_does_not_grow)
{
	struct demux_config cfg = item_config();
	struct demux_stats st;

	item_table_end(d);
	cfg.items = 5000;
	d = item_table(&cfg);
	for (uint64_t i = 0; i < 5000; i++)
		add(i, i);
	demux_stats(d, &st);
	cr_assert_eq(st.moves, 0);
}

Test(demux, table_gets_smaller_on_demand)
{
	struct demux_stats st;

	for (uint64_t i = 0; i < 1000; i++)
		add(i, i);
	cr_assert_eq(demux_resize(d, 100000), 0);
	demux_stats(d, &st);
	cr_assert_geq(st.buckets, 25000);
	cr_assert_eq(demux_resize(d, 0), 0);
	demux_stats(d, &st);
	cr_assert_eq(st.buckets, 16);
	cr_assert_gt(st.overflow, 16, "all in chains");
	for (uint64_t i = 0; i < 1000; i++)
		cr_assert_eq(item_lookup(d, i)->value, i);
}

Test(demux, rehash_undoes_a_crowd)
{
	struct demux_stats before, after;
	static const uint64_t seed[2] = {3, 4};
	struct item *it[CROWD];
	unsigned found = 0;
	uint64_t k = 0;

	cr_assert_eq(demux_resize(d, 4000), 0);
	while (found < CROWD) {
		static const uint64_t old[2] = {1, 2};
		const uint64_t h = demux_hash_siphash13(&k, sizeof(k), old);

		if (h % 1024 == 0)
			it[found++] = add(k, k);
		k++;
	}
	demux_stats(d, &before);
	cr_assert_geq(before.longest, CROWD / 7 - 1);
	cr_assert_eq(demux_rehash(d, seed), 0);
	demux_stats(d, &after);
	cr_assert_lt(after.longest, 2);
	for (unsigned i = 0; i < CROWD; i++)
		cr_assert_eq(item_lookup(d, it[i]->key), it[i]);
}

Test(demux, chain_gets_shorter_again)
{
	struct demux_config cfg = item_config();
	struct item *it[CROWD];
	struct demux_stats st;

	item_table_end(d);
	cfg.hash = item_hash_crowded;
	cfg.items = 10000;
	d = item_table(&cfg);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < CROWD; i++)
			it[i] = add(i, i);
		demux_stats(d, &st);
		cr_assert_gt(st.overflow, CROWD / 7 - 2);
		for (unsigned i = 0; i < CROWD; i++) {
			const unsigned k = (i * 37 + round) % CROWD;

			cr_assert_eq(demux_remove(d, it[k]), 0);
			for (unsigned j = i + 1; j < CROWD; j++) {
				const unsigned l = (j * 37 + round) % CROWD;

				cr_assert_eq(item_lookup(d, l), it[l]);
			}
			item_retire(it[k]);
		}
		demux_stats(d, &st);
		cr_assert_eq(st.overflow, 0);
	}
}

Test(demux, bulk_lookup_is_many_lookups)
{
	uint64_t key[50];
	const void *keys[50];
	void *items[50];

	for (uint64_t i = 0; i < 1000; i += 2)
		add(i, i);
	for (size_t n = 0; n <= 50; n++) {
		const uint64_t s = pserialize_read_enter();
		size_t found = 0;

		for (size_t i = 0; i < n; i++) {
			key[i] = (i * 77 + n * 13) % 1100;
			keys[i] = &key[i];
			items[i] = &key;
		}
		cr_assert_leq(demux_lookup_bulk(d, keys, n, items), n);
		for (size_t i = 0; i < n; i++) {
			cr_assert_eq(items[i], demux_lookup(d, keys[i]));
			found += items[i] != NULL;
		}
		cr_assert_eq(demux_lookup_bulk(d, keys, n, items), found);
		pserialize_read_exit(s);
	}
}

static int
stop_at_third(void *item, void *arg)
{
	(void)item;
	return ++*(int *)arg == 3 ? -ECANCELED : 0;
}

Test(demux, walk_visits_each_item_once)
{
	uint64_t sum = 0;
	int n = 0;

	for (uint64_t i = 0; i < 3000; i++)
		add(i, i);
	cr_assert_eq(demux_walk(d, sum_values, &sum), 0);
	cr_assert_eq(sum, 3000 * 2999 / 2);
	cr_assert_eq(demux_walk(d, stop_at_third, &n), -ECANCELED);
	cr_assert_eq(n, 3);
}

static int
insert_another(void *item, void *arg)
{
	const uint64_t key = ((struct item *)item)->key;

	(void)arg;
	if (key < 3000)
		add(key + 3000, key);
	return 0;
}

Test(demux, walk_lets_its_function_insert)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < 3000; i++)
		add(i, i);
	cr_assert_eq(demux_walk(d, insert_another, NULL), 0);
	cr_assert_eq(demux_count(d), 6000);
	cr_assert_eq(demux_walk(d, sum_values, &sum), 0);
	cr_assert_eq(sum, 3000 * 2999);
}

static bool
equal_first_byte(const void *a, const void *b, size_t size)
{
	return size == sizeof(uint64_t) && memcmp(a, b, 1) == 0;
}

static uint64_t
hash_first_byte(const void *key, size_t size, const uint64_t seed[2])
{
	return demux_hash_siphash13(key, size > 1, seed);
}

Test(demux, caller_supplies_hash_and_equality)
{
	struct demux_config cfg = item_config();
	struct item *other = item_new(0x2205, 0);

	item_table_end(d);
	cfg.hash = hash_first_byte;
	cfg.equal = equal_first_byte;
	d = item_table(&cfg);
	add(0x1105, 1);
	cr_assert_eq(item_lookup(d, 0x3305)->value, 1);
	cr_assert_eq(demux_insert(d, other), -EEXIST);
	free(other);
}

/* The vectors of the reference implementation, with 1 and 3 rounds. */
Test(demux, siphash_has_the_published_results)
{
	static const uint64_t seed[2] = {
	    UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	static const uint64_t want[] = {UINT64_C(0xabac0158050fc4dc),
	    UINT64_C(0xc9f49bf37d57ca93), UINT64_C(0x82cb9b024dc7d44d),
	    UINT64_C(0x8bf80ab8e7ddf7fb), UINT64_C(0xcf75576088d38328),
	    UINT64_C(0xdef9d52f49533b67), UINT64_C(0xc50d2b50c59f22a7),
	    UINT64_C(0xd3927d989bb11140), UINT64_C(0x369095118d299a8e)};
	unsigned char in[16];

	for (unsigned char i = 0; i < 16; i++)
		in[i] = i;
	for (size_t n = 0; n < sizeof(want) / sizeof(want[0]); n++)
		cr_assert_eq(demux_hash_siphash13(in, n, seed), want[n]);
}

Test(demux, spread_keeps_the_lowest_bits_apart)
{
	for (uint32_t i = 1; i < 64; i++)
		cr_assert_neq(
		    demux_hash_spread(i) & 63, demux_hash_spread(0) & 63);
	cr_assert_neq(demux_hash_spread(1) >> 56, demux_hash_spread(2) >> 56);
}
