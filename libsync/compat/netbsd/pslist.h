/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_PSLIST_H
#define LIBSYNC_COMPAT_NETBSD_PSLIST_H

/*
 * pslist(9) on libsync/pslist, which has the same types.  The loops take the
 * type of the object as well, from here on.
 */

#include "libsync/pslist/pslist.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSLIST_INITIALIZER           \
	{                            \
		{                    \
			{            \
				NULL \
			}            \
		}                    \
	}
#define PSLIST_ENTRY_INITIALIZER \
	{                        \
		{{NULL}},        \
		{                \
			NULL     \
		}                \
	}

static inline void
pslist_init(struct pslist_head *h)
{
	pslist_head_init(h);
}

static inline void
pslist_destroy(struct pslist_head *h)
{
	pslist_head_fini(h);
}

static inline void
pslist_entry_destroy(struct pslist_entry *e)
{
	pslist_entry_fini(e);
}

#define PSLIST_INIT(head)                pslist_init(head)
#define PSLIST_DESTROY(head)             pslist_destroy(head)
#define PSLIST_ENTRY_INIT(obj, field)    pslist_entry_init(&(obj)->field)
#define PSLIST_ENTRY_DESTROY(obj, field) pslist_entry_destroy(&(obj)->field)

#define PSLIST_WRITER_INSERT_HEAD(head, obj, field) \
	pslist_writer_insert_head(head, &(obj)->field)
#define PSLIST_WRITER_INSERT_BEFORE(at, obj, field) \
	pslist_writer_insert_before(&(at)->field, &(obj)->field)
#define PSLIST_WRITER_INSERT_AFTER(at, obj, field) \
	pslist_writer_insert_after(&(at)->field, &(obj)->field)
#define PSLIST_WRITER_REMOVE(obj, field) pslist_writer_remove(&(obj)->field)

#undef PSLIST_WRITER_FOREACH
#undef PSLIST_READER_FOREACH
#define PSLIST_WRITER_FOREACH(var, head, type, field)                       \
	for ((var) = PSLIST_WRITER_FIRST(head, type, field); (var) != NULL; \
	     (var) = PSLIST_WRITER_NEXT(var, type, field))
#define PSLIST_READER_FOREACH(var, head, type, field)                       \
	for ((var) = PSLIST_READER_FIRST(head, type, field); (var) != NULL; \
	     (var) = PSLIST_READER_NEXT(var, type, field))

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_COMPAT_NETBSD_PSLIST_H */
