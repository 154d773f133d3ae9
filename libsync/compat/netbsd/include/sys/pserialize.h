/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_PSERIALIZE_H
#define LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_PSERIALIZE_H

#include "libsync/compat/netbsd/pserialize.h"

#endif /* LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_PSERIALIZE_H */
