/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Runs the tests and counts.  The tests are kept in a table per source, so that
 * a host links all of them.
 */

#include "tests/kernel/ktest.h"

#include "libsync/port/pause.h"

#define PATIENCE    10000 /* steps that a reader stays */
#define AWAIT_SPINS 8
#define GATHER      2000 /* turns that the writer waits for readers */
#define GATHER_STEP 250  /* of these, until it sleeps */
#define BUSY_LOOKS  16
#define LINGER_BITS 18 /* of the longest moment */
#define POISON      UINT64_C(0x6b6b6b6b6b6b6b6b)

static const struct ktest_case *const lists[] = {
    ktest_pserialize,
    ktest_pslist,
    ktest_psref,
    ktest_localcount,
    ktest_lfqueue,
    ktest_intrusive,
    ktest_radix_lf,
    ktest_demux,
    ktest_percpu,
#ifdef KTEST_ROUTE /* the host has stack/route/, too */
    ktest_route,
#endif
};

/* The test that runs.  [a] atomic  [f] written by the first failure */
static struct {
	SYNC_ATOMIC(uint32_t) failures; /* [a] */
	SYNC_ATOMIC(uint64_t) ops;      /* [a] */
	const char *what;               /* [f] */
	const char *file;               /* [f] */
	unsigned line;                  /* [f] */
	const char *skipped;            /* NULL: it runs */
	unsigned rounds;
} now;

unsigned
ktest_threads(void)
{
	const unsigned n = ktest_cpus();

	return n < KTEST_THREADS_MAX ? n : KTEST_THREADS_MAX;
}

unsigned
ktest_rounds(void)
{
	return now.rounds;
}

void
ktest_fail(const char *what, const char *file, unsigned line)
{
	/* relaxed: the end of ktest_run() orders what is reported. */
	if (sync_fetch_add_relaxed(&now.failures, 1) != 0)
		return;
	now.what = what;
	now.file = file;
	now.line = line;
}

bool
ktest_failed(void)
{
	/* relaxed: only ends loops. */
	return sync_load_relaxed(&now.failures) != 0;
}

void
ktest_ops(uint64_t n)
{
	/* relaxed: a count orders nothing. */
	sync_fetch_add_relaxed(&now.ops, n);
}

void
ktest_skip(const char *why)
{
	now.skipped = why;
}

void
ktest_body_fill(struct ktest_body *body, uint64_t value)
{
	body->a = value;
	body->b = ~value;
	/* relaxed: it is published after this. */
	sync_store_relaxed(&body->dead, 0);
}

void
ktest_body_kill(struct ktest_body *body)
{
	/* relaxed: whoever sees it should have been waited for. */
	sync_store_relaxed(&body->dead, 1);
	body->a = POISON;
	body->b = POISON;
}

void
ktest_duel_changed(struct ktest_duel *d)
{
	/* relaxed: a hint of when to look. */
	sync_fetch_add_relaxed(&d->version, 1);
}

bool
ktest_duel_over(const struct ktest_duel *d)
{
	/* relaxed: only ends loops. */
	return sync_load_relaxed(&d->stop) != 0 || ktest_failed();
}

/*
 * A moment of any order of magnitude: one that outlasts the other readers', and
 * all that a grace period does besides, shows who was not waited for.
 */
static void
linger(uint32_t r)
{
	ktest_spin((r >> 8) % (1u << r % LINGER_BITS));
}

bool
ktest_duel_await(
    const struct ktest_duel *d, uint32_t seen, struct ktest_reader *self)
{
	bool changed = false;

	/* relaxed: hints; here and below. */
	if (sync_load_relaxed(&d->busy) == 0) {
		/* relaxed: as above. */
		sync_store_relaxed(&self->inside, 1);
		for (uint32_t i = 1; i < PATIENCE && !changed; i++) {
			ktest_spin(AWAIT_SPINS);
			port_pause();
			changed =
			    ktest_duel_version(d) != seen || ktest_duel_over(d);
			/* A thread that may lose its processor does so. */
			if (!KTEST_KERNEL && i >= 64 && (i & (i - 1)) == 0)
				ktest_relax();
		}
		/* relaxed: as above. */
		sync_store_relaxed(&self->inside, 0);
	}
	linger(ktest_rand(&self->rand));
	return ktest_duel_version(d) != seen;
}

/* Let all readers come into a section, or the like, if they do so soon. */
static void
gather(const struct ktest_duel *d)
{
	const unsigned n = ktest_threads();
	unsigned inside = 0;

	for (int i = 0; i < GATHER && inside + 1 < n && !ktest_failed(); i++) {
		if (i % GATHER_STEP == GATHER_STEP - 1)
			ktest_sleep_ms(1);
		else
			ktest_relax();
		inside = 0;
		for (unsigned t = 0; t < n; t++)
			/* relaxed: a hint. */
			inside += sync_load_relaxed(&d->readers[t].inside);
	}
}

static bool
enough(const struct ktest_duel *d, uint32_t done)
{
	const unsigned n = ktest_threads();
	const unsigned rounds = ktest_rounds();
	uint32_t handled = 0;

	if (ktest_failed())
		return true;
	for (unsigned i = 0; i < n; i++) {
		/* relaxed: a count orders nothing. */
		handled += sync_load_relaxed(&d->taken[i]);
		/* relaxed: as above. */
		if (i != d->writer &&
		    sync_load_relaxed(&d->seen[i]) < d->overlaps * rounds)
			return false;
	}
	return done >= d->updates * rounds &&
	       (d->handler == NULL || handled >= d->handled * rounds);
}

static void
write_until_enough(struct ktest_duel *d)
{
	uint32_t done = 0;

	while (!enough(d, done)) {
		gather(d);
		/* relaxed: a hint; here and below. */
		sync_store_relaxed(&d->busy, 1);
		d->update(d);
		done++;
		/* relaxed: as above. */
		sync_store_relaxed(&d->busy, 0);
	}
	/* relaxed: only ends loops. */
	sync_store_relaxed(&d->stop, 1);
	ktest_ops(done);
}

/*
 * Between two looks.  The processors of a kernel may be threads of a simulator
 * that has less: then one that spins takes the writer's time.
 */
static void
rest(const struct ktest_duel *d, uint64_t looks)
{
	/* relaxed: a hint. */
	if (KTEST_KERNEL && looks % BUSY_LOOKS == 0 &&
	    sync_load_relaxed(&d->busy) != 0)
		ktest_sleep_ms(1);
	else
		ktest_relax();
}

static void
duellist(unsigned me, void *arg)
{
	struct ktest_duel *d = (struct ktest_duel *)arg;
	struct ktest_reader *self = &d->readers[me];
	uint64_t looks = 0;

	if (me == d->writer)
		write_until_enough(d);
	while (!ktest_duel_over(d)) {
		looks++;
		if (d->read(d, self))
			/* relaxed: a count orders nothing. */
			sync_fetch_add_relaxed(&d->seen[me], 1);
		rest(d, looks);
	}
	ktest_ops(looks);
	if (d->leave != NULL)
		d->leave(d, me);
}

static void
handler(void *arg)
{
	struct ktest_duel *d = (struct ktest_duel *)arg;
	const unsigned cpu = ktest_cpu();

	if (cpu < KTEST_THREADS_MAX && d->handler(d, cpu))
		/* relaxed: a count orders nothing. */
		sync_fetch_add_relaxed(&d->taken[cpu], 1);
}

static void
duel_once(struct ktest_duel *d, unsigned writer)
{
	d->writer = writer;
	sync_init(&d->version, 0);
	sync_init(&d->stop, 0);
	sync_init(&d->busy, 0);
	for (unsigned i = 0; i < KTEST_THREADS_MAX; i++) {
		sync_init(&d->seen[i], 0);
		sync_init(&d->taken[i], 0);
		d->readers[i] = (struct ktest_reader){.me = i, .rand = i + 1};
	}
	if (d->begin != NULL)
		d->begin(d);
	if (d->handler != NULL && !ktest_timer(KTEST_TIMER_US, handler, d)) {
		ktest_skip("no timer");
		return;
	}
	ktest_check(ktest_run(ktest_threads(), duellist, d) == 0);
	if (d->handler != NULL)
		ktest_timer_stop();
}

void
ktest_duel(struct ktest_duel *d)
{
	duel_once(d, 0);
	if (!ktest_failed())
		duel_once(d, ktest_threads() - 1);
}

static bool
begins_with(const char *name, const char *prefix)
{
	if (prefix == NULL)
		return true;
	while (*prefix != '\0')
		if (*name++ != *prefix++)
			return false;
	return true;
}

/* Returns: false if it failed. */
static bool
run_one(const struct ktest_case *c)
{
	sync_init(&now.failures, 0);
	sync_init(&now.ops, 0);
	now.skipped = NULL;
	c->fn();
	/* relaxed: all threads have returned, here and below. */
	if (sync_load_relaxed(&now.failures) != 0)
		ktest_log("ktest: %s FAIL %s:%u: %s\n", c->name, now.file,
		    now.line, now.what);
	else if (now.skipped != NULL)
		ktest_log("ktest: %s skip %s\n", c->name, now.skipped);
	else
		/* relaxed: as above. */
		ktest_log("ktest: %s ok %llu ops\n", c->name,
		    (unsigned long long)sync_load_relaxed(&now.ops));
	return !ktest_failed();
}

int
ktest_main(const struct ktest_config *cfg)
{
	unsigned count = 0, failed = 0;

	now.rounds = cfg->rounds > 0 ? cfg->rounds : 1;
	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++)
		for (const struct ktest_case *c = lists[l]; c->name != NULL;
		     c++) {
			if (!begins_with(c->name, cfg->only))
				continue;
			count++;
			failed += !run_one(c);
		}
	if (count == 0 || failed != 0)
		ktest_log("ktest: FAIL %u of %u\n", failed, count);
	else
		ktest_log("ktest: PASS %u tests\n", count);
	return count == 0 ? 1 : (int)failed;
}
