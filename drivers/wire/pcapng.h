/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef DRIVERS_WIRE_PCAPNG_H
#define DRIVERS_WIRE_PCAPNG_H

/*
 * Writes Ethernet frames to a pcapng file, one write(2) per frame, so that the
 * file is complete also after a crash.
 *
 * What may run together: any calls of wire_pcapng_write().
 */

#include <stddef.h>
#include <stdint.h>

struct wire_pcapng;

/*
 * Make a file with ninterfaces Ethernet interfaces of these names.
 * Context: control thread; may sleep.
 * Owner:   the caller owns *out until wire_pcapng_close().
 * Returns: 0, -ENOMEM, or a negative errno of open(2) or write(2).
 */
int wire_pcapng_open(const char *path, const char *const *names,
    unsigned int ninterfaces, struct wire_pcapng **out);

/* Close the file.  Context: control thread, the only user. */
void wire_pcapng_close(struct wire_pcapng *p);

/*
 * Append one frame of an interface at a time in ns.  A full disk loses it.
 * Context: any thread; may sleep (writes).
 */
void wire_pcapng_write(struct wire_pcapng *p, unsigned int interface,
    uint64_t time, const void *frame, size_t len);

#endif /* DRIVERS_WIRE_PCAPNG_H */
