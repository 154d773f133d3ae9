/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef DRIVERS_AF_PACKET_RING_H
#define DRIVERS_AF_PACKET_RING_H

/*
 * One packet(7) socket with its two rings: the queue of one worker.
 *
 * What may run together: receive, send and arm are the worker's, create and
 * destroy the control thread's when the worker does not use the queue.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/core/pkt.h"

struct af_packet_ring;
struct netif;
struct worker;

/*
 * Open a socket, not bound to an interface yet.
 * Context: control thread; may sleep.
 * Returns: 0, -ENOMEM, or a negative errno of packet(7).
 */
int af_packet_ring_create(struct af_packet_ring **out);

/* Close it.  Context: control thread; may sleep. */
void af_packet_ring_destroy(struct af_packet_ring *r);

/*
 * Bind n sockets, of which each then gets a part of the flows.
 * Context: control thread; may sleep.
 * Returns: 0 or a negative errno of packet(7).
 */
int af_packet_ring_bind(
    struct af_packet_ring *const *rings, unsigned int n, int ifindex);

/*
 * Let every frame in, also those for other stations, or no longer.
 * Context: control thread.  Returns: 0 or a negative errno.
 */
int af_packet_ring_promisc(struct af_packet_ring *r, int ifindex, bool on);

/*
 * Fill b with finished frames; what cannot be received is counted on nif.
 * Context: the worker in a read section; never sleeps.
 */
void af_packet_ring_receive(struct af_packet_ring *r, struct netif *nif,
    struct worker *w, struct pkt_batch *b);

/*
 * Send b in one go; frames above max bytes are refused.
 * Context: the worker in a read section; never sleeps.
 * Owner:   takes the packets.
 */
void af_packet_ring_send(struct af_packet_ring *r, struct netif *nif,
    struct worker *w, struct pkt_batch *b, size_t max);

/*
 * The worker is about to sleep.
 * Context: the worker; never sleeps.
 * Returns: true if frames wait; else *fd becomes readable when some do.
 */
bool af_packet_ring_arm(struct af_packet_ring *r, int *fd);

#endif /* DRIVERS_AF_PACKET_RING_H */
