/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_TYPES_H
#define LIBSYNC_PORT_TYPES_H

/*
 * What the language's own headers give elsewhere, and not every kernel has:
 *
 *   bool, true, false, size_t, NULL, offsetof
 *   intN_t, uintN_t, intptr_t, uintptr_t, INTn_MAX, UINTn_MAX, INTn_C,
 *   UINTn_C, SIZE_MAX for n of 32 and 64
 *   errno numbers
 *   memcpy, memset, memcmp, which a compiler calls of its own accord, too
 *   PORT_HIGH_ADDRESSES
 *           1: addresses of memory may have any upper 16 bits, as in a kernel;
 *           0: they have none, as in a program.  Tests ask for the former
 *
 * Which host this is follows from what its own build defines.
 */
#if defined(__KERNEL__) && defined(__linux__)
#include "libsync/port/linux/types.h"
#elif defined(_KERNEL) && defined(__NetBSD__)
#include "libsync/port/netbsd/types.h"
#elif defined(_KERNEL) && defined(__FreeBSD__)
#include "libsync/port/freebsd/types.h"
#elif defined(LIBSYNC_PORT_BARE)
#include "libsync/port/bare/types.h"
#else
#include "libsync/port/user/types.h"
#ifndef PORT_HIGH_ADDRESSES
#define PORT_HIGH_ADDRESSES 0
#endif
#endif

#ifndef PORT_HIGH_ADDRESSES
#define PORT_HIGH_ADDRESSES 1
#endif

#endif /* LIBSYNC_PORT_TYPES_H */
