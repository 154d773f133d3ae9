/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_LOCK_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_LOCK_H

/* locking(9). */

struct lock_object;

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_LOCK_H */
