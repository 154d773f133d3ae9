/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_LOCALCOUNT_H
#define LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_LOCALCOUNT_H

#include "libsync/compat/netbsd/localcount.h"

#endif /* LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_LOCALCOUNT_H */
