/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef BENCHMARKS_DEMUX_TBB_H
#define BENCHMARKS_DEMUX_TBB_H

/* tbb::concurrent_hash_map for C. */

#include "benchmarks/demux_flow.h"

#ifdef __cplusplus
extern "C" {
#endif

void *demux_tbb_create(void);
void demux_tbb_insert(void *t, struct flow *f);
struct flow *demux_tbb_find(void *t, const struct flow_key *k);
struct flow *demux_tbb_replace(void *t, struct flow *f);

#ifdef __cplusplus
}
#endif

#endif /* BENCHMARKS_DEMUX_TBB_H */
