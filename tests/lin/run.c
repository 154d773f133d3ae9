/* SPDX-License-Identifier: BSD-2-Clause */

/* Bursts of operations by real threads, a barrier before and after each. */

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "libsync/base/assert.h"
#include "tests/lin/lin.h"

/* A barrier that spins: one that sleeps wakes its threads one by one, and a
 * burst is over before the second has come. */
struct barrier {
	unsigned threads;
	SYNC_ATOMIC(unsigned) came;
	SYNC_ATOMIC(unsigned) round;
};

struct run {
	const struct lin_burst *b;
	struct lin_result *res;
	struct lin_checker *checker;
	struct barrier barrier;
	bool over; /* written and read between barriers */
	enum lin_verdict verdict;
	struct lin_log log[LIN_THREADS_MAX];
	struct lin_log settle;
};

struct worker {
	struct run *run;
	unsigned thread;
};

static void
barrier_wait(struct barrier *b)
{
	/* relaxed: our own count below orders it. */
	const unsigned round = sync_load_relaxed(&b->round);

	/* acq_rel: whoever comes last has seen what all others did. */
	if (sync_fetch_add_acq_rel(&b->came, 1) + 1 == b->threads) {
		/* relaxed: the round below publishes it. */
		sync_store_relaxed(&b->came, 0);
		/* release: pairs with the acquire below. */
		sync_store_release(&b->round, round + 1);
		return;
	}
	for (unsigned spins = 0;; spins++) {
		/* acquire: pairs with the release above. */
		if (sync_load_acquire(&b->round) != round)
			return;
		if (spins % 64 == 63)
			sched_yield();
	}
}

uint32_t
lin_rnd(uint64_t *state, uint32_t below)
{
	/* xorshift64*, Vigna 2016 */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

/* Whether operations of different threads ran together. */
static bool
overlaps(const struct lin_op *op, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < i; j++)
			if (op[i].thread != op[j].thread &&
			    op[i].inv < op[j].res && op[j].inv < op[i].res)
				return true;
	return false;
}

static void
explain(struct lin_result *res, const struct lin_op *op, unsigned n)
{
	FILE *to = fmemopen(res->why, sizeof(res->why), "w");

	if (to == NULL)
		return;
	fprintf(to, "no order explains burst %lu (seed %llu):\n", res->bursts,
	    (unsigned long long)res->seed);
	lin_print(to, op, n);
	fclose(to);
}

static void
judge(struct run *r)
{
	struct lin_op all[LIN_OPS_MAX];
	enum lin_verdict v;
	unsigned n = 0;

	for (unsigned t = 0; t <= r->b->threads; t++) {
		const struct lin_log *log =
		    t < r->b->threads ? &r->log[t] : &r->settle;

		for (unsigned i = 0; i < log->n; i++) {
			SYNC_REQUIRE(n < LIN_OPS_MAX);
			all[n++] = log->op[i];
		}
	}
	v = lin_check(r->checker, r->b->spec, all, n);
	r->res->bursts++;
	r->res->overlapped += overlaps(all, n);
	r->res->gave_up += v == LIN_GAVE_UP;
	if (v == LIN_BAD) {
		explain(r->res, all, n);
		r->verdict = LIN_BAD;
	}
	r->over =
	    v == LIN_BAD || (r->res->bursts >= r->b->bursts &&
				(r->res->overlapped > 0 || r->b->threads == 1));
}

static void *
work(void *arg)
{
	const struct worker *w = arg;
	struct run *r = w->run;
	struct lin_log *log = &r->log[w->thread];
	uint64_t rnd = (r->res->seed + w->thread + 1) * 0x9e3779b97f4a7c15ULL;

	rnd += rnd == 0;
	log->thread = w->thread;
	for (unsigned long burst = 0;; burst++) {
		if (w->thread == 0 && r->b->begin != NULL)
			r->b->begin(r->b->arg);
		log->n = 0;
		/* A third at full speed. */
		log->rnd = burst % 3 == 0 ? 0 : rnd;
		log->between = burst % 3 == 1;
		barrier_wait(&r->barrier);
		r->b->act(r->b->arg, log, &rnd);
		barrier_wait(&r->barrier);
		if (w->thread == 0) {
			r->settle.n = 0;
			r->settle.thread = r->b->threads;
			if (r->b->settle != NULL)
				r->b->settle(r->b->arg, &r->settle);
			judge(r);
		}
		barrier_wait(&r->barrier);
		if (r->over)
			return NULL;
	}
}

/* The first worker is the caller. */
static void
start(struct run *r, struct worker *w, pthread_t *id)
{
	for (unsigned t = 0; t < r->b->threads; t++)
		w[t] = (struct worker){.run = r, .thread = t};
	for (unsigned t = 1; t < r->b->threads; t++)
		if (pthread_create(&id[t], NULL, work, &w[t]) != 0)
			abort(); /* those started would wait for ever */
	work(&w[0]);
	for (unsigned t = 1; t < r->b->threads; t++)
		pthread_join(id[t], NULL);
}

enum lin_verdict
lin_run(const struct lin_burst *b, struct lin_result *res)
{
	struct run *r = calloc(1, sizeof(*r));
	struct worker w[LIN_THREADS_MAX];
	pthread_t id[LIN_THREADS_MAX];
	enum lin_verdict v = LIN_GAVE_UP;

	SYNC_REQUIRE(b->threads >= 1 && b->threads <= LIN_THREADS_MAX);
	*res = (struct lin_result){.seed = b->seed};
	if (res->seed == 0)
		res->seed = lin_trace_now();
	if (r == NULL)
		return v;
	*r = (struct run){.b = b, .res = res, .verdict = LIN_OK};
	r->barrier.threads = b->threads;
	r->checker = lin_checker_create();
	if (r->checker != NULL) {
		start(r, w, id);
		v = r->verdict;
	}
	lin_checker_destroy(r->checker);
	free(r);
	return v;
}
