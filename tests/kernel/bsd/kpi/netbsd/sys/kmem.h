/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_KMEM_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_KMEM_H

/* kmem(9). */

#include <sys/types.h>

typedef unsigned int km_flag_t;

#define KM_SLEEP   0x00000001
#define KM_NOSLEEP 0x00000002

void *kmem_intr_zalloc(size_t size, km_flag_t flags);
void kmem_intr_free(void *p, size_t size);

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_KMEM_H */
