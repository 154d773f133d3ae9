/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Longest-prefix match and updates in a table of IPv4 prefixes, mostly of
 * length 24 as in the global table; the baseline is the same tree behind a
 * pthread_rwlock_t.  While "updating", a thread replaces routes all the time.
 */

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/bench.h"
#include "libsync/base/atomic.h"
#include "libsync/pserialize/pserialize.h"
#include "libsync/radix_lf/radix_lf.h"

#define ADDRESSES 4096

/* [c] constant once published */
struct prefix {
	struct pserialize_head retire;
	uint8_t key[4]; /* [c] */
	uint8_t bits;   /* [c] */
};

/* [c] constant  [a] atomic */
struct routes {
	struct radix_lf *tree;         /* [c] */
	uint8_t address[ADDRESSES][4]; /* [c] to look up, all of them there */
	pthread_rwlock_t lock;         /* of the baseline */
	pthread_mutex_t writer;
	pthread_t updater;
	SYNC_ATOMIC(bool) stop; /* [a] */
};

static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	return *state ^= *state << 5;
}

static unsigned
prefix_bits(const void *item)
{
	return ((const struct prefix *)item)->bits;
}

static void
prefix_free(struct pserialize_head *head)
{
	free(head); /* it is the first member */
}

static struct prefix *
prefix_make(const uint8_t key[4], unsigned bits)
{
	struct prefix *p = calloc(1, sizeof(*p));

	if (p == NULL)
		abort();
	memcpy(p->key, key, sizeof(p->key));
	p->bits = (uint8_t)bits;
	return p;
}

static void
fill(struct routes *r, size_t count)
{
	uint32_t seed = 2463534242U;
	struct radix_lf_txn *txn;

	if (radix_lf_txn_begin(r->tree, &txn) != 0)
		abort();
	for (size_t i = 0; i < count; i++) {
		const uint32_t key = next_random(&seed);
		const unsigned bits = key % 10 < 6 ? 24 : 16 + key % 8;
		struct prefix *p = prefix_make((const uint8_t *)&key, bits);
		void *old = NULL;

		memcpy(r->address[i % ADDRESSES], &key, sizeof(key));
		if (radix_lf_txn_replace(txn, p, &old) != 0)
			abort();
		free(old); /* of this transaction: nobody has seen it */
	}
	radix_lf_txn_commit(txn);
}

static void
replace(struct routes *r, const uint8_t key[4])
{
	struct prefix *p = prefix_make(key, 24);
	void *old = NULL;

	pthread_mutex_lock(&r->writer);
	if (radix_lf_replace(r->tree, p, &old) != 0)
		abort();
	pthread_mutex_unlock(&r->writer);
	if (old != NULL)
		radix_lf_retire(r->tree, old, prefix_free);
}

static void *
routes_setup(size_t count)
{
	struct routes *r = calloc(1, sizeof(*r));
	const struct radix_lf_config cfg = {
	    .key_offset = offsetof(struct prefix, key),
	    .max_bits = 32,
	    .item_bits = prefix_bits,
	};

	if (r == NULL || radix_lf_create(&cfg, &r->tree) != 0)
		abort();
	pthread_rwlock_init(&r->lock, NULL);
	pthread_mutex_init(&r->writer, NULL);
	fill(r, count);
	return r;
}

static void
routes_teardown(void *ctx)
{
	struct routes *r = ctx;
	struct radix_lf_snap *snap;
	struct prefix *p;
	void *out;

	if (radix_lf_snap_open(r->tree, &snap) != 0)
		abort();
	p = radix_lf_snap_next(snap, NULL, 0);
	while (p != NULL) {
		if (radix_lf_remove(r->tree, p->key, p->bits, &out) != 0)
			abort();
		radix_lf_retire(r->tree, out, prefix_free);
		p = radix_lf_snap_next(snap, p->key, p->bits);
	}
	radix_lf_snap_close(snap);
	radix_lf_destroy(r->tree);
	pthread_rwlock_destroy(&r->lock);
	pthread_mutex_destroy(&r->writer);
	free(r);
}

static void *
updater(void *arg)
{
	struct routes *r = arg;
	size_t at = 0;

	/* relaxed: only says stop; pthread_join orders what follows. */
	while (!sync_load_relaxed(&r->stop)) {
		replace(r, r->address[at++ % ADDRESSES]);
		if (at % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void *
updated_setup(size_t count)
{
	struct routes *r = routes_setup(count);

	if (pthread_create(&r->updater, NULL, updater, r) != 0)
		abort();
	return r;
}

static void
updated_teardown(void *ctx)
{
	struct routes *r = ctx;

	/* relaxed: only says stop; pthread_join orders what follows. */
	sync_store_relaxed(&r->stop, true);
	pthread_join(r->updater, NULL);
	routes_teardown(r);
}

static inline void
look_up(const struct routes *r, const uint8_t *address)
{
	const uint64_t s = pserialize_read_enter();
	const void *found = radix_lf_lookup(r->tree, address, 32);

	BENCH_KEEP(found);
	pserialize_read_exit(s);
}

static void
lookup_run(void *ctx, int thread, size_t n)
{
	struct routes *r = ctx;
	size_t at = (size_t)thread * 1021;

	for (size_t i = 0; i < n; i++)
		look_up(r, r->address[at++ % ADDRESSES]);
}

/* The section inside the lock costs little, and keeps the tree's contract. */
static void
rwlock_lookup_run(void *ctx, int thread, size_t n)
{
	struct routes *r = ctx;
	size_t at = (size_t)thread * 1021;

	for (size_t i = 0; i < n; i++) {
		pthread_rwlock_rdlock(&r->lock);
		look_up(r, r->address[at++ % ADDRESSES]);
		pthread_rwlock_unlock(&r->lock);
	}
}

static bool
count_down(void *item, void *arg)
{
	size_t *left = arg;

	BENCH_KEEP(item);
	return --*left == 0;
}

/* Items in order, n of them: the price of one step. */
static void
covered_run(void *ctx, int thread, size_t n)
{
	struct routes *r = ctx;
	const uint64_t s = pserialize_read_enter();
	size_t left = n;

	(void)thread;
	while (radix_lf_covered(r->tree, NULL, 0, count_down, &left) == NULL)
		continue;
	pserialize_read_exit(s);
}

static bool
is_not_host(void *item, void *arg)
{
	(void)arg;
	return ((const struct prefix *)item)->bits < 32;
}

static void
lookup_if_run(void *ctx, int thread, size_t n)
{
	struct routes *r = ctx;
	size_t at = (size_t)thread * 1021;

	for (size_t i = 0; i < n; i++) {
		const uint64_t s = pserialize_read_enter();
		const void *found = radix_lf_lookup_if(r->tree,
		    r->address[at++ % ADDRESSES], 32, is_not_host, NULL);

		BENCH_KEEP(found);
		pserialize_read_exit(s);
	}
}

static void
replace_run(void *ctx, int thread, size_t n)
{
	struct routes *r = ctx;

	(void)thread;
	for (size_t i = 0; i < n; i++)
		replace(r, r->address[i % ADDRESSES]);
}

#define SIZES                \
	{                    \
		1000, 100000 \
	}

const struct bench bench_radix_lf[] = {
    {.name = "radix_lf/lookup_v4",
	.setup = routes_setup,
	.run = lookup_run,
	.teardown = routes_teardown,
	.args = SIZES,
	.threads = {1, 2}},
    {.name = "pthread_rwlock/lookup_v4",
	.setup = routes_setup,
	.run = rwlock_lookup_run,
	.teardown = routes_teardown,
	.args = SIZES,
	.threads = {1, 2}},
    {.name = "radix_lf/lookup_v4_while_updating",
	.setup = updated_setup,
	.run = lookup_run,
	.teardown = updated_teardown,
	.args = {100000},
	.threads = {1}},
    {.name = "radix_lf/replace_v4",
	.setup = routes_setup,
	.run = replace_run,
	.teardown = routes_teardown,
	.args = SIZES,
	.threads = {1}},
    {.name = "radix_lf/lookup_if_v4",
	.setup = routes_setup,
	.run = lookup_if_run,
	.teardown = routes_teardown,
	.args = SIZES,
	.threads = {1}},
    {.name = "radix_lf/covered_step_v4",
	.setup = routes_setup,
	.run = covered_run,
	.teardown = routes_teardown,
	.args = SIZES,
	.threads = {1}},
    {.name = NULL},
};
