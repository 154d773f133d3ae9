/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_CONDVAR_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_CONDVAR_H

/* condvar(9). */

#include <sys/mutex.h>

typedef struct kcondvar {
	uint32_t cv_word;
	uint32_t cv_waiters;
} kcondvar_t;

void cv_init(kcondvar_t *cv, const char *wmesg);
void cv_destroy(kcondvar_t *cv);
void cv_wait(kcondvar_t *cv, kmutex_t *mtx);
int cv_timedwait(kcondvar_t *cv, kmutex_t *mtx, int ticks);
void cv_broadcast(kcondvar_t *cv);

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_CONDVAR_H */
