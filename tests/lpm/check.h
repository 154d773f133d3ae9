/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_LPM_CHECK_H
#define TESTS_LPM_CHECK_H

/*
 * The same prefixes in the oracle, in the tree, and in the forwarding table of
 * their family, if there is one; and lookups that must agree.
 */

#include <stddef.h>

#include "tests/lpm/engine.h"
#include "tests/lpm/keys.h"
#include "tests/lpm/oracle.h"
#include "tests/lpm/tree.h"

struct lpm_check {
	unsigned int bits; /* 32 or 128 */
	struct lpm_oracle *oracle;
	struct lpm_tree *tree;
	const struct lpm_engine *engine; /* NULL: none for this family */
	void *table;
	struct lpm_keys_rng rng;
	uint64_t lookups, updates, wrong;
	unsigned int n, limit; /* keys waiting for a batch of limit */
	struct lpm_key key[LPM_ENGINE_BATCH];
	struct lpm_prefix *staged; /* edited since the last commit */
	size_t nstaged, staged_room;
};

/* Returns: 0, or a negative errno with nothing to be undone. */
int lpm_check_init(struct lpm_check *c, unsigned int bits, uint64_t seed);
void lpm_check_fini(struct lpm_check *c);

/*
 * Add or change a prefix, or, with group 0, remove it; visible everywhere from
 * lpm_check_commit() on.
 * Returns: 0 or a negative errno of whoever refused it.
 */
int lpm_check_edit(
    struct lpm_check *c, const struct lpm_prefix *p, uint32_t group);
int lpm_check_commit(struct lpm_check *c);

/*
 * Look key up, soon; lpm_check_flush() does what waits.  A wrong answer is
 * counted, the first ones are shown.
 */
void lpm_check_key(struct lpm_check *c, const struct lpm_key *key);
void lpm_check_flush(struct lpm_check *c);

/* The edges of a prefix and two addresses inside. */
void lpm_check_prefix(struct lpm_check *c, const struct lpm_prefix *p);

#endif /* TESTS_LPM_CHECK_H */
