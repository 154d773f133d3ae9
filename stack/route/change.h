/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_ROUTE_CHANGE_H
#define STACK_ROUTE_CHANGE_H

/*
 * A count of changes, for readers who keep answers: odd while one is being
 * published.  Whoever keeps an answer under the count that he read before he
 * asked may give it as long as he reads the same count.
 *
 * Ordering pairs: flowcache.c.
 */

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/port/types.h"

/* A line of its own: readers poll it, and its neighbours are written. */
struct route_change {
	SYNC_ATOMIC(uint64_t) count; /* [a] only the writer writes */
} __attribute__((aligned(SYNC_CACHELINE)));

/*
 * Around the stores that make a change visible; what the change removed is
 * retired after enter.
 * Context: writer (control mutex); never sleeps.
 * Order:   who sees any store between the two sees that one is under way, and
 *          who reads the count of after sees all of them.
 */
static inline void
route_change_enter(struct route_change *c)
{
	/* relaxed: only the writer, who asks, stores it. */
	const uint64_t count = sync_load_relaxed(&c->count);

	SYNC_ASSERT(count % 2 == 0);
	/* relaxed: the stores that publish come later and are releases. */
	sync_store_relaxed(&c->count, count + 1);
}

static inline void
route_change_exit(struct route_change *c)
{
	/* relaxed: as above. */
	const uint64_t count = sync_load_relaxed(&c->count);

	SYNC_ASSERT(count % 2 == 1);
	/* CHANGE release: pairs with the acquire in route_change_read. */
	sync_store_release(&c->count, count + 1);
}

/*
 * The count.
 * Context: any thread, in the read section of the answers; never sleeps.
 * Returns: false if a change is under way, with *out untouched.
 */
static inline bool
route_change_read(const struct route_change *c, uint64_t *out)
{
	/* CHANGE acquire: pairs with the release in route_change_exit. */
	const uint64_t count = sync_load_acquire(&c->count);

	if (count % 2 != 0)
		return false;
	*out = count;
	return true;
}

#endif /* STACK_ROUTE_CHANGE_H */
