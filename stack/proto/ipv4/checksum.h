/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_PROTO_IPV4_CHECKSUM_H
#define STACK_PROTO_IPV4_CHECKSUM_H

/*
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
 * All 16-bit values are as they lie in memory: the sum does not depend on byte
 * order (RFC 1071 section 2 (B)).
 */

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of len bytes; an odd last byte is padded with zero.  Over data
 * that contains its own correct checksum the result is 0.
 * Context: any thread; never sleeps.
 * Returns: the complement of the one's complement sum.
 */
uint16_t ipv4_checksum(const void *data, size_t len);

/*
 * The checksum after one 16-bit word changed: equation 3 of RFC 1624, which
 * is right also where the older one of RFC 1141 gives -0.
 * Context: any thread; never sleeps.
 * Returns: the new checksum.
 */
static inline uint16_t
ipv4_checksum_update(uint16_t sum, uint16_t from, uint16_t to)
{
	uint32_t s = (uint16_t)~sum;

	s += (uint16_t)~from;
	s += to;
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

#endif /* STACK_PROTO_IPV4_CHECKSUM_H */
