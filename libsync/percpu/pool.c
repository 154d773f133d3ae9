/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Magazines without arrays.  In front of each object lies a link, and a
 * magazine is a chain of links, so moving one needs no memory and freeing
 * cannot fail; nothing is ever written into the object itself.
 *
 *   pool.c        the fast paths, the life of a pool
 *   pool_depot.c  chains that belong to no thread, and new objects
 *   pool_local.c  threads: their caches, their end, fork
 *
 * A thread allocates from its loaded magazine.  Without grace it frees into
 * the same one, so that a hot object is used again at once, and keeps a second
 * one that is full or empty: only after a whole magazine more of one kind of
 * calls does it go to the depot again.  With grace it frees into the second
 * one, which goes to the depot when it is full and gets its cookie there.
 *
 * Invariants
 *   I1  Each object is in exactly one place: in use, in one magazine, or in one
 *       chain of the depot.
 *   I2  A chain in the depot has 1 to magazine objects, its first link's n.
 *   I3  With grace, loaded holds objects whose grace is over, and so does the
 *       stack ready; each object's free came before its chain's cookie.
 *   I4  A thread that does nothing keeps at most two magazines of objects.
 */

#include "libsync/percpu/pool.h"

#include "libsync/percpu/pool_impl.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"

#define ALIGN_DEFAULT 16U
#define SLAB_BYTES    8192U /* of the first slab, about */
#define FIRST_MIN     2U    /* its objects: between 1 << these */
#define FIRST_MAX     7U

static bool
is_valid(const struct percpu_pool_config *cfg)
{
	const size_t align = cfg->align;

	if (align != 0 &&
	    (align < 8 || align > SYNC_CACHELINE || (align & (align - 1)) != 0))
		return false;
	return cfg->size > 0 && cfg->size < SIZE_MAX >> (FIRST_MAX + 1) &&
	       cfg->magazine <= PERCPU_POOL_MAGAZINE_MAX &&
	       cfg->max <= PERCPU_POOL_OBJECTS_MAX;
}

int
percpu_pool_create(
    const struct percpu_pool_config *cfg, struct percpu_pool **out)
{
	struct percpu_pool *p;
	size_t align;

	if (!is_valid(cfg))
		return -EINVAL;
	p = port_alloc(sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->cfg = *cfg;
	if (p->cfg.max == 0)
		p->cfg.max = PERCPU_POOL_OBJECTS_MAX;
	p->magazine = cfg->magazine != 0 ? cfg->magazine : PERCPU_POOL_MAGAZINE;
	p->to = cfg->grace ? PERCPU_POOL_SPARE : PERCPU_POOL_LOADED;
	align = cfg->align != 0 ? cfg->align : ALIGN_DEFAULT;
	p->stride =
	    SYNC_ROUNDUP(cfg->size + sizeof(struct percpu_pool_link), align);
	p->lead = SYNC_ROUNDUP(sizeof(struct percpu_pool_link), align) -
		  sizeof(struct percpu_pool_link);
	p->first_shift = FIRST_MIN;
	while (p->first_shift < FIRST_MAX &&
	       p->stride << p->first_shift < SLAB_BYTES)
		p->first_shift++;
	p->grow = (struct port_mutex)PORT_MUTEX_INIT;
	percpu_pool_enlist(p);
	*out = p;
	return 0;
}

void
percpu_pool_destroy(struct percpu_pool *p)
{
	struct percpu_pool_stats stats;

	percpu_pool_stats(p, &stats);
	SYNC_REQUIRE(stats.in_use == 0 || p->forked); /* leaked objects */
	if (p->cfg.grace)
		pserialize_perform(); /* readers may look at freed objects */
	if (p->cfg.grace && PORT_BY_CPU)
		pserialize_barrier(); /* those who must not sleep called */
	percpu_pool_delist(p);
	percpu_pool_free_slabs(p);
	port_free(p);
}

static void *
object_of(struct percpu_pool_link *l)
{
#ifdef SYNC_CHECKS
	l->next = l; /* it is in use: see check_object */
#endif
	return l + 1;
}

/* Is it an object of this pool, and in use? */
static inline void
check_object(const struct percpu_pool *p, const struct percpu_pool_link *l)
{
	SYNC_ASSERT(((uintptr_t)l & (sizeof(void *) - 1)) == 0);
	SYNC_ASSERT(l->next == l);
	SYNC_ASSERT(percpu_pool_at(p, l->self) == l);
	(void)p, (void)l;
}

static inline void *
pop(struct percpu_pool_cache *c)
{
	struct percpu_pool_magazine *m = &c->magazine[PERCPU_POOL_LOADED];
	struct percpu_pool_link *l = m->first;

	SYNC_ASSERT(l != NULL);
	m->first = l->next;
	m->n--;
	/* relaxed: only we, its thread, write it; a count orders nothing. */
	sync_store_relaxed(&c->allocs, sync_load_relaxed(&c->allocs) + 1);
	return object_of(l);
}

static inline void
push(struct percpu_pool_cache *c, struct percpu_pool_magazine *m,
    struct percpu_pool_link *l)
{
	l->next = m->first;
	m->first = l;
	m->n++;
	/* relaxed: only we, its thread, write it; a count orders nothing. */
	sync_store_relaxed(&c->frees, sync_load_relaxed(&c->frees) + 1);
}

static void *
fail(struct percpu_pool *p)
{
	/* relaxed: a count orders nothing. */
	sync_fetch_add_relaxed(&p->failures, 1);
	return NULL;
}

/* Without a cache: take one object of a chain and put the rest back. */
static void *
alloc_uncached(struct percpu_pool *p, bool may_grow)
{
	struct percpu_pool_magazine m;
	struct percpu_pool_link *l;

	if (!percpu_pool_take(p, may_grow, &m))
		return fail(p);
	l = m.first;
	m.first = l->next;
	if (--m.n > 0)
		percpu_pool_put_ready(p, &m);
	/* relaxed: a count orders nothing. */
	sync_fetch_add_relaxed(&p->allocs, 1);
	return object_of(l);
}

/*
 * Take a magazine from the depot.  With grace, what was freed here last goes
 * there first if there is nothing else, and is given a chance.
 */
static bool
take(struct percpu_pool *p, bool may_grow, struct percpu_pool_magazine *out)
{
	struct percpu_pool_magazine freed, *spare;
	struct port_pin pin;

	if (percpu_pool_take(p, may_grow, out))
		return true;
	port_pin(&pin);
	spare = &percpu_pool_cache(p)->magazine[PERCPU_POOL_SPARE];
	freed = *spare;
	*spare = (struct percpu_pool_magazine){.n = 0};
	port_unpin(&pin);
	if (freed.n == 0)
		return false;
	percpu_pool_put_freed(p, &freed);
	return percpu_pool_take(p, may_grow, out);
}

/* An object of this reader's magazines, or NULL.  Context: pinned. */
static inline void *
pop_cached(const struct percpu_pool *p, struct percpu_pool_cache *c)
{
	struct percpu_pool_magazine *loaded = &c->magazine[PERCPU_POOL_LOADED];
	struct percpu_pool_magazine *spare = &c->magazine[PERCPU_POOL_SPARE];

	if (loaded->n == 0 && !p->cfg.grace) {
		*loaded = *spare;
		*spare = (struct percpu_pool_magazine){.n = 0};
	}
	return loaded->n > 0 ? pop(c) : NULL;
}

/*
 * The loaded magazine is empty, or there is none.  Where pins are something,
 * whoever came in between may have brought objects meanwhile.
 */
static __attribute__((__noinline__)) void *
alloc_slow(struct percpu_pool *p, bool may_grow)
{
	struct percpu_pool_magazine m;
	struct percpu_pool_cache *c;
	struct port_pin pin;
	void *object;

	/* The depot takes a mutex, and memory. */
	SYNC_ASSERT(!PORT_BY_CPU || !may_grow || !pserialize_in_any_section());
	port_pin(&pin);
	c = percpu_pool_cache(p);
	port_unpin(&pin);
	if (c == NULL && (!may_grow || percpu_pool_join(p) == NULL))
		return alloc_uncached(p, may_grow);
	port_pin(&pin);
	object = pop_cached(p, percpu_pool_cache(p));
	port_unpin(&pin);
	if (object != NULL)
		return object;
	if (!take(p, may_grow, &m))
		return fail(p);
	port_pin(&pin);
	c = percpu_pool_cache(p);
	if (c->magazine[PERCPU_POOL_LOADED].n == 0) {
		c->magazine[PERCPU_POOL_LOADED] = m;
		m.n = 0;
	}
	object = pop(c);
	port_unpin(&pin);
	if (m.n > 0)
		percpu_pool_put_ready(p, &m);
	return object;
}

static inline void *
alloc(struct percpu_pool *p, bool may_grow)
{
	struct percpu_pool_cache *c;
	struct port_pin pin;
	void *object;

	port_pin(&pin);
	c = percpu_pool_cache(p);
	if (__builtin_expect(
		c == NULL || c->magazine[PERCPU_POOL_LOADED].first == NULL,
		0)) {
		port_unpin(&pin);
		return alloc_slow(p, may_grow);
	}
	object = pop(c);
	port_unpin(&pin);
	return object;
}

void *
percpu_pool_alloc(struct percpu_pool *p)
{
	return alloc(p, true);
}

void *
percpu_pool_tryalloc(struct percpu_pool *p)
{
	return alloc(p, false);
}

/* Make room in the magazine that frees go to, if it is full. */
static void
make_room(struct percpu_pool *p, struct percpu_pool_cache *c)
{
	struct percpu_pool_magazine *full = &c->magazine[p->to];
	struct percpu_pool_magazine *spare = &c->magazine[PERCPU_POOL_SPARE];

	if (full->n < p->magazine)
		return;
	if (p->cfg.grace) {
		percpu_pool_put_freed(p, full);
	} else {
		if (spare->n > 0)
			percpu_pool_put_freed(p, spare);
		*spare = *full;
	}
	*full = (struct percpu_pool_magazine){.n = 0};
}

static __attribute__((__noinline__)) void
free_slow(struct percpu_pool *p, struct percpu_pool_link *l)
{
	struct percpu_pool_cache *c;
	struct port_pin pin;

	port_pin(&pin);
	c = percpu_pool_cache(p);
	if (c != NULL) {
		make_room(p, c);
		push(c, &c->magazine[p->to], l);
	} else {
		const struct percpu_pool_magazine one = {.first = l, .n = 1};

		l->next = NULL;
		/* relaxed: a count orders nothing. */
		sync_fetch_add_relaxed(&p->frees, 1);
		percpu_pool_put_freed(p, &one);
	}
	port_unpin(&pin);
}

void
percpu_pool_free(struct percpu_pool *p, void *object)
{
	struct percpu_pool_link *l = (struct percpu_pool_link *)object - 1;
	struct percpu_pool_cache *c;
	struct port_pin pin;

	check_object(p, l);
	port_pin(&pin);
	c = percpu_pool_cache(p);
	if (__builtin_expect(
		c != NULL && c->magazine[p->to].n < p->magazine, 1)) {
		push(c, &c->magazine[p->to], l);
		port_unpin(&pin);
	} else {
		port_unpin(&pin);
		free_slow(p, l);
	}
}

int
percpu_pool_attach(struct percpu_pool *p)
{
	struct port_pin pin;
	bool has;

	port_pin(&pin);
	has = percpu_pool_cache(p) != NULL;
	port_unpin(&pin);
	return has || percpu_pool_join(p) != NULL ? 0 : -ENOMEM;
}

void
percpu_pool_flush(struct percpu_pool *p)
{
	struct percpu_pool_cache *c;
	struct port_pin pin;

	port_pin(&pin);
	c = percpu_pool_cache(p);
	if (c != NULL)
		percpu_pool_empty(c);
	port_unpin(&pin);
}
