/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef BENCHMARKS_PEER_DPDK_H
#define BENCHMARKS_PEER_DPDK_H

/*
 * Start DPDK's environment, once, without huge pages or devices: for those of
 * its parts that allocate (rte_hash); rings on one's own memory need none.
 * Aborts if it does not start.
 */
void peer_dpdk_start(void);

#endif /* BENCHMARKS_PEER_DPDK_H */
