/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From prefixes to ranges: the prefixes come in order, each before its
 * more-specifics, so those that cover a place are a stack, and a range begins
 * where one is pushed or popped.  What lies in one number of a stage, being
 * longer, is painted on its own and becomes the next stage.
 */

#include "libsync/base/assert.h"
#include "stack/route/bits.h"
#include "stack/route/fib6_impl.h"

struct open {
	uint32_t last, value;
};

/* The prefixes open at a place of one stage. */
struct painter {
	struct fib6 *f;
	unsigned int at; /* first bit of the stage */
	size_t first;    /* range */
	unsigned int n;  /* of open[] */
	struct open open[FIB6_STAGE_BITS + 2];
};

/* A value from start on, in the place of what was said of start before. */
static void
emit(struct painter *p, uint32_t start, uint32_t value)
{
	struct fib6_vec *v = &p->f->writer->ranges;
	struct fib6_range *r = v->at;

	if (v->n > p->first && r[v->n - 1].start == start)
		v->n--;
	if (v->n > p->first && r[v->n - 1].value == value)
		return;
	r[v->n++] = (struct fib6_range){start, value};
}

/* Close what ends before start. */
static void
close_before(struct painter *p, uint32_t start)
{
	while (p->open[p->n - 1].last < start) {
		p->n--;
		emit(p, p->open[p->n].last + 1, p->open[p->n - 1].value);
	}
}

static void
close_all(struct painter *p)
{
	const uint32_t end = p->open[0].last;

	while (--p->n > 0) {
		if (p->open[p->n].last < end)
			emit(
			    p, p->open[p->n].last + 1, p->open[p->n - 1].value);
	}
}

static uint32_t
last_of(const struct fib6_route *r, unsigned int at)
{
	const unsigned int host = at + FIB6_STAGE_BITS - r->plen;
	const uint32_t mask =
	    host >= 32 ? UINT32_MAX : ((uint32_t)1 << host) - 1;

	return fib6_number(r->hi, r->lo, at) | mask;
}

static int paint(struct fib6 *f, unsigned int at, size_t from, size_t to,
    const uint32_t span[2], uint32_t value);

/* The ranges from the nth on as one value, a stage if they differ. */
static int
as_value(struct fib6 *f, size_t n, uint32_t *out)
{
	const struct fib6_vec *v = &f->writer->ranges;
	const struct fib6_range *r = (const struct fib6_range *)v->at + n;
	uint32_t root, stage;
	int error;

	if (v->n - n == 1) {
		*out = r->value;
		return 0;
	}
	error = fib6_build_root(f, r, v->n - n, &root);
	if (error == 0)
		error = fib6_ids_stage(f, root, &stage);
	if (error == 0)
		*out = FIB6_STAGE | stage;
	return error;
}

/* The routes from, up to to, are longer than their number in this stage. */
static int
paint_number(struct painter *p, size_t from, size_t to, uint32_t number)
{
	const uint32_t cover = p->open[p->n - 1].value;
	const size_t n = p->f->writer->ranges.n;
	uint32_t value;
	int error = paint(p->f, p->at + FIB6_STAGE_BITS, from, to,
	    (uint32_t[]){0, UINT32_MAX}, cover);

	if (error == 0)
		error = as_value(p->f, n, &value);
	p->f->writer->ranges.n = n;
	if (error != 0)
		return error;
	emit(p, number, value);
	if (number < p->open[0].last)
		emit(p, number + 1, cover);
	return 0;
}

static size_t
same_number(const struct painter *p, size_t from, size_t to)
{
	const struct fib6_route *r = p->f->writer->routes.at;
	const uint32_t number = fib6_number(r[from].hi, r[from].lo, p->at);

	while (
	    from < to && fib6_number(r[from].hi, r[from].lo, p->at) == number)
		from++;
	return from;
}

/* One route, or those of one number.  Returns: how many; a negative errno. */
static int64_t
paint_next(struct painter *p, size_t from, size_t to)
{
	struct fib6_writer *w = p->f->writer;
	const struct fib6_route *r = (struct fib6_route *)w->routes.at + from;
	const uint32_t number = fib6_number(r->hi, r->lo, p->at);
	int error = fib6_vec_more(
	    &w->ranges, FIB6_STAGE_BITS + 4, sizeof(struct fib6_range));
	size_t end;

	if (error != 0)
		return error;
	close_before(p, number);
	if (r->plen > p->at + FIB6_STAGE_BITS) {
		end = same_number(p, from, to);
		error = paint_number(p, from, end, number);
		return error != 0 ? error : (int64_t)(end - from);
	}
	SYNC_ASSERT(p->n < sizeof(p->open) / sizeof(p->open[0]));
	emit(p, number, r->group);
	p->open[p->n++] = (struct open){last_of(r, p->at), r->group};
	return 1;
}

/* Routes to ranges that fill the span, of value where no route is. */
static int
paint(struct fib6 *f, unsigned int at, size_t from, size_t to,
    const uint32_t span[2], uint32_t value)
{
	struct painter p = {
	    .f = f, .at = at, .first = f->writer->ranges.n, .n = 1};
	int error = fib6_vec_more(
	    &f->writer->ranges, FIB6_STAGE_BITS + 4, sizeof(struct fib6_range));
	int64_t n;

	if (error != 0)
		return error;
	p.open[0] = (struct open){span[1], value};
	emit(&p, span[0], value);
	for (; from < to; from += (size_t)n) {
		n = paint_next(&p, from, to);
		if (n < 0)
			return (int)n;
	}
	error = fib6_vec_more(
	    &f->writer->ranges, FIB6_STAGE_BITS + 4, sizeof(struct fib6_range));
	if (error == 0)
		close_all(&p);
	return error;
}

static int
collect(void *ctx, const uint8_t *key, unsigned int plen, uint32_t group)
{
	struct fib6_writer *w = ctx;
	struct fib6_route *r;
	int error = fib6_vec_more(&w->routes, 1, sizeof(*r));

	if (error != 0)
		return error;
	SYNC_REQUIRE(group != FIB_NONE && group < FIB_GROUPS_MAX);
	r = (struct fib6_route *)w->routes.at + w->routes.n++;
	*r = (struct fib6_route){
	    route_bits_load64(key), route_bits_load64(key + 8), group, plen};
	return 0;
}

/* The value of what has the route of a prefix of that length. */
static uint32_t
value_of(uint32_t group, unsigned int plen, bool concrete)
{
	if (group != FIB_NONE && plen > FIB6_SHORT_BITS)
		return group;
	if (!concrete)
		return 0;
	return group != FIB_NONE ? group : FIB6_NOTHING;
}

/* The value of what no prefix inside the hull covers. */
static uint32_t
cover_of(struct fib6 *f, const uint8_t *key, unsigned int plen, bool concrete)
{
	const struct fib_source *s = f->writer->after;
	unsigned int cover_plen = 0;
	const uint32_t group = s->cover(s->arg, key, plen, &cover_plen);

	return value_of(group, cover_plen, concrete);
}

/* Most hulls have one value.  Returns: 1 if this one may have more; -ENOMEM. */
static int
paint_alone(struct fib6 *f, const uint8_t *key, unsigned int plen,
    uint32_t start, bool concrete)
{
	struct fib6_writer *w = f->writer;
	const struct fib_source *s = w->after;
	unsigned int from = 0;
	uint32_t group;
	int error;

	if (s->alone == NULL || !s->alone(s->arg, key, plen, &group, &from))
		return 1;
	error = fib6_vec_more(&w->ranges, 1, sizeof(struct fib6_range));
	if (error != 0)
		return error;
	w->ranges.n = 1;
	*(struct fib6_range *)w->ranges.at =
	    (struct fib6_range){start, value_of(group, from, concrete)};
	return 0;
}

void
fib6_paint_span(const struct fib6_hull *h, unsigned int at, uint32_t span[2])
{
	span[0] = fib6_number(h->hi, h->lo, at);
	span[1] = span[0];
	if (h->plen < at + FIB6_STAGE_BITS)
		span[1] |= UINT32_MAX >> (h->plen - at);
}

int
fib6_paint(
    struct fib6 *f, const struct fib6_hull *h, unsigned int at, bool concrete)
{
	struct fib6_writer *w = f->writer;
	uint32_t span[2];
	uint8_t key[16];
	int error;

	route_bits_store64(key, h->hi);
	route_bits_store64(key + 8, h->lo);
	fib6_paint_span(h, at, span);
	w->routes.n = 0;
	w->ranges.n = 0;
	error = paint_alone(f, key, h->plen, span[0], concrete);
	if (error <= 0)
		return error;
	error = w->after->walk(w->after->arg, key, h->plen, collect, w);
	if (error != 0)
		return error;
	return paint(
	    f, at, 0, w->routes.n, span, cover_of(f, key, h->plen, concrete));
}
