/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef DRIVERS_LOOP_LOOP_H
#define DRIVERS_LOOP_LOOP_H

/*
 * The loop interface: what a stack sends to itself comes back on the same
 * worker, as bare IP datagrams that are marked PKT_LOOPED.  Nothing is copied.
 */

#include "stack/core/netif.h"

struct driver;
struct stack;

/* "loop NAME". */
extern const struct driver loop_driver;

/* Datagrams that wait on one worker; the next is DROP_TX_FULL. */
#define LOOP_QUEUE_MAX 256

/*
 * Make a loop interface.
 * Context: control thread without the control mutex; may sleep.
 * Owner:   the stack owns the interface.
 * Returns: 0, -ENOMEM, or what netif_attach() returned.
 */
int loop_attach(struct stack *st, const char *ifname, netif_id *out);

#endif /* DRIVERS_LOOP_LOOP_H */
