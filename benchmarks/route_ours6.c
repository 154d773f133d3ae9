/* SPDX-License-Identifier: BSD-2-Clause */

/* Our tables of IPv6.  The two kinds differ in the body of the batch. */

#include <endian.h>
#include <string.h>

#include "benchmarks/route_ours.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/route/fib6.h"

static int
create(struct route_arena *a, void **out)
{
	struct fib6 *f;
	const int error = fib6_create(a, &f);

	if (error == 0)
		*out = f;
	return error;
}

static void
destroy(void *fib)
{
	fib6_destroy(fib);
}

static int
stage(void *fib, const uint8_t *key, unsigned int plen)
{
	return fib6_stage(fib, key, plen);
}

static int
prepare(void *fib, const struct fib_source *after)
{
	return fib6_prepare(fib, after);
}

static void
commit(void *fib)
{
	fib6_commit(fib);
}

static void
stats(const void *fib, struct fib_stats *out)
{
	fib6_stats(fib, out);
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

static inline uint64_t
word(const uint8_t *at)
{
	uint64_t w;

	memcpy(&w, at, sizeof(w));
	return be64toh(w);
}

/* As keys come out of packets: turning them round is part of the price. */
static void
lookup(const void *table, union route_keys keys, union route_out *out)
{
	const struct route_ours *t = table;
	const uint64_t s = pserialize_read_enter();
	uint64_t dst[ROUTE_BURST][2];

	for (unsigned int i = 0; i < ROUTE_BURST; i++) {
		dst[i][0] = word(keys.v6 + 16 * i);
		dst[i][1] = word(keys.v6 + 16 * i + 8);
	}
	fib6_lookup_batch(
	    t->fib, (const uint64_t(*)[2])dst, out->u32, ROUTE_BURST);
	pserialize_read_exit(s);
}

static uint32_t
single(const void *table, union route_keys key)
{
	const struct route_ours *t = table;
	const uint64_t s = pserialize_read_enter();
	const uint32_t group =
	    fib6_lookup(t->fib, word(key.v6), word(key.v6 + 8));

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

ROUTE_OURS(route_ours6_best, "psnet6 best", 6, create_best);
ROUTE_OURS(route_ours6_portable, "psnet6 portable", 6, create_portable);
