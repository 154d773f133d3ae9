/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Recursive next hops.  Each gateway that is on no link is tracked once per
 * table: which group carries packets to it now, and which groups go by it.  A
 * route that changes leads to the gateways inside its prefix, these to the
 * groups that use them, and these, if their members change, to the groups and
 * gateways that go by them in turn.
 *
 * Everything is computed aside first: a group has its next content, a gateway
 * remembers its former answer, until all of it is published or forgotten.
 *
 * A group that would go by itself goes by nothing at that point, until the
 * loop is gone (RFC 4271 section 9.1.2.1 calls such routes unresolvable).
 *
 * Invariants
 *   I1  track[] is sorted by key, without equals, and holds those with users.
 *   I2  A group is on the staged list exactly while staged; a gateway, while
 *       its answer is not the one of the last commit.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/nexthop/group_impl.h"

void
nexthop_resolve_via_set(
    struct nexthop_groups *g, nexthop_resolve_via_fn fn, void *arg)
{
	g->control->lookup = fn;
	g->control->lookup_arg = arg;
}

static struct nexthop_hop
key_make(uint32_t table, uint8_t af, const uint8_t *gateway)
{
	struct nexthop_hop key = {
	    .kind = NEXTHOP_VIA, .af = af, .table = table};

	memcpy(key.gateway, gateway,
	    af == NETIF_AF_INET ? 4 : sizeof(key.gateway));
	return key;
}

/* The index of the first gateway not before key. */
static size_t
lower_bound(
    const struct nexthop_group_control *c, const struct nexthop_hop *key)
{
	size_t from = 0, to = c->ntracks;

	while (from < to) {
		const size_t mid = (from + to) / 2;

		if (memcmp(&c->track[mid]->key, key, sizeof(*key)) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* The group that carries packets to t's gateway, as the table says. */
static struct nexthop_group *
look_up(struct nexthop_groups *g, const struct nexthop_resolve_track *t)
{
	struct nexthop_group_control *c = g->control;
	uint32_t id;

	if (c->lookup == NULL)
		return NULL;
	id = c->lookup(c->lookup_arg, t->key.table, (enum netif_af)t->key.af,
	    t->key.gateway);
	return nexthop_group_find(g, id);
}

static void
answer_set(struct nexthop_resolve_track *t, struct nexthop_group *answer)
{
	if (t->answer != NULL)
		LIST_REMOVE(t, of_answer);
	t->answer = answer;
	if (answer != NULL)
		LIST_INSERT_HEAD(&answer->answers, t, of_answer);
}

static void
release(struct nexthop_groups *g, struct nexthop_group *grp)
{
	if (grp != NULL)
		nexthop_group_release(g, grp->id);
}

static int
track_make(struct nexthop_groups *g, const struct nexthop_hop *key, size_t at)
{
	struct nexthop_group_control *c = g->control;
	struct nexthop_resolve_track *t, **grown;
	struct nexthop_group *answer;

	if (c->ntracks == c->tracks_cap) {
		const size_t cap = c->tracks_cap == 0 ? 64 : 2 * c->tracks_cap;

		grown = realloc(c->track, cap * sizeof(*grown));
		if (grown == NULL)
			return -ENOMEM;
		c->track = grown;
		c->tracks_cap = cap;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->key = *key;
	answer = look_up(g, t);
	if (answer != NULL)
		answer->refs++;
	answer_set(t, answer);
	memmove(
	    &c->track[at + 1], &c->track[at], (c->ntracks - at) * sizeof(t));
	c->track[at] = t;
	c->ntracks++;
	return 0;
}

int
nexthop_resolve_via_attach(
    struct nexthop_groups *g, struct nexthop_group_part *part)
{
	const struct nexthop_hop key =
	    key_make(part->hop.table, part->hop.af, part->hop.gateway);
	struct nexthop_group_control *c = g->control;
	const size_t at = lower_bound(c, &key);
	int error;

	if (at == c->ntracks ||
	    memcmp(&c->track[at]->key, &key, sizeof(key)) != 0) {
		error = track_make(g, &key, at);
		if (error != 0)
			return error;
	}
	part->track = c->track[at];
	LIST_INSERT_HEAD(&part->track->users, part, user);
	return 0;
}

void
nexthop_resolve_via_detach(
    struct nexthop_groups *g, struct nexthop_group_part *part)
{
	struct nexthop_group_control *c = g->control;
	struct nexthop_resolve_track *t = part->track;
	struct nexthop_group *answer = t->answer, *before = t->before;
	size_t at;

	part->track = NULL;
	LIST_REMOVE(part, user);
	if (!LIST_EMPTY(&t->users))
		return;
	at = lower_bound(c, &t->key);
	c->ntracks--;
	memmove(
	    &c->track[at], &c->track[at + 1], (c->ntracks - at) * sizeof(t));
	if (t->due)
		LIST_REMOVE(t, on_due);
	if (t->staged)
		LIST_REMOVE(t, on_staged);
	answer_set(t, NULL);
	free(t);
	release(g, answer);
	release(g, before);
}

/* Does "by" lead to target, as staged? */
static bool
leads_to(struct nexthop_group_control *c, const struct nexthop_group *target,
    struct nexthop_group *by)
{
	if (by == target)
		return true;
	if (by->visited == c->visit)
		return false;
	by->visited = c->visit;
	for (unsigned int i = 0; i < by->nparts; i++) {
		const struct nexthop_group_part *p = &by->part[i];
		struct nexthop_group *next = p->of;

		if (p->track != NULL)
			next = p->track->answer;
		if (next != NULL && leads_to(c, target, next))
			return true;
	}
	return false;
}

bool
nexthop_resolve_via_loops(struct nexthop_groups *g,
    const struct nexthop_group *grp, struct nexthop_group *by)
{
	g->control->visit++;
	return leads_to(g->control, grp, by);
}

/* All that goes by the members of these parts. */
static int
restage_users(struct nexthop_groups *g, struct nexthop_group_parts *users)
{
	struct nexthop_group_part *p;
	int error = 0;

	LIST_FOREACH(p, users, user)
	{
		error = nexthop_resolve_via_restage(g, p->group);
		if (error != 0)
			break;
	}
	return error;
}

int
nexthop_resolve_via_restage(struct nexthop_groups *g, struct nexthop_group *grp)
{
	struct nexthop_resolve_track *t;
	struct nexthop_group_content *c;
	int error = nexthop_group_content_make(g, grp, &c);

	if (error != 0)
		return error;
	if (nexthop_group_content_same(c, nexthop_group_staged(grp))) {
		nexthop_group_content_drop(g, c);
		return 0;
	}
	if (grp->staged) {
		nexthop_group_content_drop(g, grp->next);
	} else {
		TAILQ_INSERT_TAIL(&g->control->staged, grp, on_staged);
		grp->staged = true;
	}
	grp->next = c;
	error = restage_users(g, &grp->users);
	LIST_FOREACH(t, &grp->answers, of_answer)
	{
		if (error != 0)
			break;
		error = restage_users(g, &t->users);
	}
	return error;
}

/* Are the first plen bits of both the same? */
static bool
inside(const uint8_t *addr, const uint8_t *prefix, unsigned int plen)
{
	const unsigned int bytes = plen / 8, bits = plen % 8;

	return memcmp(addr, prefix, bytes) == 0 &&
	       (bits == 0 || (addr[bytes] ^ prefix[bytes]) >> (8 - bits) == 0);
}

size_t
nexthop_resolve_via_stage(struct nexthop_groups *g, uint32_t table,
    enum netif_af af, const uint8_t *prefix, unsigned int plen)
{
	const struct nexthop_hop key = key_make(table, (uint8_t)af, prefix);
	struct nexthop_group_control *c = g->control;
	size_t count = 0;

	for (size_t i = lower_bound(c, &key); i < c->ntracks; i++) {
		struct nexthop_resolve_track *t = c->track[i];
		const struct nexthop_group_part *p;

		if (t->key.af != key.af || t->key.table != table ||
		    !inside(t->key.gateway, prefix, plen))
			break;
		LIST_FOREACH(p, &t->users, user)
		count++;
		if (!t->due)
			LIST_INSERT_HEAD(&c->tracks_due, t, on_due);
		t->due = true;
	}
	return count;
}

/* Look one gateway up again. */
static int
renew(struct nexthop_groups *g, struct nexthop_resolve_track *t)
{
	struct nexthop_group *answer = look_up(g, t);

	if (answer == t->answer)
		return 0;
	if (answer != NULL)
		answer->refs++;
	if (t->staged) {
		release(g, t->answer);
	} else {
		t->before = t->answer;
		t->staged = true;
		LIST_INSERT_HEAD(&g->control->tracks_staged, t, on_staged);
	}
	answer_set(t, answer);
	return restage_users(g, &t->users);
}

/* A changed answer may have ended loops that it is not part of. */
static int
restage_looped(struct nexthop_groups *g)
{
	struct nexthop_group_list again = LIST_HEAD_INITIALIZER(again);
	struct nexthop_group *grp;
	int error = 0;

	while ((grp = LIST_FIRST(&g->control->looped)) != NULL) {
		LIST_REMOVE(grp, on_looped);
		LIST_INSERT_HEAD(&again, grp, on_looped);
	}
	while (error == 0 && (grp = LIST_FIRST(&again)) != NULL) {
		LIST_REMOVE(grp, on_looped);
		grp->looped = false;
		error = nexthop_resolve_via_restage(g, grp);
	}
	while ((grp = LIST_FIRST(&again)) != NULL) {
		LIST_REMOVE(grp, on_looped);
		LIST_INSERT_HEAD(&g->control->looped, grp, on_looped);
	}
	return error;
}

int
nexthop_resolve_via_prepare(struct nexthop_groups *g)
{
	struct nexthop_group_control *c = g->control;
	struct nexthop_resolve_track *t;
	int error = 0;

	if (LIST_EMPTY(&c->tracks_due))
		return 0;
	nexthop_group_wait_run(g);
	while (error == 0 && (t = LIST_FIRST(&c->tracks_due)) != NULL) {
		LIST_REMOVE(t, on_due);
		t->due = false;
		error = renew(g, t);
	}
	if (error == 0 && !LIST_EMPTY(&c->looped))
		error = restage_looped(g);
	if (error != 0)
		nexthop_resolve_via_abort(g);
	return error;
}

void
nexthop_resolve_via_commit(struct nexthop_groups *g)
{
	struct nexthop_group_control *c = g->control;
	struct nexthop_resolve_track *t;
	struct nexthop_group *grp, *before;

	while ((grp = TAILQ_FIRST(&c->staged)) != NULL) {
		struct nexthop_group_content *next = grp->next;

		TAILQ_REMOVE(&c->staged, grp, on_staged);
		grp->staged = false;
		grp->next = NULL;
		nexthop_group_change(g, grp, next);
	}
	while ((t = LIST_FIRST(&c->tracks_staged)) != NULL) {
		LIST_REMOVE(t, on_staged);
		t->staged = false;
		before = t->before;
		t->before = NULL;
		release(g, before);
	}
}

void
nexthop_resolve_via_abort(struct nexthop_groups *g)
{
	struct nexthop_group_control *c = g->control;
	struct nexthop_resolve_track *t;
	struct nexthop_group *grp, *answer;

	while ((grp = TAILQ_FIRST(&c->staged)) != NULL) {
		TAILQ_REMOVE(&c->staged, grp, on_staged);
		grp->staged = false;
		nexthop_group_content_drop(g, grp->next);
		grp->next = NULL;
		/* It may be in the loop again that it was out of. */
		if (!grp->looped)
			LIST_INSERT_HEAD(&c->looped, grp, on_looped);
		grp->looped = true;
	}
	while ((t = LIST_FIRST(&c->tracks_staged)) != NULL) {
		LIST_REMOVE(t, on_staged);
		t->staged = false;
		answer = t->answer;
		answer_set(t, t->before);
		t->before = NULL;
		release(g, answer);
	}
	while ((t = LIST_FIRST(&c->tracks_due)) != NULL) {
		LIST_REMOVE(t, on_due);
		t->due = false;
	}
}
