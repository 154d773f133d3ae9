/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Waiting until nobody holds a target.  Who destroys sleeps on a bell that
 * releases ring while somebody waits.  A release cannot look into the target
 * any more, which may be gone; it looks into one of a few process-wide buckets
 * chosen by the address.  Destroying asynchronously is the same in callbacks
 * of pserialize_call(): each looks once, and has itself called again, but
 * looks only at the 1st, 2nd, 4th, 8th ... time.
 *
 * The end of a drain is a grace period, because a reader may release inside a
 * section and follow the element's next pointer afterwards.
 *
 * Ordering pairs (COPY stands in psref.c)
 *   BELL  a release rings (release) -> the drain loads the bell (acquire)
 *         before it scans: a ring that is missed is followed by a scan.
 *         Killed by: mutant psref-bell-after-scan.
 */

#include "libsync/base/assert.h"
#include "libsync/base/fence.h"
#include "libsync/base/point.h"
#include "libsync/port/port.h"
#include "libsync/psref/psref_impl.h"

#define STALL_NS ((uint64_t)1000000000)

/* How long a drain sleeps unless it is rung for; a test waits for ever, 0. */
#ifndef PSREF_GLANCE_NS
#define PSREF_GLANCE_NS 250000000u
#endif

#define TRIES_MAX 64 /* between two looks */

struct psref_bucket psref_buckets[PSREF_BUCKETS];

/* [a] rung by releases into the bucket */
static struct port_event bells[PSREF_BUCKETS];

/* [m] */
static struct {
	struct port_mutex mutex;
	psref_stall_fn *fn;
	void *arg;
} watchdog = {.mutex = PORT_MUTEX_INIT};

void
psref_ring(uintptr_t bucket)
{
	/* BELL release: pairs with the acquire in drain. */
	sync_fetch_add_release(&bells[bucket].word, 1);
	port_event_wake(&bells[bucket]);
}

void
psref_drain_fork_child(void)
{
	for (int i = 0; i < PSREF_BUCKETS; i++)
		/* relaxed: the child's only thread. */
		sync_store_relaxed(&psref_buckets[i].waiters, 0);
	port_mutex_init(&watchdog.mutex);
}

void
psref_stall_set(psref_stall_fn *fn, void *arg)
{
	port_mutex_lock(&watchdog.mutex);
	watchdog.fn = fn;
	watchdog.arg = arg;
	port_mutex_unlock(&watchdog.mutex);
}

static void
stall_log(const struct psref_stall *s)
{
	const unsigned ms = (unsigned)(s->waited_ns / 1000000);

	if (s->thread == 0)
		port_log("psref: %s target %p waits for %u ms: handed off, "
			 "acquired at %s\n",
		    s->class_name, (const void *)s->target, ms,
		    s->site != NULL ? s->site : "?");
	else
		port_log("psref: %s target %p waits for %u ms: thread %u (%s), "
			 "acquired at %s\n",
		    s->class_name, (const void *)s->target, ms, s->thread,
		    s->thread_name, s->site != NULL ? s->site : "?");
}

/* Report t, if it is time to. */
static void
watch(struct psref_target *t, const struct psref_holder *holder)
{
	const uint64_t waited = port_clock_ns() - t->since;
	char name[PORT_THREAD_NAME_MAX] = "";
	struct psref_stall stall = {.target = t,
	    .class_name = t->cls->name,
	    .waited_ns = waited,
	    .thread = holder->tid,
	    .thread_name = name,
	    .site = holder->site};
	psref_stall_fn *fn;
	void *arg;

	if (waited >> t->reports < STALL_NS)
		return;
	t->reports++;
	if (holder->tid != 0)
		port_thread_name(holder->tid, name);
	port_mutex_lock(&watchdog.mutex);
	fn = watchdog.fn;
	arg = watchdog.arg;
	port_mutex_unlock(&watchdog.mutex);
	if (fn != NULL)
		fn(&stall, arg);
	else
		stall_log(&stall);
}

static void
begin(struct psref_target *t)
{
	t->tries = 0;
	t->reports = 0;
	t->since = port_clock_ns();
	/* relaxed: the heavy fence orders it before the scans. */
	sync_store_relaxed(&t->draining, 1);
}

enum found {
	HELD,
	MOVED, /* copies were made during the scan, which may have missed one */
	NOBODY
};

static enum found
look(struct psref_target *t)
{
	struct psref_holder holder;
	uint32_t copies;

	/* COPY acquire: pairs with the release in psref_copy. */
	copies = sync_load_acquire(&t->copies);
	if (psref_scan(t, &holder)) {
		watch(t, &holder);
		return HELD;
	}
	/* COPY acquire: as above. */
	if (sync_load_acquire(&t->copies) != copies)
		return MOVED;
	return NOBODY;
}

/* Wait until nobody holds t. */
static void
drain(struct psref_target *t)
{
	const uintptr_t bucket = psref_bucket_of(t);
	struct psref_bucket *b = &psref_buckets[bucket];
	enum found found;
	uint32_t seen;

	begin(t);
	/* relaxed: as in begin. */
	sync_fetch_add_relaxed(&b->waiters, 1);
	sync_fence_heavy();
	do {
		/* BELL acquire: pairs with the release in psref_ring. */
		seen = sync_load_acquire(&bells[bucket].word);
		found = look(t);
		if (found == HELD)
			port_event_wait(&bells[bucket], seen, PSREF_GLANCE_NS);
	} while (found != NOBODY);
	/* relaxed: at worst somebody rings for nothing. */
	sync_fetch_add_relaxed(&b->waiters, (uint32_t)-1);
}

static void
end(struct psref_target *t)
{
	struct psref_class *cl = t->cls;

	t->cls = NULL;
	/* relaxed: only counts. */
	sync_fetch_add_relaxed(&cl->targets, (uint32_t)-1);
}

void
psref_target_destroy(struct psref_target *t, struct psref_class *cl)
{
	SYNC_REQUIRE(!pserialize_in_read_section());
	SYNC_REQUIRE(t->cls == cl);
	/* Would wait for itself; a processor, for another thread of it. */
	SYNC_REQUIRE(PORT_BY_CPU || !psref_held(t, cl));
	(void)cl;
	drain(t);
	SYNC_POINT("psref_drained");
	pserialize_perform();
	end(t);
}

static struct psref_target *
target_of(struct pserialize_head *head)
{
	return (
	    struct psref_target *)(void *)((char *)head -
					   offsetof(struct psref_target, head));
}

static void
finish(struct pserialize_head *head)
{
	struct psref_target *t = target_of(head);

	SYNC_POINT("psref_async_end");
	end(t);
	t->done(t);
}

/* One try, after a grace period. */
static void
step(struct pserialize_head *head)
{
	struct psref_target *t = target_of(head);
	uint32_t n;

	if (t->tries == 0) {
		begin(t);
		sync_fence_heavy();
	}
	n = ++t->tries;
	if (((n & (n - 1)) == 0 || n % TRIES_MAX == 0) && look(t) == NOBODY) {
		SYNC_POINT("psref_async_drained");
		pserialize_call(head, finish);
		return;
	}
	pserialize_call(head, step);
}

void
psref_target_destroy_async(
    struct psref_target *t, struct psref_class *cl, psref_destroyed_fn *fn)
{
	SYNC_REQUIRE(t->cls == cl && fn != NULL);
	(void)cl;
	t->tries = 0;
	t->done = fn;
	pserialize_call(&t->head, step);
}
