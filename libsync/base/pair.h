/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_BASE_PAIR_H
#define LIBSYNC_BASE_PAIR_H

/*
 * Two words that change together.  Each may be loaded alone (sync_load_*), so
 * two loads may see halves of different moments; they are changed by what
 * libsync/port/cas16.h offers only.
 */

#include "libsync/base/atomic.h"
#include "libsync/port/types.h"

struct sync_pair {
	SYNC_ATOMIC(uint64_t) lo;
	SYNC_ATOMIC(uint64_t) hi;
} __attribute__((aligned(16)));

/* What a pair held, or shall hold. */
struct sync_pair_value {
	uint64_t lo, hi;
};

#endif /* LIBSYNC_BASE_PAIR_H */
