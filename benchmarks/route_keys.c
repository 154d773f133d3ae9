/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Streams of addresses.  Uniform ones flatter tries, which end early where
 * nobody has a prefix; traffic is shaped by prefixes and has favourites.
 */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/route.h"

#define FAVOURITES (1U << 18)

const char *const route_keys_names[ROUTE_STREAMS] = {
    "uniform", "prefix", "zipf"};

struct key {
	uint8_t byte[16];
};

static struct key
any(const struct route_set *s, uint64_t *rnd)
{
	struct key k;

	for (unsigned int i = 0; i < 16; i++)
		k.byte[i] = (uint8_t)route_random(rnd, 256);
	if (s->family == 6)
		k.byte[0] = (uint8_t)(0x20 | (k.byte[0] & 0x1f));
	return k;
}

static struct key
inside(const struct route_set *s, uint64_t *rnd)
{
	const struct route_prefix *e = &s->entry[route_random(rnd, s->n)];
	struct key k = any(s, rnd);
	const unsigned int whole = e->plen / 8, left = e->plen % 8;

	memcpy(k.byte, e->key, whole);
	if (left != 0)
		k.byte[whole] = (uint8_t)(e->key[whole] |
					  (k.byte[whole] & (0xffU >> left)));
	return k;
}

/* weight[i]: the sum of 1/j for j from 1 to i + 1. */
static double *
weights(void)
{
	double *w = malloc(FAVOURITES * sizeof(*w)), sum = 0;

	if (w == NULL)
		abort();
	for (unsigned int i = 0; i < FAVOURITES; i++)
		w[i] = sum += 1.0 / (i + 1);
	return w;
}

static size_t
favourite(const double *w, uint64_t *rnd)
{
	const double x = (double)route_random(rnd, UINT64_C(1) << 32) /
			 4294967296.0 * w[FAVOURITES - 1];
	size_t low = 0, high = FAVOURITES - 1;

	while (low < high) {
		const size_t mid = (low + high) / 2;

		if (w[mid] > x)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static void
store(const struct route_set *s, void *keys, size_t i, const struct key *k)
{
	uint32_t address;

	if (s->family == 6) {
		memcpy((uint8_t *)keys + 16 * i, k->byte, 16);
		return;
	}
	memcpy(&address, k->byte, sizeof(address));
	((uint32_t *)keys)[i] = ntohl(address);
}

static void
fill_zipf(const struct route_set *s, void *keys, size_t n, uint64_t *rnd)
{
	struct key *all = malloc(FAVOURITES * sizeof(*all));
	double *w = weights();

	if (all == NULL)
		abort();
	for (size_t i = 0; i < FAVOURITES; i++)
		all[i] = inside(s, rnd);
	for (size_t i = 0; i < n; i++)
		store(s, keys, i, &all[favourite(w, rnd)]);
	free(all);
	free(w);
}

void *
route_keys_make(
    const struct route_set *s, enum route_stream kind, size_t n, uint64_t seed)
{
	const size_t size = n * (s->family == 4 ? 4 : 16);
	void *keys = aligned_alloc(64, (size + 63) / 64 * 64);

	if (keys == NULL)
		abort();
	if (kind == ROUTE_ZIPF) {
		fill_zipf(s, keys, n, &seed);
		return keys;
	}
	for (size_t i = 0; i < n; i++) {
		const struct key k =
		    kind == ROUTE_UNIFORM ? any(s, &seed) : inside(s, &seed);

		store(s, keys, i, &k);
	}
	return keys;
}

union route_keys
route_keys_at(const struct route_set *s, const void *keys, size_t i)
{
	union route_keys at;

	if (s->family == 4)
		at.v4 = (const uint32_t *)keys + i;
	else
		at.v6 = (const uint8_t *)keys + 16 * i;
	return at;
}
