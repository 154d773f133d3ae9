/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_LPM_CHURN_H
#define TESTS_LPM_CHURN_H

/*
 * Random updates of a table: prefixes that it has are changed, withdrawn and
 * brought back, and new ones of any length appear, most of them next to, above
 * or below those that are there.
 */

#include <stddef.h>

#include "tests/lpm/key.h"
#include "tests/lpm/keys.h"
#include "tests/lpm/oracle.h"

struct lpm_churn {
	unsigned int bits;
	uint32_t groups; /* 1 .. groups are used */
	struct lpm_keys_rng rng;
	struct lpm_prefix *known; /* all that were ever there */
	size_t n, room;
};

/* Returns: 0 or -ENOMEM. */
int lpm_churn_learn(struct lpm_churn *c, const struct lpm_prefix *p);
void lpm_churn_fini(struct lpm_churn *c);

/*
 * The next update, of a table that has now what the oracle has: a prefix and
 * its group, 0 to withdraw it.
 * Returns: 0 or -ENOMEM.
 */
int lpm_churn_next(struct lpm_churn *c, const struct lpm_oracle *now,
    struct lpm_prefix *p, uint32_t *group);

/* Put what is known in random order. */
void lpm_churn_shuffle(struct lpm_churn *c);

#endif /* TESTS_LPM_CHURN_H */
