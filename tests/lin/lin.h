/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_LIN_LIN_H
#define TESTS_LIN_LIN_H

/*
 * Linearizability of recorded histories: could the operations, each put at one
 * instant between its call and its return, have given these results one after
 * the other?
 *
 * Bursts   a few threads do a few operations each, then all stop; the history
 *          of one burst is searched exhaustively (lin_check).  lin_run() does
 *          any number of them.
 * Traces   millions of operations on values that are put in once; what no
 *          order can explain is looked for in n log n (lin_trace_check).
 * Versions one writer at a time: a reader's answer must be right in one of the
 *          versions that were current during its call.
 *
 * An interval is never narrower than the operation: the clock is read before
 * it begins and, behind a full fence, after it has ended.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "libsync/base/atomic.h"

#define LIN_OPS_MAX     64 /* of one history */
#define LIN_THREADS_MAX 8
#define LIN_STATE_MAX   128 /* bytes of a specification's state */
#define LIN_LIST_MAX    32
#define LIN_WHY_MAX     8192

#define LIN_NONE    0 /* popped or found nothing; so no value is 0 */
#define LIN_DONE    1
#define LIN_REFUSED 0 /* full, or there already, or not there */

enum lin_kind {
	/* lin_queue */
	LIN_PUSH_BACK,  /* arg = value; LIN_DONE or LIN_REFUSED (full) */
	LIN_PUSH_FRONT, /* likewise */
	LIN_POP,        /* of the front; the value or LIN_NONE */
	LIN_POP_BACK,   /* likewise */
	LIN_PEEK,       /* the value in front or LIN_NONE */
	LIN_POP_ALL,    /* list, from the front */
	LIN_IS_EMPTY,   /* 1 or 0 */
	/* lin_map */
	LIN_INSERT,  /* arg = key, arg2 = value; LIN_DONE or LIN_REFUSED */
	LIN_REPLACE, /* arg = key, arg2 = value; the old value or LIN_NONE */
	LIN_UPDATE,  /* likewise, but only if there: LIN_NONE changes nothing */
	LIN_REMOVE,  /* arg = key; the old value or LIN_NONE */
	LIN_LOOKUP,  /* arg = key; the value or LIN_NONE */
	/* lin_lpm: the map of prefixes, and */
	LIN_MATCH, /* arg = address; the value of the longest or LIN_NONE */
	LIN_TXN,   /* list of prefix, value (LIN_NONE removes), ...; LIN_DONE */
	LIN_KINDS
};

struct lin_op {
	uint64_t inv, res; /* clock before the call, after the return */
	enum lin_kind kind;
	unsigned thread;
	bool weak; /* LIN_NONE and LIN_REFUSED are always right */
	uint8_t n; /* of list */
	uint8_t list[LIN_LIST_MAX];
	unsigned arg, arg2, ret;
};

/* What one thread did, in order.  Only that thread touches it. */
struct lin_log {
	unsigned thread;
	unsigned n;
	uint64_t (*now)(void); /* NULL: the system's monotonic clock */
	uint64_t rnd;          /* not 0: let others run, now and then, */
	bool between;          /* between operations; else within them */
	struct lin_op op[LIN_OPS_MAX];
};

/*
 * Note that an operation begins now.  Fill op->list, op->weak, op->arg2 later:
 * they are not looked at before lin_check().
 * Context: the log's thread; never sleeps.
 * Returns: the entry, for lin_end().
 */
struct lin_op *lin_begin(struct lin_log *log, enum lin_kind kind, unsigned arg);

/*
 * Note that the operation has ended, with this result.
 * Context: the log's thread; never sleeps.
 */
void lin_end(struct lin_log *log, struct lin_op *op, unsigned ret);

/* ---- Specifications ---- */

/*
 * A sequential object.  The state is compared byte by byte: equal states must
 * have equal bytes, unused ones too.  All bytes are 0 at the start.
 */
struct lin_spec {
	size_t state_size; /* at most LIN_STATE_MAX */
	/* Do op; false if it cannot have had its result in this state. */
	bool (*step)(
	    const struct lin_spec *spec, void *state, const struct lin_op *op);
	/*
	 * May be NULL: note in before[i] which operations every right order
	 * has before operation i, beyond those that ended before it began.
	 * What is known here need not be searched for.
	 */
	void (*order)(const struct lin_op *op, unsigned n, uint64_t *before);
	unsigned capacity; /* lin_queue; 0 without limit */
	const struct lin_lpm *lpm;
};

#define LIN_QUEUE_MAX 63
#define LIN_KEYS_MAX  64

/* A queue of either end: FIFO and LIFO are which operations are used.  Values
 * are 1 to 255. */
bool lin_queue_step(
    const struct lin_spec *spec, void *state, const struct lin_op *op);

/* Where all is put in behind and taken in front, once: as it comes out. */
void lin_queue_order(const struct lin_op *op, unsigned n, uint64_t *before);

/* Keys are 0 to LIN_KEYS_MAX - 1, values 1 to 255. */
bool lin_map_step(
    const struct lin_spec *spec, void *state, const struct lin_op *op);

bool lin_lpm_step(
    const struct lin_spec *spec, void *state, const struct lin_op *op);

#define LIN_QUEUE(cap)                                                   \
	{                                                                \
		.state_size = LIN_QUEUE_MAX + 1, .step = lin_queue_step, \
		.order = lin_queue_order, .capacity = (cap)              \
	}
#define LIN_MAP()                                                \
	{                                                        \
		.state_size = LIN_KEYS_MAX, .step = lin_map_step \
	}
#define LIN_LPM(table)                                            \
	{                                                         \
		.state_size = LIN_KEYS_MAX, .step = lin_lpm_step, \
		.lpm = (table)                                    \
	}

/* The prefixes and addresses that a history of lin_lpm names by number. */
struct lin_lpm {
	unsigned prefixes, addresses;
	struct {
		uint32_t key; /* most significant bit first */
		unsigned bits;
	} prefix[LIN_KEYS_MAX];
	uint32_t address[LIN_KEYS_MAX];
};

/* ---- Bursts ---- */

enum lin_verdict {
	LIN_OK,
	LIN_BAD,
	LIN_GAVE_UP
};

/* Memory of the search: about 3 MiB, whatever the history. */
struct lin_checker;

/* Returns: NULL if there is no memory. */
struct lin_checker *lin_checker_create(void);
void lin_checker_destroy(struct lin_checker *c);

/*
 * Search for an order of the n operations that explains all results.
 * Context: any thread; alone on c.
 * Returns: LIN_OK, LIN_BAD (there is none), or LIN_GAVE_UP (out of memory for
 *          states: too many operations overlap).
 */
enum lin_verdict lin_check(struct lin_checker *c, const struct lin_spec *spec,
    const struct lin_op *ops, unsigned n);

/* Print a history, one operation a line, by time of its call. */
void lin_print(FILE *to, const struct lin_op *ops, unsigned n);

/*
 * Bursts on one object.  begin and settle are called alone, between the
 * bursts; act in every thread at once.  settle is part of the history: it
 * empties the object, or looks at all of it, so that what was lost is seen.
 * The state starts from nothing in every burst: begin, or settle, sees to it.
 */
struct lin_burst {
	const struct lin_spec *spec;
	unsigned threads;
	unsigned long bursts;
	uint64_t seed; /* of rnd; 0 takes the time */
	void *arg;
	void (*begin)(void *arg); /* may be NULL */
	/* 5 to 7 operations; rnd is this thread's, for lin_rnd(). */
	void (*act)(void *arg, struct lin_log *log, uint64_t *rnd);
	void (*settle)(void *arg, struct lin_log *log); /* may be NULL */
};

struct lin_result {
	unsigned long bursts, gave_up;
	unsigned long overlapped; /* with operations that ran together */
	uint64_t seed;
	char why[LIN_WHY_MAX]; /* LIN_BAD: the history, as text */
};

/*
 * Do the bursts, with a barrier around each, until one cannot be explained, and
 * more of them if nothing of different threads has run together yet.
 * Context: control thread; starts threads and joins them.
 * Returns: LIN_OK or LIN_BAD; LIN_GAVE_UP if memory is lacking.
 */
enum lin_verdict lin_run(const struct lin_burst *b, struct lin_result *res);

/* A number below below; *state is not 0. */
uint32_t lin_rnd(uint64_t *state, uint32_t below);

/* ---- Traces ---- */

/*
 * Values are numbered from 0.  Each is put in once, by one thread, and taken
 * out at most once.  Values of a group share what "empty" and "not there" mean:
 * a queue is one group, a map has one for each key.
 */
struct lin_trace;

struct lin_seen {
	uint64_t inv;
	struct lin_trace *trace;
};

enum lin_pattern {
	LIN_TRACE_OK,
	LIN_TRACE_NOWHERE, /* came out, or was seen, before it went in */
	LIN_TRACE_TWICE,   /* came out twice */
	LIN_TRACE_LOST,    /* never came out */
	LIN_TRACE_ORDER,   /* overtook one that went in before it */
	LIN_TRACE_GONE,    /* was seen after it came out */
	LIN_TRACE_MISSED,  /* "nothing there", while something always was */
	LIN_TRACE_BOTH     /* two of a group in at once */
};

enum lin_trace_rule {
	LIN_RULE_FIFO = 1,  /* one group: first in, first out */
	LIN_RULE_ALONE = 2, /* at most one value of a group is in */
	LIN_RULE_EMPTY = 4  /* at the end nothing is in */
};

/*
 * Memory for n values and, for each of so many threads, the last looks looks:
 * 40 and 24 bytes each.
 * Returns: NULL if there is no memory.
 */
struct lin_trace *lin_trace_create(size_t n, unsigned threads, size_t looks);
void lin_trace_destroy(struct lin_trace *t);

/* Around putting value in.  Context: its one thread. */
void lin_trace_putting(struct lin_trace *t, size_t value, unsigned group);
void lin_trace_put(struct lin_trace *t, size_t value);

/* Before taking out, or looking.  Context: any thread. */
uint64_t lin_trace_now(void);

/*
 * After that: what was taken out; what was found and left there; nothing.
 * Context: any thread, number thread; inv is of lin_trace_now().
 */
void lin_trace_took(struct lin_trace *t, size_t value, uint64_t inv);
void lin_trace_saw(
    struct lin_trace *t, unsigned thread, size_t value, uint64_t inv);
void lin_trace_missed(
    struct lin_trace *t, unsigned thread, unsigned group, uint64_t inv);

/*
 * The same from a history with a clock of its own, which begins at 1: put and
 * taken (0 and 0: never), and a look (found: put there; else nothing there).
 * Context: any thread, as above.
 */
struct lin_life {
	unsigned group;
	uint64_t put_inv, put_res, took_inv, took_res;
};
void lin_trace_life(
    struct lin_trace *t, size_t value, const struct lin_life *life);
void lin_trace_look(struct lin_trace *t, unsigned thread, bool found,
    size_t value_or_group, uint64_t inv, uint64_t res);

/*
 * Context: after all threads have stopped.  Sorts the trace: it is over.
 * Returns: the first pattern found that no order explains, with *value one of
 *          the values, or the group, if value is not NULL.
 */
enum lin_pattern lin_trace_check(
    struct lin_trace *t, unsigned rules, size_t *value);

const char *lin_pattern_name(enum lin_pattern p);

/* ---- Versions ---- */

/* [a] atomic */
struct lin_version {
	SYNC_ATOMIC(uint64_t) begun; /* [a] changes begun */
	SYNC_ATOMIC(uint64_t) ended; /* [a] changes ended */
};

struct lin_window {
	uint64_t first, last; /* the version of change 0 is the initial one */
};

/*
 * Around change number n + 1, which makes version n + 1 of version n.
 * Context: the one writer.
 */
void lin_version_begin(struct lin_version *v);
void lin_version_end(struct lin_version *v);

/* Around a reader's call; any version in the window may have been current. */
void lin_window_open(struct lin_version *v, struct lin_window *w);
void lin_window_close(struct lin_version *v, struct lin_window *w);

/*
 * Returns: whether right(arg, n) holds for a version n in the window.
 */
bool lin_window_check(const struct lin_window *w,
    bool (*right)(const void *arg, uint64_t version), const void *arg);

#endif /* TESTS_LIN_LIN_H */
