/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The mutex of three states of U. Drepper, "Futexes are tricky" (2011), on the
 * host's event.
 *
 * Ordering pairs
 *   HOLD  unlock stores state (release) -> lock and trylock exchange it
 *         (acquire): what one holder did is seen by the next.
 */

#include "libsync/port/mutex.h"

#include "libsync/base/assert.h"

void
port_mutex_lock(struct port_mutex *m)
{
	uint32_t seen = 0;

	/* HOLD acquire: pairs with the release in unlock; so does the next. */
	if (sync_cas_acquire(&m->state.word, &seen, 1))
		return;
	while (sync_xchg_acquire(&m->state.word, 2) != 0)
		port_event_wait(&m->state, 2, 0);
}

bool
port_mutex_trylock(struct port_mutex *m)
{
	uint32_t seen = 0;

	/* HOLD acquire: pairs with the release in unlock. */
	return sync_cas_acquire(&m->state.word, &seen, 1);
}

void
port_mutex_unlock(struct port_mutex *m)
{
	/* HOLD release: pairs with the acquires in lock and trylock. */
	const uint32_t was = sync_xchg_release(&m->state.word, 0);

	SYNC_REQUIRE(was != 0);
	if (was == 2)
		port_event_wake_one(&m->state);
}

void
port_mutex_init(struct port_mutex *m)
{
	/* relaxed: nobody else is there. */
	sync_store_relaxed(&m->state.word, 0);
}
