/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_TIME_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_TIME_H

/* microuptime(9); nstosbt() has no page. */

#include <sys/types.h>

struct timespec {
	time_t tv_sec;
	long tv_nsec;
};

void nanouptime(struct timespec *ts);

/* 32 bits of seconds and 32 of their parts; below a second here. */
static inline sbintime_t
nstosbt(int64_t ns)
{
	return (sbintime_t)(((uint64_t)ns << 32) / 1000000000u);
}

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_TIME_H */
