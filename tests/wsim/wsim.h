/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_WSIM_WSIM_H
#define TESTS_WSIM_WSIM_H

/*
 * Runs small concurrent programs, compiled with -fsanitize=thread but linked
 * to this runtime, many times: as fibres of one thread, under schedules and
 * stale reads that a seed decides.  See README.md; examples: wsim_litmus_mp.c.
 *
 * A program has tests, and no main().  Each execution of a test starts with
 * fresh globals, thread-locals and heap, in fibre 0.  It ends when all fibres
 * but daemons have ended; it fails at the first assertion, data race, use
 * after free, deadlock ...
 *
 * malloc, pthread_create and the others that README.md lists are simulated
 * too, so code under test needs nothing of this header.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How an execution ends. */
enum wsim_class {
	WSIM_PASS,
	WSIM_ASSERT,   /* wsim_assert, wsim_fail, abort, sync_assert_fail */
	WSIM_RACE,     /* conflicting accesses, one of them plain, unordered */
	WSIM_UAF,      /* freed memory, or none, accessed; freed too early */
	WSIM_FREE,     /* double free, or free of no block */
	WSIM_DEADLOCK, /* all fibres wait */
	WSIM_STEPS,    /* too many steps: a livelock, most likely */
	WSIM_CRASH,    /* a wild pointer, a division by 0 ... */
	WSIM_MISUSE    /* of this simulator: too large, mixed-size accesses */
};

struct wsim_test {
	const char *name;
	void (*fn)(void);
	enum wsim_class expect;
};

#define WSIM_REGISTER(name_, expect_)                                     \
	static void name_(void);                                          \
	static const struct wsim_test name_##_test = {                    \
	    .name = #name_, .fn = name_, .expect = (expect_)};            \
	static const struct wsim_test *const name_##_entry                \
	    __attribute__((section("wsim_tests"), used)) = &name_##_test; \
	static void name_(void)

/* WSIM_TEST(name) { body }: no execution may fail. */
#define WSIM_TEST(name) WSIM_REGISTER(name, WSIM_PASS)

/* WSIM_MUST_FAIL(name, class) { body }: some execution must, in that way. */
#define WSIM_MUST_FAIL(name, class) WSIM_REGISTER(name, class)

/*
 * Start a fibre.  What was done before happens before it.
 * Returns: its number, 1 to 7.
 */
int wsim_spawn(void *(*fn)(void *), void *arg);

/*
 * Wait until fibre t has ended, which happens before the return.
 * Returns: what its function returned.
 */
void *wsim_join(int t);

/* wsim_join() of every fibre that is not a daemon, but the caller. */
void wsim_join_all(void);

/* Start a fibre whose end no execution waits for. */
int wsim_spawn_daemon(void *(*fn)(void *), void *arg);

/* The number of the calling fibre, 0 for the test's own. */
int wsim_self(void);

/* Let others run: for loops that wait. */
void wsim_yield(void);

/* Returns: a number below n, another one in each execution. */
unsigned wsim_choose(unsigned n);

/*
 * Interrupt fibre t, once and at whatever point, as a signal would: fn runs on
 * top of it and has its thread-locals.  It may also never happen.
 */
void wsim_interrupt(int t, void (*fn)(void *), void *arg);

/* Keep interrupts of the calling fibre away; nests. */
void wsim_mask(void);
void wsim_unmask(void);

/*
 * Have n processors, fibres moving between them at any point; 1 at first.
 * wsim_cpu() is where the caller is now, and may be wrong at its return
 * unless it is pinned.
 */
void wsim_cpus(unsigned n);
unsigned wsim_cpu(void);
void wsim_pin(void);
void wsim_unpin(void);

/* A sequentially consistent fence for every fibre, one after the other. */
void wsim_membarrier(void);

/* From now on let about one in n allocations fail; 0: none, as at first. */
void wsim_alloc_fails(unsigned n);

/* How many blocks are allocated and not freed. */
unsigned wsim_blocks(void);

/* End the execution as failed. */
void wsim_fail(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

#define wsim_assert(c) \
	((c) ? (void)0 : wsim_fail("%s:%d: not so: %s", __FILE__, __LINE__, #c))

#endif /* TESTS_WSIM_WSIM_H */
