/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_PROC_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_PROC_H

/* kpause(9), preempt(9). */

#include <sys/lwp.h>
#include <sys/mutex.h>

int kpause(const char *wmesg, bool intr, int timo, kmutex_t *mtx);
void preempt(void);

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_PROC_H */
