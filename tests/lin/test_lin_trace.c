/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The patterns: each is found where it was put, a right history has none, and
 * for small FIFO histories the verdict is that of the exhaustive search.
 */

#include <criterion/criterion.h>
#include <string.h>

#include "tests/lin/lin.h"
#include "tests/stress.h"

#define N 100

static struct lin_trace *t;

/* Value i goes in at 10 i and out at 10 i + 55: five or six are in. */
static void
setup(void)
{
	t = lin_trace_create(N, 1, 4);
	cr_assert(t != NULL);
	for (size_t i = 0; i < N; i++)
		lin_trace_life(t, i,
		    &(struct lin_life){.put_inv = 10 * i + 1,
			.put_res = 10 * i + 5,
			.took_inv = 10 * i + 55,
			.took_res = 10 * i + 59});
}

static void
teardown(void)
{
	lin_trace_destroy(t);
}

TestSuite(lin_trace, .init = setup, .fini = teardown);

static const unsigned all_rules = LIN_RULE_FIFO | LIN_RULE_EMPTY;

Test(lin_trace, right_history_can_be_explained)
{
	lin_trace_look(t, 0, false, 0, 1, 4);
	lin_trace_look(t, 0, false, 0, 1045, 1051);
	lin_trace_look(t, 0, true, 3, 20, 32);
	cr_assert_eq(lin_trace_check(t, all_rules, NULL), LIN_TRACE_OK);
}

Test(lin_trace, overtaking_is_found)
{
	lin_trace_life(t, 50, &(struct lin_life){0, 501, 505, 570, 574});
	/* The next one came out from 565 to 569. */
	cr_assert_eq(lin_trace_check(t, all_rules, NULL), LIN_TRACE_ORDER);
}

Test(lin_trace, overtaking_is_right_where_nobody_asks_for_order)
{
	lin_trace_life(t, 50, &(struct lin_life){0, 501, 505, 570, 574});
	cr_assert_eq(lin_trace_check(t, LIN_RULE_EMPTY, NULL), LIN_TRACE_OK);
}

Test(lin_trace, lost_value_is_found)
{
	size_t value = 0;

	lin_trace_life(t, 50, &(struct lin_life){0, 501, 505, 0, 0});
	cr_assert_eq(
	    lin_trace_check(t, LIN_RULE_EMPTY, &value), LIN_TRACE_LOST);
	cr_assert_eq(value, 50);
}

Test(lin_trace, value_that_others_overtake_for_ever_is_found)
{
	lin_trace_life(t, 50, &(struct lin_life){0, 501, 505, 0, 0});
	cr_assert_eq(lin_trace_check(t, LIN_RULE_FIFO, NULL), LIN_TRACE_ORDER);
}

Test(lin_trace, value_taken_twice_is_found)
{
	size_t value = 0;

	lin_trace_took(t, 50, lin_trace_now());
	cr_assert_eq(lin_trace_check(t, 0, &value), LIN_TRACE_TWICE);
	cr_assert_eq(value, 50);
}

Test(lin_trace, value_from_nowhere_is_found)
{
	lin_trace_took(t, N + 7, lin_trace_now());
	cr_assert_eq(lin_trace_check(t, 0, NULL), LIN_TRACE_NOWHERE);
}

Test(lin_trace, value_taken_before_it_was_put_is_found)
{
	lin_trace_life(t, 50, &(struct lin_life){0, 501, 505, 495, 500});
	cr_assert_eq(lin_trace_check(t, 0, NULL), LIN_TRACE_NOWHERE);
}

Test(lin_trace, false_empty_is_found)
{
	lin_trace_look(t, 0, false, 0, 300, 302);
	cr_assert_eq(lin_trace_check(t, 0, NULL), LIN_TRACE_MISSED);
}

Test(lin_trace, empty_of_another_group_is_not_mixed_up)
{
	lin_trace_look(t, 0, false, 1, 300, 302);
	cr_assert_eq(lin_trace_check(t, 0, NULL), LIN_TRACE_OK);
}

Test(lin_trace, value_seen_after_it_was_gone_is_found)
{
	lin_trace_look(t, 0, true, 50, 560, 561);
	cr_assert_eq(lin_trace_check(t, 0, NULL), LIN_TRACE_GONE);
}

Test(lin_trace, value_seen_before_it_was_put_is_found)
{
	lin_trace_look(t, 0, true, 50, 499, 500);
	cr_assert_eq(lin_trace_check(t, 0, NULL), LIN_TRACE_NOWHERE);
}

Test(lin_trace, two_equals_are_found)
{
	cr_assert_eq(lin_trace_check(t, LIN_RULE_ALONE, NULL), LIN_TRACE_BOTH);
}

/* ---- Against the exhaustive search ---- */

#define VALUES 4
#define LOOKS  2

static void
random_interval(uint64_t *rnd, uint64_t *inv, uint64_t *res, bool *used)
{
	uint64_t at[2];

	for (int i = 0; i < 2; i++) {
		do
			at[i] = 1 + lin_rnd(rnd, 24);
		while (used[at[i]]);
		used[at[i]] = true;
	}
	*inv = at[0] < at[1] ? at[0] : at[1];
	*res = at[0] < at[1] ? at[1] : at[0];
}

/* VALUES values pushed and popped, LOOKS pops of nothing, at any times. */
static unsigned
random_history(uint64_t *rnd, struct lin_op *op)
{
	bool used[25] = {false};
	unsigned n = 0;

	for (unsigned v = 0; v < VALUES; v++) {
		op[n] = (struct lin_op){.kind = LIN_PUSH_BACK, .arg = v + 1};
		op[n].ret = LIN_DONE;
		random_interval(rnd, &op[n].inv, &op[n].res, used);
		n++;
		op[n] = (struct lin_op){.kind = LIN_POP, .ret = v + 1};
		random_interval(rnd, &op[n].inv, &op[n].res, used);
		n++;
	}
	for (unsigned i = 0; i < LOOKS; i++) {
		op[n] = (struct lin_op){.kind = LIN_POP, .ret = LIN_NONE};
		random_interval(rnd, &op[n].inv, &op[n].res, used);
		n++;
	}
	return n;
}

static enum lin_pattern
trace_verdict(const struct lin_op *op, unsigned n)
{
	struct lin_trace *s = lin_trace_create(VALUES, 1, LOOKS);
	enum lin_pattern p;

	cr_assert(s != NULL);
	for (unsigned v = 0; v < VALUES; v++) {
		const struct lin_op *put = &op[2 * v], *took = put + 1;

		lin_trace_life(s, v,
		    &(struct lin_life){.put_inv = put->inv,
			.put_res = put->res,
			.took_inv = took->inv,
			.took_res = took->res});
	}
	for (unsigned i = 2 * VALUES; i < n; i++)
		lin_trace_look(s, 0, false, 0, op[i].inv, op[i].res);
	p = lin_trace_check(s, LIN_RULE_FIFO | LIN_RULE_EMPTY, NULL);
	lin_trace_destroy(s);
	return p;
}

Test(lin_trace, patterns_are_all_there_is_in_a_fifo)
{
	const struct lin_spec fifo = LIN_QUEUE(0);
	struct lin_checker *checker = lin_checker_create();
	const unsigned long rounds = stress_n(5000);
	unsigned long good = 0;
	uint64_t rnd = 1;

	cr_assert(checker != NULL);
	for (unsigned long i = 0; i < rounds; i++) {
		struct lin_op op[2 * VALUES + LOOKS];
		const unsigned n = random_history(&rnd, op);
		const bool want = lin_check(checker, &fifo, op, n) == LIN_OK;

		cr_assert_eq(trace_verdict(op, n) == LIN_TRACE_OK, want);
		good += want;
	}
	cr_assert_gt(good, rounds / 200);
	cr_assert_lt(good, rounds - rounds / 200);
	lin_checker_destroy(checker);
}
