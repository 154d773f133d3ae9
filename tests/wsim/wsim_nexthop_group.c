/* SPDX-License-Identifier: BSD-2-Clause */

/* Readers that resolve a group id while what is behind it changes. */

#include <stdlib.h>
#include <string.h>

#include "stack/core/sparse.h"
#include "stack/nexthop/object.h"
#include "stack/nexthop/resolve.h"
#include "tests/wsim/wsim.h"

static struct nexthop_groups *g;
static struct nexthop_objects *t;
static SYNC_ATOMIC(uint32_t) cell; /* a group id that readers find */

/* Memory that the simulator sees. */
void *
sparse_alloc(size_t n, size_t size)
{
	return calloc(n, size);
}

void
sparse_free(void *p, size_t n, size_t size)
{
	(void)n;
	(void)size;
	free(p);
}

/* Watches are kept for the test to run them. */
static struct nexthop_watch *watching;

static void
watch(void *arg, struct nexthop_watch *w)
{
	(void)arg;
	watching = w;
}

static void
unwatch(void *arg, struct nexthop_watch *w)
{
	(void)arg;
	(void)w;
	watching = NULL;
}

static const struct nexthop_group_neigh_ops ops = {
    .watch = watch, .unwatch = unwatch};

static void
start(uint32_t groups, const struct nexthop_group_neigh_ops *with)
{
	const struct nexthop_group_limits limits = {
	    .groups = groups, .adjacencies = 6, .buckets = 8, .seed = 1};

	wsim_assert(nexthop_group_create(&limits, with, NULL, &g) == 0);
	wsim_assert(nexthop_object_create(g, NULL, NULL, &t) == 0);
}

static struct nexthop_hop
via(uint8_t gateway)
{
	return (struct nexthop_hop){.kind = NEXTHOP_VIA,
	    .weight = 1,
	    .netif = gateway,
	    .gateway = {10, 0, 0, gateway}};
}

static uint32_t
group(uint8_t first, unsigned int n)
{
	struct nexthop_hop hops[2] = {via(first), via((uint8_t)(first + 1))};
	const struct nexthop_group_config cfg = {.hops = hops, .nhops = n};
	uint32_t id = 0;

	wsim_assert(nexthop_group_acquire(g, &cfg, &id) == 0);
	return id;
}

/* What the slot says, all of it, and not half; 0: none. */
static int
gateway_of(const struct nexthop_slot *s)
{
	if (s == NULL)
		return 0;
	wsim_assert(s->gateway[3] == s->netif);
	wsim_assert(s->hdr_len == 0 || s->hdr[0] == s->gateway[3]);
	return s->gateway[3];
}

static int
look(uint32_t id, uint32_t hash)
{
	const uint64_t s = pserialize_read_enter();
	const int gateway = gateway_of(nexthop_resolve(g, NULL, id, hash));

	pserialize_read_exit(s);
	return gateway;
}

static int
look_batch(uint32_t id, uint32_t hash)
{
	const uint64_t s = pserialize_read_enter();
	const struct nexthop_slot *slot;
	int gateway;

	nexthop_resolve_batch(g, NULL, &id, &hash, &slot, 1);
	gateway = gateway_of(slot);
	pserialize_read_exit(s);
	return gateway;
}

/* Group 1 is empty at first. */
static void *
see_it_made(void *arg)
{
	int last = 0;

	(void)arg;
	for (int i = 0; i < 2; i++) {
		const int now = i == 0 ? look(1, 0) : look_batch(1, 0);

		wsim_assert(now == 0 || now == 3 || now == 4);
		wsim_assert(now != 0 || last == 0);
		last = now;
	}
	return NULL;
}

WSIM_TEST(a_single_group_is_complete_when_seen)
{
	start(4, NULL);
	(void)wsim_spawn(see_it_made, NULL);
	wsim_assert(group(3, 1) == 1);
	wsim_join_all();
}

WSIM_TEST(buckets_are_filled_when_seen)
{
	start(4, NULL);
	(void)wsim_spawn(see_it_made, NULL);
	wsim_assert(group(3, 2) == 1);
	wsim_join_all();
}

/* FAR is on no link, so the object is empty. */
#define FAR 9

static void
put(uint32_t id, uint8_t gateway)
{
	struct nexthop_object_config cfg = {.id = id, .hop = via(gateway)};
	const char *why;

	if (gateway == FAR)
		cfg.hop.netif = 0;

	wsim_assert(
	    nexthop_object_add(t, &cfg, NEXTHOP_OBJECT_REPLACE, &why) == 0);
}

/* Group 2 is empty, and its backup is group 1, which is so at first. */
static void *
see_the_backup(void *arg)
{
	const int now = look(2, 0);

	(void)arg;
	wsim_assert(now == 0 || now == 5);
	return NULL;
}

WSIM_TEST(a_backup_is_complete_when_seen)
{
	const struct nexthop_hop far = {
	    .kind = NEXTHOP_VIA, .weight = 1, .gateway = {10, 0, 0, FAR}};
	const struct nexthop_group_config cfg = {
	    .hops = &far, .nhops = 1, .backup = 1};
	uint32_t id;

	start(4, NULL);
	put(1, FAR);
	wsim_assert(nexthop_group_acquire(g, &cfg, &id) == 0 && id == 2);
	(void)wsim_spawn(see_the_backup, NULL);
	put(1, 5);
	wsim_join_all();
}

static void *
see_it_move(void *arg)
{
	int last = 3;

	(void)arg;
	for (int i = 0; i < 2; i++) {
		const int now = i == 0 ? look(1, 0) : look_batch(1, 0);

		wsim_assert(now == 3 || now == 4);
		wsim_assert(now >= last);
		last = now;
	}
	return NULL;
}

WSIM_TEST(a_gateway_moves_at_once)
{
	start(4, NULL);
	put(1, 3);
	(void)wsim_spawn(see_it_move, NULL);
	put(1, 4);
	wsim_join_all();
}

static void *
see_headers(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++)
		wsim_assert(look(1, 0) == 3);
	return NULL;
}

WSIM_TEST(a_header_is_complete_when_seen)
{
	struct nexthop_adj adj = {.hdr_len = 14, .hdr = {3}};

	start(4, &ops);
	put(1, 3);
	(void)wsim_spawn(see_headers, NULL);
	watching->fn(watching, &adj);
	watching->fn(watching, NULL);
	wsim_join_all();
}

/* The resilient group of objects first to last, 1 or 2. */
static void
put_resilient(uint32_t first, uint32_t last)
{
	const struct nexthop_object_member m[] = {{first, 1}, {last, 1}};
	const struct nexthop_object_config cfg = {.id = 9,
	    .member = m,
	    .nmembers = 1 + last - first,
	    .resilient = true,
	    .buckets = 2};
	const char *why;

	wsim_assert(
	    nexthop_object_add(t, &cfg, NEXTHOP_OBJECT_REPLACE, &why) == 0);
}

static void *
see_buckets(void *arg)
{
	struct nexthop_group_marks *m = nexthop_group_marks(g, 0);
	const uint32_t id = *(uint32_t *)arg;

	m->tick = 5;
	for (int i = 0; i < 2; i++) {
		const uint64_t s = pserialize_read_enter();
		const int now = gateway_of(nexthop_resolve(g, m, id, 0));

		wsim_assert(now == 3 || now == 4);
		pserialize_read_exit(s);
	}
	return NULL;
}

WSIM_TEST(a_bucket_leads_to_a_slot_that_is_set)
{
	uint32_t id;

	start(6, NULL);
	put(1, 3);
	put_resilient(1, 1);
	wsim_assert(nexthop_object_acquire(t, 9, &id) == 0);
	(void)wsim_spawn(see_buckets, &id);
	put(2, 4);
	put_resilient(2, 2);
	wsim_join_all();
}

/* The group of objects one and two, whose weight is this to 1. */
static void
put_pair(uint32_t id, uint32_t one, uint32_t two, uint16_t weight)
{
	const struct nexthop_object_member m[] = {{one, 1}, {two, weight}};
	const struct nexthop_object_config cfg = {
	    .id = id, .member = m, .nmembers = 2};
	const char *why;

	wsim_assert(
	    nexthop_object_add(t, &cfg, NEXTHOP_OBJECT_REPLACE, &why) == 0);
}

static void *
see_place(void *arg)
{
	for (int i = 0; i < 2; i++) {
		const int now = look(*(uint32_t *)arg, 0);

		wsim_assert(now == 4 || now == 5);
	}
	return NULL;
}

/* All buckets are taken: 2 + 4 + 2. */
WSIM_TEST(a_bucket_in_its_place_leads_to_a_slot_that_is_set)
{
	struct nexthop_group_stats st;
	uint32_t id;

	start(8, NULL);
	put(1, 3);
	put(2, 4);
	put_pair(9, 1, 2, 1);
	put_pair(10, 1, 2, 3);
	put_pair(11, 1, 2, 1);
	wsim_assert(nexthop_object_acquire(t, 9, &id) == 0);
	(void)wsim_spawn(see_place, &id);
	put(3, 5);
	put_pair(9, 1, 3, 1);
	wsim_join_all();
	nexthop_group_stats(g, &st);
	wsim_assert(st.buckets == 8 && st.edits == 1);
}

static void *
see_around(void *arg)
{
	for (int i = 0; i < 2; i++) {
		const int now = look(*(uint32_t *)arg, 0);

		wsim_assert(now == 0 || now == 4);
	}
	return NULL;
}

WSIM_TEST(the_way_around_a_port_is_complete)
{
	uint32_t id;

	start(6, NULL);
	put(1, 3);
	put_resilient(1, 1);
	nexthop_group_port(g, 3, false);
	wsim_assert(nexthop_object_acquire(t, 9, &id) == 0);
	(void)wsim_spawn(see_around, &id);
	put(2, 4);
	put_resilient(1, 2);
	wsim_join_all();
}

/* Whoever finds an id in the cell may use it to the end of the section. */
static void *
see_ids(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		const uint64_t s = pserialize_read_enter();
		/* acquire: pairs with the release in reuse_ids. */
		const uint32_t id = sync_load_acquire(&cell);
		const int first = gateway_of(nexthop_resolve(g, NULL, id, 0));

		wsim_assert(first >= 3 && first <= 8);
		wsim_assert(
		    gateway_of(nexthop_resolve(g, NULL, id, 0)) == first);
		pserialize_read_exit(s);
	}
	return NULL;
}

/* Groups of n members one after the other, with two ids for all of them. */
static void
reuse_ids(unsigned int n)
{
	uint32_t old, id;

	start(3, NULL);
	old = group(3, n);
	sync_init(&cell, old);
	(void)wsim_spawn(see_ids, NULL);
	for (uint8_t first = 5; first <= 7; first += 2) {
		id = group(first, n);
		/* release: pairs with the acquire in see_ids. */
		sync_store_release(&cell, id);
		nexthop_group_release(g, old);
		old = id;
	}
	wsim_join_all();
}

WSIM_TEST(ids_are_used_again_after_their_readers)
{
	reuse_ids(1);
}

WSIM_TEST(buckets_are_used_again_after_their_readers)
{
	reuse_ids(2);
}

static void *
keep_a_slot(void *arg)
{
	const uint64_t s = pserialize_read_enter();
	const struct nexthop_slot *slot = nexthop_resolve(g, NULL, 1, 0);

	(void)arg;
	pserialize_read_exit(s);
	(void)gateway_of(slot);
	return NULL;
}

WSIM_MUST_FAIL(a_slot_kept_beyond_the_section, WSIM_UAF)
{
	start(4, NULL);
	put(1, 3);
	(void)wsim_spawn(keep_a_slot, NULL);
	put(1, 4);
	pserialize_barrier();
	wsim_join_all();
}
