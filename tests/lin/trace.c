/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What no order can explain, in a history of values that go in once: the bad
 * patterns of Henzinger, Sezgin and Vafeiadis (Aspect-oriented linearizability
 * proofs, 2013).  For a FIFO queue they are all there is; for other objects
 * they are what every order must keep.
 *
 * A value is surely in from the end of its putting to the begin of its taking.
 */

#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "libsync/base/fence.h"
#include "tests/lin/lin.h"

#define NEVER UINT64_MAX

/* The putter writes the first half, the first taker the second. */
struct value {
	uint64_t put_inv, put_res, took_inv, took_res; /* 0: not yet */
	unsigned group;
	SYNC_ATOMIC(unsigned) taken;
};

struct look {
	uint64_t inv, res;
	size_t value; /* NO_VALUE: nothing there */
	unsigned group;
};

#define NO_VALUE SIZE_MAX

struct looks {
	size_t n; /* made; the last max are kept */
	struct look *look;
};

struct lin_trace {
	size_t n;
	unsigned threads;
	size_t max;
	struct value *value;
	struct looks *looks;        /* [threads] */
	SYNC_ATOMIC(size_t) strays; /* values out of range that came out */
};

struct lin_trace *
lin_trace_create(size_t n, unsigned threads, size_t looks)
{
	struct lin_trace *t = calloc(1, sizeof(*t));
	bool ok = t != NULL;

	if (!ok)
		return NULL;
	t->n = n;
	t->threads = threads;
	t->max = looks;
	t->value = calloc(n + 1, sizeof(t->value[0]));
	t->looks = calloc(threads + 1, sizeof(t->looks[0]));
	ok = t->value != NULL && t->looks != NULL;
	for (unsigned i = 0; ok && i < threads; i++) {
		t->looks[i].look = calloc(looks + 1, sizeof(struct look));
		ok = t->looks[i].look != NULL;
	}
	if (ok)
		return t;
	lin_trace_destroy(t);
	return NULL;
}

void
lin_trace_destroy(struct lin_trace *t)
{
	for (unsigned i = 0; t->looks != NULL && i < t->threads; i++)
		free(t->looks[i].look);
	free(t->looks);
	free(t->value);
	free(t);
}

void
lin_trace_putting(struct lin_trace *t, size_t value, unsigned group)
{
	SYNC_REQUIRE(value < t->n && t->value[value].put_inv == 0);
	t->value[value].group = group;
	t->value[value].put_inv = lin_trace_now();
}

/* The clock behind a fence: what was done before is seen by then. */
static uint64_t
end_now(void)
{
	sync_fence_full();
	return lin_trace_now();
}

void
lin_trace_put(struct lin_trace *t, size_t value)
{
	t->value[value].put_res = end_now();
}

void
lin_trace_took(struct lin_trace *t, size_t value, uint64_t inv)
{
	const uint64_t res = end_now();

	if (value >= t->n) {
		/* relaxed: a count; the check follows when all were joined. */
		sync_fetch_add_relaxed(&t->strays, 1);
		return;
	}
	/* relaxed: as above. */
	if (sync_fetch_add_relaxed(&t->value[value].taken, 1) > 0)
		return;
	t->value[value].took_inv = inv;
	t->value[value].took_res = res;
}

static void
add_look(struct lin_trace *t, unsigned thread, const struct look *look)
{
	struct looks *l = &t->looks[thread];

	SYNC_REQUIRE(thread < t->threads);
	if (t->max > 0)
		l->look[l->n++ % t->max] = *look;
}

void
lin_trace_look(struct lin_trace *t, unsigned thread, bool found,
    size_t value_or_group, uint64_t inv, uint64_t res)
{
	struct look look = {.inv = inv, .res = res, .value = NO_VALUE};

	if (found && value_or_group >= t->n) {
		/* relaxed: a count, as above. */
		sync_fetch_add_relaxed(&t->strays, 1);
		return;
	}
	if (found)
		look.value = value_or_group;
	else
		look.group = (unsigned)value_or_group;
	add_look(t, thread, &look);
}

void
lin_trace_saw(struct lin_trace *t, unsigned thread, size_t value, uint64_t inv)
{
	lin_trace_look(t, thread, true, value, inv, end_now());
}

void
lin_trace_missed(
    struct lin_trace *t, unsigned thread, unsigned group, uint64_t inv)
{
	lin_trace_look(t, thread, false, group, inv, end_now());
}

void
lin_trace_life(struct lin_trace *t, size_t value, const struct lin_life *life)
{
	struct value *v = &t->value[value];

	SYNC_REQUIRE(value < t->n);
	v->group = life->group;
	v->put_inv = life->put_inv;
	v->put_res = life->put_res;
	v->took_inv = life->took_inv;
	v->took_res = life->took_res;
	/* relaxed: as above. */
	sync_store_relaxed(&v->taken, life->took_res != 0);
}

/* ---- The check ---- */

static enum lin_pattern
check_values(const struct lin_trace *t, unsigned rules, size_t *at)
{
	*at = t->n;
	/* relaxed: all threads were joined. */
	if (sync_load_relaxed(&t->strays) > 0)
		return LIN_TRACE_NOWHERE;
	for (size_t i = 0; i < t->n; i++) {
		struct value *v = &t->value[i];
		/* relaxed: all threads were joined. */
		const unsigned taken = sync_load_relaxed(&v->taken);

		*at = i;
		if (taken > 1)
			return LIN_TRACE_TWICE;
		if (taken == 1 && (v->put_inv == 0 || v->took_res < v->put_inv))
			return LIN_TRACE_NOWHERE;
		if (taken == 0 && v->put_inv != 0 &&
		    (rules & LIN_RULE_EMPTY) != 0)
			return LIN_TRACE_LOST;
		if (taken == 0)
			v->took_inv = v->took_res = NEVER;
		if (v->put_res == 0)
			v->put_res = NEVER;
		if (v->put_inv == 0)
			v->put_inv = NEVER;
	}
	return LIN_TRACE_OK;
}

/* The interval in which a value is surely in its group. */
struct span {
	uint64_t from, to;
	unsigned group;
	size_t value;
};

static int
by_group_and_from(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->from > y->from) - (x->from < y->from);
}

/* Sorted, and what touches within a group joined.  Returns how many. */
static size_t
join(struct span *s, size_t n, size_t *both)
{
	size_t out = 0;

	*both = NO_VALUE;
	for (size_t i = 0; i < n; i++) {
		struct span *last = out > 0 ? &s[out - 1] : NULL;

		if (last == NULL || last->group != s[i].group ||
		    last->to <= s[i].from) {
			s[out++] = s[i];
			continue;
		}
		*both = s[i].value;
		if (s[i].to > last->to)
			last->to = s[i].to;
	}
	return out;
}

/* Was the group surely not empty from inv to res? */
static bool
covered(const struct span *s, size_t n, const struct look *l)
{
	size_t low = 0, high = n; /* the last that begins before inv */

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (s[mid].group < l->group ||
		    (s[mid].group == l->group && s[mid].from < l->inv))
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 && s[low - 1].group == l->group &&
	       s[low - 1].to > l->res;
}

static enum lin_pattern
check_look(const struct lin_trace *t, const struct look *l,
    const struct span *s, size_t spans)
{
	const struct value *v;

	if (l->value == NO_VALUE)
		return covered(s, spans, l) ? LIN_TRACE_MISSED : LIN_TRACE_OK;
	v = &t->value[l->value];
	if (v->put_inv > l->res)
		return LIN_TRACE_NOWHERE;
	return v->took_res < l->inv ? LIN_TRACE_GONE : LIN_TRACE_OK;
}

static enum lin_pattern
check_looks(
    const struct lin_trace *t, const struct span *s, size_t spans, size_t *at)
{
	for (unsigned i = 0; i < t->threads; i++) {
		const struct looks *l = &t->looks[i];

		for (size_t k = 0; k < l->n && k < t->max; k++) {
			const enum lin_pattern p =
			    check_look(t, &l->look[k], s, spans);

			*at = l->look[k].value == NO_VALUE ? l->look[k].group
							   : l->look[k].value;
			if (p != LIN_TRACE_OK)
				return p;
		}
	}
	return LIN_TRACE_OK;
}

static enum lin_pattern
check_spans(const struct lin_trace *t, unsigned rules, size_t *at)
{
	struct span *s = calloc(t->n + 1, sizeof(*s));
	enum lin_pattern p = LIN_TRACE_OK;
	size_t n = 0, both;

	SYNC_REQUIRE(s != NULL);
	for (size_t i = 0; i < t->n; i++) {
		const struct value *v = &t->value[i];

		if (v->put_res < v->took_inv)
			s[n++] = (struct span){.from = v->put_res,
			    .to = v->took_inv,
			    .group = v->group,
			    .value = i};
	}
	qsort(s, n, sizeof(*s), by_group_and_from);
	n = join(s, n, &both);
	*at = both;
	if ((rules & LIN_RULE_ALONE) != 0 && both != NO_VALUE)
		p = LIN_TRACE_BOTH;
	else
		p = check_looks(t, s, n, at);
	free(s);
	return p;
}

static int
by_put_res(const void *a, const void *b)
{
	const struct value *const *x = a, *const *y = b;

	return ((*x)->put_res > (*y)->put_res) -
	       ((*x)->put_res < (*y)->put_res);
}

static int
by_put_inv(const void *a, const void *b)
{
	const struct value *const *x = a, *const *y = b;

	return ((*x)->put_inv > (*y)->put_inv) -
	       ((*x)->put_inv < (*y)->put_inv);
}

/* a before b into the queue, and b out before a was asked for? */
static enum lin_pattern
check_order(const struct lin_trace *t, size_t *at)
{
	const struct value **a = calloc(t->n + 1, sizeof(struct value *));
	const struct value **b = calloc(t->n + 1, sizeof(struct value *));
	enum lin_pattern p = LIN_TRACE_OK;
	uint64_t latest = 0; /* begin of taking one that was in before b */

	SYNC_REQUIRE(a != NULL && b != NULL);
	for (size_t i = 0; i < t->n; i++)
		a[i] = b[i] = &t->value[i];
	qsort(a, t->n, sizeof(a[0]), by_put_res);
	qsort(b, t->n, sizeof(b[0]), by_put_inv);
	for (size_t i = 0, j = 0; i < t->n && p == LIN_TRACE_OK; i++) {
		for (; j < t->n && a[j]->put_res < b[i]->put_inv; j++)
			if (a[j]->took_inv > latest)
				latest = a[j]->took_inv;
		*at = (size_t)(b[i] - t->value);
		if (b[i]->took_res < latest)
			p = LIN_TRACE_ORDER;
	}
	free(a);
	free(b);
	return p;
}

enum lin_pattern
lin_trace_check(struct lin_trace *t, unsigned rules, size_t *value)
{
	size_t at = 0;
	enum lin_pattern p = check_values(t, rules, &at);

	if (p == LIN_TRACE_OK)
		p = check_spans(t, rules, &at);
	if (p == LIN_TRACE_OK && (rules & LIN_RULE_FIFO) != 0)
		p = check_order(t, &at);
	if (value != NULL && p != LIN_TRACE_OK)
		*value = at;
	return p;
}

const char *
lin_pattern_name(enum lin_pattern p)
{
	static const char *const name[] = {
	    [LIN_TRACE_OK] = "can be explained",
	    [LIN_TRACE_NOWHERE] = "a value from nowhere",
	    [LIN_TRACE_TWICE] = "a value twice",
	    [LIN_TRACE_LOST] = "a value lost",
	    [LIN_TRACE_ORDER] = "a value overtook another",
	    [LIN_TRACE_GONE] = "a value seen after it was gone",
	    [LIN_TRACE_MISSED] = "nothing found where something always was",
	    [LIN_TRACE_BOTH] = "two values where one may be",
	};

	return name[p];
}
