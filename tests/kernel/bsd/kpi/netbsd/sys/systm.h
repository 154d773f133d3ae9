/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_NETBSD_SYS_SYSTM_H
#define TESTS_KERNEL_BSD_KPI_NETBSD_SYS_SYSTM_H

/* panic(9), kprintf(9), kpreempt(9); memcpy(3) and its kind are of libkern. */

#include <sys/stdarg.h>
#include <sys/types.h>

extern int ncpu; /* number of CPUs configured; cpu(9) */

void panic(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
void vprintf(const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int c, size_t len);
int memcmp(const void *a, const void *b, size_t len);

void kpreempt_disable(void);
void kpreempt_enable(void);
bool kpreempt_disabled(void);

#endif /* TESTS_KERNEL_BSD_KPI_NETBSD_SYS_SYSTM_H */
