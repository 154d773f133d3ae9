/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_LPM_TREE_H
#define TESTS_LPM_TREE_H

/*
 * Prefixes and their groups in a radix_lf tree: the RIB from which forwarding
 * tables are compiled in these tests.  Edits gather in a transaction until
 * lpm_tree_commit().  One writer; the functions that read need a read section
 * or, where they take no section, are for the writer.
 */

#include <stddef.h>

#include "tests/lpm/key.h"

struct lpm_tree;

/* bits: 32 or 128.  Returns: 0 or -ENOMEM. */
int lpm_tree_create(unsigned int bits, struct lpm_tree **out);
void lpm_tree_destroy(struct lpm_tree *t);

/* Add or change a prefix, or, with group 0, remove it.  Returns: 0, -ENOMEM. */
int lpm_tree_edit(
    struct lpm_tree *t, const struct lpm_prefix *p, uint32_t group);
void lpm_tree_commit(struct lpm_tree *t);

/* In a read section: the group of the longest match; 0: none. */
uint32_t lpm_tree_lookup(const struct lpm_tree *t, const struct lpm_key *key);

/* Number of prefixes. */
size_t lpm_tree_count(const struct lpm_tree *t);

/*
 * The writer, outside a section, with nothing uncommitted: the group of the
 * longest prefix shorter than plen that covers key, with its length; and all
 * prefixes inside key/plen, a prefix before its more-specifics, until fn returns
 * not 0.
 */
typedef int lpm_tree_walk_fn(
    void *ctx, const uint8_t *key, unsigned int plen, uint32_t group);
uint32_t lpm_tree_cover(struct lpm_tree *t, const uint8_t *key,
    unsigned int plen, unsigned int *cover_plen);
int lpm_tree_walk(struct lpm_tree *t, const uint8_t *key, unsigned int plen,
    lpm_tree_walk_fn *fn, void *ctx);

#endif /* TESTS_LPM_TREE_H */
