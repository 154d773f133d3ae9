/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_XCALL_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_XCALL_H

/* xcall(9). */

#include <sys/types.h>

#define XC_HIGHPRI 0x01

typedef void (*xcfunc_t)(void *, void *);

uint64_t xc_broadcast(u_int flags, xcfunc_t func, void *arg1, void *arg2);
void xc_wait(uint64_t where);

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_XCALL_H */
