/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_ATOMICQ_H
#define LIBSYNC_COMPAT_NETBSD_ATOMICQ_H

/* The atomic queue proposed for NetBSD, on libsync/lfqueue/atomicq. */

#include "libsync/lfqueue/atomicq.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lfqueue_atomicq atomic_queue_t;
typedef struct lfqueue_atomicq_link atomic_queue_link_t;

static inline void
atomic_qinit(atomic_queue_t *q, size_t offset)
{
	lfqueue_atomicq_init(q, offset);
}

static inline void *
atomic_qpeek(atomic_queue_t *q)
{
	return lfqueue_atomicq_peek(q);
}

static inline void *
atomic_qpop(atomic_queue_t *q)
{
	return lfqueue_atomicq_pop(q);
}

static inline void
atomic_qpush_fifo(atomic_queue_t *q, void *item)
{
	lfqueue_atomicq_push_fifo(q, item);
}

static inline void
atomic_qpush_lifo(atomic_queue_t *q, void *item)
{
	lfqueue_atomicq_push_lifo(q, item);
}

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_COMPAT_NETBSD_ATOMICQ_H */
