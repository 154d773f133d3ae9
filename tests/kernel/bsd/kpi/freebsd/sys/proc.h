/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_PROC_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_PROC_H

/* curproc(9), sched_pin(9). */

#include <sys/types.h>

#define MAXCOMLEN 19

struct proc;

struct thread {
	lwpid_t td_tid;
	u_int td_critnest; /* critical sections around this one */
	int td_intr_nesting_level;
	char td_name[MAXCOMLEN + 1];
};

/* There inline, and of the machine. */
struct thread *kpi_curthread(void);
#define curthread kpi_curthread()

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_PROC_H */
