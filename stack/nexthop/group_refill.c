/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Members change in the buckets that a group has: where there are no others to
 * be had, and for an interface that goes, which nothing may keep.  Needs no
 * memory.
 *
 * Readers look meanwhile.  A bucket keeps its member as far as the new share
 * goes, and gets another by one store, so each flow goes by what it had or by
 * what it will have; the group as a whole is in between for a moment.  Members
 * that leave are given back after the last bucket.
 *
 * Ordering pairs: group.c.
 */

#include "stack/nexthop/group_impl.h"

static unsigned int
member_of(const struct nexthop_groups *g, const struct nexthop_group_content *c,
    uint32_t at)
{
	/* relaxed: only writers store buckets. */
	return nexthop_group_content_find(c, sync_load_relaxed(&g->bucket[at]));
}

/* Have the buckets of c's run lead to its members. */
static void
refill(struct nexthop_groups *g, const struct nexthop_group_content *c)
{
	const uint32_t first = c->run.first, total = 1u << c->run.order;
	unsigned int want[NEXTHOP_MEMBERS_MAX] = {0};
	unsigned int have[NEXTHOP_MEMBERS_MAX] = {0};
	unsigned int kept[NEXTHOP_MEMBERS_MAX] = {0};
	unsigned int m, next = 0;

	nexthop_group_content_share(c, total, want);
	for (uint32_t i = 0; i < total; i++) {
		m = member_of(g, c, first + i);
		if (m < c->n && have[m] < want[m])
			have[m]++;
	}
	for (uint32_t i = 0; i < total; i++) {
		m = member_of(g, c, first + i);
		if (m < c->n && kept[m] < want[m]) {
			kept[m]++;
			continue;
		}
		while (have[next] >= want[next])
			next++;
		have[next]++;
		/* BUCKET release: pairs with the acquire in nexthop_bucket_get.
		 */
		sync_store_release(
		    &g->bucket[first + i], c->member[next].adj->id);
		g->control->stats.edits++;
	}
}

void
nexthop_group_refill_take(struct nexthop_groups *g, struct nexthop_group *grp,
    struct nexthop_group_content *c)
{
	SYNC_REQUIRE(grp->now != NULL && grp->now->run.order != 0);
	c->run = grp->now->run;
	grp->now->run = (struct nexthop_group_run){0};
	refill(g, c);
}

/* The first member of c from number i on that leaves by netif, or c->n. */
static unsigned int
by_netif(const struct nexthop_group_content *c, unsigned int i, netif_id netif)
{
	while (i < c->n && c->member[i].adj->hop.netif != netif)
		i++;
	return i;
}

/* Move what stays to the front.  Returns: how many do. */
static unsigned int
part_from(struct nexthop_group_content *c, netif_id netif)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->n; i++) {
		const struct nexthop_group_member m = c->member[i];

		if (m.adj->hop.netif == netif)
			continue;
		c->member[i] = c->member[n];
		c->member[n++] = m;
	}
	return n;
}

static void
purge(struct nexthop_groups *g, struct nexthop_group *grp, netif_id netif)
{
	struct nexthop_group_content *c = grp->now;
	unsigned int all, stay;

	if (c == NULL || by_netif(c, 0, netif) == c->n)
		return;
	all = c->n;
	stay = part_from(c, netif);
	if (stay == 0) {
		nexthop_group_change(g, grp, NULL);
		return;
	}
	c->n = stay;
	if (grp->res == NULL && stay > 1)
		refill(g, c);
	nexthop_group_publish(g, grp);
	while (all-- > stay)
		nexthop_group_adj_release(g, c->member[all].adj);
}

void
nexthop_group_refill_purge(struct nexthop_groups *g, netif_id netif)
{
	struct nexthop_group_control *c = g->control;

	SYNC_REQUIRE(netif != 0 && TAILQ_EMPTY(&c->staged));
	for (uint32_t id = 1; id < c->groups_fresh; id++)
		if (c->group[id]->refs != 0)
			purge(g, c->group[id], netif);
}
