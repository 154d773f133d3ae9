/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a test of pserialize includes: registry, grace periods and online
 * workers as they are, on a host that is made here.
 *
 *   - GenMC gives each thread a copy of a thread-local variable at the same
 *     address, but pserialize hands out addresses of its own: the records are a
 *     table here, and model_begin() says which one is the caller's.
 *   - model_end() is the exit of a thread.
 *   - A loop that waits goes around once more, then the execution is given up:
 *     what it would see later is seen by executions in which it looks later.
 *   - Nothing is called after a grace period, no process forks.
 *
 * Without MODEL_MEMBARRIER the mode is fenced, and nothing else is left out.
 * With it a heavy fence asks each other thread for a full fence and waits; a
 * thread finds that it is asked at model_interrupt(), which is also the light
 * fence, or has ended.
 *
 * WEAK_FENCE: no full fence.  WEAK_HEAVY: one for the caller only.  WEAK_ENTRY:
 * sections begin with a relaxed store.  WEAK_SEQ_STORE, _ODD, _LOAD: the number
 * of the grace period is stored, stored at a beginning, loaded relaxed.
 */
#ifndef TESTS_MODEL_GENMC_PSERIALIZE_H
#define TESTS_MODEL_GENMC_PSERIALIZE_H

#include "tests/model/genmc/model.h"

#ifndef MODEL_GENMC
#include <sched.h>
#endif

#include "libsync/base/fence.h"

#define MODEL_THREADS 4 /* main is 0 */

static __thread int model_me, model_pauses;
static __thread uint64_t model_seen;

#ifdef MODEL_GENMC
void __VERIFIER_assume(int);
#define model_await(c) __VERIFIER_assume(c)
#else
#define model_await(c)                       \
	do {                                 \
		while (!(c))                 \
			(void)sched_yield(); \
	} while (0)
#endif

/* These nothing weakens: they stand before what does. */
struct model_word {
	uint64_t v;
};

static inline uint64_t
model_load(const void *p)
{
	/* acquire: pairs with model_store. */
	return sync_load_acquire((const struct model_word *)p);
}

static inline void
model_store(void *p, uint64_t x)
{
	/* release: pairs with model_load. */
	sync_store_release((struct model_word *)p, x);
}

static inline void
model_fence(void)
{
	sync_fence_full();
}

static inline void
model_store_weak(void *p, uint64_t x, bool weak)
{
	if (!weak)
		model_store(p, x);
	else
		/* relaxed: which must be found. */
		sync_store_relaxed((struct model_word *)p, x);
}

static inline uint64_t
model_load_weak(const void *p, bool weak)
{
	if (!weak)
		return model_load(p);
	/* relaxed: which must be found. */
	return sync_load_relaxed((const struct model_word *)p);
}

/* Asked for, and heard by each thread. */
static struct {
	SYNC_ATOMIC(uint64_t) asked, heard[MODEL_THREADS];
} model_ipi;

static inline void
model_interrupt(void)
{
	const uint64_t asked = model_load(&model_ipi.asked);

	if (asked == model_seen)
		return;
	model_fence();
	model_seen = asked;
	model_store(&model_ipi.heard[model_me], asked);
}

static inline void
model_heavy(void)
{
	uint64_t asked;

	model_fence();
	/* release: pairs with the load in model_interrupt. */
	asked = sync_fetch_add_release(&model_ipi.asked, 1) + 1;
	for (int t = 1; t < MODEL_THREADS; t++)
		if (t != model_me)
			model_await(model_load(&model_ipi.heard[t]) >= asked);
	model_fence();
}

/* The host: libsync/port/port.h. */
#define LIBSYNC_PORT_USER_PORT_H
#define LIBSYNC_PORT_USER_LOCAL_H
#define LIBSYNC_PORT_EVENT_H
#define LIBSYNC_PORT_MUTEX_H
#define PORT_LOCAL(type, name) type *model_##name(void)
#define PORT_BY_CPU            0
#define port_local(name)       model_##name()
#define port_local_of(name, i) ((void)(i), port_local(name))
#define port_has_local(i)      ((void)(i), 0)
#define port_section_enter()   ((void)0)
#define port_section_exit()    ((void)0)
#define PORT_START(name)       static void name##_start(void)
#define PORT_MUTEX_INIT                   \
	{                                 \
		PTHREAD_MUTEX_INITIALIZER \
	}

static inline unsigned
port_locals(void)
{
	return 0;
}

struct port_mutex {
	pthread_mutex_t m;
};

struct port_mask {
	int none;
};

struct port_event {
	SYNC_ATOMIC(uint32_t) word;
};

struct port_exit {
	void (*fn)(void *);
};

static struct {
	void (*fn)(void *);
	void *arg;
} model_at_exit[MODEL_THREADS];

static inline void
port_mutex_lock(struct port_mutex *m)
{
	pthread_mutex_lock(&m->m);
}

static inline void
port_mutex_unlock(struct port_mutex *m)
{
	pthread_mutex_unlock(&m->m);
}

static inline void
port_mutex_init(struct port_mutex *m)
{
	(void)m;
}

static inline void
port_mask_block(struct port_mask *saved)
{
	saved->none = 0;
}

static inline void
port_mask_restore(const struct port_mask *saved)
{
	(void)saved;
}

static inline void
port_exit_create(struct port_exit *hook, void (*fn)(void *))
{
	hook->fn = fn;
}

static inline void
port_exit_arm(struct port_exit *hook, void *arg)
{
	model_at_exit[model_me].fn = hook->fn;
	model_at_exit[model_me].arg = arg;
}

static inline void
port_fork_hooks(
    void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	(void)prepare;
	(void)parent;
	(void)child;
}

static inline void
port_pause(void)
{
#ifdef MODEL_GENMC
	__VERIFIER_assume(model_pauses++ == 0);
#else
	(void)sched_yield();
#endif
}

static inline void
port_sleep(uint32_t ns)
{
	(void)ns;
	port_pause();
}

static inline void
port_event_wait(struct port_event *ev, uint32_t seen, uint32_t ns)
{
	(void)ns;
	/* relaxed: as the kernel's look. */
	model_await(sync_load_relaxed(&ev->word) != seen);
}

static inline void
port_event_wake(struct port_event *ev)
{
	(void)ev;
}

static inline uint64_t
port_clock_ns(void)
{
	return 1;
}

static inline uint32_t
port_thread_id(void)
{
	return (uint32_t)model_me + 1;
}

#ifdef MODEL_MEMBARRIER
#define sync_fence_compiler() model_interrupt()
#endif
#ifdef WEAK_FENCE
#define sync_fence_full() ((void)0)
#endif
#ifdef WEAK_ENTRY /* PSERIALIZE_IN is 1 */
#undef sync_store_release
/* release: or relaxed. */
#define sync_store_release(p, x) model_store_weak(p, x, ((x)&1) != 0)
#endif

#include "libsync/pserialize/pserialize.h"

static struct pserialize_thread model_record[MODEL_THREADS] = {
    [0 ... MODEL_THREADS - 1] = {
	.words = {[0 ... PSERIALIZE_DOMAINS - 1] = {PSERIALIZE_SLOW}}}};

/* The calling thread's record, where libsync has a variable. */
struct pserialize_thread *
model_pserialize_self(void)
{
	return &model_record[model_me];
}

struct sync_fence_state sync_fence_state = {
#ifdef MODEL_MEMBARRIER
    {SYNC_FENCE_MEMBARRIER}
#else
    {SYNC_FENCE_FENCED}
#endif
};

enum sync_fence_mode
sync_fence_mode(void)
{
	/* relaxed: constant. */
	return (enum sync_fence_mode)sync_load_relaxed(&sync_fence_state.mode);
}

void
sync_fence_heavy(void)
{
#if defined(MODEL_MEMBARRIER) && !defined(WEAK_HEAVY)
	model_heavy();
#else
	sync_fence_full();
#endif
}

#include "libsync/pserialize/registry.c"

#define MODEL_IS_SEQ(p) ((const void *)(p) == (const void *)&pserialize_now[0])
#ifdef WEAK_SEQ_STORE
#undef sync_store_release
/* release: or relaxed. */
#define sync_store_release(p, x) model_store_weak(p, x, MODEL_IS_SEQ(p))
#endif
#ifdef WEAK_SEQ_ODD
#undef sync_store_release
/* release: or relaxed. */
#define sync_store_release(p, x) \
	model_store_weak(p, x, MODEL_IS_SEQ(p) && ((x)&1) != 0)
#endif
#ifdef WEAK_SEQ_LOAD
#undef sync_load_acquire
/* acquire: or relaxed. */
#define sync_load_acquire(p) model_load_weak(p, MODEL_IS_SEQ(p))
#endif

#include "libsync/pserialize/online.c"
#include "libsync/pserialize/pserialize.c"

/* What the parts that are left out would do: nothing is ever due. */
uint64_t
pserialize_stall_after_ns(void)
{
	return UINT64_MAX / 2;
}

void
pserialize_stall_report(unsigned domain, uint64_t age_ns)
{
	(void)domain;
	(void)age_ns;
	abort();
}

void
pserialize_stall_left_open(unsigned domain)
{
	(void)domain;
	abort();
}

void
pserialize_call_adopt(struct pserialize_thread *t)
{
	(void)t;
}

void
pserialize_domain_fork_child(void)
{
}

void
pserialize_reclaim_fork_prepare(void)
{
}

void
pserialize_reclaim_fork_parent(void)
{
}

void
pserialize_reclaim_fork_child(uint32_t was, uint32_t now)
{
	(void)was;
	(void)now;
}

/* What main does before it starts this many threads, of numbers from 1. */
static inline void
model_init(int threads)
{
	pserialize_registry_start();
	model_ipi.heard[0].v = UINT64_MAX;
	for (int t = threads + 1; t < MODEL_THREADS; t++)
		model_ipi.heard[t].v = UINT64_MAX;
}

/* The first and the last thing that a thread does. */
static inline void
model_begin(int number)
{
	model_me = number;
	model_interrupt();
}

static inline void
model_end(void)
{
	if (model_at_exit[model_me].fn != NULL)
		model_at_exit[model_me].fn(model_at_exit[model_me].arg);
	model_store(&model_ipi.heard[model_me], UINT64_MAX);
}

#endif /* TESTS_MODEL_GENMC_PSERIALIZE_H */
