/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * IPv6 routes as a sorted array, looked up by trying them all: what fib6 is
 * compared with, and compiled from.
 */
#ifndef TESTS_STACK_FIB6_MODEL_H
#define TESTS_STACK_FIB6_MODEL_H

#include <criterion/criterion.h>
#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "stack/route/fib6.h"

struct model_addr {
	uint64_t hi, lo;
};

static inline struct model_addr
model_hi(uint64_t hi)
{
	return (struct model_addr){hi, 0};
}

struct model_route {
	struct model_addr a;
	unsigned int plen;
	uint32_t group;
};

struct model {
	struct model_route *r;
	size_t n, room;
	uint64_t seed;
	unsigned int asked; /* times for a route alone */
};

static inline uint64_t
model_rnd(struct model *m)
{
	m->seed ^= m->seed << 13;
	m->seed ^= m->seed >> 7;
	m->seed ^= m->seed << 17;
	return m->seed;
}

static inline struct model_addr
model_mask(unsigned int plen)
{
	return (struct model_addr){
	    .hi = plen >= 64  ? UINT64_MAX
		  : plen == 0 ? 0
			      : ~(UINT64_MAX >> plen),
	    .lo = plen <= 64    ? 0
		  : plen == 128 ? UINT64_MAX
				: ~(UINT64_MAX >> (plen - 64)),
	};
}

static inline struct model_addr
model_prefix(struct model_addr a, unsigned int plen)
{
	const struct model_addr m = model_mask(plen);

	return (struct model_addr){a.hi & m.hi, a.lo & m.lo};
}

static inline bool
model_covers(const struct model_route *r, struct model_addr a)
{
	const struct model_addr p = model_prefix(a, r->plen);

	return p.hi == r->a.hi && p.lo == r->a.lo;
}

static inline int
model_cmp(struct model_addr a, unsigned int alen, struct model_addr b,
    unsigned int blen)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	if (a.lo != b.lo)
		return a.lo < b.lo ? -1 : 1;
	return alen < blen ? -1 : alen > blen;
}

/* The first route that is not before this one. */
static inline size_t
model_at(const struct model *m, struct model_addr a, unsigned int plen)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		const size_t mid = (lo + hi) / 2;

		if (model_cmp(m->r[mid].a, m->r[mid].plen, a, plen) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static inline struct model_route *
model_find(const struct model *m, struct model_addr a, unsigned int plen)
{
	const size_t i = model_at(m, a, plen);

	if (i < m->n && model_cmp(m->r[i].a, m->r[i].plen, a, plen) == 0)
		return &m->r[i];
	return NULL;
}

/* Give a prefix a group; FIB_NONE takes it out. */
static inline void
model_set(
    struct model *m, struct model_addr a, unsigned int plen, uint32_t group)
{
	size_t i;

	a = model_prefix(a, plen);
	i = model_at(m, a, plen);
	if (i < m->n && model_cmp(m->r[i].a, m->r[i].plen, a, plen) == 0) {
		m->r[i].group = group;
		if (group == FIB_NONE)
			memmove(&m->r[i], &m->r[i + 1],
			    (--m->n - i) * sizeof(*m->r));
		return;
	}
	if (group == FIB_NONE)
		return;
	if (m->n == m->room) {
		m->room = m->room != 0 ? 2 * m->room : 64;
		m->r = realloc(m->r, m->room * sizeof(*m->r));
		cr_assert_not_null(m->r);
	}
	memmove(&m->r[i + 1], &m->r[i], (m->n++ - i) * sizeof(*m->r));
	m->r[i] = (struct model_route){a, plen, group};
}

static inline void
model_fini(struct model *m)
{
	free(m->r);
	m->r = NULL;
	m->n = m->room = 0;
}

/* The longest match, by trying all. */
static inline uint32_t
model_lookup(const struct model *m, struct model_addr a)
{
	const struct model_route *best = NULL;

	for (size_t i = 0; i < m->n; i++) {
		const struct model_route *r = &m->r[i];

		if (model_covers(r, a) &&
		    (best == NULL || r->plen > best->plen))
			best = r;
	}
	return best != NULL ? best->group : FIB_NONE;
}

static inline struct model_addr
model_load(const uint8_t *key)
{
	uint64_t x[2];

	memcpy(x, key, sizeof(x));
	return (struct model_addr){be64toh(x[0]), be64toh(x[1])};
}

static inline void
model_store(struct model_addr a, uint8_t key[16])
{
	const uint64_t x[2] = {htobe64(a.hi), htobe64(a.lo)};

	memcpy(key, x, sizeof(x));
}

/* The three of a struct fib_source. */
static inline uint32_t
model_cover(
    void *arg, const uint8_t *key, unsigned int plen, unsigned int *cover_plen)
{
	const struct model_addr a = model_load(key);
	const struct model_route *r;

	while (plen-- > 0) {
		r = model_find(arg, model_prefix(a, plen), plen);
		if (r != NULL) {
			*cover_plen = plen;
			return r->group;
		}
	}
	*cover_plen = 0;
	return FIB_NONE;
}

static inline int
model_walk(void *arg, const uint8_t *key, unsigned int plen, fib_walk_fn *fn,
    void *ctx)
{
	const struct model *m = arg;
	const struct model_route top = {model_load(key), plen, 0};
	uint8_t out[16];
	int error = 0;

	for (size_t i = model_at(m, top.a, plen);
	     error == 0 && i < m->n && model_covers(&top, m->r[i].a); i++) {
		model_store(m->r[i].a, out);
		error = fn(ctx, out, m->r[i].plen, m->r[i].group);
	}
	return error;
}

/* It does not know it every third time, so that both ways are gone. */
static inline bool
model_alone(void *arg, const uint8_t *key, unsigned int plen, uint32_t *group,
    unsigned int *from)
{
	struct model *m = arg;
	const struct model_route top = {model_load(key), plen, 0}, *r;
	const size_t i = model_at(m, top.a, plen + 1);

	if (m->asked++ % 3 == 2 || (i < m->n && model_covers(&top, m->r[i].a)))
		return false;
	r = model_find(m, top.a, plen);
	*group = r != NULL ? r->group : model_cover(arg, key, plen, from);
	if (r != NULL)
		*from = plen;
	return true;
}

static inline struct fib_source
model_source(struct model *m)
{
	return (struct fib_source){.cover = model_cover,
	    .walk = model_walk,
	    .alone = model_alone,
	    .arg = m};
}

/* Change a route here, and stage it there. */
static inline void
model_stage(struct model *m, struct fib6 *f, struct model_addr a,
    unsigned int plen, uint32_t group)
{
	uint8_t key[16];

	model_set(m, a, plen, group);
	model_store(model_prefix(a, plen), key);
	cr_assert_eq(fib6_stage(f, key, plen), 0);
}

static inline void
model_commit(struct model *m, struct fib6 *f)
{
	const struct fib_source after = model_source(m);

	cr_assert_eq(fib6_prepare(f, &after), 0);
	fib6_commit(f);
}

/* The address before or after the edges of a prefix, or in it. */
static inline struct model_addr
model_near(struct model *m, struct model_addr a, unsigned int plen)
{
	const struct model_addr k = model_mask(plen);
	const struct model_addr last = {a.hi | ~k.hi, a.lo | ~k.lo};

	switch (model_rnd(m) % 5) {
	case 0:
		return a;
	case 1:
		return last;
	case 2:
		return (struct model_addr){a.hi - (a.lo == 0), a.lo - 1};
	case 3:
		return (struct model_addr){
		    last.hi + (last.lo == UINT64_MAX), last.lo + 1};
	default:
		return (struct model_addr){a.hi | (model_rnd(m) & ~k.hi),
		    a.lo | (model_rnd(m) & ~k.lo)};
	}
}

#endif /* TESTS_STACK_FIB6_MODEL_H */
