/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A device for tests of the core: its queue 0 .. n - 1 each make burst packets
 * a poll while it is switched on, or limit in all; it counts and frees what it
 * is given.  And a protocol of link IP that forwards by a table of ids.
 */
#ifndef TESTS_STACK_TESTDEV_H
#define TESTS_STACK_TESTDEV_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "libsync/base/atomic.h"
#include "stack/core/stack.h"

/* [a] atomic  [c] constant after attach */
struct testdev {
	SYNC_ATOMIC(unsigned int) burst; /* [a] packets made per poll */
	SYNC_ATOMIC(uint64_t) left;      /* [a] still to make */
	SYNC_ATOMIC(uint64_t) made;      /* [a] */
	SYNC_ATOMIC(uint64_t) sent;      /* [a] given to transmit */
	SYNC_ATOMIC(uint64_t) batches;   /* [a] calls of transmit */
	SYNC_ATOMIC(bool) detached;      /* [a] */
	SYNC_ATOMIC(int) refuse;         /* [a] errno that set_* answer */
	SYNC_ATOMIC(uint64_t) next;      /* [a] what next_event says */
};

static inline void
testdev_poll(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	struct testdev *d = nif->softc;
	/* relaxed: the test needs no order. */
	unsigned int n = sync_load_relaxed(&d->burst);

	cr_assert_eq(queue % stack_nworkers(w->stack), w->id);
	/* acquire: nothing is used after detach. */
	cr_assert_not(sync_load_acquire(&d->detached));
	while (n-- > 0) {
		struct pkt *p;

		/* relaxed: a count. */
		if (sync_fetch_add_relaxed(&d->left, (uint64_t)-1) == 0) {
			/* relaxed: a count. */
			sync_fetch_add_relaxed(&d->left, 1);
			return;
		}
		p = pkt_alloc(w);
		if (p == NULL) {
			/* relaxed: a count. */
			sync_fetch_add_relaxed(&d->left, 1);
			netif_count(w, nif, NETIF_DROPS + DROP_NO_BUFFER, 1);
			return;
		}
		p->len = 60;
		p->data[0] = 0x45;
		pkt_batch_add(b, p);
		/* relaxed: a count. */
		sync_fetch_add_relaxed(&d->made, 1);
	}
}

static inline void
testdev_transmit(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	struct testdev *d = nif->softc;

	cr_assert_eq(queue, w->id % nif->nqueues);
	/* acquire: nothing is used after detach. */
	cr_assert_not(sync_load_acquire(&d->detached));
	/* relaxed: counts. */
	sync_fetch_add_relaxed(&d->sent, b->n);
	sync_fetch_add_relaxed(&d->batches, 1);
	for (unsigned int i = 0; i < b->n; i++)
		pkt_free(w, b->pkt[i]);
}

static inline bool
testdev_arm(struct netif *nif, unsigned int queue, struct worker *w, int *fd)
{
	struct testdev *d = nif->softc;

	(void)queue;
	(void)w;
	*fd = -1;
	/* relaxed: the fence of the caller orders it. */
	return sync_load_relaxed(&d->burst) != 0 &&
	       sync_load_relaxed(&d->left) != 0;
}

static inline uint64_t
testdev_next_event(struct netif *nif, unsigned int queue)
{
	struct testdev *d = nif->softc;

	(void)queue;
	/* relaxed: the test needs no order. */
	return sync_load_relaxed(&d->next);
}

static inline int
testdev_set_mtu(struct netif *nif, uint32_t mtu)
{
	struct testdev *d = nif->softc;

	(void)mtu;
	/* relaxed: the test needs no order. */
	return sync_load_relaxed(&d->refuse);
}

static inline int
testdev_set_flags(struct netif *nif, uint32_t flags)
{
	return testdev_set_mtu(nif, flags);
}

static inline void
testdev_detach(struct netif *nif)
{
	struct testdev *d = nif->softc;

	/* release: pairs with the acquires above, and the test's. */
	sync_store_release(&d->detached, true);
}

static const struct netif_ops testdev_ops = {
    .poll = testdev_poll,
    .transmit = testdev_transmit,
    .arm = testdev_arm,
    .next_event = testdev_next_event,
    .set_mtu = testdev_set_mtu,
    .set_flags = testdev_set_flags,
    .detach = testdev_detach,
};

static inline void
testdev_init(struct testdev *d, unsigned int burst, uint64_t limit)
{
	*d = (struct testdev){0};
	sync_init(&d->burst, burst);
	sync_init(&d->left, limit);
	sync_init(&d->next, UINT64_MAX);
}

static inline struct netif_config
testdev_config(struct testdev *d, const char *name)
{
	return (struct netif_config){
	    .name = name,
	    .driver = "test",
	    .link = NETIF_LINK_IP,
	    .mtu = 1500,
	    .flags = NETIF_RUNNING,
	    .nqueues = 1,
	    .ops = &testdev_ops,
	    .softc = d,
	};
}

/* Attach a device with nqueues queues and set it up. */
static inline netif_id
testdev_attach(
    struct stack *st, struct testdev *d, const char *name, unsigned int nqueues)
{
	struct netif_config cfg = testdev_config(d, name);
	netif_id id = 0;

	cfg.nqueues = nqueues;
	cr_assert_eq(netif_attach(st, &cfg, &id), 0);
	cr_assert_eq(netif_set_flags(st, id, NETIF_UP, 0), 0);
	return id;
}

/* A stepped or threaded stack with these protocols (NULL: none). */
static inline struct stack *
testdev_stack(bool stepped, unsigned int nworkers, unsigned int pkts,
    const struct proto *const *protos)
{
	const struct stack_config cfg = {
	    .name = "test",
	    .protos = protos,
	    .nworkers = nworkers,
	    .pkts_per_worker = pkts,
	    .stepped = stepped,
	};
	struct stack *st = NULL;

	cr_assert_eq(stack_create(&cfg, &st), 0);
	return st;
}

/* A counter of an interface, over all workers. */
static inline uint64_t
testdev_counter(struct stack *st, netif_id id, unsigned int c)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup(st, id);
	const uint64_t n = nif != NULL ? netif_counter_read(nif, -1U, c) : 0;

	pserialize_read_exit(s);
	return n;
}

#endif /* TESTS_STACK_TESTDEV_H */
