/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_STDINT_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_STDINT_H

/* stdint(3). */

#include <sys/types.h>

#define INT8_MAX    __INT8_MAX__
#define INT16_MAX   __INT16_MAX__
#define INT32_MAX   __INT32_MAX__
#define INT64_MAX   __INT64_MAX__
#define UINT8_MAX   __UINT8_MAX__
#define UINT16_MAX  __UINT16_MAX__
#define UINT32_MAX  __UINT32_MAX__
#define UINT64_MAX  __UINT64_MAX__
#define UINTPTR_MAX __UINTPTR_MAX__
#define SIZE_MAX    __SIZE_MAX__

#define INT64_C(c)  c##L
#define UINT32_C(c) c##U
#define UINT64_C(c) c##UL

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_STDINT_H */
