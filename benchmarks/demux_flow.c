/* SPDX-License-Identifier: BSD-2-Clause */

#include "benchmarks/demux_flow.h"

#include <stdlib.h>

#define SIZES 16

static struct {
	size_t n;
	struct flow *flow;
} made[SIZES];

struct flow *
flow_array(size_t n)
{
	struct flow *f;
	unsigned i = 0;

	for (; made[i].flow != NULL; i++)
		if (made[i].n == n)
			return made[i].flow;
	f = aligned_alloc(sizeof(*f), n * sizeof(*f));
	if (f == NULL || i + 1 == SIZES)
		abort();
	made[i].n = n;
	made[i].flow = f;
	for (size_t j = 0; j < n; j++)
		f[j] = (struct flow){.key = flow_key_of(j), .state = j};
	return f;
}

struct flow *
flow_copy(const struct flow *f)
{
	struct flow *copy = aligned_alloc(sizeof(*copy), sizeof(*copy));

	if (copy == NULL)
		abort();
	*copy = (struct flow){.key = f->key, .state = f->state, .single = true};
	return copy;
}

void
flow_free(struct flow *f)
{
	if (f->single)
		free(f);
}

static void
flow_called(struct pserialize_head *head)
{
	flow_free((struct flow *)(void *)((char *)head -
					  offsetof(struct flow, retire)));
}

void
flow_retire(struct flow *f)
{
	/* One of the array is in other tables too, which may retire it now. */
	if (f->single)
		pserialize_call(&f->retire, flow_called);
}
