/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PERCPU_POOL_H
#define LIBSYNC_PERCPU_POOL_H

/*
 * A pool of objects of one size.  Each thread keeps two magazines of objects
 * of its own, so most calls touch no line that another thread touches; whole
 * magazines go to and come from a common depot without a lock.  Use malloc()
 * for objects of many sizes, or of which there are few.
 *
 * Memory that became an object stays one until percpu_pool_destroy(), at the
 * same address, and the pool writes nothing into it: what a reader may still
 * look at keeps its meaning, and init() is called once for an object and not
 * for each use.  In a pool with grace, moreover, an object is not handed out
 * again before a grace period that began after it was freed has ended: readers
 * of pserialize(3) sections may look at freed objects, and nobody waits or is
 * called back for that.
 *
 * What may run together ("-" yes, "X" the caller must prevent it):
 *
 *              alloc  free  reserve  attach  flush  stats  destroy
 *   alloc        -     -       -        -      -      -       X
 *   free         -     -       -        -      -      -       X
 *   the others   -     -       -        -      -      -       X
 *
 * None of them may be called from a signal handler.  In a kernel, where the
 * magazines are of processors, not of threads, interrupt handlers may call those
 * that never sleep, wherever they may pserialize_call(); a call that may sleep
 * is for threads that may, outside of sections.
 *
 * After fork(2) the child has all objects but those that lay in the magazines
 * of other threads: twice the magazine for each, which stay unused.
 *
 * Magazines and depot: Bonwick, Adams, "Magazines and Vmem", 2001.
 */

#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct percpu_pool;

#define PERCPU_POOL_MAGAZINE     32U /* objects, if the caller has no wish */
#define PERCPU_POOL_MAGAZINE_MAX 63U
#define PERCPU_POOL_OBJECTS_MAX  ((1U << 26) - 1)

struct percpu_pool_config {
	size_t size;       /* of an object, in bytes */
	size_t align;      /* 8, 16, 32 or 64; 0: 16 */
	unsigned magazine; /* objects in one; 0: PERCPU_POOL_MAGAZINE */
	unsigned max;      /* objects; 0: PERCPU_POOL_OBJECTS_MAX */
	bool grace;        /* hand out again after a grace period only */
	/* Fill a new object, zeroed, before it is handed out first; optional.
	 * Runs under a mutex of the pool, of which it must call nothing. */
	void (*init)(void *object, void *arg);
	void *arg;
};

struct percpu_pool_stats {
	uint64_t objects;  /* made */
	uint64_t in_use;   /* handed out and not freed */
	uint64_t allocs;   /* that succeeded */
	uint64_t failures; /* allocations that did not */
	uint64_t waits;    /* times that what was free was too young */
	uint64_t threads;  /* that have magazines */
	uint64_t lost;     /* to fork(2) */
};

/*
 * Make a pool without objects.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller owns *out until percpu_pool_destroy().
 * Returns: 0, or -EINVAL (a number is out of range) or -ENOMEM, with *out
 *          untouched.
 */
int percpu_pool_create(
    const struct percpu_pool_config *cfg, struct percpu_pool **out);

/*
 * Free the pool and the memory of all its objects, all of which must have been
 * freed; a forked child may leave some that were its parent's.
 * Context: control thread, not in a read section, after all other calls have
 *          returned; may sleep: with grace, it waits for a grace period, and
 *          in a kernel for what was called: there not in a callback.
 */
void percpu_pool_destroy(struct percpu_pool *p);

/*
 * Have at least objects objects in all, so that memory is asked for now and not
 * later.
 * Context: any thread; may sleep (allocates).
 * Returns: 0, -EINVAL (more than config.max) or -ENOMEM.
 */
int percpu_pool_reserve(struct percpu_pool *p, unsigned objects);

/*
 * Give the calling thread magazines now.  A thread that allocates gets them by
 * itself; one that only frees, or uses percpu_pool_tryalloc(), is slow without.
 * Context: any thread; may sleep (allocates).
 * Returns: 0 or -ENOMEM.
 */
int percpu_pool_attach(struct percpu_pool *p);

/*
 * Take an object; make more if none is free, or if all that are free are too
 * young.
 * Context: any thread, inside a section too, in a kernel outside only; may sleep
 *          (allocates); never waits for a grace period.
 * Order:   the object's percpu_pool_free() happens before the return.
 * Owner:   the object is the caller's until percpu_pool_free(), by any thread.
 * Returns: NULL if there is no memory, or if config.max objects are made.
 */
void *percpu_pool_alloc(struct percpu_pool *p);

/*
 * Take an object if one is free.
 * Context: any thread, inside a section too; never sleeps, and wait-free while
 *          the thread has magazines and objects in them, else lock-free.  With
 *          grace it may push a grace period on: pserialize_poll_advance(); in a
 *          kernel, where that may sleep, by pserialize_call().
 * Order:   as for percpu_pool_alloc().
 * Owner:   as for percpu_pool_alloc().
 * Returns: NULL if none is.
 */
void *percpu_pool_tryalloc(struct percpu_pool *p);

/*
 * Give an object back.
 * Context: any thread, inside a section too; never sleeps, never fails;
 *          wait-free while the thread has magazines with room in them, else
 *          lock-free.
 * Order:   as for percpu_pool_alloc().  With grace: sections that began before
 *          this call have ended before the object is handed out again.
 * Owner:   the object is the pool's.
 */
void percpu_pool_free(struct percpu_pool *p, void *object);

/*
 * Give the objects in the calling thread's magazines to all threads: at most
 * twice the magazine.  For a thread that will not use the pool for long; one
 * that ends need not call it.
 * Context: any thread, inside a section too; never sleeps; lock-free.
 */
void percpu_pool_flush(struct percpu_pool *p);

/*
 * Count.
 * Context: any thread; sleeps for a mutex held for moments.
 * Returns: in *out, numbers that are exact once all others stand still and the
 *          caller has synchronised with them.
 */
void percpu_pool_stats(struct percpu_pool *p, struct percpu_pool_stats *out);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_PERCPU_POOL_H */
