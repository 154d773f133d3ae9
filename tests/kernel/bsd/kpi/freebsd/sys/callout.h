/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_CALLOUT_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_CALLOUT_H

/* callout(9). */

#include <sys/types.h>

struct callout {
	void *c_kpi[2];
};

#define C_DIRECT_EXEC 0x0001

void callout_init(struct callout *c, int mpsafe);
int callout_reset_sbt_on(struct callout *c, sbintime_t sbt, sbintime_t pr,
    void (*func)(void *), void *arg, int cpu, int flags);
int callout_drain(struct callout *c);

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_CALLOUT_H */
