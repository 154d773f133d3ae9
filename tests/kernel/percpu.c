/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Counters that handlers count with; a pool whose objects are freed on other
 * CPUs than they came from; a pool with grace, whose freed objects readers may
 * look at until they leave.
 */

#include "libsync/percpu/counters.h"
#include "libsync/percpu/pool.h"

#include "libsync/lfqueue/mpmc.h"
#include "tests/kernel/ktest.h"

#define OBJECTS  256 /* that a pool may make */
#define YOUNG    48  /* the same with grace: freed ones are wanted soon */
#define MAGAZINE 8
#define BATCH    12
#define POST     64
#define KEPT     3 /* objects of a CPU's handlers */
#define MANY     34
#define PATIENCE 3000 /* times that all objects may be too young, in a row */

enum {
	PLAIN,  /* counted by threads only */
	SHARED, /* and by handlers */
	COUNTERS
};

static struct {
	struct percpu_counters *c;
	uint64_t shared[2 * KTEST_THREADS_MAX]; /* [o] added by its owner */
	SYNC_ATOMIC(uint32_t) done;             /* [a] threads */
	SYNC_ATOMIC(uint32_t) handled;          /* [a] calls of handlers */
} counting;

static void
count_handler(void *arg)
{
	const unsigned cpu = ktest_cpu();

	(void)arg;
	if (cpu >= ktest_threads())
		return;
	percpu_counters_add_sig(counting.c, cpu, SHARED, 3);
	counting.shared[KTEST_THREADS_MAX + cpu] += 3;
	/* relaxed: a count orders nothing. */
	sync_fetch_add_relaxed(&counting.handled, 1);
}

static bool
counted_enough(uint64_t n)
{
	/* relaxed: a count orders nothing. */
	return n >= 4000 * (uint64_t)ktest_rounds() &&
	       sync_load_relaxed(&counting.handled) >= 40 * ktest_rounds();
}

static void
count_thread(unsigned me, void *arg)
{
	uint64_t last = 0, sum, n = 0;

	while (!counted_enough(n) && !ktest_failed()) {
		for (unsigned i = 0; i < 50; i++, n++) {
			percpu_counters_add(counting.c, me, PLAIN, 1);
			percpu_counters_add_sig(counting.c, me, SHARED, 1);
		}
		sum = percpu_counters_sum(counting.c, PLAIN);
		ktest_check(sum >= last && sum >= n);
		last = sum;
		ktest_relax();
	}
	counting.shared[me] = n;
	ktest_ops(n);
	(void)arg;
}

static void
test_counters(void)
{
	const unsigned n = ktest_threads();
	uint64_t plain = 0, shared = 0;

	ktest_need(percpu_counters_create(n, COUNTERS, &counting.c) == 0);
	for (unsigned i = 0; i < 2 * KTEST_THREADS_MAX; i++)
		counting.shared[i] = 0;
	sync_init(&counting.handled, 0);
	if (ktest_timer(KTEST_TIMER_US, count_handler, NULL)) {
		ktest_check(ktest_run(n, count_thread, NULL) == 0);
		ktest_timer_stop();
	} else {
		ktest_skip("no timer");
	}
	for (unsigned i = 0; i < KTEST_THREADS_MAX; i++) {
		plain += counting.shared[i];
		shared +=
		    counting.shared[i] + counting.shared[KTEST_THREADS_MAX + i];
	}
	ktest_check(percpu_counters_sum(counting.c, PLAIN) == plain);
	ktest_check(percpu_counters_sum(counting.c, SHARED) == shared);
	percpu_counters_destroy(counting.c);
}

struct object {
	struct ktest_body body;
	uint64_t value;
	SYNC_ATOMIC(uint32_t) used; /* [a] */
};

/* [w] the writer's */
static struct {
	struct ktest_duel duel;
	struct percpu_pool *pool;
	struct lfqueue_mpmc *sent;
	SYNC_ATOMIC(struct object *) now; /* [a] */
	uint64_t value;                   /* [w] */
	bool must_not_sleep;              /* threads are in sections */
	SYNC_ATOMIC(uint32_t) done;       /* [a] threads */
	SYNC_ATOMIC(uint32_t) handled;    /* [a] calls of handlers */

	/* [o] of a CPU's handlers */
	struct kept {
		struct object *of[KEPT];
		unsigned n;    /* of these in use */
		unsigned turn; /* calls */
	} kept[KTEST_THREADS_MAX];
} pools;

static void
object_init(void *object, void *arg)
{
	struct object *o = (struct object *)object;

	(void)arg;
	ktest_body_kill(&o->body);
	sync_init(&o->used, 0);
}

static struct object *
object_fill(struct object *o, uint64_t value)
{
	if (o == NULL)
		return NULL;
	/* relaxed: the pool orders it; who is handed out twice is seen. */
	ktest_check(sync_xchg_relaxed(&o->used, 1) == 0);
	o->value = value;
	ktest_body_fill(&o->body, value);
	return o;
}

/* Returns: NULL if all objects are in use. */
static struct object *
object_take(uint64_t value)
{
	struct object *o;
	uint64_t section;

	if (!pools.must_not_sleep)
		return object_fill(percpu_pool_alloc(pools.pool), value);
	section = pserialize_read_enter();
	o = percpu_pool_tryalloc(pools.pool);
	pserialize_read_exit(section);
	return object_fill(o, value);
}

static void
object_free(struct object *o)
{
	ktest_check(ktest_body_alive(&o->body, o->value));
	ktest_body_kill(&o->body);
	/* relaxed: as in object_take. */
	ktest_check(sync_xchg_relaxed(&o->used, 0) == 1);
	percpu_pool_free(pools.pool, o);
}

/* Free what others sent. */
static void
pool_receive(void)
{
	struct object *o;

	for (int i = 0; i < BATCH; i++) {
		o = lfqueue_mpmc_pop(pools.sent);
		if (o == NULL)
			return;
		object_free(o);
	}
}

/* Take some, free some, and send some to another CPU. */
static unsigned
pool_turn(uint64_t *rand)
{
	struct object *o[BATCH];
	const unsigned want = 1 + ktest_rand(rand) % BATCH;
	unsigned n = 0;

	while (n < want) {
		o[n] = object_take(ktest_rand(rand));
		if (o[n] == NULL)
			break;
		n++;
	}
	for (unsigned i = 0; i < n; i++)
		if (ktest_rand(rand) % 2 == 0 ||
		    !lfqueue_mpmc_push(pools.sent, o[i]))
			object_free(o[i]);
	return n;
}

/*
 * Take one in each of some interrupts of this CPU, then free one in each: a
 * call that did both would get back what it gave.
 */
static void
pool_handler(void *arg)
{
	const unsigned cpu = ktest_cpu();
	struct kept *k = &pools.kept[cpu % KTEST_THREADS_MAX];
	const bool more = k->turn++ % (2 * KEPT) < KEPT;

	(void)arg;
	if (cpu >= KTEST_THREADS_MAX)
		return;
	if (!more && k->n > 0) {
		object_free(k->of[--k->n]);
	} else if (more && k->n < KEPT) {
		k->of[k->n] =
		    object_fill(percpu_pool_tryalloc(pools.pool), cpu);
		k->n += k->of[k->n] != NULL;
	}
	/* relaxed: a count orders nothing. */
	sync_fetch_add_relaxed(&pools.handled, 1);
}

static bool
pool_used_enough(uint64_t taken, bool handlers)
{
	const unsigned rounds = ktest_rounds();

	if (taken < 1500 * (uint64_t)rounds)
		return false;
	/* relaxed: a count orders nothing. */
	return !handlers || sync_load_relaxed(&pools.handled) >= 60 * rounds;
}

static void
pool_thread(unsigned me, void *arg)
{
	const bool handlers = *(const bool *)arg;
	uint64_t rand = me + 1, taken = 0;
	unsigned n, in_vain = 0;
	bool done = false;

	/* relaxed: only ends the loop. */
	while (sync_load_relaxed(&pools.done) < ktest_threads() &&
	       !ktest_failed()) {
		n = pool_turn(&rand);
		taken += n;
		pool_receive();
		in_vain = n > 0 ? 0 : in_vain + 1;
		ktest_check(in_vain < PATIENCE);
		if (in_vain > 0)
			ktest_sleep_ms(1);
		if (!done && pool_used_enough(taken, handlers)) {
			done = true;
			/* relaxed: only ends the loop. */
			sync_fetch_add_relaxed(&pools.done, 1);
		}
		if (ktest_rand(&rand) % 4 == 0)
			ktest_relax();
	}
	ktest_ops(taken);
}

static void
pool_end(void)
{
	struct percpu_pool_stats stats;

	percpu_pool_stats(pools.pool, &stats);
	ktest_check(stats.in_use == 0);
	ktest_check(stats.objects <= OBJECTS);
	if (!ktest_failed())
		percpu_pool_destroy(pools.pool);
}

static bool
pool_create(unsigned max, bool grace)
{
	const struct percpu_pool_config cfg = {.size = sizeof(struct object),
	    .magazine = MAGAZINE,
	    .max = max,
	    .grace = grace,
	    .init = object_init};

	return ktest_check(percpu_pool_create(&cfg, &pools.pool) == 0) &&
	       ktest_check(percpu_pool_attach(pools.pool) == 0);
}

static void
pool_drain(void)
{
	for (int i = 0; i < POST / BATCH + 1; i++)
		pool_receive();
	for (unsigned i = 0; i < KTEST_THREADS_MAX; i++)
		while (pools.kept[i].n > 0)
			object_free(pools.kept[i].of[--pools.kept[i].n]);
}

static void
pool_run(bool handlers, bool grace)
{
	ktest_need(pool_create(OBJECTS, grace));
	ktest_need(percpu_pool_reserve(pools.pool, grace ? OBJECTS : 0) == 0);
	ktest_need(lfqueue_mpmc_create(POST, 0, &pools.sent) == 0);
	sync_init(&pools.done, 0);
	sync_init(&pools.handled, 0);
	for (unsigned i = 0; i < KTEST_THREADS_MAX; i++)
		pools.kept[i] = (struct kept){.n = 0};
	if (handlers && !ktest_timer(KTEST_TIMER_US, pool_handler, NULL)) {
		ktest_skip("no timer");
		handlers = false;
	}
	ktest_check(ktest_run(ktest_threads(), pool_thread, &handlers) == 0);
	if (handlers)
		ktest_timer_stop();
	if (ktest_failed())
		return;
	pool_drain();
	lfqueue_mpmc_destroy(pools.sent);
	pool_end();
}

static void
test_pool(void)
{
	pool_run(false, false);
}

static void
test_pool_handlers(void)
{
	if (KTEST_KERNEL)
		pool_run(true, false);
	else
		ktest_skip("a pool of a thread is not for its handlers");
}

/* Nobody may sleep, and yet somebody has to end the grace periods. */
static void
test_pool_grace_handlers(void)
{
	pools.must_not_sleep = true;
	if (KTEST_KERNEL)
		pool_run(true, true);
	else
		ktest_skip("a pool of a thread is not for its handlers");
	pools.must_not_sleep = false;
}

/* More pools than CPUs have caches for: an object comes from the depot then. */
static void
test_pool_many(void)
{
	const struct percpu_pool_config cfg = {
	    .size = sizeof(struct object), .max = 8, .init = object_init};
	struct percpu_pool *all[MANY];
	unsigned n = 0;

	while (
	    n < MANY && ktest_check(percpu_pool_create(&cfg, &all[n]) == 0)) {
		pools.pool = all[n++];
		(void)percpu_pool_attach(pools.pool);
		for (unsigned i = 0; i < 2; i++) {
			struct object *o = object_take(n);

			if (ktest_check(o != NULL))
				object_free(o);
		}
		ktest_ops(2);
	}
	while (n > 0)
		percpu_pool_destroy(all[--n]);
}

/*
 * Free the object that readers look at, which stays what it is for them.
 * Returns: false if all other objects are too young.
 */
static bool
grace_replace(struct ktest_duel *d)
{
	struct object *o = object_take(pools.value), *old;

	if (o == NULL)
		return false;
	pools.value++;
	/* NOW acq_rel: pairs with the acquire in grace_read. */
	old = sync_xchg_acq_rel(&pools.now, o);
	/* relaxed: as in object_take. */
	ktest_check(sync_xchg_relaxed(&old->used, 0) == 1);
	percpu_pool_free(pools.pool, old);
	ktest_duel_changed(d);
	return true;
}

/* So many at a time that the first is wanted again while readers look at it. */
static void
grace_update(struct ktest_duel *d)
{
	for (unsigned i = 0; i < 2 * YOUNG; i++)
		if (!grace_replace(d))
			break;
	ktest_relax();
}

static bool
grace_read(struct ktest_duel *d, struct ktest_reader *self)
{
	const uint64_t s = pserialize_read_enter();
	const uint32_t seen = ktest_duel_version(d);
	/* NOW acquire: pairs with the exchange in grace_update. */
	const struct object *o = sync_load_acquire(&pools.now);
	const uint64_t value = o->value;
	bool changed;

	changed = ktest_duel_await(d, seen, self);
	ktest_check(ktest_body_alive(&o->body, value));
	pserialize_read_exit(s);
	return changed;
}

static void
test_pool_grace(void)
{
	struct ktest_duel duel = {.update = grace_update,
	    .read = grace_read,
	    .updates = 100,
	    .overlaps = 5};
	struct object *last;

	ktest_need(pool_create(YOUNG, true));
	pools.value = 0;
	sync_init(&pools.now, object_take(pools.value++));
	ktest_duel(&duel);
	if (ktest_failed())
		return;
	/* relaxed: all threads have returned. */
	last = sync_load_relaxed(&pools.now);
	object_free(last);
	pool_end();
}

const struct ktest_case ktest_percpu[] = {
    {"percpu_counters", test_counters},
    {"percpu_pool_shared", test_pool},
    {"percpu_pool_handlers", test_pool_handlers},
    {"percpu_pool_many", test_pool_many},
    {"percpu_pool_grace", test_pool_grace},
    {"percpu_pool_aging_handlers", test_pool_grace_handlers},
    {NULL, NULL},
};
