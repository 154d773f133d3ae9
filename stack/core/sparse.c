/* SPDX-License-Identifier: BSD-2-Clause */

#include "stack/core/sparse.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libsync/base/assert.h"

/* In pages; the last one is never to be used.  0: too many bytes. */
static size_t
bytes(size_t n, size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (size != 0 && n > (SIZE_MAX - 2 * page) / size)
		return 0;
	return (n * size + page - 1) / page * page + page;
}

void *
sparse_alloc(size_t n, size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t all = bytes(n, size);
	char *p;

	if (all == 0)
		return NULL;
	p = mmap(NULL, all, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (mprotect(p + all - page, page, PROT_NONE) != 0) {
		(void)munmap(p, all);
		return NULL;
	}
	return p;
}

void
sparse_free(void *p, size_t n, size_t size)
{
	if (p != NULL)
		SYNC_REQUIRE(munmap(p, bytes(n, size)) == 0);
}
