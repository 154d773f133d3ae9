/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_KERNEL_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_KERNEL_H

/* kernel(9), SYSINIT(9). */

extern int hz; /* ticks of a second */

#define SI_SUB_SMP   0xf000000
#define SI_SUB_LAST  0xfffffff
#define SI_ORDER_ANY 0xfffffff

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_KERNEL_H */
