/* SPDX-License-Identifier: BSD-2-Clause */

/* Recursive gateways, looked up in the tables that routes lead to. */

#include <pthread.h>

#include "stack/core/stack.h"
#include "stack/nexthop/nexthop.h"
#include "stack/route/rule.h"
#include "stack/route/tables.h"
#include "tests/stack/grouptab.h"
#include "tests/stress.h"

#define TABLES 13 /* numbers 1 .. 12; 0 is the main one */

static struct stack *st;
static struct route_tables *ts;
static struct nexthop_groups *g;

static struct nexthop_resolve_found
lookup(void *arg, uint32_t table, const uint8_t *addr)
{
	return route_tables_hops(arg, table, addr);
}

static int
gone_from(void *arg, struct route_table *t)
{
	(void)arg;
	(void)t;
	return 0;
}

static void
gone(void *arg, const uint32_t *groups, size_t n)
{
	(void)groups;
	cr_assert_eq(n, 0u, "no route goes by an object");
	(void)route_tables_walk(arg, gone_from, NULL);
}

static void
setup(void)
{
	static const struct proto *const protos[] = {&proto_nexthop, NULL};
	static const struct nexthop_family family = {
	    .lookup = lookup, .gone = gone};
	const struct stack_config cfg = {
	    .name = "hops", .protos = protos, .stepped = true};

	cr_assert_eq(stack_create(&cfg, &st), 0);
	cr_assert_eq(route_tables_create(st, NETIF_AF_INET, &ts), 0);
	cr_assert_eq(nexthop_family_set(st, NETIF_AF_INET, &family, ts), 0);
	g = nexthop_groups_of(st);
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

TestSuite(route_hops, .init = setup, .fini = teardown);

/* --- Routes in short ---------------------------------------------------- */

/* A prefix, or an address with 32 bits. */
struct net {
	uint8_t a, b, c, d, plen;
};

#define FAR  ((struct net){203, 0, 113, 1, 32})
#define FARS ((struct net){203, 0, 113, 0, 24})
#define DST  ((struct net){192, 0, 2, 0, 24})
#define ALL  ((struct net){0, 0, 0, 0, 0})

/* One of: on a link, by a gateway to be looked up, in a table, nowhere. */
struct way {
	uint8_t type;
	netif_id port;
	struct net via;
	uint32_t table;
};

static struct way
on(netif_id port)
{
	return (struct way){.type = ROUTE_UNICAST, .port = port};
}

static struct way
by(struct net via)
{
	return (struct way){.type = ROUTE_UNICAST, .via = via};
}

static struct way
in(uint32_t table)
{
	return (struct way){.type = ROUTE_LOOKUP,
	    .table = table == 0 ? ROUTE_TABLES_MAIN : table};
}

static struct route_table *
table(uint32_t number)
{
	struct route_table *t;

	cr_assert_eq(
	    route_tables_get(ts, number == 0 ? ROUTE_TABLES_MAIN : number, &t),
	    0);
	return t;
}

static void
fill(struct route_config *cfg, struct route_nexthop *nh, struct net p,
    const struct way *w)
{
	*nh = (struct route_nexthop){.netif = w->port, .weight = 1};
	*cfg = (struct route_config){.prefix = {p.a, p.b, p.c, p.d},
	    .plen = p.plen,
	    .type = w->type,
	    .protocol = ROUTE_PROTO_STATIC,
	    .table = w->table,
	    .nexthops = nh,
	    .nnexthops = w->type == ROUTE_UNICAST};
	if (w->port != 0 || w->type != ROUTE_UNICAST)
		return;
	memcpy(nh->gateway, &w->via, 4);
	nh->has_gateway = nh->recursive = true;
}

static void
put(uint32_t number, struct net p, struct way w)
{
	struct route_nexthop nh;
	struct route_config cfg;

	fill(&cfg, &nh, p, &w);
	cr_assert_eq(route_table_add(table(number), &cfg, ROUTE_REPLACE), 0);
}

static void
take(uint32_t number, struct net p)
{
	const uint8_t prefix[16] = {p.a, p.b, p.c, p.d};

	cr_assert_eq(
	    route_table_remove(table(number), prefix, p.plen, NULL), 0);
}

/* Where packets to a prefix of a table go. */
struct seen {
	netif_id port; /* 0: nowhere */
	struct net gateway;
	enum nexthop_resolve_end end;
	unsigned int ntables;
};

static struct seen
seen_of(uint32_t group_id)
{
	const uint64_t s = pserialize_read_enter();
	const struct nexthop_slot *slot = nexthop_resolve(g, NULL, group_id, 0);
	struct seen seen = {.port = slot != NULL ? slot->netif : 0};
	struct nexthop_resolve_info info;

	if (slot != NULL)
		memcpy(&seen.gateway, slot->gateway, 4);
	pserialize_read_exit(s);
	cr_assert_eq(nexthop_resolve_via_show(g, group_id, &info, 1), 1u);
	seen.end = info.end;
	seen.ntables = info.ntables;
	return seen;
}

static uint32_t
hops_of(uint32_t number, struct net p)
{
	const uint8_t prefix[16] = {p.a, p.b, p.c, p.d};
	struct route_table *t = table(number);
	const uint64_t s = pserialize_read_enter();
	const struct route *r = route_table_exact(t, prefix, p.plen);
	const uint32_t hops = r != NULL ? r->hops : 0;

	pserialize_read_exit(s);
	cr_assert_neq(hops, 0u);
	return hops;
}

static struct seen
see(uint32_t number, struct net p)
{
	return seen_of(hops_of(number, p));
}

/* The same in short: the port, or 0, and then this is why. */
static netif_id
port_in(uint32_t number)
{
	return see(number, DST).port;
}

static void
nowhere(uint32_t number, enum nexthop_resolve_end why)
{
	const struct seen s = see(number, DST);

	cr_assert_eq(s.port, 0u);
	cr_assert_eq(s.end, why, "%s", nexthop_resolve_via_name(s.end));
}

/* --- What is looked up where -------------------------------------------- */

Test(route_hops, a_gateway_is_found_where_a_route_leads)
{
	struct seen s;

	put(1, DST, by(FAR));
	nowhere(1, NEXTHOP_RESOLVE_NO_ROUTE);
	put(1, ALL, in(2));
	nowhere(1, NEXTHOP_RESOLVE_NO_ROUTE);
	put(2, FARS, on(5));
	s = see(1, DST);
	cr_assert_eq(s.port, 5u);
	cr_assert_eq(memcmp(&s.gateway, &FAR, 4), 0, "itself on that link");
	cr_assert_eq(s.end, NEXTHOP_RESOLVE_FOUND);
	cr_assert_eq(s.ntables, 2u);
}

Test(route_hops, changes_in_the_other_table_count)
{
	put(1, DST, by(FAR));
	put(1, ALL, in(2));
	put(2, ALL, in(0));
	put(0, ALL, on(3));
	cr_assert_eq(port_in(1), 3u);
	put(0, FARS, on(4));
	cr_assert_eq(port_in(1), 4u, "a longer prefix");
	put(0, FARS, on(5));
	cr_assert_eq(port_in(1), 5u, "replaced");
	put(2, FAR, on(6));
	cr_assert_eq(port_in(1), 6u, "on the way");
	take(2, FAR);
	cr_assert_eq(port_in(1), 5u);
	take(0, FARS);
	cr_assert_eq(port_in(1), 3u);
	put(1, FAR, on(7));
	cr_assert_eq(port_in(1), 7u, "the own table comes first");
	put(0, FARS, on(4));
	cr_assert_eq(port_in(1), 7u);
	take(1, FAR);
	cr_assert_eq(port_in(1), 4u, "and later was not forgotten");
}

Test(route_hops, another_way_through_the_tables_is_followed)
{
	put(1, DST, by(FAR));
	put(1, ALL, in(2));
	put(2, ALL, on(2));
	put(3, ALL, on(3));
	cr_assert_eq(port_in(1), 2u);
	put(1, ALL, in(3));
	cr_assert_eq(port_in(1), 3u);
	put(3, ALL, on(4));
	cr_assert_eq(port_in(1), 4u);
	put(2, ALL, on(5));
	cr_assert_eq(port_in(1), 4u, "no longer asked");
	cr_assert_eq(see(1, DST).ntables, 2u);
}

Test(route_hops, a_table_that_is_not_there_yet_is_waited_for)
{
	put(1, DST, by(FAR));
	put(1, ALL, in(9));
	nowhere(1, NEXTHOP_RESOLVE_NO_ROUTE);
	cr_assert_null(route_tables_find(ts, 9));
	put(9, ALL, on(2));
	cr_assert_eq(port_in(1), 2u);
}

Test(route_hops, a_table_that_is_emptied_leads_nowhere)
{
	uint32_t hops;

	put(1, DST, by(FAR));
	put(1, ALL, in(2));
	put(2, FAR, on(2));
	put(2, ALL, on(2));
	cr_assert_eq(port_in(1), 2u);
	hops = hops_of(2, FAR);
	cr_assert_eq(route_table_purge_hops(table(2), &hops, 1), 2);
	cr_assert_eq(route_table_count(table(2)), 0u);
	nowhere(1, NEXTHOP_RESOLVE_NO_ROUTE);
	put(2, ALL, on(3));
	cr_assert_eq(port_in(1), 3u);
}

Test(route_hops, a_throw_is_not_followed)
{
	put(1, DST, by(FAR));
	put(1, ALL, in(2));
	put(2, ALL, (struct way){.type = ROUTE_THROW});
	nowhere(1, NEXTHOP_RESOLVE_NOWHERE);
}

/* --- Circles and depth -------------------------------------------------- */

Test(route_hops, tables_in_a_circle_lead_nowhere_until_it_ends)
{
	put(1, DST, by(FAR));
	put(1, ALL, in(2));
	put(2, ALL, in(3));
	put(3, ALL, in(1));
	nowhere(1, NEXTHOP_RESOLVE_LOOP);
	put(3, ALL, in(2));
	nowhere(1, NEXTHOP_RESOLVE_LOOP);
	put(2, FARS, on(4));
	cr_assert_eq(port_in(1), 4u);
	take(2, FARS);
	nowhere(1, NEXTHOP_RESOLVE_LOOP);
	put(3, ALL, on(5));
	cr_assert_eq(port_in(1), 5u);
}

/* Each gateway is behind the other, in the other's table. */
Test(route_hops, gateways_in_a_circle_over_two_tables_lead_nowhere)
{
	const struct net far_2 = {198, 51, 100, 1, 32};

	put(1, DST, by(FAR));
	put(1, FAR, in(2));
	put(2, FAR, by(far_2));
	put(2, far_2, in(1));
	put(1, far_2, by(FAR));
	nowhere(1, NEXTHOP_RESOLVE_ITSELF);
	put(2, far_2, on(3));
	cr_assert_eq(port_in(1), 3u);
}

Test(route_hops, so_many_tables_and_no_more)
{
	const unsigned int last = NEXTHOP_RESOLVE_TABLES;

	put(1, DST, by(FAR));
	for (unsigned int i = 1; i < last; i++)
		put(i, ALL, in(i + 1));
	put(last, ALL, on(6));
	cr_assert_eq(port_in(1), 6u);
	put(last + 1, ALL, on(7));
	put(last, ALL, in(last + 1));
	nowhere(1, NEXTHOP_RESOLVE_DEEP);
	cr_assert_eq(see(1, DST).ntables, last);
	put(last, FAR, on(8));
	cr_assert_eq(port_in(1), 8u);
}

/* --- Objects ------------------------------------------------------------ */

Test(route_hops, an_object_begins_in_the_main_table)
{
	struct nexthop_objects *objects = nexthop_objects_of(st);
	struct nexthop_object_config cfg = {
	    .id = 1, .hop = {.kind = NEXTHOP_VIA}};
	const char *why;
	uint32_t id;

	memcpy(cfg.hop.gateway, &FAR, 4);
	cr_assert_eq(
	    nexthop_object_add(objects, &cfg, NEXTHOP_OBJECT_ADD, &why), 0);
	cr_assert_eq(nexthop_object_acquire(objects, 1, &id), 0);
	put(0, ALL, in(2));
	put(2, ALL, on(5));
	cr_assert_eq(seen_of(id).port, 5u);
	put(2, ALL, in(0));
	cr_assert_eq(seen_of(id).end, NEXTHOP_RESOLVE_LOOP);
	put(0, FAR, on(6));
	cr_assert_eq(seen_of(id).port, 6u);
	nexthop_group_release(g, id);
	cr_assert_eq(nexthop_object_remove(objects, 1, &why), 0);
}

/* --- Transactions ------------------------------------------------------- */

static void
edit(struct route_txn *x, struct net p, struct way w)
{
	struct route_nexthop nh;
	struct route_config cfg;

	fill(&cfg, &nh, p, &w);
	cr_assert_eq(route_txn_add(x, &cfg, ROUTE_REPLACE), 0);
}

Test(route_hops, what_is_aborted_is_forgotten)
{
	struct route_txn *x;

	put(1, DST, by(FAR));
	put(1, ALL, in(2));
	put(2, ALL, on(2));
	put(3, ALL, on(3));
	cr_assert_eq(route_txn_begin(table(2), &x), 0);
	edit(x, ALL, in(3));
	cr_assert_eq(route_txn_prepare(x), 0);
	cr_assert_eq(port_in(1), 2u, "unseen");
	route_txn_abort(x);
	cr_assert_eq(port_in(1), 2u);
	cr_assert_eq(see(1, DST).ntables, 2u);
	put(3, ALL, on(4));
	cr_assert_eq(port_in(1), 2u);
	put(2, ALL, on(5));
	cr_assert_eq(port_in(1), 5u);
}

Test(route_hops, several_tables_in_one_commit_count_together)
{
	struct route_txn *x[2];

	put(1, DST, by(FAR));
	put(1, ALL, in(2));
	put(2, ALL, on(2));
	cr_assert_eq(route_txn_begin(table(2), &x[0]), 0);
	cr_assert_eq(route_txn_begin(table(3), &x[1]), 0);
	edit(x[0], ALL, in(3));
	edit(x[1], ALL, on(6));
	edit(x[1], ALL, on(7));
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(route_txn_prepare(x[i]), 0);
	cr_assert_eq(port_in(1), 2u);
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(route_txn_commit(x[i]), 0);
	cr_assert_eq(port_in(1), 7u);
	put(3, ALL, on(8));
	cr_assert_eq(port_in(1), 8u);
}

/* --- Gateways behind gateways, on a thread of little stack -------------- */

#define LINKS 4000
#define STACK (256u << 10) /* bytes, 64 a link */

static struct net
link_net(unsigned int i)
{
	return (struct net){20, (uint8_t)(i >> 8), (uint8_t)i, 1, 32};
}

/* Where the first goes, and one in the middle. */
static void
ends(netif_id port)
{
	cr_assert_eq(see(0, link_net(0)).port, port);
	cr_assert_eq(see(0, link_net(LINKS / 2)).port, port);
}

static void *
links_body(void *arg)
{
	stack_control_enter(st);
	for (unsigned int i = 0; i < LINKS; i++)
		put(0, link_net(i), by(link_net(i + 1)));
	ends(0);
	put(0, link_net(LINKS), on(5));
	ends(5);
	put(0, link_net(LINKS), by(link_net(0)));
	ends(0);
	cr_assert_eq(see(0, link_net(0)).end, NEXTHOP_RESOLVE_ITSELF);
	put(0, link_net(LINKS), on(6));
	ends(6);
	cr_assert_eq(nexthop_family_set(st, NETIF_AF_INET, NULL, NULL), 0);
	stack_control_exit(st);
	route_tables_destroy(ts);
	return arg;
}

Test(route_hops, a_long_chain_takes_no_more_stack, .timeout = 120)
{
	pthread_attr_t attr;
	pthread_t thread;

	stack_control_exit(st);
	cr_assert_eq(pthread_attr_init(&attr), 0);
	cr_assert_eq(pthread_attr_setstacksize(&attr, STACK), 0);
	cr_assert_eq(pthread_create(&thread, &attr, links_body, NULL), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	/* For the end of all tests. */
	cr_assert_eq(route_tables_create(st, NETIF_AF_INET, &ts), 0);
	stack_control_enter(st);
}

/* --- Any history, against one that looks everything up anew ------------- */

static const struct net nets[] = {{0, 0, 0, 0, 0}, {10, 0, 0, 0, 8},
    {10, 1, 0, 0, 16}, {10, 1, 1, 0, 24}, {10, 2, 0, 0, 16}, {10, 1, 1, 1, 32},
    {10, 1, 1, 2, 32}, {10, 3, 0, 0, 16}};
static const struct net gateways[] = {{10, 1, 1, 1, 32}, {10, 1, 1, 2, 32},
    {10, 2, 0, 1, 32}, {10, 3, 0, 1, 32}, {11, 0, 0, 1, 32}};

#define NETS     (sizeof(nets) / sizeof(nets[0]))
#define GATEWAYS (sizeof(gateways) / sizeof(gateways[0]))

/* All tables; type 0: there is no such route.  And as a commit began. */
static struct way model[TABLES][NETS], model_before[TABLES][NETS];

static bool
covers(struct net p, struct net addr)
{
	const uint32_t a = (uint32_t)p.a << 24 | p.b << 16 | p.c << 8 | p.d;
	const uint32_t b =
	    (uint32_t)addr.a << 24 | addr.b << 16 | addr.c << 8 | addr.d;

	return p.plen == 0 || (a ^ b) >> (32 - p.plen) == 0;
}

static const struct way *
longest(uint32_t number, struct net addr)
{
	const struct way *best = NULL;
	unsigned int plen = 0;

	for (unsigned int i = 0; i < NETS; i++)
		if (model[number][i].type != 0 && covers(nets[i], addr) &&
		    (best == NULL || nets[i].plen > plen)) {
			best = &model[number][i];
			plen = nets[i].plen;
		}
	return best;
}

/* The way of addr in the tables from *number on; NULL: none, for *end. */
static const struct way *
find(uint32_t *number, struct net addr, struct seen *out)
{
	bool been[TABLES] = {false};
	const struct way *w;

	for (out->ntables = 1;; out->ntables++) {
		been[*number] = true;
		w = longest(*number, addr);
		out->end = w == NULL ? NEXTHOP_RESOLVE_NO_ROUTE
				     : NEXTHOP_RESOLVE_FOUND;
		if (w == NULL || w->type != ROUTE_LOOKUP)
			return w;
		*number = w->table == ROUTE_TABLES_MAIN ? 0 : w->table;
		out->end = NEXTHOP_RESOLVE_LOOP;
		if (been[*number])
			return NULL;
		out->end = NEXTHOP_RESOLVE_DEEP;
		if (out->ntables == ROUTE_RULE_DEPTH + 1)
			return NULL;
	}
}

static struct seen
expected(uint32_t number, struct net via)
{
	struct seen first = {.port = 0}, more;
	const struct net mine = via;
	const uint32_t own = number;
	const struct way *w = find(&number, via, &first);

	/* No chain is longer than there are gateways in tables. */
	for (unsigned int i = 0; w != NULL && i <= TABLES * GATEWAYS; i++) {
		if (w->type != ROUTE_UNICAST)
			break;
		if (w->port != 0) {
			first.port = w->port;
			first.gateway = via;
			return first;
		}
		via = w->via;
		if (number == own && memcmp(&via, &mine, sizeof(via)) == 0) {
			first.end = NEXTHOP_RESOLVE_ITSELF;
			return first;
		}
		w = find(&number, via, &more);
	}
	if (first.end == NEXTHOP_RESOLVE_FOUND)
		first.end = NEXTHOP_RESOLVE_NOWHERE;
	return first;
}

static void
compare(unsigned long round)
{
	for (uint32_t n = 0; n < TABLES; n++) {
		for (unsigned int i = 0; i < NETS; i++) {
			const struct way *w = &model[n][i];
			struct seen want, have;

			if (w->type != ROUTE_UNICAST || w->port != 0)
				continue;
			want = expected(n, w->via);
			have = see(n, nets[i]);
			cr_assert(
			    want.port == have.port && want.end == have.end &&
				want.ntables == have.ntables &&
				memcmp(&want.gateway, &have.gateway, 4) == 0,
			    "round %lu, table %u, net %u: port %u for %u, "
			    "%s for %s, %u tables for %u",
			    round, n, i, have.port, want.port,
			    nexthop_resolve_via_name(have.end),
			    nexthop_resolve_via_name(want.end), have.ntables,
			    want.ntables);
		}
	}
}

static struct way
any_way(uint32_t *rnd, uint32_t number)
{
	const uint32_t r = random_next(rnd) >> 4;
	const uint32_t to = (number + 1 + r / 16 % (TABLES - 1)) % TABLES;

	switch (r % 16) {
	case 0:
		return (struct way){.type = ROUTE_THROW};
	case 1:
	case 2:
		return on(1 + r / 16 % 6);
	case 3:
	case 4:
	case 5:
	case 6:
		return by(gateways[r / 16 % GATEWAYS]);
	case 7:
	case 8: /* long ways */
		return in((number + 1) % TABLES);
	default:
		return in(to);
	}
}

/* Change or remove something in x, the transaction of table number. */
static void
any_edit(uint32_t *rnd, uint32_t number, struct route_txn *x)
{
	const unsigned int i = (random_next(rnd) >> 4) % NETS;
	struct way *w = &model[number][i];
	const struct net p = nets[i];
	const uint8_t prefix[16] = {p.a, p.b, p.c, p.d};

	if (w->type != 0 && random_next(rnd) >> 4 & 1) {
		cr_assert_eq(route_txn_remove(x, prefix, p.plen, NULL), 0);
		*w = (struct way){.type = 0};
		return;
	}
	if (w->type != 0)
		cr_assert_eq(route_txn_remove(x, prefix, p.plen, NULL), 0);
	*w = any_way(rnd, number);
	edit(x, p, *w);
}

/* A commit of up to three tables, or one that is aborted. */
static void
any_commit(uint32_t *rnd)
{
	const unsigned int n = 1 + (random_next(rnd) >> 4) % 3;
	const unsigned int from = (random_next(rnd) >> 4) % TABLES;
	const unsigned int how = (random_next(rnd) >> 4) % 8;
	struct route_txn *x[3];

	memcpy(model_before, model, sizeof(model));
	for (unsigned int i = 0; i < n; i++)
		cr_assert_eq(
		    route_txn_begin(table((from + i) % TABLES), &x[i]), 0);
	for (unsigned int k = 0; k < 6; k++)
		any_edit(rnd, (from + k % n) % TABLES, x[k % n]);
	for (unsigned int i = 0; i < n && how != 1; i++)
		cr_assert_eq(route_txn_prepare(x[i]), 0);
	for (unsigned int i = 0; i < n; i++) {
		if (how < 2)
			route_txn_abort(x[i]);
		else
			cr_assert_eq(route_txn_commit(x[i]), 0);
	}
	if (how < 2)
		memcpy(model, model_before, sizeof(model));
}

Test(route_hops, any_history_is_as_if_looked_up_anew)
{
	const unsigned long rounds = stress_alone_n(1500);
	uint32_t rnd = 4711;

	for (uint32_t n = 0; n < TABLES; n++)
		(void)table(n);
	for (unsigned long round = 0; round < rounds; round++) {
		any_commit(&rnd);
		compare(round);
	}
}
