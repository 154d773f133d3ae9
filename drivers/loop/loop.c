/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One queue per worker, which only that worker touches: it transmits into it
 * and polls it.  Detach empties the queues on their workers.
 */

#include "drivers/loop/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/args/args.h"
#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"

/* [o] the worker */
struct queue {
	struct pkt *first, **end; /* [o] linked by next */
	unsigned int n;           /* [o] */
} __attribute__((__aligned__(SYNC_CACHELINE)));

struct loop {
	unsigned int nqueues; /* [c] */
	struct queue queue[];
};

static void
loop_poll(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	struct queue *q = &((struct loop *)nif->softc)->queue[queue];

	SYNC_ASSERT(pserialize_in_read_section());
	while (q->first != NULL && b->n < PKT_BATCH_MAX) {
		struct pkt *p = q->first;

		q->first = p->next;
		q->n--;
		p->next = NULL;
		p->flags = PKT_LOOPED;
		p->hash = 0;
		p->tx_if = 0;
		p->l3 = NULL;
		p->l3_len = 0;
		p->rx_time = w->now;
		pkt_batch_add(b, p);
	}
	if (q->first == NULL)
		q->end = &q->first;
}

static void
loop_transmit(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	struct queue *q = &((struct loop *)nif->softc)->queue[queue];

	SYNC_ASSERT(pserialize_in_read_section());
	for (unsigned int i = 0; i < b->n; i++) {
		struct pkt *p = b->pkt[i];

		if (q->n == LOOP_QUEUE_MAX) {
			pkt_drop(w, p, nif->id, DROP_TX_FULL);
			continue;
		}
		p->next = NULL;
		*q->end = p;
		q->end = &p->next;
		q->n++;
	}
	b->n = 0;
}

static bool
loop_arm(struct netif *nif, unsigned int queue, struct worker *w, int *fd)
{
	(void)w;
	*fd = -1;
	return ((struct loop *)nif->softc)->queue[queue].first != NULL;
}

static uint64_t
loop_next_event(struct netif *nif, unsigned int queue)
{
	const struct loop *l = nif->softc;

	return l->queue[queue].first != NULL ? 0 : UINT64_MAX;
}

static int
loop_set_mtu(struct netif *nif, uint32_t mtu)
{
	(void)nif;
	return mtu <= NETIF_MTU_MAX ? 0 : -EINVAL;
}

static int
empty(struct worker *w, void *arg)
{
	struct queue *q = &((struct loop *)arg)->queue[w->id];
	struct pkt *p;

	while ((p = q->first) != NULL) {
		q->first = p->next;
		pkt_drop(w, p, 0, DROP_NETIF_GONE);
	}
	return 0;
}

static void
loop_detach(struct netif *nif)
{
	struct loop *l = nif->softc;

	for (unsigned int i = 0; i < l->nqueues; i++)
		(void)worker_call(stack_worker(nif->stack, i), empty, l);
	free(l);
}

static const struct netif_ops loop_ops = {
    .poll = loop_poll,
    .transmit = loop_transmit,
    .arm = loop_arm,
    .next_event = loop_next_event,
    .set_mtu = loop_set_mtu,
    .detach = loop_detach,
};

int
loop_attach(struct stack *st, const char *ifname, netif_id *out)
{
	const unsigned int n = stack_nworkers(st);
	struct loop *l =
	    aligned_alloc(SYNC_CACHELINE, sizeof(*l) + n * sizeof(l->queue[0]));
	const struct netif_config cfg = {
	    .name = ifname,
	    .driver = "loop",
	    .link = NETIF_LINK_IP,
	    .mtu = NETIF_MTU_MAX,
	    .flags = NETIF_RUNNING | NETIF_LOOPBACK | NETIF_NOARP,
	    .nqueues = n,
	    .ops = &loop_ops,
	    .softc = l,
	};
	int error;

	if (l == NULL)
		return -ENOMEM;
	l->nqueues = n;
	for (unsigned int i = 0; i < n; i++)
		l->queue[i] = (struct queue){.end = &l->queue[i].first};
	error = netif_attach(st, &cfg, out);
	if (error != 0)
		free(l);
	return error;
}

static int
loop_driver_check(const char *args, char *err, size_t errlen)
{
	struct args_word word;

	return args_next(&args, &word) ? args_bad(err, errlen, &word) : 0;
}

static int
loop_driver_attach(struct stack *st, const char *ifname, const char *args,
    netif_id *out, char *err, size_t errlen)
{
	int error = loop_driver_check(args, err, errlen);

	if (error != 0)
		return error;
	error = loop_attach(st, ifname, out);
	if (error != 0)
		return args_fail(err, errlen, error, "%s", args_reason(error));
	return 0;
}

const struct driver loop_driver = {
    .name = "loop",
    .usage = "NAME",
    .check = loop_driver_check,
    .attach = loop_driver_attach,
};
