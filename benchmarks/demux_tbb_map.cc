/* SPDX-License-Identifier: BSD-2-Clause */

#include "benchmarks/demux_tbb.h"

#include <tbb/concurrent_hash_map.h>

namespace
{

struct by_flow {
	static size_t hash(const flow_key &k)
	{
		return flow_hash(&k);
	}
	static bool equal(const flow_key &a, const flow_key &b)
	{
		return flow_key_equal(&a, &b);
	}
};

using map = tbb::concurrent_hash_map<flow_key, flow *, by_flow>;

} // namespace

void *
demux_tbb_create(void)
{
	return new map;
}

void
demux_tbb_insert(void *t, struct flow *f)
{
	static_cast<map *>(t)->insert({f->key, f});
}

struct flow *
demux_tbb_find(void *t, const struct flow_key *k)
{
	map::const_accessor found;

	return static_cast<map *>(t)->find(found, *k) ? found->second : nullptr;
}

struct flow *
demux_tbb_replace(void *t, struct flow *f)
{
	map::accessor found;
	flow *old;

	static_cast<map *>(t)->find(found, f->key);
	old = found->second;
	found->second = f;
	return old;
}
