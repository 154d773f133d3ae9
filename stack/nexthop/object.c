/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Objects are groups with a name.  A single one is a group whose only part is
 * an adjacency of its own, so that a new gateway is one store for all groups
 * that it is in; the part of a group is the group of its member.
 *
 * A change of members computes all groups that it touches aside, with the parts
 * that they will have, and gives the former ones back only when all of it has
 * succeeded.
 *
 * Invariants
 *   I1  An object holds one reference to its group, and each part another to
 *       the group of the member that it names.
 *   I2  The parts of a group are its members, in order.
 */

#include "stack/nexthop/object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/nexthop/object_impl.h"

static int
refuse(const char **why, int error, const char *reason)
{
	*why = reason;
	return error;
}

static int
fail(const char **why, int error)
{
	if (error == -ENOSPC)
		return refuse(why, error, "ids or buckets are used up");
	return refuse(why, error, "out of memory");
}

int
nexthop_object_create(struct nexthop_groups *g, nexthop_object_gone_fn gone,
    void *arg, struct nexthop_objects **out)
{
	struct nexthop_objects *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	if (nexthop_group_hash_init(&t->by_id) != 0) {
		free(t);
		return -ENOMEM;
	}
	t->g = g;
	t->gone = gone;
	t->gone_arg = arg;
	*out = t;
	return 0;
}

void
nexthop_object_watch(
    struct nexthop_objects *t, nexthop_object_changed_fn fn, void *arg)
{
	t->changed = fn;
	t->changed_arg = arg;
}

static void
tell(const struct nexthop_objects *t, const struct nexthop_object_config *cfg,
    enum nexthop_object_change change)
{
	if (t->changed != NULL)
		t->changed(t->changed_arg, cfg, change);
}

static uint64_t
hash_of(uint32_t id)
{
	return nexthop_group_hash_bytes(0, &id, sizeof(id));
}

struct nexthop_object *
nexthop_object_find(const struct nexthop_objects *t, uint32_t id)
{
	struct nexthop_group_link *l =
	    nexthop_group_hash_first(&t->by_id, hash_of(id));

	for (; l != NULL; l = l->next) {
		struct nexthop_object *o =
		    NEXTHOP_CONTAINER(l, struct nexthop_object, by_id);

		if (o->cfg.id == id)
			return o;
	}
	return NULL;
}

static bool
is_drop(const struct nexthop_object *o)
{
	return o->cfg.hop.kind >= NEXTHOP_LOCAL;
}

static int
check_group(const struct nexthop_objects *t,
    const struct nexthop_object_config *cfg, const char **why)
{
	if (cfg->nmembers > NEXTHOP_HOPS_MAX)
		return refuse(why, -E2BIG, "too many members");
	if (cfg->resilient &&
	    (cfg->buckets < 2 || cfg->buckets > NEXTHOP_BUCKETS_MAX))
		return refuse(why, -EINVAL, "buckets are 2 to 8192");
	for (unsigned int i = 0; i < cfg->nmembers; i++) {
		const struct nexthop_object_member *m = &cfg->member[i];
		const struct nexthop_object *o = nexthop_object_find(t, m->id);

		if (m->weight == 0)
			return refuse(why, -EINVAL, "weight is 0");
		if (m->id == cfg->id || (o != NULL && o->cfg.nmembers != 0))
			return refuse(why, -EINVAL, "a group in a group");
		if (o == NULL)
			return refuse(why, -ENOENT, "no such member");
		if (is_drop(o) && cfg->nmembers > 1)
			return refuse(
			    why, -EINVAL, "a drop in a group of several");
		for (unsigned int k = 0; k < i; k++)
			if (cfg->member[k].id == m->id)
				return refuse(why, -EINVAL, "a member twice");
	}
	return 0;
}

static int
check_backup(const struct nexthop_objects *t,
    const struct nexthop_object_config *cfg, const char **why)
{
	const struct nexthop_object *o = nexthop_object_find(t, cfg->id);
	const struct nexthop_object *b = nexthop_object_find(t, cfg->backup);

	if (cfg->backup == 0)
		return 0;
	if (cfg->nmembers == 0)
		return refuse(why, -EINVAL, "only groups have a backup");
	if (cfg->backup == cfg->id)
		return refuse(why, -EINVAL, "a backup of itself");
	if (b == NULL)
		return refuse(why, -ENOENT, "no such backup");
	if (b->backup != NULL || (o != NULL && !LIST_EMPTY(&o->backs)))
		return refuse(why, -EINVAL, "a backup of a backup");
	return 0;
}

static int
check_single(const struct nexthop_object_config *cfg, const char **why)
{
	struct nexthop_hop hop = cfg->hop;

	hop.weight = 1;
	if (cfg->resilient)
		return refuse(why, -EINVAL, "only groups are resilient");
	if (!nexthop_group_hop_valid(&hop))
		return refuse(why, -EINVAL, "not a next hop");
	return 0;
}

/* log2 of what buckets are rounded up to. */
static unsigned int
order_of(unsigned int buckets)
{
	unsigned int order = NEXTHOP_GROUP_ORDER_MIN;

	while (1u << order < buckets)
		order++;
	return order;
}

/* May cfg take the place of old? */
static int
check_replace(const struct nexthop_object *old,
    const struct nexthop_object_config *cfg, const char **why)
{
	const struct nexthop_group_part *p;

	if ((old->cfg.nmembers == 0) != (cfg->nmembers == 0))
		return refuse(why, -EINVAL, "a group for a single next hop");
	if (old->cfg.resilient != cfg->resilient)
		return refuse(why, -EINVAL, "another type of group");
	if (cfg->resilient &&
	    order_of(cfg->buckets) != old->grp->res->run.order)
		return refuse(why, -EINVAL, "another number of buckets");
	if (cfg->nmembers != 0 || cfg->hop.kind < NEXTHOP_LOCAL)
		return 0;
	LIST_FOREACH(p, &old->grp->users, user)
	if (p->group->nparts > 1)
		return refuse(why, -EINVAL, "a drop in a group of several");
	return 0;
}

/* The parts of grp as cfg describes it; NULL without memory, with *error. */
static struct nexthop_group_part *
parts_of(struct nexthop_objects *t, struct nexthop_group *grp,
    const struct nexthop_object_config *cfg, int *error)
{
	const unsigned int n = cfg->nmembers == 0 ? 1 : cfg->nmembers;
	struct nexthop_group_part *part = nexthop_group_parts_make(grp, n);

	*error = -ENOMEM;
	if (part == NULL)
		return NULL;
	*error = 0;
	for (unsigned int i = 0; i < cfg->nmembers; i++) {
		part[i].hop.weight = cfg->member[i].weight;
		nexthop_group_part_of(
		    &part[i], nexthop_object_find(t, cfg->member[i].id)->grp);
	}
	if (cfg->nmembers != 0)
		return part;
	part->hop = cfg->hop;
	part->hop.weight = 1;
	if (cfg->hop.kind == NEXTHOP_VIA && cfg->hop.netif == 0)
		*error = nexthop_resolve_via_attach(t->g, part);
	else
		*error = nexthop_group_adj_own(t->g, &cfg->hop, &part->own);
	if (*error != 0) {
		nexthop_group_parts_free(t->g, part, 1);
		part = NULL;
	}
	return part;
}

/* Copy cfg to o, members included. */
static int
config_copy(
    struct nexthop_object_config *to, const struct nexthop_object_config *cfg)
{
	struct nexthop_object_member *m = NULL;

	if (cfg->nmembers != 0) {
		m = malloc(cfg->nmembers * sizeof(*m));
		if (m == NULL)
			return -ENOMEM;
		memcpy(m, cfg->member, cfg->nmembers * sizeof(*m));
	}
	*to = *cfg;
	to->member = m;
	to->hop.weight = 1;
	if (to->resilient)
		to->buckets = 1u << order_of(cfg->buckets);
	return 0;
}

static void
config_free(struct nexthop_object_config *cfg)
{
	free((void *)(uintptr_t)cfg->member);
}

static void
timers_set(struct nexthop_group *grp, const struct nexthop_object_config *cfg)
{
	if (grp->res == NULL)
		return;
	grp->res->idle = cfg->idle_timer;
	grp->res->unbalanced = cfg->unbalanced_timer;
}

/*
 * Have o, a group, go by b while no member is up; the word is stored with the
 * members, or after.  Returns: the former one's group to release, or NULL.
 */
static struct nexthop_group *
backup_set(struct nexthop_object *o, struct nexthop_object *b)
{
	struct nexthop_group *old = o->grp->backup;

	if (o->backup != NULL)
		LIST_REMOVE(o, on_backs);
	o->backup = b;
	o->grp->backup = b != NULL ? b->grp : NULL;
	if (b == NULL)
		return old;
	LIST_INSERT_HEAD(&b->backs, o, on_backs);
	b->grp->refs++;
	return old;
}

static void
backup_end(struct nexthop_objects *t, struct nexthop_object *o,
    struct nexthop_group *old)
{
	nexthop_group_publish(t->g, o->grp);
	if (old != NULL)
		nexthop_group_release(t->g, old->id);
}

/* Give the new group its parts, buckets and content. */
static int
group_build(struct nexthop_objects *t, struct nexthop_group *grp,
    const struct nexthop_object_config *cfg)
{
	struct nexthop_group_content *c;
	int error;

	grp->part = parts_of(t, grp, cfg, &error);
	if (error != 0)
		return error;
	grp->nparts = cfg->nmembers == 0 ? 1 : cfg->nmembers;
	if (cfg->resilient) {
		error =
		    nexthop_group_resilient_make(t->g, cfg->buckets, &grp->res);
		if (error != 0)
			return error;
		LIST_INSERT_HEAD(&t->g->control->resilient, grp, on_resilient);
		timers_set(grp, cfg);
	}
	error = nexthop_group_content_make(t->g, grp, NEXTHOP_GROUP_WHOLE, &c);
	if (error == 0)
		nexthop_group_change(t->g, grp, c);
	return error;
}

static int
add_new(struct nexthop_objects *t, const struct nexthop_object_config *cfg)
{
	struct nexthop_object *o = calloc(1, sizeof(*o));
	int error;

	if (o == NULL)
		return -ENOMEM;
	error = config_copy(&o->cfg, cfg);
	if (error != 0)
		goto free_object;
	error = nexthop_group_new(t->g, &o->grp);
	if (error != 0)
		goto free_config;
	error = group_build(t, o->grp, &o->cfg);
	if (error != 0)
		goto release_group;
	o->grp->object = o;
	backup_end(t, o, backup_set(o, nexthop_object_find(t, o->cfg.backup)));
	nexthop_group_hash_insert(&t->by_id, &o->by_id, hash_of(cfg->id));
	return 0;
release_group:
	nexthop_group_release(t->g, o->grp->id);
free_config:
	config_free(&o->cfg);
free_object:
	free(o);
	return error;
}

/* A group's former parts, while it is computed with others. */
struct former {
	struct nexthop_group *grp;
	struct nexthop_group_part *part;
	unsigned int nparts;
};

/* grp has these parts from now on; *f keeps the former. */
static void
parts_swap(struct nexthop_group *grp, struct nexthop_group_part *part,
    unsigned int n, struct former *f)
{
	*f = (struct former){
	    .grp = grp, .part = grp->part, .nparts = grp->nparts};
	grp->part = part;
	grp->nparts = n;
}

/* Publish what was computed with the new parts, or go back to the former. */
static void
parts_settle(
    struct nexthop_groups *g, struct former *f, unsigned int n, bool ok)
{
	struct former drop;

	if (ok)
		nexthop_resolve_via_commit(g);
	else
		nexthop_resolve_via_abort(g);
	for (unsigned int i = 0; i < n; i++) {
		drop = f[i];
		if (!ok)
			parts_swap(f[i].grp, f[i].part, f[i].nparts, &drop);
		if (!ok)
			nexthop_resolve_via_suspect(g, f[i].grp);
		nexthop_group_parts_free(g, drop.part, drop.nparts);
	}
}

/* One gateway for another: one word, and no group needs to be looked at. */
static bool
is_move(const struct nexthop_object *o, const struct nexthop_object_config *cfg)
{
	return cfg->nmembers == 0 && o->grp->part->own != NULL &&
	       o->cfg.hop.kind == NEXTHOP_VIA && cfg->hop.kind == NEXTHOP_VIA &&
	       cfg->hop.netif != 0;
}

static int
replace_parts(struct nexthop_objects *t, struct nexthop_object *o,
    const struct nexthop_object_config *cfg)
{
	struct nexthop_group *backup = NULL;
	struct nexthop_group_part *part;
	struct former f;
	int error;

	part = parts_of(t, o->grp, cfg, &error);
	if (error != 0)
		return error;
	parts_swap(o->grp, part, cfg->nmembers == 0 ? 1 : cfg->nmembers, &f);
	nexthop_resolve_via_suspect(t->g, o->grp);
	error = nexthop_resolve_via_restage(t->g, o->grp, NEXTHOP_GROUP_WHOLE);
	if (error == 0)
		error = nexthop_resolve_via_restage_looped(t->g);
	if (error == 0) {
		timers_set(o->grp, cfg);
		backup = backup_set(o, nexthop_object_find(t, cfg->backup));
	}
	parts_settle(t->g, &f, 1, error == 0);
	if (error == 0)
		backup_end(t, o, backup);
	return error;
}

static int
replace(struct nexthop_objects *t, struct nexthop_object *o,
    const struct nexthop_object_config *cfg)
{
	struct nexthop_object_config copy, old = o->cfg;
	int error = config_copy(&copy, cfg);

	if (error != 0)
		return error;
	if (is_move(o, &copy))
		error =
		    nexthop_group_adj_move(t->g, o->grp->part->own, &copy.hop);
	else
		error = replace_parts(t, o, &copy);
	if (error != 0) {
		config_free(&copy);
		return error;
	}
	o->cfg = copy;
	config_free(&old);
	return 0;
}

int
nexthop_object_add(struct nexthop_objects *t,
    const struct nexthop_object_config *cfg, enum nexthop_object_mode mode,
    const char **why)
{
	struct nexthop_object *old = nexthop_object_find(t, cfg->id);
	int error;

	SYNC_REQUIRE(TAILQ_EMPTY(&t->g->control->staged));
	if (cfg->id == 0)
		return refuse(why, -EINVAL, "id is 0");
	if (old != NULL && mode == NEXTHOP_OBJECT_ADD)
		return refuse(why, -EEXIST, "id is in use");
	error = cfg->nmembers == 0 ? check_single(cfg, why)
				   : check_group(t, cfg, why);
	if (error == 0)
		error = check_backup(t, cfg, why);
	if (error == 0 && old != NULL)
		error = check_replace(old, cfg, why);
	if (error != 0)
		return error;
	nexthop_group_wait_run(t->g);
	error = old != NULL ? replace(t, old, cfg) : add_new(t, cfg);
	if (error != 0)
		return fail(why, error);
	tell(t, &nexthop_object_find(t, cfg->id)->cfg,
	    old != NULL ? NEXTHOP_OBJECT_CHANGED : NEXTHOP_OBJECT_ADDED);
	return 0;
}

/* Room to remember n more groups that are emptied.  Returns: 0 or -ENOMEM. */
static int
emptied_reserve(struct nexthop_objects *t, size_t n)
{
	const size_t room = (t->nemptied + n) * 2;
	uint32_t *more;

	if (t->nemptied + n <= t->emptied_room)
		return 0;
	more = realloc(t->emptied, room * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	t->emptied = more;
	t->emptied_room = room;
	return 0;
}

static int
emptied_order(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* Have the routes of all that was emptied taken away, in one go. */
static void
emptied_tell(struct nexthop_objects *t)
{
	if (t->nemptied > 0) {
		qsort(t->emptied, t->nemptied, sizeof(t->emptied[0]),
		    emptied_order);
		t->gone(t->gone_arg, t->emptied, t->nemptied);
	}
	for (size_t i = 0; i < t->nemptied; i++)
		nexthop_group_release(t->g, t->emptied[i]);
	free(t->emptied);
	t->emptied = NULL;
	t->nemptied = t->emptied_room = 0;
}

/* Nobody has o as a backup any more, and it has none. */
static void
backups_drop(struct nexthop_objects *t, struct nexthop_object *o)
{
	struct nexthop_object *user;

	backup_end(t, o, backup_set(o, NULL));
	while ((user = LIST_FIRST(&o->backs)) != NULL) {
		backup_end(t, user, backup_set(user, NULL));
		user->cfg.backup = 0;
		tell(t, &user->cfg, NEXTHOP_OBJECT_CHANGED);
	}
}

/* Take o out of the table; its group is empty, and lives while routes do. */
static void
forget(struct nexthop_objects *t, struct nexthop_object *o)
{
	const uint32_t id = o->grp->id;

	nexthop_group_hash_remove(&t->by_id, &o->by_id);
	backups_drop(t, o);
	o->grp->object = NULL;
	if (t->gone != NULL && o->grp->refs > 1) {
		if (t->nemptied < t->emptied_room) {
			nexthop_group_hold(t->g, id);
			t->emptied[t->nemptied++] = id;
		} else { /* no room to remember it */
			t->gone(t->gone_arg, &id, 1);
		}
	}
	tell(t, &o->cfg, NEXTHOP_OBJECT_REMOVED);
	nexthop_group_release(t->g, id);
	config_free(&o->cfg);
	free(o);
}

/* Compute grp without the part that goes by "less", or empty without NULL. */
static int
stage_without(struct nexthop_groups *g, struct nexthop_group *grp,
    const struct nexthop_group *less, struct former *f)
{
	struct nexthop_group_part *part = NULL;
	unsigned int n = 0;

	if (less != NULL && grp->nparts > 1) {
		part = nexthop_group_parts_make(grp, grp->nparts - 1);
		if (part == NULL)
			return -ENOMEM;
	}
	for (unsigned int i = 0; part != NULL && i < grp->nparts; i++) {
		if (grp->part[i].of == less)
			continue;
		part[n].hop = grp->part[i].hop;
		nexthop_group_part_of(&part[n++], grp->part[i].of);
	}
	parts_swap(grp, part, n, f);
	return nexthop_resolve_via_restage(g, grp, NEXTHOP_GROUP_FITS);
}

/* The members of o, a group, without the object of this id. */
static void
member_drop(struct nexthop_object *o, uint32_t id)
{
	struct nexthop_object_member *m =
	    (struct nexthop_object_member *)(uintptr_t)o->cfg.member;
	unsigned int n = 0;

	for (unsigned int i = 0; i < o->cfg.nmembers; i++)
		if (m[i].id != id)
			m[n++] = m[i];
	o->cfg.nmembers = n;
}

/* Empty o's group and take it out of all that name it, unseen, then at once. */
static int
remove_from_all(struct nexthop_objects *t, struct nexthop_object *o,
    struct nexthop_object **in, unsigned int n)
{
	struct former *f = calloc(n + 1, sizeof(*f));
	unsigned int done = 0;
	int error = 0;

	if (f == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < n && error == 0; i++) {
		error = stage_without(t->g, in[i]->grp, o->grp, &f[i]);
		done += f[i].grp != NULL;
	}
	if (error == 0) {
		error = stage_without(t->g, o->grp, NULL, &f[n]);
		done += f[n].grp != NULL;
	}
	if (error == 0)
		error = nexthop_resolve_via_restage_looped(t->g);
	parts_settle(t->g, f, done, error == 0);
	free(f);
	return error;
}

/* The objects of the groups that name o; NULL without memory. */
static struct nexthop_object **
containers(const struct nexthop_object *o, unsigned int *n)
{
	const struct nexthop_group_part *p;
	struct nexthop_object **in;

	*n = 0;
	LIST_FOREACH(p, &o->grp->users, user)
	(*n)++;
	in = calloc(*n + 1, sizeof(*in));
	*n = 0;
	LIST_FOREACH(p, &o->grp->users, user)
	if (in != NULL)
		in[(*n)++] = p->group->object;
	return in;
}

/* Whoever calls it calls emptied_tell() some time. */
static int
remove_one(struct nexthop_objects *t, uint32_t id, const char **why)
{
	struct nexthop_object *o = nexthop_object_find(t, id), **in;
	unsigned int n;
	int error = -ENOMEM;

	SYNC_REQUIRE(TAILQ_EMPTY(&t->g->control->staged));
	if (o == NULL)
		return refuse(why, -ENOENT, "no such id");
	in = containers(o, &n);
	if (in != NULL)
		error = emptied_reserve(t, (size_t)n + 1);
	if (error == 0)
		error = remove_from_all(t, o, in, n);
	if (error != 0) {
		free(in);
		return fail(why, error);
	}
	for (unsigned int i = 0; i < n; i++) {
		member_drop(in[i], id);
		if (in[i]->cfg.nmembers == 0)
			forget(t, in[i]);
		else
			tell(t, &in[i]->cfg, NEXTHOP_OBJECT_CHANGED);
	}
	free(in);
	forget(t, o);
	return 0;
}

int
nexthop_object_remove(struct nexthop_objects *t, uint32_t id, const char **why)
{
	const int error = remove_one(t, id, why);

	emptied_tell(t);
	return error;
}

int
nexthop_object_remove_all(
    struct nexthop_objects *t, const uint32_t *ids, size_t n, const char **why)
{
	int error = 0, removed = 0;

	for (size_t i = 0; i < n && error == 0; i++) {
		error = remove_one(t, ids[i], why);
		if (error == 0)
			removed++;
		else if (error == -ENOENT)
			error = 0;
	}
	emptied_tell(t);
	return error != 0 ? error : removed;
}

/* Remove o, whose interface goes, without memory: nothing is computed aside. */
static void
take_out(struct nexthop_objects *t, struct nexthop_object *o)
{
	const struct nexthop_group_part *p;

	nexthop_group_refill_purge(t->g, o->cfg.hop.netif);
	while ((p = LIST_FIRST(&o->grp->users)) != NULL) {
		struct nexthop_group *grp = p->group;
		struct nexthop_object *in = grp->object;

		nexthop_group_part_drop(
		    t->g, grp, (unsigned int)(p - grp->part));
		member_drop(in, o->cfg.id);
		if (in->cfg.nmembers == 0)
			forget(t, in);
		else
			tell(t, &in->cfg, NEXTHOP_OBJECT_CHANGED);
	}
	forget(t, o);
}

int
nexthop_object_purge_netif(struct nexthop_objects *t, netif_id netif)
{
	struct nexthop_object *o = NULL;
	size_t chain = 0;
	const char *why;
	int n = 0;

	while ((o = nexthop_object_next(t, &chain, o)) != NULL) {
		if (o->cfg.nmembers != 0 || o->cfg.hop.netif != netif)
			continue;
		if (remove_one(t, o->cfg.id, &why) != 0)
			take_out(t, o);
		n++;
		/* What follows in its chain may have gone with it. */
		o = NULL;
		chain--;
	}
	emptied_tell(t);
	return n;
}

int
nexthop_object_acquire(struct nexthop_objects *t, uint32_t id, uint32_t *group)
{
	struct nexthop_object *o = nexthop_object_find(t, id);

	if (o == NULL)
		return -ENOENT;
	o->grp->refs++;
	*group = o->grp->id;
	return 0;
}

void
nexthop_object_destroy(struct nexthop_objects *t)
{
	struct nexthop_object *o;
	size_t chain = 0;

	t->gone = NULL;
	t->changed = NULL;
	/* In any order: what groups name, they have references to. */
	while ((o = nexthop_object_next(t, &chain, NULL)) != NULL) {
		chain--;
		forget(t, o);
	}
	nexthop_group_hash_fini(&t->by_id);
	free(t);
}
