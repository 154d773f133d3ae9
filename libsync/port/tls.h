/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_TLS_H
#define LIBSYNC_PORT_TLS_H

/*
 * Variables of which every thread has its own.  PORT_THREAD_LOCAL comes right
 * after extern or static:
 *
 *     static PORT_THREAD_LOCAL struct record record;
 *
 * The read side is inline, so this header is installed and a program sees the
 * same definition as the library.
 */
#include "libsync/port/user/tls.h"

#endif /* LIBSYNC_PORT_TLS_H */
