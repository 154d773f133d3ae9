/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_SYSTM_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_SYSTM_H

/* panic(9), printf(9), critical_enter(9), sleep(9); copy routines of libkern. */

#include <sys/types.h>

void panic(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
int vprintf(const char *fmt, __builtin_va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int vsnprintf(char *buf, size_t size, const char *fmt, __builtin_va_list ap);

void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int c, size_t len);
int memcmp(const void *a, const void *b, size_t len);

void critical_enter(void);
void critical_exit(void);

/* No page: what mtx_lock_spin() of mutex(9) does to the thread. */
void spinlock_enter(void);
void spinlock_exit(void);

struct mtx;
int msleep(const void *chan, struct mtx *mtx, int priority, const char *wmesg,
    int timo);
int pause_sbt(const char *wmesg, sbintime_t sbt, sbintime_t pr, int flags);
void wakeup(const void *chan);
void wakeup_one(const void *chan);

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_SYSTM_H */
