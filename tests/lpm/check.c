/* SPDX-License-Identifier: BSD-2-Clause */

#include "tests/lpm/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "apps/array.h"
#include "libsync/pserialize/pserialize.h"

/* Wrong answers that are shown; the others are only counted. */
#define SHOWN 10

static const struct lpm_engine *
engine_of(unsigned int bits)
{
	for (size_t i = 0; lpm_engines[i] != NULL; i++) {
		if (lpm_engines[i]->bits == bits)
			return lpm_engines[i];
	}
	return NULL;
}

int
lpm_check_init(struct lpm_check *c, unsigned int bits, uint64_t seed)
{
	int rc;

	*c = (struct lpm_check){.bits = bits,
	    .engine = engine_of(bits),
	    .rng.state = seed,
	    .limit = 1};
	c->oracle = lpm_oracle_create(bits);
	rc = c->oracle != NULL ? lpm_tree_create(bits, &c->tree) : -ENOMEM;
	if (rc == 0 && c->engine != NULL)
		rc = c->engine->create(c->tree, &c->table);
	if (rc != 0) {
		lpm_tree_destroy(c->tree);
		lpm_oracle_destroy(c->oracle);
	}
	return rc;
}

void
lpm_check_fini(struct lpm_check *c)
{
	const size_t lost =
	    c->engine != NULL ? c->engine->destroy(c->table) : 0;

	if (lost != 0) {
		fprintf(stderr, "%s lost %zu bytes\n", c->engine->name, lost);
		c->wrong++;
	}
	lpm_tree_destroy(c->tree);
	lpm_oracle_destroy(c->oracle);
	free(c->staged);
}

int
lpm_check_edit(struct lpm_check *c, const struct lpm_prefix *p, uint32_t group)
{
	int rc;

	/* What waits was asked about the state before. */
	if (c->n > 0)
		lpm_check_flush(c);
	rc = array_reserve(
	    &c->staged, &c->staged_room, c->nstaged, sizeof(c->staged[0]));
	if (rc != 0)
		return rc;
	c->staged[c->nstaged++] = *p;
	c->updates++;
	if (group == 0)
		lpm_oracle_remove(c->oracle, p);
	else
		rc = lpm_oracle_set(c->oracle, p, group);
	return rc != 0 ? rc : lpm_tree_edit(c->tree, p, group);
}

int
lpm_check_commit(struct lpm_check *c)
{
	int rc = 0;

	lpm_tree_commit(c->tree);
	for (size_t i = 0; rc == 0 && c->engine != NULL && i < c->nstaged; i++)
		rc = c->engine->stage(c->table, &c->staged[i]);
	if (rc == 0 && c->engine != NULL)
		rc = c->engine->commit(c->table);
	c->nstaged = 0;
	if (rc == 0 && lpm_tree_count(c->tree) != lpm_oracle_count(c->oracle)) {
		fprintf(stderr, "the tree has %zu prefixes, not %zu\n",
		    lpm_tree_count(c->tree), lpm_oracle_count(c->oracle));
		c->wrong++;
	}
	return rc;
}

static void
compare(struct lpm_check *c, unsigned int i, uint32_t want, uint32_t tree,
    uint32_t single, uint32_t batch)
{
	char text[INET6_ADDRSTRLEN];

	c->lookups++;
	if (want == tree && want == single && want == batch)
		return;
	if (c->wrong++ >= SHOWN)
		return;
	inet_ntop(c->bits == 32 ? AF_INET : AF_INET6, c->key[i].b, text,
	    sizeof(text));
	fprintf(stderr, "%s: group %u, but the tree says %u", text, want, tree);
	if (c->engine != NULL)
		fprintf(stderr, ", %s %u, and in a batch of %u %u",
		    c->engine->name, single, c->n, batch);
	fputc('\n', stderr);
}

void
lpm_check_flush(struct lpm_check *c)
{
	uint32_t batch[LPM_ENGINE_BATCH] = {0};
	const uint64_t s = pserialize_read_enter();

	if (c->engine != NULL && c->n > 0)
		c->engine->batch(c->table, c->key, batch, c->n);
	for (unsigned int i = 0; i < c->n; i++) {
		const uint32_t want =
		    lpm_oracle_lookup(c->oracle, &c->key[i], c->bits);
		uint32_t single = want;

		if (c->engine != NULL)
			single = c->engine->lookup(c->table, &c->key[i]);
		compare(c, i, want, lpm_tree_lookup(c->tree, &c->key[i]),
		    single, c->engine != NULL ? batch[i] : want);
	}
	pserialize_read_exit(s);
	c->n = 0;
	c->limit = 1 + (unsigned int)lpm_keys_below(&c->rng, LPM_ENGINE_BATCH);
}

void
lpm_check_key(struct lpm_check *c, const struct lpm_key *key)
{
	c->key[c->n++] = *key;
	if (c->n >= c->limit)
		lpm_check_flush(c);
}

void
lpm_check_prefix(struct lpm_check *c, const struct lpm_prefix *p)
{
	struct lpm_key k[LPM_KEYS_EDGES + 2];

	lpm_keys_edges(p, c->bits, k);
	k[LPM_KEYS_EDGES] = lpm_keys_inside(&c->rng, p, c->bits);
	k[LPM_KEYS_EDGES + 1] = lpm_keys_inside(&c->rng, p, c->bits);
	for (unsigned int i = 0; i < LPM_KEYS_EDGES + 2; i++)
		lpm_check_key(c, &k[i]);
}
