/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Four readers of random addresses while routes come, change and go, the
 * default one and short ones too: each answer belongs to a state that there was
 * during the lookup, and a second look at an address never sees an older state
 * than the first.  Routes lead to a gateway that says which edit made them.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"
#include "stack/nexthop/nexthop.h"
#include "stack/nexthop/resolve.h"
#include "stack/route/rule.h"
#include "tests/stack/routelog.h"
#include "tests/stress.h"

#define READERS 4
#define BATCH   48
#define ROUNDS  50 /* of a batch, at most */

/* Sanitized programs are slow, those of threads very. */
#if defined(__SANITIZE_THREAD__)
#define SANITIZED 2
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZED 2
#elif __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define PREFIXES (SANITIZED == 2 ? 1500U : 12000U)
#define EDITS    (SANITIZED == 2 ? 3000UL : SANITIZED == 1 ? 6000UL : 20000UL)

/* Tables of the log, when there are rules. */
enum {
	MAIN,
	FIRST, /* the rule for MARK leads here */
	LEAK,  /* routes of the others lead here */
};
#define MARK         7U
#define FIRST_NUMBER 10U
#define LEAK_NUMBER  20U

/* What a lookup does, from step FROM_RULE or FROM_MAIN on. */
enum {
	FROM_RULE,
	FROM_RULE_LEAK,
	FROM_MAIN,
	FROM_MAIN_LEAK,
};
static const struct routelog_step steps[] = {
    [FROM_RULE] = {FIRST, FROM_MAIN, FROM_RULE_LEAK},
    [FROM_RULE_LEAK] = {LEAK, FROM_MAIN, FROM_MAIN},
    [FROM_MAIN] = {MAIN, ROUTELOG_NONE, FROM_MAIN_LEAK},
    [FROM_MAIN_LEAK] = {LEAK, ROUTELOG_NONE, ROUTELOG_NONE},
};

static struct stack *st;
static struct route_tables *ts; /* NULL: there is the one table only */
static struct route_table *table[ROUTELOG_TABLES];
static struct routelog routes;
static SYNC_ATOMIC(bool) over;
static SYNC_ATOMIC(unsigned long) lookups, waits, holds;
static pthread_barrier_t begun; /* all readers are there */

/* --- The prefixes ------------------------------------------------------- */

/*
 * Half of all is done at these two: where few prefixes are around each other,
 * so that the short ones decide, and where all there are.
 */
static const struct routelog_addr few[2] = {
    {UINT64_C(0x0a14820100000000), 0}, /* 10.20.130.1 */
    {UINT64_C(0x20010db800140082), 1}, /* 2001:db8:14:82::1 */
};
static const struct routelog_addr all[2] = {
    {UINT64_C(0xc633640100000000), 0}, /* 198.51.100.1 */
    {UINT64_C(0x3fff000000140000), 1}, /* 3fff:0:14::1 */
};
#define FEW_PLEN (six() ? 45U : 21U) /* the few and those beside them */
#define HOT      200U
static uint32_t hot[HOT], nhot, nfew; /* [c] prefixes, the few first */

static const uint8_t few_plens[2][8] = {
    {0, 1, 4, 8, 12, 24, 28, 32}, {0, 2, 4, 8, 12, 19, 48, 128}};

static bool
six(void)
{
	return routes.bits == 128;
}

static struct routelog_addr
any_addr(uint64_t *seed)
{
	struct routelog_addr a = {routelog_random(seed) << 8, 0};

	if (!six())
		return a;
	a.hi = UINT64_C(0x2) << 60 | a.hi >> 3; /* global unicast */
	a.lo = routelog_random(seed) << 40 | routelog_random(seed) % 4;
	return a;
}

/* An address that agrees with a in its first plen bits. */
static struct routelog_addr
near(struct routelog_addr a, unsigned int plen, uint64_t *seed)
{
	const struct routelog_addr m = routelog_mask(plen),
				   whole = routelog_mask(routes.bits);
	struct routelog_addr b = {routelog_random(seed) << 9,
	    routelog_random(seed) << 9 | routelog_random(seed) % 512};

	switch (routelog_random(seed) % 4) {
	case 0: /* the first of it */
		b.hi = b.lo = 0;
		break;
	case 1: /* the last */
		b.hi = b.lo = UINT64_MAX;
		break;
	default:
		break;
	}
	a.hi = ((a.hi & m.hi) | (b.hi & ~m.hi)) & whole.hi;
	a.lo = ((a.lo & m.lo) | (b.lo & ~m.lo)) & whole.lo;
	return a;
}

static unsigned int
any_plen(uint64_t *seed)
{
	static const uint8_t four[] = {8, 12, 13, 16, 18, 19, 20, 22, 23, 24,
	    24, 24, 24, 24, 24, 25, 28, 30, 32, 32};
	static const uint8_t both[] = {16, 20, 24, 28, 29, 32, 32, 36, 40, 44,
	    48, 48, 48, 48, 48, 56, 64, 64, 96, 128};
	const uint64_t r = routelog_random(seed);

	if (r % 16 == 0)
		return (unsigned int)(r / 16 % (routes.bits + 1));
	return six() ? both[r / 16 % 20] : four[r / 16 % 20];
}

static void
add_prefix(struct routelog_addr a, unsigned int plen)
{
	const struct routelog_addr m = routelog_mask(plen);

	routes.prefix[routes.n++] = (struct routelog_prefix){
	    .a = {a.hi & m.hi, a.lo & m.lo}, .plen = plen};
}

static bool
is_few(const struct routelog_prefix *p)
{
	const struct routelog_prefix around = {
	    .a = {few[six()].hi & routelog_mask(FEW_PLEN).hi, 0},
	    .plen = FEW_PLEN};

	return routelog_covers(p, few[six()]) || routelog_covers(&around, p->a);
}

static void
find_hot(void)
{
	nhot = 0;
	for (uint32_t i = 0; i < routes.n && nhot < HOT; i++)
		if (is_few(&routes.prefix[i]))
			hot[nhot++] = i;
	nfew = nhot;
	for (uint32_t i = 0; i < routes.n && nhot < HOT; i++)
		if (routelog_covers(&routes.prefix[i], all[six()]))
			hot[nhot++] = i;
}

static void
make_prefixes(unsigned int bits)
{
	uint64_t *seed = &routes.seed;

	routes = (struct routelog){.bits = bits, .seed = 88172645463325252};
	routes.prefix = calloc(PREFIXES, sizeof(*routes.prefix));
	cr_assert_not_null(routes.prefix);
	for (unsigned int i = 0; i < 8; i++)
		add_prefix(few[six()], few_plens[six()][i]);
	for (unsigned int i = 0; i < 8; i++)
		add_prefix(near(few[six()], FEW_PLEN, seed), six() ? 48 : 24);
	for (unsigned int plen = 0; plen <= bits; plen += six() ? 4 : 1)
		add_prefix(all[six()], plen);
	while (routes.n < PREFIXES) {
		const uint64_t r = routelog_random(seed);
		const struct routelog_prefix *p =
		    &routes.prefix[r / 2 % routes.n];

		add_prefix(
		    r % 2 == 0 ? near(p->a, p->plen, seed) : any_addr(seed),
		    any_plen(seed));
	}
	routelog_sort(&routes);
	find_hot();
}

/* --- The writer --------------------------------------------------------- */

static void
make_route(uint32_t stamp, const struct routelog_prefix *p,
    struct route_nexthop *nh, struct route_config *cfg)
{
	*nh = (struct route_nexthop){
	    .netif = 1, .has_gateway = true, .weight = 1};
	memcpy(nh->gateway, &stamp, sizeof(stamp));
	*cfg = (struct route_config){
	    .plen = (uint8_t)p->plen, .protocol = ROUTE_PROTO_STATIC};
	routelog_store(p->a, cfg->prefix);
	switch (ROUTELOG_KIND(stamp)) {
	case ROUTELOG_THROW:
		cfg->type = ROUTE_THROW;
		break;
	case ROUTELOG_LOOKUP:
		cfg->type = ROUTE_LOOKUP;
		cfg->table = LEAK_NUMBER;
		break;
	default:
		cfg->type = ROUTE_UNICAST;
		cfg->nexthops = nh;
		cfg->nnexthops = 1;
		break;
	}
}

/* The stamp of a route, whose packets go by what it says. */
static uint32_t
stamp_of(const struct route *r)
{
	const struct nexthop_slot *slot;
	uint32_t stamp = 0, via;

	if (r == NULL)
		return 0;
	memcpy(&stamp, r->nexthops[0].gateway, sizeof(stamp));
	slot = nexthop_resolve(
	    route_table_groups(table[MAIN]), NULL, r->hops, stamp);
	if (slot == NULL || slot->kind != NEXTHOP_VIA || slot->netif != 1)
		return ROUTELOG_NONE;
	memcpy(&via, slot->gateway, sizeof(via));
	return via == stamp ? stamp : ROUTELOG_NONE;
}

/* What a prefix of a table may get. */
static unsigned int
any_kind(uint32_t in)
{
	const uint64_t r = routelog_random(&routes.seed);

	if (ts == NULL || r % 4 != 0)
		return ROUTELOG_HOP;
	return in != LEAK && r / 4 % 2 == 0 ? ROUTELOG_LOOKUP : ROUTELOG_THROW;
}

static void
edit(struct route_txn *x, uint32_t in, uint32_t prefix)
{
	const uint32_t cell = in * routes.n + prefix;
	const struct routelog_prefix *p = &routes.prefix[prefix];
	const uint64_t r = routelog_random(&routes.seed);
	struct route_nexthop nh;
	struct route_config cfg;
	uint32_t stamp;

	if (routes.now[cell] != 0 && r % 2 == 0) {
		stamp = routelog_note(&routes, cell, 0, false);
		make_route(stamp, p, &nh, &cfg);
		cr_assert_eq(route_txn_remove(x, cfg.prefix, p->plen, NULL), 0);
		return;
	}
	stamp = routelog_note(&routes, cell, any_kind(in), r / 2 % 4 == 0);
	make_route(stamp, p, &nh, &cfg);
	routelog_must(route_txn_add(x, &cfg, ROUTE_REPLACE) == 0);
}

static void
commit(struct route_txn *x)
{
	routelog_must(route_txn_prepare(x) == 0);
	routelog_begin(&routes);
	routelog_must(route_txn_commit(x) == 0);
	routelog_end(&routes);
}

/*
 * Short ones are rare, as some of them cost a grace period; but not while a
 * reader is held.
 */
static uint32_t
any_prefix(bool held)
{
	uint64_t r;
	uint32_t i;

	do {
		r = routelog_random(&routes.seed);
		i = held         ? hot[r / 64 % nfew]
		    : r % 2 == 0 ? hot[r / 64 % nhot]
				 : (uint32_t)(r / 64 % routes.n);
	} while (!held && routes.prefix[i].plen < (six() ? 20 : 13) &&
		 r / 2 % 32 != 0);
	return i;
}

/* One commit. */
static void
step(bool held)
{
	const uint64_t r = routelog_random(&routes.seed);
	const uint32_t in = ts != NULL ? (uint32_t)(r % ROUTELOG_TABLES) : MAIN;
	unsigned int n = r / 4 % 8 != 0 ? 1 : 1 + (unsigned int)(r / 32 % 6);
	struct route_txn *x;

	routelog_must(route_txn_begin(table[in], &x) == 0);
	while (n-- > 0)
		edit(x, in, any_prefix(held));
	commit(x);
}

/*
 * A signal holds a reader wherever it is, for some commits, unless these wait
 * for the reader.
 */
#define HOLD_EVERY   400U /* commits */
#define HOLD_COMMITS 8U
#define HOLD_S       0.02 /* at most */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
hold(int signo)
{
	const uint32_t until = routelog_from(&routes) + HOLD_COMMITS;
	const double end = now() + HOLD_S;

	(void)signo;
	/* relaxed: a number. */
	sync_fetch_add_relaxed(&holds, 1);
	while (routelog_from(&routes) < until && now() < end)
		sched_yield();
}

/* --- Readers ------------------------------------------------------------ */

static struct routelog_addr
any_key(uint64_t *seed)
{
	const uint64_t r = routelog_random(seed);
	const struct routelog_prefix *p = &routes.prefix[r / 8 % routes.n];

	switch (r % 8) {
	case 0:
		return any_addr(seed);
	case 1:
	case 2:
	case 3:
		return near(few[six()], FEW_PLEN, seed);
	case 4:
		p = &routes.prefix[hot[r / 8 % nhot]];
		break;
	default:
		break;
	}
	return near(p->a, p->plen, seed);
}

static uint32_t
judge(struct routelog_reader *r, uint32_t first,
    const struct routelog_answer *a, uint32_t least)
{
	const uint32_t s = routelog_judge(r, steps, first, a, least);

	if (s == ROUTELOG_NONE) {
		snprintf(r->wrong, sizeof(r->wrong),
		    "%#llx:%#llx has %#x in none of the states %u to %u",
		    (unsigned long long)a->addr.hi,
		    (unsigned long long)a->addr.lo, a->stamp,
		    a->from > least ? a->from : least, a->to);
		/* relaxed: a flag. */
		sync_store_relaxed(&over, true);
		return least;
	}
	if (a->to > a->from)
		/* relaxed: a number. */
		sync_fetch_add_relaxed(&waits, 1);
	return s;
}

/* One lookup of an address, by one of the ways to do so. */
static uint32_t
look(const uint8_t *addr, uint32_t first, bool compiled)
{
	const struct route_flow flow = {
	    .dst = addr, .src = addr, .mark = first == FROM_RULE ? MARK : 0};
	struct route_found found;
	unsigned int plen;

	if (ts != NULL)
		return stamp_of(
		    route_rule_lookup(ts, &flow, compiled ? NULL : &found));
	return stamp_of(compiled ? route_table_lookup(table[MAIN], addr)
				 : route_table_match(table[MAIN], addr, &plen));
}

/* An address twice in a row. */
static void
look_twice(struct routelog_reader *r)
{
	const uint64_t rnd = routelog_random(&r->seed);
	const uint32_t first =
	    ts != NULL && rnd % 4 != 0 ? FROM_RULE : FROM_MAIN;
	struct routelog_answer a[2] = {{.addr = any_key(&r->seed)}};
	uint8_t addr[16];
	uint64_t cookie;

	routelog_store(a[0].addr, addr);
	a[1].addr = a[0].addr;
	cookie = pserialize_read_enter();
	for (unsigned int i = 0; i < 2; i++) {
		a[i].from = routelog_from(&routes);
		a[i].stamp = look(addr, first, rnd / 4 % 4 != 0);
		a[i].to = routelog_to(&routes);
	}
	pserialize_read_exit(cookie);
	(void)judge(r, first, &a[1], judge(r, first, &a[0], 0));
}

/* What a batch finds; by rules it looks for the source, too: dst, then src. */
struct batch {
	uint8_t addr[BATCH][16];
	uint32_t first[2 * BATCH];
	struct routelog_addr key[2 * BATCH];
	uint32_t least[2 * BATCH]; /* state that the last round saw */
	struct round {
		uint32_t from, to, stamp[2 * BATCH];
	} round[2];
};

static void
look_round(const struct batch *b, struct round *out)
{
	const struct route *to[BATCH], *back[BATCH] = {NULL};
	const uint8_t *at[BATCH];
	struct route_flow flow[BATCH];

	for (unsigned int i = 0; i < BATCH; i++) {
		at[i] = b->addr[i];
		flow[i] = (struct route_flow){.dst = b->addr[i],
		    .src = b->addr[BATCH - 1 - i],
		    .mark = b->first[i] == FROM_RULE ? MARK : 0};
	}
	out->from = routelog_from(&routes);
	if (ts != NULL)
		route_rule_lookup_batch(ts, flow, to, back, BATCH);
	else
		route_table_lookup_batch(table[MAIN], at, to, BATCH);
	for (unsigned int i = 0; i < BATCH; i++) {
		out->stamp[i] = stamp_of(to[i]);
		out->stamp[BATCH + i] = stamp_of(back[i]);
	}
	out->to = routelog_to(&routes);
}

static void
choose_batch(struct routelog_reader *r, struct batch *b)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		b->key[i] = any_key(&r->seed);
		routelog_store(b->key[i], b->addr[i]);
		b->first[i] = ts != NULL && routelog_random(&r->seed) % 4 != 0
				  ? FROM_RULE
				  : FROM_MAIN;
		b->key[2 * BATCH - 1 - i] = b->key[i];
		b->first[2 * BATCH - 1 - i] = FROM_MAIN;
	}
}

/* The same in the same state says nothing new. */
static bool
same_round(const struct round *a, const struct round *b)
{
	return a->from == a->to && a->to == b->from && b->from == b->to &&
	       memcmp(a->stamp, b->stamp, sizeof(a->stamp)) == 0;
}

/*
 * A batch again and again, until something changes: most of a reader's time is
 * to be spent between two loads of a lookup.
 */
static void
look_batch(struct routelog_reader *r)
{
	const unsigned int n = ts != NULL ? 2 * BATCH : BATCH;
	unsigned int rounds = 0;
	struct batch b;
	uint64_t cookie;

	choose_batch(r, &b);
	cookie = pserialize_read_enter();
	look_round(&b, &b.round[0]);
	do
		look_round(&b, &b.round[1]);
	while (same_round(&b.round[0], &b.round[1]) && ++rounds < ROUNDS);
	pserialize_read_exit(cookie);
	memset(b.least, 0, sizeof(b.least));
	/* All of the first round before the second, as they happened. */
	for (unsigned int i = 0; i < 2; i++) {
		const struct round *at = &b.round[i];

		for (unsigned int k = 0; k < n; k++) {
			const struct routelog_answer a = {.addr = b.key[k],
			    .from = at->from,
			    .to = at->to,
			    .stamp = at->stamp[k]};

			b.least[k] = judge(r, b.first[k], &a, b.least[k]);
		}
	}
}

static void *
reader(void *arg)
{
	struct routelog_reader *r = arg;
	unsigned long n = 0;

	pthread_barrier_wait(&begun);
	do {
		look_batch(r);
		for (unsigned int k = 0; k < 8; k++)
			look_twice(r);
		n += 2 * (BATCH + 8);
		/* relaxed: a flag. */
	} while (!sync_load_relaxed(&over));
	/* relaxed: a number. */
	sync_fetch_add_relaxed(&lookups, n);
	return NULL;
}

/* --- Together ----------------------------------------------------------- */

/* Most prefixes get a route, in one commit; the table LEAK stays empty. */
static void
load(uint32_t in)
{
	struct route_txn *x;

	cr_assert_eq(route_txn_begin(table[in], &x), 0);
	for (uint32_t i = 0; i < routes.n; i++)
		if (routelog_random(&routes.seed) % 3 != 0)
			edit(x, in, i);
	commit(x);
}

static void
begin(unsigned int bits, bool rules, uint32_t states)
{
	static const struct proto *const protos[] = {&proto_nexthop, NULL};
	const struct stack_config cfg = {
	    .name = "live", .protos = protos, .stepped = true};
	const struct route_rule rule = {
	    .pref = 5, .table = FIRST_NUMBER, .mark = MARK, .mask = MARK};
	const enum netif_af af = bits == 32 ? NETIF_AF_INET : NETIF_AF_INET6;

	if (SANITIZED == 2) /* it does not see what vectors load */
		cr_assert_eq(setenv("PSNET_FIB", "portable", 1), 0);
	cr_assert_eq(stack_create(&cfg, &st), 0);
	make_prefixes(bits);
	routelog_init(&routes, states + 2, 2 * states + 2 * routes.n);
	stack_control_enter(st);
	if (rules) {
		cr_assert_eq(route_tables_create(st, af, &ts), 0);
		table[MAIN] = route_tables_main(ts);
		cr_assert_eq(route_rule_add(ts, &rule), 0);
		table[FIRST] = route_tables_find(ts, FIRST_NUMBER);
		cr_assert_eq(
		    route_tables_get(ts, LEAK_NUMBER, &table[LEAK]), 0);
		load(FIRST);
	} else {
		cr_assert_eq(route_table_create(st, af, &table[MAIN]), 0);
	}
	load(MAIN);
}

static void
end(void)
{
	stack_control_exit(st);
	if (ts != NULL)
		route_tables_destroy(ts);
	else
		route_table_destroy(table[MAIN]);
	stack_destroy(st);
	routelog_fini(&routes);
}

/* Until a reader is held after n were, or an answer was wrong. */
static void
await_hold(unsigned long n)
{
	/* relaxed: a number, and a flag. */
	while (sync_load_relaxed(&holds) <= n && !sync_load_relaxed(&over))
		sched_yield();
}

/* Change routes until all is done, or an answer was wrong.  Returns: commits. */
static uint32_t
write_routes(const pthread_t *thread, uint32_t states)
{
	uint32_t i;

	/* relaxed: a flag. */
	for (i = 0; i < states && !sync_load_relaxed(&over); i++) {
		if (i % HOLD_EVERY == 0) {
			pthread_kill(thread[i / HOLD_EVERY % READERS], SIGUSR1);
			await_hold(i / HOLD_EVERY);
		}
		step(i % HOLD_EVERY < HOLD_COMMITS);
	}
	/* relaxed: as above. */
	sync_store_relaxed(&over, true);
	return i;
}

static void
run(unsigned int bits, bool rules)
{
	const uint32_t states = (uint32_t)stress_n(EDITS);
	struct routelog_reader r[READERS];
	pthread_t thread[READERS];
	uint32_t done;
	double start;

	begin(bits, rules, states);
	cr_assert_neq(signal(SIGUSR1, hold), SIG_ERR);
	cr_assert_eq(pthread_barrier_init(&begun, NULL, READERS + 1), 0);
	for (unsigned int i = 0; i < READERS; i++) {
		routelog_reader_init(&r[i], &routes, 77 + i);
		cr_assert_eq(
		    pthread_create(&thread[i], NULL, reader, &r[i]), 0);
	}
	pthread_barrier_wait(&begun);
	start = now();
	done = write_routes(thread, states);
	start = now() - start;
	for (unsigned int i = 0; i < READERS; i++) {
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
		cr_assert_str_eq(r[i].wrong, "", "%s", r[i].wrong);
		free(r[i].now);
	}
	cr_assert_eq(done, states);
	/* relaxed: here and below, the readers have ended. */
	cr_assert_gt(sync_load_relaxed(&waits), 0, "none met a commit");
	cr_log_info("%.0f updates/s, %lu lookups, %lu beside commits",
	    /* relaxed: as above. */
	    (double)done / start, sync_load_relaxed(&lookups),
	    /* relaxed: as above. */
	    sync_load_relaxed(&waits));
	end();
}

Test(route_live, stress_ipv4_answers_are_of_states_that_were)
{
	run(32, false);
}

Test(route_live, stress_ipv6_answers_are_of_states_that_were)
{
	run(128, false);
}

Test(route_live, stress_ipv4_answers_by_rules_are_of_states_that_were)
{
	run(32, true);
}

Test(route_live, stress_ipv6_answers_by_rules_are_of_states_that_were)
{
	run(128, true);
}

/* The one who judges is judged: without a table, by states made up. */
struct verdict {
	uint32_t from, to, least, stamp, state;
};

Test(route_live, an_answer_of_no_state_is_told)
{
	uint32_t leaf, cover, a, b, c;
	struct routelog_reader r;

	make_prefixes(32);
	routelog_init(&routes, 4, 4);
	routelog_reader_init(&r, &routes, 1);
	leaf = routelog_leaf(&routes, few[0]);
	cover = routes.prefix[leaf].up;
	a = routelog_note(&routes, MAIN * routes.n + cover, ROUTELOG_HOP, 0);
	routelog_begin(&routes);
	b = routelog_note(&routes, MAIN * routes.n + leaf, ROUTELOG_HOP, 0);
	routelog_begin(&routes);
	c = routelog_note(&routes, MAIN * routes.n + cover, ROUTELOG_HOP, 0);
	routelog_begin(&routes);
	(void)routelog_note(&routes, MAIN * routes.n + leaf, 0, 0);
	routelog_begin(&routes);

	const struct verdict right[] = {{0, 0, 0, 0, 0}, {1, 1, 0, a, 1},
	    {1, 2, 0, b, 2}, {1, 4, 0, c, 4}, {1, 4, 0, b, 2}, {1, 4, 3, b, 3},
	    {1, 4, 4, b, ROUTELOG_NONE}, {1, 4, 0, 0, ROUTELOG_NONE},
	    {1, 3, 0, c, ROUTELOG_NONE}, {2, 3, 0, a, ROUTELOG_NONE},
	    {4, 4, 0, b, ROUTELOG_NONE}, {4, 4, 0, c, 4}};

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		const struct routelog_answer answer = {.addr = few[0],
		    .from = right[i].from,
		    .to = right[i].to,
		    .stamp = right[i].stamp};

		cr_assert_eq(routelog_judge(
				 &r, steps, FROM_MAIN, &answer, right[i].least),
		    right[i].state, "verdict %zu", i);
	}
	free(r.now);
	routelog_fini(&routes);
}
