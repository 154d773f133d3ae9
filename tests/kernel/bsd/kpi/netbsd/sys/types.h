/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_TYPES_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_TYPES_H

/* Widths of a 64-bit machine, as the compiler has them; types(3). */

typedef __INT8_TYPE__ int8_t;
typedef __INT16_TYPE__ int16_t;
typedef __INT32_TYPE__ int32_t;
typedef __INT64_TYPE__ int64_t;
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __INTPTR_TYPE__ intptr_t;
typedef __UINTPTR_TYPE__ uintptr_t;
typedef __INTMAX_TYPE__ intmax_t;
typedef __UINTMAX_TYPE__ uintmax_t;
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ssize_t;
typedef unsigned int u_int;
typedef int32_t lwpid_t;
typedef int64_t time_t;

#define bool _Bool
#define true 1
#define false 0

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_TYPES_H */
