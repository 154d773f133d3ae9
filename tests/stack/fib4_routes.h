/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * IPv4 routes in a sorted array, to compile from and to compare with: what a
 * prefix search finds in it needs no idea of how tables are compiled.
 */
#ifndef TESTS_STACK_FIB4_ROUTES_H
#define TESTS_STACK_FIB4_ROUTES_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/route/fib4.h"

struct route4 {
	uint32_t key; /* host order */
	unsigned int plen;
	uint32_t group;
};

struct routes4 {
	struct route4 *route;
	size_t n, room;
	uint64_t seed;
	unsigned int asked; /* times for a route alone */
};

static inline uint32_t
routes4_random(struct routes4 *r)
{
	r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(r->seed >> 32);
}

static inline uint32_t
routes4_mask(unsigned int plen)
{
	return plen == 0 ? 0 : ~UINT32_C(0) << (32 - plen);
}

/* The first route that is not before key/plen. */
static inline size_t
routes4_find(const struct routes4 *r, uint32_t key, unsigned int plen)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		const size_t mid = (low + high) / 2;
		const struct route4 *p = &r->route[mid];

		if (p->key < key || (p->key == key && p->plen < plen))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static inline struct route4 *
routes4_exact(const struct routes4 *r, uint32_t key, unsigned int plen)
{
	const size_t i = routes4_find(r, key, plen);

	return i < r->n && r->route[i].key == key && r->route[i].plen == plen
		   ? &r->route[i]
		   : NULL;
}

/* Add a route, or give it another group. */
static inline void
routes4_add(struct routes4 *r, uint32_t key, unsigned int plen, uint32_t group)
{
	const size_t i = routes4_find(r, key, plen);
	struct route4 *p = routes4_exact(r, key, plen);

	if (p == NULL) {
		if (r->n == r->room) {
			r->room = r->room == 0 ? 64 : 2 * r->room;
			r->route =
			    realloc(r->route, r->room * sizeof(*r->route));
			cr_assert_not_null(r->route);
		}
		memmove(&r->route[i + 1], &r->route[i],
		    (r->n++ - i) * sizeof(*r->route));
		p = &r->route[i];
	}
	*p = (struct route4){key, plen, group};
}

static inline bool
routes4_remove(struct routes4 *r, uint32_t key, unsigned int plen)
{
	struct route4 *p = routes4_exact(r, key, plen);

	if (p == NULL)
		return false;
	memmove(p, p + 1, (size_t)(r->route + --r->n - p) * sizeof(*r->route));
	return true;
}

/* The longest match, by looking at every route. */
static inline uint32_t
routes4_lookup(const struct routes4 *r, uint32_t dst)
{
	const struct route4 *best = NULL;

	for (size_t i = 0; i < r->n; i++) {
		const struct route4 *p = &r->route[i];

		if ((dst & routes4_mask(p->plen)) == p->key &&
		    (best == NULL || p->plen > best->plen))
			best = p;
	}
	return best == NULL ? FIB_NONE : best->group;
}

static inline uint32_t
routes4_cover(void *arg, const uint8_t *bytes, unsigned int plen,
    unsigned int *cover_plen)
{
	const struct routes4 *r = arg;
	uint32_t key;

	memcpy(&key, bytes, 4);
	key = ntohl(key);
	while (plen-- > 0) {
		const struct route4 *p =
		    routes4_exact(r, key & routes4_mask(plen), plen);

		if (p != NULL) {
			*cover_plen = plen;
			return p->group;
		}
	}
	*cover_plen = 0;
	return FIB_NONE;
}

static inline int
routes4_walk(void *arg, const uint8_t *bytes, unsigned int plen,
    fib_walk_fn *fn, void *ctx)
{
	const struct routes4 *r = arg;
	uint32_t key, order;
	int error = 0;
	size_t i;

	memcpy(&key, bytes, 4);
	key = ntohl(key);
	i = routes4_find(r, key, plen);
	for (; i < r->n && error == 0; i++) {
		const struct route4 *p = &r->route[i];

		if ((p->key & routes4_mask(plen)) != key)
			break;
		order = htonl(p->key);
		error = fn(ctx, (const uint8_t *)&order, p->plen, p->group);
	}
	return error;
}

/* It does not know it every third time, so that both ways are gone. */
static inline bool
routes4_alone(void *arg, const uint8_t *bytes, unsigned int plen,
    uint32_t *group, unsigned int *from)
{
	struct routes4 *r = arg;
	const struct route4 *p;
	uint32_t key;
	size_t i;

	if (r->asked++ % 3 == 2)
		return false;
	memcpy(&key, bytes, 4);
	key = ntohl(key);
	i = routes4_find(r, key, plen + 1);
	if (i < r->n && (r->route[i].key & routes4_mask(plen)) == key)
		return false;
	p = routes4_exact(r, key, plen);
	*group = p != NULL ? p->group : routes4_cover(arg, bytes, plen, from);
	if (p != NULL)
		*from = plen;
	return true;
}

static inline struct fib_source
routes4_source(struct routes4 *r)
{
	return (struct fib_source){.alone = routes4_alone,
	    .cover = routes4_cover,
	    .walk = routes4_walk,
	    .arg = r};
}

static inline int
routes4_stage(struct fib4 *f, uint32_t key, unsigned int plen)
{
	const uint32_t order = htonl(key);

	return fib4_stage(f, (const uint8_t *)&order, plen);
}

static inline void
routes4_commit(struct routes4 *r, struct fib4 *f)
{
	const struct fib_source source = routes4_source(r);

	cr_assert_eq(fib4_prepare(f, &source), 0);
	fib4_commit(f);
}

static inline uint32_t
routes4_fib(const struct fib4 *f, uint32_t dst)
{
	const uint64_t cookie = pserialize_read_enter();
	const uint32_t group = fib4_lookup(f, dst);

	pserialize_read_exit(cookie);
	return group;
}

/* The table answers as the routes do: at the edges of each, and elsewhere. */
static inline void
routes4_check_at(const struct routes4 *r, const struct fib4 *f, uint32_t dst)
{
	cr_assert_eq(routes4_fib(f, dst), routes4_lookup(r, dst),
	    "at %#x: %u, not %u", dst, routes4_fib(f, dst),
	    routes4_lookup(r, dst));
}

static inline void
routes4_check(struct routes4 *r, const struct fib4 *f, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct route4 *p;
		uint32_t last;

		routes4_check_at(r, f, routes4_random(r));
		if (r->n == 0)
			continue;
		p = &r->route[routes4_random(r) % r->n];
		last = p->key | ~routes4_mask(p->plen);
		routes4_check_at(r, f, p->key);
		routes4_check_at(r, f, last);
		routes4_check_at(r, f, p->key - 1);
		routes4_check_at(r, f, last + 1);
		routes4_check_at(r, f,
		    p->key | (routes4_random(r) & ~routes4_mask(p->plen)));
	}
}

/* A prefix near others, of any length. */
static inline void
routes4_pick(struct routes4 *r, uint32_t *key, unsigned int *plen)
{
	static const uint32_t at[] = {0, 0x0a000000, 0x0a010000, 0x0a014000,
	    0x0a0140c0, 0x7fffffff, 0xffffff00};
	const uint32_t near = at[routes4_random(r) % 7];

	*plen = routes4_random(r) % 33;
	*key = near ^ (routes4_random(r) >> routes4_random(r) % 31);
	*key &= routes4_mask(*plen);
}

#endif /* TESTS_STACK_FIB4_ROUTES_H */
