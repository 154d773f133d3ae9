/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Random calls against an array: what demux says after each is what the array
 * says.  Once with a good hash, once with one that makes long chains.
 */

#include <errno.h>

#include "tests/libsync/demux_item.h"
#include "tests/stress.h"

#define KEYS 3000u

static struct demux *d;
static struct item *model[KEYS];
static size_t count;
static uint64_t seed;

static uint64_t
random_below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

/* 40 buckets' worth of keys together, 5 tags. */
static uint64_t
hash_poor(const void *key, size_t size, const uint64_t s[2])
{
	uint64_t k;

	(void)size;
	__builtin_memcpy(&k, key, sizeof(k));
	return (k + s[0]) % 5 << 56 | (k + s[1]) % 40;
}

static void
model_insert(uint64_t k)
{
	struct item *it = item_new(k, random_below(UINT64_MAX));
	void *out = NULL;
	uint64_t s;
	int r;

	if (random_below(2) == 0) {
		r = demux_insert(d, it);
		cr_assert_eq(r, model[k] == NULL ? 0 : -EEXIST);
	} else {
		s = pserialize_read_enter();
		cr_assert_eq(demux_lookup_or_insert(d, it, &out), 0);
		pserialize_read_exit(s);
		cr_assert_eq(out, model[k] != NULL ? model[k] : it);
	}
	if (model[k] != NULL) {
		free(it);
	} else {
		model[k] = it;
		count++;
	}
}

static void
model_remove(uint64_t k)
{
	struct item *other;

	if (model[k] != NULL) {
		cr_assert_eq(demux_remove(d, model[k]), 0);
		item_retire(model[k]);
		model[k] = NULL;
		count--;
	} else {
		other = item_new(k, 0);
		cr_assert_eq(demux_remove(d, other), -ENOENT);
		free(other);
	}
}

static void
model_replace(uint64_t k)
{
	struct item *it = item_new(k, random_below(UINT64_MAX));

	if (model[k] != NULL) {
		cr_assert_eq(demux_replace(d, model[k], it), 0);
		item_retire(model[k]);
		model[k] = it;
	} else {
		cr_assert_eq(demux_replace(d, it, it), -ENOENT);
		free(it);
	}
}

static int
check_walked(void *item, void *arg)
{
	const struct item *it = item;

	cr_assert_eq(model[it->key], it);
	++*(size_t *)arg;
	return 0;
}

static void
check_all(void)
{
	size_t walked = 0;

	for (uint64_t k = 0; k < KEYS; k++)
		cr_assert_eq(item_lookup(d, k), model[k]);
	cr_assert_eq(demux_count(d), count);
	cr_assert_eq(demux_walk(d, check_walked, &walked), 0);
	cr_assert_eq(walked, count);
}

static void
control_step(void)
{
	const uint64_t s[2] = {random_below(1000), random_below(1000)};

	switch (random_below(4)) {
	case 0:
		cr_assert_eq(demux_rehash(d, s), 0);
		break;
	case 1:
		cr_assert_eq(demux_resize(d, random_below(2 * KEYS)), 0);
		break;
	case 2:
		(void)demux_migrate(d, random_below(100));
		break;
	default:
		check_all();
	}
}

/* Phases of growing and of shrinking, so that chains and tables do both. */
static void
run(demux_hash_fn *hash, unsigned long steps)
{
	struct demux_config cfg = item_config();

	seed = 88172645463325252ULL;
	cfg.hash = hash;
	d = item_table(&cfg);
	for (unsigned long i = 0; i < steps; i++) {
		const uint64_t k = random_below(KEYS);
		const uint64_t grow = i / 8192 % 2 == 0 ? 6 : 2;
		const uint64_t what = random_below(10);

		if (what < grow)
			model_insert(k);
		else if (what < 8)
			model_remove(k);
		else
			model_replace(k);
		cr_assert_eq(item_lookup(d, k), model[k]);
		if (random_below(1000) == 0)
			control_step();
	}
	check_all();
	item_table_end(d);
}

Test(demux_model, stress_table_is_an_array, .timeout = 120)
{
	run(NULL, stress_n(100000));
}

Test(demux_model, stress_crowded_table_is_an_array, .timeout = 120)
{
	run(hash_poor, stress_n(50000));
}
