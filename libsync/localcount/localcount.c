/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * While a count is live, a reference is one more in the cell of the thread
 * that acquired and one less in the cell of the one that released; only the
 * sum means something.  Draining turns the state, waits for a grace period,
 * after which nobody counts in cells any more, and adds their sum to total,
 * which has been the count of everybody who came later.  Until then BIAS keeps
 * total from being zero.
 *
 * A thread has one of SHARDS - 1 shards for itself, and counts there by load
 * and store.  Threads beyond share SHARED, and add atomically.  A chunk holds
 * the cells of PER_CHUNK counts, so that no cache line has two threads' cells.
 *
 * Who releases the last reference looks at nothing of the count afterwards but
 * rings one process-wide bell: the count may be gone.  The grace period at the
 * end of the drain is for readers that release inside a section and follow the
 * object's pointers afterwards.
 *
 * Invariants
 *   I1  Cells change only inside a section that saw the state LIVE.
 *   I2  The cells of a shard but SHARED are written by its thread only, or by
 *       who drains, after a grace period.
 *   I3  Cells of a count that is not LIVE, and was drained, are zero.
 *
 * Ordering pairs
 *   STATE  reinit stores state (release) -> acquire, tryacquire and release
 *          load it (acquire): the cells and total are as reinit left them.
 *          Killed by: mutant localcount-reinit-relaxed.
 *   BELL   the last release rings (release) -> drain loads the bell (acquire)
 *          before it looks at total: a ring that is missed is followed by a
 *          look.  Killed by: mutant localcount-bell-after-total.
 * What is done under a reference happens before the end of the drain, as every
 * release is a section, and a grace period follows it: the first one in the
 * drain if the release saw the state LIVE, else the second.
 *
 * Reclamation: a chunk is freed with its last count, under the mutex; a thread
 * gives its shard back, under the same mutex, when it ends.
 */

#include "libsync/localcount/localcount.h"

#include "libsync/base/assert.h"
#include "libsync/base/point.h"
#include "libsync/port/port.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"

#define SHARDS    32
#define SHARED    0
#define NONE      SHARDS
#define PER_CHUNK (SYNC_CACHELINE / sizeof(struct localcount_cell))
#define BIAS      ((uint64_t)1 << 63)

enum {
	LIVE,
	DRAINING,
	DRAINED
};

/* [a] atomic, I2  [m] mutex */
struct localcount_chunk {
	struct localcount_cell cells[SHARDS][PER_CHUNK]; /* [a] */
	unsigned used;                                   /* [m] one bit each */
	struct localcount_chunk *next;                   /* [m] */
	struct localcount_chunk **prevp;                 /* [m] */
};

/* The calling thread's. */
static PORT_LOCAL(unsigned, shard) PORT_LOCAL_INIT(NONE);

/* [m] mutex  [a] atomic */
static struct {
	struct port_mutex mutex;
	struct localcount_chunk *first; /* [m] */
	uint32_t shards;                /* [m] taken, one bit each */
	unsigned started;               /* [m] readers from the start */
	SYNC_ATOMIC(unsigned) top;      /* [a][m] above all ever taken */
	struct port_exit exit_hook;     /* [c] */
	struct port_event bell;         /* [a] rung when a total gets zero */
} lcs = {.mutex = PORT_MUTEX_INIT, .shards = 1u << SHARED, .top = {SHARED + 1}};

_Static_assert(SHARDS <= 32, "a bit for each shard");

static void
thread_gone(void *arg)
{
	unsigned *mine = port_local(shard);

	SYNC_REQUIRE(arg == mine);
	port_mutex_lock(&lcs.mutex);
	if (*mine != SHARED)
		lcs.shards &= ~(1u << *mine);
	port_mutex_unlock(&lcs.mutex);
	*mine = NONE;
}

static void
fork_prepare(void)
{
	port_mutex_lock(&lcs.mutex);
}

static void
fork_parent(void)
{
	port_mutex_unlock(&lcs.mutex);
}

/* The shards of threads that the child does not have are free. */
static void
fork_child(void)
{
	const unsigned mine = *port_local(shard);

	lcs.shards = 1u << SHARED;
	if (mine != NONE)
		lcs.shards |= 1u << mine;
	port_mutex_init(&lcs.mutex);
}

/* Give a reader a shard until it ends.  Context: mutex held. */
static void
shard_take(unsigned *shard_of)
{
	unsigned mine = SHARED;

	for (unsigned i = 0; i < SHARDS && mine == SHARED; i++)
		if ((lcs.shards & (1u << i)) == 0)
			mine = i;
	lcs.shards |= 1u << mine;
	/* relaxed: under the mutex. */
	if (mine >= sync_load_relaxed(&lcs.top))
		/* relaxed: who sums waits for who counts with it. */
		sync_store_relaxed(&lcs.top, mine + 1);
	*shard_of = mine;
}

PORT_START(localcount)
{
	port_exit_create(&lcs.exit_hook, thread_gone);
	port_fork_hooks(fork_prepare, fork_parent, fork_child);
	port_mutex_lock(&lcs.mutex);
	for (; lcs.started < port_locals(); lcs.started++)
		if (port_has_local(lcs.started))
			shard_take(port_local_of(shard, lcs.started));
	port_mutex_unlock(&lcs.mutex);
}

/* The first count of a thread. */
static __attribute__((__noinline__)) void
join(void)
{
	SYNC_REQUIRE(!PORT_BY_CPU && "a count before libsync_start()");
	port_mutex_lock(&lcs.mutex);
	shard_take(port_local(shard));
	port_exit_arm(&lcs.exit_hook, port_local(shard));
	port_mutex_unlock(&lcs.mutex);
}

/* Context: a section that saw lc LIVE. */
static void
count(struct localcount *lc, uint64_t by)
{
	struct localcount_cell *c;
	struct port_pin pin;
	unsigned mine;
	uint64_t n;

	if (__builtin_expect(*port_local(shard) == NONE, 0))
		join();
	mine = *port_local(shard);
	c = &lc->cells[mine * PER_CHUNK];
	if (__builtin_expect(mine == SHARED, 0)) {
		/* relaxed: the grace period orders it before the sum. */
		sync_fetch_add_relaxed(&c->n, by);
		return;
	}
	port_pin(&pin);
	/* relaxed: our own cell; as above. */
	n = sync_load_relaxed(&c->n);
	SYNC_POINT("localcount_count");
	/* relaxed: as above. */
	sync_store_relaxed(&c->n, n + by);
	port_unpin(&pin);
}

void
localcount_acquire(struct localcount *lc)
{
	const uint64_t s = pserialize_read_enter();

	/* STATE acquire: pairs with the release in reinit. */
	if (__builtin_expect(sync_load_acquire(&lc->state) == LIVE, 1)) {
		count(lc, 1);
	} else {
		/* relaxed: the reference that is held keeps it from zero. */
		const uint64_t had = sync_fetch_add_relaxed(&lc->total, 1);

		SYNC_ASSERT(had != 0); /* drained: nobody may find it */
		(void)had;
	}
	pserialize_read_exit(s);
}

bool
localcount_tryacquire(struct localcount *lc)
{
	const uint64_t s = pserialize_read_enter();
	/* STATE acquire: pairs with the release in reinit. */
	const bool live = sync_load_acquire(&lc->state) == LIVE;

	SYNC_POINT("localcount_live");
	if (live)
		count(lc, 1);
	pserialize_read_exit(s);
	return live;
}

static __attribute__((__noinline__)) void
ring(void)
{
	/* BELL release: pairs with the acquire in drain. */
	sync_fetch_add_release(&lcs.bell.word, 1);
	port_event_wake(&lcs.bell);
}

void
localcount_release(struct localcount *lc)
{
	const uint64_t s = pserialize_read_enter();

	/* STATE acquire: pairs with the release in reinit. */
	if (__builtin_expect(sync_load_acquire(&lc->state) == LIVE, 1)) {
		count(lc, (uint64_t)-1);
	} else {
		/* relaxed: the second grace period waits for our section. */
		const uint64_t had =
		    sync_fetch_add_relaxed(&lc->total, (uint64_t)-1);

		SYNC_ASSERT(had != 0);
		if (had == 1)
			ring();
	}
	pserialize_read_exit(s);
}

/* Context: nobody counts in cells any more. */
static uint64_t
cells_sum(const struct localcount *lc)
{
	/* relaxed: the caller waited for who counted. */
	const unsigned top = sync_load_relaxed(&lcs.top);
	uint64_t sum = 0;

	for (unsigned i = 0; i < top; i++)
		/* relaxed: the caller waited for who counted. */
		sum += sync_load_relaxed(&lc->cells[i * PER_CHUNK].n);
	return sum;
}

static void
cells_clear(struct localcount *lc)
{
	/* relaxed: as in cells_sum. */
	const unsigned top = sync_load_relaxed(&lcs.top);

	for (unsigned i = 0; i < top; i++)
		/* relaxed: as above; STATE or the mutex hands it on. */
		sync_store_relaxed(&lc->cells[i * PER_CHUNK].n, 0);
}

void
localcount_drain(struct localcount *lc)
{
	uint32_t seen;

	SYNC_REQUIRE(!pserialize_in_read_section());
	/* relaxed: only we change it. */
	SYNC_REQUIRE(sync_load_relaxed(&lc->state) == LIVE);
	/* relaxed: the grace period separates who sees it from who does not. */
	sync_store_relaxed(&lc->state, DRAINING);
	pserialize_perform();
	SYNC_POINT("localcount_summing");
	/* relaxed: only the count matters. */
	sync_fetch_add_relaxed(&lc->total, cells_sum(lc) - BIAS);
	for (;;) {
		/* BELL acquire: pairs with the release in ring. */
		seen = sync_load_acquire(&lcs.bell.word);
		/* relaxed: as in release; BELL orders it. */
		if (sync_load_relaxed(&lc->total) == 0)
			break;
		SYNC_POINT("localcount_held");
		port_event_wait(&lcs.bell, seen, 0);
	}
	SYNC_POINT("localcount_zero");
	pserialize_perform();
	cells_clear(lc);
	/* relaxed: lc is ours again. */
	sync_store_relaxed(&lc->state, DRAINED);
}

void
localcount_reinit(struct localcount *lc)
{
	/* relaxed: lc is ours. */
	SYNC_REQUIRE(sync_load_relaxed(&lc->state) == DRAINED);
	/* relaxed: the state hands it on. */
	sync_store_relaxed(&lc->total, BIAS);
	/* STATE release: pairs with the acquires of holders. */
	sync_store_release(&lc->state, LIVE);
}

/* Returns: a chunk with a free place, or NULL.  Context: mutex held. */
static struct localcount_chunk *
chunk_find(void)
{
	struct localcount_chunk *c = lcs.first;

	while (c != NULL && c->used == (1u << PER_CHUNK) - 1)
		c = c->next;
	if (c != NULL)
		return c;
	c = port_alloc(sizeof(*c));
	if (c == NULL)
		return NULL;
	c->next = lcs.first;
	c->prevp = &lcs.first;
	if (c->next != NULL)
		c->next->prevp = &c->next;
	lcs.first = c;
	return c;
}

int
localcount_init(struct localcount *lc)
{
	struct localcount_chunk *c;
	unsigned place = 0;

	port_mutex_lock(&lcs.mutex);
	c = chunk_find();
	if (c == NULL) {
		port_mutex_unlock(&lcs.mutex);
		return -ENOMEM;
	}
	while ((c->used & (1u << place)) != 0)
		place++;
	c->used |= 1u << place;
	port_mutex_unlock(&lcs.mutex);
	lc->chunk = c;
	lc->cells = &c->cells[0][place];
	sync_init(&lc->state, LIVE);
	sync_init(&lc->total, BIAS);
	return 0;
}

void
localcount_fini(struct localcount *lc)
{
	struct localcount_chunk *c = lc->chunk;
	const size_t place = (size_t)(lc->cells - &c->cells[0][0]);

	/* relaxed: lc is ours. */
	if (sync_load_relaxed(&lc->state) != DRAINED) {
		SYNC_REQUIRE(cells_sum(lc) == 0);
		cells_clear(lc);
	}
	lc->cells = NULL;
	lc->chunk = NULL;
	port_mutex_lock(&lcs.mutex);
	c->used &= ~(1u << place);
	if (c->used == 0) {
		*c->prevp = c->next;
		if (c->next != NULL)
			c->next->prevp = c->prevp;
	} else {
		c = NULL;
	}
	port_mutex_unlock(&lcs.mutex);
	port_free(c);
}
