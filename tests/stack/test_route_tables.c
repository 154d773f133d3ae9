/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lookups of many addresses, each in a table of its own, beside the tree of
 * each: tables without routes, of few, which have the small form, and of many.
 */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"
#include "stack/route/table.h"

#define TABLES  5
#define POOL    64
#define LOOKUPS 4099 /* no multiple of what is looked up together */

static const unsigned int sizes[TABLES] = {0, 9, 300, 2000, 700};

static struct stack *st;
static struct route_table *t[TABLES];
static uint8_t pool[POOL][16];
static uint64_t seed;

static uint64_t
rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void
setup(void)
{
	static const struct proto *const none[] = {NULL};
	const struct stack_config cfg = {
	    .name = "tables", .protos = none, .stepped = true};

	seed = 88172645463325252;
	for (int i = 0; i < POOL * 16; i++)
		pool[i / 16][i % 16] = (uint8_t)rnd();
	cr_assert_eq(stack_create(&cfg, &st), 0);
	stack_control_enter(st);
}

static void
teardown(void)
{
	stack_control_exit(st);
	for (int i = 0; i < TABLES; i++)
		route_table_destroy(t[i]);
	stack_destroy(st);
}

TestSuite(route_tables, .init = setup, .fini = teardown);

/* One of a few, or near it: prefixes nest, and addresses hit them. */
static void
some_addr(uint8_t addr[16])
{
	const uint64_t x = rnd();

	memcpy(addr, pool[x % POOL], 16);
	if (x >> 32 & 1)
		addr[x >> 33 & 15] ^= (uint8_t)(1 << (x >> 37 & 7));
}

static void
fill(struct route_table *table, unsigned int n, unsigned int bits)
{
	struct route_txn *x;

	cr_assert_eq(route_txn_begin(table, &x), 0);
	for (unsigned int i = 0; i < n; i++) {
		struct route_config cfg = {
		    .plen = (uint8_t)(rnd() % (bits + 1)),
		    .type = ROUTE_BLACKHOLE,
		    .protocol = ROUTE_PROTO_STATIC,
		};

		some_addr(cfg.prefix);
		for (unsigned int b = cfg.plen; b < 128; b++)
			cfg.prefix[b / 8] &= (uint8_t) ~(0x80 >> b % 8);
		cr_assert_eq(route_txn_add(x, &cfg, ROUTE_REPLACE), 0);
	}
	cr_assert_eq(route_txn_commit(x), 0);
}

static void
check(uint8_t af, unsigned int bits)
{
	static uint8_t key[LOOKUPS][16];
	static const uint8_t *addr[LOOKUPS];
	static const struct route_table *in[LOOKUPS];
	static const struct route *got[LOOKUPS];
	unsigned int plen, hits = 0;
	uint64_t section;

	for (int i = 0; i < TABLES; i++) {
		cr_assert_eq(route_table_create(st, af, &t[i]), 0);
		fill(t[i], sizes[i], bits);
	}
	for (int i = 0; i < LOOKUPS; i++) {
		some_addr(key[i]);
		addr[i] = key[i];
		in[i] = t[rnd() % TABLES];
	}
	section = pserialize_read_enter();
	route_table_lookup_tables(in, addr, got, LOOKUPS);
	for (int i = 0; i < LOOKUPS; i++) {
		cr_assert(got[i] == route_table_match(in[i], addr[i], &plen),
		    "lookup %d", i);
		hits += got[i] != NULL;
	}
	pserialize_read_exit(section);
	cr_assert_gt(hits, LOOKUPS / 2);
}

Test(route_tables, each_ipv4_address_is_looked_up_in_its_table)
{
	check(NETIF_AF_INET, 32);
}

Test(route_tables, each_ipv6_address_is_looked_up_in_its_table)
{
	check(NETIF_AF_INET6, 128);
}
