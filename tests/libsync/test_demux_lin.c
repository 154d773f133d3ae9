/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Histories of short bursts on a few keys, in one chain that gets longer and
 * shorter, while the table moves: a map must explain each.
 */

#include "libsync/base/point.h"
#include "tests/libsync/demux_item.h"
#include "tests/lin/lin.h"
#include "tests/stress.h"

#define THREADS 3
#define OPS     6
#define KEYS    5u
#define FILLERS 4u /* so that a few keys more or less make or end a node */

static struct demux *d;

static void
setup(void)
{
	struct demux_config cfg = item_config();

	cfg.hash = item_hash_crowded;
	d = item_table(&cfg);
	for (uint64_t i = 0; i < FILLERS; i++)
		cr_assert_eq(demux_insert(d, item_new(KEYS + i, 0)), 0);
}

static void
teardown(void)
{
	item_table_end(d);
}

TestSuite(demux_lin, .init = setup, .fini = teardown);

static struct item *
find(struct lin_log *log, unsigned key)
{
	const uint64_t k = key;
	struct lin_op *op = lin_begin(log, LIN_LOOKUP, key);
	struct item *it = demux_lookup(d, &k);

	lin_end(log, op, it != NULL ? (unsigned)it->value : LIN_NONE);
	return it;
}

static void
insert(struct lin_log *log, unsigned key, unsigned value)
{
	struct item *it = item_new(key, value);
	struct lin_op *op = lin_begin(log, LIN_INSERT, key);
	const int r = demux_insert(d, it);

	op->arg2 = value;
	lin_end(log, op, r == 0 ? LIN_DONE : LIN_REFUSED);
	if (r != 0)
		free(it);
}

/* One that was taken out by somebody else meanwhile may be so at any time. */
static void
take(struct lin_log *log, unsigned key)
{
	const uint64_t s = pserialize_read_enter();
	struct item *it = find(log, key);
	struct lin_op *op;
	int r;

	if (it != NULL) {
		op = lin_begin(log, LIN_REMOVE, key);
		op->weak = true;
		r = demux_remove(d, it);
		lin_end(log, op, r == 0 ? (unsigned)it->value : LIN_NONE);
		if (r == 0)
			item_retire(it);
	}
	pserialize_read_exit(s);
}

static void
replace(struct lin_log *log, unsigned key, unsigned value)
{
	const uint64_t s = pserialize_read_enter();
	struct item *old = find(log, key), *it;
	struct lin_op *op;
	int r;

	if (old != NULL) {
		it = item_new(key, value);
		op = lin_begin(log, LIN_UPDATE, key);
		op->arg2 = value;
		r = demux_replace(d, old, it);
		lin_end(log, op, (unsigned)old->value);
		if (r != 0)
			log->n--; /* there was another one by then */
		item_retire(r == 0 ? old : it);
	}
	pserialize_read_exit(s);
}

static void
act(void *arg, struct lin_log *log, uint64_t *rnd)
{
	(void)arg;
	for (unsigned i = 0; i < OPS; i++) {
		const unsigned key = lin_rnd(rnd, KEYS);
		const unsigned value = log->thread * OPS + i + 1;
		const uint64_t seed[2] = {lin_rnd(rnd, 100), 0};
		uint64_t s;

		switch (lin_rnd(rnd, log->thread == 0 ? 9 : 8)) {
		case 0:
		case 1:
			s = pserialize_read_enter();
			(void)find(log, key);
			pserialize_read_exit(s);
			break;
		case 2:
			i++; /* two operations */
			take(log, key);
			break;
		case 3:
			i++;
			replace(log, key, value);
			break;
		case 8:
			cr_assert_eq(demux_rehash(d, seed), 0);
			break;
		default:
			insert(log, key, value);
		}
	}
}

static void
settle(void *arg, struct lin_log *log)
{
	(void)arg;
	for (unsigned key = 0; key < KEYS; key++)
		take(log, key);
}

Test(demux_lin, stress_bursts_are_those_of_a_map, .timeout = 120)
{
	static const struct lin_spec map = LIN_MAP();
	const struct lin_burst burst = {
	    .spec = &map,
	    .threads = THREADS,
	    .bursts = stress_n(3000),
	    .act = act,
	    .settle = settle,
	};
	struct lin_result res;

	sync_point_yield(1, 20);
	cr_assert_eq(lin_run(&burst, &res), LIN_OK, "%s", res.why);
	fprintf(
	    stderr, "%lu bursts, %lu overlapped\n", res.bursts, res.overlapped);
	cr_assert_gt(res.overlapped, 0);
}
