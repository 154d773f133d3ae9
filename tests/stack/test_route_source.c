/* SPDX-License-Identifier: BSD-2-Clause */

/* What a FIB's compiler is told of an open transaction, against an array. */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"
#include "stack/route/source.h"
#include "stack/route/table.h"

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

TestSuite(route_source, .init = setup, .fini = teardown);

/* Prefixes inside 10.0.0.0/24, with the metric of their best route; 0: none. */
static uint32_t best[33][256];

static uint32_t
mask(unsigned int plen)
{
	return plen == 0 ? 0 : UINT32_MAX << (32 - plen);
}

static struct route_config
hole(uint32_t prefix, unsigned int plen, uint32_t metric)
{
	struct route_config cfg = {.plen = (uint8_t)plen,
	    .type = ROUTE_BLACKHOLE,
	    .protocol = ROUTE_PROTO_STATIC,
	    .metric = metric};
	const uint32_t key = htonl(prefix);

	memcpy(cfg.prefix, &key, sizeof(key));
	return cfg;
}

static uint32_t
group_at(struct route_txn *x, uint32_t prefix, unsigned int plen)
{
	const uint32_t key = htonl(prefix);
	const struct route *r = route_txn_exact(x, (const uint8_t *)&key, plen);

	return r != NULL ? r->group : FIB_NONE;
}

struct seen {
	struct route_txn *txn;
	uint32_t prefix; /* of the last one */
	unsigned int plen, n;
};

static int
see(void *ctx, const uint8_t *key, unsigned int plen, uint32_t group)
{
	struct seen *s = ctx;
	uint32_t prefix;

	memcpy(&prefix, key, sizeof(prefix));
	prefix = ntohl(prefix);
	if (s->n++ > 0)
		cr_assert(prefix > s->prefix ||
			  (prefix == s->prefix && plen > s->plen));
	cr_assert_neq(group, FIB_NONE);
	cr_assert_eq(group, group_at(s->txn, prefix, plen));
	cr_assert_neq(best[plen][prefix & 255], 0);
	s->prefix = prefix;
	s->plen = plen;
	return 0;
}

/* Every question about a prefix inside 10.0.0.0/24. */
static void
equals(struct route_txn *x, uint32_t prefix, unsigned int plen)
{
	const struct fib_source src = route_source(x);
	const uint32_t key = htonl(prefix);
	struct seen s = {.txn = x};
	unsigned int inside = 0, cover = 77, want = 0;
	uint32_t group;

	for (unsigned int l = plen; l <= 32; l++)
		for (uint32_t i = prefix & 255;
		     i <= ((prefix | ~mask(plen)) & 255); i++)
			inside += best[l][i] != 0;
	cr_assert_eq(
	    src.walk(src.arg, (const uint8_t *)&key, plen, see, &s), 0);
	cr_assert_eq(s.n, inside);
	group = src.cover(src.arg, (const uint8_t *)&key, plen, &cover);
	for (unsigned int l = 24; l < plen; l++)
		if (best[l][prefix & mask(l) & 255] != 0)
			want = l;
	cr_assert_eq(cover, want);
	cr_assert_eq(group,
	    want != 0 ? group_at(x, prefix & mask(want), want) : FIB_NONE);
}

Test(route_source, answers_as_after_the_commit)
{
	uint32_t rnd = 1;

	for (int round = 0; round < 60; round++) {
		struct route_txn *x;

		cr_assert_eq(route_txn_begin(t, &x), 0);
		for (int i = 0; i < 8; i++) {
			struct route_config cfg;
			unsigned int plen;
			uint32_t prefix, *at;

			rnd = rnd * 1664525 + 1013904223;
			plen = 24 + (rnd >> 8) % 9;
			prefix = (0x0a000000 | (rnd >> 16 & 255)) & mask(plen);
			at = &best[plen][prefix & 255];
			cfg = hole(prefix, plen, 1 + (rnd >> 24 & 7));
			if (*at != 0 && (rnd >> 29) < 4) {
				cr_assert_eq(
				    route_txn_remove(x, cfg.prefix, plen, NULL),
				    0);
				*at = 0;
			} else {
				cr_assert_eq(
				    route_txn_add(x, &cfg, ROUTE_REPLACE), 0);
				if (*at == 0 || cfg.metric < *at)
					*at = cfg.metric;
			}
		}
		for (unsigned int plen = 24; plen <= 32; plen++)
			for (uint32_t i = 0; i < 256; i += 1U << (32 - plen))
				equals(x, 0x0a000000 | i, plen);
		cr_assert_eq(route_txn_commit(x), 0);
	}
}

static int
stop(void *ctx, const uint8_t *key, unsigned int plen, uint32_t group)
{
	(void)key;
	(void)plen;
	(void)group;
	return ++*(int *)ctx == 2 ? -7 : 0;
}

Test(route_source, a_walk_ends_when_told)
{
	struct fib_source src;
	struct route_txn *x;
	int calls = 0;

	cr_assert_eq(route_txn_begin(t, &x), 0);
	for (uint32_t i = 0; i < 5; i++) {
		const struct route_config cfg = hole(i << 24, 8, 0);

		cr_assert_eq(route_txn_add(x, &cfg, ROUTE_ADD), 0);
	}
	src = route_source(x);
	cr_assert_eq(
	    src.walk(src.arg, (const uint8_t *)"\0\0\0", 0, stop, &calls), -7);
	cr_assert_eq(calls, 2);
	route_txn_abort(x);
}
