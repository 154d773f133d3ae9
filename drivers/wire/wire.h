/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef DRIVERS_WIRE_WIRE_H
#define DRIVERS_WIRE_WIRE_H

/*
 * An Ethernet link in memory between two interfaces, of any stacks in this
 * process, with a rate, a delay, losses and reordering.
 *
 * Frames are copied: a packet never leaves the stack that it belongs to.  Each
 * transmit queue of an end is one lock-free ring; ring q is read by receive
 * queue q modulo their number of the other end.  With the same seed, clock and
 * input the same frames are lost and overtaken.
 *
 * What may run together ("-" yes, "X" the caller must prevent it):
 *
 *                         attach  set/capture  netif_detach  destroy
 *   attach, same end        X          -             X          X
 *   attach, other end       -          -             -          X
 *   set_carrier, capture    -          -             -          X
 *   netif_detach            -          -             -          -
 */

#include <stdbool.h>
#include <stdint.h>

#include "stack/core/netif.h"

struct driver;
struct stack;
struct wire;

/* The same for both directions.  All zero: a perfect link. */
struct wire_config {
	uint64_t rate_bps; /* shared evenly by the queues; 0: no limit */
	uint64_t delay_ns; /* from the last bit sent to its arrival */
	uint32_t loss_ppm; /* frames lost, of a million */
	uint32_t
	    reorder_ppm;    /* frames overtaken by one to four, of a million */
	uint64_t seed;      /* of the generators of loss and reordering */
	unsigned queue_len; /* frames under way per queue, at least 2; 0: 256 */
};

/* The most that overtaking holds a frame back when no other follows, ns. */
#define WIRE_LATE_MAX UINT64_C(10000000)

/*
 * "wire NAME peer=NAME [...]": both ends in the same stack.  When one of them
 * is detached, the next stack_housekeep() detaches the other.
 */
extern const struct driver wire_driver;

/*
 * Make a wire without ends.  cfg is copied; NULL: all zero.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller owns *out until wire_destroy().
 * Returns: 0, -EINVAL (more than a million ppm, queue_len 1 or above 65536) or
 *          -ENOMEM.
 */
int wire_create(const struct wire_config *cfg, struct wire **out);

/*
 * Give the wire up.  It is freed now, or with its last interface.
 * Context: control thread; may sleep.
 */
void wire_destroy(struct wire *w);

/*
 * Make an interface of st that is end 0 or 1 of the wire.  ifname NULL: named
 * by the stack.  There is a carrier while both ends are attached; a frame sent
 * without one is dropped as DROP_NETIF_DOWN.  Where frames take time, both
 * stacks need the same clock.
 * Context: control thread without a control mutex; may sleep.
 * Owner:   the stack owns the interface; netif_detach() unplugs this end, and
 *          frames under way to it or from it are lost.
 * Returns: 0, -EINVAL (end), -EBUSY (end in use), -ENOMEM, or what
 *          netif_attach() returned.
 */
int wire_attach(struct wire *w, unsigned int end, struct stack *st,
    const char *ifname, netif_id *out);

/*
 * Cut or mend the wire for both ends; a new wire is whole.  What is under way
 * when it is cut is dropped on arrival as DROP_NETIF_DOWN.
 * Context: control thread without a control mutex; may sleep.
 */
void wire_set_carrier(struct wire *w, bool whole);

/*
 * Write each frame that enters the wire from now on, lost ones excepted, to a
 * new pcapng file at path: interface 0 and 1 are the sending ends, times are
 * the sender's clock.  Each frame costs a write(2) on the sending worker.
 * Context: control thread; may sleep.
 * Returns: 0, -EBUSY (already capturing), or a negative errno of open(2) and
 *          write(2).
 */
int wire_capture_start(struct wire *w, const char *path);

/* End the capture, if there is one.  Context: as wire_capture_start(). */
void wire_capture_stop(struct wire *w);

#endif /* DRIVERS_WIRE_WIRE_H */
