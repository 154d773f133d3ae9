/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_PSLIST_H
#define LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_PSLIST_H

#include "libsync/compat/netbsd/pslist.h"

#endif /* LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_PSLIST_H */
