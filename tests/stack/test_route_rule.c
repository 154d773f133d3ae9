/* SPDX-License-Identifier: BSD-2-Clause */

/* Several tables: their numbers, whose they are, and the rules between. */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"
#include "stack/nexthop/nexthop.h"
#include "stack/route/rule.h"
#include "stack/route/tables.h"
#include "tests/stress.h"

static struct stack *st;
static struct route_tables *ts;

static void
setup(void)
{
	static const struct proto *const protos[] = {&proto_nexthop, NULL};
	const struct stack_config cfg = {
	    .name = "rule", .protos = protos, .stepped = true};

	cr_assert_eq(stack_create(&cfg, &st), 0);
	cr_assert_eq(route_tables_create(st, NETIF_AF_INET, &ts), 0);
	stack_control_enter(st);
}

static void
teardown(void)
{
	stack_control_exit(st);
	route_tables_destroy(ts);
	stack_destroy(st);
}

TestSuite(route_rule, .init = setup, .fini = teardown);

/* Add a route to 10.0.0.0/plen to a table; the metric tells it from others. */
static void
add(uint32_t table, unsigned int plen, uint8_t type, uint32_t metric)
{
	struct route_config cfg = {.prefix = {plen > 0 ? 10 : 0},
	    .plen = (uint8_t)plen,
	    .type = type,
	    .protocol = ROUTE_PROTO_STATIC,
	    .metric = metric};
	struct route_table *t;

	if (type == ROUTE_LOOKUP)
		cfg.table = metric;
	cr_assert_eq(route_tables_get(ts, table, &t), 0);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_REPLACE), 0);
}

static void
add_local(uint32_t table, uint32_t metric)
{
	const struct route_nexthop nh = {.netif = 9, .weight = 1};
	const struct route_config cfg = {.prefix = {10, 0, 0, 1},
	    .plen = 32,
	    .type = ROUTE_LOCAL,
	    .protocol = ROUTE_PROTO_KERNEL,
	    .metric = metric,
	    .nnexthops = 1,
	    .nexthops = &nh};
	struct route_table *t;

	cr_assert_eq(route_tables_get(ts, table, &t), 0);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
}

/* The metric of the route to 10.0.0.1; 0: none. */
static uint32_t
look(const struct route_flow *more)
{
	static const uint8_t dst[4] = {10, 0, 0, 1}, src[4] = {192, 0, 2, 1};
	struct route_flow f = *more;
	const uint64_t s = pserialize_read_enter();
	const struct route *r;
	uint32_t metric;

	f.dst = dst;
	if (f.src == NULL)
		f.src = src;
	r = route_rule_lookup(ts, &f, NULL);
	metric = r != NULL ? r->metric : 0;
	pserialize_read_exit(s);
	return metric;
}

static uint32_t
plain(void)
{
	return look(&(struct route_flow){.mark = 0});
}

/* The preferences and tables of the steps, and what they found. */
struct steps {
	unsigned int n;
	struct {
		uint32_t pref, table;
		int type; /* 0: no route */
	} step[8];
};

static void
note_step(void *arg, const struct route_step *s)
{
	struct steps *all = arg;

	cr_assert_lt(all->n, 8);
	all->step[all->n].pref = s->pref;
	all->step[all->n].table = s->table;
	all->step[all->n++].type = s->route != NULL ? s->route->type : 0;
}

static struct steps
trace(uint32_t mark)
{
	static const uint8_t dst[4] = {10, 0, 0, 1}, src[4];
	struct steps all = {.n = 0};
	struct route_found found;
	const uint64_t s = pserialize_read_enter();
	const struct route_flow f = {.dst = dst, .src = src, .mark = mark};

	cr_assert(route_rule_trace(ts, &f, note_step, &all, &found) ==
		  route_rule_lookup(ts, &f, NULL));
	pserialize_read_exit(s);
	return all;
}

static void
is_step(const struct steps *all, unsigned int i, uint32_t pref, uint32_t table,
    int type)
{
	cr_assert_lt(i, all->n);
	cr_assert_eq(all->step[i].pref, pref);
	cr_assert_eq(all->step[i].table, table);
	cr_assert_eq(all->step[i].type, type);
}

Test(route_rule, a_trace_has_each_table_that_was_asked)
{
	struct steps all = trace(0);

	cr_assert_eq(all.n, 1);
	is_step(&all, 0, ROUTE_RULE_MAIN, ROUTE_TABLES_MAIN, 0);
	add(0, 8, ROUTE_BLACKHOLE, 1);
	add(20, 8, ROUTE_THROW, 1);
	add(30, 8, ROUTE_LOOKUP, 40);
	add(40, 16, ROUTE_PROHIBIT, 1);
	cr_assert_eq(
	    route_rule_add(ts, &(struct route_rule){.table = 20, .pref = 5}),
	    0);
	cr_assert_eq(route_rule_add(ts,
			 &(struct route_rule){
			     .table = 30, .pref = 6, .mark = 1, .mask = 1}),
	    0);
	all = trace(0);
	cr_assert_eq(all.n, 2);
	is_step(&all, 0, 5, 20, ROUTE_THROW);
	is_step(&all, 1, ROUTE_RULE_MAIN, ROUTE_TABLES_MAIN, ROUTE_BLACKHOLE);
	all = trace(1);
	cr_assert_eq(all.n, 3);
	is_step(&all, 0, 5, 20, ROUTE_THROW);
	is_step(&all, 1, 6, 30, ROUTE_LOOKUP);
	is_step(&all, 2, 6, 40, ROUTE_PROHIBIT);
	add_local(0, 1);
	all = trace(1);
	cr_assert_eq(all.n, 1);
	is_step(&all, 0, 0, ROUTE_TABLES_MAIN, ROUTE_LOCAL);
}

Test(route_rule, tables_are_made_once)
{
	struct route_table *a, *b;

	cr_assert_null(route_tables_find(ts, 7));
	cr_assert_eq(route_tables_get(ts, 7, &a), 0);
	cr_assert_eq(route_tables_get(ts, 7, &b), 0);
	cr_assert(a == b && route_tables_find(ts, 7) == a);
	cr_assert_eq(route_table_number(a), 7);
	cr_assert_eq(route_tables_find(ts, 0), route_tables_main(ts));
	cr_assert_eq(
	    route_tables_find(ts, ROUTE_TABLES_MAIN), route_tables_main(ts));
	cr_assert_eq(route_tables_get(ts, ROUTE_TABLES_LOCAL, &b), -EINVAL);
}

static int
count(void *arg, struct route_table *t)
{
	uint32_t *last = arg;

	cr_assert_gt(route_table_number(t), *last);
	*last = route_table_number(t);
	return 0;
}

Test(route_rule, tables_are_walked_by_number)
{
	struct route_table *t;
	uint32_t last = 0;

	for (uint32_t i = 0; i < 300; i++)
		cr_assert_eq(
		    route_tables_get(ts, 1 + i * 7919 % 100000, &t), 0);
	cr_assert_eq(route_tables_walk(ts, count, &last), 0);
	cr_assert_gt(last, 90000);
}

Test(route_rule, main_is_followed_by_default)
{
	cr_assert_eq(plain(), 0);
	add(ROUTE_TABLES_DEFAULT, 0, ROUTE_BLACKHOLE, 3);
	cr_assert_eq(plain(), 3);
	add(0, 8, ROUTE_BLACKHOLE, 2);
	cr_assert_eq(plain(), 2);
	add(0, 16, ROUTE_THROW, 1);
	cr_assert_eq(plain(), 3);
}

Test(route_rule, a_rule_comes_before_main)
{
	const struct route_rule rule = {.table = 100, .pref = 50};

	add(0, 24, ROUTE_BLACKHOLE, 1);
	add(100, 8, ROUTE_BLACKHOLE, 2);
	cr_assert_eq(plain(), 1);
	cr_assert_eq(route_rule_add(ts, &rule), 0);
	cr_assert_eq(plain(), 2);
	cr_assert_eq(route_rule_add(ts, &rule), -EEXIST);
	/* A throw of its table goes on with the next. */
	add(100, 16, ROUTE_THROW, 9);
	cr_assert_eq(plain(), 1);
	cr_assert_eq(route_rule_remove(ts, &rule), 0);
	cr_assert_eq(route_rule_remove(ts, &rule), -ENOENT);
	cr_assert_eq(plain(), 1);
}

Test(route_rule, one_behind_main_is_asked_last)
{
	const struct route_rule rule = {
	    .table = 100, .pref = ROUTE_RULE_MAIN + 1};

	add(100, 8, ROUTE_BLACKHOLE, 2);
	cr_assert_eq(route_rule_add(ts, &rule), 0);
	cr_assert_eq(plain(), 2);
	add(0, 0, ROUTE_BLACKHOLE, 1);
	cr_assert_eq(plain(), 1);
}

Test(route_rule, what_is_local_comes_first)
{
	const struct route_rule rule = {.table = 100, .pref = 1};

	add(100, 24, ROUTE_BLACKHOLE, 2);
	cr_assert_eq(route_rule_add(ts, &rule), 0);
	cr_assert_eq(plain(), 2);
	add_local(0, 7);
	cr_assert_eq(plain(), 7);
}

Test(route_rule, selectors_must_all_match)
{
	static const uint8_t other[4] = {192, 0, 3, 1};
	const struct route_rule rule = {.table = 100,
	    .pref = 9,
	    .src = {192, 0, 2, 0},
	    .src_plen = 24,
	    .iif = 5,
	    .mark = 0x10,
	    .mask = 0xf0};

	add(0, 8, ROUTE_BLACKHOLE, 1);
	add(100, 8, ROUTE_BLACKHOLE, 2);
	cr_assert_eq(route_rule_add(ts, &rule), 0);
	cr_assert_eq(look(&(struct route_flow){.iif = 5, .mark = 0x1f}), 2);
	cr_assert_eq(look(&(struct route_flow){.iif = 6, .mark = 0x1f}), 1);
	cr_assert_eq(look(&(struct route_flow){.iif = 5, .mark = 0x2f}), 1);
	cr_assert_eq(
	    look(&(struct route_flow){.src = other, .iif = 5, .mark = 0x1f}),
	    1);
	cr_assert_eq(
	    route_rule_remove(ts, &(struct route_rule){.iif = 6}), -ENOENT);
	cr_assert_eq(route_rule_remove(ts, &(struct route_rule){.iif = 5}), 0);
}

Test(route_rule, local_means_made_here)
{
	const struct route_rule rule = {.table = 100, .pref = 9, .local = true};

	add(100, 8, ROUTE_BLACKHOLE, 2);
	cr_assert_eq(route_rule_add(ts, &rule), 0);
	cr_assert_eq(plain(), 2);
	cr_assert_eq(look(&(struct route_flow){.iif = 5}), 0);
}

Test(route_rule, refuses_what_is_no_rule)
{
	struct route_rule rule = {.table = 100, .src = {10, 1}, .src_plen = 8};

	cr_assert_eq(route_rule_add(ts, &rule), -EINVAL);
	rule = (struct route_rule){.table = 100, .src_plen = 33};
	cr_assert_eq(route_rule_add(ts, &rule), -EINVAL);
	rule = (struct route_rule){.table = 100, .mark = 3, .mask = 1};
	cr_assert_eq(route_rule_add(ts, &rule), -EINVAL);
	rule = (struct route_rule){.table = ROUTE_TABLES_LOCAL};
	cr_assert_eq(route_rule_add(ts, &rule), -EINVAL);
}

static int
prefs(void *arg, const struct route_rule *rule)
{
	uint32_t **at = arg;

	*(*at)++ = rule->pref;
	return 0;
}

Test(route_rule, without_a_preference_it_comes_first)
{
	struct route_rule rule = {.table = 100};
	uint32_t got[4] = {0}, *at = got;

	cr_assert_eq(route_rule_add(ts, &rule), 0);
	rule.table = 101;
	cr_assert_eq(route_rule_add(ts, &rule), 0);
	rule.pref = 40000;
	cr_assert_eq(route_rule_add(ts, &rule), 0);
	cr_assert_eq(route_rule_walk(ts, prefs, &at), 0);
	cr_assert(got[0] == 32764 && got[1] == 32765 && got[2] == 40000 &&
		  got[3] == 0);
}

Test(route_rule, an_interface_may_have_a_table)
{
	const struct route_flow on = {.iif = 5, .member = 5};

	add(0, 8, ROUTE_BLACKHOLE, 1);
	add(ROUTE_TABLES_DEFAULT, 0, ROUTE_BLACKHOLE, 3);
	cr_assert_eq(look(&on), 1);
	cr_assert_eq(route_tables_bind(ts, 5, 200), 0);
	/* It sees neither main nor default. */
	cr_assert_eq(look(&on), 0);
	cr_assert_eq(plain(), 1);
	add(200, 0, ROUTE_BLACKHOLE, 2);
	cr_assert_eq(look(&on), 2);
	cr_assert_eq(route_tables_bind(ts, 5, 0), 0);
	cr_assert_eq(look(&on), 1);
	cr_assert_eq(route_tables_bind(ts, 5, 200), 0);
	cr_assert_eq(route_tables_bind(ts, 6, 200), 0);
	route_tables_forget(ts, 5);
	cr_assert_eq(look(&on), 1);
	cr_assert_eq(route_tables_of(ts, 6), route_tables_find(ts, 200));
}

Test(route_rule, a_route_may_lead_to_another_table)
{
	const struct route_flow on = {.iif = 5, .member = 5};

	cr_assert_eq(route_tables_bind(ts, 5, 200), 0);
	add(0, 24, ROUTE_BLACKHOLE, 1);
	add(200, 8, ROUTE_LOOKUP, ROUTE_TABLES_MAIN);
	cr_assert_eq(look(&on), 1);
	/* What is local there is ours here. */
	add_local(0, 7);
	cr_assert_eq(look(&on), 7);
}

Test(route_rule, a_loop_of_tables_is_no_route)
{
	add(0, 8, ROUTE_LOOKUP, 300);
	cr_assert_eq(plain(), 0); /* an empty one */
	add(300, 8, ROUTE_LOOKUP, ROUTE_TABLES_MAIN);
	cr_assert_eq(plain(), 0);
	add(ROUTE_TABLES_DEFAULT, 0, ROUTE_BLACKHOLE, 3);
	cr_assert_eq(plain(), 3);
	add(300, 9, ROUTE_BLACKHOLE, 4);
	cr_assert_eq(plain(), 4);
}

Test(route_rule, tables_share_their_routes)
{
	static const uint8_t key[16] = {10};
	const struct route *a, *b;
	uint64_t s;

	add(1, 8, ROUTE_BLACKHOLE, 5);
	add(2, 8, ROUTE_BLACKHOLE, 5);
	s = pserialize_read_enter();
	a = route_table_exact(route_tables_find(ts, 1), key, 8);
	b = route_table_exact(route_tables_find(ts, 2), key, 8);
	cr_assert(a != NULL && a == b);
	pserialize_read_exit(s);
}

/* --- Readers beside a writer ------------------------------------------- */

static SYNC_ATOMIC(bool) stop;
static SYNC_ATOMIC(unsigned int) looked; /* readers that have an answer */

/* Ask again and again whether what is looked up is right. */
static void *
reader(void *arg)
{
	bool (*const *right)(void) = arg;
	bool first = true;

	/* relaxed: nothing goes with it. */
	while (!sync_load_relaxed(&stop)) {
		if (!(*right)())
			abort(); /* fails the test, from any thread */
		if (first)
			/* relaxed: it only keeps the writer going. */
			sync_fetch_add_relaxed(&looked, 1);
		first = false;
	}
	return NULL;
}

/* Have two readers look while write(i) runs, n times, and until both have. */
static void
beside_readers(
    bool (*right)(void), void (*write)(unsigned long i), unsigned long n)
{
	pthread_t thread[2];

	for (int i = 0; i < 2; i++)
		cr_assert_eq(
		    pthread_create(&thread[i], NULL, reader, (void *)&right),
		    0);
	/* relaxed: as above. */
	for (unsigned long i = 0; i < n || sync_load_relaxed(&looked) < 2; i++)
		write(i);
	/* relaxed: joining orders the rest. */
	sync_store_relaxed(&stop, true);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
}

/* A route that comes, goes and changes in a table: one of its states. */
static bool
small_is_right(void)
{
	static const uint8_t dst[4] = {10, 1, 2, 3};
	const uint64_t s = pserialize_read_enter();
	const struct route *r =
	    route_table_lookup(route_tables_find(ts, 7), dst);
	const bool right = r != NULL && r->metric >= 1 && r->metric <= 4;

	pserialize_read_exit(s);
	return right;
}

static void
change_small(unsigned long i)
{
	add(7, 8 + (unsigned int)(i / 4 % 8), ROUTE_BLACKHOLE,
	    1 + (uint32_t)(i % 4));
}

Test(route_rule, stress_a_small_table_is_seen_whole)
{
	add(7, 8, ROUTE_BLACKHOLE, 1);
	beside_readers(small_is_right, change_small, stress_n(20000));
}

/* Whatever the rules are at the moment, there is an answer. */
static bool
there_is_an_answer(void)
{
	return plain() != 0;
}

static void
change_lists(unsigned long i)
{
	const uint32_t table = 1 + (uint32_t)(i / 2 % 200);
	const struct route_rule rule = {.table = table, .pref = 5};

	add(table, 8, ROUTE_BLACKHOLE, 2);
	if (i % 2 == 0)
		cr_assert_eq(route_rule_add(ts, &rule), 0);
	else
		cr_assert_eq(route_rule_remove(ts, &rule), 0);
	cr_assert_eq(route_tables_bind(ts, 5, table), 0);
}

Test(route_rule, stress_lists_are_seen_whole)
{
	add(0, 0, ROUTE_BLACKHOLE, 1);
	beside_readers(there_is_an_answer, change_lists, stress_n(2000));
}

/* Prefixes of all kinds in tables with a compiled form, and without. */
static void
fill_world(void)
{
	static const uint8_t types[] = {ROUTE_BLACKHOLE, ROUTE_UNREACHABLE,
	    ROUTE_PROHIBIT, ROUTE_THROW, ROUTE_LOOKUP};
	const uint32_t tables[] = {
	    ROUTE_TABLES_MAIN, ROUTE_TABLES_DEFAULT, 1, 2, 3};
	struct route_table *t;

	for (unsigned int k = 0; k < 5; k++) {
		cr_assert_eq(route_tables_get(ts, tables[k], &t), 0);
		for (unsigned int i = 0; i < (k < 4 ? 400U : 40U); i++) {
			const unsigned int plen =
			    8 + (unsigned int)random() % 17;
			const uint32_t mask = ~(UINT32_MAX >> plen);
			const uint32_t net =
			    htonl((10U << 24 | (uint32_t)random() % (1 << 24)) &
				  mask);
			struct route_config cfg = {.plen = (uint8_t)plen,
			    .type = types[random() % 5],
			    .protocol = ROUTE_PROTO_STATIC};

			memcpy(cfg.prefix, &net, sizeof(net));
			if (cfg.type == ROUTE_LOOKUP)
				cfg.table = tables[random() % 5];
			cr_assert_eq(
			    route_table_add(t, &cfg, ROUTE_REPLACE), 0);
		}
	}
	for (netif_id id = 1; id < 6; id++)
		cr_assert_eq(route_tables_bind(ts, id, id % 4), 0);
}

/* A batch says of each packet what a single lookup says. */
static void
check_batch(void)
{
	uint32_t addr[2 * ROUTE_RULE_BATCH];
	const struct route *dst[ROUTE_RULE_BATCH], *src[ROUTE_RULE_BATCH];
	struct route_flow flow[ROUTE_RULE_BATCH];
	const uint64_t s = pserialize_read_enter();
	const unsigned int n = 1 + (unsigned int)random() % ROUTE_RULE_BATCH;

	for (unsigned int i = 0; i < n; i++) {
		addr[2 * i] = htonl(10U << 24 | (uint32_t)random() % (1 << 24));
		addr[2 * i + 1] =
		    htonl(10U << 24 | (uint32_t)random() % (1 << 24));
		flow[i] =
		    (struct route_flow){.dst = (const uint8_t *)&addr[2 * i],
			.src = (const uint8_t *)&addr[2 * i + 1],
			.iif = (netif_id)random() % 8,
			.mark = (uint32_t)random() % 4};
		flow[i].member = flow[i].iif;
	}
	route_rule_lookup_batch(ts, flow, dst, src, n);
	for (unsigned int i = 0; i < n; i++) {
		cr_assert_eq(dst[i], route_rule_lookup(ts, &flow[i], NULL));
		cr_assert_eq(src[i], route_rule_lookup_in(ts,
					 route_tables_of(ts, flow[i].member),
					 flow[i].src, NULL));
	}
	pserialize_read_exit(s);
}

Test(route_rule, a_batch_of_many_tables_is_as_single_lookups)
{
	srandom(1);
	for (int i = 0; i < 200; i++)
		check_batch(); /* of none */
	fill_world();
	for (int i = 0; i < 2000; i++)
		check_batch();
	cr_assert_eq(
	    route_rule_add(
		ts, &(struct route_rule){.table = 3, .mark = 1, .mask = 1}),
	    0);
	cr_assert_eq(route_rule_add(ts,
			 &(struct route_rule){
			     .table = 2, .pref = ROUTE_RULE_DEFAULT, .iif = 3}),
	    0);
	for (int i = 0; i < 2000; i++)
		check_batch();
}
