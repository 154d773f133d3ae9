/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdlib.h>

#include "stack/route/fib6.h"
#include "tests/lpm/engine.h"
#include "tests/lpm/source.h"

struct table {
	struct lpm_tree *rib;
	struct route_arena *arena;
	struct fib6 *fib;
};

static int
create(struct lpm_tree *rib, void **out)
{
	struct table *t = calloc(1, sizeof(*t));
	int rc = t != NULL ? lpm_source_arena(&t->arena) : -ENOMEM;

	if (rc != 0)
		goto fail_arena;
	rc = fib6_create(t->arena, &t->fib);
	if (rc != 0)
		goto fail_fib;
	t->rib = rib;
	*out = t;
	return 0;
fail_fib:
	route_arena_destroy(t->arena);
fail_arena:
	free(t);
	return rc;
}

static size_t
destroy(void *table)
{
	struct table *t = table;
	size_t lost;

	fib6_destroy(t->fib);
	lost = lpm_source_arena_end(t->arena);
	free(t);
	return lost;
}

static int
stage(void *table, const struct lpm_prefix *p)
{
	struct table *t = table;

	return fib6_stage(t->fib, p->key.b, p->plen);
}

static int
commit(void *table)
{
	struct table *t = table;
	const struct fib_source source = lpm_source(t->rib);
	int rc = fib6_prepare(t->fib, &source);

	if (rc == 0)
		fib6_commit(t->fib);
	return rc;
}

static uint32_t
lookup(void *table, const struct lpm_key *key)
{
	const struct table *t = table;

	return fib6_lookup(t->fib, lpm_key_word(key, 0), lpm_key_word(key, 1));
}

static void
batch(void *table, const struct lpm_key *key, uint32_t *group, unsigned int n)
{
	const struct table *t = table;
	uint64_t dst[LPM_ENGINE_BATCH][2];

	for (unsigned int i = 0; i < n; i++) {
		dst[i][0] = lpm_key_word(&key[i], 0);
		dst[i][1] = lpm_key_word(&key[i], 1);
	}
	fib6_lookup_batch(t->fib, (const uint64_t(*)[2])dst, group, n);
}

const struct lpm_engine lpm_engine_fib6 = {.name = "fib6",
    .bits = 128,
    .create = create,
    .destroy = destroy,
    .stage = stage,
    .commit = commit,
    .lookup = lookup,
    .batch = batch};
