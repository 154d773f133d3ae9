/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_PARAM_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_PARAM_H

/* param(3); mstohz(9). */

#include <sys/types.h>

#define __NetBSD_Version__ 1000000000 /* 10.0 */

#define NULL ((void *)0)

#define MAXCPUS  256
#define PRI_NONE (-1)

#define mstohz(ms) ((int)((int64_t)(ms)*hz / 1000))

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_PARAM_H */
