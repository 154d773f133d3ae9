/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_LPM_ENGINE_H
#define TESTS_LPM_ENGINE_H

/*
 * A compiled forwarding table under test, behind one face for both families.
 * It is compiled from the tree, which has been committed before.
 */

#include "tests/lpm/key.h"
#include "tests/lpm/tree.h"

struct lpm_engine {
	const char *name;
	unsigned int bits; /* of its family's addresses */
	int (*create)(struct lpm_tree *rib, void **out);
	/* Returns: bytes of its memory that nothing accounts for. */
	size_t (*destroy)(void *table);
	/* This prefix has changed in the tree.  Returns: 0 or -ENOMEM. */
	int (*stage)(void *table, const struct lpm_prefix *p);
	/* Make all that was staged visible.  Returns: 0 or -ENOMEM. */
	int (*commit)(void *table);
	/* In a read section: the group; 0: no route. */
	uint32_t (*lookup)(void *table, const struct lpm_key *key);
	void (*batch)(void *table, const struct lpm_key *key, uint32_t *group,
	    unsigned int n);
};

extern const struct lpm_engine lpm_engine_fib4, lpm_engine_fib6;

/* At most this many keys in a batch. */
#define LPM_ENGINE_BATCH 192

/* Those there are; ends with NULL. */
extern const struct lpm_engine *const lpm_engines[];

#endif /* TESTS_LPM_ENGINE_H */
