/* SPDX-License-Identifier: BSD-2-Clause */

#include "tests/lpm/oracle.h"

#include <errno.h>
#include <stdlib.h>

struct entry {
	struct entry *next;
	struct lpm_key key;
	uint32_t group;
};

/* The prefixes of one length. */
struct set {
	struct entry **chain;
	size_t chains, n; /* chains: a power of two, or 0 */
};

struct lpm_oracle {
	unsigned int bits;
	size_t n;
	struct set of_length[129];
};

struct lpm_oracle *
lpm_oracle_create(unsigned int bits)
{
	struct lpm_oracle *o = calloc(1, sizeof(*o));

	if (o != NULL)
		o->bits = bits;
	return o;
}

void
lpm_oracle_destroy(struct lpm_oracle *o)
{
	if (o == NULL)
		return;
	for (unsigned int plen = 0; plen <= o->bits; plen++) {
		struct set *s = &o->of_length[plen];

		for (size_t i = 0; i < s->chains; i++) {
			while (s->chain[i] != NULL) {
				struct entry *e = s->chain[i];

				s->chain[i] = e->next;
				free(e);
			}
		}
		free(s->chain);
	}
	free(o);
}

static size_t
hash(const struct lpm_key *k, size_t chains)
{
	uint64_t h = lpm_key_word(k, 0) * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ h >> 32 ^ lpm_key_word(k, 1)) * UINT64_C(0xd6e8feb86659fd93);
	return (size_t)(h ^ h >> 32) & (chains - 1);
}

/* Where the pointer to the entry is, or would be; the set has chains. */
static struct entry **
find(const struct set *s, const struct lpm_key *k)
{
	struct entry **at = &s->chain[hash(k, s->chains)];

	while (*at != NULL && !lpm_key_equal(&(*at)->key, k))
		at = &(*at)->next;
	return at;
}

/* Have at least as many chains as entries after one more. */
static int
grow(struct set *s)
{
	struct set more = {.chains = s->chains == 0 ? 16 : 2 * s->chains};

	if (s->n < s->chains)
		return 0;
	more.chain = calloc(more.chains, sizeof(struct entry *));
	if (more.chain == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < s->chains; i++) {
		while (s->chain[i] != NULL) {
			struct entry *e = s->chain[i], **at;

			s->chain[i] = e->next;
			at = find(&more, &e->key);
			e->next = NULL;
			*at = e;
		}
	}
	free(s->chain);
	s->chain = more.chain;
	s->chains = more.chains;
	return 0;
}

int
lpm_oracle_set(struct lpm_oracle *o, const struct lpm_prefix *p, uint32_t group)
{
	struct set *s = &o->of_length[p->plen];
	struct entry **at;
	int rc = grow(s);

	if (rc != 0)
		return rc;
	at = find(s, &p->key);
	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at == NULL)
			return -ENOMEM;
		(*at)->key = p->key;
		s->n++;
		o->n++;
	}
	(*at)->group = group;
	return 0;
}

bool
lpm_oracle_remove(struct lpm_oracle *o, const struct lpm_prefix *p)
{
	struct set *s = &o->of_length[p->plen];
	struct entry **at, *e;

	if (s->n == 0)
		return false;
	at = find(s, &p->key);
	e = *at;
	if (e == NULL)
		return false;
	*at = e->next;
	free(e);
	s->n--;
	o->n--;
	return true;
}

uint32_t
lpm_oracle_exact(const struct lpm_oracle *o, const struct lpm_prefix *p)
{
	const struct set *s = &o->of_length[p->plen];
	struct entry *e = s->n > 0 ? *find(s, &p->key) : NULL;

	return e != NULL ? e->group : 0;
}

uint32_t
lpm_oracle_lookup(
    const struct lpm_oracle *o, const struct lpm_key *key, unsigned int plen)
{
	for (unsigned int left = plen + 1; left > 0; left--) {
		const struct lpm_prefix p = {
		    .key = lpm_key_first(*key, left - 1),
		    .plen = (uint8_t)(left - 1)};
		const uint32_t group = lpm_oracle_exact(o, &p);

		if (group != 0)
			return group;
	}
	return 0;
}

size_t
lpm_oracle_count(const struct lpm_oracle *o)
{
	return o->n;
}
