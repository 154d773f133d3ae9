/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * An interface goes that many numbered next hops are on.  The walk over the
 * objects goes through this file, which counts the steps and the chains of the
 * hash: both together may be a few for each object, however many are removed.
 */

#include "stack/nexthop/object.h"
#include "tests/stack/grouptab.h"

#define SINGLES 6000U
#define LOST    1      /* interface of the odd ones */
#define KEPT    2      /* of the even ones */
#define PAIR    10000U /* groups: + n, of n and n + 1 */
#define ALONE   20000U /* + n, of n only */
#define LOSERS  30000U /* + n, of n and n + 2 */
#define PER     8U     /* steps for each object, at most */

struct nexthop_object;

static struct nexthop_groups *g;
static struct nexthop_objects *t;
static uint64_t steps;

/* What was told since the last single one went. */
static struct {
	uint32_t id;
	enum nexthop_object_change change;
} told[8];
static unsigned int ntold, nsingles, ngone;

/* The names are the linker's. */
// NOLINTBEGIN(bugprone-reserved-identifier)
struct nexthop_object *__real_nexthop_object_next(
    const struct nexthop_objects *objects, size_t *chain,
    struct nexthop_object *o);
struct nexthop_object *__wrap_nexthop_object_next(
    const struct nexthop_objects *objects, size_t *chain,
    struct nexthop_object *o);

struct nexthop_object *
__wrap_nexthop_object_next(const struct nexthop_objects *objects, size_t *chain,
    struct nexthop_object *o)
{
	const size_t before = *chain;

	o = __real_nexthop_object_next(objects, chain, o);
	steps += 1 + *chain - before;
	return o;
}
// NOLINTEND(bugprone-reserved-identifier)

static void
note_gone(void *arg, const uint32_t *groups, size_t n)
{
	(void)arg;
	(void)groups;
	cr_assert_eq(ngone, 0u, "routes are taken away in one go");
	ngone = (unsigned int)n;
}

static void
setup(void)
{
	const struct nexthop_group_limits limits = {.workers = 1};

	cr_assert_eq(nexthop_group_create(&limits, NULL, NULL, &g), 0);
	cr_assert_eq(nexthop_object_create(g, note_gone, NULL, &t), 0);
}

static void
teardown(void)
{
	nexthop_object_destroy(t);
	cr_assert_eq(stats(g).adjacencies, 0u);
	nexthop_group_destroy(g);
}

TestSuite(object_purge, .init = setup, .fini = teardown);

static void
add(const struct nexthop_object_config *cfg)
{
	const char *why;

	cr_assert_eq(nexthop_object_add(t, cfg, NEXTHOP_OBJECT_ADD, &why), 0);
}

static void
add_single(uint32_t id)
{
	add(&(struct nexthop_object_config){
	    .id = id, .hop = via(id, id % 2 == 1 ? LOST : KEPT, 1)});
}

static void
add_group(uint32_t id, uint32_t one, uint32_t two)
{
	const struct nexthop_object_member m[] = {{one, 1}, {two, 1}};

	add(&(struct nexthop_object_config){
	    .id = id, .member = m, .nmembers = two == 0 ? 1 : 2});
}

static bool
there(uint32_t id, unsigned int *nmembers)
{
	struct nexthop_object_config cfg;

	*nmembers = 0;
	if (nexthop_object_get(t, id, &cfg) != 0)
		return false;
	*nmembers = cfg.nmembers;
	return true;
}

/* Was this told of a group that the single one was in? */
static bool
was_told(uint32_t id, enum nexthop_object_change change)
{
	for (unsigned int i = 0; i < ntold; i++)
		if (told[i].id == id && told[i].change == change)
			return true;
	return false;
}

/* Each single one that goes is told after what becomes of its groups. */
static void
note_change(void *arg, const struct nexthop_object_config *cfg,
    enum nexthop_object_change change)
{
	uint32_t both;

	(void)arg;
	if (cfg->id >= PAIR) {
		cr_assert_lt(ntold, sizeof(told) / sizeof(told[0]));
		told[ntold].id = cfg->id;
		told[ntold++].change = change;
		return;
	}
	cr_assert_eq(change, NEXTHOP_OBJECT_REMOVED);
	cr_assert_eq(cfg->id % 2, 1u);
	cr_assert(was_told(PAIR + cfg->id, NEXTHOP_OBJECT_CHANGED));
	cr_assert(was_told(ALONE + cfg->id, NEXTHOP_OBJECT_REMOVED));
	both = LOSERS + (cfg->id % 4 == 1 ? cfg->id : cfg->id - 2);
	cr_assert(was_told(both, NEXTHOP_OBJECT_CHANGED) ||
		  was_told(both, NEXTHOP_OBJECT_REMOVED));
	cr_assert_eq(ntold, 3u, "of no other group");
	ntold = 0;
	nsingles++;
}

Test(object_purge, groups_lose_members_or_go_and_are_told_of_first)
{
	const unsigned int odd = 200;
	unsigned int n;
	uint32_t route;

	for (uint32_t id = 1; id <= 2 * odd; id++)
		add_single(id);
	for (uint32_t id = 1; id <= 2 * odd; id += 2) {
		add_group(PAIR + id, id, id + 1);
		add_group(ALONE + id, id, 0);
		if (id % 4 == 1)
			add_group(LOSERS + id, id, id + 2);
	}
	cr_assert_eq(nexthop_object_acquire(t, ALONE + 1, &route), 0);
	nexthop_object_watch(t, note_change, NULL);
	cr_assert_eq(nexthop_object_purge_netif(t, LOST), (int)odd);
	nexthop_object_watch(t, NULL, NULL);
	cr_assert_eq(nsingles, odd);
	cr_assert_eq(ntold, 0u);
	cr_assert_eq(ngone, 1u, "the group that a route has");
	nexthop_group_release(g, route);
	for (uint32_t id = 1; id <= 2 * odd; id++) {
		cr_assert_eq(there(id, &n), id % 2 == 0);
		cr_assert_eq(there(PAIR + id, &n), id % 2 == 1);
		cr_assert(id % 2 == 0 || n == 1);
		cr_assert_not(there(ALONE + id, &n));
		cr_assert_not(there(LOSERS + id, &n));
	}
}

/* Of all objects, every how-manieth is on the interface. */
static void
count_steps(uint32_t every)
{
	uint32_t lost = 0;

	for (uint32_t i = 1; i <= SINGLES; i++) {
		const bool goes_away = i % every == 0;

		add_single(2 * i + goes_away);
		lost += goes_away;
	}
	steps = 0;
	cr_assert_eq(nexthop_object_purge_netif(t, LOST), (int)lost);
	cr_assert_leq(steps, PER * SINGLES);
	cr_assert_geq(steps, SINGLES);
	cr_assert_eq(nexthop_object_purge_netif(t, LOST), 0);
}

Test(object_purge, looks_at_each_a_few_times_when_half_go)
{
	count_steps(2);
}

Test(object_purge, looks_at_each_a_few_times_when_all_go)
{
	count_steps(1);
}
