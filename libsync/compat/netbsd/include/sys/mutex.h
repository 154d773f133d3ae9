/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_MUTEX_H
#define LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_MUTEX_H

#include "libsync/compat/netbsd/netbsd.h"

#endif /* LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_MUTEX_H */
