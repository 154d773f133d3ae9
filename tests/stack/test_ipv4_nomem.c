/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What people change of a router, when memory runs out at each allocation in
 * turn: the change is made, or refused, and then routes, rules, tables,
 * addresses and next-hop objects are what they were, the compiled tables say
 * what the trees say, and the same change goes well later.
 */

#include "stack/nexthop/resolve.h"
#include "stack/route/verify.h"
#include "tests/nomem.h"
#include "tests/stack/ipv4_router.h"

#define VRF    77U /* tables */
#define SPARE  79U
#define LOADED 600U /* routes of a load */

static uint64_t before; /* picture() */

/* --- The router --------------------------------------------------------- */

static void
setup(void)
{
	const struct stack_config cfg = {.name = "nomem",
	    .protos = protos,
	    .nworkers = 1,
	    .pkts_per_worker = 64,
	    .stepped = true};
	const struct route_rule rule = {
	    .pref = 9, .table = OTHER, .mark = 4, .mask = 4};

	cr_assert_eq(stack_create(&cfg, &st), 0);
	for (unsigned int i = 0; i < 3; i++)
		attach(i);
	cr_assert_eq(ipv4_rule_add(st, &rule), 0);
	furnish(0);
	furnish(1);
	cr_assert_eq(add("0.0.0.0", 0, "10.0.0.9", 0), 0);
}

static void
teardown(void)
{
	stack_destroy(st);
}

TestSuite(ipv4_nomem, .init = setup, .fini = teardown, .timeout = 120);

/* --- What there is ------------------------------------------------------ */

static void
mix(uint64_t *sum, const void *bytes, size_t n)
{
	for (const uint8_t *p = bytes; n > 0; n--, p++)
		*sum = (*sum ^ *p) * UINT64_C(0x100000001b3);
}

static int
mix_entry(void *arg, const struct route_entry *e)
{
	const struct route *r = e->route;
	const uint32_t words[] = {e->table, e->plen, e->rank, r->metric,
	    r->table, r->nhid, r->type, r->protocol, r->distance, r->nnexthops};

	mix(arg, words, sizeof(words));
	mix(arg, e->key, 4);
	mix(arg, r->nexthops, r->nnexthops * sizeof(r->nexthops[0]));
	return 0;
}

/* A table without routes is as good as none: it may have been made. */
static int
mix_table(void *arg, struct route_table *t)
{
	const struct route_verify_config cfg = {
	    .table = t, .random = 20, .seed = 5};
	struct route_verify_result result;

	cr_assert_eq(route_verify_table(&cfg, &result), 0);
	cr_assert_eq(result.differences, 0, "table %u has %u wrong answers",
	    route_table_number(t), (unsigned int)result.differences);
	return route_table_walk(t, mix_entry, arg);
}

static int
mix_rule(void *arg, const struct route_rule *r)
{
	const uint32_t words[] = {
	    r->pref, r->table, r->mark, r->mask, r->iif, r->src_plen};

	mix(arg, words, sizeof(words));
	return 0;
}

static int
mix_object(void *arg, const struct nexthop_object_config *o)
{
	const uint32_t words[] = {
	    o->id, o->hop.kind, o->hop.netif, o->resilient, o->buckets};

	mix(arg, words, sizeof(words));
	mix(arg, o->hop.gateway, 4);
	for (unsigned int i = 0; i < o->nmembers; i++) {
		mix(arg, &o->member[i].id, sizeof(uint32_t));
		mix(arg, &o->member[i].weight, sizeof(uint16_t));
	}
	return 0;
}

/* Where packets go that have this mark and hash. */
static void
mix_packet(uint64_t *sum, uint32_t dst, uint32_t mark, uint32_t hash)
{
	static const uint8_t src[4] = {192, 0, 2, 1};
	const struct route_flow flow = {
	    .dst = (const uint8_t *)&dst, .src = src, .mark = mark};
	const struct route *r;
	const struct nexthop_slot *slot;

	r = route_rule_lookup(ipv4_tables(st), &flow, NULL);
	if (r == NULL) {
		mix(sum, "none", 4);
		return;
	}
	slot = nexthop_resolve(nexthop_groups_of(st), NULL, r->hops, hash);
	if (slot == NULL) {
		mix(sum, "down", 4);
		return;
	}
	mix(sum, &slot->kind, 1);
	mix(sum, &slot->netif, sizeof(slot->netif));
	mix(sum, slot->gateway, 4);
}

static void
mix_packets(uint64_t *sum)
{
	static const uint8_t nets[] = {
	    9, 10, 20, 21, 30, 31, 60, 61, 62, 63, 70, 71};
	const uint64_t s = pserialize_read_enter();

	for (unsigned int i = 0; i < sizeof(nets); i++)
		for (uint32_t k = 0; k < 4; k++)
			for (uint32_t mark = 0; mark < 8; mark += 4)
				mix_packet(sum,
				    htonl((uint32_t)nets[i] << 24 |
					  (k * 0x550001)),
				    mark, k * 0x40000001);
	pserialize_read_exit(s);
}

static uint64_t
picture(void)
{
	uint64_t sum = 14695981039346656037u;
	struct route_tables *ts = ipv4_tables(st);

	cr_assert_eq(route_tables_walk(ts, mix_table, &sum), 0);
	mix_packets(&sum);
	stack_control_enter(st);
	cr_assert_eq(route_rule_walk(ts, mix_rule, &sum), 0);
	cr_assert_eq(
	    nexthop_object_walk(nexthop_objects_of(st), mix_object, &sum), 0);
	for (unsigned int i = 0; i < 3; i++) {
		const uint64_t s = pserialize_read_enter();
		const struct netif *nif = netif_lookup(st, eth[i]);
		const uint32_t in =
		    route_table_number(route_tables_of(ts, eth[i]));

		mix(&sum, &in, sizeof(in));
		for (const struct netif_addr *a =
			 nif != NULL ? netif_addr_first(nif, NETIF_AF_INET)
				     : NULL;
		     a != NULL; a = netif_addr_next(a))
			mix(&sum, a->addr, 4);
		pserialize_read_exit(s);
	}
	stack_control_exit(st);
	return sum;
}

static void
same(void *arg)
{
	(void)arg;
	cr_assert_eq(picture(), before, "allocation %lu", nomem.count);
}

/*
 * Refuse op at each of its allocations, then let it be made, and undo it, and
 * the same with no memory from there on.
 */
static unsigned int
refuse(int (*op)(void *), void (*undo)(void *))
{
	const struct nomem_try t = {.op = op, .same = same};
	unsigned int refused;
	uint64_t after;

	before = picture();
	refused = nomem_each(&t, NOMEM_ONE, undo);
	after = picture();
	cr_assert_neq(after, before);
	undo(NULL);
	same(NULL);
	refused += nomem_each(&t, NOMEM_REST, undo);
	cr_assert_eq(picture(), after);
	undo(NULL);
	same(NULL);
	return refused;
}

/* --- Tables and rules --------------------------------------------------- */

static int
bind_new(void *arg)
{
	(void)arg;
	return ipv4_netif_table_set(st, eth[2], SPARE);
}

static void
unbind(void *arg)
{
	(void)arg;
	cr_assert_eq(ipv4_netif_table_set(st, eth[2], 0), 0);
}

Test(ipv4_nomem, an_interface_gets_a_table_or_not)
{
	cr_assert_gt(refuse(bind_new, unbind), 0);
}

static const struct route_rule by_source = {
    .table = VRF, .src = {192, 0, 2, 0}, .src_plen = 24, .pref = 3};

static int
rule_new(void *arg)
{
	(void)arg;
	return ipv4_rule_add(st, &by_source);
}

static void
rule_gone(void *arg)
{
	(void)arg;
	cr_assert_eq(ipv4_rule_remove(st, &by_source), 0);
}

static int
rule_remove(void *arg)
{
	(void)arg;
	return ipv4_rule_remove(st, &by_source);
}

static void
rule_back(void *arg)
{
	(void)arg;
	cr_assert_eq(ipv4_rule_add(st, &by_source), 0);
}

Test(ipv4_nomem, a_rule_comes_and_goes_or_not)
{
	cr_assert_gt(refuse(rule_new, rule_gone), 0);
	rule_back(NULL);
	cr_assert_gt(refuse(rule_remove, rule_back), 0);
}

/* --- Addresses ---------------------------------------------------------- */

static int
addr_new(void *arg)
{
	(void)arg;
	return ipv4_addr_add(st, eth[2], ip("30.0.0.1"), 16);
}

static void
addr_gone(void *arg)
{
	(void)arg;
	cr_assert_eq(ipv4_addr_remove(st, eth[2], ip("30.0.0.1"), 16), 0);
}

Test(ipv4_nomem, an_address_comes_with_its_routes_or_not)
{
	cr_assert_gt(refuse(addr_new, addr_gone), 0);
}

static int
addr_remove(void *arg)
{
	(void)arg;
	return ipv4_addr_remove(st, eth[1], ip("10.1.0.1"), 24);
}

/* What went with the address comes back. */
static void
addr_back(void *arg)
{
	(void)arg;
	furnish(1);
}

Test(ipv4_nomem, an_address_goes_with_what_needs_it_or_stays)
{
	cr_assert_gt(refuse(addr_remove, addr_back), 0);
}

/* --- Routes ------------------------------------------------------------- */

static int
route_shared(void *arg)
{
	(void)arg;
	return add("30.1.0.0", 16, NULL, 0);
}

static int
route_new(void *arg)
{
	(void)arg;
	return add("30.1.0.0", 16, "10.0.0.77", 0);
}

static int
route_far(void *arg)
{
	(void)arg;
	return add_recursive("30.1.0.0", 16, "21.7.7.7");
}

static int
route_object(void *arg)
{
	(void)arg;
	return add_object("30.1.0.0", 16, 13);
}

static int
route_leak(void *arg)
{
	struct route_config cfg = to("30.1.0.0", 16, NULL, NULL);

	(void)arg;
	cfg.type = ROUTE_LOOKUP;
	cfg.table = SPARE;
	return ipv4_route_add(st, &cfg, ROUTE_ADD);
}

static void
route_gone(void *arg)
{
	const uint32_t key = ip("30.1.0.0");

	(void)arg;
	cr_assert_eq(ipv4_route_remove(st, (const uint8_t *)&key, 16), 0);
}

Test(ipv4_nomem, a_route_is_made_or_not)
{
	cr_assert_gt(refuse(route_leak, route_gone), 0);
	cr_assert_gt(refuse(route_new, route_gone), 0);
	cr_assert_gt(refuse(route_shared, route_gone), 0);
	cr_assert_gt(refuse(route_object, route_gone), 0);
	cr_assert_gt(refuse(route_far, route_gone), 0);
}

/* The way to the gateways of others. */
static int
reroute(void *arg)
{
	(void)arg;
	return add("21.9.0.0", 16, "10.0.0.88", 0);
}

static void
route_back(void *arg)
{
	const uint32_t key = ip("21.9.0.0");

	(void)arg;
	cr_assert_eq(ipv4_route_remove(st, (const uint8_t *)&key, 16), 0);
}

Test(ipv4_nomem, what_goes_by_a_route_follows_it_or_not)
{
	cr_assert_gt(refuse(reroute, route_back), 0);
}

static int
route_remove(void *arg)
{
	const uint32_t key = ip("21.0.0.0");

	(void)arg;
	return ipv4_route_remove(st, (const uint8_t *)&key, 8);
}

static void
route_again(void *arg)
{
	(void)arg;
	cr_assert_eq(add("21.0.0.0", 8, "10.1.0.2", 0), 0);
}

Test(ipv4_nomem, a_route_goes_or_stays)
{
	cr_assert_gt(refuse(route_remove, route_again), 0);
}

/* --- Loads -------------------------------------------------------------- */

#define DAEMON 186 /* who loads */

static struct route_config many[LOADED];
static struct route_nexthop many_hops[LOADED];

/* Routes n to n + LOADED - 1 of 30.0.0.0/8 and 31.0.0.0/8, in two tables. */
static void
choose(uint32_t from)
{
	for (uint32_t i = 0; i < LOADED; i++) {
		const uint32_t k = from + i;
		const uint32_t key = htonl(30U << 24 | k << (k % 3 + 9));

		many[i] = to("30.0.0.0", 23 - k % 3, "10.0.0.5", &many_hops[i]);
		many[i].protocol = DAEMON;
		memcpy(many[i].prefix, &key, sizeof(key));
		many_hops[i].gateway[3] = (uint8_t)(100 + k % 7);
	}
}

static int
load(void *arg)
{
	size_t failed;

	(void)arg;
	choose(0);
	for (uint32_t i = 0; i < LOADED; i += 2)
		many[i].in = VRF;
	return ipv4_route_load(
	    st, many, LOADED, ROUTE_REPLACE, NULL, NULL, &failed);
}

static bool
loaded(void *arg, const struct route *r)
{
	(void)arg;
	return r->protocol == DAEMON;
}

static void
unload(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < LOADED; i++)
		cr_assert_eq(ipv4_route_remove_if(st, many[i].in,
				 many[i].prefix, many[i].plen, loaded, NULL),
		    0);
}

Test(ipv4_nomem, a_load_of_two_tables_is_made_or_not)
{
	cr_assert_gt(refuse(load, unload), 0);
}

static const struct ipv4_route_whole whole = {.protocol = DAEMON};

static int
load_whole(void *arg)
{
	size_t failed, removed;

	(void)arg;
	choose(100);
	return ipv4_route_load_whole(
	    st, &whole, many, LOADED, NULL, NULL, &failed, &removed);
}

static void
load_back(void *arg)
{
	size_t failed, removed;

	(void)arg;
	choose(0);
	cr_assert_eq(ipv4_route_load_whole(st, &whole, many, LOADED, NULL, NULL,
			 &failed, &removed),
	    0);
}

Test(ipv4_nomem, a_whole_load_replaces_the_last_or_not)
{
	load_back(NULL);
	cr_assert_gt(refuse(load_whole, load_back), 0);
}

/* --- Next-hop objects --------------------------------------------------- */

static int
object_move(void *arg)
{
	(void)arg;
	return object(11, "10.1.0.99", eth[1]);
}

static void
object_back(void *arg)
{
	(void)arg;
	cr_assert_eq(object(11, "10.1.0.2", eth[1]), 0);
}

static int
object_members(void *arg)
{
	(void)arg;
	return object_group(13, 12, 1, false);
}

static int
object_members_resilient(void *arg)
{
	(void)arg;
	return object_group(14, 12, 1, true);
}

static void
members_back(void *arg)
{
	(void)arg;
	cr_assert_eq(object_group(13, 11, 12, false), 0);
}

static void
members_resilient_back(void *arg)
{
	(void)arg;
	/* Buckets stay with whom they are with: begin from nothing. */
	const char *why;

	cr_assert_eq(nexthop_del(st, 14, &why), 0);
	cr_assert_eq(object_group(14, 11, 12, true), 0);
	cr_assert_eq(add_object("63.0.0.0", 12, 14), 0);
}

Test(ipv4_nomem, an_object_in_use_is_replaced_or_stays)
{
	cr_assert_gt(refuse(object_move, object_back), 0);
	cr_assert_gt(refuse(object_members, members_back), 0);
	members_resilient_back(NULL);
	cr_assert_gt(
	    refuse(object_members_resilient, members_resilient_back), 0);
}

static int
object_remove(void *arg)
{
	const char *why;

	(void)arg;
	return nexthop_del(st, 12, &why);
}

/* The groups of 12 have 11 left; a route to 12 may have stayed. */
static void
object_again(void *arg)
{
	const char *why;

	(void)arg;
	for (uint32_t id = 11; id <= 14; id++)
		(void)nexthop_del(st, id, &why);
	(void)ipv4_addr_remove(st, eth[1], ip("10.1.0.1"), 24);
	furnish(1);
}

Test(ipv4_nomem, an_object_in_use_is_removed_or_stays)
{
	object_again(NULL);
	cr_assert_gt(refuse(object_remove, object_again), 0);
}

/* --- Interfaces --------------------------------------------------------- */

static int
names_interface(void *arg, const struct route_entry *e)
{
	const netif_id *id = arg;

	for (unsigned int i = 0; i < e->route->nnexthops; i++)
		cr_assert_neq(e->route->nexthops[i].netif, *id);
	return 0;
}

static int
no_route_names(void *arg, struct route_table *t)
{
	return route_table_walk(t, names_interface, arg);
}

/* It cannot be refused: it waits until there is memory. */
Test(ipv4_nomem, an_interface_takes_its_routes_along)
{
	bool failed = true;

	for (unsigned long at = 1; failed; at++) {
		netif_id id = eth[1];

		nomem_arm(at, NOMEM_ONE);
		cr_assert_eq(netif_detach(st, id), 0);
		failed = nomem_disarm();
		(void)picture(); /* tables are right */
		cr_assert_eq(
		    route_tables_walk(ipv4_tables(st), no_route_names, &id), 0);
		attach(1);
		object_again(NULL);
		cr_assert_eq(add("20.0.0.0", 8, "10.0.0.2", 0), 0);
	}
}

/* --- The whole ---------------------------------------------------------- */

Test(ipv4_nomem, a_stack_is_made_whole_or_not)
{
	const struct stack_config cfg = {.name = "nomem2",
	    .protos = protos,
	    .nworkers = 2,
	    .pkts_per_worker = 64,
	    .stepped = true};
	struct stack *more = NULL;
	int error = -ENOMEM;

	for (unsigned long at = 1; error != 0; at++) {
		nomem_arm(at, at % 2 == 0 ? NOMEM_ONE : NOMEM_REST);
		error = stack_create(&cfg, &more);
		(void)nomem_disarm();
		cr_assert(error == 0 || error == -ENOMEM);
		cr_assert(error == 0 || more == NULL);
		cr_assert_lt(at, 1000);
	}
	stack_destroy(more);
}
