/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A chunk is a range of addresses.  Its prefixes are listed in the order of the
 * tree, a prefix before its more-specifics: those that begin before the range
 * and reach into it, found one length after the other, then those that begin
 * inside, found by a walk.  The sweep keeps a stack of the prefixes that are
 * open; the innermost one is the longest match.
 *
 * Invariants
 *   I1  open[] is nested, the shortest prefix first; what is below the top may
 *       have ended already, the top has not when it is used.
 *   I2  Every address below lo has been judged if it was to be; random is not
 *       below it.
 */

#include "stack/route/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/stack.h"
#include "stack/route/table_impl.h"

#define CHUNK    1024U
#define BITS_MAX 128U
#define BATCH    64U

/* An address as a number. */
__extension__ typedef unsigned __int128 addr_num;

struct prefix {
	addr_num first, last;
	unsigned int plen;
	const struct route *route;
};

/* What is to be looked up. */
struct question {
	uint8_t addr[16];
	const struct prefix *want; /* NULL: no route */
};

struct route_verify {
	struct route_verify_config cfg;
	struct route_verify_result result;
	unsigned int bits; /* of an address */
	addr_num lo, end;  /* where the next chunk begins; the last address */
	addr_num at;       /* where the sweep is */
	uint64_t state;    /* of the random numbers */
	uint32_t nrandom;  /* of them that are done */
	addr_num random;   /* the next one */
	unsigned int nopen, nasked;
	size_t nprefixes, ncovers; /* these come first */
	const struct prefix *open[BITS_MAX + 1];
	struct question asked[BATCH];
	struct prefix prefix[CHUNK + 2 * BITS_MAX + 2];
};

/* --- Addresses ---------------------------------------------------------- */

static addr_num
number(const struct route_verify *v, const uint8_t *addr)
{
	addr_num n = 0;
	unsigned int i;

	for (i = 0; i < v->bits / 8; i++)
		n = n << 8 | addr[i];
	return n;
}

static void
bytes(const struct route_verify *v, addr_num n, uint8_t out[16])
{
	unsigned int i;

	memset(out, 0, 16);
	for (i = v->bits / 8; i-- > 0; n >>= 8)
		out[i] = (uint8_t)n;
}

/* Vigna, "splitmix64" (2015). */
static uint64_t
chance(struct route_verify *v)
{
	uint64_t z = v->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Where part i of all addresses begins, as their first 64 bits. */
static addr_num
part(const struct route_verify *v, uint64_t i)
{
	return ((addr_num)i << 64) / v->cfg.random;
}

/* One address at random in each of as many parts: so they come in order. */
static void
draw(struct route_verify *v)
{
	addr_num from, n;

	if (v->nrandom == v->cfg.random)
		return;
	from = part(v, v->nrandom);
	n = part(v, (uint64_t)v->nrandom + 1) - from;
	v->random =
	    ((from + chance(v) % n) << 64 | chance(v)) >> (BITS_MAX - v->bits);
}

/* --- Comparing ---------------------------------------------------------- */

/* Judge one.  Returns: whether all answers are right. */
static bool
judge(struct route_verify *v, const struct question *q,
    const struct route_verify_diff *d)
{
	const struct route *want = q->want != NULL ? q->want->route : NULL;
	const bool rib =
	    d->rib == want && (want == NULL || d->rib_plen == q->want->plen);
	const bool fib = !d->compiled || d->fib == want;
	const bool batch = !d->compiled || d->batch == want;

	v->result.addresses++;
	v->result.compiled += d->compiled;
	v->result.rib += !rib;
	v->result.fib += !fib;
	v->result.batch += !batch;
	v->result.hops += !d->hops;
	return rib && fib && batch && d->hops;
}

static void
report(struct route_verify *v, const struct question *q,
    struct route_verify_diff *d)
{
	v->result.differences++;
	memcpy(d->addr, q->addr, sizeof(d->addr));
	d->sweep = q->want != NULL ? q->want->route : NULL;
	d->plen = q->want != NULL ? q->want->plen : 0;
	if (v->cfg.differs != NULL)
		v->cfg.differs(v->cfg.arg, d);
}

/* Does the route lead where it says?  Each time another flow is asked for. */
static bool
leads(const struct route_verify *v, const struct prefix *p)
{
	return p == NULL || route_hops_right(v->cfg.table->store, p->route,
				(uint32_t)v->result.addresses);
}

/* Look up what was asked for. */
static void
answer(struct route_verify *v)
{
	const struct route_table *t = v->cfg.table;
	const uint8_t *addr[BATCH];
	const struct route *batch[BATCH];
	struct route_verify_diff d;
	bool compiled;
	unsigned int i;
	uint64_t s;

	for (i = 0; i < v->nasked; i++)
		addr[i] = v->asked[i].addr;
	s = pserialize_read_enter();
	compiled = route_compile_lookup_batch(t, addr, batch, v->nasked);
	for (i = 0; i < v->nasked; i++) {
		d = (struct route_verify_diff){
		    .compiled = compiled, .hops = leads(v, v->asked[i].want)};
		d.rib = route_table_match(t, addr[i], &d.rib_plen);
		if (compiled) {
			(void)route_compile_lookup(t, addr[i], &d.fib);
			d.batch = batch[i];
		}
		if (!judge(v, &v->asked[i], &d))
			report(v, &v->asked[i], &d);
	}
	pserialize_read_exit(s);
	v->nasked = 0;
}

static void
ask(struct route_verify *v, addr_num addr, const struct prefix *want)
{
	struct question *q = &v->asked[v->nasked++];

	bytes(v, addr, q->addr);
	q->want = want;
	if (v->nasked == BATCH)
		answer(v);
}

/* --- Sweeping ----------------------------------------------------------- */

/* From first to last, p is the longest match. */
static void
span(struct route_verify *v, addr_num first, addr_num last,
    const struct prefix *p)
{
	ask(v, first, p);
	if (last != first)
		ask(v, last, p);
	if (last - first > 1)
		ask(v, first + 1 + chance(v) % (last - first - 1), p);
	while (v->nrandom < v->cfg.random && v->random <= last) {
		ask(v, v->random, p);
		v->nrandom++;
		draw(v);
	}
}

/* The innermost prefix that is open; NULL: none is. */
static const struct prefix *
innermost(struct route_verify *v)
{
	while (v->nopen > 0 && v->open[v->nopen - 1]->last < v->at)
		v->nopen--;
	return v->nopen > 0 ? v->open[v->nopen - 1] : NULL;
}

/* Go on to the address behind limit. */
static void
advance(struct route_verify *v, addr_num limit)
{
	addr_num stop;

	do {
		const struct prefix *p = innermost(v);

		stop = p != NULL && p->last < limit ? p->last : limit;
		span(v, v->at, stop, p);
		v->at = stop + 1;
	} while (stop != limit);
}

static void
sweep(struct route_verify *v, addr_num hi)
{
	size_t i;

	v->at = v->lo;
	v->nopen = 0;
	for (i = 0; i < v->nprefixes; i++) {
		if (v->prefix[i].first > v->at)
			advance(v, v->prefix[i].first - 1);
		(void)innermost(v);
		v->open[v->nopen++] = &v->prefix[i];
	}
	advance(v, hi);
	answer(v);
}

/* --- Listing ------------------------------------------------------------ */

static void
list(struct route_verify *v, const struct route_item *i)
{
	const struct route_table *like = v->cfg.like;
	struct prefix *p = &v->prefix[v->nprefixes++];

	p->plen = route_item_plen(i);
	p->first = number(v, i->key);
	p->last = p->first;
	if (p->plen < v->bits)
		p->last |= v->end >> p->plen;
	p->route = route_item_set(like->store, i)->route[0];
}

/* Those that began before lo and contain it, the shortest first. */
static void
list_covers(struct route_verify *v, const struct radix_lf_snap *snap)
{
	const struct route_item *i;
	uint8_t key[16];
	unsigned int plen;

	bytes(v, v->lo, key);
	for (plen = 0; plen < v->bits; plen++) {
		i = radix_lf_snap_exact(snap, key, plen);
		if (i != NULL && number(v, i->key) < v->lo)
			list(v, i);
	}
	v->ncovers = v->nprefixes;
}

/* The prefix that begins at lo, or the next one behind. */
static const struct route_item *
first_of(const struct route_verify *v, const struct radix_lf_snap *snap)
{
	uint8_t key[16];

	if (v->lo == 0)
		return radix_lf_snap_next(snap, NULL, 0);
	bytes(v, v->lo - 1, key);
	return radix_lf_snap_next(snap, key, v->bits);
}

/*
 * Those that begin in the chunk, whose end is before a prefix and before more
 * random addresses than it shall have.  Returns: its last address.
 */
static addr_num
list_chunk(struct route_verify *v, const struct radix_lf_snap *snap)
{
	const struct route_item *i = first_of(v, snap);
	addr_num hi = v->end, start = 0;
	size_t n = 0;

	for (; i != NULL;
	     i = radix_lf_snap_next(snap, i->key, route_item_plen(i))) {
		if (n++ >= CHUNK && number(v, i->key) != start) {
			hi = number(v, i->key) - 1;
			break;
		}
		start = number(v, i->key);
		list(v, i);
	}
	if (v->cfg.random - v->nrandom > CHUNK) {
		start = part(v, (uint64_t)v->nrandom + CHUNK) << 64 >>
			(BITS_MAX - v->bits);
		hi = start - 1 < hi ? start - 1 : hi;
	}
	while (
	    v->nprefixes > v->ncovers && v->prefix[v->nprefixes - 1].first > hi)
		v->nprefixes--;
	v->result.prefixes += v->nprefixes - v->ncovers;
	return hi;
}

/* --- From outside ------------------------------------------------------- */

int
route_verify_create(
    const struct route_verify_config *cfg, struct route_verify **out)
{
	struct route_verify *v = malloc(sizeof(*v));

	if (v == NULL)
		return -ENOMEM;
	memset(v, 0, offsetof(struct route_verify, open));
	v->cfg = *cfg;
	if (cfg->like == NULL)
		v->cfg.like = cfg->table;
	SYNC_REQUIRE(v->cfg.like->store == cfg->table->store);
	v->bits = cfg->table->store->bits;
	v->end = ~(addr_num)0 >> (BITS_MAX - v->bits);
	v->state = cfg->seed;
	draw(v);
	*out = v;
	return 0;
}

void
route_verify_destroy(struct route_verify *v)
{
	free(v);
}

bool
route_verify_step(struct route_verify *v)
{
	struct stack *st = v->cfg.table->store->stack;
	struct radix_lf_snap snap;
	addr_num hi;

	SYNC_ASSERT(!pserialize_in_read_section());
	stack_control_enter(st);
	v->nprefixes = 0;
	radix_lf_snap_pin(v->cfg.like->tree, &snap);
	list_covers(v, &snap);
	hi = list_chunk(v, &snap);
	radix_lf_snap_unpin(&snap);
	sweep(v, hi);
	stack_control_exit(st);
	v->lo = hi + 1;
	return hi != v->end;
}

const struct route_verify_result *
route_verify_result(const struct route_verify *v)
{
	return &v->result;
}

int
route_verify_table(
    const struct route_verify_config *cfg, struct route_verify_result *out)
{
	struct route_verify *v;
	int error = route_verify_create(cfg, &v);

	if (error != 0)
		return error;
	while (route_verify_step(v))
		;
	*out = v->result;
	route_verify_destroy(v);
	return 0;
}
