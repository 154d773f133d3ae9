/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_CPU_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_CPU_H

/* cpu(9): curcpu(9), cpu_index(9), cpu_intr_p(9), cpu_lookup(9). */

#include <sys/types.h>

struct cpu_info;

/* There inline, and of the machine. */
struct cpu_info *kpi_curcpu(void);
#define curcpu() kpi_curcpu()

u_int cpu_index(const struct cpu_info *ci);
struct cpu_info *cpu_lookup(u_int index);
bool cpu_intr_p(void);

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_CPU_H */
