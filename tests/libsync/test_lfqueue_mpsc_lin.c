/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Recorded histories of the queue of many producers.  Pop may say "nothing"
 * while a push is in its window, so that answer of its is taken for nothing;
 * lfqueue_mpsc_empty() has no such excuse.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

#include "libsync/lfqueue/mpsc.h"
#include "tests/lin/lin.h"
#include "tests/stress.h"

#define THREADS   4 /* the first is the consumer */
#define OPS       6
#define PRODUCERS 3

struct msg {
	struct lfqueue_mpsc_node node; /* first: a node is its message */
	unsigned value;
};

static struct lfqueue_mpsc q;
static struct msg msgs[THREADS * OPS + 1];

static unsigned
pop(void)
{
	const struct msg *m = (struct msg *)(void *)lfqueue_mpsc_pop(&q);

	return m != NULL ? m->value : LIN_NONE;
}

static void
consume(struct lin_log *log, bool ask)
{
	struct lin_op *op = lin_begin(log, ask ? LIN_IS_EMPTY : LIN_POP, 0);

	op->weak = !ask;
	lin_end(log, op, ask ? lfqueue_mpsc_empty(&q) : pop());
}

static void
act(void *arg, struct lin_log *log, uint64_t *rnd)
{
	(void)arg;
	for (unsigned i = 0; i < OPS; i++) {
		const unsigned value = 1 + log->thread * OPS + i;
		struct lin_op *op;

		if (log->thread == 0) {
			consume(log, lin_rnd(rnd, 3) == 0);
			continue;
		}
		op = lin_begin(log, LIN_PUSH_BACK, value);
		msgs[value].value = value;
		lfqueue_mpsc_push(&q, &msgs[value].node);
		lin_end(log, op, LIN_DONE);
	}
}

/* Every push has ended: nothing is held back any more. */
static void
settle(void *arg, struct lin_log *log)
{
	struct lin_op *op;

	(void)arg;
	do {
		op = lin_begin(log, LIN_POP, 0);
		lin_end(log, op, pop());
	} while (op->ret != LIN_NONE);
	consume(log, true);
}

Test(lfqueue_mpsc_lin, stress_bursts_are_linearizable, .timeout = 100)
{
	static const struct lin_spec spec = LIN_QUEUE(0);
	const struct lin_burst b = {.spec = &spec,
	    .threads = THREADS,
	    .bursts = stress_n(500),
	    .act = act,
	    .settle = settle};
	struct lin_result res;

	lfqueue_mpsc_init(&q);
	cr_assert_eq(lin_run(&b, &res), LIN_OK, "%s", res.why);
	cr_assert_eq(res.gave_up, 0);
	cr_assert_gt(res.overlapped, 0);
}

static struct lin_trace *trace;
static struct msg *many;
static size_t per_producer;

static void *
producer(void *arg)
{
	const size_t first = (size_t)(uintptr_t)arg * per_producer;

	for (size_t v = first; v < first + per_producer; v++) {
		lin_trace_putting(trace, v, 0);
		lfqueue_mpsc_push(&q, &many[v].node);
		lin_trace_put(trace, v);
		if (v % 64 == 0)
			sched_yield();
	}
	return NULL;
}

Test(lfqueue_mpsc_lin, stress_long_run_has_no_bad_pattern, .timeout = 100)
{
	pthread_t t[PRODUCERS];
	enum lin_pattern p;

	lfqueue_mpsc_init(&q);
	per_producer = stress_n(20000);
	trace = lin_trace_create(PRODUCERS * per_producer, 1, 10000);
	many = calloc(PRODUCERS * per_producer, sizeof(*many));
	cr_assert(trace != NULL && many != NULL);
	for (uintptr_t i = 0; i < PRODUCERS; i++)
		cr_assert_eq(
		    pthread_create(&t[i], NULL, producer, (void *)i), 0);
	for (size_t got = 0; got < PRODUCERS * per_producer;) {
		const uint64_t inv = lin_trace_now();
		struct msg *m = (struct msg *)(void *)lfqueue_mpsc_pop(&q);

		if (m != NULL) {
			lin_trace_took(trace, (size_t)(m - many), inv);
			got++;
		} else if (lfqueue_mpsc_empty(&q)) {
			lin_trace_missed(trace, 0, 0, inv);
			sched_yield();
		}
	}
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(t[i], NULL);
	p = lin_trace_check(trace, LIN_RULE_FIFO | LIN_RULE_EMPTY, NULL);
	cr_assert_eq(p, LIN_TRACE_OK, "%s", lin_pattern_name(p));
	lin_trace_destroy(trace);
	free(many);
}
