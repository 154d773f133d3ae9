/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Deferred calls.  A call is pushed on a list of its thread, newest first; one
 * thread of the library collects all lists, waits for a grace period and runs
 * the batch in the order of the calls.  As it collects from every thread, an
 * idle one strands nothing.
 *
 * After a batch the reclaimer naps, and calls made meanwhile cost no system
 * call; only if the nap brought nothing it sleeps until a call wakes it.
 *
 * Invariants
 *   I1  A call is on exactly one of: a thread's list, the orphans, todo.
 *   I2  The orphans and all threads' lists are taken together under the
 *       registry mutex, the orphans first in the batch.  A thread uses the
 *       orphans before it joins and after it leaves, both of which take the
 *       mutex, so its calls keep their order.
 *   I3  Only the reclaimer changes todo, but for a forked child.
 *   I4  A batch takes each thread's list once.  Threads that call without end
 *       can neither hold a batch up nor keep the others out of it.
 *
 * Ordering pairs
 *   CALL   call pushes (release) -> collect takes the list (acquire): what was
 *          done before the call is done before the grace period.
 *   ASKED  barrier adds to asked (release) -> the reclaimer loads it
 *          (acquire) before it collects: a batch that answers a request
 *          includes the calls made before it.
 *   DONE   the reclaimer stores done (release) -> barrier loads it (acquire):
 *          callbacks happen before the return of the barrier.
 * The reclaimer goes to sleep by store state, heavy fence, look at the lists;
 * a call pushes, light fence, looks at state: one of them sees the other.  The
 * threads' lists are looked at before the orphans, as a thread that ends moves
 * its calls from there to here.
 */

#include "libsync/pserialize/pserialize_impl.h"

#include "libsync/base/point.h"
#include "libsync/port/port.h"

#define NAP_NS   1000000u
#define LISTS    64 /* taken at one go */
#define RETRY_NS 1000000u

enum {
	AWAKE,
	NAPPING,
	ASLEEP
};

/* [a] atomic  [s] under start  [k] reclaimer only  [c] under collect */
static struct {
	struct port_mutex start;
	SYNC_ATOMIC(bool) started;                  /* [a][s] */
	struct port_mutex collect;                  /* fork waits for it */
	struct pserialize_list orphans;             /* [a] */
	SYNC_ATOMIC(struct pserialize_head *) todo; /* [a][k] oldest first */
	uint64_t batch;                             /* [k] I4 */
	struct port_event state;                    /* [a] AWAKE, ... */
	SYNC_ATOMIC(uint32_t) asked;                /* [a] barriers begun */
	struct port_event done;                     /* [a] barriers answered */
} rc = {.start = PORT_MUTEX_INIT, .collect = PORT_MUTEX_INIT};

static PORT_THREAD_LOCAL bool is_reclaimer;

/* What one go takes. */
struct harvest {
	struct pserialize_head *lists[LISTS];
	int n;
	uint64_t batch;
};

static void
push(struct pserialize_list *l, struct pserialize_head *first,
    struct pserialize_head *last)
{
	/* relaxed: only compared and stored. */
	struct pserialize_head *seen = sync_load_relaxed(&l->first);

	do {
		last->next = seen;
		/* CALL release: pairs with the acquire in take. */
	} while (!sync_cas_release(&l->first, &seen, first));
}

static struct pserialize_head *
take(struct pserialize_list *l)
{
	/* relaxed: a call missed here is the next batch's. */
	if (sync_load_relaxed(&l->first) == NULL)
		return NULL;
	/* CALL acquire: pairs with the release in push. */
	return sync_xchg_acquire(&l->first, NULL);
}

void
pserialize_reclaim_adopt(struct pserialize_list *calls)
{
	struct pserialize_head *first = take(calls), *last = first;

	if (first == NULL)
		return;
	while (last->next != NULL)
		last = last->next;
	push(&rc.orphans, first, last);
}

static void
harvest_one(struct pserialize_thread *t, void *arg)
{
	struct harvest *h = (struct harvest *)arg;

	if (h->n == 0) /* first thread: I2 */
		h->lists[h->n++] = take(&rc.orphans);
	if (h->n == LISTS || t->batch == h->batch)
		return;
	t->batch = h->batch;
	h->lists[h->n] = take(&t->calls);
	if (h->lists[h->n] != NULL)
		h->n++;
}

/* Turn the list around and append it; tail is the link to set. */
static struct pserialize_head **
append(struct pserialize_head **tail, struct pserialize_head *newest)
{
	struct pserialize_head *oldest = NULL, *next;
	struct pserialize_head **end = newest != NULL ? &newest->next : tail;

	for (struct pserialize_head *h = newest; h != NULL; h = next) {
		next = h->next;
		h->next = oldest;
		oldest = h;
	}
	*tail = oldest;
	return end;
}

/* Move all calls to todo, which is empty.  Context: the reclaimer. */
static void
collect(void)
{
	struct pserialize_head *batch = NULL, **tail = &batch;
	struct harvest h = {.batch = ++rc.batch};

	port_mutex_lock(&rc.collect);
	do {
		h.n = 0;
		/* We are on the registry, so there is a first thread. */
		pserialize_registry_each(harvest_one, &h);
		for (int i = 0; i < h.n; i++)
			tail = append(tail, h.lists[i]);
		SYNC_POINT("reclaim_pass");
	} while (h.n == LISTS);
	/* relaxed: ours; a child sees a copy of the whole memory. */
	sync_store_relaxed(&rc.todo, batch);
	port_mutex_unlock(&rc.collect);
}

/* Wait for a grace period and run todo.  Context: the reclaimer. */
static void
run(void)
{
	/* relaxed: ours. */
	struct pserialize_head *h = sync_load_relaxed(&rc.todo), *next;

	if (h == NULL)
		return;
	pserialize_perform();
	for (; h != NULL; h = next) {
		next = h->next;
		/* relaxed: ours; a child must not run h once more. */
		sync_store_relaxed(&rc.todo, next);
		h->fn(h);
	}
}

/*
 * One batch.
 * Returns: false if there was nothing to do.
 */
static bool
work(void)
{
	bool any;

	collect();
	/* relaxed: ours. */
	any = sync_load_relaxed(&rc.todo) != NULL;
	run();
	return any;
}

static void
pending_one(struct pserialize_thread *t, void *arg)
{
	bool *any = (bool *)arg;

	/* relaxed: only whether there is something. */
	if (sync_load_relaxed(&t->calls.first) != NULL)
		*any = true;
}

static bool
pending(uint32_t asked)
{
	bool any = false;

	pserialize_registry_each(pending_one, &any);
	SYNC_POINT("reclaim_looked");
	/* relaxed: who moved calls here had the mutex before us, or we saw
	 * them just now. */
	any |= sync_load_relaxed(&rc.orphans.first) != NULL;
	/* relaxed: the loop loads it again. */
	return any || sync_load_relaxed(&rc.asked) != asked;
}

static void
nap(uint32_t asked)
{
	/* relaxed: whoever misses it is served after the nap. */
	sync_store_relaxed(&rc.state.word, NAPPING);
	/* relaxed: as above. */
	if (sync_load_relaxed(&rc.asked) == asked)
		port_event_wait(&rc.state, NAPPING, NAP_NS);
	/* relaxed: the lists are looked at next in any case. */
	sync_store_relaxed(&rc.state.word, AWAKE);
}

static void
sleep_until_called(uint32_t asked)
{
	SYNC_POINT("reclaim_tired");
	/* relaxed: the heavy fence orders it before the look at the lists. */
	sync_store_relaxed(&rc.state.word, ASLEEP);
	sync_fence_heavy();
	if (!pending(asked)) {
		SYNC_POINT("reclaim_sleeps");
		port_event_wait(&rc.state, ASLEEP, 0);
	}
	/* relaxed: the lists are looked at next in any case. */
	sync_store_relaxed(&rc.state.word, AWAKE);
}

static void
reclaimer(void)
{
	bool worked = false;

	is_reclaimer = true;
	run(); /* what a forked child has of its parent */
	for (;;) {
		/* ASKED acquire: pairs with the release in barrier. */
		uint32_t asked = sync_load_acquire(&rc.asked);
		bool any = work();

		/* relaxed: only we store it. */
		if (sync_load_relaxed(&rc.done.word) != asked) {
			/* DONE release: pairs with the acquire in barrier. */
			sync_store_release(&rc.done.word, asked);
			port_event_wake(&rc.done);
		}
		if (any || worked)
			nap(asked);
		else
			sleep_until_called(asked);
		worked = any;
	}
}

static void
wake(uint32_t at_least)
{
	/* relaxed: the fence of the caller orders it after the push. */
	if (sync_load_relaxed(&rc.state.word) < at_least)
		return;
	/* relaxed: only wakes; the reclaimer then looks at the lists. */
	if (sync_xchg_relaxed(&rc.state.word, AWAKE) != AWAKE)
		port_event_wake(&rc.state);
}

/* Returns: false if the host has no thread to give now. */
static bool
ensure_started(void)
{
	struct port_mask saved;

	/* relaxed: the thread needs nothing of whoever started it. */
	if (sync_load_relaxed(&rc.started))
		return true;
	port_mask_block(&saved);
	port_mutex_lock(&rc.start);
	/* relaxed: the mutex orders it. */
	bool ok = sync_load_relaxed(&rc.started) ||
		  port_thread_start(reclaimer, "psz-reclaim") == 0;
	/* relaxed: as above. */
	sync_store_relaxed(&rc.started, ok);
	port_mutex_unlock(&rc.start);
	port_mask_restore(&saved);
	return ok;
}

void
pserialize_call(
    struct pserialize_head *head, void (*fn)(struct pserialize_head *))
{
	struct pserialize_thread *self = &pserialize_self;

	SYNC_ASSERT(head != NULL && fn != NULL);
	head->fn = fn;
	push(self->registered ? &self->calls : &rc.orphans, head, head);
	/* If there is no thread now, the next call or barrier tries again. */
	(void)ensure_started();
	sync_fence_light();
	wake(ASLEEP);
}

void
pserialize_barrier(void)
{
	uint32_t mine, seen;

	SYNC_REQUIRE(!pserialize_in_read_section());
	SYNC_REQUIRE(!is_reclaimer);
	while (!ensure_started())
		port_sleep(RETRY_NS);
	/* ASKED release: pairs with the acquire in reclaimer. */
	mine = sync_fetch_add_release(&rc.asked, 1) + 1;
	sync_fence_light();
	wake(NAPPING);
	for (;;) {
		/* DONE acquire: pairs with the release in reclaimer. */
		seen = sync_load_acquire(&rc.done.word);
		if ((int32_t)(seen - mine) >= 0)
			return;
		port_event_wait(&rc.done, seen, 0);
	}
}

void
pserialize_reclaim_fork_prepare(void)
{
	port_mutex_lock(&rc.collect);
}

void
pserialize_reclaim_fork_parent(void)
{
	port_mutex_unlock(&rc.collect);
}

void
pserialize_reclaim_fork_child(void)
{
	port_mutex_init(&rc.collect);
	port_mutex_init(&rc.start);
	is_reclaimer = false;
	/* relaxed: the child's only thread, here and below. */
	sync_store_relaxed(&rc.started, false);
	/* relaxed: as above. */
	sync_store_relaxed(&rc.state.word, AWAKE);
	/* relaxed: as above; barriers of the parent are the parent's. */
	sync_store_relaxed(&rc.done.word, sync_load_relaxed(&rc.asked));
}
