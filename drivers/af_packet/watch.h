/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef DRIVERS_AF_PACKET_WATCH_H
#define DRIVERS_AF_PACKET_WATCH_H

/*
 * A thread that follows one Linux interface by rtnetlink(7) and tells the
 * stack: carrier, MTU, deletion.
 */

#include <stdint.h>

#include "libsync/base/atomic.h"
#include "stack/core/netif.h"

struct af_packet_watch;
struct stack;

/* The Linux interface's MTU, which its owner may change at any time. */
struct af_packet_mtu {
	SYNC_ATOMIC(uint32_t) bytes; /* [a] */
};

/*
 * Begin to listen; the thread tells nobody before af_packet_watch_start().
 * Context: control thread; may sleep.
 * Returns: 0, -ENOMEM, or a negative errno of socket(2) or thread creation.
 */
int af_packet_watch_create(int ifindex, struct af_packet_watch **out);

/*
 * From now on interface id of st is told, and mtu keeps the device's MTU; the
 * state of now is told first.
 * Context: control thread without the control mutex; may sleep.
 * Owner:   mtu is the caller's until af_packet_watch_destroy().
 */
void af_packet_watch_start(struct af_packet_watch *wa, struct stack *st,
    netif_id id, struct af_packet_mtu *mtu);

/* End the thread.  Context: control thread without the control mutex. */
void af_packet_watch_destroy(struct af_packet_watch *wa);

#endif /* DRIVERS_AF_PACKET_WATCH_H */
