/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_COMPAT_NETBSD_PCQ_H
#define LIBSYNC_COMPAT_NETBSD_PCQ_H

/*
 * pcq(9) on libsync/lfqueue/pcq.  Any number of consumers, and all of maxlen
 * can be used.
 */

#include <errno.h>

#include "libsync/compat/netbsd/netbsd.h"
#include "libsync/lfqueue/pcq.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lfqueue_pcq pcq_t;

/*
 * Context: may sleep; with KM_SLEEP also for memory, and then cannot fail.
 * Returns: NULL with KM_NOSLEEP only, if there is no memory.
 */
static inline pcq_t *
pcq_create(size_t maxlen, km_flag_t kmflags)
{
	pcq_t *q = NULL;
	int error = lfqueue_pcq_create(maxlen, &q);

	SYNC_REQUIRE(error != -EINVAL);
	while (error != 0 && kmflags == KM_SLEEP) {
		netbsd_sleep_for_memory();
		error = lfqueue_pcq_create(maxlen, &q);
	}
	return q;
}

static inline void
pcq_destroy(pcq_t *q)
{
	lfqueue_pcq_destroy(q);
}

static inline bool
pcq_put(pcq_t *q, void *item)
{
	return lfqueue_pcq_put(q, item);
}

static inline void *
pcq_get(pcq_t *q)
{
	return lfqueue_pcq_get(q);
}

static inline void *
pcq_peek(pcq_t *q)
{
	return lfqueue_pcq_peek(q);
}

static inline size_t
pcq_maxitems(pcq_t *q)
{
	return lfqueue_pcq_maxitems(q);
}

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_COMPAT_NETBSD_PCQ_H */
