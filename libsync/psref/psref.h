/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PSREF_PSREF_H
#define LIBSYNC_PSREF_PSREF_H

/*
 * Passive references: keep one object while sleeping.  Acquire and release
 * write only memory of the calling thread; the price is paid by whoever
 * destroys the object, who looks at all threads.
 *
 * Use less (a read section alone) if the reader does not sleep, and more (a
 * reference count, localcount) if a reference is kept for long.
 *
 * What may run together, on one target ("-" yes, "X" the caller must prevent
 * it):
 *
 *              acquire  release  copy  handoff  held  destroy
 *   acquire       -        -       -      -       -      X
 *   release       -        -       -      -       -      -
 *   copy          -        -       -      -       -      -
 *   handoff       -        -       -      -       -      -
 *   held          -        -       -      -       -      -
 *   destroy       X        -       -      -       -      X
 *
 * Life of a target, embedded in an object on a list:
 *
 *   writer  psref_target_init, insert into the list
 *   reader  in a section: find it, psref_acquire; leave the section; sleep;
 *           psref_release
 *   writer  remove it from the list, so that nobody finds it any more;
 *           pserialize_perform, so that nobody is about to acquire it;
 *           psref_target_destroy, which waits for the holders; free
 *   or      remove it from the list; psref_target_destroy_async, whose
 *           callback frees
 *
 * A reference belongs to the thread that acquired it, until psref_handoff()
 * makes it nobody's.  It may then be put where another thread finds it, which
 * releases it, or copies it first to have one of its own.
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

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/base/fence.h"
#include "libsync/port/local.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"

#ifdef __cplusplus
extern "C" {
#endif

struct psref_class;
struct psref_target;

/* Is given a target that psref_target_destroy_async() has destroyed. */
typedef void psref_destroyed_fn(struct psref_target *t);

/* Embedded in the object.  Private: all fields.  [d] who destroys it */
struct psref_target {
	struct psref_class *cls;        /* [c] NULL once destroyed */
	SYNC_ATOMIC(uint32_t) draining; /* [a] its holders are waited for */
	SYNC_ATOMIC(uint32_t) copies;   /* [a] copies made while draining */
	SYNC_ATOMIC(uint32_t) counted;  /* [a] handed off without a slot */
	uint32_t tries;                 /* [d] of an asynchronous drain */
	uint32_t reports;               /* [d] made on this drain */
	uint64_t since;                 /* [d] when the drain began */
	struct pserialize_head head;    /* [d] for the next try */
	psref_destroyed_fn *done;       /* [d] */
};

/* Private: where a thread says what it holds, and where it got it. */
struct psref_slot {
	SYNC_ATOMIC(uintptr_t) word;    /* [a] */
	SYNC_ATOMIC(const char *) site; /* [a] */
	struct psref_slot *next;        /* [o] the free one below */
};

/*
 * A reference, in the caller's storage.  It stays where it is while held; one
 * that was handed off may be moved.  Private: all fields.
 */
struct psref {
	struct psref_target *target; /* NULL: not held */
	const void *owner;           /* the thread's record; NULL: handed off */
	struct psref_slot *slot; /* NULL: on the thread's list, or counted */
	struct psref *next;      /* if on the list */
	struct psref **prevp;    /* if on the list */
	const char *site;        /* if without a slot */
};

/* Private to this module, here for the inline functions below. */
#define PSREF_FREE    ((uintptr_t)1)
#define PSREF_HANDED  ((uintptr_t)2)
#define PSREF_BUCKETS 64

/* [o] its thread only  [r] registry lock; the thread may read alone */
struct psref_record {
	struct psref_slot *quick;    /* [o] tried first; not on the free list */
	struct psref_slot *free;     /* [o] */
	bool registered;             /* [o] */
	uint32_t handed;             /* [o] slots to be had back from others */
	uint32_t slots;              /* [o] in all blocks */
	struct psref_block *blocks;  /* [r] */
	struct psref *listed;        /* [r] references without a slot */
	struct psref_record *next;   /* [r] */
	struct psref_record **prevp; /* [r] */
	uint32_t tid;                /* [r] */
} PORT_LOCAL_LINES;

extern PORT_LOCAL(struct psref_record, psref_self);

/* [a] atomic: drains of targets whose address leads here */
struct psref_bucket {
	SYNC_ATOMIC(uint32_t) waiters;
} __attribute__((aligned(SYNC_CACHELINE)));

extern struct psref_bucket psref_buckets[PSREF_BUCKETS];

void psref_hold_slow(
    struct psref *ref, struct psref_target *t, const char *site);
void psref_let_go_slow(struct psref *ref);
void psref_ring(uintptr_t bucket);
void psref_report(const char *what, const struct psref *ref,
    const struct psref_target *t) __attribute__((__cold__));

/* A broken contract, found in builds with SYNC_CHECKS. */
#ifdef SYNC_CHECKS
#define PSREF_CHECK(ok, what, ref, t)          \
	(__builtin_expect(!!(ok), 1)           \
		? (void)0                      \
		: (psref_report(what, ref, t), \
		      PORT_ASSERT_FAIL(what, __FILE__, __LINE__)))
#else
#define PSREF_CHECK(ok, what, ref, t) ((void)sizeof(ok))
#endif

#define PSREF_TEXT_(x) #x
#define PSREF_TEXT(x)  PSREF_TEXT_(x)
#define PSREF_SITE     __FILE__ ":" PSREF_TEXT(__LINE__)

static inline uintptr_t
psref_bucket_of(const struct psref_target *t)
{
	const uintptr_t a = (uintptr_t)t;

	return ((a >> 6) ^ (a >> 12)) % PSREF_BUCKETS;
}

/* Say that this thread holds t. */
static inline void
psref_hold(struct psref *ref, struct psref_target *t, const char *site)
{
	struct psref_record *r;
	struct psref_slot *s;
	struct port_pin pin;

	port_pin(&pin);
	r = port_local(psref_self);
	s = r->quick;
	/* relaxed: our own slot. */
	if (__builtin_expect(sync_load_relaxed(&s->word) != PSREF_FREE, 0)) {
		s = r->free;
		if (s == NULL) {
			port_unpin(&pin);
			psref_hold_slow(ref, t, site);
			return;
		}
		r->free = s->next;
	}
	ref->target = t;
	ref->owner = r;
	ref->slot = s;
	/* relaxed: for reports. */
	sync_store_relaxed(&s->site, site);
	/* SLOT release: pairs with the acquire of the scan. */
	sync_store_release(&s->word, (uintptr_t)t);
	port_unpin(&pin);
}

/*
 * The quick slot saves the one reference that most threads have at a time from
 * waiting for the free list that the last release stored.
 */
static inline void
psref_slot_free(struct psref_record *r, struct psref_slot *s)
{
	if (__builtin_expect(s != r->quick, 0)) {
		s->next = r->free;
		r->free = s;
	}
	/* SLOT release: pairs with the acquire of the scan. */
	sync_store_release(&s->word, PSREF_FREE);
}

/* A drain that waits for t may have missed that it was let go. */
static inline void
psref_let_go_seen(uintptr_t bucket)
{
	sync_fence_light();
	/* relaxed: the pair of fences orders it after the slot. */
	if (__builtin_expect(
		sync_load_relaxed(&psref_buckets[bucket].waiters) != 0, 0))
		psref_ring(bucket);
}

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
 * Have fn(t) called when psref_target_destroy() would return.  While t is
 * held, the library's reclaimer looks for holders again and again, less and
 * less often.
 * Context: one thread, after t was made unreachable; inside a section, too,
 *          and with references to t; never sleeps; lock-free, as
 *          pserialize_call().
 * Order:   as for psref_target_destroy(); its return is the start of fn.
 * Owner:   the library owns t until it calls fn, in the context of callbacks
 *          of pserialize_call().
 */
void psref_target_destroy_async(
    struct psref_target *t, struct psref_class *cl, psref_destroyed_fn *fn);

/* A destruction that waits for long, and one of those it waits for. */
struct psref_stall {
	const struct psref_target *target;
	const char *class_name;
	uint64_t waited_ns;
	uint32_t thread;         /* that holds it; 0: handed off */
	const char *thread_name; /* empty if there is none */
	const char *site;        /* "file:line" of the acquire; NULL unknown */
};

typedef void psref_stall_fn(const struct psref_stall *stall, void *arg);

/*
 * Have fn(stall, arg) called when a destruction has waited for a second, and
 * then each time the time has doubled.  NULL brings back the default, which
 * writes a line to the standard error.
 * Context: any thread, not a signal handler; takes a mutex for a moment.  fn
 *          is called by who destroys; asynchronously, by the reclaimer.
 */
void psref_stall_set(psref_stall_fn *fn, void *arg);

/*
 * Hold t, found in this section, beyond the section.  Never fails: without
 * memory for it the reference is put on a list, which is slower.  The macro
 * notes the caller's file and line, for reports.
 * Context: reader section, or t kept alive otherwise (a reference, the
 *          writer's mutex); not a signal handler; never sleeps, but the first
 *          call of a thread, and one in 63 of deeper nesting than before,
 *          allocates; wait-free otherwise.
 * Owner:   ref is in use until psref_release() by this thread.
 */
static inline void
psref_acquire_at(struct psref *ref, struct psref_target *t,
    struct psref_class *cl, const char *site)
{
	PSREF_CHECK(t->cls == cl, "acquire in another class", NULL, t);
	/* relaxed: a wrong use found or not. */
	PSREF_CHECK(sync_load_relaxed(&t->draining) == 0,
	    "acquire of what is being destroyed", NULL, t);
	(void)cl;
	psref_hold(ref, t, site);
}

#define psref_acquire(ref, t, cl) psref_acquire_at(ref, t, cl, PSREF_SITE)

/*
 * Let go of t.  Nothing of t may be touched after it, unless the caller
 * entered a section before: then until the end of that.
 * Context: reference held, by the thread that acquired, or handed off and
 *          then by any thread; not a signal handler; never sleeps; wait-free,
 *          but for a reference that there was no memory for.
 * Order:   everything before happens before psref_target_destroy() returns.
 */
static inline void
psref_release(struct psref *ref, struct psref_target *t, struct psref_class *cl)
{
	struct psref_slot *s = ref->slot;
	struct psref_record *r;
	struct port_pin pin;

	port_pin(&pin);
	r = port_local(psref_self);
	PSREF_CHECK(
	    ref->target == t, "second release, or of another target", ref, t);
	PSREF_CHECK(t->cls == cl, "release in another class", ref, t);
	PSREF_CHECK(ref->owner == r || ref->owner == NULL,
	    "release by another thread without psref_handoff()", ref, t);
	(void)cl;
	if (__builtin_expect(ref->owner == r && s != NULL, 1)) {
		/* relaxed: our own slot. */
		PSREF_CHECK(sync_load_relaxed(&s->word) == (uintptr_t)t,
		    "second release of a reference that was moved", ref, t);
		ref->target = NULL;
		psref_slot_free(r, s);
		port_unpin(&pin);
	} else {
		port_unpin(&pin);
		psref_let_go_slow(ref);
	}
	psref_let_go_seen(psref_bucket_of(t));
}

/*
 * Hold what from holds once more, in to.  The one way to get a reference to a
 * target while its destruction already waits, and to make one's own of a
 * reference that was handed off.
 * Context: reference held, by the thread that acquired from, or handed off
 *          and then by any one thread; not a signal handler; otherwise as
 *          psref_acquire().
 * Owner:   as for psref_acquire(); the two are released in any order.
 */
void psref_copy_at(struct psref *to, const struct psref *from,
    struct psref_class *cl, const char *site);

#define psref_copy(to, from, cl) psref_copy_at(to, from, cl, PSREF_SITE)

/*
 * Make the reference nobody's: it may be moved, and released by any thread
 * that gets hold of it (by a release of its address and an acquire, as in a
 * queue).  It outlives the thread that acquired it, and is there in a forked
 * child, too.
 * Context: the thread that acquired, reference held, not a signal handler;
 *          never sleeps; wait-free, but for a reference that there was no
 *          memory for.
 */
void psref_handoff(struct psref *ref, struct psref_class *cl);

/*
 * Does the calling thread hold t, in a reference that was not handed off?  For
 * assertions that it does.
 * Context: any thread, t kept alive; never sleeps; time grows with the number
 *          of references the thread holds.
 */
bool psref_held(const struct psref_target *t, const struct psref_class *cl);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_PSREF_PSREF_H */
