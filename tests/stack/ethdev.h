/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * An Ethernet device for tests on one thread: receives what the test puts in,
 * and keeps what it is given to send.
 */
#ifndef TESTS_STACK_ETHDEV_H
#define TESTS_STACK_ETHDEV_H

#include <criterion/criterion.h>
#include <string.h>

#include "stack/core/stack.h"

#define ETHDEV_FRAMES 256
#define ETHDEV_BYTES  128

struct ethdev_frame {
	size_t len;
	uint8_t data[ETHDEV_BYTES];
};

struct ethdev {
	unsigned int nrx, nrx_taken; /* put in, received */
	unsigned int ntx;            /* sent */
	struct ethdev_frame rx[ETHDEV_FRAMES], tx[ETHDEV_FRAMES];
};

static const uint8_t ethdev_hwaddr[6] = {2, 0, 0, 0, 0, 1};

static inline void
ethdev_poll(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	struct ethdev *d = nif->softc;

	while (queue == 0 && d->nrx_taken < d->nrx && b->n < PKT_BATCH_MAX) {
		const struct ethdev_frame *f = &d->rx[d->nrx_taken++];
		struct pkt *p = pkt_alloc(w);

		cr_assert_not_null(p);
		memcpy(p->data, f->data, f->len);
		p->len = (uint32_t)f->len;
		pkt_batch_add(b, p);
	}
}

static inline void
ethdev_transmit(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	struct ethdev *d = nif->softc;

	(void)queue;
	for (unsigned int i = 0; i < b->n; i++) {
		struct ethdev_frame *f = &d->tx[d->ntx++ % ETHDEV_FRAMES];

		f->len = b->pkt[i]->len;
		memcpy(f->data, b->pkt[i]->data,
		    f->len < ETHDEV_BYTES ? f->len : ETHDEV_BYTES);
		pkt_free(w, b->pkt[i]);
	}
}

static inline void
ethdev_detach(struct netif *nif)
{
	(void)nif;
}

static const struct netif_ops ethdev_ops = {
    .poll = ethdev_poll,
    .transmit = ethdev_transmit,
    .detach = ethdev_detach,
};

/* Attach d, and set it up. */
static inline netif_id
ethdev_attach(struct stack *st, struct ethdev *d)
{
	struct netif_config cfg = {
	    .name = "eth0",
	    .driver = "test",
	    .link = NETIF_LINK_ETHER,
	    .mtu = 1500,
	    .flags = NETIF_RUNNING,
	    .nqueues = 1,
	    .ops = &ethdev_ops,
	    .softc = d,
	};
	netif_id id = 0;

	memcpy(cfg.hwaddr, ethdev_hwaddr, sizeof(cfg.hwaddr));
	cr_assert_eq(netif_attach(st, &cfg, &id), 0);
	cr_assert_eq(netif_set_flags(st, id, NETIF_UP, 0), 0);
	return id;
}

/* A stepped stack whose clock is *now. */
static inline uint64_t
ethdev_clock(void *now)
{
	return *(uint64_t *)now;
}

static inline struct stack *
ethdev_stack(
    const struct proto *const *protos, unsigned int nworkers, uint64_t *now)
{
	const struct stack_config cfg = {
	    .name = "test",
	    .protos = protos,
	    .nworkers = nworkers,
	    .pkts_per_worker = 1024,
	    .stepped = true,
	    .clock = ethdev_clock,
	    .clock_arg = now,
	};
	struct stack *st = NULL;

	cr_assert_eq(stack_create(&cfg, &st), 0);
	return st;
}

/* Everything that is to be done now. */
static inline void
ethdev_settle(struct stack *st)
{
	while (stack_step(st))
		continue;
}

/* Drops of one reason on an interface. */
static inline uint64_t
ethdev_drops(struct stack *st, netif_id id, enum drop_reason reason)
{
	const uint64_t s = pserialize_read_enter();
	const struct netif *nif = netif_lookup(st, id);
	const uint64_t n =
	    nif != NULL ? netif_counter_read(nif, -1U, NETIF_DROPS + reason)
			: netif_orphan_drops(st, -1U, reason);

	pserialize_read_exit(s);
	return n;
}

#endif /* TESTS_STACK_ETHDEV_H */
