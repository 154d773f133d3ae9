/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_LPM_KEYS_H
#define TESTS_LPM_KEYS_H

/*
 * Streams of addresses for lookups: uniform; a random host of a random prefix,
 * which is what traffic looks like to a table; the same with the popularity of
 * prefixes after Zipf, s = 1; and the edges of prefixes, where the answer of a
 * longest-prefix match changes and nowhere else.
 */

#include <stddef.h>

#include "tests/lpm/key.h"

/* splitmix64 (Steele, Lea, Flood 2014). */
struct lpm_keys_rng {
	uint64_t state;
};

uint64_t lpm_keys_random(struct lpm_keys_rng *r);

/* Below n, which is not 0. */
uint64_t lpm_keys_below(struct lpm_keys_rng *r, uint64_t n);

/* Of IPv6, three quarters are in 2000::/3. */
struct lpm_key lpm_keys_uniform(struct lpm_keys_rng *r, unsigned int bits);

/* A random address under the prefix. */
struct lpm_key lpm_keys_inside(
    struct lpm_keys_rng *r, const struct lpm_prefix *p, unsigned int bits);

/* An index below n; small ones are the popular ones. */
size_t lpm_keys_zipf(struct lpm_keys_rng *r, size_t n);

/* The first and last address of p, and their neighbours outside. */
#define LPM_KEYS_EDGES 4
void lpm_keys_edges(const struct lpm_prefix *p, unsigned int bits,
    struct lpm_key out[LPM_KEYS_EDGES]);

#endif /* TESTS_LPM_KEYS_H */
