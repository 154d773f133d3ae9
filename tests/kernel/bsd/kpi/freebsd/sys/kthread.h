/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_KTHREAD_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_KTHREAD_H

/* kthread(9). */

struct proc;
struct thread;

int kthread_add(void (*func)(void *), void *arg, struct proc *procp,
    struct thread **newtdpp, int flags, int pages, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
void kthread_exit(void) __attribute__((noreturn));

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_KTHREAD_H */
