/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Readers and their caches: threads, or the processors of a kernel, whose
 * caches are made with the pool, for as many pools as have an entry.  A
 * reader's caches are one array, by the id of the pool; ids are used again, so
 * an entry names its pool too.
 *
 * Invariants
 *   I1  A thread is on the registry while it has an array.
 *   I2  An array changes its place or size, and an entry its pool, under the
 *       mutex; its thread may read both without.
 *   I3  The mutex is taken before a pool's grow.
 *
 * Reclamation: a thread empties its caches and frees its array when it ends,
 * or, if it ends without the rest of the process, a forked child does.
 */

#include "libsync/percpu/pool_impl.h"
#include "libsync/port/types.h"

#define STEP 8U  /* entries that an array grows by */
#define MANY 32U /* entries of a processor's, which does not grow */

PORT_LOCAL(struct percpu_pool_local, percpu_pool_self);
_Static_assert(
    !PORT_BY_CPU || sizeof(struct percpu_pool_local) % SYNC_CACHELINE == 0,
    "no two processors write to one line");

/* [r] under the mutex  [c] constant after start */
static struct {
	struct port_mutex mutex;
	struct percpu_pool_local *first; /* [r] threads */
	struct percpu_pool *pools;       /* [r] by id, the lowest first */
	struct port_exit exit_hook;      /* [c] */
} reg = {.mutex = PORT_MUTEX_INIT};

static void
unlink_local(struct percpu_pool_local *t)
{
	*t->prevp = t->next;
	if (t->next != NULL)
		t->next->prevp = t->prevp;
}

static void
link_local(struct percpu_pool_local *t)
{
	t->next = reg.first;
	t->prevp = &reg.first;
	if (t->next != NULL)
		t->next->prevp = &t->next;
	reg.first = t;
}

void
percpu_pool_empty(struct percpu_pool_cache *c)
{
	struct percpu_pool_magazine *loaded = &c->magazine[PERCPU_POOL_LOADED];
	struct percpu_pool_magazine *spare = &c->magazine[PERCPU_POOL_SPARE];

	if (loaded->n > 0)
		percpu_pool_put_ready(c->pool, loaded);
	if (spare->n > 0)
		percpu_pool_put_freed(c->pool, spare);
	*loaded = *spare = (struct percpu_pool_magazine){.n = 0};
}

/* Add a cache's counts to its pool's.  Context: mutex held. */
static void
add_counts(struct percpu_pool_cache *c)
{
	/* relaxed: counts order nothing. */
	sync_fetch_add_relaxed(&c->pool->allocs, sync_load_relaxed(&c->allocs));
	sync_fetch_add_relaxed(&c->pool->frees, sync_load_relaxed(&c->frees));
}

/* The exit hook. */
static void
thread_gone(void *arg)
{
	struct percpu_pool_local *self = arg;

	SYNC_REQUIRE(self == port_local(percpu_pool_self));
	port_mutex_lock(&reg.mutex);
	unlink_local(self);
	for (unsigned i = 0; i < self->n; i++)
		if (self->cache[i].pool != NULL) {
			percpu_pool_empty(&self->cache[i]);
			add_counts(&self->cache[i]);
		}
	port_mutex_unlock(&reg.mutex);
	port_free(self->cache);
	*self = (struct percpu_pool_local){.n = 0};
}

/* Context: mutex held.  Returns: false if there is no memory. */
static bool
enlarge(struct percpu_pool_local *self, unsigned id)
{
	const unsigned n = (id / STEP + 1) * STEP;
	struct percpu_pool_cache *old = self->cache, *cache;

	cache = port_alloc(n * sizeof(*cache));
	if (cache == NULL)
		return false;
	if (old != NULL)
		memcpy(cache, old, self->n * sizeof(*cache));
	self->cache = cache;
	self->n = n;
	port_free(old);
	return true;
}

struct percpu_pool_cache *
percpu_pool_join(struct percpu_pool *p)
{
	struct percpu_pool_local *self;
	struct percpu_pool_cache *c = NULL;

	if (PORT_BY_CPU)
		return NULL; /* it came with the pool, or there are too many */
	self = port_local(percpu_pool_self);
	port_mutex_lock(&reg.mutex);
	if (p->id < self->n || enlarge(self, p->id)) {
		c = &self->cache[p->id];
		*c = (struct percpu_pool_cache){.pool = p};
		if (!self->registered) {
			link_local(self);
			self->registered = true;
			port_exit_arm(&reg.exit_hook, self);
		}
	}
	port_mutex_unlock(&reg.mutex);
	return c;
}

void
percpu_pool_enlist(struct percpu_pool *p)
{
	struct percpu_pool **at = &reg.pools;

	port_mutex_lock(&reg.mutex);
	while (*at != NULL && (*at)->id == p->id) {
		p->id++;
		at = &(*at)->next;
	}
	p->next = *at;
	*at = p;
	for (unsigned i = 0; i < port_locals(); i++) {
		struct percpu_pool_local *t;

		if (!port_has_local(i))
			continue;
		t = port_local_of(percpu_pool_self, i);
		if (p->id < t->n)
			t->cache[p->id] = (struct percpu_pool_cache){.pool = p};
	}
	port_mutex_unlock(&reg.mutex);
}

void
percpu_pool_delist(struct percpu_pool *p)
{
	struct percpu_pool **at = &reg.pools;

	port_mutex_lock(&reg.mutex);
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	for (struct percpu_pool_local *t = reg.first; t != NULL; t = t->next)
		if (p->id < t->n)
			t->cache[p->id].pool = NULL;
	port_mutex_unlock(&reg.mutex);
}

void
percpu_pool_stats(struct percpu_pool *p, struct percpu_pool_stats *out)
{
	uint64_t frees;

	port_mutex_lock(&reg.mutex);
	*out = (struct percpu_pool_stats){.lost = p->lost};
	/* relaxed: counts order nothing, here and below. */
	out->objects = sync_load_relaxed(&p->made);
	out->allocs = sync_load_relaxed(&p->allocs);
	out->failures = sync_load_relaxed(&p->failures);
	out->waits = sync_load_relaxed(&p->waits);
	/* relaxed: as above. */
	frees = sync_load_relaxed(&p->frees);
	for (struct percpu_pool_local *t = reg.first; t != NULL; t = t->next) {
		const struct percpu_pool_cache *c;

		if (p->id >= t->n || t->cache[p->id].pool != p)
			continue;
		c = &t->cache[p->id];
		out->threads++;
		/* relaxed: as above. */
		frees += sync_load_relaxed(&c->frees);
		out->allocs += sync_load_relaxed(&c->allocs);
	}
	port_mutex_unlock(&reg.mutex);
	out->in_use = out->allocs > frees ? out->allocs - frees : 0;
}

static void
fork_prepare(void)
{
	port_mutex_lock(&reg.mutex);
	for (struct percpu_pool *p = reg.pools; p != NULL; p = p->next)
		port_mutex_lock(&p->grow);
}

static void
fork_parent(void)
{
	for (struct percpu_pool *p = reg.pools; p != NULL; p = p->next)
		port_mutex_unlock(&p->grow);
	port_mutex_unlock(&reg.mutex);
}

/*
 * A thread that the child does not have may have been in the middle of
 * something, so what its magazines say cannot be trusted.
 */
static void
forget(struct percpu_pool_local *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		struct percpu_pool_cache *c = &t->cache[i];

		if (c->pool == NULL)
			continue;
		add_counts(c);
		c->pool->lost += c->magazine[0].n + c->magazine[1].n;
	}
	port_free(t->cache);
}

static void
fork_child(void)
{
	struct percpu_pool_local *self = port_local(percpu_pool_self), *next;

	for (struct percpu_pool *p = reg.pools; p != NULL; p = p->next) {
		p->forked = true;
		port_mutex_init(&p->grow);
	}
	for (struct percpu_pool_local *t = reg.first; t != NULL; t = next) {
		next = t->next;
		if (t != self)
			forget(t);
	}
	reg.first = NULL;
	if (self->registered)
		link_local(self);
	port_mutex_init(&reg.mutex);
}

PORT_START(percpu_pool_local)
{
	port_exit_create(&reg.exit_hook, thread_gone);
	port_fork_hooks(fork_prepare, fork_parent, fork_child);
	port_mutex_lock(&reg.mutex);
	for (unsigned i = 0; i < port_locals(); i++) {
		struct percpu_pool_local *t;

		if (!port_has_local(i))
			continue;
		t = port_local_of(percpu_pool_self, i);
		if (!t->registered && enlarge(t, MANY - 1)) {
			link_local(t);
			t->registered = true;
		}
	}
	port_mutex_unlock(&reg.mutex);
}

#if PORT_BY_CPU
bool percpu_pool_local_complete(void);
void percpu_pool_local_stop(void);

/* Callers move: whoever has found that there is a cache finds one again. */
bool
percpu_pool_local_complete(void)
{
	for (unsigned i = 0; i < port_locals(); i++)
		if (port_has_local(i) &&
		    !port_local_of(percpu_pool_self, i)->registered)
			return false;
	return true;
}

/* There are no pools any more. */
void
percpu_pool_local_stop(void)
{
	for (unsigned i = 0; i < port_locals(); i++) {
		struct percpu_pool_local *t;

		if (!port_has_local(i))
			continue;
		t = port_local_of(percpu_pool_self, i);
		port_free(t->cache);
		*t = (struct percpu_pool_local){.n = 0};
	}
	reg.first = NULL;
}
#endif
