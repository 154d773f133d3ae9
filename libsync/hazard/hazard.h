/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_HAZARD_HAZARD_H
#define LIBSYNC_HAZARD_HAZARD_H

/*
 * Hazard pointers: a reader says of each single object that it looks at it.
 * A writer that has unlinked an object retires it, and it is freed once no
 * reader names it.  A reader that stalls keeps the few objects that it names,
 * and nothing else: garbage stays below a bound, see hazard_retire().
 *
 * Use a read section (pserialize) for walks over many objects: it costs once,
 * and not at each object.  Use psref to sleep with an object that is found in
 * a section.
 *
 *     reader                              writer
 *       o = hazard_protect(&h, &link);      old = what link led to;
 *       use o, or NULL                      hazard_publish(&link, new);
 *       hazard_clear(&h);                   hazard_retire(&old->head, old, fn);
 *
 * A link may be protected only while the object that it is in is protected
 * itself, or cannot go away; and as long as that one is linked, since a link
 * in an object that was unlinked may lead to another one that was retired
 * since: readers ask for that after hazard_protect(), and begin again.
 *
 * What may run together: everything with everything, but a struct hazard is
 * its thread's, and no object is retired twice.
 *
 * A forked child forgets what other threads protected.  What they had retired
 * is freed by the child as well, but for what they were about to free at the
 * moment of the fork: that, at most as much as the bound, is lost to it.
 *
 * Michael, Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects
 * (IEEE TPDS 2004), with the fences of libsync/base/fence.h.
 */

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/base/fence.h"
#include "libsync/base/point.h"
#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hazard_record;
struct hazard_head;

typedef void hazard_free_fn(struct hazard_head *head);

/* A link that is read under protection. */
struct hazard_ptr {
	SYNC_ATOMIC(void *) to;
};

/* Private: where a thread says what it looks at. */
struct hazard_slot {
	SYNC_ATOMIC(const void *) to; /* [a] NULL: nothing */
	struct hazard_slot *next;     /* [o] the next free one */
};

/* What one object is protected by, on the caller's stack.  Private. */
struct hazard {
	struct hazard_slot *slot;
	struct hazard_record *record;
};

/* Embedded in the object.  Private: all fields. */
struct hazard_head {
	struct hazard_head *next;
	const void *object;
	hazard_free_fn *fn;
};

/* Objects that are to be gone at one moment.  Private: all fields. */
struct hazard_cohort {
	SYNC_ATOMIC(struct hazard_head *) first; /* [a] newest */
	SYNC_ATOMIC(uint32_t) count;             /* [a] about how many */
};

/*
 * Give h a place to protect an object with.
 * Context: any thread, not a signal handler; never sleeps, but the first call
 *          of a thread, and one in 7 of more at a time than before, allocates.
 * Owner:   h is this thread's until hazard_fini(), which it calls before it
 *          ends.
 * Returns: 0, or -ENOMEM.
 */
int hazard_init(struct hazard *h);

/*
 * Protect nothing any more, and give the place back.
 * Context: the thread of hazard_init(), not a signal handler; never sleeps;
 *          wait-free.
 */
void hazard_fini(struct hazard *h);

/*
 * Protect object, in place of what h protected.  It is protected only if it
 * was not retired before: the caller must now see that it is still linked.
 * For links that have marks in them; otherwise hazard_protect().
 * Context: the thread of h; never sleeps; wait-free.
 */
static inline void
hazard_set(struct hazard *h, const void *object)
{
	/* SLOT release: pairs with the acquire of the scan. */
	sync_store_release(&h->slot->to, object);
	SYNC_POINT("hazard_set");
	sync_fence_light();
}

/*
 * Protect what ptr leads to, in place of what h protected.
 * Context: the thread of h; never sleeps; lock-free: it begins again only if
 *          ptr was changed meanwhile.
 * Order:   what was done before hazard_publish() of the object happens before.
 * Owner:   the object stays valid until h protects something else or nothing.
 * Returns: the object, or NULL.
 */
static inline void *
hazard_protect(struct hazard *h, const struct hazard_ptr *ptr)
{
	/* relaxed: looked at again below. */
	void *object = sync_load_relaxed(&ptr->to), *now;

	for (;;) {
		hazard_set(h, object);
		/* LINK acquire: pairs with the release in publish. */
		now = sync_load_acquire(&ptr->to);
		if (__builtin_expect(now == object, 1))
			return object;
		object = now;
	}
}

/*
 * Protect nothing with h.
 * Context: the thread of h; never sleeps; wait-free.
 * Order:   everything before happens before the object is freed.
 */
static inline void
hazard_clear(struct hazard *h)
{
	/* SLOT release: pairs with the acquire of the scan. */
	sync_store_release(&h->slot->to, NULL);
}

/*
 * Protect what from protects, too; from may then be cleared.
 * Context: the thread of both; never sleeps; wait-free, unless another thread
 *          has found this one copying each time it looked: then until that
 *          has looked once more.
 */
void hazard_copy(struct hazard *to, const struct hazard *from);

/*
 * Make ptr lead to object.
 * Context: writer; never sleeps; wait-free.
 * Order:   everything before happens before what readers do with object.
 */
static inline void
hazard_publish(struct hazard_ptr *ptr, void *object)
{
	/* LINK release: pairs with the acquire in protect. */
	sync_store_release(&ptr->to, object);
}

/*
 * Have fn(head) called when nobody protects object, which no link leads to any
 * more.  Every so often a call looks at the slots of all threads and calls
 * what may be called: its own fn or that of others, but never before return
 * from a callback, which may retire more.
 *
 * No thread has more than hazard_limit() objects retired that were not freed.
 * Beside these, threads that have ended left no more than there are slots.
 *
 * Context: any thread, not a signal handler; may call callbacks; lock-free.
 * Order:   what was done while object was protected happens before fn.
 * Owner:   the library owns *head until it calls fn.
 */
void hazard_retire(
    struct hazard_head *head, const void *object, hazard_free_fn *fn);

/*
 * Call back now for all objects of this thread, and of threads that have
 * ended, that nobody protects.
 * Context: any thread, not a signal handler, not a callback; lock-free.
 * Returns: how many objects of this thread are left, because they are protected
 *          or were retired by callbacks just now.
 */
uint32_t hazard_reclaim(void);

/*
 * How many objects a thread may have retired that were not freed: 64, or twice
 * the number of slots of all threads that there have been at a time.
 * Context: any thread; wait-free.
 */
uint32_t hazard_limit(void);

/*
 * Make c ready, empty.
 * Context: any thread, before others retire into it; never sleeps.
 */
void hazard_cohort_init(struct hazard_cohort *c);

/*
 * hazard_retire(), but hazard_cohort_fini() waits for it.  A cohort, too, has
 * no more than hazard_limit() objects, and one for each thread that retires
 * into it at the time.
 */
void hazard_cohort_retire(struct hazard_cohort *c, struct hazard_head *head,
    const void *object, hazard_free_fn *fn);

/*
 * Wait until all objects of c are freed, including those that callbacks
 * retire into it.
 * Context: one thread, which protects none of them, when no other thread
 *          retires into c any more; not a callback; calls callbacks; sleeps
 *          for as long as one of them is protected.
 */
void hazard_cohort_fini(struct hazard_cohort *c);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_HAZARD_HAZARD_H */
