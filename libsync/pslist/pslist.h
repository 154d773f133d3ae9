/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PSLIST_PSLIST_H
#define LIBSYNC_PSLIST_PSLIST_H

/*
 * A linked list that readers walk inside a read section while a writer
 * changes it.  Functions say in their name who may call them.
 *
 * What may run together ("-" yes, "X" the caller must prevent it):
 *
 *                    pslist_reader_*  pslist_writer_*  head/entry init, fini
 *   pslist_reader_*         -                -                  X
 *   pslist_writer_*         -                X                  X
 *
 * An entry that a writer removed keeps its next pointer, so a reader standing
 * on it walks on.  Life of an entry:
 *
 *   pslist_entry_init, pslist_writer_insert_*, ... pslist_writer_remove,
 *   a grace period (pserialize_perform or _call, and psref_target_destroy if
 *   references are used), pslist_entry_fini, free.
 *
 * It may be inserted again only after the grace period, and only when no
 * psref_acquire() reference to it is left.
 *
 * A reader that left the section in the middle of a walk and kept the element
 * by a psref must ask pslist_entry_linked() before it goes on: see psref.h.
 *
 * Modelled on pslist(9) of NetBSD.
 */

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pslist_entry;

/* Private: one pointer that readers follow. */
struct pslist_link {
	SYNC_ATOMIC(struct pslist_entry *) to; /* [a] */
};

struct pslist_head {
	struct pslist_link first;
};

/* Private: both fields.  [a] atomic, stored by the writer only */
struct pslist_entry {
	struct pslist_link next;                /* [a] */
	SYNC_ATOMIC(struct pslist_link *) prev; /* [a] NULL: not on a list */
};

/*
 * Where the next pointer of a finished entry leads: no address of a user
 * program on 64-bit machines, so following it ends the program.
 */
#define PSLIST_POISON                                   \
	((struct pslist_entry *)((uintptr_t)0xdeadbeefu \
				 << (sizeof(uintptr_t) * 8 - 32)))

/* Make an empty list.  Context: before any other use. */
void pslist_head_init(struct pslist_head *h);

/* End an empty list.  Context: after any other use; not empty is fatal. */
void pslist_head_fini(struct pslist_head *h);

/* Prepare e for insertion.  Context: before any other use. */
void pslist_entry_init(struct pslist_entry *e);

/*
 * End an entry that is not on a list, and poison it: a reader that still
 * stands on it crashes at its next step instead of seeing a short list.
 * Context: the owner, after the grace period that follows removal.
 */
void pslist_entry_fini(struct pslist_entry *e);

/*
 * Put e first.
 * Context: writer (the mutex of the list); never sleeps.
 * Order:   what was done before happens before whatever a reader does with e.
 */
void pslist_writer_insert_head(struct pslist_head *h, struct pslist_entry *e);

/* Put e in front of at, which is on a list.  Otherwise as above. */
void pslist_writer_insert_before(
    struct pslist_entry *at, struct pslist_entry *e);

/* Put e behind at, which is on a list.  Otherwise as above. */
void pslist_writer_insert_after(
    struct pslist_entry *at, struct pslist_entry *e);

/*
 * Take e off its list.  Readers may still be on it, and go on from it.
 * Context: writer (the mutex of the list); never sleeps.
 */
void pslist_writer_remove(struct pslist_entry *e);

/*
 * Context: writer (the mutex of the list); never sleeps.
 * Returns: NULL if the list is empty.
 */
struct pslist_entry *pslist_writer_first(const struct pslist_head *h);

/*
 * Context: writer (the mutex of the list); never sleeps.  e may have been
 *          removed by this writer during this walk.
 * Returns: NULL if e is the last one.
 */
struct pslist_entry *pslist_writer_next(const struct pslist_entry *e);

/*
 * Context: reader section; never sleeps; wait-free.
 * Owner:   the entry is valid until the section ends.
 * Returns: NULL if the list is empty.
 */
static inline struct pslist_entry *
pslist_reader_first(const struct pslist_head *h)
{
	SYNC_ASSERT(pserialize_in_read_section());
	/* ENTRY acquire: pairs with the releases in pslist.c. */
	return sync_load_acquire(&h->first.to);
}

/*
 * Context: reader section in which e was found, or reference to e held and
 *          pslist_entry_linked(e) true in this section; never sleeps;
 *          wait-free.
 * Owner:   the entry is valid until the section ends.
 * Returns: NULL if e was the last one.
 */
static inline struct pslist_entry *
pslist_reader_next(const struct pslist_entry *e)
{
	struct pslist_entry *next;

	SYNC_ASSERT(pserialize_in_read_section());
	/* ENTRY acquire: pairs with the releases in pslist.c. */
	next = sync_load_acquire(&e->next.to);
	SYNC_ASSERT(next != PSLIST_POISON);
	return next;
}

/*
 * Is e still on its list?  For a reader that comes back to an element which it
 * kept by a reference: if not, e's next pointer is out of date, and what it
 * names may be gone.
 * Context: reader section and reference held, or writer; never sleeps;
 *          wait-free.
 * Order:   true: everything that can be reached from e stays valid until the
 *          section ends.
 * Returns: false for good once a removal was seen.
 */
static inline bool
pslist_entry_linked(const struct pslist_entry *e)
{
	/*
	 * relaxed: a removal that this section misses began no grace period
	 * that does not wait for this section, so what follows e stays.
	 */
	return sync_load_relaxed(&e->prev) != NULL;
}

/* Private: the object around an entry, NULL for NULL. */
static inline void *
pslist_container(const struct pslist_entry *e, size_t offset)
{
	return e == NULL ? NULL : (void *)((uintptr_t)e - offset);
}

#ifdef __cplusplus
}
#endif

/* The object of the given type whose member field is *entry; NULL for NULL. */
#define PSLIST_ENTRY(entry, type, field) \
	((type *)pslist_container(entry, offsetof(type, field)))

/* The functions of these names, from object to object. */
#define PSLIST_WRITER_FIRST(head, type, field) \
	PSLIST_ENTRY(pslist_writer_first(head), type, field)
#define PSLIST_WRITER_NEXT(obj, type, field) \
	PSLIST_ENTRY(pslist_writer_next(&(obj)->field), type, field)
#define PSLIST_READER_FIRST(head, type, field) \
	PSLIST_ENTRY(pslist_reader_first(head), type, field)
#define PSLIST_READER_NEXT(obj, type, field) \
	PSLIST_ENTRY(pslist_reader_next(&(obj)->field), type, field)

/*
 * Walk: var is a pointer to the object that has the entry in member field, and
 * NULL after the last one.  In the writer form the body may remove var, but
 * not finish or free it.
 */
#define PSLIST_WRITER_FOREACH(var, head, field)                            \
	for ((var) = PSLIST_WRITER_FIRST(head, __typeof__(*(var)), field); \
	     (var) != NULL;                                                \
	     (var) = PSLIST_WRITER_NEXT(var, __typeof__(*(var)), field))
#define PSLIST_READER_FOREACH(var, head, field)                            \
	for ((var) = PSLIST_READER_FIRST(head, __typeof__(*(var)), field); \
	     (var) != NULL;                                                \
	     (var) = PSLIST_READER_NEXT(var, __typeof__(*(var)), field))

#endif /* LIBSYNC_PSLIST_PSLIST_H */
