/* SPDX-License-Identifier: BSD-2-Clause */

/* The flow cache: the answers that there are without, and what it keeps. */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/atomic.h"
#include "libsync/base/point.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"
#include "stack/nexthop/nexthop.h"
#include "stack/route/flowcache.h"
#include "stack/route/flowcache_auto.h"
#include "stack/route/rule.h"
#include "stack/route/tables.h"
#include "tests/stress.h"

#define ENTRIES 256U
#define BATCH   32U

static struct stack *st;
static struct route_tables *ts;
static struct route_flowcache *cache;

static void
setup(void)
{
	static const struct proto *const protos[] = {&proto_nexthop, NULL};
	static const struct route_flowcache_config small = {
	    .entries = ENTRIES, .seed = 7};
	const struct stack_config cfg = {
	    .name = "flow", .protos = protos, .stepped = true};

	cr_assert_eq(stack_create(&cfg, &st), 0);
	cr_assert_eq(route_tables_create(st, NETIF_AF_INET, &ts), 0);
	cr_assert_eq(route_flowcache_create(ts, &small, &cache), 0);
	stack_control_enter(st);
}

static void
teardown(void)
{
	stack_control_exit(st);
	route_flowcache_destroy(cache);
	route_tables_destroy(ts);
	stack_destroy(st);
}

TestSuite(route_flowcache, .init = setup, .fini = teardown);

/* Make the prefix's only route one with this metric, in one commit. */
static void
add(uint32_t table, uint32_t prefix, unsigned int plen, uint32_t metric)
{
	const uint32_t net = htonl(prefix);
	struct route_config cfg = {.plen = (uint8_t)plen,
	    .type = ROUTE_BLACKHOLE,
	    .protocol = ROUTE_PROTO_STATIC,
	    .metric = metric};
	struct route_table *t;
	struct route_txn *x;

	memcpy(cfg.prefix, &net, sizeof(net));
	cr_assert_eq(route_tables_get(ts, table, &t), 0);
	cr_assert_eq(route_txn_begin(t, &x), 0);
	(void)route_txn_remove(x, cfg.prefix, plen, NULL);
	cr_assert_eq(route_txn_add(x, &cfg, ROUTE_ADD), 0);
	cr_assert_eq(route_txn_commit(x), 0);
}

static int
take(uint32_t table, uint32_t prefix, unsigned int plen)
{
	const uint32_t net = htonl(prefix);
	struct route_table *t;

	cr_assert_eq(route_tables_get(ts, table, &t), 0);
	return route_table_remove(t, (const uint8_t *)&net, plen, NULL);
}

/* A packet, in network order. */
struct packet {
	uint32_t dst, src;
	netif_id iif, member;
	uint32_t mark;
};

static struct route_flow
flow_of(const struct packet *p)
{
	return (struct route_flow){.dst = (const uint8_t *)&p->dst,
	    .src = (const uint8_t *)&p->src,
	    .iif = p->iif,
	    .member = p->member,
	    .mark = p->mark};
}

static struct packet
packet(uint32_t dst)
{
	return (struct packet){
	    .dst = htonl(dst), .src = htonl(0xc0000201), .iif = 1, .member = 1};
}

/* Look n up, compare with what there is without a cache.  The first metric. */
static uint32_t
look_as(enum route_flowcache_mode mode, const struct packet *packets,
    unsigned int n)
{
	const struct route *dst[BATCH], *src[BATCH], *dst2[BATCH], *src2[BATCH];
	struct route_flow flow[BATCH];
	uint32_t metric;
	uint64_t s;

	for (unsigned int i = 0; i < n; i++)
		flow[i] = flow_of(&packets[i]);
	s = pserialize_read_enter();
	route_flowcache_lookup_batch(cache, mode, flow, dst, src, n);
	route_rule_lookup_batch(ts, flow, dst2, src2, n);
	for (unsigned int i = 0; i < n; i++)
		cr_assert(dst[i] == dst2[i] && src[i] == src2[i]);
	metric = dst[0] != NULL ? dst[0]->metric : 0;
	pserialize_read_exit(s);
	return metric;
}

static uint32_t
look(struct packet p)
{
	return look_as(ROUTE_FLOWCACHE_ON, &p, 1);
}

static uint64_t
counted(enum route_flowcache_counter i)
{
	return route_flowcache_counter_read(cache, i);
}

Test(route_flowcache, third_packet_of_a_flow_is_a_hit)
{
	const struct packet p = packet(0x0a000001);

	add(0, 0x0a000000, 8, 5);
	cr_assert_eq(look(p), 5);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_REFUSED), 1);
	cr_assert_eq(look(p), 5);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_INSERTS), 1);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_HITS), 0);
	cr_assert_eq(look(p), 5);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_HITS), 1);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_MISSES), 2);
}

Test(route_flowcache, absence_is_cached_too)
{
	const struct packet p = packet(0x0a000001);

	for (int i = 0; i < 3; i++)
		cr_assert_eq(look(p), 0);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_HITS), 1);
}

Test(route_flowcache, one_flow_in_one_batch_is_kept_once)
{
	struct packet p[BATCH];

	for (unsigned int i = 0; i < BATCH; i++)
		p[i] = packet(0x0a000001);
	look_as(ROUTE_FLOWCACHE_ON, p, BATCH);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_MISSES), BATCH);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_REFUSED), 1);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_INSERTS), 1);
	look_as(ROUTE_FLOWCACHE_ON, p, BATCH);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_HITS), BATCH);
}

Test(route_flowcache, off_touches_nothing)
{
	const struct packet p = packet(0x0a000001);

	for (int i = 0; i < 5; i++)
		look_as(ROUTE_FLOWCACHE_OFF, &p, 1);
	for (int i = 0; i < ROUTE_FLOWCACHE_COUNTERS; i++)
		cr_assert_eq(counted((enum route_flowcache_counter)i), 0);
}

Test(route_flowcache, refuses_what_it_cannot_be)
{
	struct route_flowcache_config cfg = {.entries = 2};
	struct route_flowcache *c = NULL;
	struct route_tables *six;

	cr_assert_eq(route_flowcache_create(ts, &cfg, &c), -EINVAL);
	cfg.entries = 24;
	cr_assert_eq(route_flowcache_create(ts, &cfg, &c), -EINVAL);
	cfg.entries = 1U << 25;
	cr_assert_eq(route_flowcache_create(ts, &cfg, &c), -EINVAL);
	cfg.entries = 0;
	cr_assert_eq(route_tables_create(st, NETIF_AF_INET6, &six), 0);
	cr_assert_eq(route_flowcache_create(six, &cfg, &c), -EINVAL);
	cr_assert_null(c);
	route_tables_destroy(six);
}

/* --- What a decision depends on ---------------------------------------- */

/* So many that some are in the set of p. */
Test(route_flowcache, each_field_of_a_flow_tells_it_from_others)
{
	const struct packet p = packet(0x0a000001);
	struct packet q[5];

	look(p);
	look(p);
	for (uint32_t i = 1; i < 1000; i++) {
		const uint64_t hits = counted(ROUTE_FLOWCACHE_HITS);

		for (int k = 0; k < 5; k++)
			q[k] = p;
		q[0].dst += i;
		q[1].src += i;
		q[2].iif += i;
		q[3].member += i;
		q[4].mark += i;
		for (int k = 0; k < 5; k++)
			look(q[k]);
		cr_assert_eq(counted(ROUTE_FLOWCACHE_HITS), hits);
		look(p);
		cr_assert_eq(counted(ROUTE_FLOWCACHE_HITS), hits + 1);
	}
}

/* Warm the cache with p, change something, and ask again. */
#define CHANGES(p, was, change, is)                 \
	do {                                        \
		for (int i_ = 0; i_ < 3; i_++)      \
			cr_assert_eq(look(p), was); \
		change;                             \
		for (int i_ = 0; i_ < 3; i_++)      \
			cr_assert_eq(look(p), is);  \
	} while (0)

Test(route_flowcache, every_change_is_met_by_the_next_packet)
{
	const struct route_rule mark = {.table = 7, .mark = 1, .mask = 1};
	struct packet p = packet(0x0a000001);

	p.mark = 1;
	CHANGES(p, 0, add(0, 0x0a000000, 8, 1), 1);
	CHANGES(p, 1, add(0, 0x0a000000, 24, 2), 2);
	CHANGES(p, 2, cr_assert_eq(take(0, 0x0a000000, 24), 0), 1);
	CHANGES(p, 1, add(7, 0, 0, 3), 1);
	CHANGES(p, 1, cr_assert_eq(route_rule_add(ts, &mark), 0), 3);
	CHANGES(p, 3, add(7, 0x0a000000, 9, 4), 4);
	CHANGES(p, 4, cr_assert_eq(route_rule_remove(ts, &mark), 0), 1);
	CHANGES(p, 1, cr_assert_eq(route_tables_bind(ts, 1, 7), 0), 4);
	CHANGES(p, 4, route_tables_forget(ts, 1), 1);
	CHANGES(p, 1, cr_assert_eq(take(0, 0x0a000000, 8), 0), 0);
}

Test(route_flowcache, an_aborted_change_forgets_nothing)
{
	const struct packet p = packet(0x0a000001);
	const struct route_config cfg = {.prefix = {10},
	    .plen = 8,
	    .type = ROUTE_BLACKHOLE,
	    .protocol = ROUTE_PROTO_STATIC};
	struct route_txn *x;
	uint64_t flushes;

	add(0, 0, 0, 1);
	look(p);
	look(p);
	flushes = counted(ROUTE_FLOWCACHE_FLUSHES);
	cr_assert_eq(route_txn_begin(route_tables_main(ts), &x), 0);
	cr_assert_eq(route_txn_add(x, &cfg, ROUTE_ADD), 0);
	cr_assert_eq(route_txn_prepare(x), 0);
	look(p);
	route_txn_abort(x);
	look(p);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_HITS), 2);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_FLUSHES), flushes);
}

/* The number of an epoch comes again after so many flushes. */
#define EPOCHS 32767

Test(route_flowcache, old_epochs_do_not_come_back)
{
	const struct packet p = packet(0x0a000001), other = packet(0x0b000001);
	uint64_t flushes;

	add(0, 0x0a000000, 8, 1);
	add(0, 0x0c000000, 8, 1); /* so that this route stays one */
	for (int i = 0; i < 3; i++)
		look(p);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_HITS), 1);
	flushes = counted(ROUTE_FLOWCACHE_FLUSHES);
	for (uint32_t i = 1; i < EPOCHS; i++) {
		add(0, 0x0a000000, 8, 2 + i % 2);
		look(other);
	}
	add(0, 0x0a000000, 8, 4);
	cr_assert_eq(look(p), 4);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_FLUSHES), flushes + EPOCHS);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_HITS), 1);
}

/* --- Scans -------------------------------------------------------------- */

#define BUSY (ENTRIES / 4)

/* Each busy flow once, and the scan's packets between. */
static uint32_t
round_of(uint32_t scan, unsigned int packets, unsigned int times)
{
	for (uint32_t i = 0; i < BUSY; i++) {
		look(packet(0x0a000000 + i));
		for (unsigned int k = 0; k < packets; k++, scan++)
			for (unsigned int t = 0; t < times; t++)
				look(packet(0x20000000 + scan * 7919));
	}
	return scan;
}

/* Of so many rounds, those packets of busy flows that were hits, in percent. */
static uint64_t
kept_of(unsigned int packets, unsigned int times)
{
	const unsigned int rounds = 100;
	uint32_t scan = 0;
	uint64_t hits;

	add(0, 0, 0, 1);
	for (int i = 0; i < 4; i++)
		round_of(0, 0, 0);
	hits = counted(ROUTE_FLOWCACHE_HITS);
	for (unsigned int i = 0; i < rounds; i++)
		scan = round_of(scan, packets, times);
	return (counted(ROUTE_FLOWCACHE_HITS) - hits) * 100 / (rounds * BUSY);
}

Test(route_flowcache, busy_flows_outlive_a_scan)
{
	cr_assert_geq(kept_of(20, 1), 99);
	cr_assert_lt(counted(ROUTE_FLOWCACHE_INSERTS), 2 * BUSY);
}

/* Each of its flows passes as met before, and asks for a place. */
Test(route_flowcache, busy_flows_outlive_a_scan_of_pairs)
{
	cr_assert_geq(kept_of(1, 2), 90);
}

/* Room is found again once busy flows end. */
Test(route_flowcache, ended_flows_make_room)
{
	uint64_t hits;

	add(0, 0, 0, 1);
	for (int i = 0; i < 20; i++)
		for (uint32_t k = 0; k < ENTRIES; k++)
			look(packet(0x0a000000 + k));
	for (int i = 0; i < 12; i++)
		for (uint32_t k = 0; k < BUSY; k++)
			look(packet(0x0b000000 + k));
	hits = counted(ROUTE_FLOWCACHE_HITS);
	for (uint32_t k = 0; k < BUSY; k++)
		look(packet(0x0b000000 + k));
	cr_assert_geq((counted(ROUTE_FLOWCACHE_HITS) - hits) * 100 / BUSY, 90);
}

/* --- Against the lookup without it ------------------------------------- */

static uint64_t state = 1;

static uint32_t
any(uint32_t n)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)((state >> 33) % n);
}

static struct packet
any_packet(void)
{
	struct packet p = packet(0x0a000000 + (any(64) << 12));

	p.src = htonl(0x0a000000 + (any(2) << 12));
	p.iif = 1 + any(2);
	p.member = any(4) == 0 ? 0 : p.iif;
	p.mark = any(2);
	return p;
}

static void
change_rules(void)
{
	struct route_rule r = {.pref = 1 + any(4), .table = 100 + any(3)};

	if (any(2) == 0)
		r.iif = 1 + any(3);
	if (any(2) == 0)
		r.mark = r.mask = 1 + any(2);
	if (any(2) == 0) {
		r.src_plen = 20;
		memcpy(
		    r.src, &(uint32_t){htonl(0x0a000000 + (any(2) << 12))}, 4);
	}
	if (any(2) == 0)
		(void)route_rule_add(ts, &r);
	else
		(void)route_rule_remove(
		    ts, &(struct route_rule){.pref = r.pref});
}

static void
change_something(void)
{
	static const uint32_t table[4] = {0, 100, 101, 102};
	const uint32_t prefix = 0x0a000000 + (any(64) << 12);
	const unsigned int plen = 12 + any(3) * 4;
	const uint32_t net = prefix & ~0U << (32 - plen);

	switch (any(4)) {
	case 0:
		change_rules();
		break;
	case 1:
		cr_assert_eq(
		    route_tables_bind(ts, 1 + any(3), any(2) == 0 ? 0 : 100),
		    0);
		break;
	case 2:
		(void)take(table[any(4)], net, plen);
		break;
	default:
		add(table[any(4)], net, plen, 1 + any(1000));
	}
}

Test(route_flowcache, any_packets_are_answered_as_without)
{
	const unsigned long packets = stress_alone_n(1000000);
	struct packet p[BATCH];
	unsigned int n;

	for (unsigned long i = 0; i < packets; i += n) {
		n = 1 + any(BATCH);
		for (unsigned int k = 0; k < n; k++)
			p[k] = any_packet();
		look_as(
		    i < packets / 2 ? ROUTE_FLOWCACHE_ON : ROUTE_FLOWCACHE_AUTO,
		    p, n);
		if (any(200) == 0)
			change_something();
	}
	cr_assert_gt(counted(ROUTE_FLOWCACHE_HITS), packets / 100);
	cr_assert_gt(counted(ROUTE_FLOWCACHE_FLUSHES), packets / 10000);
}

/* --- Automatic ---------------------------------------------------------- */

/* Ticks that a lookup of one packet takes, as the clock below says. */
static uint64_t cost[ROUTE_FLOWCACHE_WAYS], now;

/* What was looked up since the last call took its time. */
static uint64_t
fake_clock(void *arg)
{
	static uint64_t plain, cached;
	const uint64_t p = counted(ROUTE_FLOWCACHE_BYPASSED);
	const uint64_t c =
	    counted(ROUTE_FLOWCACHE_HITS) + counted(ROUTE_FLOWCACHE_MISSES);

	(void)arg;
	now += (p - plain) * cost[ROUTE_FLOWCACHE_PLAIN] +
	       (c - cached) * cost[ROUTE_FLOWCACHE_CACHED];
	plain = p;
	cached = c;
	return now;
}

/* The share of so many packets that went past the cache, in percent. */
static unsigned int
past_the_cache(uint32_t packets)
{
	const uint64_t before = counted(ROUTE_FLOWCACHE_BYPASSED);
	struct packet p[BATCH];

	for (uint32_t i = 0; i < packets; i += BATCH) {
		for (uint32_t k = 0; k < BATCH; k++)
			p[k] = packet(0x0a000000 + k);
		look_as(ROUTE_FLOWCACHE_AUTO, p, BATCH);
	}
	return (unsigned int)((counted(ROUTE_FLOWCACHE_BYPASSED) - before) *
			      100 / packets);
}

Test(route_flowcache, automatic_follows_what_is_cheaper)
{
	static const struct route_flowcache_config timed = {
	    .entries = ENTRIES, .clock = fake_clock};
	const uint32_t rest = ROUTE_FLOWCACHE_AUTO_REST;

	route_flowcache_destroy(cache);
	cr_assert_eq(route_flowcache_create(ts, &timed, &cache), 0);
	cost[ROUTE_FLOWCACHE_PLAIN] = 100;
	cost[ROUTE_FLOWCACHE_CACHED] = 60;
	past_the_cache(rest / 2);
	cr_assert_leq(past_the_cache(4 * rest), 2);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_SWITCHES), 1);
	cost[ROUTE_FLOWCACHE_CACHED] = 120;
	past_the_cache(ROUTE_FLOWCACHE_AUTO_REST_CACHED + rest / 2);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_SWITCHES), 2);
	past_the_cache(16 * rest);
	cr_assert_geq(past_the_cache(16 * rest), 97);
	cr_assert_eq(counted(ROUTE_FLOWCACHE_SWITCHES), 2);
}

/* One way against the other, as told, until the end of n comparisons. */
static void
compare(struct route_flowcache_auto *a, uint64_t plain, uint64_t cached,
    unsigned int n)
{
	enum route_flowcache_way way;
	bool timed, was = false;

	while (n > 0) {
		way = route_flowcache_auto_next(a, &timed);
		if (was && !timed)
			n--;
		was = timed;
		route_flowcache_auto_tell(a, 32,
		    32 * (way == ROUTE_FLOWCACHE_PLAIN ? plain : cached));
	}
}

Test(route_flowcache, automatic_does_not_hesitate)
{
	struct route_flowcache_auto a;

	route_flowcache_auto_init(&a);
	cr_assert_eq(a.use, ROUTE_FLOWCACHE_PLAIN);
	compare(&a, 100, 90, 1); /* not cheaper enough to begin with */
	cr_assert_eq(a.use, ROUTE_FLOWCACHE_PLAIN);
	compare(&a, 100, 85, 1);
	cr_assert_eq(a.use, ROUTE_FLOWCACHE_CACHED);
	compare(&a, 100, 99, 1); /* cheaper enough to stay */
	cr_assert_eq(a.use, ROUTE_FLOWCACHE_CACHED);
	compare(&a, 100, 101, 1);
	cr_assert_eq(a.use, ROUTE_FLOWCACHE_PLAIN);
}

Test(route_flowcache, automatic_tries_less_and_less)
{
	struct route_flowcache_auto a;

	route_flowcache_auto_init(&a);
	compare(&a, 100, 100, 1);
	cr_assert_eq(a.rest, 2 * ROUTE_FLOWCACHE_AUTO_REST);
	compare(&a, 100, 100, 1);
	cr_assert_eq(a.rest, 4 * ROUTE_FLOWCACHE_AUTO_REST);
	compare(&a, 100, 100, 20);
	cr_assert_eq(a.rest, ROUTE_FLOWCACHE_AUTO_REST_MAX);
	compare(&a, 100, 50, 1);
	cr_assert_eq(a.rest, ROUTE_FLOWCACHE_AUTO_REST);
	compare(&a, 100, 50, 20);
	cr_assert_eq(a.rest, ROUTE_FLOWCACHE_AUTO_REST_CACHED);
}

Test(route_flowcache, automatic_ignores_an_interruption)
{
	struct route_flowcache_auto a;
	bool timed = false;

	route_flowcache_auto_init(&a);
	while (!timed) {
		(void)route_flowcache_auto_next(&a, &timed);
		if (!timed)
			route_flowcache_auto_tell(&a, 32, 0);
	}
	for (int i = 0; i < 4; i++) { /* two batches each, one of them long */
		const bool plain = route_flowcache_auto_next(&a, &timed) ==
				   ROUTE_FLOWCACHE_PLAIN;

		route_flowcache_auto_tell(&a, 32,
		    plain   ? 3200
		    : i < 2 ? 1000000
			    : 1600);
	}
	compare(&a, 100, 50, 1);
	cr_assert_eq(a.use, ROUTE_FLOWCACHE_CACHED);
}

/* --- Workers beside a writer ------------------------------------------- */

static SYNC_ATOMIC(uint32_t) committed, seen;
static SYNC_ATOMIC(bool) stop;
static SYNC_ATOMIC(unsigned int) hitting; /* workers whose cache has answered */

static void
raise_to(uint32_t version)
{
	/* relaxed: a first guess. */
	uint32_t was = sync_load_relaxed(&seen);

	/* acq_rel: who reads it knows of what was looked up. */
	while (was < version && !sync_cas_acq_rel(&seen, &was, version))
		continue;
}

/* No answer is older than what was known when it was asked for. */
static void *
worker(void *arg)
{
	static const struct route_flowcache_config cfg = {.entries = 64};
	const struct packet p = packet(0x0a000001);
	const struct route_flow flow = flow_of(&p);
	const struct route *dst, *src;
	struct route_flowcache *c;
	uint32_t done, told;
	bool hit = false;
	uint64_t s;

	(void)arg;
	if (route_flowcache_create(ts, &cfg, &c) != 0)
		abort();
	/* relaxed: nothing goes with it. */
	while (!sync_load_relaxed(&stop)) {
		s = pserialize_read_enter();
		/* acquire: pairs with the release in the test. */
		done = sync_load_acquire(&committed);
		/* acquire: pairs with the exchange in raise_to. */
		told = sync_load_acquire(&seen);
		route_flowcache_lookup_batch(
		    c, ROUTE_FLOWCACHE_ON, &flow, &dst, &src, 1);
		if (dst == NULL || dst->metric < done || dst->metric < told)
			abort(); /* fails the test, from any thread */
		raise_to(dst->metric);
		pserialize_read_exit(s);
		if (hit ||
		    route_flowcache_counter_read(c, ROUTE_FLOWCACHE_HITS) == 0)
			continue;
		hit = true;
		/* relaxed: it only keeps the writer going. */
		sync_fetch_add_relaxed(&hitting, 1);
	}
	route_flowcache_destroy(c);
	return NULL;
}

Test(route_flowcache, stress_answers_never_go_back)
{
	const uint32_t n = (uint32_t)stress_n(5000);
	pthread_t thread[2];

	add(0, 0x0a000000, 24, 1);
	sync_point_yield(1, 8); /* in the midst of a commit, too */
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, worker, NULL), 0);
	/* relaxed: as above. */
	for (uint32_t i = 2; i < n || sync_load_relaxed(&hitting) < 2; i++) {
		add(0, 0x0a000000, 24, i);
		/* release: pairs with the acquire in worker. */
		sync_store_release(&committed, i);
		if (i % 16 == 0)
			sched_yield();
	}
	/* relaxed: joining orders the rest. */
	sync_store_relaxed(&stop, true);
	sync_point_yield(1, 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
}
