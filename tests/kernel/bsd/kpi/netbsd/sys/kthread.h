/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_KTHREAD_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_KTHREAD_H

/* kthread(9). */

#include <sys/lwp.h>

typedef int pri_t;

struct cpu_info;

#define KTHREAD_MPSAFE   0x02
#define KTHREAD_MUSTJOIN 0x10

int kthread_create(pri_t pri, int flags, struct cpu_info *ci,
    void (*func)(void *), void *arg, lwp_t **newlp, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
void kthread_exit(int code) __attribute__((noreturn));
int kthread_join(lwp_t *l);

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_KTHREAD_H */
