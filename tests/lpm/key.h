/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_LPM_KEY_H
#define TESTS_LPM_KEY_H

/*
 * Addresses and prefixes of both families as 16 bytes in network order, of
 * which IPv4 uses the first four; what is not used is zero.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct lpm_key {
	uint8_t b[16];
};

struct lpm_prefix {
	struct lpm_key key; /* bits beyond plen are clear */
	uint8_t plen;
};

/* Clear, or set, what is behind the first plen of bits bits. */
static inline struct lpm_key
lpm_key_first(struct lpm_key k, unsigned int plen)
{
	for (unsigned int i = 0; i < 16; i++) {
		if (i * 8 >= plen)
			k.b[i] = 0;
		else if (i * 8 + 8 > plen)
			k.b[i] &= (uint8_t)(0xff00u >> (plen - i * 8));
	}
	return k;
}

static inline struct lpm_key
lpm_key_last(struct lpm_key k, unsigned int plen, unsigned int bits)
{
	for (unsigned int i = 0; i < bits / 8; i++) {
		if (i * 8 >= plen)
			k.b[i] = 0xff;
		else if (i * 8 + 8 > plen)
			k.b[i] |= (uint8_t)(0xffu >> (plen - i * 8));
	}
	return k;
}

/* The next, or the previous, address; it wraps. */
static inline struct lpm_key
lpm_key_step(struct lpm_key k, unsigned int bits, bool up)
{
	for (unsigned int i = bits / 8; i-- > 0;) {
		k.b[i] = (uint8_t)(k.b[i] + (up ? 1 : 0xff));
		if (k.b[i] != (up ? 0 : 0xff))
			break;
	}
	return k;
}

static inline bool
lpm_key_equal(const struct lpm_key *a, const struct lpm_key *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* As two numbers, for the tables that take them so. */
static inline uint64_t
lpm_key_word(const struct lpm_key *k, unsigned int word)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < 8; i++)
		v = v << 8 | k->b[word * 8 + i];
	return v;
}

#endif /* TESTS_LPM_KEY_H */
