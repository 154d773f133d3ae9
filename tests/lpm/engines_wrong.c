/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Negative controls: forwarding tables with a mistake each, which the
 * comparison must find.  LPM_WRONG says which:
 *
 *   stage  one prefix in 500 is not compiled
 *   edge   a lookup mistakes the last address of each /24 for the next one
 *   batch  the last lane of a batch whose length is no multiple of 16
 *   late   a commit is one update behind
 */

#include <stddef.h>
#include <stdlib.h>

#include "tests/lpm/engine.h"

static bool
is_wrong(const char *how)
{
	const char *s = getenv("LPM_WRONG");

	return s != NULL && strcmp(s, how) == 0;
}

static size_t
destroy(void *table)
{
	return lpm_engine_fib4.destroy(table);
}

static int
create(struct lpm_tree *rib, void **out)
{
	return lpm_engine_fib4.create(rib, out);
}

static int
stage(void *table, const struct lpm_prefix *p)
{
	if (is_wrong("stage") && lpm_key_word(&p->key, 0) % 500 == 0)
		return 0;
	return lpm_engine_fib4.stage(table, p);
}

static int
commit(void *table)
{
	static unsigned int commits;

	if (is_wrong("late") && ++commits % 2 == 0)
		return 0;
	return lpm_engine_fib4.commit(table);
}

static uint32_t
lookup(void *table, const struct lpm_key *key)
{
	struct lpm_key k = *key;

	if (is_wrong("edge") && k.b[3] == 255)
		k = lpm_key_step(k, 32, true);
	return lpm_engine_fib4.lookup(table, &k);
}

static void
batch(void *table, const struct lpm_key *key, uint32_t *group, unsigned int n)
{
	lpm_engine_fib4.batch(table, key, group, n);
	if (is_wrong("batch") && n > 16 && n % 16 != 0)
		group[n - 1] = group[n - 2];
}

static const struct lpm_engine wrong = {.name = "wrong",
    .bits = 32,
    .create = create,
    .destroy = destroy,
    .stage = stage,
    .commit = commit,
    .lookup = lookup,
    .batch = batch};

const struct lpm_engine *const lpm_engines[] = {&wrong, NULL};
