/* SPDX-License-Identifier: BSD-2-Clause */

/* Recorded histories of the queue of one producer and one consumer. */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

#include "libsync/lfqueue/spsc.h"
#include "tests/lin/lin.h"
#include "tests/stress.h"

#define CAPACITY 4
#define OPS      7

static struct lfqueue_spsc *q;

static void
setup(void)
{
	cr_assert_eq(lfqueue_spsc_create(CAPACITY, &q), 0);
}

static void
teardown(void)
{
	lfqueue_spsc_destroy(q);
}

TestSuite(lfqueue_spsc_lin, .init = setup, .fini = teardown);

static void *
item(uintptr_t value)
{
	return (void *)value;
}

static void
push_one(struct lin_log *log, unsigned value)
{
	struct lin_op *op = lin_begin(log, LIN_PUSH_BACK, value);

	lin_end(log, op,
	    lfqueue_spsc_push(q, item(value)) ? LIN_DONE : LIN_REFUSED);
}

static void
pop_one(struct lin_log *log)
{
	struct lin_op *op = lin_begin(log, LIN_POP, 0);

	lin_end(log, op, (unsigned)(uintptr_t)lfqueue_spsc_pop(q));
}

/* As single operations with one interval: how many fit is known when the
 * consumer's index is read, and more may fit by the time they are in. */
static void
split(struct lin_log *log, const struct lin_op *bulk, const unsigned *value,
    const unsigned *ret, unsigned n)
{
	log->n--;
	for (unsigned i = 0; i < n; i++) {
		log->op[log->n] = *bulk;
		log->op[log->n].arg = value[i];
		log->op[log->n].ret = ret[i];
		log->n++;
	}
}

static unsigned
push_three(struct lin_log *log, unsigned value)
{
	const unsigned v[3] = {value, value + 1, value + 2};
	unsigned ret[3] = {LIN_REFUSED};
	void *in[3] = {item(v[0]), item(v[1]), item(v[2])};
	struct lin_op *op = lin_begin(log, LIN_PUSH_BACK, value), bulk;
	const unsigned n = (unsigned)lfqueue_spsc_push_bulk(q, in, 3);

	lin_end(log, op, LIN_DONE);
	for (unsigned i = 0; i < n; i++)
		ret[i] = LIN_DONE;
	bulk = *op;
	split(log, &bulk, v, ret, n > 0 ? n : 1);
	return value + (n > 0 ? n : 1);
}

static void
pop_three(struct lin_log *log)
{
	const unsigned none[3] = {0};
	unsigned ret[3] = {LIN_NONE};
	void *out[3];
	struct lin_op *op = lin_begin(log, LIN_POP, 0), bulk;
	const unsigned n = (unsigned)lfqueue_spsc_pop_bulk(q, out, 3);

	lin_end(log, op, LIN_NONE);
	for (unsigned i = 0; i < n; i++)
		ret[i] = (unsigned)(uintptr_t)out[i];
	bulk = *op;
	split(log, &bulk, none, ret, n > 0 ? n : 1);
}

static void
act(void *arg, struct lin_log *log, uint64_t *rnd)
{
	unsigned value = 1;

	(void)arg;
	for (unsigned i = 0; i < OPS; i++) {
		const bool bulk = lin_rnd(rnd, 3) == 0;

		if (log->thread == 0 && bulk)
			value = push_three(log, value);
		else if (log->thread == 0)
			push_one(log, value++);
		else if (bulk)
			pop_three(log);
		else
			pop_one(log);
	}
}

static void
settle(void *arg, struct lin_log *log)
{
	(void)arg;
	for (unsigned i = 0; i <= CAPACITY; i++)
		pop_one(log);
}

Test(lfqueue_spsc_lin, stress_bursts_are_linearizable, .timeout = 100)
{
	static const struct lin_spec spec = LIN_QUEUE(CAPACITY);
	const struct lin_burst b = {.spec = &spec,
	    .threads = 2,
	    .bursts = stress_n(1500),
	    .act = act,
	    .settle = settle};
	struct lin_result res;

	cr_assert_eq(lin_run(&b, &res), LIN_OK, "%s", res.why);
	cr_assert_eq(res.gave_up, 0);
	cr_assert_gt(res.overlapped, 0);
}

static struct lin_trace *trace;
static size_t values;

static void *
producer(void *arg)
{
	(void)arg;
	for (size_t v = 0; v < values; v++) {
		lin_trace_putting(trace, v, 0);
		while (!lfqueue_spsc_push(q, item(v + 1)))
			sched_yield();
		lin_trace_put(trace, v);
	}
	return NULL;
}

Test(lfqueue_spsc_lin, stress_long_run_has_no_bad_pattern, .timeout = 100)
{
	pthread_t t;
	enum lin_pattern p;

	values = stress_n(50000);
	trace = lin_trace_create(values, 1, 10000);
	cr_assert(trace != NULL);
	cr_assert_eq(pthread_create(&t, NULL, producer, NULL), 0);
	for (size_t got = 0; got < values;) {
		const uint64_t inv = lin_trace_now();
		void *x = lfqueue_spsc_pop(q);

		if (x != NULL) {
			lin_trace_took(trace, (uintptr_t)x - 1, inv);
			got++;
		} else {
			lin_trace_missed(trace, 0, 0, inv);
			sched_yield();
		}
	}
	pthread_join(t, NULL);
	p = lin_trace_check(trace, LIN_RULE_FIFO | LIN_RULE_EMPTY, NULL);
	cr_assert_eq(p, LIN_TRACE_OK, "%s", lin_pattern_name(p));
	lin_trace_destroy(trace);
}
