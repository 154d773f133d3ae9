/* SPDX-License-Identifier: BSD-2-Clause */

/* Our tables of IPv4.  The two kinds differ in the body of the batch. */

#include "benchmarks/route_ours.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/route/fib4.h"

static int
create(struct route_arena *a, void **out)
{
	struct fib4 *f;
	const int error = fib4_create(a, &f);

	if (error == 0)
		*out = f;
	return error;
}

static void
destroy(void *fib)
{
	fib4_destroy(fib);
}

static int
stage(void *fib, const uint8_t *key, unsigned int plen)
{
	return fib4_stage(fib, key, plen);
}

static int
prepare(void *fib, const struct fib_source *after)
{
	return fib4_prepare(fib, after);
}

static void
commit(void *fib)
{
	fib4_commit(fib);
}

static void
stats(const void *fib, struct fib_stats *out)
{
	fib4_stats(fib, out);
}

static const struct route_ours_ops ops = {
    .create = create,
    .destroy = destroy,
    .stage = stage,
    .prepare = prepare,
    .commit = commit,
    .stats = stats,
};

static void *
create_best(
    const struct route_kind *k, const struct route_set *s, uint8_t *refused)
{
	(void)k;
	(void)refused;
	return route_ours_create(s, &ops, NULL);
}

static void *
create_portable(
    const struct route_kind *k, const struct route_set *s, uint8_t *refused)
{
	(void)k;
	(void)refused;
	return route_ours_create(s, &ops, "portable");
}

static void
lookup(const void *table, union route_keys keys, union route_out *out)
{
	const struct route_ours *t = table;
	const uint64_t s = pserialize_read_enter();

	fib4_lookup_batch(t->fib, keys.v4, out->u32, ROUTE_BURST);
	pserialize_read_exit(s);
}

static uint32_t
single(const void *table, union route_keys key)
{
	const struct route_ours *t = table;
	const uint64_t s = pserialize_read_enter();
	const uint32_t group = fib4_lookup(t->fib, *key.v4);

	pserialize_read_exit(s);
	return group;
}

static size_t
bytes(const void *table)
{
	const struct route_ours *t = table;
	struct fib_stats st;

	t->ops->stats(t->fib, &st);
	return st.direct_bytes + st.block_bytes + st.id_bytes;
}

ROUTE_OURS(route_ours4_best, "psnet best", 4, create_best);
ROUTE_OURS(route_ours4_portable, "psnet portable", 4, create_portable);
