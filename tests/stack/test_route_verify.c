/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Verification of tables in use, and that it finds what is wrong.  The compiler
 * of IPv4 tables is called through this file, so that it can be made to forget
 * a prefix, and its batch lookup to err.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "stack/core/stack.h"
#include "stack/nexthop/group.h"
#include "stack/nexthop/nexthop.h"
#include "stack/route/fib4.h"
#include "stack/route/tables.h"
#include "stack/route/verify.h"
#include "tests/stress.h"

static struct stack *st;
static struct route_tables *ts;
static bool forgetful, err; /* the compiler; its batch lookup */

int __real_fib4_stage(struct fib4 *f, const uint8_t *key, unsigned int plen);
int __wrap_fib4_stage(struct fib4 *f, const uint8_t *key, unsigned int plen);
void __real_fib4_lookup_batch(
    const struct fib4 *f, const uint32_t *dst, uint32_t *group, unsigned int n);
void __wrap_fib4_lookup_batch(
    const struct fib4 *f, const uint32_t *dst, uint32_t *group, unsigned int n);

int
__wrap_fib4_stage(struct fib4 *f, const uint8_t *key, unsigned int plen)
{
	return forgetful ? 0 : __real_fib4_stage(f, key, plen);
}

void
__wrap_fib4_lookup_batch(
    const struct fib4 *f, const uint32_t *dst, uint32_t *group, unsigned int n)
{
	__real_fib4_lookup_batch(f, dst, group, n);
	if (err)
		group[n - 1] = FIB_NONE;
}

static void
setup_family(enum netif_af af)
{
	static const struct proto *const protos[] = {&proto_nexthop, NULL};
	const struct stack_config cfg = {
	    .name = "verify", .protos = protos, .stepped = true};

	forgetful = err = false;
	cr_assert_eq(stack_create(&cfg, &st), 0);
	cr_assert_eq(route_tables_create(st, af, &ts), 0);
}

static void
setup(void)
{
	setup_family(NETIF_AF_INET);
}

static void
teardown(void)
{
	route_tables_destroy(ts);
	stack_destroy(st);
}

TestSuite(route_verify, .init = setup, .fini = teardown);

static struct route_table *
table(uint32_t number)
{
	struct route_table *t;

	stack_control_enter(st);
	cr_assert_eq(route_tables_get(ts, number, &t), 0);
	stack_control_exit(st);
	return t;
}

/* A route to the first plen bits of net; the metric tells it from others. */
static struct route_config
route_to(const uint8_t *net, size_t len, unsigned int plen, uint32_t metric)
{
	struct route_config cfg = {.plen = (uint8_t)plen,
	    .type = ROUTE_BLACKHOLE,
	    .protocol = ROUTE_PROTO_STATIC,
	    .metric = metric};
	unsigned int i;

	memcpy(cfg.prefix, net, len);
	for (i = plen; i < 128; i++)
		cfg.prefix[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return cfg;
}

static void
put(struct route_table *t, const uint8_t *net, size_t len, unsigned int plen,
    uint32_t metric)
{
	const struct route_config cfg = route_to(net, len, plen, metric);

	stack_control_enter(st);
	(void)route_table_remove(t, cfg.prefix, plen, NULL);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	stack_control_exit(st);
}

static void
put4(struct route_table *t, uint8_t a, uint8_t b, unsigned int plen,
    uint32_t metric)
{
	const uint8_t net[4] = {a, b};

	put(t, net, sizeof(net), plen, metric);
}

static struct route_verify_result
verify(const struct route_verify_config *cfg)
{
	struct route_verify_result r;

	cr_assert_eq(route_verify_table(cfg, &r), 0);
	return r;
}

static uint32_t
below(uint64_t *state, uint32_t n)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33) % n;
}

/* n prefixes of all lengths, half of them inside another one. */
static void
fill(struct route_table *t, size_t len, unsigned int n)
{
	uint8_t net[16] = {0};
	uint64_t s = 1;

	while (n-- > 0) {
		unsigned int i = below(&s, 2) ? 0 : (unsigned int)len / 2;

		for (; i < len; i++)
			net[i] = (uint8_t)below(&s, 256);
		put(t, net, len, below(&s, 8 * (uint32_t)len + 1),
		    1 + below(&s, 50));
	}
}

Test(route_verify, every_edge_and_the_random_addresses_are_asked_for)
{
	struct route_table *t = table(ROUTE_TABLES_MAIN);
	const struct route_verify_config cfg = {.table = t, .random = 100};
	struct route_verify_result r = verify(&cfg);

	/* No prefix: first, last, between. */
	cr_assert_eq(r.addresses, 3 + 100);
	cr_assert_eq(r.prefixes, 0);
	put4(t, 10, 0, 8, 1);
	put4(t, 10, 0, 9, 2);
	put4(t, 0, 0, 0, 3);
	put4(t, 0, 0, 32, 4);
	r = verify(&cfg);
	/* 0, -9, 10/9, 10.128/9, 11-: a single address is asked for once. */
	cr_assert_eq(r.addresses, 1 + 4 * 3 + 100);
	cr_assert_eq(r.prefixes, 4);
	cr_assert_eq(r.compiled, r.addresses);
	cr_assert_eq(r.differences, 0);
}

static void
a_right_table(size_t len)
{
	struct route_table *t = table(ROUTE_TABLES_MAIN);
	const struct route_verify_config cfg = {
	    .table = t, .random = 20000, .seed = 7};
	const uint8_t none[16] = {0},
		      all[16] = {255, 255, 255, 255, 255, 255, 255, 255, 255,
			  255, 255, 255, 255, 255, 255, 255};
	struct route_verify_result r;

	fill(t, len, (unsigned int)stress_alone_n(3000));
	put(t, none, len, 8 * (unsigned int)len, 90);
	put(t, all, len, 8 * (unsigned int)len, 91);
	r = verify(&cfg);
	cr_assert_eq(r.differences, 0);
	cr_assert_eq(r.prefixes, route_table_count(t));
	cr_assert_gt(r.addresses, 2 * r.prefixes + 20000);
	cr_assert_eq(r.compiled, r.addresses);
}

Test(route_verify, a_right_table_has_no_differences)
{
	a_right_table(4);
}

Test(route_verify, an_ipv6_table_has_none_either)
{
	teardown();
	setup_family(NETIF_AF_INET6);
	a_right_table(16);
}

Test(route_verify, a_table_without_a_compiled_form_is_verified_too)
{
	struct route_table *t = table(100);
	const struct route_verify_config cfg = {.table = t};
	struct route_verify_result r;

	fill(t, 4, 100);
	r = verify(&cfg);
	cr_assert_eq(r.differences, 0);
	cr_assert_eq(r.compiled, 0);
	cr_assert_gt(r.addresses, 100);
}

/* What was reported. */
struct seen {
	unsigned int n;
	struct route_verify_diff last;
};

static void
remember(void *arg, const struct route_verify_diff *d)
{
	struct seen *s = arg;

	s->n++;
	s->last = *d;
}

Test(route_verify, what_the_compiler_forgot_is_found)
{
	struct route_table *t = table(ROUTE_TABLES_MAIN);
	struct seen seen = {.n = 0};
	const struct route_verify_config cfg = {
	    .table = t, .random = 50, .differs = remember, .arg = &seen};
	struct route_verify_result r;

	put4(t, 10, 0, 8, 1);
	put4(t, 10, 1, 16, 1);
	put4(t, 11, 0, 8, 2);
	forgetful = true;
	put4(t, 10, 1, 16, 2);
	r = verify(&cfg);
	cr_assert_eq(r.rib, 0);
	cr_assert_eq(r.fib, 3);
	cr_assert_eq(r.batch, 3);
	cr_assert_eq(r.differences, 3);
	cr_assert_eq(seen.n, 3);
	cr_assert_eq(seen.last.addr[1], 1);
	cr_assert_eq(seen.last.plen, 16);
	cr_assert_eq(seen.last.rib_plen, 16);
	cr_assert_eq(seen.last.sweep->metric, 2);
	cr_assert_eq(seen.last.fib->metric, 1);
	/* A change that is not forgotten repairs it. */
	forgetful = false;
	put4(t, 10, 1, 16, 1);
	cr_assert_eq(verify(&cfg).differences, 0);
}

Test(route_verify, a_batch_that_errs_is_found)
{
	struct route_table *t = table(ROUTE_TABLES_MAIN);
	const struct route_verify_config cfg = {.table = t};
	struct route_verify_result r;

	put4(t, 0, 0, 0, 1);
	put4(t, 10, 0, 8, 2);
	err = true;
	r = verify(&cfg);
	cr_assert_eq(r.rib, 0);
	cr_assert_eq(r.fib, 0);
	cr_assert_eq(r.batch, 1);
}

static void
put_type(struct route_table *t, uint8_t a, enum route_type type,
    const struct route_nexthop *nh, unsigned int n)
{
	const uint8_t net[4] = {a};
	struct route_config cfg = route_to(net, sizeof(net), 8, 0);

	cfg.type = (uint8_t)type;
	cfg.nexthops = nh;
	cfg.nnexthops = n;
	stack_control_enter(st);
	cr_assert_eq(route_table_add(t, &cfg, ROUTE_ADD), 0);
	stack_control_exit(st);
}

/* The word of the group of the route to a.0.0.0/8, which becomes another. */
static uint64_t
word_swap(const struct route_table *t, uint8_t a, const uint64_t *fresh)
{
	const struct nexthop_groups *g = route_table_groups(t);
	const uint8_t net[4] = {a};
	const uint64_t s = pserialize_read_enter();
	const uint32_t id = route_table_exact(t, net, 8)->hops;
	/* relaxed: nobody else is there. */
	const uint64_t was = sync_load_relaxed(&g->word[id]);

	if (fresh != NULL)
		/* relaxed: as above. */
		sync_store_relaxed(&g->word[id], *fresh);
	pserialize_read_exit(s);
	return was;
}

/* Three addresses of a.0.0.0/8 and one on each side are asked for. */
static void
found_if_it_is(
    const struct route_table *t, uint8_t a, uint64_t word, uint64_t wrong)
{
	struct seen seen = {.n = 0};
	const struct route_verify_config cfg = {
	    .table = table(ROUTE_TABLES_MAIN),
	    .differs = remember,
	    .arg = &seen};
	struct route_verify_result r;
	const uint64_t was = word_swap(t, a, &word);

	r = verify(&cfg);
	cr_assert_eq(r.hops, wrong);
	cr_assert_eq(r.differences, wrong);
	cr_assert_eq(r.rib + r.fib + r.batch, 0);
	cr_assert(wrong == 0 || !seen.last.hops);
	(void)word_swap(t, a, &was);
}

Test(route_verify, a_group_that_leads_elsewhere_is_found)
{
	const struct route_nexthop nh[] = {{.netif = 3,
					       .gateway = {10, 0, 0, 1},
					       .has_gateway = true,
					       .weight = 1},
	    {.netif = 4,
		.gateway = {10, 0, 0, 2},
		.has_gateway = true,
		.weight = 1},
	    {.netif = 4,
		.gateway = {10, 0, 0, 3},
		.has_gateway = true,
		.weight = 1}};
	struct route_table *t = table(ROUTE_TABLES_MAIN);
	uint64_t word[4];

	put_type(t, 50, ROUTE_BLACKHOLE, NULL, 0);
	put_type(t, 51, ROUTE_PROHIBIT, NULL, 0);
	put_type(t, 52, ROUTE_UNICAST, nh, 2);
	put_type(t, 53, ROUTE_UNICAST, nh + 2, 1);
	for (uint8_t i = 0; i < 4; i++)
		word[i] = word_swap(t, 50 + i, NULL);
	found_if_it_is(t, 50, word[0], 0);
	found_if_it_is(t, 50, word[1], 3);
	found_if_it_is(t, 51, word[3], 3);
	found_if_it_is(t, 52, word[3], 3);
	found_if_it_is(t, 53, word[1], 3);
	/* Nothing is usable, and no port is down. */
	found_if_it_is(t, 53, 0, 3);
	nexthop_group_port(route_table_groups(t), 4, false);
	found_if_it_is(t, 52, word[2], 0);
	found_if_it_is(t, 53, word[3], 0);
	nexthop_group_port(route_table_groups(t), 4, true);
}

Test(route_verify, a_table_that_shall_be_like_another_is_compared)
{
	struct route_table *t = table(ROUTE_TABLES_MAIN), *other = table(7);
	struct seen seen = {.n = 0};
	const struct route_verify_config cfg = {
	    .table = t, .like = other, .differs = remember, .arg = &seen};
	struct route_verify_result r;

	cr_assert_eq(verify(&cfg).differences, 0);
	/* Same route, other prefix: only the tree says the prefix. */
	put4(t, 10, 0, 8, 60);
	put4(other, 10, 0, 8, 60);
	put4(t, 10, 255, 32, 60);
	r = verify(&cfg);
	cr_assert_eq(r.rib, 0); /* the other one has no edge there */
	put4(other, 10, 255, 31, 60);
	r = verify(&cfg);
	cr_assert_eq(r.rib, 2);
	cr_assert_eq(r.fib, 0);
	cr_assert_eq(seen.last.plen, 31);
	cr_assert_eq(seen.last.rib_plen, 8);
	put4(other, 10, 254, 32, 61);
	r = verify(&cfg);
	cr_assert_eq(r.fib, 1);
	cr_assert_eq(r.batch, 1);
	cr_assert_eq(r.rib, 3);
}

/* --- While routes change -------------------------------------------------- */

static struct route_table *busy;
static SYNC_ATOMIC(bool) stop;

static void *
change(void *arg)
{
	uint64_t s = 5;

	(void)arg;
	/* relaxed: some change later is soon enough. */
	while (!sync_load_relaxed(&stop)) {
		const uint8_t net[4] = {
		    (uint8_t)below(&s, 4), (uint8_t)below(&s, 256)};

		put(busy, net, sizeof(net), 8 + below(&s, 24),
		    1 + below(&s, 3));
		sched_yield();
	}
	return NULL;
}

Test(route_verify, stress_changes_go_on_and_are_no_differences)
{
	struct route_verify_config cfg = {.random = 1000};
	pthread_t thread;
	unsigned long n;

	cfg.table = busy = table(ROUTE_TABLES_MAIN);
	fill(busy, 4, 2000);
	sync_init(&stop, false);
	cr_assert_eq(pthread_create(&thread, NULL, change, NULL), 0);
	for (n = stress_n(5); n > 0; n--) {
		cfg.seed = n;
		cr_assert_eq(verify(&cfg).differences, 0);
		sched_yield();
	}
	/* relaxed: as above. */
	sync_store_relaxed(&stop, true);
	pthread_join(thread, NULL);
}
