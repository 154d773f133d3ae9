/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Routes, recursive gateways and numbered next hops that go by each other in
 * any way, loops included: whatever was there before, packets go where they
 * would if all of it had just been configured.
 */

#include <poll.h>

#include "stack/core/stack.h"
#include "stack/nexthop/nexthop.h"
#include "stack/route/tables.h"
#include "tests/stack/grouptab.h"
#include "tests/stress.h"

#define NETS     6u
#define GATEWAYS 5u
#define SINGLES  4u /* objects 1 .. 4; */
#define GROUPS   3u /* 5 .. 7 are groups of them */
#define OBJECTS  (SINGLES + GROUPS)
#define PORTS    3u
#define BUCKETS  32u
#define SEC      UINT64_C(1000000000)

static struct stack *st;
static struct route_tables *ts;
static struct nexthop_groups *g;
static struct nexthop_objects *objects;

/* 10.x.0.0/16, and gateways inside each but one. */
static const uint8_t nets[NETS] = {1, 2, 3, 4, 5, 6};
static const uint8_t gateways[GATEWAYS] = {1, 2, 3, 4, 9};

/* What a route or an object goes by; all zero: it is not there. */
struct way {
	uint8_t port;    /* on this link, */
	uint8_t via;     /* and, as bits, by these gateways, */
	uint8_t object;  /* or by this object, */
	uint8_t members; /* or, as bits, by these: from 1 << 1 on */
};

static struct way route[NETS], object[OBJECTS + 1];

static uint64_t now;

static uint64_t
clock_now(void *arg)
{
	(void)arg;
	return now;
}

static struct route_table *
table(void)
{
	struct route_table *t;

	cr_assert_eq(route_tables_get(ts, ROUTE_TABLES_MAIN, &t), 0);
	return t;
}

static struct nexthop_resolve_found
lookup(void *arg, uint32_t number, const uint8_t *addr)
{
	return route_tables_hops(arg, number, addr);
}

static void
gone(void *arg, const uint32_t *groups, size_t n)
{
	(void)arg;
	(void)route_table_purge_hops(table(), groups, n);
}

static void
setup(void)
{
	static const struct proto *const protos[] = {&proto_nexthop, NULL};
	static const struct nexthop_family family = {
	    .lookup = lookup, .gone = gone};
	const struct stack_config cfg = {.name = "hops",
	    .protos = protos,
	    .stepped = true,
	    .clock = clock_now};

	now = SEC;
	cr_assert_eq(stack_create(&cfg, &st), 0);
	cr_assert_eq(route_tables_create(st, NETIF_AF_INET, &ts), 0);
	cr_assert_eq(nexthop_family_set(st, NETIF_AF_INET, &family, ts), 0);
	g = nexthop_groups_of(st);
	objects = nexthop_objects_of(st);
	memset(route, 0, sizeof(route));
	memset(object, 0, sizeof(object));
	stack_control_enter(st);
}

static void
teardown(void)
{
	cr_assert_eq(nexthop_family_set(st, NETIF_AF_INET, NULL, NULL), 0);
	stack_control_exit(st);
	route_tables_destroy(ts);
	stack_destroy(st);
}

TestSuite(route_hops_objects, .init = setup, .fini = teardown);

static bool
is_there(const struct way *w)
{
	return w->port != 0 || w->via != 0 || w->object != 0 || w->members != 0;
}

/* --- What is configured ------------------------------------------------- */

static void
route_put(unsigned int net, struct way w)
{
	struct route_nexthop nh[GATEWAYS + 1] = {
	    {.netif = w.port, .weight = 1}};
	unsigned int n = w.port != 0;
	struct route_config cfg = {.prefix = {10, nets[net]},
	    .plen = 16,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nhid = w.object,
	    .nexthops = w.object == 0 ? nh : NULL};

	for (unsigned int i = 0; i < GATEWAYS; i++)
		if ((w.via >> i & 1) != 0)
			nh[n++] = (struct route_nexthop){.weight = 1,
			    .gateway = {10, gateways[i], 0, 1},
			    .has_gateway = true,
			    .recursive = true};
	cfg.nnexthops = w.object == 0 ? n : 0;
	cr_assert_eq(route_table_add(table(), &cfg, ROUTE_REPLACE), 0);
	route[net] = w;
}

static void
route_take(unsigned int net)
{
	const uint8_t prefix[16] = {10, nets[net]};

	cr_assert_eq(route_table_remove(table(), prefix, 16, NULL), 0);
	route[net] = (struct way){0};
}

static void
object_put(uint32_t id, struct way w)
{
	struct nexthop_object_member m[SINGLES];
	struct nexthop_object_config cfg = {.id = id, .member = m};
	const char *why = "";

	for (uint32_t i = 1; i <= SINGLES; i++)
		if ((w.members >> i & 1) != 0)
			m[cfg.nmembers++] = (struct nexthop_object_member){
			    .id = i, .weight = 1};
	cfg.hop = link_hop(w.port);
	for (unsigned int i = 0; i < GATEWAYS && w.port == 0; i++)
		if ((w.via >> i & 1) != 0)
			cfg.hop = (struct nexthop_hop){.kind = NEXTHOP_VIA,
			    .weight = 1,
			    .gateway = {10, gateways[i], 0, 1}};
	cr_assert_eq(
	    nexthop_object_add(objects, &cfg, NEXTHOP_OBJECT_REPLACE, &why), 0,
	    "%s", why);
	object[id] = w;
}

/* And what goes with it. */
static void
forget(uint32_t id)
{
	object[id] = (struct way){0};
	for (unsigned int net = 0; net < NETS; net++)
		if (route[net].object == id)
			route[net] = (struct way){0};
	for (uint32_t i = SINGLES + 1; id <= SINGLES && i <= OBJECTS; i++) {
		const bool was = is_there(&object[i]);

		object[i].members &= (uint8_t) ~(1u << id);
		if (was && !is_there(&object[i]))
			forget(i);
	}
}

static void
object_take(uint32_t id)
{
	const char *why = "";

	cr_assert_eq(nexthop_object_remove(objects, id, &why), 0, "%s", why);
	forget(id);
}

/* --- Looked up anew ----------------------------------------------------- */

/*
 * Routes with the same next hops are one group, and so go by themselves
 * together; one with an object is the object.
 */
static const struct way *
node_of_route(unsigned int net)
{
	if (route[net].object != 0)
		return &object[route[net].object];
	for (unsigned int i = 0; i < net; i++)
		if (memcmp(&route[i], &route[net], sizeof(route[i])) == 0)
			return &route[i];
	return &route[net];
}

/* What carries packets to a gateway, or NULL. */
static const struct way *
node_of_gateway(unsigned int gateway)
{
	for (unsigned int net = 0; net < NETS; net++)
		if (nets[net] == gateways[gateway] && is_there(&route[net]))
			return node_of_route(net);
	return NULL;
}

static bool
leads_to(const struct way *from, const struct way *to, unsigned int depth)
{
	const struct way *next;

	if (from == NULL || depth > NETS + OBJECTS)
		return false;
	if (from == to)
		return true;
	for (unsigned int i = 0; i < GATEWAYS; i++) {
		next = (from->via >> i & 1) != 0 ? node_of_gateway(i) : NULL;
		if (leads_to(next, to, depth + 1))
			return true;
	}
	for (uint32_t i = 1; i <= SINGLES; i++)
		if ((from->members >> i & 1) != 0 &&
		    leads_to(&object[i], to, depth + 1))
			return true;
	return false;
}

/* As bits: on port p to whom it is for, or, i + 1 later, to gateway i. */
static uint64_t
bit_of(unsigned int port, unsigned int gateway)
{
	return UINT64_C(1) << (port * 8 + gateway);
}

static uint64_t
expected(const struct way *w)
{
	uint64_t all = w->port != 0 ? bit_of(w->port, 0) : 0;

	for (uint32_t i = 1; i <= SINGLES; i++)
		if ((w->members >> i & 1) != 0)
			all |= expected(&object[i]);
	for (unsigned int i = 0; i < GATEWAYS; i++) {
		const struct way *by =
		    (w->via >> i & 1) != 0 ? node_of_gateway(i) : NULL;
		uint64_t more;

		if (by == NULL || leads_to(by, w, 0))
			continue;
		more = expected(by);
		for (unsigned int p = 1; p <= PORTS; p++)
			if ((more & bit_of(p, 0)) != 0)
				more =
				    (more & ~bit_of(p, 0)) | bit_of(p, i + 1);
		all |= more;
	}
	return all;
}

static uint64_t
have(uint32_t group)
{
	struct nexthop_group_member_info m[64];
	struct nexthop_group_info info;
	uint64_t all = 0;

	cr_assert_eq(nexthop_group_show(g, group, &info, m, 64), 0);
	cr_assert(info.members <= 64);
	for (unsigned int i = 0; i < info.members; i++) {
		unsigned int at = 0;

		for (unsigned int k = 0; k < GATEWAYS; k++)
			if (m[i].hop.gateway[1] == gateways[k])
				at = k + 1;
		all |= bit_of(m[i].hop.netif, at);
	}
	return all;
}

static uint64_t
have_route(unsigned int net)
{
	const uint8_t prefix[16] = {10, nets[net]};
	const uint64_t s = pserialize_read_enter();
	const struct route *r = route_table_exact(table(), prefix, 16);
	const uint32_t group = r != NULL ? r->hops : NEXTHOP_GROUP_NONE;

	pserialize_read_exit(s);
	cr_assert_eq(r != NULL, is_there(&route[net]), "net %u", net);
	return r != NULL ? have(group) : 0;
}

static void
compare(unsigned long round)
{
	for (unsigned int net = 0; net < NETS; net++) {
		const uint64_t want =
		    is_there(&route[net]) ? expected(node_of_route(net)) : 0;
		const uint64_t got = have_route(net);

		cr_assert_eq(got, want, "round %lu, net %u: %llx for %llx",
		    round, net, (unsigned long long)got,
		    (unsigned long long)want);
	}
	for (uint32_t id = 1; id <= OBJECTS; id++) {
		uint32_t group;

		if (nexthop_object_acquire(objects, id, &group) != 0) {
			cr_assert_not(is_there(&object[id]));
			continue;
		}
		cr_assert_eq(have(group), expected(&object[id]),
		    "round %lu, object %u", round, id);
		nexthop_group_release(g, group);
	}
}

/* --- Tests -------------------------------------------------------------- */

#define VIA(i)    ((struct way){.via = 1u << (i)})
#define LINK(p)   ((struct way){.port = (p)})
#define OBJECT(n) ((struct way){.object = (n)})
#define GROUP(b)  ((struct way){.members = (b)})

/* Net 4 by gateway 0, which is in net 0: by object 5, of 1 and 2; 1 goes by
 * gateway 3, which is in net 4. */
static void
loop_of_a_member(void)
{
	route_put(3, VIA(0));
	object_put(1, VIA(3));
	object_put(2, LINK(2));
	object_put(5, GROUP(1u << 1 | 1u << 2));
	route_put(0, OBJECT(5));
	cr_assert_eq(have_route(3), 0u);
	cr_assert_eq(have_route(0), bit_of(2, 0));
}

Test(route_hops_objects, a_loop_ends_with_the_member_that_it_went_by)
{
	loop_of_a_member();
	object_put(5, GROUP(1u << 2));
	cr_assert_eq(have_route(0), bit_of(2, 0), "as before");
	cr_assert_eq(have_route(3), bit_of(2, 1));
	compare(0);
	object_put(5, GROUP(1u << 1 | 1u << 2));
	cr_assert_eq(have_route(3), 0u, "it is closed again");
	compare(0);
}

Test(route_hops_objects, a_loop_ends_with_the_object_that_is_deleted)
{
	loop_of_a_member();
	object_take(1);
	cr_assert_eq(have_route(3), bit_of(2, 1));
	compare(0);
}

Test(route_hops_objects, a_loop_ends_with_the_gateway_of_an_object)
{
	loop_of_a_member();
	object_put(1, VIA(4));
	cr_assert_eq(have_route(3), bit_of(2, 1));
	compare(0);
}

/* Who closes it comes to the same as before. */
Test(route_hops_objects, a_loop_is_closed_by_a_route)
{
	route_put(1, (struct way){.port = 1, .via = 1u << 0});
	route_put(0, VIA(1));
	compare(0);
	cr_assert_eq(have_route(0), 0u);
	cr_assert_eq(have_route(1), bit_of(1, 0));
	route_take(0);
	route_put(0, LINK(2));
	compare(0);
}

static struct way
any_way(uint32_t *rnd)
{
	const uint32_t r = random_next(rnd) >> 4;
	const uint32_t id = 1 + r / 8 % OBJECTS;

	if (r % 8 < 4 && is_there(&object[id]))
		return OBJECT((uint8_t)id);
	if (r % 8 == 4)
		return LINK((uint8_t)(1 + r / 8 % PORTS));
	return (struct way){
	    .port = (uint8_t)(r % 8 == 5 ? 1 + r / 8 % PORTS : 0),
	    .via =
		(uint8_t)(1u << r / 32 % GATEWAYS | 1u << r / 256 % GATEWAYS)};
}

static void
any_object(uint32_t *rnd)
{
	const uint32_t r = random_next(rnd) >> 4;
	const uint32_t id = 1 + r / 8 % OBJECTS;
	uint8_t there = 0;

	for (uint32_t i = 1; i <= SINGLES; i++)
		if (is_there(&object[i]))
			there |= (uint8_t)(1u << i);
	there &= (uint8_t)(r / 64);
	if (r % 8 == 0 && is_there(&object[id]))
		object_take(id);
	else if (id > SINGLES && there != 0)
		object_put(id, GROUP(there));
	else if (id <= SINGLES)
		object_put(id, r % 8 < 3 ? LINK((uint8_t)(1 + r / 64 % PORTS))
					 : VIA(r / 64 % GATEWAYS));
}

Test(route_hops_objects, any_history_is_as_if_configured_anew)
{
	const unsigned long rounds = stress_alone_n(20000);
	uint32_t rnd = 4711;

	for (unsigned long round = 0; round < rounds; round++) {
		const uint32_t r = random_next(&rnd) >> 4;

		if (r % 2 != 0)
			any_object(&rnd);
		else if (r % 8 == 0 && is_there(&route[r / 8 % NETS]))
			route_take(r / 8 % NETS);
		else
			route_put(r / 8 % NETS, any_way(&rnd));
		compare(round);
	}
}

/* --- Timers ------------------------------------------------------------- */

static unsigned int
buckets_of(uint32_t group, uint32_t member)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < BUCKETS; i++) {
		uint64_t unused;
		uint32_t who;

		cr_assert_eq(
		    nexthop_object_bucket(objects, group, i, &who, &unused), 0);
		n += who == member;
	}
	return n;
}

/* Every bucket has a flow. */
static void
use(uint32_t id)
{
	struct nexthop_group_marks *m = nexthop_group_marks(g, 0);
	const uint64_t s = pserialize_read_enter();
	uint32_t group, rnd = 1;

	m->tick = nexthop_group_tick(now);
	cr_assert_eq(nexthop_object_acquire(objects, id, &group), 0);
	for (unsigned int i = 0; i < 100 * BUCKETS; i++)
		(void)nexthop_resolve(g, m, group, random_next(&rnd));
	nexthop_group_release(g, group);
	pserialize_read_exit(s);
}

/* Do what is rung for.  Returns: was it? */
static bool
housekeep(void)
{
	struct pollfd fd = {.fd = stack_housekeep_fd(st), .events = POLLIN};
	const bool rung = poll(&fd, 1, 0) == 1;

	stack_control_exit(st);
	if (rung)
		(void)stack_housekeep(st);
	stack_control_enter(st);
	return rung;
}

Test(route_hops_objects, a_route_starts_the_timer_of_a_resilient_group)
{
	const struct nexthop_object_member m[] = {{1, 1}, {2, 1}};
	const struct nexthop_object_config cfg = {.id = 5,
	    .member = m,
	    .nmembers = 2,
	    .resilient = true,
	    .buckets = BUCKETS,
	    .idle_timer = 5 * SEC};
	const char *why;

	object_put(1, VIA(0));
	object_put(2, LINK(2));
	cr_assert_eq(
	    nexthop_object_add(objects, &cfg, NEXTHOP_OBJECT_ADD, &why), 0);
	cr_assert_eq(buckets_of(5, 2), BUCKETS);
	while (housekeep())
		pserialize_barrier();
	now += SEC;
	use(5);
	route_put(0, LINK(1));
	cr_assert_eq(buckets_of(5, 2), BUCKETS, "all are in use");
	cr_assert(housekeep(), "or nobody arms it");
	cr_assert(stack_next_event(st) <= now + 6 * SEC);
	now += 7 * SEC;
	(void)stack_step(st);
	cr_assert(housekeep(), "the timer rings");
	cr_assert_eq(buckets_of(5, 1), BUCKETS / 2);
	cr_assert_eq(buckets_of(5, 2), BUCKETS / 2);
}
