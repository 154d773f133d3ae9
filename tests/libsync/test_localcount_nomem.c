/* SPDX-License-Identifier: BSD-2-Clause */

/* Counts without memory for them: allocations go through the test. */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "libsync/localcount/localcount.h"
#include "tests/libsync/gate.h"

/* NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming) */
/* The linker's names. */
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static struct gate empty;

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return gate_is_open(&empty, 1) ? NULL
				       : __real_aligned_alloc(alignment, size);
}
/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming) */

Test(localcount_nomem, count_is_refused_and_later_made)
{
	struct localcount lc;

	gate_open(&empty, 1);
	cr_assert_eq(localcount_init(&lc), -ENOMEM);
	gate_open(&empty, 0);
	cr_assert_eq(localcount_init(&lc), 0);
	localcount_acquire(&lc);
	localcount_release(&lc);
	localcount_drain(&lc);
	localcount_fini(&lc);
}

/* One block of memory has places for several counts. */
Test(localcount_nomem, counts_that_are_there_go_on)
{
	struct localcount lc[9];
	int made = 1;

	cr_assert_eq(localcount_init(&lc[0]), 0);
	gate_open(&empty, 1);
	while (made < 9 && localcount_init(&lc[made]) == 0)
		made++;
	cr_assert_eq(made, 8);
	for (int i = 0; i < made; i++) {
		localcount_acquire(&lc[i]);
		localcount_release(&lc[i]);
		localcount_drain(&lc[i]);
		localcount_fini(&lc[i]);
	}
	gate_open(&empty, 0);
}
