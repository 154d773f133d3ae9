/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_INTR_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_INTR_H

/* spl(9). */

#define IPL_NONE       0
#define IPL_SOFTCLOCK  1
#define IPL_SOFTBIO    2
#define IPL_SOFTNET    3
#define IPL_SOFTSERIAL 4
#define IPL_VM         5
#define IPL_SCHED      6
#define IPL_HIGH       7

int splhigh(void);
void splx(int s);

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_INTR_H */
