/* SPDX-License-Identifier: BSD-2-Clause */

/* What objects there are, for people and programs. */

#include <errno.h>
#include <stdlib.h>

#include "stack/nexthop/object_impl.h"

struct nexthop_object *
nexthop_object_next(
    const struct nexthop_objects *t, size_t *chain, struct nexthop_object *o)
{
	struct nexthop_group_link *l = o == NULL ? NULL : o->by_id.next;

	while (l == NULL && *chain <= t->by_id.mask)
		l = t->by_id.head[(*chain)++];
	return l == NULL ? NULL
			 : NEXTHOP_CONTAINER(l, struct nexthop_object, by_id);
}

int
nexthop_object_get(
    struct nexthop_objects *t, uint32_t id, struct nexthop_object_config *out)
{
	const struct nexthop_object *o = nexthop_object_find(t, id);

	if (o == NULL)
		return -ENOENT;
	*out = o->cfg;
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	const struct nexthop_object *const *x = a, *const *y = b;

	return ((*x)->cfg.id > (*y)->cfg.id) - ((*x)->cfg.id < (*y)->cfg.id);
}

int
nexthop_object_walk(struct nexthop_objects *t,
    int (*fn)(void *arg, const struct nexthop_object_config *cfg), void *arg)
{
	struct nexthop_object **all = calloc(t->by_id.n + 1, sizeof(*all));
	struct nexthop_object *o = NULL;
	size_t chain = 0, n = 0;
	int error = 0;

	if (all == NULL)
		return -ENOMEM;
	while ((o = nexthop_object_next(t, &chain, o)) != NULL)
		all[n++] = o;
	qsort(all, n, sizeof(*all), by_number);
	for (size_t i = 0; i < n && error == 0; i++)
		error = fn(arg, &all[i]->cfg);
	free(all);
	return error;
}

/* Does the group of a member come to this adjacency? */
static bool
comes_to(const struct nexthop_group *grp, uint32_t adj)
{
	return grp->now != NULL &&
	       nexthop_group_content_find(grp->now, adj) < grp->now->n;
}

int
nexthop_object_bucket(struct nexthop_objects *t, uint32_t id,
    unsigned int index, uint32_t *member, uint64_t *unused)
{
	const struct nexthop_object *o = nexthop_object_find(t, id);
	const struct nexthop_group *grp;
	uint32_t adj;

	if (o == NULL)
		return -ENOENT;
	grp = o->grp;
	if (grp->res == NULL)
		return -EINVAL;
	if (index >= 1u << grp->res->run.order || grp->now == NULL)
		return -ENOENT;
	/* relaxed: only writers store buckets. */
	adj = sync_load_relaxed(&t->g->bucket[grp->res->run.first + index]);
	for (unsigned int i = 0; i < grp->nparts; i++)
		if (comes_to(grp->part[i].of, adj))
			*member = grp->part[i].of->object->cfg.id;
	*unused = nexthop_group_resilient_unused(
	    t->g, grp, index, nexthop_group_now(t->g));
	return 0;
}
