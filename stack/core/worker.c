/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A worker's turn, and what reaches it from outside: messages, calls, and the
 * wake-up.  Threads are worker_thread.c's; here nothing sleeps.
 *
 * Invariants
 *   I1  Between two turns a worker is in no section, and holds neither
 *       collected frames nor packets of other pools.
 *   I2  A wait is answered after the turn that ran it, so what that turn
 *       collected has left, and the section it ran in has ended.
 *
 * Ordering pairs
 *   WAKE   Whoever wakes a worker has stored what it shall find (a message, a
 *          frame on a ring, a list to poll), passes a light fence, and loads
 *          armed, or exchanges it (seq_cst); the worker stores armed
 *          (seq_cst), passes a heavy fence, and looks for work
 *          (worker_thread.c).  Without the fences both could look before
 *          either store is seen: the worker would sleep on work, and nobody
 *          would wake it.
 *   (POLLS: see worker_polls.c.)
 */

#include "stack/core/worker.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "libsync/base/assert.h"
#include "libsync/base/fence.h"
#include "stack/core/core_impl.h"

#define MESSAGES_MAX 256 /* of one turn */
#define SECTION_MAX  64  /* messages of one section */

/* The finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

int
worker_create(struct stack *st, unsigned int id)
{
	const size_t size = SYNC_ROUNDUP(
	    sizeof(struct worker_impl) + st->nworkers * sizeof(struct pkt *),
	    SYNC_CACHELINE);
	struct worker_impl *wi = aligned_alloc(SYNC_CACHELINE, size);
	struct worker *w;
	int error;

	if (wi == NULL)
		return -ENOMEM;
	*wi = (struct worker_impl){.wake_fd = -1};
	for (unsigned int i = 0; i < st->nworkers; i++)
		wi->foreign[i] = NULL;
	st->workers[id] = wi;
	lfqueue_mpsc_init(&wi->mailbox);
	wi->tx_end = &wi->tx_first;
	w = &wi->worker;
	w->stack = st;
	w->impl = wi;
	w->id = id;
	w->now = stack_clock(st);
	w->random = mix(st->seed + id * UINT64_C(0x9e3779b97f4a7c15));
	wi->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wi->wake_fd < 0)
		return -errno;
	error = timer_wheel_create(w->now, &w->wheel);
	return error != 0 ? error : worker_polls_create(wi);
}

void
worker_destroy(struct stack *st, unsigned int id)
{
	struct worker_impl *wi = st->workers[id];

	if (wi == NULL)
		return;
	worker_polls_destroy(wi);
	timer_wheel_destroy(wi->worker.wheel);
	if (wi->wake_fd >= 0)
		close(wi->wake_fd);
	free(wi->fds);
	free(wi);
}

uint64_t
worker_random(struct worker *w)
{
	w->random += UINT64_C(0x9e3779b97f4a7c15);
	return mix(w->random);
}

/* Without a look at *w: its worker writes that line in each turn. */
static struct worker_impl *
impl_of(struct worker *w)
{
	return CORE_CONTAINER(w, struct worker_impl, worker);
}

void
worker_wake(struct worker *w)
{
	struct worker_impl *wi = impl_of(w);
	const uint64_t one = 1;

	sync_fence_light();
	/* relaxed: the fence orders it (WAKE). */
	if (sync_load_relaxed(&wi->armed) == 0)
		return;
	/* WAKE seq_cst: pairs with the store in worker_thread.c; the one
	 * that finds it armed rings. */
	if (sync_xchg_seq_cst(&wi->armed, 0) != 0)
		SYNC_REQUIRE(write(wi->wake_fd, &one, sizeof(one)) ==
				 (ssize_t)sizeof(one) ||
			     errno == EAGAIN);
}

void
worker_post(struct worker *w, struct worker_msg *msg)
{
	SYNC_ASSERT(msg->fn != NULL);
	lfqueue_mpsc_push(&impl_of(w)->mailbox, &msg->node);
	worker_wake(w);
}

static bool
poll_queue(struct worker *w, const struct worker_poll *p)
{
	struct netif *nif = p->nif;
	struct pkt_batch b;

	/* relaxed: polling a vanished device once more does no harm. */
	if ((sync_load_relaxed(&nif->flags) & NETIF_GONE) != 0)
		return false;
	b.n = 0;
	nif->ops->poll(nif, p->queue, w, &b);
	if (b.n == 0)
		return false;
	netif_input(w, nif, &b);
	return true;
}

/* The list may change between two sections: a queue may wait for a turn. */
static bool
poll_queues(struct worker *w)
{
	const struct worker_polls *polls;
	bool busy = false, more = true;

	for (unsigned int i = 0; more; i++) {
		const uint64_t s = pserialize_read_enter();

		/* POLLS acquire: pairs with the release in worker_polls.c. */
		polls = sync_load_acquire(&w->impl->polls);
		more = i < polls->n;
		if (more)
			busy |= poll_queue(w, &polls->e[i]);
		pserialize_read_exit(s);
	}
	return busy;
}

static unsigned int
run_messages(struct worker *w, unsigned int max)
{
	struct lfqueue_mpsc_node *node = NULL;
	unsigned int n = 0;

	do {
		const uint64_t s = pserialize_read_enter();

		for (unsigned int i = 0; i < SECTION_MAX; i++) {
			struct worker_msg *msg;

			node = lfqueue_mpsc_pop(&w->impl->mailbox);
			if (node == NULL)
				break;
			msg = CORE_CONTAINER(node, struct worker_msg, node);
			msg->fn(w, msg);
			n++;
		}
		pserialize_read_exit(s);
	} while (node != NULL && n < max);
	return n;
}

static void
turn_end(struct worker *w)
{
	struct worker_impl *wi = w->impl;
	struct worker_wait *wt = wi->waits, *next;

	netif_output_flush(w);
	pkt_flush_foreign(w);
	wi->waits = NULL;
	for (; wt != NULL; wt = next) {
		next = wt->next;
		SYNC_REQUIRE(sem_post(wt->done) == 0);
	}
}

bool
worker_turn(struct worker *w, uint64_t now)
{
	struct percpu_counters *stat = w->stack->worker_stat;
	unsigned int messages, timers;
	bool busy;

	SYNC_ASSERT(!pserialize_in_read_section());
	if (now > w->now)
		w->now = now;
	timer_turn_begin(w);
	busy = poll_queues(w);
	messages = run_messages(w, MESSAGES_MAX);
	timers = timer_turn_run(w);
	turn_end(w);

	busy |= messages > 0 || timers > 0;
	percpu_counters_add(
	    stat, w->id, busy ? WORKER_TURNS : WORKER_IDLE_TURNS, 1);
	if (messages > 0)
		percpu_counters_add(stat, w->id, WORKER_MESSAGES, messages);
	if (timers > 0)
		percpu_counters_add(stat, w->id, WORKER_TIMERS, timers);
	return busy;
}

uint64_t
worker_next_event(struct worker *w)
{
	const struct worker_polls *polls;
	uint64_t next = timer_next(w), t, s;

	if (!lfqueue_mpsc_empty(&w->impl->mailbox))
		return w->now;
	s = pserialize_read_enter();
	/* POLLS acquire: pairs with the release in worker_polls.c. */
	polls = sync_load_acquire(&w->impl->polls);
	for (unsigned int i = 0; i < polls->n; i++) {
		struct netif *nif = polls->e[i].nif;

		if (nif->ops->next_event == NULL)
			continue;
		t = nif->ops->next_event(nif, polls->e[i].queue);
		if (t < next)
			next = t;
	}
	pserialize_read_exit(s);
	return next;
}

static void
wait_run(struct worker *w, struct worker_msg *msg)
{
	struct worker_wait *wt = CORE_CONTAINER(msg, struct worker_wait, msg);

	if (wt->fn != NULL)
		wt->result = wt->fn(w, wt->arg);
	wt->ran = true;
	wt->next = w->impl->waits;
	w->impl->waits = wt;
}

void
worker_wait_post(struct worker *w, struct worker_wait *wt)
{
	wt->msg.fn = wait_run;
	worker_post(w, &wt->msg);
}

void
worker_wait_inline(struct worker *w, struct worker_wait *wt)
{
	const uint64_t now = stack_clock(w->stack);

	if (now > w->now)
		w->now = now;
	while (!wt->ran)
		if (run_messages(w, 1) == 0)
			sched_yield();
	turn_end(w);
}

int
worker_call(struct worker *w, int (*fn)(struct worker *w, void *arg), void *arg)
{
	struct worker_wait wt = {.fn = fn, .arg = arg};

	SYNC_REQUIRE(fn != NULL);
	core_wait(w->stack, w->id, 1, &wt);
	return wt.result;
}

uint64_t
worker_counter_read(struct stack *st, unsigned int id, enum worker_counter c)
{
	return percpu_counters_read(st->worker_stat, id, c);
}

const char *
worker_counter_name(enum worker_counter c)
{
	static const char *const names[WORKER_COUNTER_COUNT] = {
	    [WORKER_TURNS] = "turns",
	    [WORKER_IDLE_TURNS] = "idle-turns",
	    [WORKER_SLEEPS] = "sleeps",
	    [WORKER_MESSAGES] = "messages",
	    [WORKER_TIMERS] = "timers",
	    [WORKER_REMOTE_FREES] = "remote-frees",
	};

	SYNC_REQUIRE(c < WORKER_COUNTER_COUNT);
	return names[c];
}
