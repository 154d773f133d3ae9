/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_KTEST_H
#define TESTS_KERNEL_KTEST_H

/*
 * What the test sources share: checks, random numbers, and the duel of one
 * writer and many readers that most tests are.
 */

#include "libsync/base/atomic.h"
#include "libsync/base/fence.h"
#include "tests/kernel/host.h"

struct ktest_case {
	const char *name; /* NULL ends a list */
	void (*fn)(void);
};

/* One list per source. */
extern const struct ktest_case ktest_pserialize[], ktest_pslist[],
    ktest_psref[], ktest_localcount[], ktest_lfqueue[], ktest_intrusive[],
    ktest_radix_lf[], ktest_demux[], ktest_percpu[], ktest_route[];

#define KTEST_THREADS_MAX 16u
#define KTEST_TIMER_US    200u

/* How many threads a test runs: one per CPU, but not more than the above. */
unsigned ktest_threads(void);

/* The length of a test is so many times its base length. */
unsigned ktest_rounds(void);

/* Note a failure of the test that runs.  Context: any. */
void ktest_fail(const char *what, const char *file, unsigned line);

/* Has the test that runs failed?  Its loops end then.  Context: any. */
bool ktest_failed(void);

/* Add to the number that is printed.  Context: any. */
void ktest_ops(uint64_t n);

/* The test that runs cannot be run here. */
void ktest_skip(const char *why);

#define ktest_check(c) \
	((c) ? true : (ktest_fail(#c, __FILE__, __LINE__), false))

/* A fatal one: leave the function. */
#define ktest_need(c)                \
	do {                         \
		if (!ktest_check(c)) \
			return;      \
	} while (0)

/* xorshift64*, of a state that is not 0. */
static inline uint32_t
ktest_rand(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

/* Stay here for a moment.  Context: any. */
static inline void
ktest_spin(unsigned n)
{
	while (n-- > 0)
		sync_fence_compiler();
}

/*
 * What readers look at: b is the complement of a for as long as it may be
 * looked at.  Plain fields, so that race detectors watch them.
 */
struct ktest_body {
	uint64_t a, b;
	SYNC_ATOMIC(uint32_t) dead; /* [a] nobody may look any more */
};

/* Make it alive.  Context: nobody else looks. */
void ktest_body_fill(struct ktest_body *body, uint64_t value);

/* Poison it.  Context: nobody may look any more. */
void ktest_body_kill(struct ktest_body *body);

/* A check that it is alive, whole and of this value.  Context: any. */
static inline bool
ktest_body_alive(const struct ktest_body *body, uint64_t value)
{
	sync_fence_compiler(); /* load again */
	/* relaxed: who breaks the order is to be seen here. */
	return sync_load_relaxed(&body->dead) == 0 && body->a == value &&
	       body->b == ~value;
}

struct ktest_reader {
	unsigned me; /* which thread */
	uint64_t rand;
	SYNC_ATOMIC(uint32_t) inside; /* [a] private: waits for an update */
};

/*
 * One thread updates until it has done so often enough, and all others have
 * looked often enough while it did; once as the first thread and once as the
 * last.  Before an update it waits a moment for all others to be looking.  Handlers may look as well.  Bounded by progress, not by time.
 */
struct ktest_duel {
	/* One update; calls ktest_duel_changed() once others may see it. */
	void (*update)(struct ktest_duel *d);

	/* One look.  Returns: true if an update took place meanwhile. */
	bool (*read)(struct ktest_duel *d, struct ktest_reader *self);

	/* One look from a handler, or NULL; otherwise as read. */
	bool (*handler)(struct ktest_duel *d, unsigned cpu);

	/* Before the threads of each half start, or NULL. */
	void (*begin)(struct ktest_duel *d);

	/* Each thread at its end, once all others leave as well, or NULL. */
	void (*leave)(struct ktest_duel *d, unsigned me);

	uint32_t updates;  /* at least */
	uint32_t overlaps; /* of each reader, at least */
	uint32_t handled;  /* by handlers of all CPUs, at least */

	/* Private to ktest.c, but for version. */
	unsigned writer;
	struct ktest_reader readers[KTEST_THREADS_MAX];
	SYNC_ATOMIC(uint32_t) busy;    /* [a] an update is under way */
	SYNC_ATOMIC(uint32_t) version; /* [a] */
	SYNC_ATOMIC(uint32_t) stop;    /* [a] */
	SYNC_ATOMIC(uint32_t) seen[KTEST_THREADS_MAX];  /* [a] */
	SYNC_ATOMIC(uint32_t) taken[KTEST_THREADS_MAX]; /* [a] by handlers */
};

/* Run it; the first part of *d is filled. */
void ktest_duel(struct ktest_duel *d);

/* The updates so far.  Context: any. */
static inline uint32_t
ktest_duel_version(const struct ktest_duel *d)
{
	/* relaxed: a hint of when to look. */
	return sync_load_relaxed(&d->version);
}

/* Tell readers that there was an update.  Context: the writer. */
void ktest_duel_changed(struct ktest_duel *d);

/*
 * Unless an update is under way, stay until there has been one since seen, or
 * for a while; then for a random moment more, in which a wrong writer does its
 * harm.
 * Context: a reader, inside a section, too.
 * Returns: true if there was one.
 */
bool ktest_duel_await(
    const struct ktest_duel *d, uint32_t seen, struct ktest_reader *self);

/* Are the others to leave?  Context: any. */
bool ktest_duel_over(const struct ktest_duel *d);

#endif /* TESTS_KERNEL_KTEST_H */
