/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One block: the header and a pointer to each shard, then the shards, each
 * rounded up to whole cache lines.  The pointers save a multiplication for each
 * count.
 *
 * Invariants
 *   I1  A cell is written by the owner of its shard only; hence a load and a
 *       store add without loss, and every cell is monotonic (modulo 2^64).
 */

#include "libsync/percpu/counters.h"

#include "libsync/port/port.h"
#include "libsync/port/types.h"

#define PER_LINE (SYNC_CACHELINE / sizeof(struct percpu_counters_cell))

int
percpu_counters_create(
    unsigned nshards, unsigned ncounters, struct percpu_counters **out)
{
	struct percpu_counters *c;
	const size_t stride =
	    SYNC_ROUNDUP((size_t)ncounters, PER_LINE) * sizeof(**c->row);
	size_t head;
	char *block;

	if (nshards == 0 || ncounters == 0 ||
	    stride > (SIZE_MAX / 4 - sizeof(*c)) / nshards)
		return -EINVAL;

	head = SYNC_ROUNDUP(
	    sizeof(*c) + nshards * sizeof(*c->row), SYNC_CACHELINE);
	block = port_alloc(head + nshards * stride); /* zeroed */
	if (block == NULL)
		return -ENOMEM;

	c = (struct percpu_counters *)(void *)block;
	c->nshards = nshards;
	c->ncounters = ncounters;
	c->row = (struct percpu_counters_cell **)(void *)(c + 1);
	for (unsigned s = 0; s < nshards; s++)
		c->row[s] =
		    (struct percpu_counters_cell *)(void *)(block + head +
							    s * stride);
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
