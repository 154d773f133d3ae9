/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_BARE_TYPES_H
#define LIBSYNC_PORT_BARE_TYPES_H

/*
 * What every compiler brings along without a libc, the four functions that it
 * may call by itself, and error numbers (those of Linux).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EPERM     1
#define ENOENT    2
#define E2BIG     7
#define EAGAIN    11
#define ENOMEM    12
#define EBUSY     16
#define EEXIST    17
#define EINVAL    22
#define ENOSPC    28
#define ERANGE    34
#define EDEADLK   35
#define ENOSYS    38
#define EOVERFLOW 75
#define ENOTSUP   95
#define ENOBUFS   105

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif /* LIBSYNC_PORT_BARE_TYPES_H */
