/* SPDX-License-Identifier: BSD-2-Clause */

/* Recursive next hops, against a small routing table that the test keeps. */

#include "stack/nexthop/object.h"
#include "tests/stack/grouptab.h"
#include "tests/stress.h"

#define ROUTES 64

/* Prefixes are 10.0.x.0/24: route[x]; 0 is none. */
static struct nexthop_groups *g;
static uint32_t route[ROUTES];

static void
lookup(void *arg, uint32_t table, enum netif_af af, const uint8_t *addr,
    struct nexthop_resolve_found *out)
{
	cr_assert_eq(arg, route);
	cr_assert_eq(af, NETIF_AF_INET);
	*out = (struct nexthop_resolve_found){
	    .group = table == 0 && addr[2] < ROUTES ? route[addr[2]] : 0};
}

static void
begin(void)
{
	const struct nexthop_group_limits limits = {0};

	memset(route, 0, sizeof(route));
	cr_assert_eq(nexthop_group_create(&limits, NULL, NULL, &g), 0);
	nexthop_resolve_via_set(g, lookup, route);
}

static void
end(void)
{
	nexthop_group_destroy(g);
}

TestSuite(group_via, .init = begin, .fini = end);

/* The gateway 10.0.x.y, on no link. */
static struct nexthop_hop
far(unsigned int x, unsigned int y, unsigned int weight)
{
	return via(x << 8 | y, 0, weight);
}

static size_t
stage(unsigned int x)
{
	const uint8_t prefix[4] = {10, 0, (uint8_t)x, 0};

	return nexthop_resolve_via_stage(g, 0, NETIF_AF_INET, prefix, 24);
}

/* The route x is by this group now; its reference goes with it. */
static void
route_set(unsigned int x, uint32_t id)
{
	const uint32_t old = route[x];

	route[x] = id;
	(void)stage(x);
	cr_assert_eq(nexthop_resolve_via_prepare(g), 0);
	nexthop_resolve_via_commit(g);
	if (old != 0)
		nexthop_group_release(g, old);
}

static uint32_t
one(struct nexthop_hop hop)
{
	return group(g, &hop, 1, 0);
}

/* The port that a flow leaves by; 0: nowhere. */
static netif_id
port_of(uint32_t id, uint32_t hash)
{
	const uint64_t s = pserialize_read_enter();
	const struct nexthop_slot *slot = nexthop_resolve(g, NULL, id, hash);
	const netif_id port = slot == NULL ? 0 : slot->netif;

	pserialize_read_exit(s);
	return port;
}

Test(group_via, a_gateway_is_found_on_its_link)
{
	uint32_t id = one(far(3, 7, 1));

	cr_assert_eq(goes(g, id, 0), -1);
	route_set(3, one(link_hop(5)));
	cr_assert_eq(goes(g, id, 0), 3 << 8 | 7, "itself is the neighbour");
	cr_assert_eq(port_of(id, 0), 5u);
	route_set(3, one(via(99, 6, 1)));
	cr_assert_eq(goes(g, id, 0), 99);
	cr_assert_eq(port_of(id, 0), 6u);
	route_set(3, one(drop(NEXTHOP_PROHIBIT)));
	cr_assert_eq(kind_of(g, id), NEXTHOP_PROHIBIT);
	route_set(3, one(drop(NEXTHOP_LOCAL)));
	cr_assert_eq(goes(g, id, 0), -1, "a gateway is not ourselves");
	route_set(3, 0);
	cr_assert_eq(goes(g, id, 0), -1);
}

Test(group_via, only_groups_that_are_affected_get_a_word)
{
	uint32_t id[60];
	uint64_t words;

	for (unsigned int x = 0; x < 30; x++)
		route[x] = one(link_hop(1 + x));
	for (unsigned int i = 0; i < 60; i++)
		id[i] = one(far(i % 30, 1 + i / 30, 1));
	words = stats(g).words;
	route_set(4, one(link_hop(1)));
	cr_assert_eq(stats(g).words - words, 2u);
	words = stats(g).words;
	(void)stage(9);
	cr_assert_eq(nexthop_resolve_via_prepare(g), 0);
	nexthop_resolve_via_commit(g);
	cr_assert_eq(stats(g).words, words, "nothing had changed");
	cr_assert_eq(stage(11), 2u);
	cr_assert_eq(stage(40), 0u);
	nexthop_resolve_via_abort(g);
	for (unsigned int i = 0; i < 60; i++)
		cr_assert_eq(port_of(id[i], 0), i % 30 == 4 ? 1 : 1 + i % 30);
}

Test(group_via, weights_multiply_and_paths_join)
{
	struct nexthop_hop igp[] = {via(1, 1, 1), via(2, 2, 3)};
	struct nexthop_hop bgp[] = {far(1, 1, 1), far(2, 1, 1)};
	struct nexthop_group_member_info m[4];
	struct nexthop_group_info info;
	uint32_t id;

	route[1] = group(g, igp, 2, 0);
	route[2] = one(via(2, 2, 1));
	id = group(g, bgp, 2, 0);
	cr_assert_eq(nexthop_group_show(g, id, &info, m, 4), 0);
	cr_assert_eq(info.members, 2u);
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(m[i].weight, m[i].hop.netif == 1 ? 1u : 7u);
}

Test(group_via, what_was_prepared_can_be_forgotten)
{
	uint32_t id, deep, old;

	route[1] = one(link_hop(1));
	id = one(far(1, 1, 1));
	route[2] = id;
	nexthop_group_hold(g, id);
	deep = one(far(2, 1, 1));
	old = route[1];
	route[1] = one(link_hop(2));
	cr_assert_eq(stage(1), 1u);
	cr_assert_eq(nexthop_resolve_via_prepare(g), 0);
	cr_assert_eq(port_of(id, 0), 1u, "unseen");
	cr_assert_eq(port_of(deep, 0), 1u);
	nexthop_resolve_via_abort(g);
	cr_assert_eq(port_of(deep, 0), 1u);
	cr_assert_eq(stage(1), 1u);
	cr_assert_eq(nexthop_resolve_via_prepare(g), 0);
	nexthop_resolve_via_commit(g);
	cr_assert_eq(port_of(id, 0), 2u);
	cr_assert_eq(port_of(deep, 0), 2u);
	nexthop_group_release(g, old);
	nexthop_group_release(g, deep);
	route_set(2, 0);
	nexthop_group_release(g, id);
	nexthop_group_release(g, route[1]);
	cr_assert_eq(stats(g).groups, 0u, "no reference is lost");
}

Test(group_via, a_loop_leads_nowhere_until_it_ends)
{
	const uint32_t a = one(far(1, 1, 1)), b = one(far(2, 1, 1));
	const uint32_t self = one(far(3, 1, 1));

	nexthop_group_hold(g, a);
	nexthop_group_hold(g, b);
	nexthop_group_hold(g, self);
	route_set(3, self);
	cr_assert_eq(goes(g, self, 0), -1);
	route_set(1, b);
	route_set(2, a);
	cr_assert_eq(goes(g, a, 0), -1);
	cr_assert_eq(goes(g, b, 0), -1);
	route_set(2, one(link_hop(7)));
	cr_assert_eq(port_of(b, 0), 7u);
	cr_assert_eq(port_of(a, 0), 7u);
	route_set(3, one(link_hop(8)));
	cr_assert_eq(port_of(self, 0), 8u);
	route_set(1, 0);
	cr_assert_eq(port_of(a, 0), 0u);
}

Test(group_via, a_loop_may_end_where_nothing_else_changes)
{
	struct nexthop_hop hops[] = {far(2, 1, 1), via(50, 9, 1)};
	const uint32_t a = one(far(1, 1, 1)), b = group(g, hops, 2, 0);

	nexthop_group_hold(g, a);
	nexthop_group_hold(g, b);
	route_set(1, b);
	cr_assert_eq(port_of(a, 0), 9u);
	route_set(2, a);
	cr_assert_eq(port_of(b, 0), 9u);
	/* Looked up again, a would go by itself. */
	(void)stage(1);
	cr_assert_eq(nexthop_resolve_via_prepare(g), 0);
	nexthop_resolve_via_commit(g);
	route_set(1, 0);
	cr_assert_eq(port_of(a, 0), 0u);
	route_set(1, b);
	cr_assert_eq(port_of(a, 0), 0u, "by itself");
	route_set(2, 0);
	cr_assert_eq(port_of(b, 0), 9u);
	cr_assert_eq(port_of(a, 0), 9u);
}

Test(group_via, objects_carry_gateways_along)
{
	struct nexthop_objects *t;
	struct nexthop_object_config cfg = {.id = 1, .hop = via(50, 4, 1)};
	struct nexthop_object_config rec = {.id = 2, .hop = far(1, 9, 1)};
	const struct nexthop_object_member m[] = {{2, 1}};
	struct nexthop_object_config grp = {
	    .id = 3, .member = m, .nmembers = 1};
	const char *why;
	uint32_t id;
	uint64_t words;

	cr_assert_eq(nexthop_object_create(g, NULL, NULL, &t), 0);
	cr_assert_eq(nexthop_object_add(t, &cfg, NEXTHOP_OBJECT_ADD, &why), 0);
	cr_assert_eq(nexthop_object_add(t, &rec, NEXTHOP_OBJECT_ADD, &why), 0);
	cr_assert_eq(nexthop_object_add(t, &grp, NEXTHOP_OBJECT_ADD, &why), 0);
	cr_assert_eq(nexthop_object_acquire(t, 3, &id), 0);
	cr_assert_eq(goes(g, id, 0), -1);
	cr_assert_eq(nexthop_object_acquire(t, 1, &route[1]), 0);
	(void)stage(1);
	cr_assert_eq(nexthop_resolve_via_prepare(g), 0);
	nexthop_resolve_via_commit(g);
	cr_assert_eq(goes(g, id, 0), 50);
	words = stats(g).words;
	cfg.hop = via(51, 4, 1);
	cr_assert_eq(
	    nexthop_object_add(t, &cfg, NEXTHOP_OBJECT_REPLACE, &why), 0);
	cr_assert_eq(goes(g, id, 0), 51);
	cr_assert_eq(stats(g).words, words, "by the adjacency alone");
	cfg.hop = link_hop(6);
	cr_assert_eq(
	    nexthop_object_add(t, &cfg, NEXTHOP_OBJECT_REPLACE, &why), 0);
	cr_assert_eq(goes(g, id, 0), 1 << 8 | 9);
	cr_assert_eq(port_of(id, 0), 6u);
	cfg.hop = link_hop(7);
	cr_assert_eq(
	    nexthop_object_add(t, &cfg, NEXTHOP_OBJECT_REPLACE, &why), 0);
	cr_assert_eq(port_of(id, 0), 7u);
	cr_assert_eq(nexthop_object_remove(t, 1, &why), 0);
	cr_assert_eq(goes(g, id, 0), -1);
	nexthop_group_release(g, id);
	nexthop_object_destroy(t);
}

/*
 * The model: each route is described by up to three hops, far ones lead to
 * routes with a lower number, and a group's shares follow by recursion.
 */
static struct nexthop_hop desc[ROUTES][3];
static unsigned int ndesc[ROUTES];

/* Add what route x comes to, as share, by port. */
static void
model_add(unsigned int x, double share, double *by_port)
{
	unsigned int total = 0;

	for (unsigned int i = 0; i < ndesc[x]; i++) {
		const struct nexthop_hop *h = &desc[x][i];

		if (h->netif != 0 || ndesc[h->gateway[2]] != 0)
			total += h->weight;
	}
	for (unsigned int i = 0; i < ndesc[x]; i++) {
		const struct nexthop_hop *h = &desc[x][i];

		if (h->netif != 0)
			by_port[h->netif] += share * h->weight / total;
		else if (ndesc[h->gateway[2]] != 0)
			model_add(
			    h->gateway[2], share * h->weight / total, by_port);
	}
}

static void
model_compare(unsigned int x)
{
	struct nexthop_group_member_info m[NEXTHOP_MEMBERS_MAX];
	double want[8] = {0}, have[8] = {0}, total = 0;
	struct nexthop_group_info info;

	if (ndesc[x] == 0)
		return;
	model_add(x, 1, want);
	cr_assert_eq(
	    nexthop_group_show(g, route[x], &info, m, NEXTHOP_MEMBERS_MAX), 0);
	for (unsigned int i = 0; i < info.members; i++)
		total += (double)m[i].weight;
	for (unsigned int i = 0; i < info.members; i++)
		have[m[i].hop.netif] += (double)m[i].weight / total;
	for (unsigned int p = 0; p < 8; p++) {
		cr_assert_eq(have[p] > 0, want[p] > 0);
		cr_assert_lt(have[p] - want[p], 0.01);
		cr_assert_lt(want[p] - have[p], 0.01);
	}
}

/* Another route x.  Those without a route below them are made direct. */
static void
model_change(unsigned int x, uint32_t *rnd)
{
	unsigned int n = 1 + random_next(rnd) % 3, low;

	for (unsigned int i = 0; i < n; i++) {
		const unsigned int w = 1 + random_next(rnd) % 4;

		low = random_next(rnd) % (x + 1);
		if (low < x && ndesc[low] != 0)
			desc[x][i] = far(low, 1 + random_next(rnd) % 3, w);
		else
			desc[x][i] = via(1 + random_next(rnd) % 7, 0, w);
		if (desc[x][i].gateway[2] == 0)
			desc[x][i].netif = desc[x][i].gateway[3];
	}
	/* All on ports of their own: the model knows no merging. */
	ndesc[x] = n;
	route_set(x, group(g, desc[x], n, 0));
}

Test(group_via, any_change_leads_to_what_the_model_says)
{
	const unsigned long rounds = stress_alone_n(400);
	uint32_t rnd = 31337;

	for (unsigned int x = 1; x < ROUTES; x++)
		model_change(x, &rnd);
	for (unsigned long round = 0; round < rounds; round++) {
		model_change(1 + random_next(&rnd) % (ROUTES - 1), &rnd);
		for (unsigned int x = 1; x < ROUTES; x++)
			model_compare(x);
	}
	for (unsigned int x = ROUTES; --x > 0;) {
		ndesc[x] = 0;
		route_set(x, 0);
	}
	cr_assert_eq(stats(g).groups, 0u);
	cr_assert_eq(stats(g).adjacencies, 0u);
}
