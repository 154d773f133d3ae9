/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The depot: stacks of chains, and the slabs that objects are cut from.
 *
 * A stack is one word with the index of its first chain and a tag that every
 * change increments, so a compare-exchange fails if anything happened since
 * the load; 2^38 changes while one thread stands between the two are excluded.
 * A chain's link can be read by a thread that is too late, as slabs stay; what
 * it reads is then thrown away.  Treiber, "Systems Programming: Coping with
 * Parallelism", 1986.
 *
 * With grace, freed chains go to one of four stacks, by the number of the grace
 * period that they wait for.  Two such numbers at most are not over yet, so the
 * tops of two stacks at least are old enough, as is all below them: what is
 * freed does not bury what was freed before it for long, as it would in one
 * stack.  Whether a chain may be taken is decided by its own cookie alone.
 *
 * To move a grace period on means to call other processors, and a mutex.  In a
 * kernel those who must not sleep ask the reclaimer instead, by a call whose
 * only purpose is that grace periods end before it.
 *
 * Slabs: four of each size, then the next size, twice as large.
 *
 * Ordering pairs
 *   DEPOT  push changes a stack's head (release) -> pop loads it (acquire):
 *          the chain, its cookie, and all that its last owner did to the
 *          objects.  All changes are read-modify-writes, so that the pushes
 *          below the top are seen too.
 *   ASK    the reclaimer clears asked (release) -> ask sets it (acquire): it is
 *          done with the call before that is made again.
 * With grace, pserialize_poll_start() when a chain is freed and a
 * pserialize_poll() that says yes when it is taken order readers of the objects
 * before their next owner.
 *
 * Reclamation: slabs are freed with the pool.
 */

#include "libsync/base/point.h"
#include "libsync/percpu/pool_impl.h"
#include "libsync/pserialize/pserialize.h"

#include "libsync/port/types.h"

#define INDEX_MASK (((uint64_t)1 << PERCPU_POOL_INDEX_BITS) - 1)
#define TAG_ONE    ((uint64_t)1 << PERCPU_POOL_INDEX_BITS)

#define COOKIE_STEP 2 /* from grace period to grace period */

#define PER_SIZE_SHIFT 2 /* slabs of one size: 1 << this */

/*
 * Every so many chains that are taken push a grace period on, so that those who
 * wait share the cost, a system call, and few wait.
 */
#define LOADS_EACH 16

struct percpu_pool_link *
percpu_pool_at(const struct percpu_pool *p, uint32_t index)
{
	const uint32_t i = index - 1;
	const unsigned shift = p->first_shift + PER_SIZE_SHIFT;
	const unsigned size = 31U - (unsigned)__builtin_clz((i >> shift) + 1);
	const uint32_t rest = i - (((1U << size) - 1) << shift);
	const uint32_t slab =
	    (size << PER_SIZE_SHIFT) + (rest >> (p->first_shift + size));
	const uint32_t at = rest & ((1U << (p->first_shift + size)) - 1);

	SYNC_ASSERT(index > 0 && slab < PERCPU_POOL_SLABS);
	return (struct percpu_pool_link *)(void *)(p->slab[slab] + p->lead +
						   at * p->stride);
}

static inline uint64_t
next_head(uint64_t seen, uint32_t index)
{
	return ((seen & ~INDEX_MASK) + TAG_ONE) | index;
}

static void
push(struct percpu_pool_stack *s, const struct percpu_pool_magazine *m)
{
	struct percpu_pool_link *l = m->first;
	/* relaxed: only its value goes into the exchange. */
	uint64_t seen = sync_load_relaxed(&s->head);

	l->n = m->n & PERCPU_POOL_MAGAZINE_MAX;
	do {
		/* relaxed: the exchange publishes it. */
		sync_store_relaxed(&l->below, (uint32_t)(seen & INDEX_MASK));
		SYNC_POINT("pool_push");
		/* DEPOT release: pairs with the acquire in pop. */
	} while (!sync_cas_release(&s->head, &seen, next_head(seen, l->self)));
}

/* Take the top, unless it is too young.  Returns: NULL if there is none. */
static struct percpu_pool_link *
pop(const struct percpu_pool *p, struct percpu_pool_stack *s, bool *too_young)
{
	struct percpu_pool_link *l;
	uint64_t seen;
	uint32_t below;

	do {
		/* DEPOT acquire: pairs with the release in push. */
		seen = sync_load_acquire(&s->head);
		if ((seen & INDEX_MASK) == 0)
			return NULL;
		l = percpu_pool_at(p, (uint32_t)(seen & INDEX_MASK));
		/* relaxed: if the head is still seen, it is what its push
		 * stored, which the load of the head orders. */
		below = sync_load_relaxed(&l->below);
		SYNC_POINT("pool_pop");
		if (too_young != NULL &&
		    /* relaxed: likewise. */
		    !pserialize_poll(sync_load_relaxed(&l->cookie))) {
			*too_young = true;
			return NULL;
		}
		SYNC_POINT("pool_pop_exchange");
		/* DEPOT acquire: of the same push, which the tag says. */
	} while (!sync_cas_acquire(&s->head, &seen, next_head(seen, below)));
	return l;
}

void
percpu_pool_put_ready(
    struct percpu_pool *p, const struct percpu_pool_magazine *m)
{
	push(&p->ready, m);
}

/*
 * Grace periods are numbered in steps; that the numbers of two at a time differ
 * here is a matter of speed only.
 */
static struct percpu_pool_stack *
aging_of(struct percpu_pool *p, uint64_t cookie)
{
	return &p->aging[cookie / COOKIE_STEP % PERCPU_POOL_AGES];
}

void
percpu_pool_put_freed(
    struct percpu_pool *p, const struct percpu_pool_magazine *m)
{
	uint64_t cookie;

	if (!p->cfg.grace) {
		push(&p->ready, m);
		return;
	}
	cookie = pserialize_poll_start();
	/* relaxed: the push publishes it. */
	sync_store_relaxed(&m->first->cookie, cookie);
	/* relaxed: only says where to look first. */
	sync_store_relaxed(&p->newest, cookie);
	SYNC_POINT("pool_put_freed");
	push(aging_of(p, cookie), m);
}

/* Take a chain that is old enough; the oldest are looked at first. */
static struct percpu_pool_link *
pop_aged(struct percpu_pool *p, bool *too_young)
{
	struct percpu_pool_link *l = NULL;
	/* relaxed: only says where to look first. */
	uint64_t cookie = sync_load_relaxed(&p->newest);

	for (int i = 0; l == NULL && i < PERCPU_POOL_AGES; i++)
		l = pop(p, aging_of(p, cookie += COOKIE_STEP), too_young);
	return l;
}

static void
asked_for(struct pserialize_head *call)
{
	struct percpu_pool *p =
	    (struct percpu_pool *)(void *)((char *)call -
					   offsetof(struct percpu_pool, call));

	/* ASK release: pairs with the acquire in ask. */
	sync_store_release(&p->asked, 0);
}

static void
ask(struct percpu_pool *p)
{
	uint64_t section;

	/* relaxed: who asked last will be answered. */
	if (sync_load_relaxed(&p->asked) != 0)
		return;
	/* ASK acquire: pairs with the release in asked_for. */
	if (sync_xchg_acquire(&p->asked, 1) != 0)
		return;
	section = pserialize_read_enter(); /* where no limit makes us wait */
	pserialize_call(&p->call, asked_for);
	pserialize_read_exit(section);
}

/* Move a grace period on. */
static void
advance(struct percpu_pool *p, bool may_sleep)
{
	if (PORT_BY_CPU && !may_sleep)
		ask(p);
	else
		pserialize_poll_advance();
}

static void
advance_sometimes(struct percpu_pool *p, bool may_sleep)
{
	/* relaxed: counts, and whether there is anything to wait for. */
	if (sync_fetch_add_relaxed(&p->loads, 1) % LOADS_EACH == 0 &&
	    !pserialize_poll(sync_load_relaxed(&p->newest)))
		advance(p, may_sleep);
}

/* What is free now; if all that is free is too young, say so. */
static struct percpu_pool_link *
take_free(struct percpu_pool *p, bool *too_young)
{
	struct percpu_pool_link *l = pop(p, &p->ready, NULL);

	if (l != NULL || !p->cfg.grace)
		return l;
	l = pop_aged(p, too_young);
	if (l == NULL && *too_young)
		/* relaxed: a count orders nothing. */
		sync_fetch_add_relaxed(&p->waits, 1);
	return l;
}

/* Objects in the next slab. */
static uint32_t
next_slab(const struct percpu_pool *p, uint32_t made)
{
	const unsigned shift = p->first_shift + PER_SIZE_SHIFT;
	const unsigned size =
	    31U - (unsigned)__builtin_clz((made >> shift) + 1);
	const uint32_t n = 1U << (p->first_shift + size);

	return n < p->cfg.max - made ? n : p->cfg.max - made;
}

/* Cut a slab into chains and put them into the depot. */
static void
cut(struct percpu_pool *p, uint32_t from, uint32_t n)
{
	struct percpu_pool_magazine m = {.n = 0};

	for (uint32_t i = from; i < from + n; i++) {
		struct percpu_pool_link *l = percpu_pool_at(p, i + 1);

		l->self = (i + 1) & INDEX_MASK;
		if (p->cfg.init != NULL)
			p->cfg.init(l + 1, p->cfg.arg);
		l->next = m.first;
		m.first = l;
		if (++m.n < p->magazine && i + 1 < from + n)
			continue;
		push(&p->ready, &m);
		m = (struct percpu_pool_magazine){.n = 0};
	}
}

/*
 * Make more objects.
 * Context: grow held.
 * Returns: 0, -ENOSPC if there may be no more, or -ENOMEM.
 */
static int
grow(struct percpu_pool *p)
{
	/* relaxed: changed under grow, which we hold. */
	const uint32_t made = sync_load_relaxed(&p->made);
	const unsigned shift = p->first_shift + PER_SIZE_SHIFT;
	unsigned size, slab;
	uint32_t n;

	if (made >= p->cfg.max)
		return -ENOSPC;
	n = next_slab(p, made);
	if (p->stride > (SIZE_MAX - p->lead) / n)
		return -ENOMEM;
	size = 31U - (unsigned)__builtin_clz((made >> shift) + 1);
	slab =
	    (size << PER_SIZE_SHIFT) +
	    ((made - (((1U << size) - 1) << shift)) >> (p->first_shift + size));
	p->slab[slab] = port_alloc(p->lead + n * p->stride);
	if (p->slab[slab] == NULL)
		return -ENOMEM;
	cut(p, made, n);
	/* relaxed: a number; the stack publishes the objects. */
	sync_store_relaxed(&p->made, made + n);
	return 0;
}

int
percpu_pool_reserve(struct percpu_pool *p, unsigned objects)
{
	int error = 0;

	if (objects > p->cfg.max)
		return -EINVAL;
	port_mutex_lock(&p->grow);
	/* relaxed: changed under grow, which we hold. */
	while (error == 0 && sync_load_relaxed(&p->made) < objects)
		error = grow(p);
	port_mutex_unlock(&p->grow);
	return error;
}

/* Returns: NULL if there is nothing to be had. */
static struct percpu_pool_link *
take_grown(struct percpu_pool *p)
{
	struct percpu_pool_link *l;

	port_mutex_lock(&p->grow);
	l = pop(p, &p->ready, NULL); /* another thread may have grown it */
	while (l == NULL && grow(p) == 0)
		l = pop(p, &p->ready, NULL);
	port_mutex_unlock(&p->grow);
	return l;
}

bool
percpu_pool_take(
    struct percpu_pool *p, bool may_grow, struct percpu_pool_magazine *out)
{
	struct percpu_pool_link *l;
	bool too_young = false;

	if (p->cfg.grace)
		advance_sometimes(p, may_grow);
	l = take_free(p, &too_young);
	if (l == NULL && may_grow)
		l = take_grown(p);
	/* Twice: one grace period may be running that began too early. */
	for (int i = 0; l == NULL && too_young && i < 2; i++) {
		advance(p, may_grow);
		l = pop_aged(p, &too_young);
	}
	if (l == NULL)
		return false;
	*out = (struct percpu_pool_magazine){.first = l, .n = l->n};
	return true;
}

void
percpu_pool_free_slabs(struct percpu_pool *p)
{
	for (int i = 0; i < PERCPU_POOL_SLABS; i++)
		port_free(p->slab[i]);
}
