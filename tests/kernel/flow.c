/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Producers have few items, which are used again as soon as they were popped:
 * that is what finds a queue that mistakes an old item for a new one.
 *
 * Who is who: producer and consumer i is thread i, KTEST_THREADS_MAX + i the
 * handlers of CPU i; the last consumer takes what is left in the end.
 */

#include "tests/kernel/flow.h"

#define ITEMS     11
#define PATIENCE  100   /* idle turns until a thread looks what the others do */
#define OVERTAKEN 20000 /* pushes and pops while one waits */
#define LOOKS     500   /* without any change, until it gives up */
#define PRODUCERS (2 * KTEST_THREADS_MAX)
#define CONSUMERS (PRODUCERS + 1)

/* [o] its producer or consumer */
static struct {
	const struct flow *f;
	struct flow_item items[PRODUCERS][ITEMS];
	uint64_t made[PRODUCERS];               /* [o] */
	uint64_t last[CONSUMERS][PRODUCERS];    /* [o] number + 1; 0: none */
	uint64_t popped[CONSUMERS][PRODUCERS];  /* [o] */
	SYNC_ATOMIC(uint64_t) moves[CONSUMERS]; /* [a][o] pushes and pops */
	uint64_t made_then[KTEST_THREADS_MAX];  /* [o] at the time of since */
	uint64_t since[KTEST_THREADS_MAX];      /* [o] moves then; 0: never */
	SYNC_ATOMIC(uint32_t) idle[KTEST_THREADS_MAX]; /* [a][o] turns */
	SYNC_ATOMIC(uint32_t) done;    /* [a] threads that have made all */
	SYNC_ATOMIC(uint32_t) handled; /* [a] calls of handlers */
} run;

static uint64_t
moves(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < CONSUMERS; i++)
		/* relaxed: a hint. */
		sum += sync_load_relaxed(&run.moves[i]);
	return sum;
}

static void
moved(unsigned me)
{
	/* relaxed: a hint, written by its owner only. */
	sync_store_relaxed(
	    &run.moves[me], sync_load_relaxed(&run.moves[me]) + 1);
}

/* Returns: false if it has no item left, or the queue is full. */
static bool
produce(unsigned me)
{
	struct flow_item *it = &run.items[me][run.made[me] % ITEMS];

	/* ITEM acquire: pairs with the release in consume. */
	if (sync_load_acquire(&it->queued) != 0)
		return false;
	it->producer = me;
	it->number = run.made[me];
	ktest_body_fill(&it->body, it->number);
	/* relaxed: the push orders it. */
	sync_store_relaxed(&it->queued, 1);
	if (!run.f->push(it)) {
		/* relaxed: still ours. */
		sync_store_relaxed(&it->queued, 0);
		return false;
	}
	run.made[me]++;
	moved(me);
	return true;
}

/* Returns: false if there is nothing. */
static bool
consume(unsigned me)
{
	struct flow_item *it = run.f->pop();
	uint64_t number;
	unsigned from;

	if (it == NULL)
		return false;
	from = it->producer;
	number = it->number;
	/* relaxed: the pop orders it. */
	ktest_check(sync_load_relaxed(&it->queued) == 1);
	ktest_check(ktest_body_alive(&it->body, number));
	if (!ktest_check(from < PRODUCERS))
		return false;
	ktest_check(!run.f->fifo || number >= run.last[me][from]);
	run.last[me][from] = number + 1;
	run.popped[me][from]++;
	moved(me);
	ktest_body_kill(&it->body);
	/* ITEM release: pairs with the acquire in produce. */
	sync_store_release(&it->queued, 0);
	return true;
}

static void
flow_handler(void *arg)
{
	const unsigned cpu = ktest_cpu();

	(void)arg;
	if (cpu >= KTEST_THREADS_MAX || ktest_failed())
		return;
	/* relaxed: a count orders nothing. */
	sync_fetch_add_relaxed(&run.handled, 1);
	if (!run.f->one_producer)
		for (int i = 0; i < 2; i++)
			(void)produce(KTEST_THREADS_MAX + cpu);
	if (!run.f->one_consumer)
		for (int i = 0; i < 2; i++)
			(void)consume(KTEST_THREADS_MAX + cpu);
}

static bool
has_made_all(unsigned me)
{
	const unsigned rounds = ktest_rounds();

	if (run.f->one_producer && me != 0)
		return true;
	if (run.made[me] < (uint64_t)run.f->items * rounds)
		return false;
	/* relaxed: a count orders nothing. */
	return !run.f->handlers ||
	       sync_load_relaxed(&run.handled) >= 20 * rounds;
}

static bool
takes_part(unsigned me)
{
	return !run.f->one_producer || !run.f->one_consumer || me == 0 ||
	       me == ktest_threads() - 1;
}

/*
 * A turn of a thread in vain.  An item that was lost, or hides those behind it,
 * would keep all threads at that for ever: give up when all are, and nothing
 * moves.
 */
static void
idle_turn(unsigned me)
{
	const uint64_t before = moves();
	/* relaxed: written by us only. */
	const uint32_t turns = sync_load_relaxed(&run.idle[me]) + 1;
	bool all = true;

	/* relaxed: a hint. */
	sync_store_relaxed(&run.idle[me], turns);
	if (turns < PATIENCE) {
		ktest_relax();
		return;
	}
	ktest_sleep_ms(1);
	for (unsigned i = 0; i < ktest_threads(); i++)
		/* relaxed: a hint. */
		all &= sync_load_relaxed(&run.idle[i]) >= PATIENCE ||
		       !takes_part(i);
	if (!all || moves() != before)
		/* relaxed: a hint. */
		sync_store_relaxed(&run.idle[me], PATIENCE);
	else
		ktest_check(turns < PATIENCE + LOOKS); /* items move */
}

/*
 * Those that come later must not pass all items of a producer for ever.  One of
 * these may be with a consumer who does not run, and the queue may be full.
 */
static void
check_not_overtaken(unsigned me)
{
	const uint64_t now = moves() + 1;
	bool all = true;

	for (int i = 0; i < ITEMS; i++)
		/* relaxed: a hint. */
		all &= sync_load_relaxed(&run.items[me][i].queued) != 0;
	if (!all || run.since[me] == 0 || run.made[me] != run.made_then[me]) {
		run.since[me] = now;
		run.made_then[me] = run.made[me];
	}
	ktest_check(!run.f->fifo || now - run.since[me] < OVERTAKEN);
}

static bool
all_are_done(void)
{
	/* relaxed: only ends loops. */
	return sync_load_relaxed(&run.done) == ktest_threads() ||
	       ktest_failed();
}

static void
flow_thread(unsigned me, void *arg)
{
	const bool produces = !run.f->one_producer || me == 0;
	const bool consumes = !run.f->one_consumer || me == ktest_threads() - 1;
	uint64_t rand = me + 1;
	bool done = false, idle;

	(void)arg;
	if (!produces && !consumes)
		/* relaxed: only ends loops. */
		sync_fetch_add_relaxed(&run.done, 1);
	while ((produces || consumes) && !all_are_done()) {
		idle = true;
		/* Whoever has made all lets the others have room. */
		for (uint32_t n = ktest_rand(&rand) % 16;
		     produces && !done && n > 0; n--)
			idle &= !produce(me);
		if (produces && idle)
			check_not_overtaken(me);
		for (uint32_t n = ktest_rand(&rand) % 16; consumes && n > 0;
		     n--)
			idle &= !consume(me);
		if (!done && has_made_all(me)) {
			done = true;
			/* relaxed: only ends loops. */
			sync_fetch_add_relaxed(&run.done, 1);
		}
		if (idle) {
			idle_turn(me);
			continue;
		}
		/* relaxed: a hint. */
		sync_store_relaxed(&run.idle[me], 0);
		if (ktest_rand(&rand) % 4 == 0)
			ktest_relax();
	}
}

static void
flow_begin(const struct flow *f)
{
	run.f = f;
	for (unsigned i = 0; i < CONSUMERS; i++)
		sync_init(&run.moves[i], 0);
	for (unsigned p = 0; p < PRODUCERS; p++) {
		run.made[p] = 0;
		for (int i = 0; i < ITEMS; i++)
			sync_init(&run.items[p][i].queued, 0);
		for (unsigned c = 0; c < CONSUMERS; c++)
			run.last[c][p] = run.popped[c][p] = 0;
	}
	for (unsigned i = 0; i < KTEST_THREADS_MAX; i++) {
		sync_init(&run.idle[i], 0);
		run.since[i] = 0;
	}
	sync_init(&run.done, 0);
	sync_init(&run.handled, 0);
}

/* Nothing was lost, nothing came twice. */
static void
flow_end(void)
{
	while (!ktest_failed() && consume(CONSUMERS - 1))
		continue;
	for (unsigned p = 0; p < PRODUCERS; p++) {
		uint64_t popped = 0;

		for (unsigned c = 0; c < CONSUMERS; c++)
			popped += run.popped[c][p];
		ktest_check(popped == run.made[p]);
		ktest_ops(popped);
	}
}

void
flow_run(const struct flow *f)
{
	flow_begin(f);
	if (f->handlers && !ktest_timer(KTEST_TIMER_US, flow_handler, NULL)) {
		ktest_skip("no timer");
		return;
	}
	ktest_check(ktest_run(ktest_threads(), flow_thread, NULL) == 0);
	if (f->handlers)
		ktest_timer_stop();
	flow_end();
}
