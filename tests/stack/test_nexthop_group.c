/* SPDX-License-Identifier: BSD-2-Clause */

#include "stack/nexthop/group.h"

#include "tests/stack/grouptab.h"

static struct nexthop_groups *g;

static void
begin(uint32_t groups, uint32_t adjacencies, uint32_t buckets)
{
	const struct nexthop_group_limits limits = {
	    .groups = groups, .adjacencies = adjacencies, .buckets = buckets};

	cr_assert_eq(nexthop_group_create(&limits, NULL, NULL, &g), 0);
}

static void
begin_default(void)
{
	begin(0, 0, 0);
}

static void
end(void)
{
	nexthop_group_destroy(g);
}

TestSuite(group, .init = begin_default, .fini = end);
TestSuite(group_limits, .fini = end);

Test(group_limits, bounds_are_checked)
{
	const struct nexthop_group_limits bad[] = {
	    {.groups = 1},
	    {.groups = NEXTHOP_GROUPS_MAX + 1},
	    {.buckets = 100},
	    {.buckets = 2},
	    {.adjacencies = 1},
	    {.workers = 5000},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(
		    nexthop_group_create(&bad[i], NULL, NULL, &g), -EINVAL);
	begin_default();
}

Test(group, equal_sets_share_an_id)
{
	struct nexthop_hop a[] = {via(1, 1, 1), via(2, 2, 2)};
	struct nexthop_hop b[] = {via(2, 2, 4), via(1, 1, 2)};
	struct nexthop_hop c[] = {via(1, 1, 1), via(2, 2, 1)};
	const uint32_t id = group(g, a, 2, 0);
	struct nexthop_group_info info;

	cr_assert_eq(group(g, b, 2, 0), id);
	cr_assert_neq(group(g, c, 2, 0), id);
	cr_assert_neq(group(g, a, 1, 0), id);
	cr_assert_neq(group(g, a, 2, id), id);
	cr_assert_eq(nexthop_group_show(g, id, &info, NULL, 0), 0);
	cr_assert_eq(info.refs, 3u, "two, and it is a backup");
	cr_assert_eq(info.members, 2u);
	cr_assert_eq(stats(g).groups, 4u);
	cr_assert_eq(stats(g).adjacencies, 2u);
}

Test(group, what_is_no_next_hop_is_refused)
{
	struct nexthop_hop many[NEXTHOP_HOPS_MAX + 1], hop;
	uint32_t id = 77;

	for (unsigned int i = 0; i <= NEXTHOP_HOPS_MAX; i++)
		many[i] = via(i + 1, 1, 1);
	cr_assert_eq(try_group(g, many, 0, 0, &id), -EINVAL);
	cr_assert_eq(try_group(g, many, NEXTHOP_HOPS_MAX + 1, 0, &id), -EINVAL);
	hop = via(1, 1, 0);
	cr_assert_eq(try_group(g, &hop, 1, 0, &id), -EINVAL, "weight");
	hop = via(1, 1, 1);
	cr_assert_eq(try_group(g, &hop, 1, 5, &id), -EINVAL, "backup");
	hop.gateway[0] = hop.gateway[3] = 0;
	cr_assert_eq(try_group(g, &hop, 1, 0, &id), -EINVAL, "gateway");
	hop = link_hop(0);
	cr_assert_eq(try_group(g, &hop, 1, 0, &id), -EINVAL, "port");
	hop = link_hop(1);
	hop.gateway[0] = 1;
	cr_assert_eq(try_group(g, &hop, 1, 0, &id), -EINVAL, "a gateway");
	hop = drop(NEXTHOP_KIND_COUNT);
	cr_assert_eq(try_group(g, &hop, 1, 0, &id), -EINVAL, "kind");
	hop = drop(NEXTHOP_BLACKHOLE);
	hop.af = NETIF_AF_COUNT;
	cr_assert_eq(try_group(g, &hop, 1, 0, &id), -EINVAL, "family");
	cr_assert_eq(id, 77u);
	cr_assert_eq(stats(g).groups, 0u);
}

Test(group, kinds_come_out_as_they_went_in)
{
	for (int kind = NEXTHOP_LOCAL; kind < NEXTHOP_KIND_COUNT; kind++) {
		struct nexthop_hop hop = drop((enum nexthop_kind)kind);

		cr_assert_eq((int)kind_of(g, group(g, &hop, 1, 0)), kind);
	}
	cr_assert_eq(kind_of(g, NEXTHOP_GROUP_NONE), NEXTHOP_KIND_COUNT);
}

/* Each member's share of 2^20 flows is within 1.5 % of its weight's. */
static void
check_shares(const struct nexthop_hop *hops, unsigned int n)
{
	const uint32_t id = group(g, hops, n, 0);
	static unsigned int count[256];
	const unsigned int flows = 1u << 20;
	uint64_t total = 0, s;
	uint32_t rnd = 12345;

	memset(count, 0, sizeof(count));
	for (unsigned int i = 0; i < n; i++)
		total += hops[i].weight;
	s = pserialize_read_enter();
	for (unsigned int i = 0; i < flows; i++)
		count[gateway_of(
		    nexthop_resolve(g, NULL, id, random_next(&rnd)))]++;
	pserialize_read_exit(s);
	for (unsigned int i = 0; i < n; i++) {
		const double want = (double)flows * hops[i].weight / total;
		const double have = count[hops[i].gateway[3]];
		const double off = have > want ? have - want : want - have;

		/* Rounding, and four deviations of the drawing. */
		const double over = off - want / 100;

		cr_assert(over < 0 || over * over < 16 * want);
	}
	nexthop_group_release(g, id);
}

Test(group, flows_divide_as_the_weights_say)
{
	struct nexthop_hop hops[NEXTHOP_HOPS_MAX];
	uint32_t rnd = 99;

	for (unsigned int n = 1; n <= 9; n++) {
		for (unsigned int i = 0; i < n; i++)
			hops[i] = via(i + 1, 1, 1);
		check_shares(hops, n);
		for (unsigned int i = 0; i < n; i++)
			hops[i] = via(i + 1, 1, 1 + random_next(&rnd) % 20);
		check_shares(hops, n);
	}
	for (unsigned int i = 0; i < NEXTHOP_HOPS_MAX; i++)
		hops[i] = via(i + 1, 1, 1 + i % 3);
	check_shares(hops, NEXTHOP_HOPS_MAX);
}

Test(group, nobody_is_left_out_however_small)
{
	struct nexthop_hop hops[] = {via(1, 1, 65535), via(2, 1, 1)};
	const uint32_t id = group(g, hops, 2, 0);
	struct nexthop_group_member_info m[2];
	struct nexthop_group_info info;

	cr_assert_eq(nexthop_group_show(g, id, &info, m, 2), 0);
	cr_assert_eq(info.buckets, NEXTHOP_BUCKETS_MAX);
	cr_assert_eq(m[0].buckets + m[1].buckets, NEXTHOP_BUCKETS_MAX);
	cr_assert_eq(m[m[0].hop.gateway[3] == 2 ? 0 : 1].buckets, 1u);
}

Test(group, equal_powers_of_two_need_few_buckets)
{
	struct nexthop_hop hops[] = {
	    via(1, 1, 7), via(2, 1, 7), via(3, 1, 7), via(4, 1, 7)};
	struct nexthop_group_info info;

	cr_assert_eq(
	    nexthop_group_show(g, group(g, hops, 4, 0), &info, NULL, 0), 0);
	cr_assert_eq(info.buckets, 4u);
}

Test(group, a_port_that_goes_down_moves_its_flows_only)
{
	struct nexthop_hop hops[5];
	int before[4096];
	uint32_t id, moved = 0;

	for (unsigned int i = 0; i < 5; i++)
		hops[i] = via(i, 10 + i, 1 + i);
	hops[0].gateway[2] = 5;
	id = group(g, hops, 5, 0);
	for (uint32_t h = 0; h < 4096; h++)
		before[h] = goes(g, id, h << 20 | h);
	nexthop_group_port(g, 12, false);
	for (uint32_t h = 0; h < 4096; h++) {
		const int now = goes(g, id, h << 20 | h);

		cr_assert_neq(now, 2);
		cr_assert_neq(now, -1);
		if (before[h] != 2)
			cr_assert_eq(now, before[h]);
		else
			moved |= 1u << (now & 31);
	}
	cr_assert_eq(moved, 1u << 0 | 1u << 1 | 1u << 3 | 1u << 4,
	    "spread over all others");
	nexthop_group_port(g, 12, true);
	for (uint32_t h = 0; h < 4096; h++)
		cr_assert_eq(goes(g, id, h << 20 | h), before[h]);
	cr_assert_eq(stats(g).words, 1u);
}

Test(group, the_last_usable_member_is_found)
{
	struct nexthop_hop hops[NEXTHOP_HOPS_MAX];
	uint32_t id;

	for (unsigned int i = 0; i < NEXTHOP_HOPS_MAX; i++)
		hops[i] = via(i + 1, 10 + i, i == 33 ? 1 : 200);
	id = group(g, hops, NEXTHOP_HOPS_MAX, 0);
	for (unsigned int i = 0; i < NEXTHOP_HOPS_MAX; i++)
		if (i != 33)
			nexthop_group_port(g, 10 + i, false);
	for (uint32_t h = 0; h < 1000; h++)
		cr_assert_eq(goes(g, id, h * 0x1234567u), 34);
	nexthop_group_port(g, 10 + 33, false);
	cr_assert_eq(goes(g, id, 1), -1);
}

Test(group, the_backup_is_taken_when_all_are_down)
{
	struct nexthop_hop hops[] = {via(1, 1, 1), via(2, 2, 1)};
	struct nexthop_hop spare[] = {via(3, 3, 1), via(4, 4, 1)};
	struct nexthop_hop last = via(5, 5, 1), one = via(6, 6, 1);
	const uint32_t deep = group(g, &last, 1, 0);
	const uint32_t backup = group(g, spare, 2, deep);
	const uint32_t id = group(g, hops, 2, backup);
	const uint32_t single = group(g, &one, 1, backup);

	nexthop_group_port(g, 1, false);
	nexthop_group_port(g, 3, false);
	nexthop_group_port(g, 6, false);
	for (uint32_t h = 0; h < 100; h++) {
		cr_assert_eq(goes(g, id, h << 24), 2);
		cr_assert_eq(goes(g, single, h << 24), 4);
	}
	nexthop_group_port(g, 2, false);
	for (uint32_t h = 0; h < 100; h++)
		cr_assert_eq(goes(g, id, h << 24), 4);
	nexthop_group_port(g, 4, false);
	cr_assert_eq(goes(g, id, 0), -1, "one level only");
	cr_assert_eq(goes(g, backup, 0), 5);
	nexthop_group_release(g, deep);
	nexthop_group_release(g, backup);
	cr_assert_eq(stats(g).groups, 4u, "backups are kept");
	nexthop_group_release(g, id);
	nexthop_group_release(g, single);
	cr_assert_eq(stats(g).groups, 0u);
	cr_assert_eq(stats(g).adjacencies, 0u);
}

Test(group, no_port_is_never_down)
{
	struct nexthop_hop hop = drop(NEXTHOP_BLACKHOLE);
	const uint32_t id = group(g, &hop, 1, 0);

	nexthop_group_port(g, 0, false);
	nexthop_group_port(g, 0x10000, false);
	cr_assert_eq(kind_of(g, id), NEXTHOP_BLACKHOLE);
}

Test(group, a_batch_answers_as_one_by_one)
{
	static uint32_t id[1000], hash[1000], ids[40];
	static const struct nexthop_slot *out[1000];
	uint32_t rnd = 4711;
	uint64_t s;

	for (unsigned int k = 1; k < 40; k++) {
		struct nexthop_hop hops[8];
		const unsigned int n = 1 + random_next(&rnd) % 8;

		for (unsigned int i = 0; i < n; i++)
			hops[i] = via(1 + k * 8 + i, 1 + random_next(&rnd) % 6,
			    1 + random_next(&rnd) % 9);
		ids[k] = group(g, hops, n,
		    k > 5 && k % 3 == 0 ? ids[1 + random_next(&rnd) % 5] : 0);
	}
	nexthop_group_port(g, 2, false);
	nexthop_group_port(g, 5, false);
	s = pserialize_read_enter();
	for (unsigned int n = 0; n <= 1000; n += n < 70 ? 1 : 93) {
		for (unsigned int i = 0; i < n; i++) {
			id[i] = ids[random_next(&rnd) % 40];
			hash[i] = random_next(&rnd);
		}
		nexthop_resolve_batch(g, NULL, id, hash, out, n);
		for (unsigned int i = 0; i < n; i++)
			cr_assert_eq(
			    out[i], nexthop_resolve(g, NULL, id[i], hash[i]));
	}
	pserialize_read_exit(s);
}

Test(group_limits, ids_wait_for_their_readers)
{
	struct nexthop_hop a = via(1, 1, 1), b = via(2, 2, 1), c = via(3, 1, 1);
	uint32_t first, id = 0;
	uint64_t s;

	begin(3, 3, 0);
	first = group(g, &a, 1, 0);
	(void)group(g, &b, 1, 0);
	cr_assert_eq(try_group(g, &c, 1, 0, &id), -ENOSPC);
	s = pserialize_read_enter();
	nexthop_group_release(g, first);
	cr_assert_eq(gateway_of(nexthop_resolve(g, NULL, first, 0)), 1,
	    "whoever has the id may use it still");
	pserialize_read_exit(s);
	cr_assert_eq(try_group(g, &c, 1, 0, &id), 0);
	cr_assert_eq(id, first);
	cr_assert_eq(goes(g, id, 0), 3);
}

Test(group_limits, an_id_that_may_be_read_is_no_new_group)
{
	struct nexthop_hop a = via(1, 1, 1), b = via(2, 2, 1);
	uint32_t first;
	uint64_t s;

	begin(10, 10, 0);
	first = group(g, &a, 1, 0);
	s = pserialize_read_enter();
	nexthop_group_release(g, first);
	(void)nexthop_group_upkeep(g, 1);
	cr_assert_neq(group(g, &b, 1, 0), first);
	cr_assert_eq(gateway_of(nexthop_resolve(g, NULL, first, 0)), 1);
	pserialize_read_exit(s);
	while (stats(g).waiting != 0)
		(void)nexthop_group_upkeep(g, 2);
	cr_assert_eq(group(g, &a, 1, 0), first);
}

Test(group_limits, buckets_come_back)
{
	struct nexthop_hop hops[] = {via(1, 1, 1), via(2, 1, 1), via(3, 1, 1)};
	uint32_t id[4], none = 0;

	begin(0, 0, 1024);
	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < 4; i++) {
			hops[0] = via(10 + i, 1, 1);
			id[i] = group(g, hops, 3, 0);
		}
		cr_assert_eq(stats(g).buckets, 1024u);
		hops[0] = via(99, 1, 1);
		cr_assert_eq(try_group(g, hops, 2, 0, &none), -ENOSPC);
		for (unsigned int i = 0; i < 4; i++)
			nexthop_group_release(g, id[(i + round) % 4]);
	}
}

Test(group, a_thousand_groups_come_and_go)
{
	static uint32_t id[1000];
	struct nexthop_hop hops[3];
	uint32_t rnd = 5;

	for (unsigned int round = 0; round < 20000; round++) {
		const unsigned int k = random_next(&rnd) % 1000;
		const unsigned int n = 1 + k % 3;

		if (id[k] != 0) {
			cr_assert_eq(goes(g, id[k], rnd) / 4, (int)k);
			nexthop_group_release(g, id[k]);
			id[k] = 0;
			continue;
		}
		for (unsigned int i = 0; i < n; i++)
			hops[i] = via(4 * k + i, 1, i + 1);
		hops[0].gateway[0] = 11;
		id[k] = group(g, hops, n, 0);
	}
	for (unsigned int k = 0; k < 1000; k++)
		if (id[k] != 0)
			nexthop_group_release(g, id[k]);
	cr_assert_eq(stats(g).groups, 0u);
	cr_assert_eq(stats(g).adjacencies, 0u);
}
