/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Recursive next hops.  Each gateway that is on no link is tracked once per
 * table: which group carries packets to it now, and which groups go by it.  A
 * route that changes leads to the gateways inside its prefix that were looked
 * up in its table, these to the groups that use them, and these, if their
 * members change, to the groups and gateways that go by them in turn.  Which
 * tables a gateway was looked up in: resolve_path.c.
 *
 * Everything is computed aside first: a group has its next content, a gateway
 * remembers its former answer, until all of it is published or forgotten.
 *
 * A group that would go by itself goes by nothing at that point, until the
 * loop is gone (RFC 4271 section 9.1.2.1 calls such routes unresolvable).  Who
 * is in a loop follows from what the groups go by alone, not from what they
 * come to: when one goes by something else, all that are in a loop with it now,
 * and all that were in any, are computed again, whatever has become of it.
 *
 * A chain of gateways may be as long as the table is: what is to be looked at,
 * and what is to be computed again, waits on lists, not on the stack.
 *
 * Invariants
 *   I1  A gateway that is tracked has users, and watches the tables of its path;
 *       while it is staged, those of its former path, too.
 *   I2  A group is on the staged list exactly while staged; a gateway, from
 *       when its answer or path is another than after the last commit.
 *   I3  A group that goes by nothing somewhere, because of a loop, is on the
 *       list of those; others may be.
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

/* The gateway of this key, or NULL. */
static struct nexthop_resolve_track *
track_find(const struct nexthop_group_control *c, const struct nexthop_hop *key)
{
	const size_t at = nexthop_resolve_path_find(c, key->table, key);

	if (at == c->nwatches || c->watch[at].table != key->table ||
	    memcmp(&c->watch[at].t->key, key, sizeof(*key)) != 0)
		return NULL;
	return c->watch[at].t;
}

static int
track_make(struct nexthop_groups *g, const struct nexthop_hop *key,
    struct nexthop_resolve_track **out)
{
	struct nexthop_resolve_track *t = calloc(1, sizeof(*t));
	struct nexthop_group *answer;
	int error;

	if (t == NULL)
		return -ENOMEM;
	t->key = *key;
	answer = nexthop_resolve_path_walk(g, key, &t->path);
	error = nexthop_resolve_path_reserve(g->control, &t->path);
	if (error != 0) {
		free(t);
		return error;
	}
	if (answer != NULL)
		answer->refs++;
	answer_set(t, answer);
	nexthop_resolve_path_watch(g->control, t, &t->path);
	*out = t;
	return 0;
}

int
nexthop_resolve_via_attach(
    struct nexthop_groups *g, struct nexthop_group_part *part)
{
	const struct nexthop_hop key =
	    key_make(part->hop.table, part->hop.af, part->hop.gateway);
	struct nexthop_resolve_track *t = track_find(g->control, &key);
	int error;

	if (t == NULL) {
		error = track_make(g, &key, &t);
		if (error != 0)
			return error;
	}
	part->track = t;
	LIST_INSERT_HEAD(&t->users, part, user);
	return 0;
}

void
nexthop_resolve_via_detach(
    struct nexthop_groups *g, struct nexthop_group_part *part)
{
	struct nexthop_group_control *c = g->control;
	struct nexthop_resolve_track *t = part->track;
	struct nexthop_group *answer = t->answer, *before = t->before;

	part->track = NULL;
	LIST_REMOVE(part, user);
	if (!LIST_EMPTY(&t->users))
		return;
	nexthop_resolve_path_unwatch(c, t, &t->path, NULL, NULL);
	if (t->due)
		LIST_REMOVE(t, on_due);
	if (t->staged) {
		LIST_REMOVE(t, on_staged);
		nexthop_resolve_path_unwatch(c, t, &t->path_before, NULL, NULL);
	}
	answer_set(t, NULL);
	free(t);
	release(g, answer);
	release(g, before);
}

/* What packets of a part go by, as staged; NULL: by nobody else's members. */
static struct nexthop_group *
goes_by(const struct nexthop_group_part *part)
{
	return part->track != NULL ? part->track->answer : part->of;
}

/* Call fn for all that go by grp, once for each way. */
static void
each_user(struct nexthop_group_control *c, struct nexthop_group *grp,
    void (*fn)(struct nexthop_group_control *c, struct nexthop_group *user))
{
	const struct nexthop_group_part *p;
	const struct nexthop_resolve_track *t;

	LIST_FOREACH(p, &grp->users, user)
	fn(c, p->group);
	LIST_FOREACH(t, &grp->answers, of_answer)
	LIST_FOREACH(p, &t->users, user)
	fn(c, p->group);
}

/* Have grp looked at in this visit, once. */
static void
visit(struct nexthop_group_control *c, struct nexthop_group *grp)
{
	if (grp->visited == c->visit)
		return;
	grp->visited = c->visit;
	SLIST_INSERT_HEAD(&c->to_visit, grp, on_visit);
}

static struct nexthop_group *
visit_next(struct nexthop_group_control *c)
{
	struct nexthop_group *grp = SLIST_FIRST(&c->to_visit);

	if (grp != NULL)
		SLIST_REMOVE_HEAD(&c->to_visit, on_visit);
	return grp;
}

/* Visit all that "by" leads to, up to target, which may be NULL. */
static bool
leads_to(struct nexthop_group_control *c, const struct nexthop_group *target,
    struct nexthop_group *by)
{
	struct nexthop_group *at;

	c->visit++;
	SLIST_INIT(&c->to_visit);
	visit(c, by);
	while ((at = visit_next(c)) != NULL) {
		if (at == target)
			return true;
		for (unsigned int i = 0; i < at->nparts; i++) {
			struct nexthop_group *next = goes_by(&at->part[i]);

			if (next != NULL)
				visit(c, next);
		}
	}
	return false;
}

bool
nexthop_resolve_via_loops(struct nexthop_groups *g,
    const struct nexthop_group *grp, struct nexthop_group *by)
{
	return leads_to(g->control, grp, by);
}

void
nexthop_resolve_via_set_looped(
    struct nexthop_group_control *c, struct nexthop_group *grp, bool looped)
{
	if (looped && !grp->looped)
		LIST_INSERT_HEAD(&c->looped, grp, on_looped);
	else if (!looped && grp->looped)
		LIST_REMOVE(grp, on_looped);
	grp->looped = looped;
}

/* Go back to a group that the visit before this one came by. */
static void
visit_back(struct nexthop_group_control *c, struct nexthop_group *user)
{
	if (user->visited == c->visit - 1)
		visit(c, user);
}

void
nexthop_resolve_via_suspect(struct nexthop_groups *g, struct nexthop_group *grp)
{
	struct nexthop_group_control *c = g->control;

	(void)leads_to(c, NULL, grp);
	c->visit++;
	each_user(c, grp, visit_back);
	while ((grp = visit_next(c)) != NULL) {
		nexthop_resolve_via_set_looped(c, grp, true);
		each_user(c, grp, visit_back);
	}
}

static void
suspect_users(struct nexthop_groups *g, struct nexthop_group_parts *users)
{
	const struct nexthop_group_part *p;

	LIST_FOREACH(p, users, user)
	nexthop_resolve_via_suspect(g, p->group);
}

static void
restage_later(struct nexthop_group_control *c, struct nexthop_group *grp)
{
	if (!grp->due)
		STAILQ_INSERT_TAIL(&c->due, grp, on_due);
	grp->due = true;
}

/* Recompute grp; what goes by it is due if it changes. */
static int
restage_one(struct nexthop_groups *g, struct nexthop_group *grp,
    enum nexthop_group_want want)
{
	struct nexthop_group_content *c;
	int error = nexthop_group_content_make(g, grp, want, &c);
	bool same;

	if (error != 0) {
		/* It may have been looked at in part only. */
		nexthop_resolve_via_set_looped(g->control, grp, true);
		return error;
	}
	same = nexthop_group_content_same(c, nexthop_group_staged(grp));
	if (same && !grp->staged) {
		nexthop_group_content_drop(g, c);
		return 0;
	}
	if (grp->staged) {
		nexthop_group_content_drop(g, grp->next);
	} else {
		TAILQ_INSERT_TAIL(&g->control->staged, grp, on_staged);
		grp->staged = true;
	}
	grp->next = c; /* has the buckets of what was staged before */
	if (!same)
		each_user(g->control, grp, restage_later);
	return 0;
}

/* Recompute what is due, and what comes to be.  An error leaves nothing due. */
static int
restage_due(struct nexthop_groups *g, int error)
{
	struct nexthop_group_control *c = g->control;
	struct nexthop_group *grp;

	while ((grp = STAILQ_FIRST(&c->due)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->due, on_due);
		grp->due = false;
		if (error == 0)
			error = restage_one(g, grp, NEXTHOP_GROUP_FITS);
	}
	return error;
}

int
nexthop_resolve_via_restage(struct nexthop_groups *g, struct nexthop_group *grp,
    enum nexthop_group_want want)
{
	return restage_due(g, restage_one(g, grp, want));
}

/* All that goes by the members of these parts. */
static int
restage_users(struct nexthop_groups *g, struct nexthop_group_parts *users)
{
	struct nexthop_group_part *p;

	LIST_FOREACH(p, users, user)
	restage_later(g->control, p->group);
	return restage_due(g, 0);
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
	const struct nexthop_hop key = key_make(0, (uint8_t)af, prefix);
	struct nexthop_group_control *c = g->control;
	size_t count = 0;

	for (size_t i = nexthop_resolve_path_find(c, table, &key);
	     i < c->nwatches; i++) {
		struct nexthop_resolve_track *t = c->watch[i].t;
		const struct nexthop_group_part *p;

		if (t->key.af != key.af || c->watch[i].table != table ||
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
	struct nexthop_group_control *c = g->control;
	struct nexthop_group *const old = t->answer;
	struct nexthop_resolve_path path;
	struct nexthop_group *answer =
	    nexthop_resolve_path_walk(g, &t->key, &path);
	int error;

	if (answer == old && nexthop_resolve_path_same(&path, &t->path))
		return 0;
	error = nexthop_resolve_path_reserve(c, &path);
	if (error != 0)
		return error;
	nexthop_resolve_path_watch(c, t, &path);
	if (answer != NULL)
		answer->refs++;
	answer_set(t, answer);
	if (t->staged) {
		nexthop_resolve_path_unwatch(
		    c, t, &t->path, &path, &t->path_before);
		t->path = path;
		release(g, old);
	} else {
		t->before = old;
		t->path_before = t->path;
		t->path = path;
		t->staged = true;
		LIST_INSERT_HEAD(&c->tracks_staged, t, on_staged);
	}
	if (answer == old)
		return 0;
	suspect_users(g, &t->users);
	return restage_users(g, &t->users);
}

int
nexthop_resolve_via_restage_looped(struct nexthop_groups *g)
{
	struct nexthop_group_list again = LIST_HEAD_INITIALIZER(again);
	struct nexthop_group *grp;
	int error = 0;

	while ((grp = LIST_FIRST(&g->control->looped)) != NULL) {
		LIST_REMOVE(grp, on_looped);
		LIST_INSERT_HEAD(&again, grp, on_looped);
	}
	while (error == 0 && (grp = LIST_FIRST(&again)) != NULL) {
		nexthop_resolve_via_set_looped(g->control, grp, false);
		error = nexthop_resolve_via_restage(g, grp, NEXTHOP_GROUP_FITS);
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
	if (error == 0)
		error = nexthop_resolve_via_restage_looped(g);
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
		nexthop_resolve_path_unwatch(
		    c, t, &t->path_before, &t->path, NULL);
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
	}
	while ((t = LIST_FIRST(&c->tracks_staged)) != NULL) {
		LIST_REMOVE(t, on_staged);
		t->staged = false;
		answer = t->answer;
		answer_set(t, t->before);
		t->before = NULL;
		nexthop_resolve_path_unwatch(
		    c, t, &t->path, &t->path_before, NULL);
		t->path = t->path_before;
		/* They may be in the loop again that they were out of. */
		suspect_users(g, &t->users);
		release(g, answer);
	}
	while ((t = LIST_FIRST(&c->tracks_due)) != NULL) {
		LIST_REMOVE(t, on_due);
		t->due = false;
	}
}

/* Does grp send packets on, if only to be dropped? */
static bool
sends(const struct nexthop_group *grp)
{
	for (unsigned int i = 0; grp->now != NULL && i < grp->now->n; i++) {
		const uint8_t kind = grp->now->member[i].adj->hop.kind;

		if (kind != NEXTHOP_LOCAL && kind != NEXTHOP_BROADCAST &&
		    kind != NEXTHOP_THROW)
			return true;
	}
	return false;
}

/* Is what part, of grp, comes to not all in grp? */
static bool
is_cut(const struct nexthop_group *grp, const struct nexthop_group_part *part)
{
	return grp->now != NULL && (grp->now->cut >> (part - grp->part) & 1);
}

static void
show_track(struct nexthop_groups *g, const struct nexthop_group_part *part,
    struct nexthop_resolve_info *out)
{
	const struct nexthop_resolve_track *t = part->track;

	*out = (struct nexthop_resolve_info){.hop = part->hop,
	    .end = (enum nexthop_resolve_end)t->path.end,
	    .ntables = t->path.n};
	memcpy(out->table, t->path.table, sizeof(out->table));
	if (t->answer == NULL)
		return;
	if (nexthop_resolve_via_loops(g, part->group, t->answer))
		out->end = NEXTHOP_RESOLVE_ITSELF;
	else if (!sends(t->answer))
		out->end = NEXTHOP_RESOLVE_NOWHERE;
	else if (is_cut(part->group, part))
		out->end = NEXTHOP_RESOLVE_CUT;
}

/* From number at on, as far as there is room.  Returns: the next number. */
static unsigned int
show_group(struct nexthop_groups *g, const struct nexthop_group *grp,
    struct nexthop_resolve_info *out, unsigned int n, unsigned int at)
{
	for (unsigned int i = 0; i < grp->nparts; i++) {
		const struct nexthop_group_part *part = &grp->part[i];
		const unsigned int first = at;

		if (part->of != NULL)
			at = show_group(g, part->of, out, n, at);
		for (unsigned int k = first; k < at && k < n; k++)
			if (out[k].end == NEXTHOP_RESOLVE_FOUND &&
			    is_cut(grp, part))
				out[k].end = NEXTHOP_RESOLVE_CUT;
		if (part->track == NULL)
			continue;
		if (at < n)
			show_track(g, part, &out[at]);
		at++;
	}
	return at;
}

unsigned int
nexthop_resolve_via_show(struct nexthop_groups *g, uint32_t id,
    struct nexthop_resolve_info *out, unsigned int n)
{
	const struct nexthop_group *grp = nexthop_group_find(g, id);

	return grp != NULL ? show_group(g, grp, out, n, 0) : 0;
}

const char *
nexthop_resolve_via_name(enum nexthop_resolve_end end)
{
	static const char *const names[] = {
	    [NEXTHOP_RESOLVE_FOUND] = "found",
	    [NEXTHOP_RESOLVE_NO_ROUTE] = "no route",
	    [NEXTHOP_RESOLVE_LOOP] = "tables lead in a circle",
	    [NEXTHOP_RESOLVE_DEEP] = "too many tables",
	    [NEXTHOP_RESOLVE_ITSELF] = "goes by itself",
	    [NEXTHOP_RESOLVE_NOWHERE] = "leads nowhere",
	    [NEXTHOP_RESOLVE_CUT] = "more next hops than fit",
	};

	return names[end];
}
