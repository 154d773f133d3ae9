/* SPDX-License-Identifier: BSD-2-Clause */

/* The routing table against an array of routes, and its transactions. */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/event.h"
#include "stack/core/stack.h"
#include "stack/route/table.h"
#include "tests/stress.h"

static struct stack *st;
static struct route_table *t;

static void
setup(void)
{
	static const struct proto *const none[] = {NULL};
	const struct stack_config cfg = {
	    .name = "route", .protos = none, .stepped = true};

	cr_assert_eq(stack_create(&cfg, &st), 0);
	cr_assert_eq(route_table_create(st, NETIF_AF_INET, &t), 0);
	stack_control_enter(st);
}

static void
teardown(void)
{
	stack_control_exit(st);
	route_table_destroy(t);
	stack_destroy(st);
}

TestSuite(route_table, .init = setup, .fini = teardown);

/* A blackhole route of prefix, host order; its source tells it from others. */
static struct route_config
hole(uint32_t prefix, unsigned int plen, uint32_t tag)
{
	struct route_config cfg = {
	    .plen = (uint8_t)plen,
	    .type = ROUTE_BLACKHOLE,
	    .protocol = ROUTE_PROTO_STATIC,
	    .has_prefsrc = true,
	};
	const uint32_t key = htonl(prefix);

	memcpy(cfg.prefsrc, &tag, sizeof(tag));

	memcpy(cfg.prefix, &key, sizeof(key));
	return cfg;
}

/* The tag of the route that addr, host order, finds; 0: none. */
static uint32_t
look(uint32_t addr)
{
	const uint32_t key = htonl(addr);
	const uint64_t s = pserialize_read_enter();
	const struct route *r = route_table_lookup(t, (const uint8_t *)&key);
	uint32_t tag = 0;

	if (r != NULL)
		memcpy(&tag, r->prefsrc, sizeof(tag));
	pserialize_read_exit(s);
	return tag;
}

/* Do the compiled form and the tree say the same, while nothing changes? */
static bool
agree(uint32_t addr)
{
	const uint32_t key = htonl(addr);
	const uint64_t s = pserialize_read_enter();
	const struct route *r = route_table_lookup(t, (const uint8_t *)&key);
	unsigned int plen;
	bool same;

	same = r == route_table_match(t, (const uint8_t *)&key, &plen);
	pserialize_read_exit(s);
	return same;
}

/* --- The model: prefixes inside 10.0.0.0/24 ---------------------------- */

struct model {
	uint32_t tag[33][256]; /* 0: no route */
};

static uint32_t
mask(unsigned int plen)
{
	return plen == 0 ? 0 : UINT32_MAX << (32 - plen);
}

static uint32_t
model_look(const struct model *m, uint32_t addr)
{
	for (unsigned int plen = 33; plen-- > 24;) {
		const uint32_t found = m->tag[plen][addr & mask(plen) & 255];

		if (found != 0)
			return found;
	}
	return 0;
}

/* One random edit in x and in m. */
static void
edit(struct route_txn *x, struct model *m, uint32_t rnd, uint32_t tag)
{
	const unsigned int plen = 24 + rnd % 9;
	const uint32_t prefix = (0x0a000000 | (rnd >> 8 & 255)) & mask(plen);
	uint32_t *at = &m->tag[plen][prefix & 255];
	const struct route_config cfg = hole(prefix, plen, tag);

	switch (rnd >> 24 & 3) {
	case 0:
		cr_assert_eq(
		    route_txn_add(x, &cfg, ROUTE_ADD), *at != 0 ? -EEXIST : 0);
		*at = *at != 0 ? *at : tag;
		break;
	case 1:
		cr_assert_eq(route_txn_add(x, &cfg, ROUTE_REPLACE), 0);
		*at = tag;
		break;
	case 2:
		cr_assert_eq(route_txn_add(x, &cfg, ROUTE_CHANGE),
		    *at == 0 ? -ENOENT : 0);
		*at = *at != 0 ? tag : 0;
		break;
	default:
		cr_assert_eq(route_txn_remove(x, cfg.prefix, plen, NULL),
		    *at == 0 ? -ENOENT : 0);
		*at = 0;
		break;
	}
}

static void
equals(const struct model *m)
{
	size_t n = 0;

	for (unsigned int plen = 0; plen <= 32; plen++)
		for (unsigned int i = 0; i < 256; i++)
			n += m->tag[plen][i] != 0;
	cr_assert_eq(route_table_count(t), n);
	for (uint32_t i = 0; i < 256; i++)
		if (look(0x0a000000 | i) != model_look(m, 0x0a000000 | i) ||
		    !agree(0x0a000000 | i))
			cr_assert_fail("10.0.0.%u", i);
}

Test(route_table, transactions_equal_a_model)
{
	static struct model m, before;
	uint32_t x = 1, tag = 0;

	for (int round = 0; round < 400; round++) {
		struct route_txn *txn;

		before = m;
		cr_assert_eq(route_txn_begin(t, &txn), 0);
		for (int i = 0; i < round % 12; i++) {
			x = x * 1664525 + 1013904223;
			edit(txn, &m, x >> 3 ^ x << 11, ++tag);
		}
		/* Nothing is seen before the commit. */
		equals(&before);
		if (round % 5 == 0) {
			route_txn_abort(txn);
			m = before;
		} else {
			cr_assert_eq(route_txn_commit(txn), 0);
		}
		equals(&m);
	}
	cr_assert_gt(route_table_count(t), 50);
}

Test(route_table, looks_up_with_and_without_default)
{
	struct route_config cfg = hole(0x0a000000, 8, 1);

	cr_assert_eq(look(0x0a010203), 0);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	cr_assert_eq(look(0x0a010203), 1);
	cr_assert_eq(look(0x0b010203), 0);
	cfg = hole(0, 0, 2);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	cr_assert_eq(look(0x0b010203), 2);
	cr_assert_eq(look(0x0a010203), 1);
	cfg = hole(0x0a010203, 32, 3);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	cr_assert_eq(look(0x0a010203), 3);
	cr_assert_eq(look(0x0a010202), 1);
	cr_assert_eq(route_table_remove(t, hole(0, 0, 0).prefix, 0, NULL), 0);
	cr_assert_eq(look(0x0b010203), 0);
	cr_assert_eq(
	    route_table_remove(t, hole(0, 0, 0).prefix, 0, NULL), -ENOENT);
}

Test(route_table, exact_finds_the_prefix_only)
{
	const struct route_config cfg = hole(0x0a000000, 8, 1);
	uint64_t s;

	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	s = pserialize_read_enter();
	cr_assert_not_null(route_table_exact(t, cfg.prefix, 8));
	cr_assert_null(route_table_exact(t, cfg.prefix, 9));
	cr_assert_null(route_table_exact(t, cfg.prefix, 7));
	pserialize_read_exit(s);
}

Test(route_table, refuses_what_is_no_route)
{
	const struct route_nexthop nh = {.netif = 1, .weight = 1},
				   weightless = {.netif = 1},
				   nowhere = {.weight = 1};
	struct route_config cfg = hole(0x0a000001, 31, 1);

	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), -EINVAL);
	cfg = hole(0x0a000000, 33, 1);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), -EINVAL);
	cfg = hole(0x0a000000, 8, 1);
	cfg.nnexthops = 1;
	cfg.nexthops = &nh;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), -EINVAL);
	cfg.type = ROUTE_UNICAST;
	cfg.nexthops = &weightless;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), -EINVAL);
	cfg.nexthops = &nowhere;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), -EINVAL);
	cfg.nexthops = &nh;
	cfg.nnexthops = 0;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), -EINVAL);
	cfg.nnexthops = ROUTE_NEXTHOPS_MAX + 1;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), -EINVAL);
	cfg.nnexthops = 1;
	cfg.type = 4; /* anycast, which we do not know */
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), -EINVAL);
	cr_assert_eq(route_table_count(t), 0);
	cfg.type = ROUTE_UNICAST;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
}

struct walk {
	unsigned int n;
	uint8_t last[16];
	uint8_t last_plen;
};

static int
in_order(void *arg, const struct route_entry *r)
{
	struct walk *w = arg;
	const int order = memcmp(w->last, r->key, 4);

	if (w->n++ > 0)
		cr_assert(order < 0 || (order == 0 && w->last_plen < r->plen));
	memcpy(w->last, r->key, sizeof(w->last));
	w->last_plen = r->plen;
	/* Changes of the table do not disturb the walk. */
	return route_table_remove(t, r->key, r->plen, NULL);
}

Test(route_table, walks_a_snapshot_in_order)
{
	struct walk w = {0};
	uint32_t x = 7;

	for (int i = 0; i < 500; i++) {
		struct route_config cfg;
		unsigned int plen;

		x = x * 1664525 + 1013904223;
		plen = (x >> 27) + 1;
		cfg = hole(x & mask(plen), plen, 1);
		cr_assert_eq(route_table_add(t, &cfg, ROUTE_REPLACE), 0);
	}
	x = (uint32_t)route_table_count(t);
	cr_assert_eq(route_table_walk(t, in_order, &w), 0);
	cr_assert_eq(w.n, x);
	cr_assert_eq(route_table_count(t), 0);
}

static int
stop_at_third(void *arg, const struct route_entry *r)
{
	(void)r;
	return ++*(int *)arg == 3 ? -EINTR : 0;
}

Test(route_table, walk_stops_when_told)
{
	int calls = 0;

	for (uint32_t i = 0; i < 9; i++) {
		const struct route_config cfg = hole(i << 24, 8, 1);

		cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	}
	cr_assert_eq(route_table_walk(t, stop_at_third, &calls), -EINTR);
	cr_assert_eq(calls, 3);
}

struct pruning {
	struct route_txn *x;
	netif_id netif;
	int edits;
};

static bool
by_netif(const struct route_nexthop *nh, void *arg)
{
	return nh->netif == ((const struct pruning *)arg)->netif;
}

static int
prune_one(void *arg, const struct route_entry *e)
{
	struct pruning *p = arg;
	const int n = route_txn_prune(p->x, e, by_netif, p);

	p->edits += n > 0;
	return n < 0 ? n : 0;
}

/* Returns: how many routes were changed or removed. */
static int
prune(netif_id netif)
{
	struct pruning p = {.netif = netif};

	cr_assert_eq(route_txn_begin(t, &p.x), 0);
	cr_assert_eq(route_table_walk(t, prune_one, &p), 0);
	cr_assert_eq(route_txn_commit(p.x), 0);
	return p.edits;
}

Test(route_table, prune_takes_next_hops_of_one_interface)
{
	const struct route_nexthop nh[] = {{.netif = 5, .weight = 1},
	    {.netif = 6, .weight = 2}, {.netif = 5, .weight = 3}};
	struct route_config cfg = hole(0x0a000000, 8, 1);
	uint64_t s;
	const struct route *r;

	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	cfg.type = ROUTE_UNICAST;
	cfg.nexthops = nh;
	cfg.plen = 9;
	cfg.nnexthops = 3;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	cfg.plen = 10;
	cfg.nnexthops = 1;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	cfg.plen = 11;
	cfg.nexthops = nh + 1;
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	cr_assert_eq(prune(5), 2);
	cr_assert_eq(route_table_count(t), 3);
	s = pserialize_read_enter();
	r = route_table_exact(t, cfg.prefix, 9);
	cr_assert(r->nnexthops == 1 && r->nexthops[0].netif == 6 &&
		  r->nexthops[0].weight == 2);
	cr_assert_null(route_table_exact(t, cfg.prefix, 10));
	pserialize_read_exit(s);
	cr_assert_eq(prune(5), 0);
}

Test(route_table, many_edits_are_one_event)
{
	struct event_queue *q;
	struct route_txn *x;
	struct event ev;

	cr_assert_eq(event_subscribe(st, 2000, &q), 0);
	for (unsigned int count = 1024; count <= 1025; count++) {
		unsigned int events = 0;

		cr_assert_eq(route_txn_begin(t, &x), 0);
		for (uint32_t i = 0; i < count; i++) {
			const struct route_config cfg = hole(i << 8, 24, 1);

			cr_assert_eq(route_txn_add(x, &cfg, ROUTE_REPLACE), 0);
		}
		cr_assert_eq(route_txn_commit(x), 0);
		while (event_pop(q, &ev))
			events++;
		cr_assert_eq(events, count == 1024 ? 1024 : 1);
	}
	event_unsubscribe(q);
}

Test(route_table, type_names_are_those_of_iproute2)
{
	cr_assert_str_eq(route_type_name(ROUTE_UNICAST), "unicast");
	cr_assert_str_eq(route_type_name(ROUTE_LOCAL), "local");
	cr_assert_str_eq(route_type_name(ROUTE_BROADCAST), "broadcast");
	cr_assert_str_eq(route_type_name(ROUTE_BLACKHOLE), "blackhole");
	cr_assert_str_eq(route_type_name(ROUTE_UNREACHABLE), "unreachable");
	cr_assert_str_eq(route_type_name(ROUTE_PROHIBIT), "prohibit");
	cr_assert_str_eq(route_type_name(ROUTE_THROW), "throw");
	cr_assert_null(route_type_name(0));
	cr_assert_null(route_type_name(4));
	cr_assert_null(route_type_name(255));
}

Test(route_table, prepared_edits_can_be_aborted)
{
	const struct route_config old = hole(0x0a000000, 24, 1);
	const struct route_config cfg = hole(0x0a000000, 25, 2);
	struct route_txn *x;

	cr_assert_eq(route_table_add(t, &old, ROUTE_ADD), 0);
	for (uint32_t i = 1; i <= 2; i++) {
		cr_assert_eq(route_txn_begin(t, &x), 0);
		cr_assert_eq(route_txn_add(x, &cfg, ROUTE_ADD), 0);
		cr_assert_eq(route_txn_prepare(x), 0);
		cr_assert(look(0x0a000000) == 1 && agree(0x0a000000));
		if (i == 1)
			route_txn_abort(x);
		else
			cr_assert_eq(route_txn_commit(x), 0);
		cr_assert(look(0x0a000000) == i && agree(0x0a000000));
	}
}

/* --- Readers beside a writer ------------------------------------------- */

static SYNC_ATOMIC(bool) stop;

/*
 * The writer moves a /24 to and fro between two /25s and one /24, and replaces
 * it, in single commits: no lookup may find the /8 behind it.
 */
static void *
reader(void *arg)
{
	unsigned long *lookups = arg;

	do {
		for (uint32_t i = 0; i < 256; i++)
			if (look(0x0a000000 | i) < 2)
				abort(); /* fails the test, from any thread */
		*lookups += 256;
		/* relaxed: the thread is joined before its result is read. */
	} while (!sync_load_relaxed(&stop));
	return NULL;
}

static void
swap(unsigned long i)
{
	const uint32_t tag = (uint32_t)i + 2;
	const struct route_config whole = hole(0x0a000000, 24, tag);
	const struct route_config low = hole(0x0a000000, 25, tag);
	const struct route_config high = hole(0x0a000080, 25, tag);
	struct route_txn *x;

	cr_assert_eq(route_txn_begin(t, &x), 0);
	if (i % 3 == 0) {
		cr_assert_eq(route_txn_remove(x, whole.prefix, 24, NULL), 0);
		cr_assert_eq(route_txn_add(x, &low, ROUTE_ADD), 0);
		cr_assert_eq(route_txn_add(x, &high, ROUTE_ADD), 0);
	} else if (i % 3 == 1) {
		cr_assert_eq(route_txn_remove(x, low.prefix, 25, NULL), 0);
		cr_assert_eq(route_txn_remove(x, high.prefix, 25, NULL), 0);
		cr_assert_eq(route_txn_add(x, &whole, ROUTE_ADD), 0);
	} else {
		cr_assert_eq(route_txn_add(x, &whole, ROUTE_REPLACE), 0);
	}
	cr_assert_eq(route_txn_commit(x), 0);
}

Test(route_table, stress_commits_are_seen_whole)
{
	const unsigned long n = stress_n(20000) / 3 * 3;
	struct route_config cfg = hole(0x0a000000, 8, 1);
	unsigned long lookups[2] = {0};
	pthread_t thread[2];

	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	cfg = hole(0x0a000000, 24, 2);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(
		    pthread_create(&thread[i], NULL, reader, &lookups[i]), 0);
	for (unsigned long i = 0; i < n; i++) {
		swap(i);
		if (i % 64 == 0)
			sched_yield();
	}
	/* relaxed: joining orders the rest. */
	sync_store_relaxed(&stop, true);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
		cr_assert_gt(lookups[i], 0);
	}
}

/* Until the table has a route. */
static void *
first_reader(void *arg)
{
	(void)arg;
	while (look(0x0a000000) == 0)
		sched_yield();
	return NULL;
}

Test(route_table, stress_table_is_compiled_under_readers)
{
	const struct route_config cfg = hole(0x0a000000, 24, 1);
	struct route_table *last = t;
	pthread_t thread;

	for (unsigned long i = 0; i < stress_n(20); i++) {
		cr_assert_eq(route_table_create(st, NETIF_AF_INET, &t), 0);
		cr_assert_eq(
		    pthread_create(&thread, NULL, first_reader, NULL), 0);
		sched_yield();
		cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
		cr_assert_eq(pthread_join(thread, NULL), 0);
		route_table_destroy(t);
	}
	t = last;
}
