/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * ck_ht of Concurrency Kit: one writer at a time, whom a mutex makes.  It only
 * grows, by a writer who stops for it, while readers stay in the old table.
 */

#include <ck_ht.h>
#include <pthread.h>
#include <stdlib.h>

#include "benchmarks/demux_flow.h"
#include "libsync/base/atomic.h"

#define TABLE_NAME    "ck_ht"
#define TABLE_RESIZES 0
#define TABLE_INIT    NULL
#define TABLE_FINI    NULL

struct table {
	ck_ht_t ht;
	pthread_mutex_t writer;
};

/* The memory of a map, with the head of its deferred freeing in front. */
struct block {
	struct pserialize_head retire;
} __attribute__((aligned(64)));

static void *
block_alloc(size_t size)
{
	struct block *b = aligned_alloc(
	    sizeof(*b), sizeof(*b) + SYNC_ROUNDUP(size, sizeof(*b)));

	return b == NULL ? NULL : b + 1;
}

static void
block_called(struct pserialize_head *head)
{
	free(head); /* it is the first member */
}

static void
block_free(void *p, size_t size, bool defer)
{
	struct block *b = (struct block *)p - 1;

	(void)size;
	if (defer)
		pserialize_call(&b->retire, block_called);
	else
		free(b);
}

static struct ck_malloc blocks = {.malloc = block_alloc, .free = block_free};

static void
hash(ck_ht_hash_t *h, const void *key, size_t size, uint64_t seed)
{
	(void)size;
	(void)seed;
	h->value = flow_hash(key);
}

static inline ck_ht_hash_t
hash_of(const struct flow_key *k)
{
	ck_ht_hash_t h = {.value = flow_hash(k)};

	return h;
}

static void
fill(struct table *t, size_t n)
{
	struct flow *f = flow_array(n);

	if (!ck_ht_init(&t->ht, CK_HT_MODE_BYTESTRING, hash, &blocks, 64, 1))
		abort();
	for (size_t i = 0; i < n; i++) {
		const ck_ht_hash_t h = hash_of(&f[i].key);
		ck_ht_entry_t e;

		ck_ht_entry_set(&e, h, &f[i].key, sizeof(f->key), &f[i]);
		if (!ck_ht_put_spmc(&t->ht, h, &e))
			abort();
	}
}

static void *
table_create(size_t n)
{
	struct table *t = aligned_alloc(64, SYNC_ROUNDUP(sizeof(*t), 64));

	if (t == NULL)
		abort();
	pthread_mutex_init(&t->writer, NULL);
	fill(t, n);
	return t;
}

static inline uint64_t
table_enter(void)
{
	return pserialize_read_enter();
}

static inline void
table_exit(uint64_t s)
{
	pserialize_read_exit(s);
}

static inline struct flow *
table_find(void *ctx, const struct flow_key *k)
{
	struct table *t = ctx;
	ck_ht_entry_t e;

	ck_ht_entry_key_set(&e, k, sizeof(*k));
	return ck_ht_get_spmc(&t->ht, hash_of(k), &e) ? ck_ht_entry_value(&e)
						      : NULL;
}

static inline bool
table_replace(void *ctx, struct flow *old, struct flow *f)
{
	const ck_ht_hash_t h = hash_of(&f->key);
	struct table *t = ctx;
	ck_ht_entry_t e;

	ck_ht_entry_set(&e, h, &f->key, sizeof(f->key), f);
	pthread_mutex_lock(&t->writer);
	if (!ck_ht_set_spmc(&t->ht, h, &e))
		abort();
	pthread_mutex_unlock(&t->writer);
	(void)old;
	flow_retire(ck_ht_entry_value(&e));
	return true;
}

#include "benchmarks/demux_loop.inc"

const struct bench bench_demux_ck[] = {
    TABLE_BENCHES,
    {.name = NULL},
};
