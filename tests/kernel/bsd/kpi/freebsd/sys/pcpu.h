/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_PCPU_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_PCPU_H

/* pcpu(9). */

#include <sys/types.h>

/* There inline, and of the machine. */
u_int kpi_curcpu(void);
#define curcpu kpi_curcpu()

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_PCPU_H */
