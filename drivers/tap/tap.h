/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef DRIVERS_TAP_TAP_H
#define DRIVERS_TAP_TAP_H

/*
 * A Linux TAP interface: the kernel is the host at the other end.  One queue
 * per worker where the device allows it.  The kernel finishes checksums and
 * segments by itself, because the device is told of no offload.
 */

#include "stack/core/netif.h"

struct driver;
struct stack;

/* "tap NAME [dev=LINUX-NAME] [hwaddr=MAC]". */
extern const struct driver tap_driver;

struct tap_config {
	const char *dev;   /* Linux name; made if there is none */
	uint8_t hwaddr[6]; /* ours, not the kernel's; zero: random */
};

/*
 * Open or make the TAP device and attach an interface to it.  The device has a
 * carrier while the interface is up.  When the device is deleted the interface
 * is detached.
 * Context: control thread without the control mutex; may sleep.
 * Owner:   the stack owns the interface; netif_detach() closes the device.
 * Returns: 0, -EINVAL (name, or the device is no TAP), -EBUSY (in use),
 *          another negative errno of open(2) or ioctl(2), or what
 *          netif_attach() returned.
 */
int tap_attach(struct stack *st, const char *ifname,
    const struct tap_config *cfg, netif_id *out);

#endif /* DRIVERS_TAP_TAP_H */
