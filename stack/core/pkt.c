/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One anonymous mapping per stack holds, pool by pool, the packets, the jumbo
 * packets, and their buffers.  A pool is two last-in first-out lists that only
 * its worker touches.  A worker that frees another's packet chains it up; at
 * the end of the turn each chain goes to its pool with one push, and the pool
 * takes the chains apart when it runs out.
 *
 * Invariants
 *   I1  A packet is in exactly one place: the list of its pool, a chain on its
 *       way there, or the hands of its holder; check tells the last from the
 *       others in checked builds.
 *   I2  In checked builds the first line of a free packet is filled with a
 *       pattern that is no address, and under AddressSanitizer the line and
 *       the buffer are out of bounds.
 *
 * Reclamation: none; the mapping goes with the stack.
 */

#include "stack/core/pkt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "libsync/base/assert.h"
#include "stack/core/core_impl.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#define HIDE(at, n) __asan_poison_memory_region(at, n)
#define SHOW(at, n) __asan_unpoison_memory_region(at, n)
#else
#define HIDE(at, n) ((void)(at), (void)(n))
#define SHOW(at, n) ((void)(at), (void)(n))
#endif

enum kind {
	NORMAL,
	JUMBO,
	KINDS
};

enum check {
	CHECK_FREE = 0x66726565,
	CHECK_HELD = 0x68656c64
};

/* [o] the worker  [a] atomic  [c] constant */
struct pkt_pool {
	unsigned int worker;       /* [c] whose it is: all who free read it */
	char pad1[SYNC_CACHELINE]; /* three lines: [c], [o], [a] */
	struct pkt *free[KINDS];   /* [o] */
	size_t nfree[KINDS];       /* [o] */
	char pad2[SYNC_CACHELINE];
	struct lfqueue_mpsc home; /* [a] chains freed by other workers */
};

static const uint32_t rooms[KINDS] = {
    PKT_HEADROOM + PKT_ROOM, PKT_HEADROOM + PKT_ROOM_JUMBO};

static enum kind
kind_of(const struct pkt *p)
{
	return p->room == rooms[JUMBO] ? JUMBO : NORMAL;
}

static void
hide(struct pkt *p)
{
#ifdef SYNC_CHECKS
	p->check = CHECK_FREE;
	memset((void *)p, 0xdb, SYNC_CACHELINE);
#endif
	HIDE(p, SYNC_CACHELINE);
	HIDE(p->buf, p->room);
}

static void
show(struct pkt *p)
{
	SHOW(p, SYNC_CACHELINE);
	SHOW(p->buf, p->room);
#ifdef SYNC_CHECKS
	SYNC_ASSERT(p->check == CHECK_FREE);
	p->check = CHECK_HELD;
#endif
}

static void
put(struct pkt_pool *pool, struct pkt *p)
{
	const enum kind k = kind_of(p);

	p->next = pool->free[k];
	pool->free[k] = p;
	pool->nfree[k]++;
}

/* Fill a pool: n packets at *at, their buffers at *buf; both move on. */
static void
fill(struct pkt_pool *pool, enum kind k, size_t n, struct pkt **at,
    uint8_t **buf)
{
	for (size_t i = 0; i < n; i++) {
		struct pkt *p = (*at)++;

		p->buf = *buf;
		p->room = rooms[k];
		p->pool = pool;
		*buf += rooms[k];
		hide(p);
		put(pool, p);
	}
}

int
pkt_arena_create(struct stack *st, size_t pkts, size_t jumbos)
{
	const size_t per_worker = (pkts + jumbos) * sizeof(struct pkt) +
				  pkts * rooms[NORMAL] + jumbos * rooms[JUMBO];
	struct pkt *p;
	uint8_t *buf;

	_Static_assert((PKT_HEADROOM + PKT_ROOM) % SYNC_CACHELINE == 0, "");
	_Static_assert(
	    (PKT_HEADROOM + PKT_ROOM_JUMBO) % SYNC_CACHELINE == 0, "");
	if (pkts > UINT32_MAX || jumbos > UINT32_MAX ||
	    per_worker > SIZE_MAX / 2 / st->nworkers)
		return -EINVAL;
	st->arena_size = per_worker * st->nworkers;
	st->arena = mmap(NULL, st->arena_size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (st->arena == MAP_FAILED) {
		st->arena = NULL;
		return -ENOMEM;
	}
	st->npkts = (pkts + jumbos) * st->nworkers;
	for (unsigned int i = 0; i < st->nworkers; i++) {
		struct worker *w = stack_worker(st, i);

		w->pool = aligned_alloc(SYNC_CACHELINE,
		    SYNC_ROUNDUP(sizeof(*w->pool), SYNC_CACHELINE));
		if (w->pool == NULL)
			return -ENOMEM;
		*w->pool = (struct pkt_pool){.worker = i};
		lfqueue_mpsc_init(&w->pool->home);
		p = (struct pkt *)(void *)((char *)st->arena + i * per_worker);
		buf = (uint8_t *)(p + pkts + jumbos);
		/* Those of all workers may be of one worker's pool. */
		w->held_most = (unsigned int)(pkts / 2 / st->nworkers);
		fill(w->pool, NORMAL, pkts, &p, &buf);
		fill(w->pool, JUMBO, jumbos, &p, &buf);
	}
	return 0;
}

void
pkt_arena_destroy(struct stack *st)
{
	if (st->arena == NULL)
		return;
	for (unsigned int i = 0; i < st->nworkers; i++)
		free(stack_worker(st, i)->pool);
	SHOW(st->arena, st->arena_size);
	SYNC_REQUIRE(munmap(st->arena, st->arena_size) == 0);
}

/* Take apart the chains that other workers sent. */
static void
collect(struct pkt_pool *pool)
{
	struct lfqueue_mpsc_node *node;

	while ((node = lfqueue_mpsc_pop(&pool->home)) != NULL) {
		struct pkt *p = CORE_CONTAINER(node, struct pkt, msg.node),
			   *next;

		for (; p != NULL; p = next) {
			next = p->next;
			put(pool, p);
		}
	}
}

static struct pkt *
take(struct worker *w, enum kind k)
{
	struct pkt_pool *pool = w->pool;
	struct pkt *p;

	if (pool->free[k] == NULL)
		collect(pool);
	p = pool->free[k];
	if (p == NULL)
		return NULL;
	pool->free[k] = p->next;
	pool->nfree[k]--;
	show(p);
	memset((void *)p, 0, SYNC_CACHELINE);
	p->msg.fn = NULL;
	p->next = NULL;
	p->mark = 0;
	p->data = p->buf + PKT_HEADROOM;
	p->rx_time = w->now;
	return p;
}

struct pkt *
pkt_alloc(struct worker *w)
{
	return take(w, NORMAL);
}

struct pkt *
pkt_alloc_jumbo(struct worker *w)
{
	return take(w, JUMBO);
}

void
pkt_free(struct worker *w, struct pkt *p)
{
	struct worker_impl *wi = w->impl;
	const unsigned int home = p->pool->worker;

	SYNC_ASSERT(p->check == CHECK_HELD);
	SYNC_ASSERT(
	    (uintptr_t)p - (uintptr_t)w->stack->arena < w->stack->arena_size);
	hide(p);
	if (p->pool == w->pool) {
		put(w->pool, p);
		return;
	}
	p->next = wi->foreign[home];
	wi->foreign[home] = p;
	wi->foreign_any = true;
	percpu_counters_add(
	    w->stack->worker_stat, w->id, WORKER_REMOTE_FREES, 1);
}

void
pkt_flush_foreign(struct worker *w)
{
	struct worker_impl *wi = w->impl;

	if (!wi->foreign_any)
		return;
	wi->foreign_any = false;
	for (unsigned int i = 0; i < w->stack->nworkers; i++) {
		struct pkt *p = wi->foreign[i];

		if (p == NULL)
			continue;
		wi->foreign[i] = NULL;
		lfqueue_mpsc_push(&p->pool->home, &p->msg.node);
	}
}

size_t
pkt_in_pool(struct worker *w)
{
	collect(w->pool);
	return w->pool->nfree[NORMAL] + w->pool->nfree[JUMBO];
}

void
pkt_drop(struct worker *w, struct pkt *p, netif_id id, enum drop_reason reason)
{
	struct netif *nif = netif_lookup(w->stack, id);

	SYNC_ASSERT((unsigned int)reason < DROP_REASON_COUNT);
	if (nif != NULL)
		netif_count(w, nif, NETIF_DROPS + reason, 1);
	else
		percpu_counters_add(w->stack->orphans, w->id, reason, 1);
	pkt_free(w, p);
}

void
pkt_drop_batch(
    struct worker *w, struct pkt_batch *b, netif_id id, enum drop_reason reason)
{
	struct netif *nif = netif_lookup(w->stack, id);

	SYNC_ASSERT((unsigned int)reason < DROP_REASON_COUNT);
	if (nif != NULL)
		netif_count(w, nif, NETIF_DROPS + reason, b->n);
	else
		percpu_counters_add(w->stack->orphans, w->id, reason, b->n);
	for (unsigned int i = 0; i < b->n; i++)
		pkt_free(w, b->pkt[i]);
	b->n = 0;
}

struct pkt *
pkt_copy(struct worker *w, const struct pkt *p)
{
	struct pkt *copy;

	if (p->len > PKT_ROOM)
		return NULL;
	copy = pkt_alloc(w);
	if (copy == NULL)
		return NULL;
	memcpy(copy->data, p->data, p->len);
	copy->len = p->len;
	copy->flags = p->flags;
	copy->rx_if = p->rx_if;
	copy->rx_time = p->rx_time;
	copy->mark = p->mark;
	return copy;
}
