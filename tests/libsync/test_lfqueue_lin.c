/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Recorded histories of the queues with many threads on both sides: bursts
 * with every operation of each, and long runs.  The library's test points
 * yield now and then, so that threads are between a load and its exchange.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "libsync/base/point.h"
#include "libsync/lfqueue/atomicq.h"
#include "libsync/lfqueue/mpmc.h"
#include "libsync/lfqueue/pcq.h"
#include "libsync/lfqueue/segq.h"
#include "libsync/lfqueue/stack.h"
#include "tests/lin/lin.h"
#include "tests/stress.h"

#define THREADS  4
#define OPS      6
#define CAPACITY 4
#define SIDES    2 /* producers, and consumers, of a long run */

struct item {
	struct lfqueue_atomicq_link link;
	struct lfqueue_stack_node node;
	unsigned value; /* 0: none */
};

static struct lfqueue_atomicq atomicq;
static struct lfqueue_stack stack;
static struct lfqueue_mpmc *mpmc;
static struct lfqueue_segq *segq;
static struct lfqueue_pcq *pcq;

static struct item *
of_node(struct lfqueue_stack_node *n)
{
	return n == NULL ? NULL
			 : (void *)((char *)n - offsetof(struct item, node));
}

/* What a queue can do; an operation it lacks is NULL. */
struct kind {
	struct lin_spec spec;
	bool weak_full, weak_empty; /* its contract has a window there */
	bool (*push_back)(struct item *it);
	bool (*push_front)(struct item *it);
	struct item *(*pop)(void);
	struct item *(*peek)(void);
	unsigned (*pop_all)(uint8_t *list);
};

static bool
atomicq_push_back(struct item *it)
{
	lfqueue_atomicq_push_fifo(&atomicq, it);
	return true;
}

static bool
atomicq_push_front(struct item *it)
{
	lfqueue_atomicq_push_lifo(&atomicq, it);
	return true;
}

static struct item *
atomicq_pop(void)
{
	return lfqueue_atomicq_pop(&atomicq);
}

static struct item *
atomicq_peek(void)
{
	return lfqueue_atomicq_peek(&atomicq);
}

static unsigned
atomicq_pop_all(uint8_t *list)
{
	const struct item *it = lfqueue_atomicq_pop_all(&atomicq);
	unsigned n = 0;

	for (; it != NULL; it = lfqueue_atomicq_next(&atomicq, it))
		list[n++] = (uint8_t)it->value;
	return n;
}

static bool
stack_push(struct item *it)
{
	lfqueue_stack_push(&stack, &it->node);
	return true;
}

static struct item *
stack_pop(void)
{
	return of_node(lfqueue_stack_pop(&stack));
}

static unsigned
stack_pop_all(uint8_t *list)
{
	struct lfqueue_stack_node *node = lfqueue_stack_pop_all(&stack);
	unsigned n = 0;

	for (; node != NULL; node = lfqueue_stack_next(node))
		list[n++] = (uint8_t)of_node(node)->value;
	return n;
}

static bool
mpmc_push(struct item *it)
{
	return lfqueue_mpmc_push(mpmc, it);
}

static struct item *
mpmc_pop(void)
{
	return lfqueue_mpmc_pop(mpmc);
}

static bool
segq_push(struct item *it)
{
	return lfqueue_segq_push(segq, it) == 0;
}

static struct item *
segq_pop(void)
{
	return lfqueue_segq_pop(segq);
}

static bool
pcq_put(struct item *it)
{
	return lfqueue_pcq_put(pcq, it);
}

static struct item *
pcq_get(void)
{
	return lfqueue_pcq_get(pcq);
}

static struct item *
pcq_peek(void)
{
	return lfqueue_pcq_peek(pcq);
}

static const struct kind atomicq_kind = {.spec = LIN_QUEUE(0),
    .push_back = atomicq_push_back,
    .push_front = atomicq_push_front,
    .pop = atomicq_pop,
    .peek = atomicq_peek,
    .pop_all = atomicq_pop_all};
static const struct kind fifo_kind = {.spec = LIN_QUEUE(0),
    .push_back = atomicq_push_back,
    .pop = atomicq_pop,
    .peek = atomicq_peek};
static const struct kind stack_kind = {.spec = LIN_QUEUE(0),
    .push_front = stack_push,
    .pop = stack_pop,
    .pop_all = stack_pop_all};
static const struct kind mpmc_kind = {.spec = LIN_QUEUE(CAPACITY),
    .weak_full = true,
    .weak_empty = true,
    .push_back = mpmc_push,
    .pop = mpmc_pop};
static const struct kind segq_kind = {
    .spec = LIN_QUEUE(0), .push_back = segq_push, .pop = segq_pop};
static const struct kind pcq_kind = {.spec = LIN_QUEUE(CAPACITY),
    .weak_full = true,
    .push_back = pcq_put,
    .pop = pcq_get,
    .peek = pcq_peek};

static void
setup(void)
{
	sync_point_yield(1, 8);
	lfqueue_atomicq_init(&atomicq, offsetof(struct item, link));
	lfqueue_stack_init(&stack);
	cr_assert_eq(lfqueue_mpmc_create(CAPACITY, 0, &mpmc), 0);
	cr_assert_eq(lfqueue_segq_create(&segq), 0);
	cr_assert_eq(lfqueue_pcq_create(CAPACITY, &pcq), 0);
}

static void
teardown(void)
{
	lfqueue_mpmc_destroy(mpmc);
	lfqueue_segq_destroy(segq);
	lfqueue_pcq_destroy(pcq);
}

TestSuite(lfqueue_lin, .init = setup, .fini = teardown);

/* ---- Bursts ---- */

static struct item items[THREADS * OPS + 1]; /* by value */
static SYNC_ATOMIC(unsigned) together;       /* times that pop_all got many */

static void
push(const struct kind *k, struct lin_log *log, bool front, unsigned value)
{
	struct lin_op *op =
	    lin_begin(log, front ? LIN_PUSH_FRONT : LIN_PUSH_BACK, value);
	bool done;

	items[value].value = value;
	done =
	    front ? k->push_front(&items[value]) : k->push_back(&items[value]);
	op->weak = k->weak_full;
	lin_end(log, op, done ? LIN_DONE : LIN_REFUSED);
}

static unsigned
take(const struct kind *k, struct lin_log *log, enum lin_kind what)
{
	struct lin_op *op = lin_begin(log, what, 0);
	const struct item *it = what == LIN_PEEK ? k->peek() : k->pop();

	op->weak = k->weak_empty;
	lin_end(log, op, it != NULL ? (unsigned)(it - items) : LIN_NONE);
	return op->ret;
}

static void
take_all(const struct kind *k, struct lin_log *log)
{
	struct lin_op *op = lin_begin(log, LIN_POP_ALL, 0);
	uint8_t list[LIN_LIST_MAX];
	const unsigned n = k->pop_all(list);

	lin_end(log, op, 0);
	op->n = (uint8_t)n;
	for (unsigned i = 0; i < n; i++)
		op->list[i] = list[i];
	if (n > 1)
		/* relaxed: a count. */
		sync_fetch_add_relaxed(&together, 1);
}

static void
act(void *arg, struct lin_log *log, uint64_t *rnd)
{
	const struct kind *k = arg;

	for (unsigned i = 0; i < OPS; i++) {
		const unsigned what = lin_rnd(rnd, 16);
		const bool front =
		    k->push_back == NULL ||
		    (k->push_front != NULL && lin_rnd(rnd, 2) == 0);

		if (what < 8)
			push(k, log, front, 1 + log->thread * OPS + i);
		else if (what < 10 && k->peek != NULL)
			take(k, log, LIN_PEEK);
		else if (what < 11 && k->pop_all != NULL)
			take_all(k, log);
		else
			take(k, log, LIN_POP);
	}
}

/* Nobody else is in the middle of anything: no window excuses "nothing". */
static void
settle(void *arg, struct lin_log *log)
{
	struct kind strict = *(const struct kind *)arg;

	strict.weak_empty = false;
	while (take(&strict, log, LIN_POP) != LIN_NONE)
		continue;
}

static void
bursts(const struct kind *k)
{
	struct kind mine = *k;
	const struct lin_burst b = {.spec = &mine.spec,
	    .threads = THREADS,
	    .bursts = stress_n(300),
	    .arg = &mine,
	    .act = act,
	    .settle = settle};
	struct lin_result res;

	cr_assert_eq(lin_run(&b, &res), LIN_OK, "%s", res.why);
	cr_assert_leq(res.gave_up, res.bursts / 10);
	cr_assert_gt(res.overlapped, 0);
}

Test(lfqueue_lin, stress_bursts_of_atomicq, .timeout = 100)
{
	bursts(&atomicq_kind);
	/* relaxed: the threads were joined. */
	cr_assert_gt(sync_load_relaxed(&together), 0);
}

Test(lfqueue_lin, stress_bursts_of_atomicq_as_fifo, .timeout = 100)
{
	bursts(&fifo_kind);
}

Test(lfqueue_lin, stress_bursts_of_stack, .timeout = 100)
{
	bursts(&stack_kind);
	/* relaxed: the threads were joined. */
	cr_assert_gt(sync_load_relaxed(&together), 0);
}

Test(lfqueue_lin, stress_bursts_of_mpmc, .timeout = 100)
{
	bursts(&mpmc_kind);
}

Test(lfqueue_lin, stress_bursts_of_segq, .timeout = 100)
{
	bursts(&segq_kind);
}

Test(lfqueue_lin, stress_bursts_of_pcq, .timeout = 100)
{
	bursts(&pcq_kind);
}

/* ---- Long runs ---- */

static const struct kind *kind;
static struct lin_trace *trace;
static struct item *many;
static size_t per_producer;
static SYNC_ATOMIC(size_t) left;

static void *
producer(void *arg)
{
	const size_t first = (size_t)(uintptr_t)arg * per_producer;

	for (size_t v = first; v < first + per_producer; v++) {
		lin_trace_putting(trace, v, 0);
		while (kind->push_back != NULL ? !kind->push_back(&many[v])
					       : !kind->push_front(&many[v]))
			sched_yield();
		lin_trace_put(trace, v);
		if (v % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void *
consumer(void *arg)
{
	const unsigned me = (unsigned)(uintptr_t)arg;

	/* relaxed: only when to stop. */
	while (sync_load_relaxed(&left) > 0) {
		const uint64_t inv = lin_trace_now();
		const struct item *it = kind->pop();

		if (it != NULL) {
			lin_trace_took(trace, (size_t)(it - many), inv);
			/* relaxed: as above. */
			sync_fetch_add_relaxed(&left, (size_t)-1);
			continue;
		}
		if (!kind->weak_empty)
			lin_trace_missed(trace, me, 0, inv);
		sched_yield();
	}
	return NULL;
}

static void
long_run(const struct kind *k, unsigned rules)
{
	pthread_t p[SIDES], c[SIDES];
	enum lin_pattern bad;

	sync_point_yield(1, 64);
	kind = k;
	per_producer = stress_n(10000);
	trace = lin_trace_create(SIDES * per_producer, SIDES, 10000);
	many = aligned_alloc(
	    64, SYNC_ROUNDUP(SIDES * per_producer * sizeof(*many), 64));
	cr_assert(trace != NULL && many != NULL);
	for (size_t v = 0; v < SIDES * per_producer; v++)
		many[v] = (struct item){.value = 1};
	/* relaxed: there is no other thread yet. */
	sync_store_relaxed(&left, SIDES * per_producer);
	for (uintptr_t i = 0; i < SIDES; i++) {
		void *me = (void *)i;

		cr_assert_eq(pthread_create(&p[i], NULL, producer, me), 0);
		cr_assert_eq(pthread_create(&c[i], NULL, consumer, me), 0);
	}
	for (int i = 0; i < SIDES; i++) {
		pthread_join(p[i], NULL);
		pthread_join(c[i], NULL);
	}
	bad = lin_trace_check(trace, rules, NULL);
	cr_assert_eq(bad, LIN_TRACE_OK, "%s", lin_pattern_name(bad));
	lin_trace_destroy(trace);
	free(many);
}

static const unsigned fifo = LIN_RULE_FIFO | LIN_RULE_EMPTY;

Test(lfqueue_lin, stress_long_run_of_atomicq, .timeout = 100)
{
	long_run(&fifo_kind, fifo);
}

Test(lfqueue_lin, stress_long_run_of_stack, .timeout = 100)
{
	long_run(&stack_kind, LIN_RULE_EMPTY);
}

Test(lfqueue_lin, stress_long_run_of_mpmc, .timeout = 100)
{
	long_run(&mpmc_kind, fifo);
}

Test(lfqueue_lin, stress_long_run_of_segq, .timeout = 100)
{
	long_run(&segq_kind, fifo);
}

Test(lfqueue_lin, stress_long_run_of_pcq, .timeout = 100)
{
	long_run(&pcq_kind, fifo);
}
