/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_CALLOUT_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_CALLOUT_H

/* callout(9). */

#include <sys/types.h>

struct cpu_info;

typedef struct callout {
	void *c_kpi[2];
} callout_t;

#define CALLOUT_MPSAFE 0x0100

void callout_init(callout_t *c, u_int flags);
void callout_setfunc(callout_t *c, void (*func)(void *), void *arg);
void callout_schedule(callout_t *c, int ticks);
void callout_bind(callout_t *c, struct cpu_info *ci);
bool callout_halt(callout_t *c, void *interlock);
void callout_destroy(callout_t *c);

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_CALLOUT_H */
