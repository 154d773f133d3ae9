/* SPDX-License-Identifier: BSD-2-Clause */

/* One thread tells another how far it has come. */
#ifndef TESTS_LIBSYNC_GATE_H
#define TESTS_LIBSYNC_GATE_H

#include <sched.h>
#include <stdbool.h>

#include "libsync/base/atomic.h"

struct gate {
	SYNC_ATOMIC(int) step;
};

static inline void
gate_open(struct gate *g, int step)
{
	/* release: the other side sees what was done before. */
	sync_store_release(&g->step, step);
}

static inline bool
gate_is_open(struct gate *g, int step)
{
	/* acquire: pairs with the release above. */
	return sync_load_acquire(&g->step) >= step;
}

static inline void
gate_wait(struct gate *g, int step)
{
	while (!gate_is_open(g, step))
		sched_yield();
}

/* Let others run for a while; nothing may depend on how long. */
static inline void
gate_linger(void)
{
	for (int i = 0; i < 200; i++)
		sched_yield();
}

#endif /* TESTS_LIBSYNC_GATE_H */
