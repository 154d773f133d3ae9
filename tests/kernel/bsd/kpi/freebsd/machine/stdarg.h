/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_MACHINE_STDARG_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_MACHINE_STDARG_H

/* stdarg(3). */

#ifndef va_start
typedef __builtin_va_list va_list;

#define va_start(ap, last) __builtin_va_start(ap, last)
#define va_end(ap)         __builtin_va_end(ap)
#endif

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_MACHINE_STDARG_H */
