/* SPDX-License-Identifier: BSD-2-Clause */

#include "benchmarks/route_dpdk.h"

#include <rte_malloc.h>
#include <rte_vect.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "benchmarks/peer_dpdk.h"

#define HEAP "routes"
#define HUGE (UINT64_C(2) << 20)

int
route_dpdk_grow(size_t bytes)
{
	static int heap = -1;
	uint8_t *memory;

	peer_dpdk_start();
	if (heap < 0) {
		/* Without this the modes with AVX-512 are not to be had. */
		rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_512);
		if (rte_malloc_heap_create(HEAP) != 0)
			abort();
	}
	bytes = (bytes + 2 * HUGE - 1) / HUGE * HUGE;
	memory = mmap(NULL, bytes + HUGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		abort();
	memory += (HUGE - (uintptr_t)memory % HUGE) % HUGE;
	/* Only a wish: the system may have no such pages. */
	(void)madvise(memory, bytes, MADV_HUGEPAGE);
	if (rte_malloc_heap_memory_add(HEAP, memory, bytes, NULL, 0, HUGE) != 0)
		abort();
	heap = rte_malloc_heap_get_socket(HEAP);
	if (heap < 0)
		abort();
	return heap;
}

const char *
route_dpdk_name(void)
{
	static char name[24];
	static unsigned int n;

	snprintf(name, sizeof(name), "routes%u", n++);
	return name;
}
