/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdlib.h>

#include "stack/route/fib4.h"
#include "tests/lpm/engine.h"
#include "tests/lpm/source.h"

struct table {
	struct lpm_tree *rib;
	struct route_arena *arena;
	struct fib4 *fib;
};

static int
create(struct lpm_tree *rib, void **out)
{
	struct table *t = calloc(1, sizeof(*t));
	int rc = t != NULL ? lpm_source_arena(&t->arena) : -ENOMEM;

	if (rc != 0)
		goto fail_arena;
	rc = fib4_create(t->arena, &t->fib);
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

	fib4_destroy(t->fib);
	lost = lpm_source_arena_end(t->arena);
	free(t);
	return lost;
}

static int
stage(void *table, const struct lpm_prefix *p)
{
	struct table *t = table;

	return fib4_stage(t->fib, p->key.b, p->plen);
}

static int
commit(void *table)
{
	struct table *t = table;
	const struct fib_source source = lpm_source(t->rib);
	int rc = fib4_prepare(t->fib, &source);

	if (rc == 0)
		fib4_commit(t->fib);
	return rc;
}

static uint32_t
address(const struct lpm_key *k)
{
	return (uint32_t)(lpm_key_word(k, 0) >> 32);
}

static uint32_t
lookup(void *table, const struct lpm_key *key)
{
	const struct table *t = table;

	return fib4_lookup(t->fib, address(key));
}

static void
batch(void *table, const struct lpm_key *key, uint32_t *group, unsigned int n)
{
	const struct table *t = table;
	uint32_t dst[LPM_ENGINE_BATCH];

	for (unsigned int i = 0; i < n; i++)
		dst[i] = address(&key[i]);
	fib4_lookup_batch(t->fib, dst, group, n);
}

const struct lpm_engine lpm_engine_fib4 = {.name = "fib4",
    .bits = 32,
    .create = create,
    .destroy = destroy,
    .stage = stage,
    .commit = commit,
    .lookup = lookup,
    .batch = batch};
