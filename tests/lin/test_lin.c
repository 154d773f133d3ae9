/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The checker is checked: histories made from orders are accepted, histories
 * with a fault are not, and on small histories of any kind the verdict is that
 * of trying all orders.
 */

#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>

#include "tests/lin/lin.h"
#include "tests/stress.h"

static struct lin_checker *checker;

static void
setup(void)
{
	checker = lin_checker_create();
	cr_assert(checker != NULL);
}

static void
teardown(void)
{
	lin_checker_destroy(checker);
}

TestSuite(lin, .init = setup, .fini = teardown);

static const struct lin_spec queue = LIN_QUEUE(0);
static const struct lin_spec pair = LIN_QUEUE(2);
static const struct lin_spec map = LIN_MAP();

/* 0.0.0.0/0, 10.0.0.0/8, 10.1.0.0/16 */
static const struct lin_lpm table = {
    .prefixes = 3,
    .addresses = 2,
    .prefix = {{0, 0}, {0x0a000000, 8}, {0x0a010000, 16}},
    .address = {0x0a010203, 0x0a020304},
};
static const struct lin_spec lpm = LIN_LPM(&table);

/* An operation from inv to res. */
#define OP(i, r, k, a, result)                                   \
	{                                                        \
		.inv = (i), .res = (r), .kind = (k), .arg = (a), \
		.ret = (result)                                  \
	}

#define VERDICT(spec, ops) \
	lin_check(checker, spec, ops, sizeof(ops) / sizeof((ops)[0]))

Test(lin, fifo_order_is_kept)
{
	const struct lin_op good[] = {
	    OP(1, 2, LIN_PUSH_BACK, 7, LIN_DONE),
	    OP(3, 4, LIN_PUSH_BACK, 8, LIN_DONE),
	    OP(5, 6, LIN_POP, 0, 7),
	    OP(7, 8, LIN_POP, 0, 8),
	    OP(9, 10, LIN_POP, 0, LIN_NONE),
	};
	struct lin_op bad[5];

	cr_assert_eq(VERDICT(&queue, good), LIN_OK);
	memcpy(bad, good, sizeof(bad));
	bad[2].ret = 8;
	bad[3].ret = 7;
	cr_assert_eq(VERDICT(&queue, bad), LIN_BAD);
	/* Pushes that overlap may be taken in either order. */
	bad[0].res = 4;
	bad[1].inv = 2;
	cr_assert_eq(VERDICT(&queue, bad), LIN_OK);
}

Test(lin, lost_twice_and_made_up_values_are_found)
{
	struct lin_op h[] = {
	    OP(1, 4, LIN_PUSH_BACK, 7, LIN_DONE),
	    OP(2, 6, LIN_PUSH_BACK, 8, LIN_DONE),
	    OP(3, 8, LIN_POP, 0, 8),
	    OP(7, 9, LIN_POP, 0, 7),
	};

	cr_assert_eq(VERDICT(&queue, h), LIN_OK);
	h[3].ret = 8;
	cr_assert_eq(VERDICT(&queue, h), LIN_BAD);
	h[3].ret = 9;
	cr_assert_eq(VERDICT(&queue, h), LIN_BAD);
	h[3].ret = LIN_NONE;
	cr_assert_eq(VERDICT(&queue, h), LIN_BAD);
	h[3].weak = true;
	cr_assert_eq(VERDICT(&queue, h), LIN_OK);
}

Test(lin, either_end_peek_and_pop_all)
{
	struct lin_op h[] = {
	    OP(1, 2, LIN_PUSH_BACK, 7, LIN_DONE),
	    OP(3, 4, LIN_PUSH_FRONT, 8, LIN_DONE),
	    OP(5, 6, LIN_PEEK, 0, 8),
	    OP(7, 8, LIN_IS_EMPTY, 0, 0),
	    OP(9, 10, LIN_POP_ALL, 0, 0),
	    OP(11, 12, LIN_IS_EMPTY, 0, 1),
	};

	h[4].n = 2;
	h[4].list[0] = 8;
	h[4].list[1] = 7;
	cr_assert_eq(VERDICT(&queue, h), LIN_OK);
	h[4].list[0] = 7;
	h[4].list[1] = 8;
	cr_assert_eq(VERDICT(&queue, h), LIN_BAD);
	h[4].kind = LIN_POP_BACK;
	h[4].ret = 7;
	cr_assert_eq(VERDICT(&queue, h), LIN_BAD);
	h[5].ret = 0;
	cr_assert_eq(VERDICT(&queue, h), LIN_OK);
}

Test(lin, full_only_when_full)
{
	struct lin_op h[] = {
	    OP(1, 2, LIN_PUSH_BACK, 7, LIN_DONE),
	    OP(3, 4, LIN_PUSH_BACK, 8, LIN_DONE),
	    OP(5, 6, LIN_PUSH_BACK, 9, LIN_REFUSED),
	};

	cr_assert_eq(VERDICT(&pair, h), LIN_OK);
	h[2].ret = LIN_DONE;
	cr_assert_eq(VERDICT(&pair, h), LIN_BAD);
	h[1].ret = LIN_REFUSED;
	cr_assert_eq(VERDICT(&pair, h), LIN_BAD);
}

Test(lin, insert_is_unique_and_replace_is_atomic)
{
	struct lin_op h[] = {
	    OP(1, 5, LIN_INSERT, 3, LIN_DONE),
	    OP(2, 6, LIN_INSERT, 3, LIN_REFUSED),
	    OP(7, 12, LIN_REPLACE, 3, 1),
	    OP(8, 9, LIN_LOOKUP, 3, 9),
	    OP(10, 11, LIN_LOOKUP, 3, 9),
	    OP(13, 14, LIN_REMOVE, 3, 9),
	};

	h[0].arg2 = 1;
	h[1].arg2 = 2;
	h[2].arg2 = 9;
	cr_assert_eq(VERDICT(&map, h), LIN_OK);
	h[4].ret = 1; /* old after new */
	cr_assert_eq(VERDICT(&map, h), LIN_BAD);
	h[3].ret = 1;
	cr_assert_eq(VERDICT(&map, h), LIN_OK);
	h[3].ret = LIN_NONE; /* a gap */
	cr_assert_eq(VERDICT(&map, h), LIN_BAD);
	h[3].ret = 1;
	h[1].ret = LIN_DONE; /* two equals */
	cr_assert_eq(VERDICT(&map, h), LIN_BAD);
}

Test(lin, longest_match_sees_a_transaction_at_once)
{
	struct lin_op h[] = {
	    OP(1, 2, LIN_INSERT, 1, LIN_DONE),
	    OP(3, 10, LIN_TXN, 0, LIN_DONE),
	    OP(4, 5, LIN_MATCH, 0, 5),
	    OP(6, 7, LIN_MATCH, 0, 6),
	    OP(8, 9, LIN_MATCH, 1, LIN_NONE),
	};
	/* remove 10/8, put 10.1/16 = 6 */
	const uint8_t list[] = {1, LIN_NONE, 2, 6};

	h[0].arg2 = 5;
	h[1].n = sizeof(list);
	memcpy(h[1].list, list, sizeof(list));
	cr_assert_eq(VERDICT(&lpm, h), LIN_OK);
	h[2].ret = LIN_NONE;
	cr_assert_eq(VERDICT(&lpm, h), LIN_BAD);
	h[2].ret = 6;
	h[3].ret = 5;
	cr_assert_eq(VERDICT(&lpm, h), LIN_BAD);
}

/* ---- Against all orders ---- */

static bool
some_order(const struct lin_spec *spec, const struct lin_op *op, unsigned n,
    unsigned done, const uint8_t *state)
{
	if (done == (1U << n) - 1)
		return true;
	for (unsigned i = 0; i < n; i++) {
		uint8_t next[LIN_STATE_MAX];
		bool first = (done >> i & 1) == 0;

		for (unsigned k = 0; k < n; k++)
			if ((done >> k & 1) == 0 && op[k].res < op[i].inv)
				first = false;
		memcpy(next, state, sizeof(next));
		if (first && spec->step(spec, next, &op[i]) &&
		    some_order(spec, op, n, done | 1U << i, next))
			return true;
	}
	return false;
}

static const enum lin_kind queue_kinds[] = {LIN_PUSH_BACK, LIN_PUSH_BACK,
    LIN_PUSH_FRONT, LIN_POP, LIN_POP, LIN_POP_BACK, LIN_PEEK, LIN_IS_EMPTY};
static const enum lin_kind fifo_kinds[] = {LIN_PUSH_BACK, LIN_PUSH_BACK,
    LIN_PUSH_BACK, LIN_POP, LIN_POP, LIN_POP, LIN_PEEK, LIN_IS_EMPTY};
static const enum lin_kind map_kinds[] = {LIN_INSERT, LIN_INSERT, LIN_REPLACE,
    LIN_UPDATE, LIN_REMOVE, LIN_LOOKUP, LIN_LOOKUP, LIN_LOOKUP};
static const enum lin_kind lpm_kinds[] = {LIN_INSERT, LIN_REPLACE, LIN_REPLACE,
    LIN_REMOVE, LIN_MATCH, LIN_MATCH, LIN_MATCH, LIN_LOOKUP};

/* Results that the operation could have in some state. */
static unsigned
any_result(const struct lin_op *op, uint64_t *rnd)
{
	switch (op->kind) {
	case LIN_PUSH_BACK:
	case LIN_PUSH_FRONT:
		return LIN_DONE;
	case LIN_INSERT:
	case LIN_IS_EMPTY:
		return lin_rnd(rnd, 2);
	default:
		return lin_rnd(rnd, 4);
	}
}

/* Distinct times; values 1 to 3. */
static void
any_history(
    struct lin_op *op, unsigned n, const enum lin_kind *kinds, uint64_t *rnd)
{
	uint64_t at[16];
	unsigned value = 0;

	for (unsigned i = 0; i < 2 * n; i++)
		at[i] = i + 1;
	/* Near its place, so that about three overlap. */
	for (unsigned i = 0; i < 2 * n; i++) {
		const unsigned k = i + lin_rnd(rnd, 4);
		const uint64_t t = at[i];

		if (k < 2 * n) {
			at[i] = at[k];
			at[k] = t;
		}
	}
	for (unsigned i = 0; i < n; i++) {
		const uint64_t a = at[2 * i], b = at[2 * i + 1];

		op[i] = (struct lin_op){.kind = kinds[lin_rnd(rnd, 8)],
		    .inv = a < b ? a : b,
		    .res = a < b ? b : a};
		op[i].arg =
		    kinds == queue_kinds ? 1 + value++ % 3 : lin_rnd(rnd, 2);
		if (kinds == fifo_kinds)
			op[i].arg = 1 + i;
		op[i].arg2 = 1 + lin_rnd(rnd, 3);
		op[i].ret = any_result(&op[i], rnd);
	}
}

static void
agrees_with_all_orders(const struct lin_spec *spec, const enum lin_kind *kinds)
{
	const unsigned long rounds = stress_n(10000);
	const uint8_t start[LIN_STATE_MAX] = {0};
	unsigned long good = 0;
	uint64_t rnd = 1;

	for (unsigned long i = 0; i < rounds; i++) {
		struct lin_op op[7];
		const unsigned n = 3 + lin_rnd(&rnd, 5);
		bool want;

		any_history(op, n, kinds, &rnd);
		want = some_order(spec, op, n, 0, start);
		cr_assert_eq(
		    lin_check(checker, spec, op, n), want ? LIN_OK : LIN_BAD);
		good += want;
	}
	cr_assert_gt(good, rounds / 200);
	cr_assert_lt(good, rounds - rounds / 200);
}

Test(lin, agrees_with_all_orders_of_a_queue)
{
	agrees_with_all_orders(&queue, queue_kinds);
}

Test(lin, agrees_with_all_orders_of_a_fifo)
{
	agrees_with_all_orders(&queue, fifo_kinds);
	agrees_with_all_orders(&pair, fifo_kinds);
}

Test(lin, agrees_with_all_orders_of_a_map)
{
	agrees_with_all_orders(&map, map_kinds);
}

Test(lin, agrees_with_all_orders_of_lpm)
{
	agrees_with_all_orders(&lpm, lpm_kinds);
}

/* ---- Bursts as long as those of real threads ---- */

struct maker {
	unsigned threads, each;
	uint64_t rnd, clock;
	unsigned value;
	struct {
		struct lin_op *op; /* NULL: between two */
		bool done;
	} busy[LIN_THREADS_MAX];
	uint8_t fifo[LIN_OPS_MAX];
	unsigned head, tail;
};

/* One step of a thread: call, take effect, return.  False: it has ended. */
static bool
make_step(struct maker *m, struct lin_op *op, unsigned *n, unsigned t)
{
	struct lin_op *o = m->busy[t].op;

	if (o == NULL && *n == m->threads * m->each)
		return false;
	if (o == NULL) {
		o = m->busy[t].op = &op[(*n)++];
		*o = (struct lin_op){.thread = t, .inv = m->clock++};
		o->kind = lin_rnd(&m->rnd, 2) == 0 ? LIN_PUSH_BACK : LIN_POP;
		o->arg = o->kind == LIN_PUSH_BACK ? ++m->value : 0;
		m->busy[t].done = false;
	} else if (!m->busy[t].done) {
		m->busy[t].done = true;
		if (o->kind == LIN_PUSH_BACK)
			m->fifo[m->tail++] = (uint8_t)o->arg;
		o->ret = LIN_DONE;
		if (o->kind == LIN_POP)
			o->ret =
			    m->head == m->tail ? LIN_NONE : m->fifo[m->head++];
	} else {
		o->res = m->clock++;
		m->busy[t].op = NULL;
	}
	return true;
}

static unsigned
make_fifo(struct lin_op *op, unsigned threads, unsigned each, uint64_t seed)
{
	struct maker m = {
	    .threads = threads, .each = each, .rnd = seed, .clock = 1};
	unsigned n = 0, ended = 0;

	while (ended == 0 || n < threads * each) {
		const unsigned t = lin_rnd(&m.rnd, threads);

		ended += !make_step(&m, op, &n, t);
	}
	for (unsigned t = 0; t < threads; t++)
		while (m.busy[t].op != NULL)
			make_step(&m, op, &n, t);
	return n;
}

/* Two pops, one after the other, swap what they took. */
static bool
swap_two(struct lin_op *op, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < n; k++)
			if (op[i].kind == LIN_POP && op[i].ret != LIN_NONE &&
			    op[k].kind == LIN_POP && op[k].ret != LIN_NONE &&
			    op[i].res < op[k].inv) {
				const unsigned r = op[i].ret;

				op[i].ret = op[k].ret;
				op[k].ret = r;
				return true;
			}
	return false;
}

/* The pushes of the values in the order of the pops, each after the other. */
static bool
pushed_apart(const struct lin_op *op, unsigned n, unsigned a, unsigned b)
{
	const struct lin_op *x = NULL, *y = NULL;

	for (unsigned i = 0; i < n; i++) {
		if (op[i].kind == LIN_PUSH_BACK && op[i].arg == a)
			x = &op[i];
		if (op[i].kind == LIN_PUSH_BACK && op[i].arg == b)
			y = &op[i];
	}
	return x != NULL && y != NULL && y->res < x->inv;
}

/* Is there a pair that surely went in one way and came out the other? */
static bool
surely_bad(const struct lin_op *op, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < n; k++)
			if (op[i].kind == LIN_POP && op[k].kind == LIN_POP &&
			    op[i].res < op[k].inv &&
			    pushed_apart(op, n, op[i].ret, op[k].ret))
				return true;
	return false;
}

Test(lin, corrupted_bursts_are_rejected)
{
	const unsigned long rounds = stress_n(1000);
	unsigned long corrupted = 0;

	for (unsigned long i = 1; i <= rounds; i++) {
		struct lin_op op[LIN_OPS_MAX];
		const unsigned n = make_fifo(op, 4, 7, i);

		cr_assert_eq(lin_check(checker, &queue, op, n), LIN_OK);
		if (swap_two(op, n) && surely_bad(op, n)) {
			cr_assert_eq(
			    lin_check(checker, &queue, op, n), LIN_BAD);
			corrupted++;
		}
	}
	cr_assert_gt(corrupted, rounds / 4);
}

/* ---- Real threads ---- */

static SYNC_ATOMIC(unsigned) cell;
static bool broken;

/* A map of one key; broken, it replaces in two steps. */
static void
act_on_cell(void *arg, struct lin_log *log, uint64_t *rnd)
{
	(void)arg;
	for (unsigned i = 0; i < 6; i++) {
		struct lin_op *op;
		unsigned old;

		if (lin_rnd(rnd, 2) == 0) {
			op = lin_begin(log, LIN_LOOKUP, 0);
			/* acquire: the order of the test's own making. */
			old = sync_load_acquire(&cell);
		} else {
			op = lin_begin(log, LIN_REPLACE, 0);
			op->arg2 = 1 + log->thread * 6 + i;
			/* acq_rel: as above. */
			old = sync_xchg_acq_rel(
			    &cell, broken ? LIN_NONE : op->arg2);
			if (broken) {
				sched_yield();
				/* release: as above. */
				sync_store_release(&cell, op->arg2);
			}
		}
		lin_end(log, op, old);
	}
}

static void
settle_cell(void *arg, struct lin_log *log)
{
	struct lin_op *op = lin_begin(log, LIN_REMOVE, 0);

	(void)arg;
	/* acq_rel: as above. */
	lin_end(log, op, sync_xchg_acq_rel(&cell, LIN_NONE));
}

Test(lin, bursts_of_a_right_object_are_explained, .timeout = 60)
{
	const struct lin_burst b = {.spec = &map,
	    .threads = 4,
	    .bursts = stress_n(300),
	    .act = act_on_cell,
	    .settle = settle_cell};
	struct lin_result res;

	cr_assert_eq(lin_run(&b, &res), LIN_OK, "%s", res.why);
	/* More of them only until the first that overlapped. */
	cr_assert(res.bursts == b.bursts ||
		  (res.bursts > b.bursts && res.overlapped == 1));
	cr_assert_eq(res.gave_up, 0);
	cr_assert_gt(res.overlapped, 0);
}

Test(lin, bursts_of_a_wrong_object_are_not, .timeout = 60)
{
	const struct lin_burst b = {.spec = &map,
	    .threads = 4,
	    .bursts = 2000000,
	    .act = act_on_cell,
	    .settle = settle_cell};
	struct lin_result res;

	broken = true;
	cr_assert_eq(lin_run(&b, &res), LIN_BAD);
	cr_assert(strstr(res.why, "no order explains burst") == res.why);
	cr_assert_gt(res.overlapped, 0);
}

/* ---- Versions ---- */

static bool
is_twice(const void *arg, uint64_t version)
{
	return *(const uint64_t *)arg == 2 * version;
}

Test(lin, an_answer_must_be_right_in_the_window)
{
	struct lin_version v = {0};
	struct lin_window w;
	uint64_t answer = 4;

	lin_version_begin(&v);
	lin_version_end(&v);
	lin_window_open(&v, &w);
	lin_version_begin(&v);
	lin_version_end(&v);
	lin_version_begin(&v);
	lin_window_close(&v, &w);
	cr_assert_eq(w.first, 1);
	cr_assert_eq(w.last, 3);
	cr_assert(lin_window_check(&w, is_twice, &answer));
	answer = 0;
	cr_assert_not(lin_window_check(&w, is_twice, &answer));
	answer = 8;
	cr_assert_not(lin_window_check(&w, is_twice, &answer));
}
