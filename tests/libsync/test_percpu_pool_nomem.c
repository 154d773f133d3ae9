/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Pools when memory runs out.  The linker sends the library's calls of
 * aligned_alloc() here.
 */

#include <criterion/criterion.h>
#include <errno.h>

#include "libsync/base/atomic.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/libsync/pool_item.h"

#define MAX 500

/* NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming) */
/* The linker's names. */
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

/* Allocations that still succeed; negative: no limit. */
static SYNC_ATOMIC(int) left = {-1};

static void
allow(int n)
{
	/* relaxed: the allocations meant are this thread's own. */
	sync_store_relaxed(&left, n);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	/* relaxed: as in allow. */
	const int n = sync_load_relaxed(&left);

	if (n == 0)
		return NULL;
	if (n > 0)
		allow(n - 1);
	return __real_aligned_alloc(alignment, size);
}
/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming) */

static struct percpu_pool *p;
static void *held[MAX];

static void
make(bool grace)
{
	const struct percpu_pool_config cfg = {
	    .size = sizeof(struct pool_item), .magazine = 8, .grace = grace};

	cr_assert_eq(percpu_pool_create(&cfg, &p), 0);
}

static unsigned
alloc_all(void)
{
	unsigned n = 0;

	while (n < MAX && (held[n] = percpu_pool_alloc(p)) != NULL)
		n++;
	return n;
}

Test(percpu_pool_nomem, create_fails_clean)
{
	const struct percpu_pool_config cfg = {.size = 8};
	struct percpu_pool *none = NULL;

	allow(0);
	cr_assert_eq(percpu_pool_create(&cfg, &none), -ENOMEM);
	cr_assert_null(none);
}

Test(percpu_pool_nomem, alloc_reserve_and_attach_fail_clean)
{
	make(false);
	allow(0);
	cr_assert_null(percpu_pool_alloc(p));
	cr_assert_eq(percpu_pool_attach(p), -ENOMEM);
	cr_assert_eq(percpu_pool_reserve(p, 1), -ENOMEM);
	cr_assert_eq(pool_stats(p).failures, 1);
	allow(-1);
	cr_assert_eq(percpu_pool_reserve(p, 1), 0);
	percpu_pool_destroy(p);
}

/* A thread that gets no magazines uses the depot. */
static void
use_without_magazines(bool grace)
{
	unsigned n;

	make(grace);
	cr_assert_eq(percpu_pool_reserve(p, MAX), 0);
	allow(0);
	for (int i = 0; i < 3; i++) {
		n = alloc_all();
		cr_assert_eq(n, MAX);
		while (n > 0)
			percpu_pool_free(p, held[--n]);
		cr_assert_eq(pool_stats(p).threads, 0);
	}
	allow(-1);
	cr_assert_eq(percpu_pool_attach(p), 0);
	n = alloc_all();
	cr_assert_eq(n, MAX);
	while (n > 0)
		percpu_pool_free(p, held[--n]);
	percpu_pool_destroy(p);
}

Test(percpu_pool_nomem, thread_without_magazines_uses_the_depot)
{
	use_without_magazines(false);
}

Test(percpu_pool_nomem, with_grace_too)
{
	use_without_magazines(true);
}

Test(percpu_pool_nomem, what_was_freed_is_found_when_nothing_can_be_made)
{
	unsigned n, most;

	make(true);
	allow(3); /* the thread's magazines, two slabs */
	most = alloc_all();
	cr_assert_gt(most, 20);
	cr_assert_lt(most, MAX);
	for (int i = 0; i < 10; i++) {
		for (n = 0; n < most; n++)
			percpu_pool_free(p, held[n]);
		n = alloc_all();
		cr_assert_eq(n, most);
	}
	for (n = 0; n < most; n++)
		percpu_pool_free(p, held[n]);
	percpu_pool_destroy(p);
}
