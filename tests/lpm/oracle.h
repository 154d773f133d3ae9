/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_LPM_ORACLE_H
#define TESTS_LPM_ORACLE_H

/*
 * Longest-prefix match by brute force: a hash set of prefixes for each length,
 * asked from the longest length to the shortest.  Nothing is shared with the
 * structures that it judges, and nothing in it is clever.
 *
 * One thread.  A prefix has a group, a number that is not 0; 0 is "no route".
 */

#include <stddef.h>

#include "tests/lpm/key.h"

struct lpm_oracle;

/* bits: 32 or 128.  Returns: NULL if there is no memory. */
struct lpm_oracle *lpm_oracle_create(unsigned int bits);
void lpm_oracle_destroy(struct lpm_oracle *o);

/* Add the prefix, or give it another group.  Returns: 0 or -ENOMEM. */
int lpm_oracle_set(
    struct lpm_oracle *o, const struct lpm_prefix *p, uint32_t group);

/* Returns: was it there? */
bool lpm_oracle_remove(struct lpm_oracle *o, const struct lpm_prefix *p);

/* The group of exactly this prefix. */
uint32_t lpm_oracle_exact(
    const struct lpm_oracle *o, const struct lpm_prefix *p);

/* The group of the longest prefix of at most plen bits that covers key. */
uint32_t lpm_oracle_lookup(
    const struct lpm_oracle *o, const struct lpm_key *key, unsigned int plen);

/* Number of prefixes. */
size_t lpm_oracle_count(const struct lpm_oracle *o);

#endif /* TESTS_LPM_ORACLE_H */
