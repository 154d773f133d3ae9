/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A table when memory runs out at any point of a change: the change is made, or
 * it says -ENOMEM and nothing has changed, compiled or not.
 */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/core/stack.h"
#include "stack/route/table.h"
#include "tests/nomem.h"

static struct stack *st;
static struct route_table *t;

static struct route_config
hole(uint32_t prefix, unsigned int plen, uint32_t metric)
{
	struct route_config cfg = {.plen = (uint8_t)plen,
	    .type = ROUTE_BLACKHOLE,
	    .protocol = ROUTE_PROTO_STATIC,
	    .metric = metric};

	prefix = htonl(prefix);
	memcpy(cfg.prefix, &prefix, sizeof(prefix));
	return cfg;
}

/* The metric of the route that addr finds, which both forms agree on. */
static uint32_t
look(uint32_t addr)
{
	const uint32_t first = htonl(addr);
	uint8_t key[16] = {0};
	const uint8_t *const keys[] = {key};
	const uint64_t s = pserialize_read_enter();
	const struct route *r, *batched;
	unsigned int plen;
	uint32_t metric;

	memcpy(key, &first, sizeof(first));
	r = route_table_lookup(t, key);
	cr_assert_eq(r, route_table_match(t, key, &plen));
	route_table_lookup_batch(t, keys, &batched, 1);
	cr_assert_eq(r, batched);
	metric = r != NULL ? r->metric : 0;
	pserialize_read_exit(s);
	return metric;
}

/* One commit: three prefixes of different lengths get other routes. */
static int
change(uint32_t round)
{
	const struct route_config cfg[] = {
	    hole(0x0a000000 + (round << 8), 24, round),
	    hole(0x0a000000 + (round << 8) + 77, 32, round + 1000),
	    hole(0x0a000000, 8, round + 2000),
	};
	struct route_key key = route_config_key(&cfg[2]);
	struct route_txn *x;
	int error;

	error = route_txn_begin(t, &x);
	if (error != 0)
		return error;
	for (size_t i = 0; i < 3 && error == 0; i++)
		error = route_txn_add(x, &cfg[i], ROUTE_ADD);
	if (error == 0 && round > 1) {
		key.metric = round - 1 + 2000;
		error = route_txn_remove(x, cfg[2].prefix, 8, &key);
	}
	if (error == 0)
		return route_txn_commit(x);
	route_txn_abort(x);
	return error;
}

static void
expect(uint32_t round, bool made)
{
	const uint32_t at = 0x0a000000 + (round << 8);
	const uint32_t now = round - !made;

	cr_assert_eq(look(at + 1), made ? round : now == 0 ? 0 : now + 2000);
	cr_assert_eq(look(at + 77), made       ? round + 1000
				    : now == 0 ? 0
					       : now + 2000);
	cr_assert_eq(look(0x0aff0000), now == 0 ? 0 : now + 2000);
}

static void
begin(enum netif_af af)
{
	static const struct proto *const none[] = {NULL};
	const struct stack_config cfg = {
	    .name = "nomem", .protos = none, .stepped = true};

	cr_assert_eq(stack_create(&cfg, &st), 0);
	cr_assert_eq(route_table_create(st, af, &t), 0);
	stack_control_enter(st);
}

static void
end(void)
{
	stack_control_exit(st);
	route_table_destroy(t);
	stack_destroy(st);
}

/* Fail the changes from round on, each once at each of its allocations. */
static void
fail_from(uint32_t round)
{
	unsigned int failed = 0;
	unsigned long room;

	for (; round <= 40; round++) {
		for (room = 0;; room++) {
			int error;

			nomem_arm(room + 1, NOMEM_REST);
			error = change(round);
			(void)nomem_disarm();
			expect(round, error == 0);
			if (error == 0)
				break;
			cr_assert_eq(error, -ENOMEM);
			failed++;
		}
	}
	cr_assert_gt(failed, 40);
}

static const enum netif_af families[] = {NETIF_AF_INET, NETIF_AF_INET6};

Test(route_nomem, first_change_is_made_or_has_left_no_trace)
{
	for (size_t i = 0; i < 2; i++) {
		begin(families[i]);
		fail_from(1);
		end();
	}
}

Test(route_nomem, change_of_a_compiled_table_is_made_or_has_left_no_trace)
{
	for (size_t i = 0; i < 2; i++) {
		begin(families[i]);
		cr_assert_eq(change(1), 0);
		fail_from(2);
		end();
	}
}

static int
create(void *arg)
{
	(void)arg;
	return route_table_create(st, NETIF_AF_INET6, &t);
}

static void
nothing(void *arg)
{
	(void)arg;
}

Test(route_nomem, table_is_made_whole_or_not)
{
	const struct nomem_try try = {.op = create, .same = nothing};

	for (int how = NOMEM_ONE; how <= NOMEM_REST; how++) {
		begin(NETIF_AF_INET);
		stack_control_exit(st);
		route_table_destroy(t);
		cr_assert_gt(nomem_each(&try, how, NULL), 3);
		stack_control_enter(st);
		end();
	}
}
