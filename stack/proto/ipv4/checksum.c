/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sums 32-bit words into 64 bits: 2^32 words fit before it could overflow, and
 * a one's complement sum may be folded at the end (RFC 1071 section 2 (A)).
 */

#include "stack/proto/ipv4/checksum.h"

#include <string.h>

uint16_t
ipv4_checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;
	uint32_t word;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, p, len);
	sum += word;
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}
