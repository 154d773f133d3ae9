/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The judge itself, against a list that is searched bit by bit.
 */

#include <criterion/criterion.h>

#include "tests/lpm/keys.h"
#include "tests/lpm/oracle.h"

#define ROUTES 64

struct listed {
	struct lpm_prefix p;
	uint32_t group; /* 0: not there */
};

static bool
covers(const struct lpm_prefix *p, const struct lpm_key *k)
{
	for (unsigned int i = 0; i < p->plen; i++) {
		if (((p->key.b[i / 8] ^ k->b[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	}
	return true;
}

static uint32_t
search(const struct listed *list, const struct lpm_key *k, unsigned int plen)
{
	uint32_t found = 0;
	int best = -1;

	for (unsigned int i = 0; i < ROUTES; i++) {
		const struct lpm_prefix *p = &list[i].p;

		if (list[i].group != 0 && p->plen <= plen && covers(p, k) &&
		    p->plen > best) {
			best = p->plen;
			found = list[i].group;
		}
	}
	return found;
}

/* Prefixes of few values, so that they nest and meet. */
static struct lpm_prefix
draw(struct lpm_keys_rng *r, unsigned int bits)
{
	struct lpm_prefix p = {.key = lpm_keys_uniform(r, bits)};

	p.plen = (uint8_t)lpm_keys_below(r, bits + 1);
	for (unsigned int i = 0; i < bits / 8; i++) {
		p.key.b[i] = i % 3 == 0   ? p.key.b[i] & 0x81
			     : i % 3 == 1 ? 0
					  : 0xff;
	}
	p.key = lpm_key_first(p.key, p.plen);
	return p;
}

static bool
same(const struct lpm_prefix *a, const struct lpm_prefix *b)
{
	return a->plen == b->plen && lpm_key_equal(&a->key, &b->key);
}

static void
fill(struct listed *list, struct lpm_keys_rng *r, unsigned int bits)
{
	for (unsigned int i = 0; i < ROUTES; i++) {
		bool again = true;

		list[i].group = 0;
		while (again) {
			again = false;
			list[i].p = draw(r, bits);
			for (unsigned int j = 0; j < i; j++)
				again |= same(&list[i].p, &list[j].p);
		}
	}
}

static void
compare(const struct lpm_oracle *o, const struct listed *list,
    struct lpm_keys_rng *r, unsigned int bits)
{
	size_t n = 0;

	for (unsigned int i = 0; i < ROUTES; i++) {
		struct lpm_key k[LPM_KEYS_EDGES + 1];
		const unsigned int plen =
		    (unsigned int)lpm_keys_below(r, bits + 1);

		n += list[i].group != 0;
		cr_assert_eq(lpm_oracle_exact(o, &list[i].p), list[i].group);
		lpm_keys_edges(&list[i].p, bits, k);
		k[LPM_KEYS_EDGES] = lpm_keys_inside(r, &list[i].p, bits);
		cr_assert(covers(&list[i].p, &k[LPM_KEYS_EDGES]));
		for (unsigned int j = 0; j <= LPM_KEYS_EDGES; j++) {
			cr_assert_eq(lpm_oracle_lookup(o, &k[j], bits),
			    search(list, &k[j], bits));
			cr_assert_eq(lpm_oracle_lookup(o, &k[j], plen),
			    search(list, &k[j], plen));
		}
	}
	cr_assert_eq(lpm_oracle_count(o), n);
}

static void
differ(unsigned int bits)
{
	struct lpm_keys_rng r = {.state = bits};
	static struct listed list[ROUTES];

	for (unsigned int run = 0; run < 20; run++) {
		struct lpm_oracle *o = lpm_oracle_create(bits);

		cr_assert_not_null(o);
		fill(list, &r, bits);
		for (unsigned int step = 0; step < 200; step++) {
			struct listed *l = &list[lpm_keys_below(&r, ROUTES)];

			if (l->group != 0 && lpm_keys_below(&r, 2) == 0) {
				l->group = 0;
				cr_assert(lpm_oracle_remove(o, &l->p));
				cr_assert_not(lpm_oracle_remove(o, &l->p));
			} else {
				l->group = step + 1;
				cr_assert_eq(
				    lpm_oracle_set(o, &l->p, l->group), 0);
			}
			if (step % 10 == 9)
				compare(o, list, &r, bits);
		}
		lpm_oracle_destroy(o);
	}
}

Test(lpm_oracle, agrees_with_a_search_bit_by_bit)
{
	differ(32);
	differ(128);
}

Test(lpm_oracle, grows_without_losing_anything)
{
	struct lpm_oracle *o = lpm_oracle_create(32);

	cr_assert_not_null(o);
	for (uint32_t i = 0; i < 5000; i++) {
		const struct lpm_prefix p = {
		    .plen = 24, .key.b = {10, (uint8_t)(i >> 8), (uint8_t)i}};

		cr_assert_eq(lpm_oracle_set(o, &p, i + 1), 0);
	}
	for (uint32_t i = 0; i < 5000; i++) {
		const struct lpm_key k = {
		    .b = {10, (uint8_t)(i >> 8), (uint8_t)i, 99}};

		cr_assert_eq(lpm_oracle_lookup(o, &k, 32), i + 1);
	}
	lpm_oracle_destroy(o);
}

Test(lpm_keys, edges_are_where_they_should_be)
{
	const struct lpm_prefix p = {.plen = 9, .key.b = {10, 128}};
	const struct lpm_prefix all = {.plen = 0};
	struct lpm_key k[LPM_KEYS_EDGES];

	lpm_keys_edges(&p, 32, k);
	cr_assert_eq(memcmp(k[0].b, (uint8_t[]){10, 128, 0, 0, 0}, 5), 0);
	cr_assert_eq(memcmp(k[1].b, (uint8_t[]){10, 255, 255, 255, 0}, 5), 0);
	cr_assert_eq(memcmp(k[2].b, (uint8_t[]){10, 127, 255, 255, 0}, 5), 0);
	cr_assert_eq(memcmp(k[3].b, (uint8_t[]){11, 0, 0, 0, 0}, 5), 0);
	lpm_keys_edges(&all, 32, k);
	cr_assert_eq(memcmp(k[1].b, (uint8_t[]){255, 255, 255, 255, 0}, 5), 0);
	cr_assert_eq(memcmp(k[2].b, (uint8_t[]){255, 255, 255, 255, 0}, 5), 0);
	cr_assert_eq(memcmp(k[3].b, (uint8_t[]){0, 0, 0, 0, 0}, 5), 0);
}

Test(lpm_keys, zipf_halves_as_it_doubles)
{
	struct lpm_keys_rng r = {.state = 1};
	unsigned int first = 0, second = 0, last = 0;

	for (unsigned int i = 0; i < 100000; i++) {
		const size_t rank = lpm_keys_zipf(&r, 1000);

		cr_assert_lt(rank, 1000);
		first += rank < 1;
		second += rank >= 1 && rank < 3;
		last += rank >= 500;
	}
	/* ln 2 / ln 1001 each. */
	cr_assert(first > 9500 && first < 10600, "%u", first);
	cr_assert(second > 9500 && second < 10600, "%u", second);
	cr_assert(last > 9500 && last < 10600, "%u", last);
}
