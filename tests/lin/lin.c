/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The search of Wing and Gong (1993) with the memory of Lowe (2017): take any
 * operation that no other one has to precede, try it on the state, go on with
 * the rest; never look twice at the same set of operations done with the same
 * state.  A set is one word, so a history has at most 64 operations.
 */

#include "tests/lin/lin.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libsync/base/assert.h"
#include "libsync/base/fence.h"

#define MEMO_SIZE (1U << 17)
#define MEMO_FULL (MEMO_SIZE / 4 * 3)

_Static_assert(LIN_OPS_MAX <= 64, "a set of operations is one word");

static const char *const kind_name[LIN_KINDS] = {
    [LIN_PUSH_BACK] = "push_back",
    [LIN_PUSH_FRONT] = "push_front",
    [LIN_POP] = "pop",
    [LIN_POP_BACK] = "pop_back",
    [LIN_PEEK] = "peek",
    [LIN_POP_ALL] = "pop_all",
    [LIN_IS_EMPTY] = "is_empty",
    [LIN_INSERT] = "insert",
    [LIN_REPLACE] = "replace",
    [LIN_UPDATE] = "update",
    [LIN_REMOVE] = "remove",
    [LIN_LOOKUP] = "lookup",
    [LIN_MATCH] = "match",
    [LIN_TXN] = "txn",
};

static uint64_t
monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

uint64_t
lin_trace_now(void)
{
	const uint64_t t = monotonic();

	/* What follows must not take effect before the clock was read. */
	sync_fence_full();
	return t;
}

/*
 * Where processors are few the threads of a burst seldom run together.  Giving
 * way within an operation's interval makes them overlap; giving way between
 * them mixes them, in narrow intervals.
 */
static void
give_way(struct lin_log *log, bool between)
{
	if (log->rnd != 0 && log->between == between &&
	    lin_rnd(&log->rnd, 4) == 0)
		sched_yield();
}

struct lin_op *
lin_begin(struct lin_log *log, enum lin_kind kind, unsigned arg)
{
	struct lin_op *op = &log->op[log->n];

	SYNC_REQUIRE(log->n < LIN_OPS_MAX);
	log->n++;
	give_way(log, true);
	*op = (struct lin_op){.kind = kind, .thread = log->thread, .arg = arg};
	op->inv = log->now != NULL ? log->now() : lin_trace_now();
	give_way(log, false);
	return op;
}

void
lin_end(struct lin_log *log, struct lin_op *op, unsigned ret)
{
	give_way(log, false);
	if (log->now != NULL) {
		op->res = log->now();
	} else {
		/* Stores of the operation are seen before its end is. */
		sync_fence_full();
		op->res = monotonic();
	}
	op->ret = ret;
}

/* ---- The search ---- */

struct memo {
	uint64_t done, state; /* the operations, the hash of the state */
	uint64_t run;         /* of which check; others are free */
};

struct lin_checker {
	uint64_t run;
	unsigned states; /* of this run, in the memo */
	bool gave_up;
	unsigned n;
	const struct lin_spec *spec;
	struct lin_op op[LIN_OPS_MAX]; /* by time of the call */
	uint64_t before[LIN_OPS_MAX];  /* each: what must be done by then */
	struct memo memo[MEMO_SIZE];
};

struct lin_checker *
lin_checker_create(void)
{
	return calloc(1, sizeof(struct lin_checker));
}

void
lin_checker_destroy(struct lin_checker *c)
{
	free(c);
}

static uint64_t
mix(uint64_t x)
{
	/* The finalizer of MurmurHash3, Appleby. */
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static uint64_t
hash(const uint8_t *state, size_t size)
{
	uint64_t h = size, word;

	for (size_t i = 0; i < size; i += sizeof(word)) {
		const size_t left = size - i;

		word = 0;
		memcpy(&word, state + i, left < 8 ? left : 8);
		h = mix(h * 0x9e3779b97f4a7c15ULL ^ word);
	}
	return h;
}

/* Remember that we were here; false if we were before, or memory is short. */
static bool
first_time(struct lin_checker *c, uint64_t done, const uint8_t *state)
{
	const uint64_t h = hash(state, c->spec->state_size);
	size_t at = mix(h ^ mix(done)) % MEMO_SIZE;

	while (c->memo[at].run == c->run) {
		if (c->memo[at].done == done && c->memo[at].state == h)
			return false;
		at = (at + 1) % MEMO_SIZE;
	}
	if (c->states >= MEMO_FULL) {
		c->gave_up = true;
		return false;
	}
	c->states++;
	c->memo[at] = (struct memo){.done = done, .state = h, .run = c->run};
	return true;
}

static bool
search(struct lin_checker *c, uint64_t done, const uint8_t *state)
{
	const uint64_t all = c->n == 64 ? ~(uint64_t)0 : (1ULL << c->n) - 1;
	uint8_t next[LIN_STATE_MAX];
	uint64_t first_end = UINT64_MAX;

	if (done == all)
		return true;
	for (unsigned i = 0; i < c->n; i++)
		if ((done >> i & 1) == 0 && c->op[i].res < first_end)
			first_end = c->op[i].res;
	for (unsigned i = 0; i < c->n && !c->gave_up; i++) {
		const struct lin_op *op = &c->op[i];

		if (op->inv > first_end)
			break;
		if ((done >> i & 1) != 0 || (c->before[i] & ~done) != 0)
			continue;
		memcpy(next, state, c->spec->state_size);
		if (c->spec->step(c->spec, next, op) &&
		    first_time(c, done | 1ULL << i, next) &&
		    search(c, done | 1ULL << i, next))
			return true;
	}
	return false;
}

static int
by_inv(const void *a, const void *b)
{
	const struct lin_op *x = a, *y = b;

	return (x->inv > y->inv) - (x->inv < y->inv);
}

enum lin_verdict
lin_check(struct lin_checker *c, const struct lin_spec *spec,
    const struct lin_op *ops, unsigned n)
{
	const uint8_t start[LIN_STATE_MAX] = {0};

	SYNC_REQUIRE(n <= LIN_OPS_MAX && spec->state_size <= LIN_STATE_MAX);
	for (unsigned i = 0; i < n; i++) {
		SYNC_REQUIRE(ops[i].inv <= ops[i].res);
		c->op[i] = ops[i];
	}
	qsort(c->op, n, sizeof(c->op[0]), by_inv);
	c->run++;
	c->states = 0;
	c->gave_up = false;
	c->n = n;
	c->spec = spec;
	memset(c->before, 0, sizeof(c->before));
	if (spec->order != NULL)
		spec->order(c->op, n, c->before);
	if (search(c, 0, start))
		return LIN_OK;
	return c->gave_up ? LIN_GAVE_UP : LIN_BAD;
}

void
lin_print(FILE *to, const struct lin_op *ops, unsigned n)
{
	struct lin_op op[LIN_OPS_MAX];

	SYNC_REQUIRE(n <= LIN_OPS_MAX);
	memcpy(op, ops, n * sizeof(op[0]));
	qsort(op, n, sizeof(op[0]), by_inv);
	for (unsigned i = 0; i < n; i++) {
		fprintf(to, "# %8llu to %8llu  thread %u  %s(%u",
		    (unsigned long long)(op[i].inv - op[0].inv),
		    (unsigned long long)(op[i].res - op[0].inv), op[i].thread,
		    kind_name[op[i].kind], op[i].arg);
		if (op[i].arg2 != 0)
			fprintf(to, ", %u", op[i].arg2);
		fprintf(to, ") = %u%s", op[i].ret, op[i].weak ? " weak" : "");
		for (unsigned k = 0; k < op[i].n; k++)
			fprintf(to, " %u", op[i].list[k]);
		fprintf(to, "\n");
	}
}

/* ---- Versions ---- */

void
lin_version_begin(struct lin_version *v)
{
	/* relaxed: the one writer's own; the fence keeps the change behind. */
	sync_store_relaxed(&v->begun, sync_load_relaxed(&v->begun) + 1);
	sync_fence_full();
}

void
lin_version_end(struct lin_version *v)
{
	/* relaxed: the one writer's own count. */
	const uint64_t n = sync_load_relaxed(&v->begun);

	/* release: a reader that sees this sees the change. */
	sync_store_release(&v->ended, n);
}

void
lin_window_open(struct lin_version *v, struct lin_window *w)
{
	/* acquire: pairs with the release above. */
	w->first = sync_load_acquire(&v->ended);
}

void
lin_window_close(struct lin_version *v, struct lin_window *w)
{
	sync_fence_full();
	/* relaxed: the fence keeps the reader's loads before this one. */
	w->last = sync_load_relaxed(&v->begun);
}

bool
lin_window_check(const struct lin_window *w,
    bool (*right)(const void *arg, uint64_t version), const void *arg)
{
	for (uint64_t n = w->first; n <= w->last; n++)
		if (right(arg, n))
			return true;
	return false;
}
