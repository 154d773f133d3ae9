/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_APPS_MRTBUILD_H
#define TESTS_APPS_MRTBUILD_H

/*
 * MRT records for tests, put together field by field.
 */

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

struct mrtbuild {
	uint8_t data[8192];
	size_t n;
	size_t record; /* where the open record begins */
};

static inline void
mrtbuild_number(struct mrtbuild *b, size_t bytes, uint64_t v)
{
	cr_assert_leq(b->n + bytes, sizeof(b->data));
	for (size_t i = 0; i < bytes; i++)
		b->data[b->n++] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

static inline void
mrtbuild_bytes(struct mrtbuild *b, const void *data, size_t n)
{
	cr_assert_leq(b->n + n, sizeof(b->data));
	memcpy(b->data + b->n, data, n);
	b->n += n;
}

static inline void
mrtbuild_begin(struct mrtbuild *b, uint32_t type, uint32_t subtype)
{
	b->record = b->n;
	mrtbuild_number(b, 4, 1000);
	mrtbuild_number(b, 2, type);
	mrtbuild_number(b, 2, subtype);
	mrtbuild_number(b, 4, 0);
}

/* Close the record; plus is added to its true length. */
static inline void
mrtbuild_end(struct mrtbuild *b, int plus)
{
	const size_t end = b->n;

	b->n = b->record + 8;
	mrtbuild_number(
	    b, 4, (uint64_t)(end - b->record - 12) + (uint64_t)plus);
	b->n = end;
}

/* An index of two peers, 192.0.2.1 and 2001:db8::1. */
static inline void
mrtbuild_index(struct mrtbuild *b)
{
	mrtbuild_begin(b, 13, 1);
	mrtbuild_number(b, 4, 0x0a000001);
	mrtbuild_number(b, 2, 4);
	mrtbuild_bytes(b, "view", 4);
	mrtbuild_number(b, 2, 2);
	mrtbuild_number(b, 1, 2); /* a 4-byte AS */
	mrtbuild_number(b, 4, 1);
	mrtbuild_number(b, 4, 0xc0000201);
	mrtbuild_number(b, 4, 65001);
	mrtbuild_number(b, 1, 1); /* an IPv6 address */
	mrtbuild_number(b, 4, 2);
	mrtbuild_number(b, 8, UINT64_C(0x20010db800000000));
	mrtbuild_number(b, 8, 1);
	mrtbuild_number(b, 2, 65002);
	mrtbuild_end(b, 0);
}

/* One entry of a RIB record: the peer's number and an IPv4 next hop. */
static inline void
mrtbuild_rib_entry(struct mrtbuild *b, uint32_t peer, uint32_t hop)
{
	mrtbuild_number(b, 2, peer);
	mrtbuild_number(b, 4, 2000);
	mrtbuild_number(b, 2, 4 + 7);
	mrtbuild_number(b, 4, 0x40010100); /* ORIGIN */
	mrtbuild_number(b, 3, 0x400304);   /* NEXT_HOP */
	mrtbuild_number(b, 4, hop);
}

/* A BGP4MP_MESSAGE_AS4 of 192.0.2.1 up to where the message begins. */
static inline void
mrtbuild_message(struct mrtbuild *b, uint32_t subtype, size_t body)
{
	mrtbuild_begin(b, 16, subtype);
	mrtbuild_number(b, 4, 65001);
	mrtbuild_number(b, 4, 65000);
	mrtbuild_number(b, 2, 0);
	mrtbuild_number(b, 2, 1);
	mrtbuild_number(b, 4, 0xc0000201);
	mrtbuild_number(b, 4, 0xc0000202);
	mrtbuild_number(b, 8, UINT64_MAX);
	mrtbuild_number(b, 8, UINT64_MAX);
	mrtbuild_number(b, 2, 19 + body);
	mrtbuild_number(b, 1, 2);
}

#endif /* TESTS_APPS_MRTBUILD_H */
