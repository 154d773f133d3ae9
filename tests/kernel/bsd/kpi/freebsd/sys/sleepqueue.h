/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_SLEEPQUEUE_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_SLEEPQUEUE_H

/* sleepqueue(9). */

#include <sys/types.h>

struct lock_object;

#define SLEEPQ_SLEEP 0x00

void sleepq_lock(const void *wchan);
void sleepq_release(const void *wchan);
void sleepq_add(const void *wchan, struct lock_object *lock, const char *wmesg,
    int flags, int queue);
void sleepq_set_timeout_sbt(
    const void *wchan, sbintime_t sbt, sbintime_t pr, int flags);
void sleepq_wait(const void *wchan, int pri);
int sleepq_timedwait(const void *wchan, int pri);

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_SLEEPQUEUE_H */
