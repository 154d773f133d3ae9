/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The next-hop table: group id -> word -> bucket -> adjacency id -> slot, each
 * an array that readers index without a lock.
 *
 * A word says everything about a group at once: its only adjacency, or where
 * its buckets are and how many, and the group to use instead.  Members change
 * by filling other buckets, unseen, and storing the word.  Buckets are edited in
 * place by resilient groups, and where there are no others (group_refill.c).
 *
 * Invariants
 *   I1  A word that a reader may have names buckets that are filled, and each
 *       bucket, and a single word, an adjacency whose slot is set.
 *   I2  A content holds a reference to each of its adjacencies.  Buckets, ids
 *       of adjacencies and ids of groups are used again only after a grace
 *       period that began when the last word was stored, or the last route
 *       taken away, that led to them.
 *   I3  Members are never groups: what a group goes by is flattened into it, so
 *       a reader follows a word, a bucket and a slot, and at most once more
 *       for the backup.
 *   I4  Two shared groups, or shared adjacencies, differ in their description.
 *
 * Ordering pairs
 *   WORD    nexthop_group_publish() stores the word (release) ->
 *           nexthop_word_get() loads it (acquire): the buckets are filled, and
 *           the slots set, before the word is seen.
 *   BUCKET  bucket_set() of group_resilient.c and refill() of group_refill.c
 *           store a bucket (release) -> nexthop_bucket_get() loads it
 *           (acquire): the slot of a new member is set before its id is seen.
 *   SLOT    header_changed() and nexthop_group_adj_move() of group_adj.c store
 *           the slot's address (release) -> nexthop_slot_get() loads it
 *           (acquire): a slot is complete before it is seen.  The first slot
 *           of an id is published by the word or bucket that leads to it.
 *
 * Reclamation
 *   What only the writer frees (buckets, ids, contents) waits on a list, by the
 *   number of its grace period (group_wait.c); slots, which the owner of a
 *   neighbour may replace, go by pserialize_call().
 */

#include "stack/nexthop/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "stack/core/sparse.h"
#include "stack/nexthop/group_impl.h"

#define ADJACENCIES_DEFAULT (1u << 20)
#define ADJACENCIES_MOST    (1u << 31)
#define BUCKETS_DEFAULT     (1u << 22)
#define BUCKETS_MOST        (1u << 30)
#define WORKERS_MOST        1024u

static bool
limits_fill(
    const struct nexthop_group_limits *in, struct nexthop_group_limits *l)
{
	*l = *in;
	if (l->groups == 0)
		l->groups = NEXTHOP_GROUPS_MAX;
	if (l->adjacencies == 0)
		l->adjacencies = ADJACENCIES_DEFAULT;
	if (l->buckets == 0)
		l->buckets = BUCKETS_DEFAULT;
	if (l->workers == 0)
		l->workers = 1;
	return l->groups >= 2 && l->groups <= NEXTHOP_GROUPS_MAX &&
	       l->adjacencies >= 2 && l->adjacencies <= ADJACENCIES_MOST &&
	       l->buckets >= 4 && l->buckets <= BUCKETS_MOST &&
	       (l->buckets & (l->buckets - 1)) == 0 &&
	       l->workers <= WORKERS_MOST;
}

static void
marks_free(struct nexthop_group_control *c)
{
	const struct nexthop_group_limits *l = &c->limits;

	for (unsigned int w = 0; c->marks != NULL && w < l->workers; w++) {
		struct nexthop_group_marks *m = &c->marks[w];

		sparse_free(m->seen, l->buckets, sizeof(*m->seen));
		sparse_free(m->used, l->adjacencies, sizeof(*m->used));
	}
	free(c->marks);
}

static void
table_free(struct nexthop_groups *g)
{
	struct nexthop_group_control *c = g->control;
	const struct nexthop_group_limits *l = &c->limits;

	marks_free(c);
	sparse_free(c->group, l->groups, sizeof(*c->group));
	sparse_free(c->adj, l->adjacencies, sizeof(*c->adj));
	nexthop_group_hash_fini(&c->groups_by_desc);
	nexthop_group_hash_fini(&c->adjs_by_hop);
	nexthop_group_run_fini(c);
	free(c->watch);
	sparse_free(g->word, l->groups, sizeof(*g->word));
	sparse_free(g->bucket, l->buckets, sizeof(*g->bucket));
	sparse_free(g->slot, l->adjacencies, sizeof(*g->slot));
	free(g->down);
	free(c);
	free(g);
}

static int
marks_alloc(struct nexthop_group_control *c)
{
	const struct nexthop_group_limits *l = &c->limits;
	const size_t size = l->workers * sizeof(*c->marks);

	c->marks = aligned_alloc(SYNC_CACHELINE, size);
	if (c->marks == NULL)
		return -ENOMEM;
	memset(c->marks, 0, size);
	for (unsigned int w = 0; w < l->workers; w++) {
		struct nexthop_group_marks *m = &c->marks[w];

		m->seen = sparse_alloc(l->buckets, sizeof(*m->seen));
		m->used = sparse_alloc(l->adjacencies, sizeof(*m->used));
		if (m->seen == NULL || m->used == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int
arrays_alloc(struct nexthop_groups *g)
{
	struct nexthop_group_control *c = g->control;
	const struct nexthop_group_limits *l = &c->limits;

	g->word = sparse_alloc(l->groups, sizeof(*g->word));
	g->bucket = sparse_alloc(l->buckets, sizeof(*g->bucket));
	g->slot = sparse_alloc(l->adjacencies, sizeof(*g->slot));
	g->down = calloc(NEXTHOP_GROUP_PORTS / 64, sizeof(*g->down));
	c->group = sparse_alloc(l->groups, sizeof(*c->group));
	c->adj = sparse_alloc(l->adjacencies, sizeof(*c->adj));
	if (g->word == NULL || g->bucket == NULL || g->slot == NULL ||
	    g->down == NULL || c->group == NULL || c->adj == NULL ||
	    nexthop_group_hash_init(&c->groups_by_desc) != 0 ||
	    nexthop_group_hash_init(&c->adjs_by_hop) != 0 ||
	    nexthop_group_run_init(c) != 0)
		return -ENOMEM;
	return marks_alloc(c);
}

int
nexthop_group_create(const struct nexthop_group_limits *limits,
    const struct nexthop_group_neigh_ops *ops, void *ops_arg,
    struct nexthop_groups **out)
{
	struct nexthop_group_limits l;
	struct nexthop_groups *g;

	if (!limits_fill(limits, &l))
		return -EINVAL;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return -ENOMEM;
	g->control = calloc(1, sizeof(*g->control));
	if (g->control == NULL) {
		free(g);
		return -ENOMEM;
	}
	g->control->limits = l;
	g->control->ops = ops;
	g->control->ops_arg = ops_arg;
	g->control->groups_fresh = g->control->adjs_fresh = 1;
	TAILQ_INIT(&g->control->waits);
	TAILQ_INIT(&g->control->staged);
	STAILQ_INIT(&g->control->due);
	if (arrays_alloc(g) != 0) {
		table_free(g);
		return -ENOMEM;
	}
	g->seed = l.seed;
	/* A failure leaves 0, which only makes the spreading predictable. */
	if (g->seed == 0)
		(void)!getrandom(&g->seed, sizeof(g->seed), GRND_NONBLOCK);
	*out = g;
	return 0;
}

void
nexthop_group_destroy(struct nexthop_groups *g)
{
	struct nexthop_group_control *c = g->control;

	nexthop_resolve_via_abort(g);
	/* In any order: nothing is given back, all is freed. */
	for (uint32_t id = 1; id < c->adjs_fresh; id++)
		if (c->adj[id]->watched)
			c->ops->unwatch(c->ops_arg, &c->adj[id]->watch);
	pserialize_perform();
	while (!TAILQ_EMPTY(&c->waits))
		nexthop_group_wait_all(g);
	for (uint32_t id = 1; id < c->groups_fresh; id++) {
		struct nexthop_group *grp = c->group[id];

		free(grp->now);
		free(grp->res);
		free(grp->part);
		free(grp);
	}
	for (uint32_t id = 1; id < c->adjs_fresh; id++) {
		free(c->adj[id]->base);
		free(c->adj[id]->header);
		free(c->adj[id]);
	}
	nexthop_resolve_path_free(c);
	table_free(g);
}

bool
nexthop_group_hop_valid(const struct nexthop_hop *hop)
{
	static const uint8_t none[16];
	const bool gateway = memcmp(hop->gateway, none, sizeof(none)) != 0;

	if (hop->kind >= NEXTHOP_KIND_COUNT || hop->af >= NETIF_AF_COUNT ||
	    hop->weight == 0 || gateway != (hop->kind == NEXTHOP_VIA))
		return false;
	if (hop->kind == NEXTHOP_VIA)
		return hop->netif == 0 || hop->table == 0;
	return hop->table == 0 &&
	       (hop->netif != 0 || hop->kind != NEXTHOP_LINK);
}

struct nexthop_group *
nexthop_group_find(const struct nexthop_groups *g, uint32_t id)
{
	const struct nexthop_group_control *c = g->control;

	if (id == 0 || id >= c->groups_fresh || c->group[id]->refs == 0)
		return NULL;
	return c->group[id];
}

uint64_t
nexthop_group_now(const struct nexthop_groups *g)
{
	const struct nexthop_group_control *c = g->control;

	return c->limits.clock != NULL ? c->limits.clock(c->limits.clock_arg)
				       : c->told;
}

int
nexthop_group_new(struct nexthop_groups *g, struct nexthop_group **out)
{
	struct nexthop_group_control *c = g->control;
	struct nexthop_group *grp;

	if (SLIST_EMPTY(&c->groups_unused) &&
	    c->groups_fresh == c->limits.groups)
		nexthop_group_wait_all(g);
	grp = SLIST_FIRST(&c->groups_unused);
	if (grp != NULL) {
		SLIST_REMOVE_HEAD(&c->groups_unused, unused);
	} else {
		if (c->groups_fresh == c->limits.groups)
			return -ENOSPC;
		grp = calloc(1, sizeof(*grp));
		if (grp == NULL)
			return -ENOMEM;
		grp->id = c->groups_fresh++;
		c->group[grp->id] = grp;
	}
	grp->refs = 1;
	c->stats.groups++;
	*out = grp;
	return 0;
}

struct nexthop_group_part *
nexthop_group_parts_make(struct nexthop_group *grp, unsigned int n)
{
	struct nexthop_group_part *part = calloc(n, sizeof(*part));

	for (unsigned int i = 0; part != NULL && i < n; i++)
		part[i].group = grp;
	return part;
}

void
nexthop_group_part_of(struct nexthop_group_part *part, struct nexthop_group *of)
{
	of->refs++;
	part->of = of;
	LIST_INSERT_HEAD(&of->users, part, user);
}

static void
part_free(struct nexthop_groups *g, struct nexthop_group_part *part)
{
	if (part->track != NULL)
		nexthop_resolve_via_detach(g, part);
	if (part->own != NULL)
		nexthop_group_adj_release(g, part->own);
	if (part->of == NULL)
		return;
	LIST_REMOVE(part, user);
	nexthop_group_release(g, part->of->id);
}

void
nexthop_group_part_drop(
    struct nexthop_groups *g, struct nexthop_group *grp, unsigned int i)
{
	struct nexthop_group_part *const part = grp->part;

	part_free(g, &part[i]);
	grp->nparts--;
	/* Those behind move up, and with each its place in a list. */
	for (; i < grp->nparts; i++) {
		LIST_REMOVE(&part[i + 1], user);
		part[i] = part[i + 1];
		LIST_INSERT_HEAD(&part[i].of->users, &part[i], user);
	}
}

void
nexthop_group_parts_free(
    struct nexthop_groups *g, struct nexthop_group_part *part, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		part_free(g, &part[i]);
	free(part);
}

/* The word of what grp is now. */
static uint64_t
word_of(const struct nexthop_group *grp)
{
	const uint64_t backup =
	    grp->backup == NULL ? 0 : (uint64_t)grp->backup->id << 32;
	const struct nexthop_group_run *run;
	uint64_t kind = NEXTHOP_WORD_SPREAD;

	if (grp->now == NULL)
		return backup;
	run = &grp->now->run;
	if (grp->res != NULL) {
		kind = NEXTHOP_WORD_RESILIENT;
		run = &grp->res->run;
	} else if (grp->now->n == 1) {
		return backup | (uint64_t)NEXTHOP_WORD_SINGLE << 56 |
		       grp->now->member[0].adj->id;
	}
	return backup | kind << 56 | (uint64_t)run->order << 52 | run->first;
}

void
nexthop_group_publish(struct nexthop_groups *g, struct nexthop_group *grp)
{
	const struct nexthop_group_limits *l = &g->control->limits;
	uint64_t word;

	if (grp->res != NULL &&
	    nexthop_group_resilient_upkeep(g, grp, nexthop_group_now(g)) !=
		UINT64_MAX &&
	    l->ring != NULL)
		l->ring(l->clock_arg);
	word = word_of(grp);
	/* relaxed: only writers store words. */
	if (sync_load_relaxed(&g->word[grp->id]) == word)
		return;
	/* WORD release: pairs with the acquire in nexthop_word_get. */
	sync_store_release(&g->word[grp->id], word);
	g->control->stats.words++;
}

void
nexthop_group_change(struct nexthop_groups *g, struct nexthop_group *grp,
    struct nexthop_group_content *c)
{
	struct nexthop_group_content *old = grp->now;

	if (c != NULL && c->n > 1 && c->run.order == 0 && grp->res == NULL)
		nexthop_group_refill_take(g, grp, c);
	grp->now = c;
	nexthop_group_publish(g, grp);
	nexthop_group_content_retire(g, old);
}

/* What groups are shared by. */
struct desc {
	uint32_t backup;
	unsigned int nhops;
	struct nexthop_hop hops[NEXTHOP_HOPS_MAX];
};

static int
hop_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct nexthop_hop));
}

static int
desc_make(const struct nexthop_groups *g,
    const struct nexthop_group_config *cfg, struct desc *d)
{
	unsigned int a = 0, b, rest;

	if (cfg->nhops == 0 || cfg->nhops > NEXTHOP_HOPS_MAX ||
	    (cfg->backup != 0 && nexthop_group_find(g, cfg->backup) == NULL))
		return -EINVAL;
	d->backup = cfg->backup;
	d->nhops = cfg->nhops;
	for (unsigned int i = 0; i < cfg->nhops; i++) {
		d->hops[i] = cfg->hops[i];
		if (!nexthop_group_hop_valid(&d->hops[i]))
			return -EINVAL;
		for (b = d->hops[i].weight; b != 0; b = rest) {
			rest = a % b;
			a = b;
		}
	}
	for (unsigned int i = 0; i < cfg->nhops; i++)
		d->hops[i].weight = (uint16_t)(d->hops[i].weight / a);
	if (cfg->nhops > 1)
		qsort(d->hops, d->nhops, sizeof(d->hops[0]), hop_order);
	return 0;
}

static bool
desc_fits(const struct nexthop_group *grp, const struct desc *d)
{
	if (grp->nparts != d->nhops ||
	    (grp->backup == NULL ? 0 : grp->backup->id) != d->backup)
		return false;
	for (unsigned int i = 0; i < d->nhops; i++)
		if (hop_order(&grp->part[i].hop, &d->hops[i]) != 0)
			return false;
	return true;
}

/* No reader can have the id any more. */
static void
group_unused(struct nexthop_groups *g, struct nexthop_group_wait *w)
{
	struct nexthop_group *grp =
	    NEXTHOP_CONTAINER(w, struct nexthop_group, wait);

	/* relaxed: the grace period has passed; for the id's next life. */
	sync_store_relaxed(&g->word[grp->id], 0);
	SLIST_INSERT_HEAD(&g->control->groups_unused, grp, unused);
}

/* Everything that grp holds, but the word. */
static void
group_empty(struct nexthop_groups *g, struct nexthop_group *grp)
{
	struct nexthop_group_part *part = grp->part;

	if (grp->staged) {
		TAILQ_REMOVE(&g->control->staged, grp, on_staged);
		nexthop_group_content_drop(g, grp->next);
	}
	nexthop_resolve_via_set_looped(g->control, grp, false);
	if (grp->res != NULL)
		LIST_REMOVE(grp, on_resilient);
	nexthop_group_content_retire(g, grp->now);
	nexthop_group_resilient_retire(g, grp->res);
	grp->staged = grp->shared = false;
	grp->object = NULL;
	grp->now = grp->next = NULL;
	grp->res = NULL;
	grp->part = NULL;
	nexthop_group_parts_free(g, part, grp->nparts);
	grp->nparts = 0;
	if (grp->backup != NULL)
		nexthop_group_release(g, grp->backup->id);
	grp->backup = NULL;
}

/*
 * What was held by a group that is emptied may have to be emptied itself, and
 * so on: one after the other, not one inside the other.
 */
static void
empty_all(struct nexthop_groups *g)
{
	struct nexthop_group_control *c = g->control;
	struct nexthop_group *grp;

	if (c->emptying)
		return;
	c->emptying = true;
	while ((grp = SLIST_FIRST(&c->groups_dropped)) != NULL) {
		SLIST_REMOVE_HEAD(&c->groups_dropped, unused);
		group_empty(g, grp);
		c->stats.groups--;
		nexthop_group_wait_add(g, &grp->wait, group_unused);
	}
	c->emptying = false;
}

void
nexthop_group_release(struct nexthop_groups *g, uint32_t id)
{
	struct nexthop_group *grp = nexthop_group_find(g, id);

	SYNC_REQUIRE(grp != NULL);
	if (--grp->refs != 0)
		return;
	if (grp->shared)
		nexthop_group_hash_remove(
		    &g->control->groups_by_desc, &grp->by_desc);
	SLIST_INSERT_HEAD(&g->control->groups_dropped, grp, unused);
	empty_all(g);
}

void
nexthop_group_hold(struct nexthop_groups *g, uint32_t id)
{
	struct nexthop_group *grp = nexthop_group_find(g, id);

	SYNC_REQUIRE(grp != NULL);
	grp->refs++;
}

/* Give grp, which is new, the parts of d and what they come to. */
static int
group_fill(struct nexthop_groups *g, struct nexthop_group *grp,
    const struct desc *d, enum nexthop_group_want want)
{
	struct nexthop_group_content *c;
	int error = 0;

	grp->part = nexthop_group_parts_make(grp, d->nhops);
	if (grp->part == NULL)
		return -ENOMEM;
	grp->nparts = d->nhops;
	for (unsigned int i = 0; i < d->nhops && error == 0; i++) {
		grp->part[i].hop = d->hops[i];
		if (d->hops[i].kind == NEXTHOP_VIA && d->hops[i].netif == 0)
			error = nexthop_resolve_via_attach(g, &grp->part[i]);
	}
	if (error == 0)
		error = nexthop_group_content_make(g, grp, want, &c);
	if (error != 0)
		return error;
	if (d->backup != 0) {
		grp->backup = nexthop_group_find(g, d->backup);
		grp->backup->refs++;
	}
	nexthop_group_change(g, grp, c);
	return 0;
}

int
nexthop_group_acquire(struct nexthop_groups *g,
    const struct nexthop_group_config *cfg, uint32_t *out)
{
	struct nexthop_group_hash *h = &g->control->groups_by_desc;
	struct nexthop_group_link *l;
	struct nexthop_group *grp;
	struct desc d;
	uint64_t hash;
	int error;

	SYNC_REQUIRE(TAILQ_EMPTY(&g->control->staged));
	error = desc_make(g, cfg, &d);
	if (error != 0)
		return error;
	hash = nexthop_group_hash_bytes(
	    d.backup, d.hops, d.nhops * sizeof(d.hops[0]));
	for (l = nexthop_group_hash_first(h, hash); l != NULL; l = l->next) {
		grp = NEXTHOP_CONTAINER(l, struct nexthop_group, by_desc);
		if (l->hash == hash && desc_fits(grp, &d)) {
			grp->refs++;
			*out = grp->id;
			return 0;
		}
	}
	nexthop_group_wait_run(g);
	error = nexthop_group_new(g, &grp);
	if (error != 0)
		return error;
	error = group_fill(
	    g, grp, &d, cfg->fits ? NEXTHOP_GROUP_FITS : NEXTHOP_GROUP_WHOLE);
	if (error != 0) {
		nexthop_group_release(g, grp->id);
		return error;
	}
	grp->shared = true;
	nexthop_group_hash_insert(h, &grp->by_desc, hash);
	*out = grp->id;
	return 0;
}

void
nexthop_group_port(struct nexthop_groups *g, netif_id port, bool up)
{
	const uint32_t bit = port % NEXTHOP_GROUP_PORTS;
	const uint64_t mask = UINT64_C(1) << bit % 64;
	uint64_t old, new;

	/* relaxed: the exchange below looks again. */
	old = sync_load_relaxed(&g->down[bit / 64]);
	do
		new = up || bit == 0 ? old & ~mask : old | mask;
	/* relaxed: nothing goes with the bit. */
	while (!sync_cas_relaxed(&g->down[bit / 64], &old, new));
}

void
nexthop_group_netif(
    struct nexthop_groups *g, const struct netif *nif, enum netif_event event)
{
	if (event == NETIF_EVENT_UP)
		nexthop_group_port(g, nif->id, true);
	else if (event == NETIF_EVENT_ATTACH || event == NETIF_EVENT_DOWN ||
		 event == NETIF_EVENT_DETACH)
		nexthop_group_port(g, nif->id, false);
}

struct nexthop_group_marks *
nexthop_group_marks(struct nexthop_groups *g, unsigned int w)
{
	SYNC_REQUIRE(w < g->control->limits.workers);
	return &g->control->marks[w];
}

uint64_t
nexthop_group_upkeep(struct nexthop_groups *g, uint64_t now)
{
	struct nexthop_group *grp;
	uint64_t next = UINT64_MAX, at;

	g->control->told = now;
	if (!TAILQ_EMPTY(&g->control->waits))
		(void)pserialize_poll_advance();
	nexthop_group_wait_run(g);
	LIST_FOREACH(grp, &g->control->resilient, on_resilient)
	{
		at = nexthop_group_resilient_upkeep(g, grp, now);
		if (at < next)
			next = at;
	}
	return next;
}
