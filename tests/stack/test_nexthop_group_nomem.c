/* SPDX-License-Identifier: BSD-2-Clause */

/* No memory, at each allocation of each operation in turn. */

#include "stack/nexthop/object.h"
#include "tests/stack/grouptab.h"

static unsigned long until_failure; /* 0: none fails */

static bool
fails(void)
{
	return until_failure != 0 && --until_failure == 0;
}

/* The names are the linker's. */
// NOLINTBEGIN(bugprone-reserved-identifier)
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *
__wrap_aligned_alloc(size_t align, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(align, size);
}
// NOLINTEND(bugprone-reserved-identifier)

static struct nexthop_groups *g;
static struct nexthop_objects *t;
static uint32_t route[4]; /* of 10.0.x.0/24 */
static uint32_t watched[8];

static uint32_t
lookup(void *arg, uint32_t table, enum netif_af af, const uint8_t *addr)
{
	(void)arg;
	(void)table;
	(void)af;
	return addr[2] < 4 ? route[addr[2]] : 0;
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
		until_failure = n;
		error = op();
		if (until_failure != 0)
			break;
		if (error == 0)
			continue; /* it could do without */
		cr_assert_eq(error, -ENOMEM);
		failures++;
		cr_assert_eq(picture(), before, "allocation %lu", n);
	}
	until_failure = 0;
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

Test(group_nomem, an_object_is_replaced_or_stays)
{
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

TestSuite(group_table_nomem);

Test(group_table_nomem, a_table_is_made_whole_or_not)
{
	int error = -ENOMEM;

	for (unsigned long n = 1; error != 0; n++) {
		g = NULL;
		until_failure = n;
		error = make();
		until_failure = 0;
		cr_assert_eq(error == 0, g != NULL);
		cr_assert_eq(error, g == NULL ? -ENOMEM : 0);
		cr_assert_lt(n, 100ul);
	}
	nexthop_group_destroy(g);
}
