/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What each worker polls: queue q of an interface belongs to worker q.  A list
 * never changes once published.  Each worker has two: a change fills the one
 * that is not published, publishes it, and waits until readers have left the
 * other.  So a removal needs no memory and cannot fail.
 *
 * Invariants
 *   I1  The spare has room for all published queues but one.
 *
 * Ordering pairs
 *   POLLS  publish stores polls (release) -> the worker loads it (acquire, in
 *          worker.c and worker_thread.c): the list is filled, and the
 *          interfaces on it are complete, before it is seen.
 *
 * Reclamation: the control thread waits for a grace period; then the former
 * list is the spare, or is freed if it has become too small.
 */

#include <errno.h>
#include <stdlib.h>

#include "libsync/base/assert.h"
#include "stack/core/core_impl.h"

#define CAP_FIRST 8

static struct worker_polls *
list_alloc(unsigned int cap)
{
	struct worker_polls *l = malloc(sizeof(*l) + cap * sizeof(l->e[0]));

	if (l != NULL)
		*l = (struct worker_polls){.cap = cap};
	return l;
}

static struct worker_polls *
writer_list(struct worker_impl *wi)
{
	/* relaxed: only writers store it, and they exclude each other. */
	return sync_load_relaxed(&wi->polls);
}

int
worker_polls_create(struct worker_impl *wi)
{
	struct worker_polls *l = list_alloc(CAP_FIRST);

	wi->polls_spare = list_alloc(CAP_FIRST);
	sync_init(&wi->polls, l);
	return l == NULL || wi->polls_spare == NULL ? -ENOMEM : 0;
}

void
worker_polls_destroy(struct worker_impl *wi)
{
	free(writer_list(wi));
	free(wi->polls_spare);
}

int
worker_polls_reserve(struct stack *st)
{
	for (unsigned int i = 0; i < st->nworkers; i++) {
		struct worker_impl *wi = core_impl(st, i);
		const unsigned int n = writer_list(wi)->n;
		struct worker_polls *l;

		if (n < wi->polls_spare->cap)
			continue;
		l = list_alloc(2 * n);
		if (l == NULL)
			return -ENOMEM;
		free(wi->polls_spare);
		wi->polls_spare = l;
	}
	return 0;
}

void
worker_polls_publish(struct stack *st)
{
	struct netif *nif;

	for (unsigned int i = 0; i < st->nworkers; i++) {
		struct worker_impl *wi = core_impl(st, i);
		struct worker_polls *old = writer_list(wi);
		struct worker_polls *l = wi->polls_spare;

		l->n = 0;
		PSLIST_WRITER_FOREACH (nif, &st->netifs, on_list) {
			if (i >= nif->nqueues)
				continue;
			SYNC_REQUIRE(l->n < l->cap);
			l->e[l->n++] = (struct worker_poll){nif, i};
		}
		/* POLLS release: pairs with the acquire in the worker; COMMIT. */
		sync_store_release(&wi->polls, l);
		wi->polls_spare = old;
		worker_wake(&wi->worker);
	}
	pserialize_perform();
}
