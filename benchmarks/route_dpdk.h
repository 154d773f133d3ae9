/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef BENCHMARKS_ROUTE_DPDK_H
#define BENCHMARKS_ROUTE_DPDK_H

#include <stddef.h>

/*
 * Start DPDK's environment, if nobody has, and give it so many bytes more, in
 * huge pages if the process may have them: as our own tables get theirs.
 * Returns the number of the socket to allocate from.
 */
int route_dpdk_grow(size_t bytes);

/* A name for the next table, valid until the next call. */
const char *route_dpdk_name(void);

#endif /* BENCHMARKS_ROUTE_DPDK_H */
