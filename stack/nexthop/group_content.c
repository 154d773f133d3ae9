/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a group comes to: its parts flattened to adjacencies with weights, and
 * these dealt out to buckets.
 *
 * A part counts as much as its weight says, however many members it comes to;
 * its weight is divided among them.  A member gets its share of the buckets by
 * largest remainder, at least one unless there are fewer buckets than members.
 * There are as many buckets as it takes to keep every share within 1 % (2 % is
 * what the last bucket may make of 64), or NEXTHOP_BUCKETS_MAX.  A bucket keeps
 * its member where there is one with this adjacency before and after, also when
 * the number of buckets doubles: its index is the high bits of the mixed hash.
 *
 * What a gateway leads to may be more than fits, and is nobody's fault who only
 * changed a route: then some of it is left out.  Next hops that are named come
 * first, at most NEXTHOP_HOPS_MAX, so that these always fit.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/nexthop/group_impl.h"

/* What a weight is scaled by, so that it can be divided. */
#define SCALE 4096u

_Static_assert(NEXTHOP_HOPS_MAX <= 64, "a bit of cut each");
_Static_assert(NEXTHOP_HOPS_MAX <= NEXTHOP_MEMBERS_MAX, "what is named fits");

unsigned int
nexthop_group_content_find(const struct nexthop_group_content *c, uint32_t adj)
{
	unsigned int i = 0;

	while (i < c->n && c->member[i].adj->id != adj)
		i++;
	return i;
}

/* Part i has a next hop that does not fit. */
static void
leave_out(struct nexthop_group_content *c, unsigned int i)
{
	c->left_out++;
	c->cut |= UINT64_C(1) << i;
}

/*
 * Add weight for a, of part number "of"; takes the reference, also if it
 * fails.
 */
static int
add(struct nexthop_groups *g, struct nexthop_group_content **c, unsigned int of,
    struct nexthop_adjacency *a, uint64_t weight)
{
	struct nexthop_group_content *x = *c;
	const unsigned int i = nexthop_group_content_find(x, a->id);
	unsigned int cap;

	if (weight == 0)
		weight = 1;
	if (i < x->n) {
		nexthop_group_adj_release(g, a);
		x->member[i].weight += weight;
		return 0;
	}
	if (x->n == NEXTHOP_MEMBERS_MAX) {
		nexthop_group_adj_release(g, a);
		leave_out(x, of);
		return 0;
	}
	if (x->n == x->cap) {
		cap = 2 * x->cap;
		x = realloc(x, sizeof(*x) + cap * sizeof(x->member[0]));
		if (x == NULL) {
			nexthop_group_adj_release(g, a);
			return -ENOMEM;
		}
		x->cap = cap;
		*c = x;
	}
	x->member[x->n++] =
	    (struct nexthop_group_member){.adj = a, .weight = weight};
	return 0;
}

/* Where packets for gateway go if its own route goes by member m. */
static int
follow(struct nexthop_groups *g, const struct nexthop_group_part *part,
    const struct nexthop_adjacency *m, struct nexthop_adjacency **out)
{
	struct nexthop_hop hop = part->hop;

	*out = NULL;
	switch (m->hop.kind) {
	case NEXTHOP_LINK:
		hop.netif = m->hop.netif;
		return nexthop_group_adj_acquire(g, &hop, out);
	case NEXTHOP_VIA:
	case NEXTHOP_BLACKHOLE:
	case NEXTHOP_UNREACHABLE:
	case NEXTHOP_PROHIBIT:
		/* An object's adjacency may be another next hop tomorrow, and
		 * then ours is, too. */
		*out = (struct nexthop_adjacency *)(uintptr_t)m;
		nexthop_group_adj_hold(*out);
		return 0;
	default: /* nobody forwards to us, or to everybody */
		return 0;
	}
}

/* Add what "by" comes to, in place of the part. */
static int
add_group(struct nexthop_groups *g, struct nexthop_group_content **c,
    const struct nexthop_group_part *part, const struct nexthop_group *by)
{
	const unsigned int of = (unsigned int)(part - part->group->part);
	const struct nexthop_group_content *from =
	    by == NULL ? NULL : nexthop_group_staged(by);
	uint64_t total = 0;
	int error = 0;

	if (from == NULL)
		return 0;
	for (unsigned int i = 0; i < from->n; i++)
		total += from->member[i].weight;
	for (unsigned int i = 0; i < from->n && error == 0; i++) {
		struct nexthop_adjacency *a = from->member[i].adj;
		const uint64_t weight = (uint64_t)part->hop.weight * SCALE *
					from->member[i].weight / total;

		if (part->of != NULL)
			nexthop_group_adj_hold(a);
		else
			error = follow(g, part, a, &a);
		if (error == 0 && a != NULL)
			error = add(g, c, of, a, weight);
		if (error != -ENOSPC)
			continue;
		leave_out(*c, of);
		error = 0;
	}
	return error;
}

/* The group that carries packets to the part's gateway, unless it is grp. */
static struct nexthop_group *
answer_of(struct nexthop_groups *g, struct nexthop_group *grp,
    const struct nexthop_group_part *part)
{
	struct nexthop_group *by = part->track->answer;

	if (by == NULL || !nexthop_resolve_via_loops(g, grp, by))
		return by;
	nexthop_resolve_via_set_looped(g->control, grp, true);
	return NULL;
}

static int
add_part(struct nexthop_groups *g, struct nexthop_group_content **c,
    struct nexthop_group *grp, const struct nexthop_group_part *part)
{
	const unsigned int of = (unsigned int)(part - grp->part);
	struct nexthop_adjacency *a = part->own;
	int error = 0;

	if (part->of != NULL)
		return add_group(g, c, part, part->of);
	if (part->track != NULL)
		return add_group(g, c, part, answer_of(g, grp, part));
	if (a != NULL)
		nexthop_group_adj_hold(a);
	else
		error = nexthop_group_adj_acquire(g, &part->hop, &a);
	return error != 0
		   ? error
		   : add(g, c, of, a, (uint64_t)part->hop.weight * SCALE);
}

/* Does part name a next hop, not a gateway that may come to many? */
static bool
is_named(const struct nexthop_group_part *part)
{
	return part->track == NULL &&
	       (part->of == NULL || part->of->nparts == 0 ||
		   part->of->part->track == NULL);
}

static int
add_parts(struct nexthop_groups *g, struct nexthop_group_content **c,
    struct nexthop_group *grp, bool named)
{
	int error = 0;

	for (unsigned int i = 0; i < grp->nparts && error == 0; i++)
		if (is_named(&grp->part[i]) == named)
			error = add_part(g, c, grp, &grp->part[i]);
	return error;
}

static void
reduce(struct nexthop_group_content *c)
{
	uint64_t a = 0, b;

	for (unsigned int i = 0; i < c->n; i++)
		for (b = c->member[i].weight; b != 0;) {
			const uint64_t rest = a % b;

			a = b;
			b = rest;
		}
	for (unsigned int i = 0; i < c->n && a > 1; i++)
		c->member[i].weight /= a;
}

/* The sum of the weights. */
static uint64_t
weights(const struct nexthop_group_content *c)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < c->n; i++)
		total += c->member[i].weight;
	return total;
}

/* Who has the most too few of total buckets; or too many, if one must go. */
static unsigned int
most_off(const struct nexthop_group_content *c, unsigned int total,
    const unsigned int *count, uint64_t all, bool go)
{
	int64_t worst = INT64_MIN, off;
	unsigned int who = 0;

	for (unsigned int i = 0; i < c->n; i++) {
		if (go && count[i] == 1)
			continue;
		off = (int64_t)(total * c->member[i].weight) -
		      (int64_t)(count[i] * all);
		off = go ? -off : off;
		if (off > worst) {
			worst = off;
			who = i;
		}
	}
	return who;
}

void
nexthop_group_content_share(const struct nexthop_group_content *c,
    unsigned int total, unsigned int *count)
{
	const uint64_t all = weights(c);
	const unsigned int least = total >= c->n ? 1 : 0;
	unsigned int given = 0;

	/* Rounded down, or one; then the largest error is made good first. */
	for (unsigned int i = 0; i < c->n; i++) {
		count[i] = (unsigned int)(total * c->member[i].weight / all);
		if (count[i] < least)
			count[i] = least;
		given += count[i];
	}
	for (; given < total; given++)
		count[most_off(c, total, count, all, false)]++;
	for (; given > total; given--)
		count[most_off(c, total, count, all, true)]--;
}

/* Is every share within one in a hundred of what it should be? */
static bool
exact(const struct nexthop_group_content *c, unsigned int total,
    const unsigned int *count)
{
	const uint64_t all = weights(c);

	for (unsigned int i = 0; i < c->n; i++) {
		const uint64_t want = (uint64_t)total * c->member[i].weight;
		const uint64_t have = count[i] * all;

		if ((want > have ? want - have : have - want) > want / 100)
			return false;
	}
	return true;
}

/* log2 of the buckets for c, at least as many as before. */
static unsigned int
choose_order(const struct nexthop_group_content *c,
    const struct nexthop_group_content *before)
{
	unsigned int count[NEXTHOP_MEMBERS_MAX] = {0};
	unsigned int order = NEXTHOP_GROUP_ORDER_MIN;

	if (before != NULL && before->run.order > order)
		order = before->run.order;
	while (1u << order < c->n)
		order++;
	for (; order < NEXTHOP_GROUP_ORDER_MAX; order++) {
		nexthop_group_content_share(c, 1u << order, count);
		if (exact(c, 1u << order, count))
			break;
	}
	return order;
}

/* The adjacency that bucket i of 1 << order has in before, or 0. */
static uint32_t
had(const struct nexthop_groups *g, const struct nexthop_group_content *before,
    unsigned int order, uint32_t i)
{
	if (before == NULL || before->n == 0)
		return 0;
	if (before->n == 1)
		return before->member[0].adj->id;
	/* relaxed: only writers store buckets. */
	return sync_load_relaxed(
	    &g->bucket[before->run.first + (i >> (order - before->run.order))]);
}

/* Nobody sees the run yet. */
static void
fill(const struct nexthop_groups *g, const struct nexthop_group_content *c,
    const struct nexthop_group_content *before)
{
	const unsigned int order = c->run.order, total = 1u << order;
	unsigned int left[NEXTHOP_MEMBERS_MAX] = {0}, m, next = 0;

	nexthop_group_content_share(c, total, left);
	for (uint32_t i = 0; i < total; i++) {
		m = nexthop_group_content_find(c, had(g, before, order, i));
		/* relaxed: the store of the word publishes them. */
		sync_store_relaxed(&g->bucket[c->run.first + i],
		    m < c->n && left[m] != 0 ? c->member[m].adj->id : 0);
		if (m < c->n && left[m] != 0)
			left[m]--;
	}
	for (uint32_t i = 0; i < total; i++) {
		/* relaxed: as above. */
		if (sync_load_relaxed(&g->bucket[c->run.first + i]) != 0)
			continue;
		while (left[next] == 0)
			next++;
		left[next]--;
		/* relaxed: as above. */
		sync_store_relaxed(
		    &g->bucket[c->run.first + i], c->member[next].adj->id);
	}
}

/* Without buckets there is one member. */
static void
leave_one(struct nexthop_groups *g, const struct nexthop_group *grp,
    struct nexthop_group_content *c)
{
	while (c->n > 1) {
		nexthop_group_adj_release(g, c->member[--c->n].adj);
		c->left_out++;
	}
	c->member[0].weight = 1;
	for (unsigned int i = 0; i < grp->nparts; i++)
		c->cut |= UINT64_C(1) << i;
}

/* What was staged before has buckets that nobody sees: they are free again. */
static void
take_back(struct nexthop_groups *g, const struct nexthop_group *grp)
{
	if (!grp->staged || grp->next == NULL)
		return;
	nexthop_group_run_free(g->control, grp->next->run);
	grp->next->run = (struct nexthop_group_run){0};
}

/* Buckets, if they can be had: its own are refilled, or it has fewer. */
static int
deal(struct nexthop_groups *g, const struct nexthop_group *grp,
    enum nexthop_group_want want, struct nexthop_group_content *c)
{
	unsigned int order, had_order = 0;
	int error;

	take_back(g, grp);
	if (c->n < 2 || grp->res != NULL)
		return 0;
	order = choose_order(c, grp->now);
	if (grp->now != NULL)
		had_order = grp->now->run.order;
	error = nexthop_group_run_alloc(g, order, &c->run);
	if (error != 0 && want == NEXTHOP_GROUP_WHOLE && had_order < order)
		return error;
	c->few = error != 0 && had_order < order;
	if (error != 0 && had_order != 0)
		return 0;
	while (error != 0 && order-- > NEXTHOP_GROUP_ORDER_MIN)
		error = nexthop_group_run_alloc(g, order, &c->run);
	if (error == 0)
		fill(g, c, grp->now);
	else
		leave_one(g, grp, c);
	return 0;
}

int
nexthop_group_content_make(struct nexthop_groups *g, struct nexthop_group *grp,
    enum nexthop_group_want want, struct nexthop_group_content **out)
{
	const unsigned int cap = grp->nparts == 0 ? 1 : grp->nparts;
	struct nexthop_group_content *c =
	    calloc(1, sizeof(*c) + cap * sizeof(c->member[0]));
	int error;

	if (c == NULL)
		return -ENOMEM;
	c->cap = cap;
	nexthop_resolve_via_set_looped(g->control, grp, false);
	error = add_parts(g, &c, grp, true);
	if (error == 0)
		error = add_parts(g, &c, grp, false);
	if (error == 0 && c->n != 0) {
		reduce(c);
		error = deal(g, grp, want, c);
	}
	if (error != 0 || c->n == 0) {
		nexthop_group_content_drop(g, c);
		c = NULL;
	}
	if (error == 0)
		*out = c;
	return error;
}

bool
nexthop_group_content_same(const struct nexthop_group_content *a,
    const struct nexthop_group_content *b)
{
	unsigned int at;

	if (a == NULL || b == NULL)
		return a == b;
	if (a->n != b->n || a->left_out != b->left_out || a->cut != b->cut ||
	    a->few != b->few || (a->few && a->run.order > b->run.order))
		return false;
	for (unsigned int i = 0; i < a->n; i++) {
		at = nexthop_group_content_find(b, a->member[i].adj->id);
		if (at == b->n || a->member[i].weight != b->member[at].weight)
			return false;
	}
	return true;
}

void
nexthop_group_content_drop(
    struct nexthop_groups *g, struct nexthop_group_content *c)
{
	if (c == NULL)
		return;
	for (unsigned int i = 0; i < c->n; i++)
		nexthop_group_adj_release(g, c->member[i].adj);
	nexthop_group_run_free(g->control, c->run);
	free(c);
}

static void
unused(struct nexthop_groups *g, struct nexthop_group_wait *w)
{
	struct nexthop_group_content *c =
	    NEXTHOP_CONTAINER(w, struct nexthop_group_content, wait);

	nexthop_group_run_free(g->control, c->run);
	free(c);
}

void
nexthop_group_content_retire(
    struct nexthop_groups *g, struct nexthop_group_content *c)
{
	if (c == NULL)
		return;
	for (unsigned int i = 0; i < c->n; i++)
		nexthop_group_adj_release(g, c->member[i].adj);
	nexthop_group_wait_add(g, &c->wait, unused);
}
