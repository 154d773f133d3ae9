/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PSERIALIZE_PSERIALIZE_H
#define LIBSYNC_PSERIALIZE_PSERIALIZE_H

/*
 * Read sections: a reader says where it begins and ends to look at shared
 * objects, a writer unlinks an object and then waits, or is called back, when
 * no section is left that could still see it.  Readers never wait, never write
 * a shared cache line and use no atomic read-modify-write.
 *
 * Use psref instead to keep one object while sleeping, a lock instead if
 * readers must see the newest value.
 *
 *     reader                              writer
 *       s = pserialize_read_enter();        lock; unlink object; unlock;
 *       load a pointer (acquire), use it    pserialize_perform();
 *       pserialize_read_exit(s);            free the object
 *
 * A grace period is over when every section that was open at its beginning
 * has ended.  There is one domain: any section delays every grace period.
 *
 * What may run together: everything with everything, but
 *   - a thread inside a section must not wait for a grace period
 *     (pserialize_perform, pserialize_barrier) nor for anybody who does;
 *   - writers of one structure exclude each other by a lock of their own.
 *
 * Sections belong to the thread.  User-level threads that move to another
 * system thread inside a section are not supported.
 *
 * After fork(2) the child has one thread, so only that thread's section.
 * Callbacks that were waiting in the parent run in the child too, once the
 * child calls pserialize_call() or pserialize_barrier().
 *
 * Modelled on pserialize(9) of NetBSD; the grace period follows the sequence
 * words of dynticks-style RCU.  Fences: libsync/base/fence.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/base/fence.h"
#include "libsync/port/tls.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What pserialize_call() needs of the object; its owner does not look inside. */
struct pserialize_head {
	struct pserialize_head *next;
	void (*fn)(struct pserialize_head *);
};

/* Private to this module. */
struct pserialize_list {
	SYNC_ATOMIC(struct pserialize_head *) first; /* newest */
};

/*
 * Private to this module, here for the inline functions below.
 *
 * word: bit 0 inside a section, bit 1 go the slow way, the rest counts the
 * outermost sections that have ended.
 */
#define PSERIALIZE_ACTIVE ((uint64_t)1)
#define PSERIALIZE_SLOW   ((uint64_t)2)
#define PSERIALIZE_ONE    ((uint64_t)4)

/*
 * [a] atomic  [o] this thread only  [r] registry mutex
 * The first line is written by readers, the second by everybody else.
 */
struct pserialize_thread {
	SYNC_ATOMIC(uint64_t) word; /* [a] written by this thread only */
	bool registered;            /* [o] */

	struct pserialize_list calls
	    __attribute__((aligned(SYNC_CACHELINE))); /* [a] */
	uint64_t snap;  /* [r] word at the scan; 0: not waited for */
	uint64_t batch; /* [r] of deferred calls, the last that took ours */
	struct pserialize_thread *next;   /* [r] */
	struct pserialize_thread **prevp; /* [r] */
} __attribute__((aligned(SYNC_CACHELINE)));

extern PORT_THREAD_LOCAL struct pserialize_thread pserialize_self;

/*
 * pserialize_read_enter() for a thread that is not registered yet, and for
 * every thread in fenced mode.
 */
uint64_t pserialize_read_enter_slow(void);

/*
 * Is the caller inside a read section?  For assertions.
 * Context: any thread, signal handlers too; never sleeps; wait-free.
 */
static inline bool
pserialize_in_read_section(void)
{
	/* relaxed: only this thread writes its word. */
	return (sync_load_relaxed(&pserialize_self.word) & PSERIALIZE_ACTIVE) !=
	       0;
}

/*
 * Begin a read section.  Sections nest, and end in reverse order.
 * Context: any thread, signal handlers too; never sleeps; wait-free.  The
 *          first section of a thread registers it, which takes a mutex for a
 *          moment.
 * Order:   see pserialize_perform().
 * Owner:   objects found inside stay valid until the matching
 *          pserialize_read_exit(), or longer by psref_acquire().
 * Returns: the cookie for the matching pserialize_read_exit(), which must be
 *          called by this thread.
 */
static inline uint64_t
pserialize_read_enter(void)
{
	struct pserialize_thread *self = &pserialize_self;
	uint64_t v, cookie;

	/* relaxed: only this thread writes its word. */
	v = sync_load_relaxed(&self->word);
	if (__builtin_expect(
		(v & (PSERIALIZE_ACTIVE | PSERIALIZE_SLOW)) == 0, 1)) {
		/* SECTION release: pairs with the scans in pserialize.c. */
		sync_store_release(&self->word, v + PSERIALIZE_ACTIVE);
		cookie = v + PSERIALIZE_ONE;
	} else if ((v & PSERIALIZE_SLOW) != 0) {
		cookie = pserialize_read_enter_slow();
	} else {
		cookie = v; /* nested: exit writes the same word again */
	}
	sync_fence_compiler(); /* light: the word says that the mode allows it */
	return cookie;
}

/* Is cookie that of the innermost open section?  For assertions. */
static inline bool
pserialize_cookie_fits(uint64_t cookie)
{
	/* relaxed: only this thread writes its word. */
	uint64_t v = sync_load_relaxed(&pserialize_self.word);

	return (v & PSERIALIZE_ACTIVE) != 0 &&
	       (cookie == v ||
		   cookie == v - PSERIALIZE_ACTIVE + PSERIALIZE_ONE);
}

/*
 * End the section that returned cookie; it must be the innermost one.
 * Context: the thread that entered; never sleeps; wait-free.
 * Order:   everything before this call happens before the end of every grace
 *          period that waited for the section.
 */
static inline void
pserialize_read_exit(uint64_t cookie)
{
	SYNC_ASSERT(pserialize_cookie_fits(cookie));
	/* SECTION release: pairs with the scans in pserialize.c. */
	sync_store_release(&pserialize_self.word, cookie);
}

/*
 * Wait until every section that was open when this was called has ended.
 * Concurrent callers share grace periods.
 * Context: any thread outside a section, not a signal handler; sleeps until
 *          readers have left.  May be called with the writers' lock held, so
 *          readers must not take that lock.
 * Order:   a section that misses a store made before the call ended before
 *          the return, and everything in it happens before the return.
 */
void pserialize_perform(void);

/*
 * Name a grace period that has not begun yet and ask for it.
 * Context: any thread, inside a section and in signal handlers too; never
 *          sleeps; lock-free.
 * Order:   as for pserialize_perform(): this is its beginning, and a
 *          pserialize_poll() that returns true its end.
 * Returns: a number for pserialize_poll(), good for ever.
 */
uint64_t pserialize_poll_start(void);

/*
 * Has the grace period gp ended?  Does nothing to bring that about.
 * Context: any thread, inside a section and in signal handlers too; never
 *          sleeps; wait-free.
 * Returns: true if it has, and then always.
 */
bool pserialize_poll(uint64_t gp);

/*
 * Push the grace periods asked for by pserialize_poll_start() one step
 * forward, without waiting for readers.  A step may cost a system call.
 * Context: any thread, not a signal handler; never sleeps but for the mutex
 *          of the registry, which is held for moments.
 * Returns: true if this call ended a grace period.
 */
bool pserialize_poll_advance(void);

/*
 * Have fn(head) called after a grace period, by a thread of the library.
 * Never waits and never fails, so it may be called where neither is allowed.
 * Callbacks of one thread run in the order of their calls.  fn may free the
 * object, may sleep, and may call everything here but pserialize_barrier();
 * while it runs, other callbacks wait.
 * Context: any thread, inside a section and in signal handlers too; never
 *          sleeps; lock-free.  The first call in a process, and the first in
 *          a forked child, starts the thread and must not be in a signal
 *          handler; pserialize_barrier() does as well.
 * Order:   as for pserialize_perform() called here; its return is the start
 *          of fn.
 * Owner:   the library owns *head until it calls fn.
 */
void pserialize_call(
    struct pserialize_head *head, void (*fn)(struct pserialize_head *));

/*
 * Wait until every callback handed to pserialize_call() before has returned.
 * Context: any thread outside a section, not a callback, not a signal
 *          handler; sleeps.
 * Order:   those callbacks happen before the return.
 */
void pserialize_barrier(void);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_PSERIALIZE_PSERIALIZE_H */
