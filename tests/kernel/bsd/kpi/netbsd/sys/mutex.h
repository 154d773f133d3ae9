/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_MUTEX_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_MUTEX_H

/* mutex(9). */

#include <sys/intr.h>
#include <sys/types.h>

typedef enum kmutex_type_t {
	MUTEX_SPIN,
	MUTEX_ADAPTIVE,
	MUTEX_DEFAULT
} kmutex_type_t;

typedef struct kmutex {
	uint32_t mtx_word;
	int mtx_ipl;
} kmutex_t;

void mutex_init(kmutex_t *mtx, kmutex_type_t type, int ipl);
void mutex_destroy(kmutex_t *mtx);
void mutex_enter(kmutex_t *mtx);
void mutex_exit(kmutex_t *mtx);

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_MUTEX_H */
