/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * demux when memory runs out, at every allocation there is.  The linker sends
 * the library's calls of aligned_alloc() here.
 */

#include <errno.h>

#include "libsync/base/atomic.h"
#include "tests/libsync/demux_item.h"

#define ITEMS 200u

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

/* Allocations that still succeed; negative: no limit. */
static SYNC_ATOMIC(int) left = {-1};

/* The largest one that succeeds, in bytes. */
static SYNC_ATOMIC(size_t) largest = {SIZE_MAX};

static void
allow(int n)
{
	/* relaxed: the allocations meant are this thread's own. */
	sync_store_relaxed(&left, n);
}

static void
allow_bytes(size_t size)
{
	/* relaxed: as in allow. */
	sync_store_relaxed(&largest, size);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	/* relaxed: as in allow. */
	const int n = sync_load_relaxed(&left);

	/* relaxed: as in allow. */
	if (n == 0 || size > sync_load_relaxed(&largest))
		return NULL;
	if (n > 0)
		allow(n - 1);
	return __real_aligned_alloc(alignment, size);
}

static struct demux *d;

static void
fill(demux_hash_fn *hash)
{
	struct demux_config cfg = item_config();

	cfg.hash = hash;
	cfg.items = ITEMS;
	d = item_table(&cfg);
	for (uint64_t i = 0; i < ITEMS; i++)
		cr_assert_eq(demux_insert(d, item_new(i, i)), 0);
}

static void
check(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		cr_assert_eq(item_lookup(d, i)->value, i);
	cr_assert_null(item_lookup(d, n));
	cr_assert_eq(demux_count(d), n);
}

Test(demux_nomem, create_fails_clean)
{
	const struct demux_config cfg = item_config();
	struct demux *none = NULL;

	for (int i = 0; i < 3; i++) {
		allow(i);
		cr_assert_eq(demux_create(&cfg, &none), -ENOMEM);
		cr_assert_null(none);
	}
}

Test(demux_nomem, table_that_cannot_grow_works_on)
{
	struct demux_stats st;
	uint64_t n = ITEMS;

	fill(NULL);
	allow(0);
	for (;; n++) {
		struct item *it = item_new(n, n);
		const int r = demux_insert(d, it);

		if (r != 0) {
			cr_assert_eq(r, -ENOMEM);
			free(it);
			break;
		}
	}
	check(n);
	demux_stats(d, &st);
	cr_assert_eq(st.moves, 0);
	allow(-1);
	for (; n < 5000; n++)
		cr_assert_eq(demux_insert(d, item_new(n, n)), 0);
	check(n);
	demux_stats(d, &st);
	cr_assert_gt(st.moves, 0);
	item_table_end(d);
}

/* Nodes can be had, but nothing as large as a table. */
Test(demux_nomem, growth_that_fails_is_counted)
{
	struct demux_stats st;
	uint64_t n = ITEMS;

	fill(NULL);
	allow_bytes(4096);
	do {
		cr_assert_eq(demux_insert(d, item_new(n, n)), 0);
		demux_stats(d, &st);
		n++;
	} while (st.failures == 0 && st.moves == 0);
	cr_assert_gt(st.failures, 0);
	cr_assert_eq(st.moves, 0);
	allow_bytes(SIZE_MAX);
	check(n);
	item_table_end(d);
}

static int
count_item(void *item, void *arg)
{
	(void)item;
	++*(uint64_t *)arg;
	return 0;
}

/* For each attempt, one more allocation succeeds. */
Test(demux_nomem, resize_that_fails_goes_on_later)
{
	struct demux_stats st;
	int n = 0, failed = 0;

	fill(item_hash_crowded);
	for (;; n++) {
		uint64_t seen = 0;
		int r;

		allow(n);
		r = demux_resize(d, 0);
		check(ITEMS);
		if (r == 0)
			break;
		cr_assert_eq(r, -ENOMEM);
		failed++;
		r = demux_walk(d, count_item, &seen);
		if (r == 0)
			cr_assert_eq(seen, ITEMS);
		else
			cr_assert_eq(r, -ENOMEM);
	}
	cr_assert_gt(failed, 1);
	demux_stats(d, &st);
	cr_assert_eq(st.buckets, 16);
	cr_assert_not(st.moving);
	allow(-1);
	item_table_end(d);
}
