/* SPDX-License-Identifier: BSD-2-Clause */

/* The items of the demux tests, and tables of them. */
#ifndef TESTS_LIBSYNC_DEMUX_ITEM_H
#define TESTS_LIBSYNC_DEMUX_ITEM_H

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

#include "libsync/demux/demux.h"
#include "libsync/pserialize/pserialize.h"

/* [c] constant while it is in a table */
struct item {
	struct pserialize_head retire;
	uint64_t key;   /* [c] */
	uint64_t value; /* [c] tells items with equal keys apart */
};

static inline struct item *
item_new(uint64_t key, uint64_t value)
{
	struct item *it = calloc(1, sizeof(*it));

	if (it == NULL)
		abort();
	it->key = key;
	it->value = value;
	return it;
}

static inline void
item_free(struct pserialize_head *head)
{
	struct item *it = (struct item *)(void *)head;

	it->key = UINT64_MAX; /* whoever still reads it is to notice */
	it->value = UINT64_MAX;
	free(it);
}

static inline void
item_retire(struct item *it)
{
	pserialize_call(&it->retire, item_free);
}

static inline struct demux_config
item_config(void)
{
	return (struct demux_config){
	    .key_offset = offsetof(struct item, key),
	    .key_size = sizeof(uint64_t),
	    .seed = {1, 2},
	};
}

/* All in the buckets that the key's upper half says, with tags from it too. */
static inline uint64_t
item_hash_crowded(const void *key, size_t size, const uint64_t seed[2])
{
	uint64_t k;

	(void)size;
	__builtin_memcpy(&k, key, sizeof(k));
	return (k >> 32) + seed[0];
}

static inline struct demux *
item_table(const struct demux_config *cfg)
{
	struct demux *d = NULL;

	cr_assert_eq(demux_create(cfg, &d), 0);
	return d;
}

/*
 * Not inlined: in a loop, gcc 12 with -fsanitize=null says that the section's
 * thread-local, which has an address, is NULL.
 */
static __attribute__((noinline, unused)) struct item *
item_lookup(const struct demux *d, uint64_t key)
{
	const uint64_t s = pserialize_read_enter();
	struct item *it = demux_lookup(d, &key);

	pserialize_read_exit(s);
	return it;
}

static inline int
item_remove_one(void *item, void *arg)
{
	cr_assert_eq(demux_remove(arg, item), 0);
	item_retire(item);
	return 0;
}

/* Remove and retire all items, and destroy the table. */
static inline void
item_table_end(struct demux *d)
{
	cr_assert_eq(demux_walk(d, item_remove_one, d), 0);
	cr_assert_eq(demux_count(d), 0);
	demux_destroy(d);
	pserialize_barrier();
}

#endif /* TESTS_LIBSYNC_DEMUX_ITEM_H */
