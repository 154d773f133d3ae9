/* SPDX-License-Identifier: BSD-2-Clause */

/* rte_hash of DPDK with readers that take no lock; its size is fixed. */

#include <rte_hash.h>
#include <stdio.h>
#include <stdlib.h>

#include "benchmarks/demux_flow.h"
#include "benchmarks/peer_dpdk.h"
#include "libsync/pserialize/pserialize.h"

#define TABLE_NAME    "rte_hash"
#define TABLE_RESIZES 0
#define TABLE_INIT    NULL
#define TABLE_FINI    NULL

static uint32_t
hash(const void *key, uint32_t size, uint32_t seed)
{
	(void)size;
	(void)seed;
	return (uint32_t)flow_hash(key);
}

static void *
table_create(size_t n)
{
	struct rte_hash_parameters p = {
	    .entries = (uint32_t)(n + n / 4 + 64),
	    .key_len = sizeof(struct flow_key),
	    .hash_func = hash,
	    .extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF |
			  RTE_HASH_EXTRA_FLAGS_MULTI_WRITER_ADD |
			  RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};
	struct flow *f = flow_array(n);
	char name[32];
	struct rte_hash *h;

	peer_dpdk_start();
	snprintf(name, sizeof(name), "flows%zu", n);
	p.name = name;
	h = rte_hash_create(&p);
	if (h == NULL)
		abort();
	for (size_t i = 0; i < n; i++)
		if (rte_hash_add_key_data(h, &f[i].key, &f[i]) != 0)
			abort();
	return h;
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
	void *found;

	return rte_hash_lookup_with_hash_data(
		   t, k, (uint32_t)flow_hash(k), &found) < 0
		   ? NULL
		   : found;
}

static inline bool
table_replace(void *t, struct flow *old, struct flow *f)
{
	if (rte_hash_add_key_with_hash_data(
		t, &f->key, (uint32_t)flow_hash(&f->key), f) != 0)
		abort();
	flow_retire(old);
	return true;
}

#include "benchmarks/demux_loop.inc"

static void
bulk_run(void *ctx, int thread, size_t n)
{
	const struct world *w = ctx;
	uint64_t rnd = chance + (uint64_t)thread * 77, sum = 0, hits;
	struct flow_key key[FLOW_BURST];
	const void *keys[FLOW_BURST];
	hash_sig_t sig[FLOW_BURST];
	void *items[FLOW_BURST];

	for (size_t i = 0; i < n; i += FLOW_BURST) {
		const uint64_t s = table_enter();

		for (unsigned j = 0; j < FLOW_BURST; j++) {
			key[j] = flow_key_of(flow_random(&rnd, w->n));
			keys[j] = &key[j];
			sig[j] = (hash_sig_t)flow_hash(&key[j]);
		}
		if (rte_hash_lookup_with_hash_bulk_data(w->table, keys, sig,
			FLOW_BURST, &hits, items) != FLOW_BURST)
			abort();
		for (unsigned j = 0; j < FLOW_BURST; j++)
			sum += ((struct flow *)items[j])->state;
		table_exit(s);
	}
	BENCH_KEEP(sum);
	chance = rnd;
}

const struct bench bench_demux_dpdk[] = {
    TABLE_BENCHES,
    {.name = "rte_hash/flow_bulk",
	.run = bulk_run,
	.args = SIZES,
	.threads = {1},
	WORLD(world)},
    {.name = NULL},
};
