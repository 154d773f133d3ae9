/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef DRIVERS_AF_PACKET_AF_PACKET_H
#define DRIVERS_AF_PACKET_AF_PACKET_H

/*
 * An existing Linux interface by packet(7) sockets: one socket per worker,
 * each with a TPACKET_V3 receive ring and a transmit ring; with several
 * workers the kernel spreads flows over them.  What the kernel left to the
 * device is finished in software (drivers/offload).
 *
 * The kernel goes on seeing every frame: give the interface no IP address
 * there, or both answer.
 */

#include <stdbool.h>
#include <stdint.h>

#include "stack/core/netif.h"

struct driver;
struct stack;

/* "af_packet NAME [dev=LINUX-NAME] [hwaddr=MAC] [promisc=on|off]". */
extern const struct driver af_packet_driver;

struct af_packet_config {
	const char *dev;   /* Linux name */
	uint8_t hwaddr[6]; /* ours; zero: that of the device */
	bool promisc;      /* as with a hwaddr that is not the device's */
};

/*
 * Attach an interface to a Linux one, which is set up and running if it can.
 * It has a carrier while the Linux interface is up and running, and is
 * detached when that is deleted or leaves the network namespace.
 * Context: control thread without the control mutex; may sleep.
 * Owner:   the stack owns the interface; netif_detach() closes the sockets, and
 *          must not be called by another thread before this returns.
 * Returns: 0, -ENODEV (no such interface), -EINVAL (name, or no Ethernet),
 *          -EPERM, another negative errno of packet(7), or what netif_attach()
 *          returned.
 */
int af_packet_attach(struct stack *st, const char *ifname,
    const struct af_packet_config *cfg, netif_id *out);

#endif /* DRIVERS_AF_PACKET_AF_PACKET_H */
