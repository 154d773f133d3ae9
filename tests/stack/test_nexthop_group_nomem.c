/* SPDX-License-Identifier: BSD-2-Clause */

/* No memory, at each allocation of each operation in turn. */

#include "stack/nexthop/object.h"
#include "tests/nomem.h"
#include "tests/stack/grouptab.h"

static struct nexthop_groups *g;
static struct nexthop_objects *t;
static uint32_t route[4]; /* of 10.0.x.0/24 */
static uint32_t watched[8], kept[8];

/* Table n leads to the next, as far as the last; what is there has routes. */
static uint32_t last_table;

static void
lookup(void *arg, uint32_t table, enum netif_af af, const uint8_t *addr,
    struct nexthop_resolve_found *out)
{
	(void)arg;
	(void)af;
	*out = (struct nexthop_resolve_found){
	    .leads_on = table < last_table, .table = table + 1};
	if (!out->leads_on && addr[2] < 4)
		out->group = route[addr[2]];
}

static int
make(void)
{
	const struct nexthop_group_limits limits = {.workers = 2};

	return nexthop_group_create(&limits, NULL, NULL, &g);
}

static struct nexthop_object_config
group_of(uint32_t id, const struct nexthop_object_member *m, unsigned int n)
{
	return (struct nexthop_object_config){
	    .id = id, .member = m, .nmembers = n};
}

static int
put(const struct nexthop_object_config *cfg)
{
	const char *why;

	return nexthop_object_add(t, cfg, NEXTHOP_OBJECT_REPLACE, &why);
}

/* Objects 1 to 3, groups 10 and 11 of them, and recursive groups on top. */
static void
begin(void)
{
	const struct nexthop_object_member m[] = {{1, 1}, {2, 2}, {3, 1}};
	struct nexthop_object_config cfg;
	struct nexthop_hop hop = link_hop(1), far = via(1 << 8 | 1, 0, 1);

	cr_assert_eq(make(), 0);
	cr_assert_eq(nexthop_object_create(g, NULL, NULL, &t), 0);
	nexthop_resolve_via_set(g, lookup, NULL);
	for (unsigned int i = 1; i <= 3; i++) {
		cfg = (struct nexthop_object_config){
		    .id = i, .hop = via(i, i, 1)};
		cr_assert_eq(put(&cfg), 0);
	}
	cfg = group_of(10, m, 3);
	cr_assert_eq(put(&cfg), 0);
	cfg = group_of(11, m, 2);
	cfg.resilient = true;
	cfg.buckets = 8;
	cr_assert_eq(put(&cfg), 0);
	route[1] = group(g, &hop, 1, 0);
	cr_assert_eq(nexthop_object_acquire(t, 10, &route[2]), 0);
	watched[0] = route[2];
	cr_assert_eq(nexthop_object_acquire(t, 11, &watched[1]), 0);
	watched[2] = group(g, &far, 1, 0);
	far = via(2 << 8 | 1, 0, 1);
	watched[3] = group(g, &far, 1, 0);
	cr_assert_eq(nexthop_object_acquire(t, 2, &watched[4]), 0);
	memcpy(kept, watched, sizeof(kept));
	kept[0] = 0; /* the route's */
}

static void
end(void)
{
	nexthop_object_destroy(t);
	nexthop_group_destroy(g);
}

/* What packets and people see of everything that is there. */
static uint64_t
picture(void)
{
	const struct nexthop_group_stats st = stats(g);
	struct nexthop_object_config cfg;
	uint64_t sum = st.groups * 31 + st.adjacencies;

	for (unsigned int i = 0; i < 5; i++)
		for (uint32_t h = 0; h < 64; h++)
			sum = sum * 1099511628211u +
			      (unsigned int)goes(g, watched[i], h << 26);
	for (uint32_t id = 1; id < 20; id++) {
		if (nexthop_object_get(t, id, &cfg) != 0)
			continue;
		sum = sum * 31 + id + cfg.hop.gateway[3] + cfg.idle_timer;
		for (unsigned int i = 0; i < cfg.nmembers; i++)
			sum = sum * 31 + cfg.member[i].id;
	}
	return sum;
}

/*
 * Let each allocation of op fail in turn, until none does: until then nothing
 * may change.
 */
static unsigned int
each_failure(int (*op)(void))
{
	const uint64_t before = picture();
	unsigned int failures = 0;
	int error;

	for (unsigned long n = 1;; n++) {
		nomem_arm(n, NOMEM_ONE);
		error = op();
		if (!nomem_disarm())
			break;
		if (error == 0)
			continue; /* it could do without */
		cr_assert_eq(error, -ENOMEM);
		failures++;
		cr_assert_eq(picture(), before, "allocation %lu", n);
	}
	cr_assert_eq(error, 0);
	cr_assert_neq(failures, 0u);
	return failures;
}

TestSuite(group_nomem, .init = begin, .fini = end);

static int
acquire_new(void)
{
	struct nexthop_hop hops[] = {
	    via(9, 1, 1), via(8, 2, 3), via(3 << 8 | 1, 0, 1), link_hop(3)};
	uint32_t id;

	return try_group(g, hops, 4, watched[0], &id);
}

Test(group_nomem, a_group_is_made_whole_or_not)
{
	cr_assert_gt(each_failure(acquire_new), 5u);
}

static int
object_new(void)
{
	struct nexthop_object_config cfg = {.id = 5, .hop = via(5, 5, 1)};

	return put(&cfg);
}

static int
object_group_new(void)
{
	const struct nexthop_object_member m[] = {{1, 1}, {2, 1}};
	struct nexthop_object_config cfg = group_of(12, m, 2);

	cfg.resilient = true;
	cfg.buckets = 64;
	return put(&cfg);
}

static int
object_far_new(void)
{
	struct nexthop_object_config cfg = {
	    .id = 6, .hop = via(2 << 8 | 9, 0, 1)};

	return put(&cfg);
}

Test(group_nomem, an_object_is_made_whole_or_not)
{
	cr_assert_gt(each_failure(object_new), 3u);
	cr_assert_gt(each_failure(object_group_new), 3u);
	cr_assert_gt(each_failure(object_far_new), 3u);
}

static int
object_move(void)
{
	struct nexthop_object_config cfg = {.id = 2, .hop = via(77, 2, 1)};

	return put(&cfg);
}

static int
object_other_kind(void)
{
	struct nexthop_object_config cfg = {.id = 2, .hop = link_hop(6)};

	return put(&cfg);
}

static int
object_members(void)
{
	const struct nexthop_object_member m[] = {{3, 1}, {1, 5}};
	struct nexthop_object_config cfg = group_of(10, m, 2);

	return put(&cfg);
}

static int
object_members_resilient(void)
{
	const struct nexthop_object_member m[] = {{3, 1}, {1, 5}};
	struct nexthop_object_config cfg = group_of(11, m, 2);

	cfg.resilient = true;
	cfg.buckets = 8;
	cfg.idle_timer = 5;
	return put(&cfg);
}

static int
object_backup(void)
{
	const struct nexthop_object_member m[] = {{3, 1}, {1, 5}};
	struct nexthop_object_config cfg = group_of(10, m, 2);

	cfg.backup = 2;
	return put(&cfg);
}

Test(group_nomem, an_object_is_replaced_or_stays)
{
	(void)each_failure(object_backup);
	(void)each_failure(object_move);
	(void)each_failure(object_members);
	(void)each_failure(object_members_resilient);
	(void)each_failure(object_other_kind);
}

static int
object_gone(void)
{
	const char *why;

	return nexthop_object_remove(t, 2, &why);
}

Test(group_nomem, an_object_leaves_all_groups_or_none)
{
	cr_assert_gt(each_failure(object_gone), 4u);
}

static int
reroute(void)
{
	const uint8_t prefix[4] = {10, 0, 0, 0};
	const uint32_t old[2] = {route[1], route[2]};
	int error;

	route[1] = old[1];
	route[2] = old[0];
	(void)nexthop_resolve_via_stage(g, 0, NETIF_AF_INET, prefix, 16);
	error = nexthop_resolve_via_prepare(g);
	if (error == 0) {
		nexthop_resolve_via_commit(g);
	} else {
		route[1] = old[0];
		route[2] = old[1];
	}
	return error;
}

Test(group_nomem, routes_of_gateways_change_together_or_not)
{
	cr_assert_gt(each_failure(reroute), 2u);
}

/* There is one table more, and the route another; nothing if that is so. */
static int
lead_on(void)
{
	const uint8_t prefix[4] = {10, 0, 0, 0};
	const uint32_t old[2] = {route[1], route[2]}, was = last_table;
	int error;

	if (was == 0) {
		route[1] = old[1];
		route[2] = old[0];
	}
	last_table = 1;
	(void)nexthop_resolve_via_stage(g, 0, NETIF_AF_INET, prefix, 16);
	error = nexthop_resolve_via_prepare(g);
	if (error == 0) {
		nexthop_resolve_via_commit(g);
	} else {
		route[1] = old[0];
		route[2] = old[1];
		last_table = was;
	}
	return error;
}

/* As many gateways as there is room to watch: another table needs more. */
Test(group_nomem, gateways_are_followed_to_another_table_or_not)
{
	struct nexthop_resolve_info info;
	struct nexthop_hop far;

	for (unsigned int i = 2; i < 64; i++) {
		far = via(2 << 8 | i, 0, 1);
		(void)group(g, &far, 1, 0);
	}
	cr_assert_gt(each_failure(lead_on), 3u);
	cr_assert_eq(nexthop_resolve_via_show(g, watched[3], &info, 1), 1u);
	cr_assert_eq(info.end, NEXTHOP_RESOLVE_FOUND);
	cr_assert_eq(info.ntables, 2u);
}

/*
 * A history at random, on top of what is there: objects, groups of them, groups
 * without a name, and routes to gateways come, change and go, and every third
 * operation has no memory somewhere on its way.
 */
#define NAMELESS 8
static uint32_t nameless[NAMELESS];

static struct nexthop_hop
any_hop(uint32_t r)
{
	switch (r % 8) {
	case 0:
		return link_hop(1 + (r >> 8) % 5);
	case 1:
		return drop(NEXTHOP_BLACKHOLE);
	case 2:
	case 3:
	case 4:
		return via(((r >> 8) % 4 << 8) + 1 + (r >> 16) % 3, 0, 1);
	default:
		return via(20 + (r >> 8) % 20, 1 + (r >> 16) % 5, 1);
	}
}

static int
any_object(uint32_t r, uint32_t *rnd)
{
	struct nexthop_object_config cfg = {
	    .id = 1 + r % 6, .hop = any_hop(random_next(rnd))};

	return put(&cfg);
}

static int
any_object_group(uint32_t r, uint32_t *rnd)
{
	struct nexthop_object_member m[4];
	struct nexthop_object_config cfg = group_of(10 + r % 4, m, 0);

	for (uint32_t i = 0; i < 1 + r / 16 % 4; i++)
		m[cfg.nmembers++] =
		    (struct nexthop_object_member){.id = 1 + (r / 64 + i) % 6,
			.weight = (uint16_t)(1 + random_next(rnd) % 5)};
	cfg.resilient = cfg.id % 2 != 0;
	cfg.buckets = 8;
	return put(&cfg);
}

static int
any_removal(uint32_t r)
{
	const char *why;

	return nexthop_object_remove(
	    t, r % 4 != 0 ? 10 + r / 4 % 4 : 1 + r / 4 % 6, &why);
}

static int
any_nameless(uint32_t r, uint32_t *rnd)
{
	uint32_t *at = &nameless[r % NAMELESS], id;
	struct nexthop_hop hops[3];
	const unsigned int n = 1 + r / 8 % 3;
	int error;

	for (unsigned int i = 0; i < n; i++)
		hops[i] = any_hop(random_next(rnd));
	error = try_group(g, hops, n, 0, &id);
	if (error != 0)
		return error;
	if (*at != 0)
		nexthop_group_release(g, *at);
	*at = id;
	return 0;
}

/* A gateway's prefix by another group, or by none. */
static int
any_route(uint32_t r)
{
	const uint8_t prefix[4] = {10, 0, r % 4, 0};
	const uint32_t old = route[r % 4];
	uint32_t id = nameless[r / 4 % NAMELESS];
	int error;

	if (r / 32 % 2 != 0 &&
	    nexthop_object_acquire(t, 1 + r / 64 % 13, &id) != 0)
		id = 0;
	else if (id != 0 && r / 32 % 2 == 0)
		nexthop_group_hold(g, id);
	route[r % 4] = id;
	(void)nexthop_resolve_via_stage(g, 0, NETIF_AF_INET, prefix, 24);
	error = nexthop_resolve_via_prepare(g);
	if (error == 0)
		nexthop_resolve_via_commit(g);
	else
		route[r % 4] = old;
	id = error == 0 ? old : id;
	if (id != 0)
		nexthop_group_release(g, id);
	return error;
}

static int
anything(uint32_t *rnd)
{
	const uint32_t r = random_next(rnd) >> 3;

	switch (random_next(rnd) % 6) {
	case 0:
		return any_object(r, rnd);
	case 1:
		return any_object_group(r, rnd);
	case 2:
		return any_removal(r);
	case 3:
	case 4:
		return any_nameless(r, rnd);
	default:
		return any_route(r);
	}
}

Test(group_nomem, any_history_leaves_nothing_behind)
{
	uint32_t rnd = 2718, at;
	unsigned int refused = 0;
	uint64_t before;
	const char *why;
	int error;

	for (unsigned int round = 0; round < 20000; round++) {
		for (unsigned int i = 0; i < 4; i++)
			watched[i] = nameless[i];
		watched[4] = 0;
		before = picture();
		at =
		    random_next(&rnd) % 3 == 0 ? 1 + random_next(&rnd) % 20 : 0;
		nomem_arm(at, NOMEM_ONE);
		error = anything(&rnd);
		(void)nomem_disarm();
		refused += error == -ENOMEM;
		for (unsigned int i = 0; i < 4; i++)
			cr_assert(error == 0 || watched[i] == nameless[i]);
		if (error != 0)
			cr_assert_eq(picture(), before, "round %u", round);
	}
	cr_assert_gt(refused, 200u);
	for (uint32_t id = 1; id < 20; id++)
		(void)nexthop_object_remove(t, id, &why);
	/* Groups that lead to each other keep each other until routes go. */
	for (uint32_t x = 0; x < 4; x++) {
		if (nameless[x] != 0)
			nexthop_group_release(g, nameless[x]);
		nameless[x] = 0;
		cr_assert_eq(any_route(x | x << 2), 0);
	}
	for (unsigned int i = 0; i < NAMELESS; i++)
		if (nameless[i] != 0)
			nexthop_group_release(g, nameless[i]);
	/* Those of begin(). */
	for (unsigned int i = 0; i < 5; i++)
		if (kept[i] != 0)
			nexthop_group_release(g, kept[i]);
	cr_assert_eq(stats(g).groups, 0u);
	cr_assert_eq(stats(g).adjacencies, 0u);
}

TestSuite(group_table_nomem);

Test(group_table_nomem, a_table_is_made_whole_or_not)
{
	int error = -ENOMEM;

	for (unsigned long n = 1; error != 0; n++) {
		g = NULL;
		nomem_arm(n, NOMEM_ONE);
		error = make();
		(void)nomem_disarm();
		cr_assert_eq(error == 0, g != NULL);
		cr_assert_eq(error, g == NULL ? -ENOMEM : 0);
		cr_assert_lt(n, 100ul);
	}
	nexthop_group_destroy(g);
}
