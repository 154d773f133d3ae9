/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_TIME_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_TIME_H

/* nanouptime(9). */

#include <sys/types.h>

struct timespec {
	time_t tv_sec;
	long tv_nsec;
};

void nanouptime(struct timespec *ts);

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_TIME_H */
