/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PSREF_PSREF_H
#define LIBSYNC_PSREF_PSREF_H

/*
 * Passive references: keep one object while sleeping.  Acquire and release
 * write only memory of the calling thread; the price is paid by whoever
 * destroys the object, who looks at all threads.
 *
 * Use less (a read section alone) if the reader does not sleep, and more (a
 * reference count, localcount) if a reference moves between threads or is
 * kept for long.
 *
 * What may run together, on one target ("-" yes, "X" the caller must prevent
 * it):
 *
 *              acquire  release  copy  held  destroy
 *   acquire       -        -       -     -      X
 *   release       -        -       -     -      -
 *   copy          -        -       -     -      -
 *   held          -        -       -     -      -
 *   destroy       X        -       -     -      X
 *
 * Life of a target, embedded in an object on a list:
 *
 *   writer  psref_target_init, insert into the list
 *   reader  in a section: find it, psref_acquire; leave the section; sleep;
 *           psref_release
 *   writer  remove it from the list, so that nobody finds it any more;
 *           pserialize_perform, so that nobody is about to acquire it;
 *           psref_target_destroy, which waits for the holders; free
 *
 * RULE FOR GOING ON WITH A WALK.  A reader that left its section with a
 * reference to A, and enters another one to go on behind A, must first ask
 * whether A is still on the list.  If it is not, A's next pointer is out of
 * date: the element it names may have been removed, destroyed and freed
 * meanwhile, as nobody held that one.  The reader then begins again at the
 * head.  The order is: enter a section, ask, release, only then step.
 *
 *     again:
 *     s = pserialize_read_enter();
 *     PSLIST_READER_FOREACH(x, &list, entry) {
 *             psref_acquire(&ref, &x->target, class);
 *             pserialize_read_exit(s);
 *             ... may sleep ...
 *             s = pserialize_read_enter();
 *             linked = pslist_entry_linked(&x->entry);
 *             psref_release(&ref, &x->target, class);
 *             if (!linked) {
 *                     pserialize_read_exit(s);
 *                     goto again;
 *             }
 *     }
 *     pserialize_read_exit(s);
 *
 * Between psref_release() and the step behind it the reader holds nothing but
 * the section it is in.  psref_target_destroy() therefore ends with a grace
 * period, and this is safe.
 *
 * Modelled on psref(9) of NetBSD; there a reference belongs to a processor,
 * here to a thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "libsync/base/atomic.h"

#ifdef __cplusplus
extern "C" {
#endif

struct psref_class;

/* Embedded in the object.  Private: all fields. */
struct psref_target {
	struct psref_class *cls;        /* [c] NULL once destroyed */
	SYNC_ATOMIC(uint32_t) draining; /* [a] psref_target_destroy() runs */
	SYNC_ATOMIC(uint32_t) copies;   /* [a] copies made while draining */
	SYNC_ATOMIC(uint32_t) overflow; /* [a] references without a slot */
};

/* Private: where a thread says what it holds. */
struct psref_slot {
	SYNC_ATOMIC(uintptr_t) word;
};

/* A reference, on the caller's stack.  Private: all fields. */
struct psref {
	struct psref_target *target; /* NULL: not held */
	struct psref_slot *slot;     /* NULL: counted in overflow */
	const void *owner;           /* the thread's record */
};

/*
 * Make a class: targets of one kind, for checks and reports.  name is copied
 * and cut after 31 bytes.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller owns *out until psref_class_destroy().
 * Returns: 0, or -ENOMEM with *out untouched.
 */
int psref_class_create(const char *name, struct psref_class **out);

/*
 * Free a class whose targets have all been destroyed.
 * Context: control thread; never sleeps.
 */
void psref_class_destroy(struct psref_class *cl);

/*
 * Make t ready for psref_acquire().
 * Context: any thread, before t can be found; never sleeps.
 */
void psref_target_init(struct psref_target *t, struct psref_class *cl);

/*
 * Wait until nobody holds t, and until every section has ended in which a
 * holder may have released it.
 * Context: one thread, outside a section, with no reference to t of its own,
 *          after t was made unreachable and a grace period has passed; sleeps
 *          for as long as t is held.
 * Order:   everything done under a reference to t happens before the return,
 *          and so does the rest of the read section in which it was released.
 * Owner:   t is the caller's again, and may be freed or initialised.
 */
void psref_target_destroy(struct psref_target *t, struct psref_class *cl);

/*
 * Hold t, found in this section, beyond the section.  Never fails: without
 * memory for it the reference is counted in t itself, which is slower.
 * Context: reader section, or t kept alive otherwise (a reference, the
 *          writer's mutex); not a signal handler; never sleeps, but the first
 *          call of a thread, and one in 63 of deeper nesting than before,
 *          allocates; wait-free otherwise.
 * Owner:   ref is in use until psref_release() by this thread.
 */
void psref_acquire(
    struct psref *ref, struct psref_target *t, struct psref_class *cl);

/*
 * Let go of t.  Nothing of t may be touched after it, unless the caller
 * entered a section before: then until the end of that.
 * Context: the thread that acquired, reference held, not a signal handler;
 *          never sleeps; wait-free.
 * Order:   everything before happens before psref_target_destroy() returns.
 */
void psref_release(
    struct psref *ref, struct psref_target *t, struct psref_class *cl);

/*
 * Hold what from holds once more, in to.  The one way to get a reference to a
 * target while psref_target_destroy() already waits.
 * Context: the thread that acquired from, reference held, not a signal
 *          handler; otherwise as psref_acquire().
 * Owner:   as for psref_acquire(); the two are released in any order.
 */
void psref_copy(
    struct psref *to, const struct psref *from, struct psref_class *cl);

/*
 * Does the calling thread hold t?  For assertions that it does: the answer
 * may be a wrong true when memory had run out.
 * Context: any thread, t kept alive; never sleeps; time grows with the number
 *          of references the thread holds.
 */
bool psref_held(const struct psref_target *t, const struct psref_class *cl);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_PSREF_PSREF_H */
