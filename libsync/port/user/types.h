/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_USER_TYPES_H
#define LIBSYNC_PORT_USER_TYPES_H

/* Linux user space.  What is asked for: libsync/port/types.h. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#endif /* LIBSYNC_PORT_USER_TYPES_H */
