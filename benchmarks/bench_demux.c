/* SPDX-License-Identifier: BSD-2-Clause */

/* The hash table: see demux_flow.h.  Its peers are in demux_*.c. */

#include <stdlib.h>

#include "benchmarks/demux_flow.h"
#include "libsync/demux/demux.h"
#include "libsync/pserialize/pserialize.h"

#define TABLE_NAME    "demux"
#define TABLE_RESIZES 1
#define TABLE_INIT    NULL
#define TABLE_FINI    NULL

static uint64_t
hash(const void *key, size_t size, const uint64_t seed[2])
{
	(void)size;
	(void)seed;
	return flow_hash(key);
}

static bool
equal(const void *a, const void *b, size_t size)
{
	(void)size;
	return flow_key_equal(a, b);
}

static struct demux *
fill(size_t n, demux_hash_fn *by)
{
	const struct demux_config cfg = {
	    .key_offset = offsetof(struct flow, key),
	    .key_size = sizeof(struct flow_key),
	    .hash = by,
	    .equal = by == NULL ? NULL : equal,
	    .seed = {1, 2},
	};
	struct flow *f = flow_array(n);
	struct demux *d;

	if (demux_create(&cfg, &d) != 0)
		abort();
	for (size_t i = 0; i < n; i++)
		if (demux_insert(d, &f[i]) != 0)
			abort();
	while (demux_migrate(d, 1000))
		;
	return d;
}

static void *
table_create(size_t n)
{
	return fill(n, hash);
}

static inline uint64_t
table_enter(void)
{
	return pserialize_read_enter();
}

static inline void
table_exit(uint64_t s)
{
	pserialize_read_exit(s);
}

static inline struct flow *
table_find(void *t, const struct flow_key *k)
{
	return demux_lookup_with(t, k, hash, equal);
}

static inline bool
table_replace(void *t, struct flow *old, struct flow *f)
{
	if (demux_replace(t, old, f) != 0)
		return false;
	flow_retire(old);
	return true;
}

static inline void
table_resize(void *t, size_t n, unsigned step)
{
	if (demux_resize(t, step % 2 == 0 ? 2 * n : n) != 0)
		abort();
}

#include "benchmarks/demux_loop.inc"

static void
bulk_run(void *ctx, int thread, size_t n)
{
	const struct world *w = ctx;
	uint64_t rnd = chance + (uint64_t)thread * 77, sum = 0;
	struct flow_key key[FLOW_BURST];
	const void *keys[FLOW_BURST];
	void *items[FLOW_BURST];

	for (size_t i = 0; i < n; i += FLOW_BURST) {
		const uint64_t s = table_enter();

		for (unsigned j = 0; j < FLOW_BURST; j++) {
			key[j] = flow_key_of(flow_random(&rnd, w->n));
			keys[j] = &key[j];
		}
		demux_lookup_bulk_with(
		    w->table, keys, FLOW_BURST, items, hash, equal);
		for (unsigned j = 0; j < FLOW_BURST; j++)
			sum += ((struct flow *)items[j])->state;
		table_exit(s);
	}
	BENCH_KEEP(sum);
	chance = rnd;
}

/* The function of the library, with SipHash. */
static void
keyed_run(void *ctx, int thread, size_t n)
{
	struct demux *d = ctx;
	uint64_t rnd = chance + (uint64_t)thread * 77, sum = 0;
	const size_t items = demux_count(d);

	for (size_t i = 0; i < n; i += FLOW_BURST) {
		const uint64_t s = table_enter();

		for (unsigned j = 0; j < FLOW_BURST; j++) {
			const struct flow_key k =
			    flow_key_of(flow_random(&rnd, items));

			sum += ((struct flow *)demux_lookup(d, &k))->state;
		}
		table_exit(s);
	}
	BENCH_KEEP(sum);
	chance = rnd;
}

static void *
keyed_setup(size_t n)
{
	return fill(n, NULL);
}

static void
keyed_teardown(void *ctx)
{
	demux_destroy(ctx);
}

const struct bench bench_demux[] = {
    TABLE_BENCHES,
    TABLE_BENCH_RESIZED,
    {.name = "demux/flow_bulk",
	.run = bulk_run,
	.args = SIZES,
	.threads = {1},
	WORLD(world)},
    {.name = "demux_siphash/flow_hit",
	.run = keyed_run,
	.args = {1000, 100000},
	.threads = {1},
	WORLD(keyed)},
    {.name = NULL},
};
