/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_PAUSE_H
#define LIBSYNC_PORT_PAUSE_H

#include "libsync/base/fence.h"

/* Tell the processor that this is a waiting loop. */
static inline void
port_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	sync_fence_compiler();
#endif
}

#endif /* LIBSYNC_PORT_PAUSE_H */
