/* SPDX-License-Identifier: BSD-2-Clause */

#include "tests/lpm/churn.h"

#include <errno.h>
#include <stdlib.h>

#include "apps/array.h"

int
lpm_churn_learn(struct lpm_churn *c, const struct lpm_prefix *p)
{
	int rc = array_reserve(&c->known, &c->room, c->n, sizeof(*p));

	if (rc == 0)
		c->known[c->n++] = *p;
	return rc;
}

void
lpm_churn_fini(struct lpm_churn *c)
{
	free(c->known);
	c->known = NULL;
	c->n = c->room = 0;
}

/* A length; one prefix in 64 is so short that it is most of the table. */
static unsigned int
draw_length(struct lpm_churn *c)
{
	const unsigned int low = lpm_keys_below(&c->rng, 64) == 0 ? 0 : 12;

	return low + (unsigned int)lpm_keys_below(&c->rng, c->bits - low + 1);
}

/* A prefix that may be new. */
static struct lpm_prefix
draw(struct lpm_churn *c)
{
	struct lpm_prefix p = {.plen = (uint8_t)draw_length(c)};
	const struct lpm_prefix *near =
	    c->n > 0 ? &c->known[lpm_keys_below(&c->rng, c->n)] : &p;

	switch (lpm_keys_below(&c->rng, 4)) {
	case 0: /* anywhere */
		p.key = lpm_keys_uniform(&c->rng, c->bits);
		break;
	case 1: /* begins where another one does, or covers it */
		p.key = near->key;
		break;
	case 2: /* ends where another one does, or covers it */
		p.key = lpm_key_last(near->key, near->plen, c->bits);
		break;
	default: /* inside of another one, or covers it */
		p.key = lpm_keys_inside(&c->rng, near, c->bits);
		break;
	}
	p.key = lpm_key_first(p.key, p.plen);
	return p;
}

int
lpm_churn_next(struct lpm_churn *c, const struct lpm_oracle *now,
    struct lpm_prefix *p, uint32_t *group)
{
	const bool fresh = c->n == 0 || lpm_keys_below(&c->rng, 4) == 0;

	*group = 1 + (uint32_t)lpm_keys_below(&c->rng, c->groups);
	if (fresh) {
		*p = draw(c);
		return lpm_churn_learn(c, p);
	}
	*p = c->known[lpm_keys_below(&c->rng, c->n)];
	/* Half of those that are there go. */
	if (lpm_oracle_exact(now, p) != 0 && lpm_keys_below(&c->rng, 2) == 0)
		*group = 0;
	return 0;
}

void
lpm_churn_shuffle(struct lpm_churn *c)
{
	for (size_t i = c->n; i > 1; i--) {
		const size_t j = lpm_keys_below(&c->rng, i);
		const struct lpm_prefix p = c->known[j];

		c->known[j] = c->known[i - 1];
		c->known[i - 1] = p;
	}
}
