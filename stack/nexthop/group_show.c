/* SPDX-License-Identifier: BSD-2-Clause */

/* What a group is, for people and tests. */

#include <errno.h>

#include "stack/nexthop/group_impl.h"

/* Buckets of g that hold this adjacency. */
static unsigned int
count(const struct nexthop_groups *g, const struct nexthop_group_run *run,
    uint32_t adj)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < UINT32_C(1) << run->order; i++)
		/* relaxed: only writers store buckets. */
		n += sync_load_relaxed(&g->bucket[run->first + i]) == adj;
	return n;
}

int
nexthop_group_show(struct nexthop_groups *g, uint32_t id,
    struct nexthop_group_info *out, struct nexthop_group_member_info *member,
    unsigned int n)
{
	const struct nexthop_group *grp = nexthop_group_find(g, id);
	const struct nexthop_group_run *run = NULL;
	const struct nexthop_group_content *c;

	if (grp == NULL)
		return -ENOENT;
	c = grp->now;
	if (grp->res != NULL)
		run = &grp->res->run;
	else if (c != NULL && c->n > 1)
		run = &c->run;
	*out = (struct nexthop_group_info){
	    .refs = grp->refs,
	    .backup = grp->backup == NULL ? 0 : grp->backup->id,
	    .members = c == NULL ? 0 : c->n,
	    .buckets = run == NULL ? 0 : 1u << run->order,
	    .resilient = grp->res != NULL,
	    .left_out = c == NULL ? 0 : c->left_out,
	};
	for (unsigned int i = 0; c != NULL && i < c->n && i < n; i++) {
		const struct nexthop_adjacency *a = c->member[i].adj;

		member[i] = (struct nexthop_group_member_info){
		    .hop = a->hop,
		    .adjacency = a->id,
		    .weight = c->member[i].weight,
		    .buckets = run == NULL ? 1 : count(g, run, a->id),
		    .down = nexthop_slot_down(g, a->base),
		};
	}
	return 0;
}

void
nexthop_group_stats(struct nexthop_groups *g, struct nexthop_group_stats *out)
{
	*out = g->control->stats;
}
