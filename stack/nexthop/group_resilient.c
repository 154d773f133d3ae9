/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Resilient groups: a fixed run of buckets, each of which moves to another
 * member only when its own is gone, when no flow used it for a while (idle
 * timer), or when the group was out of balance for too long (unbalanced timer).
 * Timers and defaults are those of Linux (ip-nexthop(8)).
 *
 * Workers note in cells of their own in which tick they used a bucket; the
 * newest of these is when it was used last.  A tick that a bucket moved in
 * counts as used, since the two cannot be told apart.
 *
 * Invariants: between calls every bucket of a group with members has one of
 * them; buckets of a group without members are not looked at.
 */

#include <errno.h>
#include <stdlib.h>

#include "stack/nexthop/group_impl.h"

int
nexthop_group_resilient_make(struct nexthop_groups *g, unsigned int buckets,
    struct nexthop_group_resilient **out)
{
	struct nexthop_group_resilient *r;
	unsigned int order = NEXTHOP_GROUP_ORDER_MIN;
	int error;

	while (1u << order < buckets)
		order++;
	r = calloc(1, sizeof(*r) + sizeof(r->moved[0]) * (1u << order));
	if (r == NULL)
		return -ENOMEM;
	error = nexthop_group_run_alloc(g, order, &r->run);
	if (error != 0) {
		free(r);
		return error;
	}
	for (uint32_t i = 0; i < 1u << order; i++)
		/* relaxed: the store of the word publishes them. */
		sync_store_relaxed(&g->bucket[r->run.first + i], 0);
	*out = r;
	return 0;
}

void
nexthop_group_resilient_drop(
    struct nexthop_groups *g, struct nexthop_group_resilient *r)
{
	if (r == NULL)
		return;
	nexthop_group_run_free(g->control, r->run);
	free(r);
}

static void
unused(struct nexthop_groups *g, struct nexthop_group_wait *w)
{
	nexthop_group_resilient_drop(
	    g, NEXTHOP_CONTAINER(w, struct nexthop_group_resilient, wait));
}

void
nexthop_group_resilient_retire(
    struct nexthop_groups *g, struct nexthop_group_resilient *r)
{
	if (r != NULL)
		nexthop_group_wait_add(g, &r->wait, unused);
}

/* The balance of a group. */
struct balance {
	unsigned int want[NEXTHOP_MEMBERS_MAX], have[NEXTHOP_MEMBERS_MAX];
	unsigned int next; /* members before it have what they want */
};

static unsigned int
member_of(
    const struct nexthop_groups *g, const struct nexthop_group *grp, uint32_t i)
{
	/* relaxed: only writers store buckets. */
	return nexthop_group_content_find(
	    grp->now, sync_load_relaxed(&g->bucket[grp->res->run.first + i]));
}

static void
bucket_set(struct nexthop_groups *g, struct nexthop_group *grp, uint32_t i,
    struct balance *b, uint64_t now)
{
	while (b->have[b->next] >= b->want[b->next])
		b->next++;
	b->have[b->next]++;
	grp->res->moved[i] = nexthop_group_tick(now);
	/* BUCKET release: pairs with the acquire in nexthop_bucket_get. */
	sync_store_release(&g->bucket[grp->res->run.first + i],
	    grp->now->member[b->next].adj->id);
	g->control->stats.edits++;
}

/* Ticks since bucket i was used; UINT32_MAX: not since it was moved. */
static uint32_t
age_of(const struct nexthop_groups *g, const struct nexthop_group *grp,
    uint32_t i, uint32_t tick)
{
	const struct nexthop_group_resilient *r = grp->res;
	uint32_t seen, age = UINT32_MAX;

	for (unsigned int w = 0; w < g->control->limits.workers; w++) {
		/* relaxed: a use that is missed is one of this moment. */
		seen = sync_load_relaxed(
		    &g->control->marks[w].seen[r->run.first + i]);
		if (seen == 0 || (int32_t)(seen - r->moved[i]) < 0)
			continue;
		/* The worker's clock may be a moment ahead. */
		if ((int32_t)(tick - seen) < 0)
			age = 0;
		else if (tick - seen < age)
			age = tick - seen;
	}
	return age;
}

/*
 * When bucket i may be moved, ns; 0: it was not used since it was moved.
 * The use was before the end of the tick that is noted.
 */
static uint64_t
idle_at(const struct nexthop_groups *g, const struct nexthop_group *grp,
    uint32_t i, uint64_t now)
{
	const uint32_t age = age_of(g, grp, i, nexthop_group_tick(now));

	if (age == UINT32_MAX || grp->res->idle == 0)
		return 0;
	return (now / NEXTHOP_GROUP_TICK_NS + 1 - age) * NEXTHOP_GROUP_TICK_NS +
	       grp->res->idle;
}

uint64_t
nexthop_group_resilient_unused(struct nexthop_groups *g,
    const struct nexthop_group *grp, uint32_t i, uint64_t now)
{
	const uint32_t age = age_of(g, grp, i, nexthop_group_tick(now));

	return age == UINT32_MAX ? UINT64_MAX : age * NEXTHOP_GROUP_TICK_NS;
}

static bool
unbalanced(const struct nexthop_group *grp, const struct balance *b)
{
	for (unsigned int m = 0; m < grp->now->n; m++)
		if (b->have[m] > b->want[m])
			return true;
	return false;
}

/* Buckets of members with too many: those that are idle, or all. */
static uint64_t
rebalance(struct nexthop_groups *g, struct nexthop_group *grp,
    struct balance *b, uint64_t now)
{
	struct nexthop_group_resilient *r = grp->res;
	uint64_t next = UINT64_MAX, at;
	bool force;

	if (r->since == 0)
		r->since = now;
	force = r->unbalanced != 0 && now - r->since >= r->unbalanced;
	for (uint32_t i = 0; i < 1u << r->run.order; i++) {
		const unsigned int m = member_of(g, grp, i);

		if (b->have[m] <= b->want[m])
			continue;
		at = force ? 0 : idle_at(g, grp, i, now);
		if (at <= now) {
			b->have[m]--;
			bucket_set(g, grp, i, b, now);
		} else if (at < next) {
			next = at;
		}
	}
	if (!unbalanced(grp, b)) {
		r->since = 0;
		return UINT64_MAX;
	}
	if (r->unbalanced != 0 && r->since + r->unbalanced < next)
		next = r->since + r->unbalanced;
	return next;
}

uint64_t
nexthop_group_resilient_upkeep(
    struct nexthop_groups *g, struct nexthop_group *grp, uint64_t now)
{
	const uint32_t total = 1u << grp->res->run.order;
	struct balance b = {0};
	unsigned int m;

	if (grp->now == NULL)
		return UINT64_MAX;
	nexthop_group_content_share(grp->now, total, b.want);
	for (uint32_t i = 0; i < total; i++) {
		m = member_of(g, grp, i);
		if (m < grp->now->n)
			b.have[m]++;
	}
	for (uint32_t i = 0; i < total; i++)
		if (member_of(g, grp, i) == grp->now->n)
			bucket_set(g, grp, i, &b, now);
	if (unbalanced(grp, &b))
		return rebalance(g, grp, &b, now);
	grp->res->since = 0;
	return UINT64_MAX;
}
