/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * concurrent_hash_map of oneTBB: a reader locks the bucket and what it finds.
 * The section around it is only for what is found, which others replace.
 */

#include "benchmarks/demux_tbb.h"

#include "libsync/pserialize/pserialize.h"

#define TABLE_NAME    "tbb"
#define TABLE_RESIZES 0
#define TABLE_INIT    NULL
#define TABLE_FINI    NULL

static void *
table_create(size_t n)
{
	struct flow *f = flow_array(n);
	void *t = demux_tbb_create();

	for (size_t i = 0; i < n; i++)
		demux_tbb_insert(t, &f[i]);
	return t;
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
	return demux_tbb_find(t, k);
}

static inline bool
table_replace(void *t, struct flow *old, struct flow *f)
{
	(void)old;
	flow_retire(demux_tbb_replace(t, f));
	return true;
}

#include "benchmarks/demux_loop.inc"

const struct bench bench_demux_tbb[] = {
    TABLE_BENCHES,
    {.name = NULL},
};
