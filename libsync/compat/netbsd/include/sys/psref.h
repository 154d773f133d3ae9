/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_PSREF_H
#define LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_PSREF_H

#include "libsync/compat/netbsd/psref.h"

#endif /* LIBSYNC_COMPAT_NETBSD_INCLUDE_SYS_PSREF_H */
