/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Hierarchical wheel by absolute time (Varghese and Lauck, SOSP 1987, scheme
 * 7): a timer due at tick E lies on the level of the highest byte in which E
 * differs from the wheel's tick, in the slot which that byte names.  When the
 * tick reaches the first instant of a slot above level 0 its timers move down.
 * Bitmaps say which slots are in use, so an idle stretch costs nothing, however
 * long.  E more than four bytes away wait in one list until the fifth changes.
 *
 * Invariants
 *   I1  A timer on level l has the wheel's tick in all bytes of E above l, and
 *       a byte l of E that is greater than the tick's.  Hence the first slot
 *       of the lowest level in use starts before any other.
 *   I2  The bit of a slot is set exactly if the slot holds a timer.
 *   I3  What is armed for a time that w->now has reached lies in due, and runs
 *       in the next turn; what this turn runs lies in running.  So a timer
 *       that arms itself for the past cannot hold the turn up.
 */

#include <errno.h>
#include <stdlib.h>

#include "libsync/base/assert.h"
#include "stack/core/core_impl.h"

#define LEVELS         4
#define SLOT_BITS      8
#define SLOTS          (1u << SLOT_BITS)
#define MAP_WORDS      (SLOTS / 64)
#define NO_TICK        UINT64_MAX
#define SECTION_MAX    64
#define LEVEL_SHIFT(l) ((uint64_t)(l)*SLOT_BITS)

/* [o] the worker, all of it */
struct timer_wheel {
	uint64_t tick; /* everything due at or before it has left the slots */
	struct timer *due, **due_end;
	struct timer *running, **running_end;
	struct timer *far;
	uint64_t map[LEVELS][MAP_WORDS];
	struct timer *slot[LEVELS][SLOTS];
};

int
timer_wheel_create(uint64_t now, struct timer_wheel **out)
{
	struct timer_wheel *wh = calloc(1, sizeof(*wh));

	if (wh == NULL)
		return -ENOMEM;
	wh->tick = now / TIMER_TICK;
	wh->due_end = &wh->due;
	wh->running_end = &wh->running;
	*out = wh;
	return 0;
}

void
timer_wheel_destroy(struct timer_wheel *wh)
{
	free(wh);
}

void
timer_init(struct timer *t, void (*fn)(struct worker *w, struct timer *t))
{
	*t = (struct timer){.fn = fn};
}

/* In front of *head. */
static void
link_first(struct timer **head, struct timer *t)
{
	t->next = *head;
	t->prevp = head;
	if (t->next != NULL)
		t->next->prevp = &t->next;
	*head = t;
}

/* Behind all of a list that keeps its end. */
static void
link_last(struct timer ***end, struct timer *t)
{
	t->next = NULL;
	t->prevp = *end;
	**end = t;
	*end = &t->next;
}

/* The slot that p is the head of, or -1. */
static int
slot_of(const struct timer_wheel *wh, struct timer *const *p)
{
	const uintptr_t first = (uintptr_t)&wh->slot[0][0];
	const uintptr_t at = (uintptr_t)p;

	if (at < first || at >= first + sizeof(wh->slot))
		return -1;
	return (int)((at - first) / sizeof(struct timer *));
}

static void
unlink_timer(struct timer_wheel *wh, struct timer *t)
{
	int slot;

	*t->prevp = t->next;
	if (t->next != NULL) {
		t->next->prevp = t->prevp;
	} else if (wh->due_end == &t->next) {
		wh->due_end = t->prevp;
	} else if (wh->running_end == &t->next) {
		wh->running_end = t->prevp;
	} else if ((slot = slot_of(wh, t->prevp)) >= 0) {
		const unsigned int s = (unsigned int)slot;

		wh->map[s / SLOTS][s % SLOTS / 64] &= ~(UINT64_C(1) << s % 64);
	}
	t->prevp = NULL;
}

static uint64_t
expiry(const struct timer *t)
{
	return t->deadline / TIMER_TICK + (t->deadline % TIMER_TICK != 0);
}

/* Put t where I1 wants it; at the wheel's own tick that is running. */
static void
place(struct timer_wheel *wh, struct timer *t)
{
	const uint64_t e = expiry(t), differ = e ^ wh->tick;
	unsigned int level, s;

	SYNC_ASSERT(e >= wh->tick);
	if (differ == 0) {
		link_last(&wh->running_end, t);
		return;
	}
	level = (63u - (unsigned int)__builtin_clzll(differ)) / SLOT_BITS;
	if (level >= LEVELS) {
		link_first(&wh->far, t);
		return;
	}
	s = (unsigned int)(e >> LEVEL_SHIFT(level)) % SLOTS;
	link_first(&wh->slot[level][s], t);
	wh->map[level][s / 64] |= UINT64_C(1) << s % 64;
}

void
timer_arm(struct worker *w, struct timer *t, uint64_t deadline)
{
	struct timer_wheel *wh = w->wheel;

	SYNC_ASSERT(t->fn != NULL);
	if (t->prevp != NULL)
		unlink_timer(wh, t);
	t->deadline = deadline;
	if (deadline <= w->now || expiry(t) <= wh->tick)
		link_last(&wh->due_end, t);
	else
		place(wh, t);
}

void
timer_cancel(struct worker *w, struct timer *t)
{
	if (t->prevp != NULL)
		unlink_timer(w->wheel, t);
}

/* The first used slot of a level, or -1. */
static int
first_slot(const struct timer_wheel *wh, unsigned int level)
{
	for (unsigned int i = 0; i < MAP_WORDS; i++)
		if (wh->map[level][i] != 0)
			return (int)(i * 64) +
			       __builtin_ctzll(wh->map[level][i]);
	return -1;
}

/* Where the wheel must stop next, and the list to take apart there. */
static uint64_t
next_stop(struct timer_wheel *wh, struct timer ***list)
{
	for (unsigned int l = 0; l < LEVELS; l++) {
		const int s = first_slot(wh, l);
		const uint64_t above = LEVEL_SHIFT(l + 1);

		if (s < 0)
			continue;
		*list = &wh->slot[l][s];
		return (wh->tick >> above << above) | (uint64_t)s
							  << LEVEL_SHIFT(l);
	}
	*list = &wh->far;
	if (wh->far == NULL)
		return NO_TICK;
	return ((wh->tick >> LEVEL_SHIFT(LEVELS)) + 1) << LEVEL_SHIFT(LEVELS);
}

/* Move everything due by tick to running, in order of ticks. */
static void
advance(struct timer_wheel *wh, uint64_t tick)
{
	while (wh->tick < tick) {
		struct timer **list, *t, *next;
		const uint64_t stop = next_stop(wh, &list);

		if (stop > tick) {
			wh->tick = tick;
			return;
		}
		wh->tick = stop;
		t = *list;
		*list = NULL;
		if (list != &wh->far) {
			const unsigned int s = (unsigned int)slot_of(wh, list);

			wh->map[s / SLOTS][s % SLOTS / 64] &=
			    ~(UINT64_C(1) << s % 64);
		}
		for (; t != NULL; t = next) {
			next = t->next;
			place(wh, t);
		}
	}
}

void
timer_turn_begin(struct worker *w)
{
	struct timer_wheel *wh = w->wheel;

	SYNC_ASSERT(wh->running == NULL);
	if (wh->due == NULL)
		return;
	wh->running = wh->due;
	wh->running->prevp = &wh->running;
	wh->running_end = wh->due_end;
	wh->due = NULL;
	wh->due_end = &wh->due;
}

unsigned int
timer_turn_run(struct worker *w)
{
	struct timer_wheel *wh = w->wheel;
	struct timer *t;
	unsigned int ran = 0;

	advance(wh, w->now / TIMER_TICK);
	while (wh->running != NULL) {
		const uint64_t s = pserialize_read_enter();

		for (unsigned int i = 0; i < SECTION_MAX; i++) {
			t = wh->running;
			if (t == NULL)
				break;
			unlink_timer(wh, t);
			t->fn(w, t);
			ran++;
		}
		pserialize_read_exit(s);
	}
	return ran;
}

static uint64_t
earliest(const struct timer *t, uint64_t than)
{
	for (; t != NULL; t = t->next)
		if (expiry(t) < than)
			than = expiry(t);
	return than;
}

uint64_t
timer_next(const struct worker *w)
{
	const struct timer_wheel *wh = w->wheel;
	uint64_t e = NO_TICK;

	if (wh->due != NULL || wh->running != NULL)
		return w->now;
	for (unsigned int l = 0; l < LEVELS && e == NO_TICK; l++) {
		const int s = first_slot(wh, l);

		if (s >= 0)
			e = earliest(wh->slot[l][s], NO_TICK);
	}
	if (e == NO_TICK)
		e = earliest(wh->far, NO_TICK);
	return e > UINT64_MAX / TIMER_TICK ? UINT64_MAX : e * TIMER_TICK;
}
