/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_MALLOC_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_MALLOC_H

/* malloc(9). */

#include <sys/types.h>

struct malloc_type {
	const char *ks_shortdesc;
};

#define M_NOWAIT 0x0001
#define M_WAITOK 0x0002
#define M_ZERO   0x0100

#define MALLOC_DEFINE(type, shortdesc, longdesc) \
	struct malloc_type type[1] = {{shortdesc}}

void *malloc_aligned(
    size_t size, size_t align, struct malloc_type *type, int flags);
void free(void *addr, struct malloc_type *type);

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_MALLOC_H */
