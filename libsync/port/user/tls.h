/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_USER_TLS_H
#define LIBSYNC_PORT_USER_TLS_H

/*
 * Initial-exec: one load finds the variable, but the room for it is reserved
 * when the program starts, so a library that dlopen(3) brings in may find too
 * little left.  For those there is the meson option tls=dynamic, which defines
 * LIBSYNC_TLS_DYNAMIC here and for users (pkg-config): the compiler's default,
 * which may cost a call.
 */
#ifdef LIBSYNC_TLS_DYNAMIC
#define PORT_THREAD_LOCAL __thread
#else
#define PORT_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#endif

#endif /* LIBSYNC_PORT_USER_TLS_H */
