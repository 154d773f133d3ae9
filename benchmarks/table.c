/* SPDX-License-Identifier: BSD-2-Clause */

#include "benchmarks/bench.h"

extern const struct bench bench_section[];
extern const struct bench bench_pserialize[];
extern const struct bench bench_hazard[];
extern const struct bench bench_lfqueue[];
extern const struct bench bench_percpu[];
extern const struct bench bench_pslist[];
extern const struct bench bench_psref[];
extern const struct bench bench_radix_lf[];
extern const struct bench bench_demux[];
#ifdef BENCH_CK
extern const struct bench bench_demux_ck[];
#endif
#ifdef BENCH_DPDK
extern const struct bench bench_demux_dpdk[];
#endif
#ifdef BENCH_TBB
extern const struct bench bench_demux_tbb[];
#endif
#ifdef BENCH_URCU
extern const struct bench bench_demux_urcu[];
#endif
#ifdef BENCH_URCU
extern const struct bench bench_lfqueue_urcu[];
extern const struct bench bench_pserialize_urcu[];
#endif
#ifdef BENCH_CK
extern const struct bench bench_lfqueue_ck[];
#endif
#ifdef BENCH_DPDK
extern const struct bench bench_lfqueue_dpdk[];
#endif
#ifdef BENCH_CONCURRENTQUEUE
extern const struct bench bench_lfqueue_concurrentqueue[];
#endif

const struct bench *const bench_table[] = {
    bench_section,
    bench_pserialize,
#ifdef BENCH_URCU
    bench_pserialize_urcu,
#endif
    bench_hazard,
    bench_lfqueue,
#ifdef BENCH_URCU
    bench_lfqueue_urcu,
#endif
#ifdef BENCH_CK
    bench_lfqueue_ck,
#endif
#ifdef BENCH_DPDK
    bench_lfqueue_dpdk,
#endif
#ifdef BENCH_CONCURRENTQUEUE
    bench_lfqueue_concurrentqueue,
#endif
    bench_percpu,
    bench_pslist,
    bench_psref,
    bench_radix_lf,
    bench_demux,
#ifdef BENCH_CK
    bench_demux_ck,
#endif
#ifdef BENCH_DPDK
    bench_demux_dpdk,
#endif
#ifdef BENCH_TBB
    bench_demux_tbb,
#endif
#ifdef BENCH_URCU
    bench_demux_urcu,
#endif
    NULL,
};
