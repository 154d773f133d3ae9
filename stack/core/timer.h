/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_CORE_TIMER_H
#define STACK_CORE_TIMER_H

/*
 * One hierarchical timer wheel per worker (Varghese and Lauck, SOSP 1987):
 * four levels of 256 slots, one tick is a millisecond of the worker's clock.
 * A timer belongs to the worker that armed it; only that worker may touch it.
 */

#include <stdbool.h>
#include <stdint.h>

#define TIMER_TICK UINT64_C(1000000) /* ns */

struct worker;

/* [o] the worker that armed it */
struct timer {
	struct timer *next, **prevp; /* [o] slot list; prevp NULL: not armed */
	uint64_t deadline;           /* [o] ns */
	void (*fn)(struct worker *w, struct timer *t); /* [c] */
};

/*
 * Prepare a timer that is not armed.
 * Context: whoever owns t; never sleeps.
 */
void timer_init(struct timer *t, void (*fn)(struct worker *w, struct timer *t));

/*
 * Run t->fn on w, in a read section, in the first turn whose clock has reached
 * deadline (ns, rounded up to a tick; the past means the next turn).  An armed
 * timer is moved.  When fn runs the timer is no longer armed.
 * Context: worker w; never sleeps; O(1).
 * Owner:   the wheel borrows t until it fires or is cancelled.
 */
void timer_arm(struct worker *w, struct timer *t, uint64_t deadline);

/*
 * Forget t, armed or not.
 * Context: worker w, which armed it; never sleeps; O(1).
 */
void timer_cancel(struct worker *w, struct timer *t);

/* Is t armed?  Context: the worker that armed it. */
static inline bool
timer_armed(const struct timer *t)
{
	return t->prevp != 0;
}

#endif /* STACK_CORE_TIMER_H */
