/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Online workers, in the mode qsbr: their word is never even between quiescent
 * states, so entering a section needs no fence.
 *
 * Why it is enough.  A grace period that scans the word after a writer's fence
 * waits until its number changes, which a worker does outside of sections only,
 * and follows with a full fence.  If the scan reads the old number, the
 * writer's fence comes before the worker's, as the worker's store would else be
 * seen: what the worker reads from now on is what the writer left.  If it reads
 * the new number it waits for another quiescent state.
 *
 * Between that store and the fence the slow bit is set, so a signal handler
 * that comes in between enters with a fence of its own.  A section of an online
 * thread does not change the number, as no fence follows its end.
 *
 * In a kernel the worker is a processor, which goes on while a thread of it
 * waits for a grace period: its host says when it is quiescent.
 *
 * A worker that sees no grace period running does nothing: the period that it
 * misses waits for its next turn.
 */

#include "libsync/pserialize/pserialize_impl.h"

/* Change the word from outside of sections; it is online afterwards. */
static void
renew(struct pserialize_thread *self, uint64_t v)
{
	/* SECTION release: pairs with the acquire in scan and step. */
	sync_store_release(&self->words[0], v | PSERIALIZE_SLOW);
	sync_fence_full();
	/* SECTION release: as above; what a period compares stays the same. */
	sync_store_release(&self->words[0], v & ~PSERIALIZE_SLOW);
}

/* Returns: whether this thread was online; it is not now. */
static bool
leave(void)
{
	struct pserialize_thread *self = port_local(pserialize_self);
	/* relaxed: only this thread writes its words. */
	const uint64_t v = sync_load_relaxed(&self->words[0]);

	if ((v & PSERIALIZE_ONLINE) == 0)
		return false;
	/* SECTION release: pairs with the acquire in scan and step. */
	sync_store_release(&self->words[0],
	    ((v & ~PSERIALIZE_ONLINE) | PSERIALIZE_SLOW) + PSERIALIZE_ONE);
	return true;
}

void
pserialize_online(void)
{
	struct pserialize_thread *self = port_local(pserialize_self);

	SYNC_REQUIRE(!pserialize_in_read_section());
	if (sync_fence_mode() != SYNC_FENCE_QSBR)
		return;
	if (!self->registered)
		pserialize_registry_join();
	/* relaxed: only this thread writes its words. */
	renew(self, sync_load_relaxed(&self->words[0]) | PSERIALIZE_ONLINE);
}

void
pserialize_offline(void)
{
	SYNC_REQUIRE(!pserialize_in_read_section());
	(void)leave();
}

bool
pserialize_pause_online(void)
{
	return !PORT_BY_CPU && leave();
}

void
pserialize_quiescent_slow(void)
{
	struct pserialize_thread *self = port_local(pserialize_self);
	/* relaxed: only this thread writes its words. */
	const uint64_t v = sync_load_relaxed(&self->words[0]);

	if ((v & PSERIALIZE_ONLINE) != 0)
		renew(self, v + PSERIALIZE_ONE);
}
