/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stack/core/sparse.h"

#define N    ((size_t)1 << 18)
#define SIZE ((size_t)64)

/* Can the kernel read a byte there? */
static bool
readable(const char *at)
{
	int fd[2];
	ssize_t n;

	cr_assert_eq(pipe(fd), 0);
	n = write(fd[1], at, 1);
	cr_assert(n == 1 || errno == EFAULT);
	close(fd[0]);
	close(fd[1]);
	return n == 1;
}

static size_t
resident(void *p, size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	static unsigned char there[N * SIZE / 4096];
	size_t n = 0;

	cr_assert_eq(mincore(p, size, there), 0);
	for (size_t i = 0; i < size / page; i++)
		n += there[i] & 1;
	return n;
}

Test(sparse, costs_nothing_until_it_is_used_and_is_zero)
{
	char *p = sparse_alloc(N, SIZE);

	cr_assert_not_null(p);
	cr_assert_eq((uintptr_t)p % (uintptr_t)sysconf(_SC_PAGESIZE), 0);
	cr_assert_eq(resident(p, N * SIZE), 0);
	for (size_t i = 0; i < N * SIZE; i += 4093)
		cr_assert_eq(p[i], 0);
	p[0] = p[N * SIZE - 1] = 1;
	sparse_free(p, N, SIZE);
}

Test(sparse, ends_in_a_page_that_nobody_may_touch)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = sparse_alloc(page + 1, 1);

	cr_assert_not_null(p);
	cr_assert(readable(p + 2 * page - 1));
	cr_assert_not(readable(p + 2 * page));
	sparse_free(p, page + 1, 1);
	cr_assert_not(readable(p));
}

Test(sparse, refuses_more_than_there_can_be)
{
	cr_assert_null(sparse_alloc(SIZE_MAX / 2, 4));
	cr_assert_null(sparse_alloc(SIZE_MAX - 1, 1));
	cr_assert_null(sparse_alloc((size_t)1 << 48, 1));
	sparse_free(NULL, 1, 1);
}
