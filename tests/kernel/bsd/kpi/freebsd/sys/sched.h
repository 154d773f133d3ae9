/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_SCHED_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_SCHED_H

/* scheduler(9). */

#include <sys/types.h>

struct thread;

void sched_pin(void);
void sched_unpin(void);
void sched_bind(struct thread *td, int cpu);
void sched_unbind(struct thread *td);

/* locking(9), thread_lock(9). */
void thread_lock(struct thread *td);
void thread_unlock(struct thread *td);

/* No page: give others of the same priority a turn. */
#define PRI_USER (-2)
void kern_yield(int priority);

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_SCHED_H */
