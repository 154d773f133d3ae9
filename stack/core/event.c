/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A queue per subscriber, filled by whoever has news.  The eventfd counts like
 * a semaphore: written before an event is queued, read after one was taken, so
 * it never promises less than there is.
 *
 * Invariants
 *   I1  waiting is at least the number of events in the queue, and at most
 *       capacity but for publishers that are about to take theirs back.
 *
 * Ordering pairs
 *   none: the queue and the list bring their own.
 *
 * Reclamation: event_unsubscribe() waits for publishers, which are in read
 * sections, and frees what is left.
 */

#include "stack/core/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "libsync/base/assert.h"
#include "stack/core/core_impl.h"

/* Of the event, only the next hops that are used are there. */
struct node {
	struct lfqueue_mpsc_node link;
	struct event ev;
};

static size_t
used(const struct event *ev)
{
	return offsetof(struct event, hop) + ev->nhops * sizeof(ev->hop[0]);
}

/* [c] constant  [a] atomic  [e] events_lock */
struct event_queue {
	struct pslist_entry on_list; /* [e] */
	struct stack *stack;         /* [c] */
	size_t capacity;             /* [c] */
	int fd;                      /* [c] */
	struct lfqueue_mpsc nodes;   /* [a] */
	SYNC_ATOMIC(size_t) waiting; /* [a] */
	SYNC_ATOMIC(uint64_t) lost;  /* [a] */
};

void
event_init(struct stack *st)
{
	SYNC_REQUIRE(pthread_mutex_init(&st->events_lock, NULL) == 0);
	pslist_head_init(&st->events);
}

void
event_fini(struct stack *st)
{
	pslist_head_fini(&st->events);
	pthread_mutex_destroy(&st->events_lock);
}

int
event_subscribe(struct stack *st, size_t capacity, struct event_queue **out)
{
	struct event_queue *q;
	int error;

	if (capacity == 0)
		return -EINVAL;
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return -ENOMEM;
	q->stack = st;
	q->capacity = capacity;
	q->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE);
	if (q->fd < 0) {
		error = -errno;
		free(q);
		return error;
	}
	lfqueue_mpsc_init(&q->nodes);
	pslist_entry_init(&q->on_list);
	pthread_mutex_lock(&st->events_lock);
	pslist_writer_insert_head(&st->events, &q->on_list);
	/* relaxed: only a hint that somebody listens. */
	sync_fetch_add_relaxed(&st->events_n, 1);
	pthread_mutex_unlock(&st->events_lock);
	*out = q;
	return 0;
}

void
event_unsubscribe(struct event_queue *q)
{
	struct stack *st = q->stack;
	struct event ev;

	pthread_mutex_lock(&st->events_lock);
	pslist_writer_remove(&q->on_list);
	/* relaxed: only a hint that somebody listens. */
	sync_fetch_add_relaxed(&st->events_n, -1U);
	pthread_mutex_unlock(&st->events_lock);
	pserialize_perform();
	while (event_pop(q, &ev))
		;
	pslist_entry_fini(&q->on_list);
	close(q->fd);
	free(q);
}

bool
event_pop(struct event_queue *q, struct event *out)
{
	struct lfqueue_mpsc_node *n = lfqueue_mpsc_pop(&q->nodes);
	struct node *node;
	uint64_t one;

	if (n == NULL)
		return false;
	node = CORE_CONTAINER(n, struct node, link);
	memcpy(out, &node->ev, used(&node->ev));
	free(node);
	/* relaxed: a bound, no order. */
	sync_fetch_add_relaxed(&q->waiting, (size_t)-1);
	SYNC_REQUIRE(read(q->fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
	return true;
}

int
event_fd(const struct event_queue *q)
{
	return q->fd;
}

uint64_t
event_lost(const struct event_queue *q)
{
	/* relaxed: a count orders nothing. */
	return sync_load_relaxed(&q->lost);
}

static void
deliver(struct event_queue *q, const struct event *ev)
{
	const uint64_t one = 1;
	struct node *node = NULL;

	/* relaxed: a bound, no order. */
	if (sync_fetch_add_relaxed(&q->waiting, 1) < q->capacity)
		node = malloc(offsetof(struct node, ev) + used(ev));
	if (node == NULL) {
		/* relaxed: a bound and a count, no order. */
		sync_fetch_add_relaxed(&q->waiting, (size_t)-1);
		sync_fetch_add_relaxed(&q->lost, 1);
		return;
	}
	memcpy(&node->ev, ev, used(ev));
	SYNC_REQUIRE(write(q->fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
	lfqueue_mpsc_push(&q->nodes, &node->link);
}

bool
event_wanted(struct stack *st)
{
	/* relaxed: an event at the time of a subscription may be missed. */
	return sync_load_relaxed(&st->events_n) != 0;
}

void
event_publish(struct stack *st, const struct event *ev)
{
	struct event_queue *q;
	struct event copy;
	uint64_t s;

	/* relaxed: a number, no order. */
	const uint64_t seq = sync_fetch_add_relaxed(&st->events_seq, 1) + 1;

	if (!event_wanted(st))
		return;
	memcpy(&copy, ev, used(ev));
	copy.seq = seq;
	s = pserialize_read_enter();
	PSLIST_READER_FOREACH (q, &st->events, on_list)
		deliver(q, &copy);
	pserialize_read_exit(s);
}

void
event_publish_link(struct netif *nif, enum event_action action)
{
	struct event ev = {.kind = EVENT_LINK, .action = action};

	ev.netif = nif->id;
	memcpy(ev.ifname, nif->name, sizeof(ev.ifname));
	/* relaxed: whoever reads the event reads of a moment ago. */
	ev.flags = sync_load_relaxed(&nif->flags);
	ev.mtu = sync_load_relaxed(&nif->mtu);
	memcpy(ev.hwaddr, nif->hwaddr, sizeof(ev.hwaddr));
	event_publish(nif->stack, &ev);
}
