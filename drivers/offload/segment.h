/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef DRIVERS_OFFLOAD_SEGMENT_H
#define DRIVERS_OFFLOAD_SEGMENT_H

/*
 * Does in software what a Linux kernel left to the device: checksums that are
 * partial, and TCP or UDP super-frames that still have to be cut.  Works on
 * what PACKET_VNET_HDR and IFF_VNET_HDR put in front of a frame (virtio 1.2,
 * 5.1.6), in the host's byte order.
 */

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UDP segmentation (USO), which older kernel headers do not name. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* A frame being turned into finished ones.  [c] constant  [k] the caller's */
struct offload_segment {
	const uint8_t *frame; /* [c] */
	size_t len;           /* [c] */
	size_t l3, l4; /* [c] offsets, if there is more to do than copy */
	size_t hdr;    /* [c] bytes in front of the payload */
	size_t size;   /* [c] payload of all segments but the last */
	size_t done;   /* [k] payload bytes written */
	size_t sum_start, sum_at; /* [c] offsets, partial checksum */
	uint16_t index;           /* [k] segments written */
	uint8_t version;          /* [c] of IP: 4, 6 */
	bool cut, partial, udp;   /* [c] */
	bool keep_zero;           /* [c] UDP without a checksum */
	bool finished;            /* [k] */
};

/*
 * Check the header against the frame.  No segment will be longer than room.
 * Context: any thread; never sleeps.
 * Owner:   frame stays the caller's until the last segment is written.
 * Returns: 0, or -EINVAL if the header makes no sense (DROP_RX_OFFLOAD).
 */
int offload_segment_begin(struct offload_segment *s,
    const struct virtio_net_hdr *vh, const void *frame, size_t len,
    size_t room);

/*
 * Write the next finished frame to out.
 * Context: as offload_segment_begin().
 * Returns: its length; 0 if there is none left.
 */
size_t offload_segment_next(struct offload_segment *s, uint8_t *out);

#endif /* DRIVERS_OFFLOAD_SEGMENT_H */
