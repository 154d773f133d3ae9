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
 * has ended.
 *
 * Domains keep readers that stay long out of the way of the others: a section
 * delays the grace periods of its own domain only.  There is a small fixed
 * number; domain 0 is always there, and what names no domain is about that one.
 *
 * What may run together: everything with everything, but
 *   - a thread inside a section must not wait for a grace period of its
 *     domain (pserialize_perform, pserialize_barrier) nor for anybody who does;
 *   - writers of one structure exclude each other by a lock of their own.
 *
 * Sections belong to the thread, in a kernel to the processor, where nobody may
 * sleep inside one; "this thread" then is whoever runs there, and signal
 * handlers are interrupt handlers (docs/embedding.md).  User-level threads that
 * move to another system thread inside a section are not supported.
 *
 * After fork(2) the child has one thread, so only that thread's section.
 * Callbacks that were waiting in the parent run in the child too, once the
 * child calls pserialize_call() or pserialize_barrier().
 *
 * Modelled on pserialize(9) of NetBSD; the grace period follows the sequence
 * words of dynticks-style RCU.  Fences: libsync/base/fence.h.
 */

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/base/fence.h"
#include "libsync/port/local.h"
#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What pserialize_call() needs of the object; its owner does not look inside. */
struct pserialize_head {
	struct pserialize_head *next;
	void (*fn)(struct pserialize_head *);
};

/* Domains 0 to this less one. */
#define PSERIALIZE_DOMAINS 8u

/* Private to this module. */
struct pserialize_list {
	SYNC_ATOMIC(struct pserialize_head *) first; /* newest */
};

/*
 * Private to this module: the calls that a thread made in one domain.  The
 * numbers are for statistics and limits: a signal handler that interrupts their
 * update is left out of them.
 */
struct pserialize_lane {
	struct pserialize_list calls; /* [a] */
	SYNC_ATOMIC(uint64_t) made;   /* [a] written by this thread only */
	SYNC_ATOMIC(uint64_t) bytes;  /* [a] as above */
	SYNC_ATOMIC(uint64_t) told;   /* [a] as above: added to those of all */
};

/*
 * Private to this module, here for the inline functions below.
 *
 * words: one for each domain; bit 0 inside a section, bit 1 go the slow way,
 * bit 2 online, the rest counts the outermost sections that have ended, or the
 * quiescent states of an online thread.
 */
#define PSERIALIZE_IN     ((uint64_t)1)
#define PSERIALIZE_SLOW   ((uint64_t)2)
#define PSERIALIZE_ONLINE ((uint64_t)4)
#define PSERIALIZE_ONE    ((uint64_t)8)

/*
 * [a] atomic  [o] this thread only  [r] registry mutex
 * Readers write the first line, and that of sites in checked programs.  A scan
 * reads the first two.
 */
struct pserialize_thread {
	SYNC_ATOMIC(uint64_t)
	words[PSERIALIZE_DOMAINS]; /* [a] written by this thread only */
	bool registered;           /* [o] */
	uint32_t id;               /* [r] the host's number for it */
	uint64_t batch; /* [r] of deferred calls, the last that took ours */
	struct pserialize_thread *next;   /* [r] */
	struct pserialize_thread **prevp; /* [r] */
	struct pserialize_lane lanes[PSERIALIZE_DOMAINS]
	    __attribute__((aligned(SYNC_CACHELINE)));
	SYNC_ATOMIC(uintptr_t)
	sites[PSERIALIZE_DOMAINS];         /* [a] who entered; 0: not known */
	uint64_t snap[PSERIALIZE_DOMAINS]; /* [r] at the scan; 0: not awaited,
					    * as between periods */
} __attribute__((aligned(SYNC_CACHELINE)));

extern PORT_LOCAL(struct pserialize_thread, pserialize_self);

/*
 * pserialize_domain_enter() for a thread that is not registered yet, and for
 * every thread that is not online where membarrier is not used.
 */
uint64_t pserialize_enter_slow(unsigned domain);

/* Keep the caller's address for reports.  Context: inside a section. */
void pserialize_note_site(unsigned domain);

/*
 * Is the caller inside a read section of this domain?  For assertions; exact,
 * also for an online worker.
 * Context: any thread, signal handlers too; never sleeps; wait-free.
 */
static inline bool
pserialize_domain_in_section(unsigned domain)
{
	uint64_t v;

	port_section_enter();
	/* relaxed: only this thread writes its words. */
	v = sync_load_relaxed(&port_local(pserialize_self)->words[domain]);
	port_section_exit();
	return (v & PSERIALIZE_IN) != 0;
}

/* The same for domain 0. */
static inline bool
pserialize_in_read_section(void)
{
	return pserialize_domain_in_section(0);
}

/*
 * Is the caller inside a read section of whatever domain?  For assertions of
 * what may sleep.
 * Context: any thread, signal handlers too; never sleeps; wait-free.
 */
static inline bool
pserialize_in_any_section(void)
{
	uint64_t all = 0;

	port_section_enter();
	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++)
		/* relaxed: only this thread writes its words. */
		all |=
		    sync_load_relaxed(&port_local(pserialize_self)->words[d]);
	port_section_exit();
	return (all & PSERIALIZE_IN) != 0;
}

/*
 * Begin a read section of a domain.  Sections of one domain nest, and end in
 * reverse order; those of different domains know nothing of each other.
 * Context: any thread, signal handlers too; never sleeps; wait-free.  The
 *          first section of a thread registers it, which takes a mutex for a
 *          moment.
 * Order:   see pserialize_perform().
 * Owner:   objects found inside stay valid until the matching
 *          pserialize_domain_exit(), or longer by psref_acquire().
 * Returns: the cookie for the matching pserialize_domain_exit(), which must be
 *          called by this thread.
 */
static inline uint64_t
pserialize_domain_enter(unsigned domain)
{
	struct pserialize_thread *self;
	uint64_t v, cookie;

	port_section_enter();
	self = port_local(pserialize_self);
	/* relaxed: only this thread writes its words. */
	v = sync_load_relaxed(&self->words[domain]);
	if (__builtin_expect((v & (PSERIALIZE_IN | PSERIALIZE_SLOW |
				      PSERIALIZE_ONLINE)) == 0,
		1)) {
		/* SECTION release: pairs with the scans in pserialize.c. */
		sync_store_release(&self->words[domain], v + PSERIALIZE_IN);
		cookie = v + PSERIALIZE_ONE;
	} else if (__builtin_expect(
		       (v & (PSERIALIZE_IN | PSERIALIZE_SLOW)) == PSERIALIZE_IN,
		       1)) {
		cookie = v; /* nested: exit writes the same word again */
	} else if (__builtin_expect((v & PSERIALIZE_SLOW) == 0, 1)) {
		/* SECTION release: pairs with the scans in pserialize.c. */
		sync_store_release(&self->words[domain], v + PSERIALIZE_IN);
		cookie = v; /* online: only a quiescent state counts */
	} else {
		cookie = pserialize_enter_slow(domain);
	}
#ifdef SYNC_CHECKS
	if ((cookie & PSERIALIZE_IN) == 0)
		pserialize_note_site(domain);
#endif
	sync_fence_compiler(); /* light: the word says that the mode allows it */
	return cookie;
}

/* Is cookie that of the innermost open section?  For assertions. */
static inline bool
pserialize_cookie_fits(unsigned domain, uint64_t cookie)
{
	/* relaxed: only this thread writes its words. */
	uint64_t v =
	    sync_load_relaxed(&port_local(pserialize_self)->words[domain]);
	uint64_t one = (v & PSERIALIZE_ONLINE) != 0 ? 0 : PSERIALIZE_ONE;

	cookie &= ~PSERIALIZE_SLOW;
	v &= ~PSERIALIZE_SLOW;
	return (v & PSERIALIZE_IN) != 0 &&
	       (cookie == v || cookie == v - PSERIALIZE_IN + one);
}

/*
 * The cookie of the outermost section that the caller is inside, for those who
 * cannot keep it.
 * Context: inside a section of this domain; never sleeps; wait-free.
 */
static inline uint64_t
pserialize_outermost_cookie(unsigned domain)
{
	/* relaxed: only this thread writes its words. */
	uint64_t v =
	    sync_load_relaxed(&port_local(pserialize_self)->words[domain]);

	v -= PSERIALIZE_IN;
	if ((v & PSERIALIZE_ONLINE) != 0)
		return v;
	/* relaxed: decided before the section began. */
	if (sync_load_relaxed(&sync_fence_state.mode) != SYNC_FENCE_MEMBARRIER)
		v |= PSERIALIZE_SLOW;
	return v + PSERIALIZE_ONE;
}

/*
 * End the section that returned cookie; it must be the innermost one.
 * Context: the thread that entered; never sleeps; wait-free.
 * Order:   everything before this call happens before the end of every grace
 *          period that waited for the section.
 */
static inline void
pserialize_domain_exit(unsigned domain, uint64_t cookie)
{
	struct pserialize_thread *self = port_local(pserialize_self);

	SYNC_ASSERT(pserialize_cookie_fits(domain, cookie));
#ifdef SYNC_CHECKS
	if ((cookie & PSERIALIZE_IN) == 0)
		/* relaxed: for reports. */
		sync_store_relaxed(&self->sites[domain], 0);
#endif
	/* SECTION release: pairs with the scans in pserialize.c. */
	sync_store_release(&self->words[domain], cookie);
	port_section_exit();
}

/* The two for domain 0. */
static inline uint64_t
pserialize_read_enter(void)
{
	return pserialize_domain_enter(0);
}

static inline void
pserialize_read_exit(uint64_t cookie)
{
	pserialize_domain_exit(0, cookie);
}

/*
 * Run-to-completion workers: where the process runs in the mode qsbr
 * (libsync/base/fence.h), readers need a full fence, but those of an online
 * thread do not: a grace period waits until it says that it is quiescent.  In
 * the other modes the three do nothing, so a program that uses them runs in
 * any.  They are about domain 0; objects are still valid inside a section only.
 *
 * Go online.  The thread must now call pserialize_quiescent() again and again,
 * or go offline before it waits for anything.
 * Context: any thread outside a section of domain 0; never sleeps.
 */
void pserialize_online(void);

/*
 * No grace period waits for this thread outside its sections any more.
 * Context: any thread outside a section of domain 0; never sleeps; wait-free.
 */
void pserialize_offline(void);

/* The part of pserialize_quiescent() while there is a grace period. */
void pserialize_quiescent_slow(void);

/* Private to this header: [a] odd while a grace period of domain 0 runs. */
extern struct pserialize_now {
	SYNC_ATOMIC(uint64_t) seq;
} __attribute__((aligned(SYNC_CACHELINE))) pserialize_now[PSERIALIZE_DOMAINS];

/*
 * Say that this thread is in no section, once per turn of its loop.
 * Context: any thread outside a section of domain 0; never sleeps; wait-free.
 */
static inline void
pserialize_quiescent(void)
{
	SYNC_ASSERT(!pserialize_in_read_section());
	/* relaxed: one that is missed is seen in the next turn. */
	if (__builtin_expect(
		(sync_load_relaxed(&pserialize_now[0].seq) & 1) != 0, 0))
		pserialize_quiescent_slow();
}

/*
 * Wait until every section that was open when this was called has ended.
 * Concurrent callers share grace periods: all return within two.
 * Context: any thread outside a section, not a signal handler; sleeps until
 *          readers have left.  May be called with the writers' lock held, so
 *          readers must not take that lock.  An online worker is offline
 *          meanwhile.
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
 * Context: any thread, not a signal handler, in a kernel outside sections; never
 *          sleeps but for the mutex of the registry, which is held for moments,
 *          and for the call to all processors, where there is one.
 * Returns: true if this call ended a grace period.
 */
bool pserialize_poll_advance(void);

/*
 * Have fn(head) called after a grace period, by a thread of the library.
 * Never fails, and never waits but by a policy of pserialize_set_limit(), so it
 * may be called where neither is allowed.
 * Callbacks of one thread run in the order of their calls.  fn may free the
 * object, may sleep, and may call everything here but pserialize_barrier();
 * while it runs, other callbacks wait, those of other domains too.
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

/* pserialize_call() for an object, with all it holds, of this many bytes. */
void pserialize_call_sized(struct pserialize_head *head,
    void (*fn)(struct pserialize_head *), size_t bytes);

/* What a call without a size counts for. */
#define PSERIALIZE_CALL_BYTES ((size_t)64)

/*
 * Wait until every callback handed to pserialize_call() before has returned.
 * Context: any thread outside a section, not a callback, not a signal
 *          handler; sleeps.  An online worker is offline meanwhile.
 * Order:   those callbacks happen before the return.
 */
void pserialize_barrier(void);

/*
 * The same for other domains: libsync/pserialize/domain.h.  Limits, statistics,
 * stall reports, callbacks run by the host: libsync/pserialize/host.h.
 */

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_PSERIALIZE_PSERIALIZE_H */
