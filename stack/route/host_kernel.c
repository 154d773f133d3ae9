/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Any kernel: its port's memory.  What is mapped is there at once, so the limit
 * of an arena is what it takes.
 */

#include "libsync/port/port.h"
#include "stack/route/host.h"

void *
route_host_alloc(size_t size)
{
	return port_alloc(size);
}

void *
route_host_resize(void *p, size_t old, size_t size)
{
	void *to = port_alloc(size);

	if (to == NULL || p == NULL)
		return to;
	memcpy(to, p, old < size ? old : size);
	port_free(p);
	return to;
}

void
route_host_free(void *p)
{
	if (p != NULL)
		port_free(p);
}

void *
route_host_map(size_t size, size_t align)
{
	(void)align;
	return port_alloc(size);
}

int
route_host_use(void *at, size_t size)
{
	(void)at;
	(void)size;
	return 0;
}

void
route_host_huge(void *at, size_t size)
{
	(void)at;
	(void)size;
}

void
route_host_unmap(void *at, size_t size)
{
	(void)size;
	port_free(at);
}

size_t
route_host_page(void)
{
	return SYNC_CACHELINE;
}

bool
route_host_wants(const char *body)
{
	(void)body;
	return false;
}
