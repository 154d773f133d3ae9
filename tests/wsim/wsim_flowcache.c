/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A flow cache beside a writer.  Its tables are one cell with a route, so that
 * what is tried is the count of changes alone.
 */

#include <stdlib.h>

#include "stack/route/flowcache.h"
#include "stack/route/tables.h"
#include "tests/wsim/wsim.h"

static struct route_change changes;
static uint32_t name;
#define TABLES ((const struct route_tables *)(const void *)&name)
static SYNC_ATOMIC(struct route *) cell;
static SYNC_ATOMIC(uint32_t) known; /* that somebody has seen */
static const struct route *way[4];

struct route_answers
route_tables_answers(const struct route_tables *ts)
{
	wsim_assert(ts == TABLES);
	return (struct route_answers){
	    .af = NETIF_AF_INET, .change = &changes, .route = way};
}

void
route_rule_lookup_batch(const struct route_tables *ts,
    const struct route_flow *flow, const struct route **dst,
    const struct route **src, unsigned int n)
{
	wsim_assert(ts == TABLES && n == 1 && flow->iif == 1);
	/* acquire: pairs with the release in publish. */
	dst[0] = sync_load_acquire(&cell);
	src[0] = NULL;
}

/* A route with a number, and its version. */
static struct route *
make(uint32_t number, uint32_t version)
{
	struct route *r = calloc(1, sizeof(*r));

	wsim_assert(r != NULL);
	r->group = number;
	r->metric = version;
	way[number] = r;
	return r;
}

static void
publish(struct route *r)
{
	/* release: pairs with the acquire in the lookup. */
	sync_store_release(&cell, r);
}

static void
change(struct route *r)
{
	route_change_enter(&changes);
	publish(r);
	route_change_exit(&changes);
}

static struct route *
start(void)
{
	struct route *r = make(1, 1);

	publish(r);
	return r;
}

static struct route_flowcache *
make_cache(void)
{
	static const struct route_flowcache_config cfg = {.entries = 4};
	struct route_flowcache *c;

	wsim_assert(route_flowcache_create(TABLES, &cfg, &c) == 0);
	return c;
}

/* The version that a packet finds, c NULL: without a cache. */
static uint32_t
look(struct route_flowcache *c)
{
	static const uint8_t address[4] = {10, 0, 0, 1};
	const struct route_flow flow = {
	    .dst = address, .src = address, .iif = 1, .member = 1};
	const struct route *dst, *src;
	const uint64_t s = pserialize_read_enter();
	uint32_t version;

	if (c != NULL)
		route_flowcache_lookup_batch(
		    c, ROUTE_FLOWCACHE_ON, &flow, &dst, &src, 1);
	else
		route_rule_lookup_batch(TABLES, &flow, &dst, &src, 1);
	version = dst->metric;
	pserialize_read_exit(s);
	return version;
}

/* What is kept by the first two is what the third may find. */
static void *
keep_and_look(void *arg)
{
	struct route_flowcache *c = make_cache();
	uint32_t last = look(c), version, told;

	(void)arg;
	for (int i = 0; i < 2; i++) {
		/* acquire: pairs with the releases of tell. */
		told = sync_load_acquire(&known);
		version = look(c);
		wsim_assert(version >= told && version >= last);
		last = version;
	}
	route_flowcache_destroy(c);
	return NULL;
}

static void
tell(uint32_t version)
{
	/* release: pairs with the acquire in keep_and_look. */
	sync_store_release(&known, version);
}

WSIM_TEST(a_finished_change_is_met)
{
	start();
	(void)wsim_spawn(keep_and_look, NULL);
	change(make(2, 2));
	tell(2);
	wsim_join_all();
}

static void *
see_and_tell(void *arg)
{
	(void)arg;
	tell(look(NULL));
	return NULL;
}

/* One has seen what is being published, and another one hears of it. */
WSIM_TEST(answers_never_go_back)
{
	start();
	(void)wsim_spawn(keep_and_look, NULL);
	(void)wsim_spawn(see_and_tell, NULL);
	change(make(2, 2));
	wsim_join_all();
}

/* Its number is used again, once no reader can have it. */
WSIM_TEST(no_route_is_met_that_is_gone)
{
	struct route *old = start();

	(void)wsim_spawn(keep_and_look, NULL);
	change(make(2, 2));
	pserialize_perform();
	free(old);
	change(make(1, 3));
	wsim_join_all();
}

/* --- Controls ----------------------------------------------------------- */

/* The count is raised, but only when all is done. */
WSIM_MUST_FAIL(a_count_raised_after_is_not_enough, WSIM_ASSERT)
{
	start();
	(void)wsim_spawn(keep_and_look, NULL);
	(void)wsim_spawn(see_and_tell, NULL);
	publish(make(2, 2));
	route_change_enter(&changes);
	route_change_exit(&changes);
	wsim_join_all();
}

WSIM_MUST_FAIL(a_count_raised_before_is_not_enough, WSIM_ASSERT)
{
	start();
	(void)wsim_spawn(keep_and_look, NULL);
	route_change_enter(&changes);
	route_change_exit(&changes);
	publish(make(2, 2));
	tell(2);
	wsim_join_all();
}

WSIM_MUST_FAIL(a_count_raised_after_the_end_is_too_late, WSIM_UAF)
{
	struct route *old = start();

	(void)wsim_spawn(keep_and_look, NULL);
	publish(make(2, 2));
	pserialize_perform();
	free(old);
	route_change_enter(&changes);
	route_change_exit(&changes);
	wsim_join_all();
}
