/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Transmission in batches: each worker collects frames per interface, and
 * hands them to the device when a batch is full or its turn ends.
 *
 * Invariants
 *   I1  A queue holds frames only while it is on its worker's list, and that
 *       list is empty between turns.
 *   I2  Frames of several sections meet in a queue.  The interface may have
 *       been detached between them: the flush looks its id up again, and
 *       follows the pointer only if it is still the interface's.
 *
 * Reclamation: netif_detach() frees the queues after a barrier, when no worker
 * is in a turn that began before the interface could no longer be found.
 */

#include <errno.h>
#include <stdlib.h>

#include "libsync/base/assert.h"
#include "stack/core/core_impl.h"

int
netif_output_create(struct netif *nif)
{
	const unsigned int n = nif->stack->nworkers;

	nif->txq = calloc(n, sizeof(struct netif_txq *));
	if (nif->txq == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++) {
		struct netif_txq *q = aligned_alloc(
		    SYNC_CACHELINE, SYNC_ROUNDUP(sizeof(*q), SYNC_CACHELINE));

		if (q == NULL)
			return -ENOMEM;
		q->nif = nif;
		q->id = nif->id;
		q->queued = false;
		q->next = NULL;
		q->b.n = 0;
		nif->txq[i] = q;
	}
	return 0;
}

void
netif_output_destroy(struct netif *nif)
{
	if (nif->txq == NULL)
		return;
	for (unsigned int i = 0; i < nif->stack->nworkers; i++) {
		SYNC_REQUIRE(nif->txq[i] == NULL || !nif->txq[i]->queued);
		free(nif->txq[i]);
	}
	free(nif->txq);
}

static void
transmit(struct worker *w, struct netif *nif, struct pkt_batch *b)
{
	uint64_t bytes = 0;

	if (b->n == 0)
		return;
	for (unsigned int i = 0; i < b->n; i++)
		bytes += b->pkt[i]->len;
	netif_count(w, nif, NETIF_TX_PACKETS, b->n);
	netif_count(w, nif, NETIF_TX_BYTES, bytes);
	nif->ops->transmit(nif, w->id % nif->nqueues, w, b);
	b->n = 0;
}

void
netif_output(struct worker *w, struct netif *nif, struct pkt *p)
{
	struct netif_txq *q = nif->txq[w->id];

	SYNC_ASSERT(pserialize_in_read_section());
	if (!netif_usable(nif)) {
		pkt_drop(w, p, nif->id, DROP_NETIF_DOWN);
		return;
	}
	if (!q->queued) {
		q->queued = true;
		q->next = NULL;
		*w->impl->tx_end = q;
		w->impl->tx_end = &q->next;
	}
	pkt_batch_add(&q->b, p);
	if (q->b.n == PKT_BATCH_MAX)
		transmit(w, nif, &q->b);
}

void
netif_output_flush(struct worker *w)
{
	struct worker_impl *wi = w->impl;
	struct netif_txq *q;
	struct netif *nif;

	while ((q = wi->tx_first) != NULL) {
		const uint64_t s = pserialize_read_enter();

		wi->tx_first = q->next;
		if (q->next == NULL)
			wi->tx_end = &wi->tx_first;
		q->queued = false;
		nif = netif_lookup(w->stack, q->id);
		if (nif == NULL)
			pkt_drop_batch(w, &q->b, q->id, DROP_NETIF_GONE);
		else if (!netif_usable(nif))
			pkt_drop_batch(w, &q->b, q->id, DROP_NETIF_DOWN);
		else
			transmit(w, nif, &q->b);
		pserialize_read_exit(s);
	}
}
