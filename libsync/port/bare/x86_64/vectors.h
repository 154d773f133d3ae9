/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_BARE_X86_64_VECTORS_H
#define LIBSYNC_PORT_BARE_X86_64_VECTORS_H

/* What boot.S and machine.c agree upon. */

#define EXCEPTIONS 32

/* Intel SDM 3A 6.15: one bit for each exception that pushes an error code. */
#define EXCEPTIONS_WITH_CODE 0x60227d00

#define VECTOR_TIMER    0x40
#define VECTOR_MESSAGE  0x41
#define VECTOR_SPURIOUS 0xff

#define TRAMPOLINE 0x8000 /* a page below a megabyte */

#endif /* LIBSYNC_PORT_BARE_X86_64_VECTORS_H */
