/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_MUTEX_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_MUTEX_H

/* mutex(9). */

#include <sys/types.h>

struct mtx {
	uint32_t mtx_word;
};

#define MTX_DEF 0

void mtx_init(struct mtx *mutex, const char *name, const char *type, int opts);
void mtx_destroy(struct mtx *mutex);
void mtx_lock(struct mtx *mutex);
void mtx_unlock(struct mtx *mutex);

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_MUTEX_H */
