/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The addresses at which the answer changes, ascending, each with the answer
 * from there on; a lookup finds the last that is not above its address.
 *
 * They come of a walk in order of keys, a prefix before its more-specifics: a
 * prefix begins where it begins, and behind its end the one around it goes on,
 * whose own end the walk has not passed.
 *
 * Invariants
 *   I1  from[0] is address 0; hi, and lo where addresses have it, ascend.
 *   I2  Nothing is written once it is published.
 *
 * Ordering pairs
 *   none: the owner publishes it.
 */

#include "stack/route/fib_small.h"

#include "libsync/base/assert.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/route/host.h"

/* n prefixes have so many places at most: where they begin, and behind them. */
#define PLACES (2 * FIB_SMALL_MAX + 1)
#define DEPTH  130u /* prefixes around each other, and none */

/* [c] once published; hi, lo (of long addresses), group follow */
struct fib_small {
	struct pserialize_head retire;
	uint32_t n;
	const uint64_t *hi, *lo; /* lo NULL: all zero */
	const uint32_t *group;
};

struct address {
	uint64_t hi, lo;
};

/* A prefix that the walk is in. */
struct around {
	struct address last;
	uint32_t group;
};

struct build {
	unsigned int bits;
	uint32_t prefixes, n;
	struct address from[PLACES];
	uint32_t group[PLACES];
	struct around around[DEPTH];
	unsigned int depth; /* around[0]: none */
};

static bool
before(struct address a, struct address b)
{
	return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo;
}

static uint64_t
load(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < 8; i++)
		v = v << 8 | (i < bytes ? p[i] : 0);
	return v;
}

/* The last address of the prefix that begins at a. */
static struct address
last_of(struct address a, unsigned int plen)
{
	if (plen < 64) {
		a.hi |= UINT64_MAX >> plen;
		a.lo = UINT64_MAX;
	} else if (plen < 128) {
		a.lo |= UINT64_MAX >> (plen - 64);
	}
	return a;
}

/* From a on the answer is group. */
static void
place(struct build *b, struct address a, uint32_t group)
{
	/* A prefix begins where another one does, or ends. */
	if (b->n > 0 && !before(b->from[b->n - 1], a))
		b->n--;
	if (b->n > 0 && b->group[b->n - 1] == group)
		return;
	b->from[b->n] = a;
	b->group[b->n++] = group;
}

/* Behind the innermost prefix the one around it goes on. */
static void
leave(struct build *b)
{
	struct address next = b->around[b->depth--].last;

	next.hi += ++next.lo == 0;
	if (next.hi != 0 || next.lo != 0)
		place(b, next, b->around[b->depth].group);
}

static int
add(void *ctx, const uint8_t *key, unsigned int plen, uint32_t group)
{
	struct build *b = ctx;
	const bool longer = b->bits > 64;
	const struct address a = {
	    load(key, longer ? 8 : 4), longer ? load(key + 8, 8) : 0};

	if (b->prefixes++ == FIB_SMALL_MAX)
		return -E2BIG;
	while (b->depth > 0 && before(b->around[b->depth].last, a))
		leave(b);
	SYNC_ASSERT(b->depth + 1 < DEPTH);
	b->around[++b->depth] = (struct around){last_of(a, plen), group};
	place(b, a, group);
	return 0;
}

static int
finish(const struct build *b, struct fib_small **out)
{
	const size_t keys = (b->bits > 64 ? 2 : 1) * b->n * sizeof(uint64_t);
	struct fib_small *s =
	    route_host_alloc(sizeof(*s) + keys + b->n * sizeof(uint32_t));
	uint64_t *hi, *lo;
	uint32_t *group;

	if (s == NULL)
		return -ENOMEM;
	hi = (uint64_t *)(void *)(s + 1);
	lo = b->bits > 64 ? hi + b->n : NULL;
	group = (uint32_t *)(void *)((uint8_t *)hi + keys);
	for (uint32_t i = 0; i < b->n; i++) {
		hi[i] = b->from[i].hi;
		if (lo != NULL)
			lo[i] = b->from[i].lo;
		group[i] = b->group[i];
	}
	s->n = b->n;
	s->hi = hi;
	s->lo = lo;
	s->group = group;
	*out = s;
	return 0;
}

int
fib_small_create(
    const struct fib_source *after, unsigned int bits, struct fib_small **out)
{
	static const uint8_t all[16];
	struct build *b = route_host_alloc(sizeof(*b));
	int error;

	if (b == NULL)
		return -ENOMEM;
	b->bits = bits;
	place(b, (struct address){0, 0}, FIB_NONE);
	error = after->walk(after->arg, all, 0, add, b);
	while (b->depth > 0 && error == 0)
		leave(b);
	if (error == 0)
		error = finish(b, out);
	route_host_free(b);
	return error;
}

void
fib_small_free(struct fib_small *s)
{
	route_host_free(s);
}

static void
retired(struct pserialize_head *head)
{
	route_host_free((char *)head - offsetof(struct fib_small, retire));
}

void
fib_small_retire(struct fib_small *s)
{
	if (s != NULL)
		pserialize_call_sized(&s->retire, retired, fib_small_bytes(s));
}

/* Which half it is in cannot be foreseen, so there is no branch on that. */
uint32_t
fib_small_lookup(const struct fib_small *s, uint64_t hi, uint64_t lo)
{
	uint32_t at = 0, n = s->n, mid, behind;

	SYNC_ASSERT(pserialize_in_read_section());
	if (s->lo == NULL) {
		for (; n > 1; n -= n / 2)
			at += n / 2 & -(uint32_t)(s->hi[at + n / 2] <= hi);
		return s->group[at];
	}
	for (; n > 1; n -= n / 2) {
		mid = at + n / 2;
		behind = (uint32_t)(s->hi[mid] < hi) |
			 ((uint32_t)(s->hi[mid] == hi) &
			     (uint32_t)(s->lo[mid] <= lo));
		at += n / 2 & -behind;
	}
	return s->group[at];
}

size_t
fib_small_bytes(const struct fib_small *s)
{
	return sizeof(*s) + s->n * (sizeof(uint32_t) + (s->lo != NULL ? 2 : 1) *
							   sizeof(uint64_t));
}
