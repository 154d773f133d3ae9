/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_KERNEL_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_KERNEL_H

/* hz(9). */

extern int hz; /* ticks of a second */

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_KERNEL_H */
