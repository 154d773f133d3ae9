/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Deferred calls, the side that runs them.  In each domain there is one batch:
 * all lists are taken together, wait for a grace period, and are run in the
 * order of the calls; only then is the next batch taken.  One thread of the
 * library does so for all domains and waits for none of them, so that readers
 * of one do not delay the callbacks of another; or the host does it.
 *
 * After a batch the reclaimer naps, and calls made meanwhile cost no system
 * call; only if the nap brought nothing it sleeps until a call wakes it.
 *
 * Invariants
 *   I1  The orphans and all threads' lists of a domain are taken together under
 *       the registry mutex, the orphans first in the batch.
 *   I2  Only whoever holds collect changes a batch, but for its todo while it
 *       is OUT: that is for who runs it, and for a forked child.
 *   I3  A batch takes each thread's list once.  Threads that call without end
 *       can neither hold a batch up nor keep the others out of it.
 *
 * Ordering pairs
 *   ASKED  barrier adds to asked (release) -> gather loads it (acquire) before
 *          it takes the lists: a batch that answers a request includes the
 *          calls made before it.
 *   DONE   whoever ran a batch stores done (release) -> barrier loads it
 *          (acquire): callbacks happen before the return of the barrier.
 * CALL is declared in call.c.
 * The reclaimer goes to sleep by store state, heavy fence, look at the lists;
 * a call pushes, light fence, looks at state: one of them sees the other.  The
 * threads' lists are looked at before the orphans, as a thread that ends moves
 * its calls from there to here.
 */

#include "libsync/base/point.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize_impl.h"

#define NAP_NS   1000000u
#define WAIT_NS  10000u /* for readers, the first time */
#define RETRY_NS 1000000u
#define SPINS    100
#define LISTS    64 /* taken at one go */

enum stage {
	EMPTY,
	WAITING, /* for a grace period */
	OUT      /* being run */
};

/* [a] atomic  [c] under collect */
struct batch {
	enum stage stage;                           /* [c] */
	SYNC_ATOMIC(struct pserialize_head *) todo; /* [a] I2, oldest first */
	SYNC_ATOMIC(uint64_t) number; /* [a] of the batch, in the process */
	uint64_t gp;                  /* [c] */
	uint32_t ticket;              /* [c] requests that it answers */
	uint64_t made;                /* [c] calls counted when it was taken */
	uint64_t bytes;               /* [c] */
	SYNC_ATOMIC(uint64_t) since;  /* [a] ns when it was taken; 0: none */
	SYNC_ATOMIC(uint32_t) asked;  /* [a] barriers begun */
	SYNC_ATOMIC(uint32_t) runner; /* [a] thread that runs it; 0: none */
	struct port_event done;       /* [a] barriers answered */
} __attribute__((aligned(SYNC_CACHELINE)));

enum {
	NOT_STARTED,
	STARTED,
	MANUAL,  /* the host collects */
	STOPPING /* the thread is to end */
};

/* [a] atomic  [s] under start  [c] under collect */
static struct {
	struct port_event state;  /* [a] AWAKE, ... */
	SYNC_ATOMIC(int) started; /* [a][s] */
	struct port_mutex start;
	struct port_mutex collect; /* fork waits for it */
	uint64_t batches;          /* [c] numbers of batches and passes */
	struct batch batch[PSERIALIZE_DOMAINS];
} rc = {.start = PORT_MUTEX_INIT, .collect = PORT_MUTEX_INIT};

/* What one go takes. */
struct harvest {
	struct pserialize_head *lists[LISTS];
	int n;
	unsigned domain;
	uint64_t batch;
};

static void
harvest_one(struct pserialize_thread *t, void *arg)
{
	struct harvest *h = (struct harvest *)arg;

	if (h->n == 0) /* first thread: I1 */
		h->lists[h->n++] =
		    pserialize_call_take(&pserialize_inbox[h->domain].orphans);
	if (h->n == LISTS || t->batch == h->batch)
		return;
	t->batch = h->batch;
	h->lists[h->n] = pserialize_call_take(&t->lanes[h->domain].calls);
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

struct sums {
	unsigned domain;
	uint64_t made, bytes;
};

static void
sum_one(struct pserialize_thread *t, void *arg)
{
	struct sums *s = (struct sums *)arg;

	if (s->made == 0 && s->bytes == 0) { /* first thread */
		struct pserialize_inbox *in = &pserialize_inbox[s->domain];

		/* relaxed: numbers. */
		s->made = sync_load_relaxed(&in->gone_made);
		/* relaxed: as above. */
		s->bytes = sync_load_relaxed(&in->gone_bytes);
	}
	/* relaxed: as above. */
	s->made += sync_load_relaxed(&t->lanes[s->domain].made);
	/* relaxed: as above. */
	s->bytes += sync_load_relaxed(&t->lanes[s->domain].bytes);
}

/* Take all calls of a domain, which has no batch.  Caller holds collect. */
static void
gather(unsigned d)
{
	struct pserialize_head *first = NULL, **tail = &first;
	struct harvest h = {.domain = d, .batch = ++rc.batches};
	struct sums sums = {.domain = d};
	struct batch *b = &rc.batch[d];

	/* ASKED acquire: pairs with the release in barrier. */
	b->ticket = sync_load_acquire(&b->asked);
	do {
		h.n = 0;
		/* We are on the registry, so there is a first thread. */
		pserialize_registry_each(harvest_one, &h);
		for (int i = 0; i < h.n; i++)
			tail = append(tail, h.lists[i]);
		SYNC_POINT("reclaim_pass");
	} while (h.n == LISTS);
	if (first == NULL)
		return;
	pserialize_registry_each(sum_one, &sums);
	/* relaxed: whoever reads it has the batch. */
	sync_store_relaxed(&b->number, h.batch);
	b->made = sums.made;
	b->bytes = sums.bytes;
	/* relaxed: for statistics. */
	sync_store_relaxed(&b->since, port_clock_ns());
	/* relaxed: I2. */
	sync_store_relaxed(&b->todo, first);
	b->gp = pserialize_domain_poll_start(d);
	b->stage = WAITING;
}

/* A batch has been run, or was none.  Caller holds collect. */
static void
answer(unsigned d)
{
	struct batch *b = &rc.batch[d];

	b->stage = EMPTY;
	/* relaxed: only changed with collect held. */
	if (sync_load_relaxed(&b->done.word) == b->ticket)
		return;
	/* DONE release: pairs with the acquire in barrier. */
	sync_store_release(&b->done.word, b->ticket);
	port_event_wake(&b->done);
}

/* Caller holds collect; the batch waits no more. */
static void
hand_out(unsigned d, struct pserialize_ready *out)
{
	struct batch *b = &rc.batch[d];

	b->stage = OUT;
	/* relaxed: I2. */
	out->first = sync_load_relaxed(&b->todo);
	/* relaxed: a number. */
	out->count =
	    b->made - sync_load_relaxed(&pserialize_inbox[d].freed_made);
	out->domain = d;
	/* relaxed: only changed with collect held. */
	out->batch = sync_load_relaxed(&b->number);
}

/*
 * Returns: what the batch of a domain is in; out is written for OUT, and only
 *          then the batch is the caller's.
 */
static enum stage
advance(unsigned d, struct pserialize_ready *out)
{
	struct batch *b = &rc.batch[d];
	enum stage found;
	uint64_t gp;

	port_mutex_lock(&rc.collect);
	if (b->stage == EMPTY) {
		gather(d);
		if (b->stage == EMPTY)
			answer(d);
	}
	found = b->stage;
	gp = b->gp;
	port_mutex_unlock(&rc.collect);
	if (found == OUT) /* of somebody else */
		return WAITING;
	if (found == EMPTY)
		return EMPTY;
	if (!pserialize_domain_poll(d, gp))
		(void)pserialize_domain_poll_advance(d);
	port_mutex_lock(&rc.collect);
	if (b->stage == WAITING && pserialize_domain_poll(d, b->gp)) {
		hand_out(d, out);
		found = OUT;
	}
	port_mutex_unlock(&rc.collect);
	return found;
}

bool
pserialize_collect(unsigned domain, struct pserialize_ready *out)
{
	/* relaxed: the host said so before. */
	SYNC_REQUIRE(sync_load_relaxed(&rc.started) == MANUAL);
	return advance(domain, out) == OUT;
}

/*
 * Take the first callback off a batch that is OUT.
 * Returns: NULL at its end, or if this is the copy of a batch in a child.
 */
static struct pserialize_head *
next_of(const struct pserialize_ready *r)
{
	struct batch *b = &rc.batch[r->domain];
	struct pserialize_head *h;

	/* relaxed: changed by nobody else, but before there is one. */
	if (sync_load_relaxed(&b->number) != r->batch)
		return NULL;
	/* relaxed: I2; a child must not run h once more. */
	h = sync_load_relaxed(&b->todo);
	if (h != NULL)
		/* relaxed: as above. */
		sync_store_relaxed(&b->todo, h->next);
	return h;
}

void
pserialize_run(struct pserialize_ready *ready)
{
	struct pserialize_inbox *in = &pserialize_inbox[ready->domain];
	struct batch *b = &rc.batch[ready->domain];
	struct pserialize_head *h;

	/* relaxed: only this thread looks for its own number. */
	sync_store_relaxed(&b->runner, port_thread_id());
	while ((h = next_of(ready)) != NULL)
		h->fn(h);
	ready->first = NULL;
	port_mutex_lock(&rc.collect);
	/* relaxed: as above; a child's copy may be run by another by now. */
	if (sync_load_relaxed(&b->runner) == port_thread_id())
		/* relaxed: as above. */
		sync_store_relaxed(&b->runner, 0);
	/* relaxed: numbers; here and below. */
	if (b->stage == OUT && sync_load_relaxed(&b->number) == ready->batch) {
		/* relaxed: as above. */
		sync_store_relaxed(&in->freed_made, b->made);
		/* relaxed: as above. */
		sync_store_relaxed(&in->freed_bytes, b->bytes);
		/* relaxed: as above. */
		sync_store_relaxed(&b->since, 0);
		answer(ready->domain);
	}
	port_mutex_unlock(&rc.collect);
}

bool
pserialize_in_callback(void)
{
	const uint32_t me = port_thread_id();
	bool mine = false;

	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++)
		/* relaxed: only this thread stores our number. */
		mine |= sync_load_relaxed(&rc.batch[d].runner) == me;
	return mine;
}

/* What the reclaimer found in all domains. */
struct turn {
	bool ran, waits;
};

/* Serve one domain; spin says how often to look for a period to end. */
static void
serve(unsigned d, int spin, struct turn *t)
{
	struct pserialize_ready ready;

	for (int i = 0; i < spin; i++) {
		switch (advance(d, &ready)) {
		case EMPTY:
			return;
		case OUT:
			pserialize_run(&ready);
			t->ran = true;
			return;
		case WAITING:
			port_pause();
		}
	}
	t->waits = true;
}

static struct turn
serve_all(int spin)
{
	const uint32_t used = pserialize_domain_mask();
	struct turn t = {false, false};

	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++)
		if ((used >> d & 1) != 0)
			serve(d, spin, &t);
	return t;
}

static void
pending_one(struct pserialize_thread *t, void *arg)
{
	bool *any = (bool *)arg;

	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++)
		/* relaxed: only whether there is something. */
		if (sync_load_relaxed(&t->lanes[d].calls.first) != NULL)
			*any = true;
}

/* Does a barrier wait that no batch has been gathered for? */
static bool
asked(void)
{
	bool any = false;

	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++) {
		struct batch *b = &rc.batch[d];

		/* relaxed: the loop loads them again. */
		any |= sync_load_relaxed(&b->asked) !=
		       sync_load_relaxed(&b->done.word);
	}
	return any;
}

static bool
pending(void)
{
	bool any = false;

	pserialize_registry_each(pending_one, &any);
	SYNC_POINT("reclaim_looked");
	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++)
		/* relaxed: who moved calls here had the mutex before us, or we
		 * saw them just now. */
		any |= sync_load_relaxed(&pserialize_inbox[d].orphans.first) !=
		       NULL;
	/* relaxed: whoever stops us fences before it looks at the state. */
	return any || asked() || sync_load_relaxed(&rc.started) == STOPPING;
}

static void
nap(uint32_t ns, bool waits)
{
	/* relaxed: whoever misses it is served after the nap. */
	sync_store_relaxed(&rc.state.word, PSERIALIZE_NAPPING);
	if (waits || !asked())
		port_event_wait(&rc.state, PSERIALIZE_NAPPING, ns);
	/* relaxed: the lists are looked at next in any case. */
	sync_store_relaxed(&rc.state.word, PSERIALIZE_AWAKE);
}

static void
sleep_until_called(void)
{
	SYNC_POINT("reclaim_tired");
	/* relaxed: the heavy fence orders it before the look at the lists. */
	sync_store_relaxed(&rc.state.word, PSERIALIZE_ASLEEP);
	sync_fence_heavy();
	if (!pending()) {
		SYNC_POINT("reclaim_sleeps");
		port_event_wait(&rc.state, PSERIALIZE_ASLEEP, 0);
	}
	/* relaxed: the lists are looked at next in any case. */
	sync_store_relaxed(&rc.state.word, PSERIALIZE_AWAKE);
}

static void
reclaimer(void)
{
	uint32_t wait = WAIT_NS;
	bool ran = false;

	for (;;) {
		/* relaxed: only whether to go on. */
		const bool last = sync_load_relaxed(&rc.started) == STOPPING;
		const struct turn t = serve_all(wait == WAIT_NS ? SPINS : 1);

		if (t.waits) {
			nap(wait, true);
			wait = wait < NAP_NS / 2 ? wait * 2 : NAP_NS;
			continue;
		}
		wait = WAIT_NS;
		if (last && !t.ran)
			return; /* callbacks have called for nothing more */
		if (t.ran || ran)
			nap(NAP_NS, false);
		else
			sleep_until_called();
		ran = t.ran;
	}
}

/* Context: after a fence that follows what the reclaimer is to see. */
static void
wake(uint32_t at_least)
{
	/* relaxed: the fence of the caller orders it. */
	if (__builtin_expect(sync_load_relaxed(&rc.state.word) < at_least, 1))
		return;
	/* relaxed: only wakes; the reclaimer then looks at the lists. */
	if (sync_xchg_relaxed(&rc.state.word, PSERIALIZE_AWAKE) !=
	    PSERIALIZE_AWAKE)
		port_event_wake(&rc.state);
}

/* Returns: false if the host has no thread to give now. */
static bool
ensure_started(void)
{
	struct port_mask saved;
	int started;

	/* relaxed: the thread needs nothing of whoever started it. */
	if (__builtin_expect(sync_load_relaxed(&rc.started) != NOT_STARTED, 1))
		return true;
	port_mask_block(&saved);
	port_mutex_lock(&rc.start);
	/* relaxed: the mutex orders it. */
	started = sync_load_relaxed(&rc.started);
	if (started == NOT_STARTED &&
	    port_thread_start(reclaimer, "psz-reclaim") == 0) {
		started = STARTED;
		/* relaxed: as above. */
		sync_store_relaxed(&rc.started, started);
	}
	port_mutex_unlock(&rc.start);
	port_mask_restore(&saved);
	return started != NOT_STARTED;
}

int
pserialize_manual(void)
{
	struct port_mask saved;
	int err = 0;

	port_mask_block(&saved);
	port_mutex_lock(&rc.start);
	/* relaxed: the mutex orders it. */
	if (sync_load_relaxed(&rc.started) == STARTED)
		err = -EBUSY;
	else
		/* relaxed: as above. */
		sync_store_relaxed(&rc.started, MANUAL);
	port_mutex_unlock(&rc.start);
	port_mask_restore(&saved);
	return err;
}

#if PORT_BY_CPU
int
pserialize_reclaim_start(void)
{
	return ensure_started() ? 0 : -EAGAIN;
}

/* Callbacks may call for more, in other domains, too. */
static void
finish_manually(void)
{
	do {
		for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++)
			if (pserialize_domain_name(d) != NULL)
				pserialize_domain_barrier(d);
	} while (pending());
}

void
pserialize_reclaim_stop(void)
{
	/* relaxed: nobody calls any more. */
	const int started = sync_load_relaxed(&rc.started);

	if (started == MANUAL)
		finish_manually();
	if (started != STARTED)
		return;
	/* relaxed: the fence orders it before the look at the state. */
	sync_store_relaxed(&rc.started, STOPPING);
	sync_fence_light();
	wake(PSERIALIZE_NAPPING);
	port_thread_wait();
	/* relaxed: the thread has gone. */
	sync_store_relaxed(&rc.started, NOT_STARTED);
}
#endif

void
pserialize_reclaim_kick(uint32_t at_least)
{
	/* If there is no thread now, the next call or barrier tries again. */
	(void)ensure_started();
	wake(at_least);
}

/* Wait until done is no longer seen, or help if there is no reclaimer. */
static void
await(unsigned d, uint32_t seen)
{
	struct pserialize_ready ready;

	/* relaxed: set before the first call. */
	if (sync_load_relaxed(&rc.started) != MANUAL)
		port_event_wait(&rc.batch[d].done, seen, 0);
	else if (pserialize_collect(d, &ready))
		pserialize_run(&ready);
	else
		port_event_wait(&rc.batch[d].done, seen, WAIT_NS);
}

void
pserialize_domain_barrier(unsigned domain)
{
	struct batch *b = &rc.batch[domain];
	uint32_t mine, seen;
	bool online;

	SYNC_REQUIRE(!pserialize_domain_in_section(domain));
	SYNC_REQUIRE(!pserialize_in_callback());
	online = !pserialize_in_read_section() && pserialize_pause_online();
	while (!ensure_started())
		port_sleep(RETRY_NS);
	/* ASKED release: pairs with the acquire in gather. */
	mine = sync_fetch_add_release(&b->asked, 1) + 1;
	sync_fence_light();
	pserialize_reclaim_kick(PSERIALIZE_NAPPING);
	for (;;) {
		/* DONE acquire: pairs with the release in answer. */
		seen = sync_load_acquire(&b->done.word);
		if ((int32_t)(seen - mine) >= 0)
			break;
		await(domain, seen);
	}
	if (online)
		pserialize_online();
}

void
pserialize_barrier(void)
{
	pserialize_domain_barrier(0);
}

void
pserialize_get_stats(unsigned domain, struct pserialize_stats *out)
{
	struct pserialize_inbox *in = &pserialize_inbox[domain];
	struct sums sums = {.domain = domain};
	uint64_t since;

	/* relaxed: numbers, the older ones first; here and below. */
	const uint64_t made = sync_load_relaxed(&in->freed_made);
	/* relaxed: as above. */
	const uint64_t bytes = sync_load_relaxed(&in->freed_bytes);

	pserialize_registry_each(sum_one, &sums);
	out->called = sums.made;
	out->queued = sums.made - made;
	out->bytes = sums.bytes - bytes;
	/* relaxed: as above. */
	since = sync_load_relaxed(&rc.batch[domain].since);
	out->oldest_ns = since != 0 ? port_clock_ns() - since : 0;
	/* relaxed: as above. */
	out->periods = sync_load_relaxed(&pserialize_now[domain].seq) / 2;
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

/*
 * What was being run has to be run on: the batch waits once more, under another
 * number, so that a copy of the one who ran it stops.
 */
static void
reclaim_batch(struct batch *b, uint32_t was, uint32_t now)
{
	/* relaxed: the child's only thread; here and below. */
	if (sync_load_relaxed(&b->runner) != 0)
		/* relaxed: as above; a callback that forked is still in one. */
		sync_store_relaxed(
		    &b->runner, sync_load_relaxed(&b->runner) == was ? now : 0);
	if (b->stage == OUT) {
		b->stage = WAITING;
		/* relaxed: the child's only thread; here and below. */
		sync_store_relaxed(&b->number, ++rc.batches);
	}
	/* relaxed: as above; barriers of the parent are the parent's. */
	sync_store_relaxed(&b->done.word, sync_load_relaxed(&b->asked));
	/* relaxed: as above. */
	b->ticket = sync_load_relaxed(&b->asked);
}

void
pserialize_reclaim_fork_child(uint32_t was, uint32_t now)
{
	port_mutex_init(&rc.collect);
	port_mutex_init(&rc.start);
	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++)
		reclaim_batch(&rc.batch[d], was, now);
	/* relaxed: the child's only thread, here and below. */
	if (sync_load_relaxed(&rc.started) == STARTED)
		/* relaxed: as above. */
		sync_store_relaxed(&rc.started, NOT_STARTED);
	/* relaxed: as above. */
	sync_store_relaxed(&rc.state.word, PSERIALIZE_AWAKE);
}
