/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libsync/base/assert.h"
#include "stack/route/host.h"

void *
route_host_alloc(size_t size)
{
	return calloc(1, size);
}

void *
route_host_resize(void *p, size_t old, size_t size)
{
	(void)old;
	return realloc(p, size);
}

void
route_host_free(void *p)
{
	free(p);
}

void *
route_host_map(size_t size, size_t align)
{
	const size_t whole = size + align;
	uint8_t *p, *start;

	p = mmap(NULL, whole, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	start = p + (align - (uintptr_t)p % align) % align;
	if (start != p)
		(void)munmap(p, (size_t)(start - p));
	if (start + size != p + whole)
		(void)munmap(start + size, (size_t)(p + whole - start) - size);
	return start;
}

int
route_host_use(void *at, size_t size)
{
	return mprotect(at, size, PROT_READ | PROT_WRITE) == 0 ? 0 : -ENOMEM;
}

void
route_host_huge(void *at, size_t size)
{
	(void)madvise(at, size, MADV_HUGEPAGE);
}

void
route_host_unmap(void *at, size_t size)
{
	SYNC_REQUIRE(munmap(at, size) == 0);
}

size_t
route_host_page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

bool
route_host_wants(const char *body)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody here changes it. */
	const char *name = getenv("PSNET_FIB");

	return name != NULL && strcmp(name, body) == 0;
}
