/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Our own tables: a routing table as the stack has it, whose transactions are
 * compiled for lookup before they are committed.
 */

#include "benchmarks/route_ours.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/route/source.h"

#define ARENA ((size_t)16 << 30) /* of addresses, not of memory */

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

/* All tables of a process share it, as those of a stack do. */
static struct route_arena *
arena(void)
{
	static struct route_arena *a;

	if (a == NULL && route_arena_create(ARENA, &a) != 0)
		abort();
	return a;
}

/* Next hop n is a gateway of its own on the one link. */
static struct route_nexthop
gateway(uint32_t n)
{
	return (struct route_nexthop){
	    .netif = 1,
	    .gateway = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n},
	    .has_gateway = true,
	    .weight = 1,
	};
}

static int
edit_add(struct route_txn *x, const struct route_prefix *e)
{
	const struct route_nexthop nh = gateway(e->nexthop);
	struct route_config cfg = {
	    .plen = e->plen,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nnexthops = 1,
	    .nexthops = &nh,
	};

	memcpy(cfg.prefix, e->key, sizeof(cfg.prefix));
	return route_txn_add(x, &cfg, ROUTE_REPLACE);
}

static int
edit_remove(struct route_txn *x, const struct route_prefix *e)
{
	return route_txn_remove(x, e->key, e->plen, NULL);
}

static int
prepare(struct route_ours *t, struct route_txn *x)
{
	const struct fib_source source = route_source(x);

	return t->ops->prepare(t->fib, &source);
}

/* The table and its compiled form change together, or not at all. */
static int
change(struct route_ours *t,
    int (*edit)(struct route_txn *x, const struct route_prefix *e),
    const struct route_prefix *e)
{
	struct route_txn *x;
	int error;

	stack_control_enter(stack());
	error = route_txn_begin(t->rib, &x);
	if (error != 0)
		goto out;
	error = edit(x, e);
	if (error == 0)
		error = t->ops->stage(t->fib, e->key, e->plen);
	if (error == 0)
		error = prepare(t, x);
	if (error == 0) {
		route_txn_commit(x);
		t->ops->commit(t->fib);
	} else {
		t->ops->abort(t->fib);
		route_txn_abort(x);
	}
out:
	stack_control_exit(stack());
	return error;
}

int
route_ours_add(void *table, const struct route_prefix *e)
{
	return change(table, edit_add, e);
}

int
route_ours_remove(void *table, const struct route_prefix *e)
{
	return change(table, edit_remove, e);
}

static size_t
heap_bytes(void)
{
	const struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* Which group a next hop has become is for the table to choose. */
static void
note_groups(struct route_ours *t, const struct route_set *s)
{
	const uint64_t section = pserialize_read_enter();

	for (size_t i = 0; i < s->n; i++) {
		const struct route *r = route_table_exact(
		    t->rib, s->entry[i].key, s->entry[i].plen);

		if (r == NULL || r->group >= ROUTE_OURS_GROUPS)
			abort();
		t->nexthop[r->group] = s->entry[i].nexthop;
	}
	pserialize_read_exit(section);
}

static void
fill(struct route_ours *t, const struct route_set *s)
{
	const size_t before = heap_bytes();
	struct route_txn *x;
	int error = 0;
	size_t compiled;

	stack_control_enter(stack());
	if (route_txn_begin(t->rib, &x) != 0)
		abort();
	for (size_t i = 0; i < s->n && error == 0; i++)
		error = edit_add(x, &s->entry[i]);
	compiled = heap_bytes();
	for (size_t i = 0; i < s->n && error == 0; i++)
		error =
		    t->ops->stage(t->fib, s->entry[i].key, s->entry[i].plen);
	if (error == 0)
		error = prepare(t, x);
	if (error != 0)
		abort();
	compiled = heap_bytes() - compiled;
	route_txn_commit(x);
	pserialize_barrier();
	t->rib_bytes = heap_bytes() - compiled - before;
	t->ops->commit(t->fib);
	stack_control_exit(stack());
}

struct route_ours *
route_ours_create(const struct route_set *s, const struct route_ours_ops *ops,
    const char *body)
{
	struct route_ours *t = calloc(1, sizeof(*t));

	if ((body != NULL ? setenv("PSNET_FIB", body, 1)
			  : unsetenv("PSNET_FIB")) != 0 ||
	    t == NULL || ops->create(arena(), &t->fib) != 0 ||
	    route_table_create(stack(),
		s->family == 4 ? NETIF_AF_INET : NETIF_AF_INET6, &t->rib) != 0)
		abort();
	t->ops = ops;
	fill(t, s);
	return t;
}

void
route_ours_destroy(void *table)
{
	struct route_ours *t = table;

	stack_control_enter(stack());
	t->ops->destroy(t->fib);
	route_arena_settle(arena());
	stack_control_exit(stack());
	route_table_destroy(t->rib);
	free(t->nexthop);
	free(t);
}

bool
route_ours_select(void *table, int how)
{
	(void)table;
	(void)how;
	return true;
}

uint32_t
route_ours_decode(const union route_out *out, unsigned int i)
{
	return out->u32[i];
}

/* The answers are groups: FIB_NONE is next hop 0. */
uint32_t
route_ours_nexthop(const void *table, const struct route_set *s, uint32_t group)
{
	/* The checks ask for it, once the table is filled. */
	struct route_ours *t = (struct route_ours *)(uintptr_t)table;

	if (t->nexthop == NULL) {
		t->nexthop = calloc(ROUTE_OURS_GROUPS, sizeof(*t->nexthop));
		if (t->nexthop == NULL)
			abort();
		note_groups(t, s);
	}
	return group < ROUTE_OURS_GROUPS ? t->nexthop[group] : UINT32_MAX;
}

size_t
route_ours_rib_bytes(const void *table)
{
	return ((const struct route_ours *)table)->rib_bytes;
}

const struct route_way route_ours_modes[] = {{.name = ""}, {.name = NULL}};
