/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The form of our tables that have a few prefixes, of both families: as
 * route_ours.c has it, but each change makes it anew.
 */

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/route_ours.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/route/fib_small.h"

/* now is what lookups use, next what commit makes it. */
struct small {
	struct fib_small *now, *next;
	unsigned int bits;
};

static int
create(unsigned int bits, void **out)
{
	struct small *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -1;
	t->bits = bits;
	*out = t;
	return 0;
}

static int
create4(struct route_arena *a, void **out)
{
	(void)a;
	return create(32, out);
}

static int
create6(struct route_arena *a, void **out)
{
	(void)a;
	return create(128, out);
}

static void
destroy(void *fib)
{
	struct small *t = fib;

	fib_small_free(t->now);
	free(t);
}

static int
stage(void *fib, const uint8_t *key, unsigned int plen)
{
	(void)fib;
	(void)key;
	(void)plen;
	return 0;
}

static int
prepare(void *fib, const struct fib_source *after)
{
	struct small *t = fib;

	return fib_small_create(after, t->bits, &t->next);
}

static void
commit(void *fib)
{
	struct small *t = fib;

	fib_small_retire(t->now);
	t->now = t->next;
}

static void
stats(const void *fib, struct fib_stats *out)
{
	const struct small *t = fib;

	*out = (struct fib_stats){.block_bytes = fib_small_bytes(t->now)};
}

static const struct route_ours_ops ops4 = {
    .create = create4,
    .destroy = destroy,
    .stage = stage,
    .prepare = prepare,
    .commit = commit,
    .stats = stats,
};

static const struct route_ours_ops ops6 = {
    .create = create6,
    .destroy = destroy,
    .stage = stage,
    .prepare = prepare,
    .commit = commit,
    .stats = stats,
};

static void *
table_create(
    const struct route_kind *k, const struct route_set *s, uint8_t *refused)
{
	(void)refused;
	return route_ours_create(s, k->family == 4 ? &ops4 : &ops6, NULL);
}

static uint64_t
word(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return be64toh(x);
}

/* The i-th of some keys. */
static uint32_t
find(const struct small *t, union route_keys keys, unsigned int i)
{
	if (t->bits == 32)
		return fib_small_lookup(t->now, (uint64_t)keys.v4[i] << 32, 0);
	return fib_small_lookup(
	    t->now, word(keys.v6 + 16 * i), word(keys.v6 + 16 * i + 8));
}

static void
lookup(const void *table, union route_keys keys, union route_out *out)
{
	const struct route_ours *t = table;
	const uint64_t s = pserialize_read_enter();

	for (unsigned int i = 0; i < ROUTE_BURST; i++)
		out->u32[i] = find(t->fib, keys, i);
	pserialize_read_exit(s);
}

static uint32_t
single(const void *table, union route_keys key)
{
	const struct route_ours *t = table;
	const uint64_t s = pserialize_read_enter();
	const uint32_t group = find(t->fib, key, 0);

	pserialize_read_exit(s);
	return group;
}

static size_t
bytes(const void *table)
{
	const struct route_ours *t = table;
	struct fib_stats st;

	t->ops->stats(t->fib, &st);
	return st.block_bytes;
}

ROUTE_OURS(route_small4, "psnet small", 4, table_create);
ROUTE_OURS(route_small6, "psnet6 small", 6, table_create);
