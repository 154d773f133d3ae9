/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The routing table as the stack has it: candidates, transactions, and its own
 * compiled form.  Each change is a transaction.  The next hop is in the gateway.
 */

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/route.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"
#include "stack/route/table.h"

struct table {
	struct route_table *rib;
	unsigned int bytes; /* of an address */
	size_t rib_bytes;
};

/* A stack that does nothing but to own the tables of this process. */
static struct stack *
stack(void)
{
	static const struct proto *const none[] = {NULL};
	static const struct stack_config cfg = {
	    .name = "bench", .protos = none, .stepped = true};
	static struct stack *st;

	if (st == NULL && stack_create(&cfg, &st) != 0)
		abort();
	return st;
}

static struct route_config
config_of(const struct route_prefix *e, struct route_nexthop *nh)
{
	struct route_config cfg = {
	    .plen = e->plen,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nnexthops = 1,
	    .nexthops = nh,
	};

	*nh = (struct route_nexthop){
	    .netif = 1, .has_gateway = true, .weight = 1};
	memcpy(nh->gateway, &e->nexthop, sizeof(e->nexthop));
	memcpy(cfg.prefix, e->key, sizeof(cfg.prefix));
	return cfg;
}

static size_t
heap_bytes(void)
{
	const struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void
add(struct route_txn *x, const struct route_prefix *e)
{
	struct route_nexthop nh;
	const struct route_config cfg = config_of(e, &nh);

	if (route_txn_add(x, &cfg, ROUTE_ADD) != 0)
		abort();
}

/* Prefixes from .. to - 1 in one commit. */
static void
fill_part(struct table *t, const struct route_set *s, size_t from, size_t to)
{
	struct route_txn *x;

	if (route_txn_begin(t->rib, &x) != 0)
		abort();
	for (size_t i = from; i < to; i++)
		add(x, &s->entry[i]);
	if (route_txn_commit(x) != 0)
		abort();
}

/* The first route has the compiled form made, which is no part of the bytes. */
static void
fill(struct table *t, const struct route_set *s)
{
	const size_t first = s->n > 0 ? 1 : 0;
	size_t before;

	fill_part(t, s, 0, first);
	before = heap_bytes();
	fill_part(t, s, first, s->n);
	t->rib_bytes = heap_bytes() - before;
}

static void *
table_create(
    const struct route_kind *k, const struct route_set *s, uint8_t *refused)
{
	struct table *t = calloc(1, sizeof(*t));

	(void)k;
	(void)refused;
	unsetenv("PSNET_FIB");
	if (t == NULL ||
	    route_table_create(stack(),
		s->family == 4 ? NETIF_AF_INET : NETIF_AF_INET6, &t->rib) != 0)
		abort();
	t->bytes = s->bits / 8;
	stack_control_enter(stack());
	fill(t, s);
	stack_control_exit(stack());
	return t;
}

static void
table_destroy(void *table)
{
	struct table *t = table;

	route_table_destroy(t->rib);
	free(t);
}

static bool
table_select(void *table, int how)
{
	(void)table;
	(void)how;
	return true;
}

static int
table_add(void *table, const struct route_prefix *e)
{
	struct route_nexthop nh;
	const struct route_config cfg = config_of(e, &nh);
	int error;

	stack_control_enter(stack());
	error =
	    route_table_add(((struct table *)table)->rib, &cfg, ROUTE_REPLACE);
	stack_control_exit(stack());
	return error;
}

static int
table_remove(void *table, const struct route_prefix *e)
{
	int error;

	stack_control_enter(stack());
	error = route_table_remove(
	    ((struct table *)table)->rib, e->key, e->plen, NULL);
	stack_control_exit(stack());
	return error;
}

static uint32_t
find(const struct table *t, const uint8_t *address)
{
	const struct route *r = route_table_lookup(t->rib, address);
	uint32_t nexthop = 0;

	if (r != NULL)
		memcpy(&nexthop, r->nexthops[0].gateway, sizeof(nexthop));
	return nexthop;
}

static uint32_t
find4(const struct table *t, uint32_t host)
{
	const uint8_t address[4] = {(uint8_t)(host >> 24),
	    (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host};

	return find(t, address);
}

/* One by one, with the route that the answer stands for. */
static void
lookup(const void *table, union route_keys keys, union route_out *out)
{
	const struct table *t = table;
	const uint64_t s = pserialize_read_enter();

	for (unsigned int i = 0; i < ROUTE_BURST; i++)
		out->u32[i] = t->bytes == 4 ? find4(t, keys.v4[i])
					    : find(t, keys.v6 + 16 * i);
	pserialize_read_exit(s);
}

static uint32_t
single(const void *table, union route_keys key)
{
	const struct table *t = table;
	const uint64_t s = pserialize_read_enter();
	const uint32_t found =
	    t->bytes == 4 ? find4(t, *key.v4) : find(t, key.v6);

	pserialize_read_exit(s);
	return found;
}

static uint32_t
decode(const union route_out *out, unsigned int i)
{
	return out->u32[i];
}

static size_t
rib_bytes(const void *table)
{
	return ((const struct table *)table)->rib_bytes;
}

static const struct route_way modes[] = {{.name = ""}, {.name = NULL}};

#define KIND(kind, label, af)            \
	const struct route_kind kind = { \
	    .name = label,               \
	    .family = af,                \
	    .ours = true,                \
	    .modes = modes,              \
	    .create = table_create,      \
	    .destroy = table_destroy,    \
	    .select = table_select,      \
	    .lookup = lookup,            \
	    .decode = decode,            \
	    .single = single,            \
	    .add = table_add,            \
	    .remove = table_remove,      \
	    .bytes = rib_bytes,          \
	    .rib_bytes = rib_bytes,      \
	}

KIND(route_stack4, "psnet table", 4);
KIND(route_stack6, "psnet6 table", 6);
