/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * sync_cas16_acq_rel() for processors that have no such instruction: under one
 * of a few spin locks, picked by the address.  Halves are loaded without the
 * lock, and may be of different moments here as there.  An exchange stores lo
 * first: who loads hi and then lo finds lo as new as hi, as if both had changed
 * at once.  Who loads them the other way around may find hi older than lo.
 *
 * Handlers are kept away while the lock is held: one that exchanges a pair
 * would wait for whom it interrupted.
 *
 * Ordering pairs
 *   PAIR  unlock stores the lock (release) -> lock exchanges it (acquire):
 *         what was done before one exchange is seen after the next.
 *   HALF  the exchange stores a half (release) -> whoever loads it (acquire)
 *         sees what was done before the exchange.
 */

#define PORT_CAS16_FORCE_LOCKED

#include "libsync/port/cas16.h"

#include "libsync/port/port.h"

#define LOCKS 64 /* a power of two */
#define SPINS 64

static struct spin {
	SYNC_ATOMIC(uint32_t) held; /* a byte has no exchange everywhere */
} __attribute__((aligned(SYNC_CACHELINE))) locks[LOCKS];

/* How handlers were kept away. */
struct away {
	struct port_mask mask;
	struct port_pin pin;
};

static struct spin *
lock_of(const struct sync_pair *pair, struct away *away)
{
	struct spin *l = &locks[(uintptr_t)pair / sizeof(*pair) % LOCKS];
	unsigned spins = 0;

	port_mask_block(&away->mask);
	port_pin(&away->pin);
	/* PAIR acquire: pairs with the release in unlock. */
	while (sync_xchg_acquire(&l->held, 1) != 0) {
		if (++spins % SPINS == 0)
			port_yield();
		else
			port_pause();
	}
	return l;
}

static void
unlock(struct spin *l, const struct away *away)
{
	/* PAIR release: pairs with the exchange in lock_of. */
	sync_store_release(&l->held, 0);
	port_unpin(&away->pin);
	port_mask_restore(&away->mask);
}

bool
sync_cas16_locked(struct sync_pair *pair, struct sync_pair_value *expect,
    struct sync_pair_value want)
{
	struct sync_pair_value seen;
	struct away away;
	struct spin *l;
	bool same;

	l = lock_of(pair, &away);
	/* relaxed: stored under the lock. */
	seen.lo = sync_load_relaxed(&pair->lo);
	seen.hi = sync_load_relaxed(&pair->hi);
	same = seen.lo == expect->lo && seen.hi == expect->hi;
	if (same) {
		/* HALF release: pairs with the loads of halves. */
		sync_store_release(&pair->lo, want.lo);
		sync_store_release(&pair->hi, want.hi);
	}
	unlock(l, &away);
	*expect = seen;
	return same;
}

void
sync_pair_locked(struct sync_pair *pair, struct sync_pair_value want)
{
	struct away away;
	struct spin *l = lock_of(pair, &away);

	/* HALF release: pairs with the loads of halves. */
	sync_store_release(&pair->hi, want.hi);
	sync_store_release(&pair->lo, want.lo);
	unlock(l, &away);
}
