/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_PCQ_H
#define LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_PCQ_H

#include "libsync/compat/netbsd/pcq.h"

#endif /* LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_PCQ_H */
