/* SPDX-License-Identifier: BSD-2-Clause */

#include "tests/lpm/keys.h"

#include <math.h>

uint64_t
lpm_keys_random(struct lpm_keys_rng *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t
lpm_keys_below(struct lpm_keys_rng *r, uint64_t n)
{
	/* n is far below 2^64: the bias does not matter. */
	return lpm_keys_random(r) % n;
}

struct lpm_key
lpm_keys_uniform(struct lpm_keys_rng *r, unsigned int bits)
{
	struct lpm_key k = {.b = {0}};

	for (unsigned int i = 0; i < bits / 8; i++)
		k.b[i] = (uint8_t)lpm_keys_random(r);
	if (bits == 128 && lpm_keys_below(r, 4) != 0)
		k.b[0] = 0x20 | (k.b[0] & 0x1f);
	return k;
}

struct lpm_key
lpm_keys_inside(
    struct lpm_keys_rng *r, const struct lpm_prefix *p, unsigned int bits)
{
	struct lpm_key k = p->key;

	for (unsigned int i = p->plen / 8; i < bits / 8; i++) {
		const unsigned int kept = i * 8 < p->plen ? p->plen - i * 8 : 0;

		k.b[i] |= (uint8_t)(lpm_keys_random(r) & 0xff) >> kept;
	}
	return k;
}

size_t
lpm_keys_zipf(struct lpm_keys_rng *r, size_t n)
{
	const double u = (double)(lpm_keys_random(r) >> 11) * 0x1p-53;
	/* The harmonic numbers are close to the logarithm. */
	const size_t rank = (size_t)exp(u * log((double)n + 1)) - 1;

	return rank < n ? rank : n - 1;
}

void
lpm_keys_edges(const struct lpm_prefix *p, unsigned int bits,
    struct lpm_key out[LPM_KEYS_EDGES])
{
	out[0] = p->key;
	out[1] = lpm_key_last(p->key, p->plen, bits);
	out[2] = lpm_key_step(out[0], bits, false);
	out[3] = lpm_key_step(out[1], bits, true);
}
