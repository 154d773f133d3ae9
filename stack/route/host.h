/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_HOST_H
#define STACK_ROUTE_HOST_H

/*
 * What the compiled tables and their arena need of their host, beside libsync:
 * memory, and in user space a wish for a batch body.  host_user.c, and for all
 * kernels host_kernel.c, which asks port_alloc() for everything.
 *
 * ROUTE_HOST_KERNEL is defined where there are no vector registers: lookups then
 * have no bodies but those in plain C.
 */

#include "libsync/port/types.h"

#if defined(__KERNEL__) || defined(_KERNEL) || defined(LIBSYNC_PORT_BARE)
#define ROUTE_HOST_KERNEL 1
#endif

/*
 * Zeroed memory.
 * Context: any thread that may sleep.
 * Returns: NULL if there is none.
 */
void *route_host_alloc(size_t size);

/*
 * The same memory with another size, at another place; what was behind the old
 * size is not initialised.
 * p:       NULL, and old 0: as route_host_alloc().
 * Context: any thread that may sleep.
 * Returns: NULL if there is none; then p is as it was.
 */
void *route_host_resize(void *p, size_t old, size_t size);

/* Context: as for port_free(), functions of pserialize_call() too. */
void route_host_free(void *p);

/*
 * Addresses, of which none may be used yet.  A kernel may have the memory
 * behind them at once.
 * align:   a power of two; a kernel may begin with any cache line.
 * Context: any thread that may sleep.
 * Owner:   the caller, until route_host_unmap().
 * Returns: NULL if there are none.
 */
void *route_host_map(size_t size, size_t align);

/*
 * Let some of them be used: zeroed memory.  To ask again for some that may be
 * used is no error.
 * at, size: multiples of route_host_page(), from what was mapped.
 * Context: any thread that may sleep.
 * Returns: 0; -ENOMEM.
 */
int route_host_use(void *at, size_t size);

/* Wish for huge pages.  Context: as above, before any may be used. */
void route_host_huge(void *at, size_t size);

/* Give it back, all that was mapped. */
void route_host_unmap(void *at, size_t size);

/* Bytes; context: any thread. */
size_t route_host_page(void);

/* Is the batch body of this name asked for?  Context: control thread. */
bool route_host_wants(const char *body);

#endif /* STACK_ROUTE_HOST_H */
