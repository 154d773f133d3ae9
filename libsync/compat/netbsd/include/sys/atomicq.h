/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_ATOMICQ_H
#define LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_ATOMICQ_H

#include "libsync/compat/netbsd/atomicq.h"

#endif /* LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_ATOMICQ_H */
