/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_ERRNO_H
#define TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_ERRNO_H

/* errno(2): what libsync returns. */

#define ENOENT      2
#define ENOMEM      12
#define EBUSY       16
#define EEXIST      17
#define EINVAL      22
#define ENOTTY      25
#define ENOSPC      28
#define EAGAIN      35
#define EWOULDBLOCK EAGAIN
#define EOPNOTSUPP  45
#define ENOBUFS     55
#define ETIMEDOUT   60
#define ENOSYS      78

#endif /* TESTS_KERNEL_BSD_KPI_FREEBSD_SYS_ERRNO_H */
