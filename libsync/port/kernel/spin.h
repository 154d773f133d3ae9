/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_KERNEL_SPIN_H
#define LIBSYNC_PORT_KERNEL_SPIN_H

/*
 * struct port_spin of kernels: the holder is pinned, so no handler of its
 * processor can want the lock, and nobody waits for one that does not run.
 *
 * Ordering pairs
 *   HOLD  unlock stores word (release) -> lock exchanges it (acquire): what one
 *         holder did is seen by the next.
 */

#include "libsync/base/atomic.h"
#include "libsync/port/local.h"
#include "libsync/port/pause.h"
#include "libsync/port/types.h"

struct port_spin {
	SYNC_ATOMIC(uint32_t) word; /* 1: held */
	struct port_pin pin;        /* of the holder */
};

/* clang-format off */
#define PORT_SPIN_INIT {.word = {0}}
/* clang-format on */

static inline void
port_spin_lock(struct port_spin *l)
{
	struct port_pin pin;

	port_pin(&pin);
	/* HOLD acquire: pairs with the release in unlock. */
	while (sync_xchg_acquire(&l->word, 1) != 0)
		/* relaxed: the exchange orders it. */
		while (sync_load_relaxed(&l->word) != 0)
			port_pause();
	l->pin = pin;
}

static inline void
port_spin_unlock(struct port_spin *l)
{
	const struct port_pin pin = l->pin;

	/* HOLD release: pairs with the acquire in lock. */
	sync_store_release(&l->word, 0);
	port_unpin(&pin);
}

/* Nothing forks. */
static inline void
port_spin_init(struct port_spin *l)
{
	(void)l;
}

#endif /* LIBSYNC_PORT_KERNEL_SPIN_H */
