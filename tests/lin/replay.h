/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Every interleaving of one reader with one writer, both being the code itself.
 *
 * The writer runs first, and each of its stores is noted.  Then the reader runs
 * again and again: before each of its loads, time may go on to any later store
 * to the very field that it is about to load; going on past stores to other
 * fields changes nothing that this load sees.  Time goes on, and back, by doing
 * the noted stores in real memory.
 *
 * Memory that the writer fills by plain stores, out of the readers' sight, is
 * a region: what changed there since the last noted store is noted, too.  At a
 * SYNC_POINT() time may go on to any later change of what is read then.
 *
 * Grace periods are part of the history.  A reader that had begun when one was
 * asked for, and not ended when the writer was told that it is over, held it up
 * in truth, so that schedule is left out.  It is judged by the latest time at
 * which it can have begun, and the earliest at which it can have ended.
 *
 * Code is traced by "-include tests/lin/traced.h", and linked with what
 * replay_link_args of meson.build wraps.  One thread runs everything.
 */
#ifndef TESTS_LIN_REPLAY_H
#define TESTS_LIN_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Called by traced code ---- */

/* A load of *field comes next. */
void replay_load(const void *field);

/* Store to *field, which has so many bytes. */
void replay_store(void *field, size_t size, uint64_t value);

/* Plain loads may come next, of what replay_where() says. */
void replay_point(const char *name);

/* ---- The writer ---- */

/* When are grace periods over that nobody sleeps for? */
enum replay_grace {
	REPLAY_LATE, /* not in this history: nothing is used again */
	REPLAY_SOON, /* at the next replay_turn() */
	REPLAY_VOID, /* then, too, but they do not wait for readers: a bug */
};

/* Readers load plainly from here.  8 of them at most. */
void replay_region(void *at, size_t size);

/* There are no regions any more. */
void replay_no_region(void);

/* A history begins: stores are noted from now on. */
void replay_begin(enum replay_grace grace);

/* The grace periods asked for before are over now. */
void replay_turn(void);

/* Steps so far. */
unsigned int replay_now(void);

/* The writer's part of the history is over. */
void replay_end(void);

/* ---- The reader ---- */

/* The answer of a reader that does not end, or reads where no memory is. */
#define REPLAY_LOST UINT64_MAX

/* One schedule: from and to are numbers of steps. */
struct replay_run {
	unsigned int from, to, loads;
};

/*
 * Run read() in all schedules, and judge() with the answer of each.
 * Returns: how many there were.
 */
unsigned long replay_readers(uint64_t (*read)(void *arg),
    void (*judge)(void *arg, uint64_t got, const struct replay_run *run),
    void *arg);

/* Call fn at each time of the history, from its start to its end. */
void replay_each(void (*fn)(void *arg, unsigned int now), void *arg);

/* Did a grace period end at this time, so that memory may be used again? */
bool replay_grace_ends(unsigned int now);

/* The steps of what brought a state about. */
struct replay_change {
	unsigned int begin, end;
};

/*
 * Is change over before the run, so that what was before it is not seen any
 * more; and may what it brought about be seen?
 */
static inline bool
replay_over(const struct replay_run *run, const struct replay_change *change)
{
	return change->end <= run->from;
}

static inline bool
replay_begun(const struct replay_run *run, const struct replay_change *change)
{
	return change->begin < run->to || replay_over(run, change);
}

/*
 * Where the plain loads behind a point go, in a region: at is what the last
 * traced load was of.  NULL: nowhere.
 */
extern const void *(*replay_where)(
    const char *name, const void *last, size_t *size);

/* Called for each load and point outside of histories, if not NULL. */
extern void (*replay_hook)(void);

#endif /* TESTS_LIN_REPLAY_H */
