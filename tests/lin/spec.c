/* SPDX-License-Identifier: BSD-2-Clause */

/* The sequential objects, one operation at a time. */

#include <string.h>

#include "tests/lin/lin.h"

/* value[0] is the front; the bytes behind the last are 0. */
struct queue {
	uint8_t n;
	uint8_t value[LIN_QUEUE_MAX];
};

_Static_assert(sizeof(struct queue) <= LIN_STATE_MAX, "state fits");

static bool
push(const struct lin_spec *spec, struct queue *q, const struct lin_op *op)
{
	const bool full = q->n == LIN_QUEUE_MAX ||
			  (spec->capacity > 0 && q->n >= spec->capacity);

	if (op->ret == LIN_REFUSED)
		return full || op->weak;
	if (full)
		return false;
	if (op->kind == LIN_PUSH_FRONT) {
		memmove(q->value + 1, q->value, q->n);
		q->value[0] = (uint8_t)op->arg;
	} else {
		q->value[q->n] = (uint8_t)op->arg;
	}
	q->n++;
	return true;
}

static bool
pop(struct queue *q, const struct lin_op *op)
{
	const unsigned at = op->kind == LIN_POP_BACK && q->n > 0 ? q->n - 1 : 0;

	if (op->ret == LIN_NONE)
		return q->n == 0 || op->weak;
	if (q->n == 0 || q->value[at] != op->ret)
		return false;
	if (op->kind == LIN_PEEK)
		return true;
	q->n--;
	memmove(q->value + at, q->value + at + 1, q->n - at);
	q->value[q->n] = 0;
	return true;
}

static bool
pop_all(struct queue *q, const struct lin_op *op)
{
	if (op->n == 0 && op->weak)
		return true;
	if (op->n != q->n || memcmp(op->list, q->value, q->n) != 0)
		return false;
	memset(q, 0, sizeof(*q));
	return true;
}

bool
lin_queue_step(
    const struct lin_spec *spec, void *state, const struct lin_op *op)
{
	struct queue *q = state;

	switch (op->kind) {
	case LIN_PUSH_BACK:
	case LIN_PUSH_FRONT:
		return push(spec, q, op);
	case LIN_POP:
	case LIN_POP_BACK:
	case LIN_PEEK:
		return pop(q, op);
	case LIN_POP_ALL:
		return pop_all(q, op);
	case LIN_IS_EMPTY:
		return (op->ret != 0) == (q->n == 0);
	default:
		return false;
	}
}

#define VALUES 256

/* Where each value is pushed and popped; false if that does not say it all. */
static bool
find_lives(const struct lin_op *op, unsigned n, uint8_t *push, uint8_t *pop)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *at = NULL;

		if (op[i].kind == LIN_PUSH_BACK && op[i].ret == LIN_DONE)
			at = &push[op[i].arg % VALUES];
		else if (op[i].kind == LIN_POP && op[i].ret != LIN_NONE)
			at = &pop[op[i].ret % VALUES];
		else if (op[i].kind == LIN_PUSH_FRONT ||
			 op[i].kind == LIN_POP_BACK ||
			 op[i].kind == LIN_POP_ALL)
			return false;
		if (at != NULL && *at != 0)
			return false;
		if (at != NULL)
			*at = (uint8_t)(i + 1);
	}
	return true;
}

void
lin_queue_order(const struct lin_op *op, unsigned n, uint64_t *before)
{
	uint8_t push[VALUES] = {0}, pop[VALUES] = {0};

	if (!find_lives(op, n, push, pop))
		return;
	for (unsigned a = 0; a < VALUES; a++) {
		if (push[a] == 0 || pop[a] == 0)
			continue;
		before[pop[a] - 1] |= 1ULL << (push[a] - 1);
		for (unsigned b = 0; b < VALUES; b++)
			if (push[b] != 0 && a != b &&
			    (pop[b] == 0 ||
				op[pop[a] - 1].res < op[pop[b] - 1].inv))
				before[push[b] - 1] |= 1ULL << (push[a] - 1);
	}
}

bool
lin_map_step(const struct lin_spec *spec, void *state, const struct lin_op *op)
{
	uint8_t *slot = (uint8_t *)state + op->arg % LIN_KEYS_MAX;
	const uint8_t old = *slot;

	(void)spec;
	switch (op->kind) {
	case LIN_INSERT:
		if (op->ret == LIN_REFUSED)
			return old != LIN_NONE || op->weak;
		*slot = (uint8_t)op->arg2;
		return old == LIN_NONE;
	case LIN_UPDATE:
		if (old != LIN_NONE)
			*slot = (uint8_t)op->arg2;
		return op->ret == old;
	case LIN_REPLACE:
		*slot = (uint8_t)op->arg2;
		return op->ret == old;
	case LIN_REMOVE:
		if (op->ret == LIN_NONE && op->weak)
			return true;
		*slot = LIN_NONE;
		return op->ret == old;
	case LIN_LOOKUP:
		return op->ret == old;
	default:
		return false;
	}
}

static bool
covers(const struct lin_lpm *t, unsigned prefix, unsigned address)
{
	const unsigned bits = t->prefix[prefix].bits;
	const uint32_t mask = bits == 0 ? 0 : ~(uint32_t)0 << (32 - bits);

	return ((t->prefix[prefix].key ^ t->address[address]) & mask) == 0;
}

static unsigned
match(const struct lin_lpm *t, const uint8_t *state, unsigned address)
{
	unsigned best = LIN_KEYS_MAX;

	for (unsigned p = 0; p < t->prefixes; p++)
		if (state[p] != LIN_NONE && covers(t, p, address) &&
		    (best == LIN_KEYS_MAX ||
			t->prefix[p].bits > t->prefix[best].bits))
			best = p;
	return best == LIN_KEYS_MAX ? LIN_NONE : state[best];
}

bool
lin_lpm_step(const struct lin_spec *spec, void *state, const struct lin_op *op)
{
	uint8_t *slot = state;

	switch (op->kind) {
	case LIN_MATCH:
		return op->ret == match(spec->lpm, slot, op->arg);
	case LIN_TXN:
		for (unsigned i = 0; i + 1 < op->n; i += 2)
			slot[op->list[i] % LIN_KEYS_MAX] = op->list[i + 1];
		return op->ret == LIN_DONE;
	default:
		return lin_map_step(spec, state, op);
	}
}
