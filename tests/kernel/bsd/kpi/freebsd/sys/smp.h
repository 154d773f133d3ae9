/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_SMP_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_SMP_H

/* smp(9): the CPUs, and rendezvous. */

#include <sys/types.h>

extern u_int mp_maxid;

bool kpi_cpu_absent(u_int cpu);
#define CPU_ABSENT(cpu) kpi_cpu_absent(cpu)

void smp_no_rendezvous_barrier(void *arg);
void smp_rendezvous(void (*setup)(void *), void (*action)(void *),
    void (*teardown)(void *), void *arg);

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_SMP_H */
