/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Deferred calls, the side of their callers.  A call is pushed on a list of its
 * thread, newest first, and counted in numbers that only the thread writes;
 * now and then a thread adds its bytes to those of all, and looks whether they
 * are too many.
 *
 * Invariants
 *   I1  A call is on exactly one of: a thread's list, the orphans, a batch of
 *       reclaim.c.
 *   I2  Lists are taken under the registry mutex.  A thread uses the orphans
 *       before it joins and after it leaves, both of which take the mutex, so
 *       its calls keep their order.
 *   I3  What was freed was counted as made before.
 *
 * Ordering pairs
 *   CALL   call pushes (release) -> take gets the list (acquire): what was
 *          done before the call is done before the grace period.
 */

#include "libsync/base/point.h"
#include "libsync/pserialize/pserialize_impl.h"

#define CHUNK_MAX UINT64_C(65536)
#define SOFT      (UINT64_C(1) << 20)

struct pserialize_inbox pserialize_inbox[PSERIALIZE_DOMAINS];

static void
push(struct pserialize_list *l, struct pserialize_head *first,
    struct pserialize_head *last)
{
	/* relaxed: only compared and stored. */
	struct pserialize_head *seen = sync_load_relaxed(&l->first);

	do {
		last->next = seen;
		SYNC_POINT("call_push");
		/* CALL release: pairs with the acquire in take. */
	} while (!sync_cas_release(&l->first, &seen, first));
}

struct pserialize_head *
pserialize_call_take(struct pserialize_list *l)
{
	/* relaxed: a call missed here is the next batch's. */
	if (sync_load_relaxed(&l->first) == NULL)
		return NULL;
	/* CALL acquire: pairs with the release in push. */
	return sync_xchg_acquire(&l->first, NULL);
}

static void
adopt(struct pserialize_inbox *in, struct pserialize_lane *lane)
{
	struct pserialize_head *first = pserialize_call_take(&lane->calls);
	struct pserialize_head *last = first;
	/* relaxed: the thread has gone, or is the caller; here and below. */
	const uint64_t made = sync_load_relaxed(&lane->made);
	const uint64_t bytes = sync_load_relaxed(&lane->bytes);

	if (made == 0 && first == NULL)
		return;
	/* relaxed: as above. */
	sync_fetch_add_relaxed(&in->gone_made, made);
	/* relaxed: as above. */
	sync_fetch_add_relaxed(&in->gone_bytes, bytes);
	/* relaxed: as above. */
	sync_fetch_add_relaxed(
	    &in->told, bytes - sync_load_relaxed(&lane->told));
	/* relaxed: as above. */
	sync_store_relaxed(&lane->made, 0);
	/* relaxed: as above. */
	sync_store_relaxed(&lane->bytes, 0);
	/* relaxed: as above. */
	sync_store_relaxed(&lane->told, 0);
	if (first == NULL)
		return;
	while (last->next != NULL)
		last = last->next;
	push(&in->orphans, first, last);
}

void
pserialize_call_adopt(struct pserialize_thread *t)
{
	for (unsigned d = 0; d < PSERIALIZE_DOMAINS; d++)
		adopt(&pserialize_inbox[d], &t->lanes[d]);
}

/* Bytes that wait, of what threads have told. */
static uint64_t
waiting(struct pserialize_inbox *in, uint64_t told)
{
	/* relaxed: numbers. */
	const uint64_t freed = sync_load_relaxed(&in->freed_bytes);

	return (int64_t)(told - freed) > 0 ? told - freed : 0;
}

static void
throttle(unsigned d)
{
	if (!pserialize_in_any_section() && !pserialize_in_callback())
		pserialize_domain_perform(d);
}

/* Apply the limits to what waits now. */
static void
limit(unsigned d, struct pserialize_inbox *in, uint64_t bytes)
{
	/* relaxed: numbers that the host set some time ago; here and below. */
	const uint64_t soft = sync_load_relaxed(&in->soft);
	/* relaxed: as above. */
	const uint64_t hard = sync_load_relaxed(&in->hard);
	/* relaxed: as above. */
	const int policy = sync_load_relaxed(&in->policy);
	/* relaxed: as above. */
	pserialize_limit_fn *fn = sync_load_relaxed(&in->fn);

	if (bytes >= (soft != 0 ? soft : SOFT))
		pserialize_reclaim_kick(PSERIALIZE_NAPPING);
	if (hard == 0 || bytes < hard)
		return;
	if (policy == PSERIALIZE_THROTTLE)
		throttle(d);
	else if (policy == PSERIALIZE_NOTIFY && fn != NULL)
		fn(d, bytes);
}

/*
 * Count a call.  A handler that interrupts it may be left out, but what is told
 * stays the sum of what the lanes have told: one exchange says what to add, and
 * that is negative where a handler told more than is counted now.
 * Returns: the bytes of all threads if it is time to look at them, else 0.
 */
static uint64_t
count(struct pserialize_inbox *in, struct pserialize_lane *lane, size_t bytes)
{
	/* relaxed: only this thread writes them; here and below. */
	const uint64_t all = sync_load_relaxed(&lane->bytes) + bytes;
	/* relaxed: as above. */
	const uint64_t made = sync_load_relaxed(&lane->made) + 1;
	/* relaxed: as above. */
	uint64_t more = all - sync_load_relaxed(&lane->told);
	/* relaxed: a number that the host set some time ago. */
	uint64_t chunk = sync_load_relaxed(&in->chunk);

	/* relaxed: as above. */
	sync_store_relaxed(&lane->bytes, all);
	/* relaxed: as above. */
	sync_store_relaxed(&lane->made, made);
	if (more < (chunk != 0 ? chunk : CHUNK_MAX))
		return 0;
	/* relaxed: numbers; here and below. */
	more = all - sync_xchg_relaxed(&lane->told, all);
	/* relaxed: as above. */
	return waiting(in, sync_fetch_add_relaxed(&in->told, more) + more);
}

/* Count a call of a thread that is not on the registry. */
static uint64_t
count_orphan(struct pserialize_inbox *in, size_t bytes)
{
	/* relaxed: numbers; here and below. */
	sync_fetch_add_relaxed(&in->gone_made, 1);
	/* relaxed: as above. */
	sync_fetch_add_relaxed(&in->gone_bytes, bytes);
	/* relaxed: as above. */
	return waiting(in, sync_fetch_add_relaxed(&in->told, bytes) + bytes);
}

static inline void
call(unsigned d, struct pserialize_head *head,
    void (*fn)(struct pserialize_head *), size_t bytes)
{
	struct pserialize_inbox *in = &pserialize_inbox[d];
	struct pserialize_thread *self;
	uint64_t all;

	SYNC_ASSERT(head != NULL && fn != NULL);
	SYNC_ASSERT(pserialize_domain_name(d) != NULL);
	head->fn = fn;
	port_section_enter();
	self = port_local(pserialize_self);
	if (self->registered) {
		all = count(in, &self->lanes[d], bytes);
		push(&self->lanes[d].calls, head, head);
	} else {
		all = count_orphan(in, bytes);
		push(&in->orphans, head, head);
	}
	port_section_exit();
	sync_fence_light();
	pserialize_reclaim_kick(PSERIALIZE_ASLEEP);
	if (__builtin_expect(all != 0, 0))
		limit(d, in, all);
}

void
pserialize_domain_call(unsigned domain, struct pserialize_head *head,
    void (*fn)(struct pserialize_head *), size_t bytes)
{
	call(domain, head, fn, bytes);
}

void
pserialize_call(
    struct pserialize_head *head, void (*fn)(struct pserialize_head *))
{
	call(0, head, fn, PSERIALIZE_CALL_BYTES);
}

void
pserialize_call_sized(struct pserialize_head *head,
    void (*fn)(struct pserialize_head *), size_t bytes)
{
	call(0, head, fn, bytes);
}

void
pserialize_set_limit(unsigned domain, const struct pserialize_limit *limit)
{
	struct pserialize_inbox *in = &pserialize_inbox[domain];
	const uint64_t soft = limit->soft != 0 ? limit->soft : SOFT;
	const uint64_t low =
	    limit->hard != 0 && limit->hard < soft ? limit->hard : soft;
	const uint64_t chunk = low / 16 < CHUNK_MAX ? low / 16 : CHUNK_MAX;

	/* relaxed: numbers and a function; here and below. */
	sync_store_relaxed(&in->chunk, chunk != 0 ? chunk : 1);
	/* relaxed: as above. */
	sync_store_relaxed(&in->soft, soft);
	/* relaxed: as above. */
	sync_store_relaxed(&in->hard, limit->hard);
	/* relaxed: as above. */
	sync_store_relaxed(&in->fn, limit->fn);
	/* relaxed: as above. */
	sync_store_relaxed(&in->policy, (int)limit->policy);
}
