/* SPDX-License-Identifier: BSD-2-Clause */

/* Items for the tests of radix_lf. */
#ifndef TESTS_LIBSYNC_RADIX_LF_ITEM_H
#define TESTS_LIBSYNC_RADIX_LF_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/radix_lf/radix_lf.h"

#define ITEM_KEY_MAX 60

struct item {
	struct pserialize_head head; /* first: a head is its item */
	unsigned bits;
	unsigned stamp;
	uint8_t key[ITEM_KEY_MAX];
};

static inline unsigned
item_bits(const void *item)
{
	return ((const struct item *)item)->bits;
}

static inline struct radix_lf_config
item_config(unsigned max_bits)
{
	return (struct radix_lf_config){
	    .key_offset = offsetof(struct item, key),
	    .max_bits = max_bits,
	    .item_bits = item_bits,
	};
}

/* An item with the first bits bits of key; the bits behind them are noise. */
static inline struct item *
item_new(const void *key, unsigned bits)
{
	struct item *it = malloc(sizeof(*it));

	if (it == NULL)
		abort();
	*it = (struct item){.bits = bits};
	memset(it->key, 0xa5, sizeof(it->key));
	if (bits > 0)
		memcpy(it->key, key, (bits + 7) / 8);
	return it;
}

/* Do a and b agree in their first bits bits?  Bit by bit, on purpose. */
static inline bool
item_same(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

/* Walk order: a prefix first, then the first differing bit. */
static inline bool
item_before(const uint8_t *a, unsigned abits, const uint8_t *b, unsigned bbits)
{
	for (unsigned i = 0; i < abits && i < bbits; i++) {
		const int x = a[i / 8] >> (7 - i % 8) & 1;
		const int y = b[i / 8] >> (7 - i % 8) & 1;

		if (x != y)
			return x < y;
	}
	return abits < bbits;
}

#endif /* TESTS_LIBSYNC_RADIX_LF_ITEM_H */
