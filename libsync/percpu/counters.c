/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One block: the header's own line, then the shards, each rounded up to whole
 * cache lines.
 *
 * Invariants
 *   I1  A cell is written by the owner of its shard only; hence a load and a
 *       store add without loss, and every cell is monotonic (modulo 2^64).
 */

#include "libsync/percpu/counters.h"

#include <errno.h>

#include "libsync/port/port.h"

#define PER_LINE (SYNC_CACHELINE / sizeof(struct percpu_counters_cell))

int
percpu_counters_create(
    unsigned nshards, unsigned ncounters, struct percpu_counters **out)
{
	const size_t head =
	    SYNC_ROUNDUP(sizeof(struct percpu_counters), SYNC_CACHELINE);
	const size_t stride = SYNC_ROUNDUP((size_t)ncounters, PER_LINE);
	struct percpu_counters *c;
	char *block;
	size_t size;

	if (nshards == 0 || ncounters == 0 ||
	    stride > (SIZE_MAX / 2 - head) / sizeof(*c->cell) / nshards)
		return -EINVAL;

	size = head + nshards * stride * sizeof(*c->cell);
	block = port_alloc(size); /* zeroed */
	if (block == NULL)
		return -ENOMEM;

	c = (struct percpu_counters *)(void *)block;
	*c = (struct percpu_counters){
	    .nshards = nshards,
	    .ncounters = ncounters,
	    .stride = stride,
	    .cell = (struct percpu_counters_cell *)(void *)(block + head),
	};
	*out = c;
	return 0;
}

void
percpu_counters_destroy(struct percpu_counters *c)
{
	port_free(c);
}

uint64_t
percpu_counters_sum(const struct percpu_counters *c, unsigned idx)
{
	uint64_t sum = 0;

	for (unsigned s = 0; s < c->nshards; s++)
		sum += percpu_counters_read(c, s, idx);
	return sum;
}
