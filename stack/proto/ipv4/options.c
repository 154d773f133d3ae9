/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * IPv4 options (RFC 791 section 3.1): a byte of type, one of length, and for
 * those that routers fill in, a pointer, counted from 1, to the next free
 * place.  Bit 7 of the type says that every fragment carries the option.
 */

#include <string.h>

#include "stack/proto/ipv4/checksum.h"
#include "stack/proto/ipv4/ipv4_impl.h"

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_RECORD_ROUTE = 7,
	OPT_TIMESTAMP = 68,
	OPT_LOOSE_ROUTE = 131,
	OPT_STRICT_ROUTE = 137,
};
#define OPT_COPY 0x80

enum {
	STAMP_ONLY = 0,
	STAMP_ADDRESS = 1,
	STAMP_PRESPECIFIED = 3,
};

/* Bytes that an entry of a timestamp option takes; 0: no such flag. */
static unsigned int
stamp_size(uint8_t flag)
{
	switch (flag & 15) {
	case STAMP_ONLY:
		return 4;
	case STAMP_ADDRESS:
	case STAMP_PRESPECIFIED:
		return 8;
	default:
		return 0;
	}
}

/* A pointer is full, or leaves room for a whole entry (RFC 791). */
static bool
pointer_fits(const uint8_t *o, unsigned int least, unsigned int size)
{
	return o[2] >= least && (o[2] > o[1] || o[2] - 1 + size <= o[1]);
}

/* Check one option; 0, or the offset in it of the byte at fault, from 1. */
static unsigned int
check_one(const uint8_t *o, unsigned int at, struct ipv4_options *out)
{
	switch (o[0]) {
	case OPT_LOOSE_ROUTE:
	case OPT_STRICT_ROUTE:
		if (out->source_route != 0)
			return 1;
		if (o[1] < 3)
			return 2;
		out->source_route = (uint8_t)at;
		return 0;
	case OPT_RECORD_ROUTE:
		if (out->record_route != 0)
			return 1;
		if (o[1] < 3)
			return 2;
		if (!pointer_fits(o, 4, 4))
			return 3;
		out->record_route = (uint8_t)at;
		return 0;
	case OPT_TIMESTAMP:
		if (out->timestamp != 0)
			return 1;
		if (o[1] < 4)
			return 2;
		if (stamp_size(o[3]) == 0)
			return 4;
		if (!pointer_fits(o, 5, stamp_size(o[3])))
			return 3;
		/* The overflow count itself overflows. */
		if (o[2] > o[1] && o[3] >> 4 == 15)
			return 4;
		out->timestamp = (uint8_t)at;
		return 0;
	default:
		return 0;
	}
}

unsigned int
ipv4_options_parse(
    const uint8_t *hdr, unsigned int hlen, struct ipv4_options *out)
{
	unsigned int at = IPV4_HDR_MIN, bad;

	*out = (struct ipv4_options){0};
	while (at < hlen && hdr[at] != OPT_END) {
		if (hdr[at] == OPT_NOP) {
			at++;
			continue;
		}
		if (at + 2 > hlen)
			return at;
		if (hdr[at + 1] < 2 || at + hdr[at + 1] > hlen)
			return at + 1;
		bad = check_one(hdr + at, at, out);
		if (bad != 0)
			return at + bad - 1;
		at += hdr[at + 1];
	}
	return 0;
}

/*
 * Milliseconds; the high bit says that they do not count from midnight UT, as
 * RFC 791 demands of a clock that does not know it.
 */
static uint32_t
stamp(uint64_t now)
{
	return htonl((uint32_t)(now / 1000000 % 86400000) | 0x80000000U);
}

static void
add_stamp(struct ipv4 *ip, uint8_t *o, uint32_t addr, uint64_t now)
{
	uint8_t *at = o + o[2] - 1;

	if (o[2] > o[1]) {
		o[3] = (uint8_t)(o[3] + 0x10);
		return;
	}
	switch (o[3] & 15) {
	case STAMP_PRESPECIFIED:
		if (!ipv4_is_local(ip->stack, ipv4_get(at)))
			return;
		at += 4;
		break;
	case STAMP_ADDRESS:
		ipv4_put(at, addr);
		at += 4;
		break;
	default:
		break;
	}
	ipv4_put(at, stamp(now));
	o[2] = (uint8_t)(at + 4 - o + 1);
}

void
ipv4_options_update(struct ipv4 *ip, uint8_t *hdr, const struct ipv4_options *o,
    uint32_t addr, uint64_t now)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)hdr;
	uint8_t *rr = hdr + o->record_route;

	if (o->record_route == 0 && o->timestamp == 0)
		return;
	if (o->record_route != 0 && rr[2] <= rr[1]) {
		ipv4_put(rr + rr[2] - 1, addr);
		rr[2] = (uint8_t)(rr[2] + 4);
	}
	if (o->timestamp != 0)
		add_stamp(ip, hdr + o->timestamp, addr, now);
	h->checksum = 0;
	h->checksum = ipv4_checksum(hdr, (hdr[0] & 15) * 4U);
}

unsigned int
ipv4_options_copy(uint8_t *to, const uint8_t *hdr, unsigned int hlen)
{
	unsigned int at = IPV4_HDR_MIN, n = IPV4_HDR_MIN, size;

	memcpy(to, hdr, IPV4_HDR_MIN);
	while (at < hlen && hdr[at] != OPT_END) {
		size = hdr[at] == OPT_NOP ? 1 : hdr[at + 1];
		if (size == 0 || at + size > hlen)
			break; /* was checked on input */
		if ((hdr[at] & OPT_COPY) != 0) {
			memcpy(to + n, hdr + at, size);
			n += size;
		}
		at += size;
	}
	while (n % 4 != 0)
		to[n++] = OPT_END;
	return n;
}
