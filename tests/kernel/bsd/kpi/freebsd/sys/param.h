/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_PARAM_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_PARAM_H

/* No page of its own; MAXCPU of amd64. */

#include <sys/types.h>

#include <sys/errno.h>

#define __FreeBSD_version 1400097

#define NULL ((void *)0)

#define MAXCPU    1024
#define PAGE_SIZE 4096

#define PDROP 0x200 /* sleep(9) */

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_PARAM_H */
