/* SPDX-License-Identifier: BSD-2-Clause */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "stack/proto/ipv4/checksum.h"

/* The words at which carries, zeros and minus zeros happen. */
static const uint16_t corner[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x101,
    0x3fff, 0x4000, 0x7fff, 0x8000, 0x8001, 0xbfff, 0xfe00, 0xfeff, 0xff00,
    0xff7f, 0xff80, 0xfffd, 0xfffe, 0xffff};
#define CORNERS (sizeof(corner) / sizeof(corner[0]))

/* Byte by byte, as RFC 1071 section 1 defines it. */
static uint16_t
defined(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static uint16_t
of_words(uint16_t a, uint16_t b)
{
	const uint16_t w[2] = {a, b};

	return ipv4_checksum(w, sizeof(w));
}

static void
check_update(uint16_t rest, uint16_t from, uint16_t to)
{
	const uint16_t got =
	    ipv4_checksum_update(of_words(rest, from), from, to);

	/* Data of nothing but zero has two sums; a header never is. */
	if (got != of_words(rest, to) && (rest != 0 || (from != 0 && to != 0)))
		cr_assert_fail("%#x %#x->%#x: %#x, not %#x", rest, from, to,
		    got, of_words(rest, to));
}

Test(ipv4_checksum, example_of_rfc_1071)
{
	const uint8_t data[] = {0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7};

	cr_assert_eq(ipv4_checksum(data, sizeof(data)), htons(0x220d));
}

Test(ipv4_checksum, example_of_rfc_1624)
{
	cr_assert_eq(
	    ipv4_checksum_update(htons(0xdd2f), htons(0x5555), htons(0x3285)),
	    htons(0x0000));
}

Test(ipv4_checksum, equals_the_definition_at_all_lengths_and_alignments)
{
	uint8_t data[160];
	size_t at, len, i;
	uint32_t x = 1;

	for (i = 0; i < sizeof(data); i++) {
		x = x * 1664525 + 1013904223;
		data[i] = x % 4 == 0 ? 0xff : (uint8_t)(x >> 24);
	}
	for (at = 0; at < 8; at++)
		for (len = 0; at + len <= sizeof(data); len++)
			cr_assert_eq(ipv4_checksum(data + at, len),
			    defined(data + at, len));
}

Test(ipv4_checksum, does_not_overflow_on_the_largest_datagram)
{
	static uint8_t data[65535];

	memset(data, 0xff, sizeof(data));
	cr_assert_eq(
	    ipv4_checksum(data, sizeof(data)), defined(data, sizeof(data)));
}

Test(ipv4_checksum, data_with_its_checksum_sums_to_zero)
{
	uint16_t w[3];
	uint32_t a;
	size_t b;

	for (a = 0; a <= 0xffff; a++) {
		for (b = 0; b < CORNERS; b++) {
			w[0] = (uint16_t)a;
			w[1] = corner[b];
			w[2] = of_words(w[0], w[1]);
			cr_assert_eq(ipv4_checksum(w, sizeof(w)), 0);
		}
	}
}

/* Each word of time to live and protocol, decremented, over each rest. */
Test(ipv4_checksum, update_after_ttl_equals_full_sum)
{
	uint32_t word, rest;
	uint16_t from, to;

	for (word = 0x100; word <= 0xffff; word++) {
		from = htons((uint16_t)word);
		to = htons((uint16_t)(word - 0x100));
		for (rest = 0; rest <= 0xffff; rest += 251)
			check_update((uint16_t)rest, from, to);
		for (rest = 0; rest < CORNERS; rest++)
			check_update(corner[rest], from, to);
	}
}

/* Each of the three words over its whole range, the others at the corners. */
Test(ipv4_checksum, update_equals_full_sum_with_one_word_exhausted)
{
	uint32_t x;
	size_t a, b;

	for (x = 0; x <= 0xffff; x++) {
		for (a = 0; a < CORNERS; a += 3) {
			for (b = 0; b < CORNERS; b += 3) {
				check_update((uint16_t)x, corner[a], corner[b]);
				check_update(corner[a], (uint16_t)x, corner[b]);
				check_update(corner[a], corner[b], (uint16_t)x);
			}
		}
	}
}

/* A sender may write 0xffff for 0: the sum must still hold after an update. */
Test(ipv4_checksum, update_of_minus_zero_still_holds)
{
	uint16_t w[3];
	uint32_t from;
	size_t b;

	for (from = 1; from <= 0xffff; from++) {
		for (b = 0; b < CORNERS; b++) {
			w[0] = (uint16_t)from;
			w[1] = (uint16_t)~from; /* the sum is -0 */
			w[2] = ipv4_checksum_update(0xffff, w[0], corner[b]);
			w[0] = corner[b];
			cr_assert_eq(ipv4_checksum(w, sizeof(w)), 0);
		}
	}
}
