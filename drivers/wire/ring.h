/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef DRIVERS_WIRE_RING_H
#define DRIVERS_WIRE_RING_H

/*
 * One transmit queue of a wire: a bounded queue of frames, each with the time
 * at which it arrives.  One producer, one consumer, no waiting.
 *
 * What may run together ("-" yes, "X" the caller must prevent it):
 *
 *                     fill/publish  pop/release/arm/due  create/destroy
 *   fill/publish           X                 -                  X
 *   pop/release/arm/due    -                 X                  X
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/core/pkt.h"

#define WIRE_RING_FRAME_MAX PKT_ROOM

struct wire_config;
struct wire_ring;

/* A frame on its way.  [p] producer until published, then the consumer's */
struct wire_ring_frame {
	uint64_t due;     /* [p] ns: arrives */
	uint32_t len;     /* [p] bytes */
	uint8_t overtake; /* [p] arrives after so many others; 0: in order */
	bool taken;       /* [p] popped, not released yet */
	uint8_t data[WIRE_RING_FRAME_MAX];
};

/* What became of a frame at the sender. */
enum wire_ring_fate {
	WIRE_RING_SENT,
	WIRE_RING_FULL,
	WIRE_RING_LOST,
};

/*
 * Make an empty ring whose first frame wakes the consumer.  rate_bps is this
 * ring's share; the seed is cfg's, varied by salt.
 * Context: control thread; may sleep (allocates).
 * Returns: 0 or -ENOMEM.
 */
int wire_ring_create(const struct wire_config *cfg, uint64_t rate_bps,
    uint64_t salt, struct wire_ring **out);

/* Free it and the frames in it.  Context: control thread, the only user. */
void wire_ring_destroy(struct wire_ring *r);

/*
 * Send one frame of at most WIRE_RING_FRAME_MAX bytes at time now; the
 * consumer sees it after the next wire_ring_publish().
 * Context: the producer; never sleeps; wait-free.
 */
enum wire_ring_fate wire_ring_fill(
    struct wire_ring *r, uint64_t now, const void *data, size_t len);

/*
 * Let the consumer see what was filled.
 * Context: the producer; never sleeps; wait-free.
 * Returns: true if the consumer sleeps, or is about to, and must be woken.
 */
bool wire_ring_publish(struct wire_ring *r);

/*
 * Take the next frame that has arrived by now.
 * Context: the consumer; never sleeps; wait-free.
 * Owner:   the frame stays until wire_ring_release().
 * Returns: NULL if there is none.
 */
const struct wire_ring_frame *wire_ring_pop(struct wire_ring *r, uint64_t now);

/* Give the popped frames' room back.  Context: the consumer; wait-free. */
void wire_ring_release(struct wire_ring *r);

/*
 * When the next frame arrives.
 * Context: the consumer; never sleeps.
 * Returns: ns, 0 for "now"; UINT64_MAX if nothing is on its way.
 */
uint64_t wire_ring_due(struct wire_ring *r);

/*
 * The consumer is about to sleep: the next publish tells its producer.
 * Context: the consumer, or whoever will be; never sleeps; wait-free.
 * Order:   a publish that does not see this call happens before it returns.
 */
void wire_ring_arm(struct wire_ring *r);

/* Drop all that was published.  Context: the consumer. */
void wire_ring_flush(struct wire_ring *r);

#endif /* DRIVERS_WIRE_RING_H */
