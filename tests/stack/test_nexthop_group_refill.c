/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a change comes to when there is no room for it: more next hops than a
 * group has, no buckets, no memory.  Neither a route that goes nor an interface
 * may be held up by that.
 */

#include <pthread.h>
#include <sched.h>

#include "stack/nexthop/object.h"
#include "tests/nomem.h"
#include "tests/stack/grouptab.h"
#include "tests/stress.h"

#define GATEWAYS 8  /* far ones, 10.0.x.1 */
#define PATHS    60 /* of each, once they are led there */
#define LOST     9  /* the interface that goes */

static struct nexthop_groups *g;
static struct nexthop_objects *t;
static uint32_t route[GATEWAYS + 1]; /* of 10.0.x.0/24 */
static unsigned int ngone;

static void
lookup(void *arg, uint32_t table, enum netif_af af, const uint8_t *addr,
    struct nexthop_resolve_found *out)
{
	(void)arg;
	(void)table;
	(void)af;
	*out = (struct nexthop_resolve_found){
	    .group = addr[2] <= GATEWAYS ? route[addr[2]] : 0};
}

static void
gone(void *arg, const uint32_t *groups, size_t n)
{
	(void)arg;
	(void)groups;
	ngone += (unsigned int)n;
}

static void
begin(uint32_t buckets)
{
	const struct nexthop_group_limits limits = {
	    .buckets = buckets, .workers = 2};

	memset(route, 0, sizeof(route));
	ngone = 0;
	cr_assert_eq(nexthop_group_create(&limits, NULL, NULL, &g), 0);
	cr_assert_eq(nexthop_object_create(g, gone, NULL, &t), 0);
	nexthop_resolve_via_set(g, lookup, NULL);
}

static void
end(void)
{
	nexthop_object_destroy(t);
	nexthop_group_destroy(g);
}

/* The routes to the gateways from .. to go by these groups, in one commit. */
static void
lead(unsigned int from, unsigned int to, const uint32_t *id)
{
	for (unsigned int x = from; x <= to; x++) {
		const uint8_t prefix[4] = {10, 0, (uint8_t)x, 0};

		route[x] = id[x];
		(void)nexthop_resolve_via_stage(
		    g, 0, NETIF_AF_INET, prefix, 24);
	}
	cr_assert_eq(nexthop_resolve_via_prepare(g), 0);
	nexthop_resolve_via_commit(g);
}

static struct nexthop_group_info
info_of(uint32_t id, struct nexthop_group_member_info m[NEXTHOP_MEMBERS_MAX])
{
	struct nexthop_group_info info;

	cr_assert_eq(
	    nexthop_group_show(g, id, &info, m, NEXTHOP_MEMBERS_MAX), 0);
	return info;
}

/* How many of the gateways of group id were cut. */
static unsigned int
cut_of(uint32_t id)
{
	struct nexthop_resolve_info info[GATEWAYS];
	unsigned int n = 0;

	cr_assert_eq(nexthop_resolve_via_show(g, id, info, GATEWAYS), GATEWAYS);
	for (unsigned int i = 0; i < GATEWAYS; i++) {
		cr_assert(info[i].end == NEXTHOP_RESOLVE_FOUND ||
			  info[i].end == NEXTHOP_RESOLVE_CUT);
		n += info[i].end == NEXTHOP_RESOLVE_CUT;
	}
	return n;
}

/* Groups of one path, and of PATHS each, by gateway. */
static void
ways(uint32_t *narrow, uint32_t *wide)
{
	struct nexthop_hop hops[PATHS];

	for (unsigned int x = 1; x <= GATEWAYS; x++) {
		for (unsigned int i = 0; i < PATHS; i++)
			hops[i] = via(x << 8 | (100 + i), 1, 1);
		wide[x] = group(g, hops, PATHS, 0);
		hops[0] = via(x << 8 | 99, 1, 1);
		narrow[x] = group(g, hops, 1, 0);
	}
}

Test(group_refill, what_gateways_come_to_is_cut_not_refused)
{
	uint32_t narrow[GATEWAYS + 1], wide[GATEWAYS + 1], id, first;
	struct nexthop_group_member_info m[NEXTHOP_MEMBERS_MAX];
	struct nexthop_group_info info;
	struct nexthop_hop hops[GATEWAYS + 1];
	bool named = false;

	begin(0);
	ways(narrow, wide);
	lead(1, GATEWAYS, narrow);
	for (unsigned int x = 1; x <= GATEWAYS; x++)
		hops[x - 1] = via(x << 8 | 1, 0, 1);
	hops[GATEWAYS] = via(7, 3, 1);
	id = group(g, hops, GATEWAYS + 1, 0);
	cr_assert_eq(info_of(id, m).members, GATEWAYS + 1u);
	cr_assert_eq(cut_of(id), 0u);
	lead(1, GATEWAYS, wide);
	info = info_of(id, m);
	cr_assert_eq(info.members, NEXTHOP_MEMBERS_MAX);
	cr_assert_eq(
	    info.left_out, GATEWAYS * PATHS + 1u - NEXTHOP_MEMBERS_MAX);
	cr_assert_eq(cut_of(id), 4u, "four have their 60, the fifth has 15");
	for (unsigned int i = 0; i < info.members; i++)
		named |= m[i].hop.netif == 3;
	cr_assert(named, "what is named is never left out");
	/* One that is made now comes to the same. */
	first = group(g, hops, GATEWAYS, 0);
	cr_assert_eq(
	    info_of(first, m).left_out, GATEWAYS * PATHS - NEXTHOP_MEMBERS_MAX);
	lead(5, GATEWAYS, narrow);
	info = info_of(id, m);
	cr_assert_eq(info.members, 4u * PATHS + 4 + 1);
	cr_assert_eq(info.left_out, 0u);
	cr_assert_eq(cut_of(id), 0u);
	end();
}

static int
put(const struct nexthop_object_config *cfg)
{
	const char *why;

	return nexthop_object_add(t, cfg, NEXTHOP_OBJECT_REPLACE, &why);
}

static void
put_single(uint32_t id, netif_id port)
{
	const struct nexthop_object_config cfg = {
	    .id = id, .hop = via(id, port, 1)};

	cr_assert_eq(put(&cfg), 0);
}

static int
put_group(uint32_t id, const struct nexthop_object_member *m, unsigned int n)
{
	const struct nexthop_object_config cfg = {
	    .id = id, .member = m, .nmembers = n};

	return put(&cfg);
}

/* Members 1 to 3 in the shares that take 256 buckets of 1024. */
static const struct nexthop_object_member three[] = {{1, 1}, {2, 1}, {3, 1}};

#define GROUPS 4 /* 10 .. 13 */

/* Objects 1 to 3, the last on the interface that goes; all buckets are taken. */
static void
fill_up(void)
{
	begin(1024);
	for (unsigned int i = 1; i <= 3; i++)
		put_single(i, i == 3 ? LOST : i);
	for (unsigned int i = 0; i < GROUPS; i++)
		cr_assert_eq(put_group(10 + i, three, 3), 0);
	cr_assert_eq(stats(g).buckets, 1024u);
}

/* Nothing goes by the interface; the others share as they should. */
static void
check_left(uint32_t id, const int before[256])
{
	struct nexthop_group_member_info m[NEXTHOP_MEMBERS_MAX];
	const struct nexthop_group_info info = info_of(id, m);

	cr_assert_eq(info.members, 2u);
	for (unsigned int i = 0; i < 2; i++) {
		cr_assert_neq(m[i].hop.netif, LOST);
		cr_assert_eq(m[i].buckets, info.buckets / 2);
	}
	for (uint32_t h = 0; h < 256; h++) {
		const int now = goes(g, id, h << 24);

		cr_assert(
		    before[h] == 3 ? now == 1 || now == 2 : now == before[h],
		    "flow %u: %d, then %d", h, before[h], now);
	}
}

Test(group_refill, an_interface_leaves_groups_when_all_buckets_are_taken)
{
	uint32_t id[GROUPS];
	int before[GROUPS][256];
	unsigned int buckets;
	struct nexthop_object_config cfg;

	fill_up();
	for (unsigned int i = 0; i < GROUPS; i++) {
		cr_assert_eq(nexthop_object_acquire(t, 10 + i, &id[i]), 0);
		for (uint32_t h = 0; h < 256; h++)
			before[i][h] = goes(g, id[i], h << 24);
	}
	buckets = stats(g).buckets;
	cr_assert_eq(nexthop_object_purge_netif(t, LOST), 1);
	cr_assert_eq(stats(g).buckets, buckets);
	cr_assert_eq(nexthop_object_get(t, 3, &cfg), -ENOENT);
	for (unsigned int i = 0; i < GROUPS; i++) {
		check_left(id[i], before[i]);
		cr_assert_eq(nexthop_object_get(t, 10 + i, &cfg), 0);
		cr_assert_eq(cfg.nmembers, 2u);
		nexthop_group_release(g, id[i]);
	}
	end();
}

Test(group_refill, what_is_asked_for_is_refused_when_it_takes_buckets)
{
	const struct nexthop_object_member more[] = {{1, 1}, {2, 999}};

	fill_up();
	cr_assert_eq(put_group(20, three, 2), -ENOSPC);
	cr_assert_eq(put_group(10, more, 2), -ENOSPC);
	cr_assert_eq(put_group(10, three, 2), 0, "it has enough");
	cr_assert_eq(put_group(10, three, 3), 0);
	end();
}

/* A gateway leads to three, and there are buckets for none. */
Test(group_refill, gateways_make_do_with_the_buckets_there_are)
{
	const struct nexthop_hop hop = via(99, 1, 1), far = via(257, 0, 1);
	struct nexthop_group_member_info m[NEXTHOP_MEMBERS_MAX];
	uint32_t way[2][GATEWAYS + 1] = {{0}}, id;
	struct nexthop_group_info info;
	struct nexthop_resolve_info why;

	fill_up();
	way[0][1] = group(g, &hop, 1, 0);
	cr_assert_eq(nexthop_object_acquire(t, 10, &way[1][1]), 0);
	lead(1, 1, way[0]);
	id = group(g, &far, 1, 0);
	lead(1, 1, way[1]);
	info = info_of(id, m);
	cr_assert_eq(info.members, 1u);
	cr_assert_eq(info.left_out, 2u);
	cr_assert_eq(goes(g, id, 0), m[0].hop.gateway[3]);
	cr_assert_eq(nexthop_resolve_via_show(g, id, &why, 1), 1u);
	cr_assert_eq(why.end, NEXTHOP_RESOLVE_CUT);
	lead(1, 1, way[0]);
	cr_assert_eq(info_of(id, m).left_out, 0u);
	/* A few buckets are better than none. */
	cr_assert_eq(put_group(13, three, 1), 0);
	lead(1, 1, way[1]);
	info = info_of(id, m);
	cr_assert_eq(info.members, 3u);
	cr_assert_eq(info.left_out, 0u);
	end();
}

/* So many groups of two, which take two buckets each, the last one's id. */
static uint32_t
hog(unsigned int from, unsigned int n)
{
	uint32_t id = 0;

	for (unsigned int i = from; i < from + n; i++) {
		const struct nexthop_hop two[] = {
		    via(20 + i, 1, 1), via(40 + i, 1, 1)};

		id = group(g, two, 2, 0);
	}
	return id;
}

Test(group_refill, who_must_change_makes_do_without_buckets)
{
	const struct nexthop_hop two[] = {via(1, 1, 1), via(2, 2, 1)};
	const struct nexthop_group_config cfg = {
	    .hops = two, .nhops = 2, .fits = true};
	struct nexthop_group_member_info m[NEXTHOP_MEMBERS_MAX];
	struct nexthop_group_info info;
	uint32_t id;

	begin(16);
	(void)hog(0, 8);
	cr_assert_eq(try_group(g, two, 2, 0, &id), -ENOSPC);
	cr_assert_eq(nexthop_group_acquire(g, &cfg, &id), 0);
	info = info_of(id, m);
	cr_assert_eq(info.members, 1u);
	cr_assert_eq(info.left_out, 1u);
	cr_assert_neq(goes(g, id, 0), -1);
	end();
}

/* A gateway that leads to the same four, but by another group. */
Test(group_refill, what_had_few_buckets_gets_more_when_it_can)
{
	const struct nexthop_hop four[] = {
	    via(1, 1, 1), via(2, 2, 1), via(3, 3, 1), via(4, 4, 1)};
	const struct nexthop_hop hop = via(99, 1, 1), far = via(257, 0, 1);
	struct nexthop_group_member_info m[NEXTHOP_MEMBERS_MAX];
	uint32_t way[3][GATEWAYS + 1] = {{0}}, id, hogs[3];

	begin(16);
	way[0][1] = group(g, &hop, 1, 0);
	way[1][1] = group(g, four, 4, 0);
	way[2][1] = group(g, four, 4, way[0][1]);
	for (unsigned int i = 0; i < 3; i++)
		hogs[i] = hog(i, 1);
	lead(1, 1, way[0]);
	id = group(g, &far, 1, 0);
	lead(1, 1, way[1]);
	cr_assert_eq(info_of(id, m).members, 4u);
	cr_assert_eq(info_of(id, m).buckets, 2u);
	for (unsigned int i = 0; i < 3; i++)
		nexthop_group_release(g, hogs[i]);
	lead(1, 1, way[2]);
	cr_assert_eq(info_of(id, m).buckets, 4u);
	for (unsigned int i = 0; i < 4; i++)
		cr_assert_eq(m[i].buckets, 1u);
	end();
}

/* One commit moves three gateways of a group, so it is computed three times. */
Test(group_refill, a_group_has_the_buckets_that_were_staged_for_it)
{
	const struct nexthop_hop far[] = {
	    via(257, 0, 1), via(513, 0, 1), via(769, 0, 1)};
	struct nexthop_group_member_info m[NEXTHOP_MEMBERS_MAX];
	uint32_t way[GATEWAYS + 1] = {0}, id;
	struct nexthop_group_info info;

	begin(16);
	(void)hog(0, 7);
	for (unsigned int i = 1; i <= 3; i++) {
		const struct nexthop_hop hop = via(i, i, 1);

		way[i] = group(g, &hop, 1, 0);
	}
	id = group(g, far, 3, 0);
	lead(1, 3, way);
	info = info_of(id, m);
	cr_assert_eq(info.members, 3u);
	cr_assert_eq(info.left_out, 0u);
	cr_assert_eq(info.buckets, 2u);
	end();
}

/* Groups of both kinds, one that ends, and one that goes by another. */
static void
build(uint32_t id[5])
{
	struct nexthop_object_config cfg = {.id = 11,
	    .member = three,
	    .nmembers = 3,
	    .resilient = true,
	    .buckets = 16};
	const struct nexthop_hop far = via(257, 0, 1);
	uint32_t way[2] = {0};

	begin(0);
	for (unsigned int i = 1; i <= 4; i++)
		put_single(i, i >= 3 ? LOST : i);
	cr_assert_eq(put_group(10, three, 3), 0);
	cr_assert_eq(put(&cfg), 0);
	cr_assert_eq(put_group(12, &three[2], 1), 0);
	cr_assert_eq(put_group(13, &three[1], 2), 0);
	for (unsigned int i = 0; i < 4; i++)
		cr_assert_eq(nexthop_object_acquire(t, 10 + i, &id[i]), 0);
	way[1] = id[0];
	lead(1, 1, way);
	id[4] = group(g, &far, 1, 0);
}

static void
check_purged(const uint32_t id[5], unsigned long at)
{
	static const unsigned int members[] = {2, 2, 0, 1, 2};
	struct nexthop_group_member_info m[NEXTHOP_MEMBERS_MAX];
	struct nexthop_object_config cfg;
	struct nexthop_group_info info;

	for (unsigned int i = 0; i < 5; i++) {
		info = info_of(id[i], m);
		cr_assert_eq(
		    info.members, members[i], "group %u at %lu", i, at);
		for (unsigned int k = 0; k < info.members; k++)
			cr_assert_neq(m[k].hop.netif, LOST);
		for (uint32_t h = 0; h < 64; h++) {
			const int by = goes(g, id[i], h << 26);

			cr_assert(
			    members[i] == 0 ? by == -1 : by == 1 || by == 2);
		}
	}
	cr_assert_eq(nexthop_object_get(t, 3, &cfg), -ENOENT);
	cr_assert_eq(nexthop_object_get(t, 4, &cfg), -ENOENT);
	cr_assert_eq(nexthop_object_get(t, 12, &cfg), -ENOENT, "it is empty");
	cr_assert_eq(nexthop_object_get(t, 10, &cfg), 0);
	cr_assert_eq(cfg.nmembers, 2u);
	cr_assert_eq(cfg.member[1].id, 2u);
	cr_assert_eq(nexthop_object_get(t, 13, &cfg), 0);
	cr_assert_eq(cfg.nmembers, 1u);
	cr_assert_eq(ngone, 1u, "routes of the group that went are told");
}

static void
purge_without(enum nomem_how how)
{
	static const uint32_t none[2];
	uint32_t id[5];
	bool failed = true;

	for (unsigned long at = 1; failed; at++) {
		build(id);
		nomem_arm(at, how);
		cr_assert_eq(nexthop_object_purge_netif(t, LOST), 2);
		failed = nomem_disarm();
		check_purged(id, at);
		/* What is computed with memory is no different. */
		put_single(5, 5);
		lead(1, 1, none);
		lead(1, 1, (const uint32_t[2]){0, id[0]});
		check_purged(id, at);
		route[1] = 0;
		for (unsigned int i = 0; i < 5; i++)
			nexthop_group_release(g, id[i]);
		nexthop_object_destroy(t);
		cr_assert_eq(stats(g).groups, 0u);
		cr_assert_eq(stats(g).adjacencies, 0u);
		nexthop_group_destroy(g);
	}
}

Test(group_refill, an_interface_leaves_without_memory)
{
	purge_without(NOMEM_REST);
	purge_without(NOMEM_ONE);
}

/* --- Readers look meanwhile --------------------------------------------- */

static SYNC_ATOMIC(bool) stop;
static uint32_t seen; /* [c] the group that is read */

static void *
reader(void *arg)
{
	uint32_t rnd = 1 + (uint32_t)(uintptr_t)arg;
	unsigned int n = 0;

	/* relaxed: it only ends the loop. */
	while (!sync_load_relaxed(&stop)) {
		for (unsigned int i = 0; i < 64; i++) {
			const int by = goes(g, seen, random_next(&rnd));

			cr_assert(by >= 1 && by <= 4, "by %d", by);
		}
		if (++n % 4 == 0)
			sched_yield();
	}
	return NULL;
}

/* Members leave in place, and their ids and slots are used again at once. */
Test(group_refill, readers_find_a_member_in_every_bucket)
{
	const struct nexthop_object_member other[] = {{1, 1}, {2, 2}, {4, 1}};
	const unsigned long n = stress_n(3000);
	pthread_t thread[2];

	fill_up();
	cr_assert_eq(nexthop_object_acquire(t, 10, &seen), 0);
	for (uintptr_t i = 0; i < 2; i++)
		cr_assert_eq(
		    pthread_create(&thread[i], NULL, reader, (void *)i), 0);
	for (unsigned long i = 0; i < n; i++) {
		put_single(4, LOST);
		cr_assert_eq(put_group(10, other, 3), 0);
		cr_assert_eq(nexthop_object_purge_netif(t, LOST),
		    i == 0 ? 2 : 1, "3 and 4, then 4");
		cr_assert_eq(put_group(10, other, 2), 0);
		(void)nexthop_group_upkeep(g, i << 20);
		if (i % 8 == 0)
			sched_yield();
	}
	/* relaxed: it only ends the loops. */
	sync_store_relaxed(&stop, true);
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	nexthop_group_release(g, seen);
	end();
}
