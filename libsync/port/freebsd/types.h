/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_FREEBSD_TYPES_H
#define LIBSYNC_PORT_FREEBSD_TYPES_H

/* The FreeBSD kernel.  What each name is for: libsync/port/types.h. */

#include <sys/param.h>
#include <sys/types.h>

#include <sys/errno.h>
#include <sys/stdint.h>
#include <sys/systm.h>

/* Of sys/stddef.h, in some releases. */
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif

#endif /* LIBSYNC_PORT_FREEBSD_TYPES_H */
