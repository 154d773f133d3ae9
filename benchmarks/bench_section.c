/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Read sections, and waiting for them, ours beside its peers.  The argument of
 * perform_* is the number of other threads that read: idle ones have read and
 * sleep now, busy ones do nothing but enter and leave.  ck_epoch is not among
 * those who wait for busy readers: it spins, for as long as it takes a reader
 * that was preempted to get its processor back.  Neither is urcu_qsbr among
 * those who wait for idle ones, which never say that they are quiescent.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "benchmarks/bench.h"
#include "benchmarks/section.h"

#define READERS_MAX 64

/* [c] constant  [a] atomic */
struct readers {
	const struct section *section; /* [c] */
	size_t count;                  /* [c] */
	bool busy;                     /* [c] */
	pthread_t thread[READERS_MAX];
	pthread_barrier_t started, stopped;
	SYNC_ATOMIC(bool) stop; /* [a] */
	struct section_data data;
};

static void *
reader(void *arg)
{
	struct readers *r = arg;

	if (r->section->thread_init != NULL)
		r->section->thread_init();
	r->section->read(&r->data, 1);
	pthread_barrier_wait(&r->started);
	/* relaxed: only says stop; pthread_join orders what follows. */
	while (r->busy && !sync_load_relaxed(&r->stop))
		r->section->read(&r->data, 64);
	pthread_barrier_wait(&r->stopped);
	if (r->section->thread_fini != NULL)
		r->section->thread_fini();
	return NULL;
}

static void *
start_readers(const struct section *s, size_t count, bool busy)
{
	struct readers *r = calloc(1, sizeof(*r));

	if (r == NULL || count > READERS_MAX)
		abort();
	r->section = s;
	r->count = count;
	r->busy = busy;
	pthread_barrier_init(&r->started, NULL, (unsigned)count + 1);
	pthread_barrier_init(&r->stopped, NULL, (unsigned)count + 1);
	for (size_t i = 0; i < count; i++)
		if (pthread_create(&r->thread[i], NULL, reader, r) != 0)
			abort();
	pthread_barrier_wait(&r->started);
	return r;
}

static void
stop_readers(void *ctx)
{
	struct readers *r = ctx;

	/* relaxed: only says stop; pthread_join orders what follows. */
	sync_store_relaxed(&r->stop, true);
	pthread_barrier_wait(&r->stopped);
	for (size_t i = 0; i < r->count; i++)
		pthread_join(r->thread[i], NULL);
	pthread_barrier_destroy(&r->started);
	pthread_barrier_destroy(&r->stopped);
	free(r);
}

static void *
make_data(size_t arg)
{
	struct section_data *d = calloc(1, sizeof(*d));

	(void)arg;
	if (d == NULL)
		abort();
	return d;
}

/* The functions and entries of one peer. */
#define DEFINE(peer)                                             \
	static void peer##_init(void)                            \
	{                                                        \
		if (section_##peer.thread_init != NULL)          \
			section_##peer.thread_init();            \
	}                                                        \
	static void peer##_fini(void)                            \
	{                                                        \
		if (section_##peer.thread_fini != NULL)          \
			section_##peer.thread_fini();            \
	}                                                        \
	static void peer##_read(void *ctx, int thread, size_t n) \
	{                                                        \
		(void)thread;                                    \
		section_##peer.read(ctx, n);                     \
	}                                                        \
	_Static_assert(1, "takes the semicolon")

#define DEFINE_NESTED(peer)                                        \
	static void peer##_nested(void *ctx, int thread, size_t n) \
	{                                                          \
		(void)thread;                                      \
		section_##peer.nested(ctx, n);                     \
	}                                                          \
	_Static_assert(1, "takes the semicolon")

#define DEFINE_WAIT(peer)                                        \
	static void peer##_wait(void *ctx, int thread, size_t n) \
	{                                                        \
		(void)ctx, (void)thread;                         \
		for (size_t i = 0; i < n; i++)                   \
			section_##peer.synchronize();            \
	}                                                        \
	_Static_assert(1, "takes the semicolon")

#define DEFINE_IDLE(peer)                                          \
	static void *peer##_idle(size_t arg)                       \
	{                                                          \
		return start_readers(&section_##peer, arg, false); \
	}                                                          \
	_Static_assert(1, "takes the semicolon")

#define DEFINE_BUSY(peer)                                         \
	static void *peer##_busy(size_t arg)                      \
	{                                                         \
		return start_readers(&section_##peer, arg, true); \
	}                                                         \
	_Static_assert(1, "takes the semicolon")

#define ENTRY(peer, label, operation, how, begin, end)   \
	.name = label "/" operation, .setup = begin,     \
	.thread_init = peer##_init, .run = peer##_##how, \
	.thread_fini = peer##_fini, .teardown = end

#define READ(p, label)                                                  \
	{                                                               \
		ENTRY(p, label, "read_section", read, make_data, free), \
		    .threads = {                                        \
			    1,                                          \
			    2                                           \
		    }                                                   \
	}
#define ONLINE(p, label)                                                  \
	{                                                                 \
		ENTRY(p, label, "online_section", read, make_data, free), \
		    .threads = {                                          \
			    1                                             \
		    }                                                     \
	}
#define NESTED(p, label)                                                    \
	{                                                                   \
		ENTRY(p, label, "nested_section", nested, make_data, free), \
		    .threads = {                                            \
			    1                                               \
		    }                                                       \
	}
#define IDLE(p, label)                                                         \
	{                                                                      \
		ENTRY(p, label, "perform_idle", wait, p##_idle, stop_readers), \
		    .args = {1, 8, 64}, .threads = {1}, .batch = 16            \
	}
#define BUSY(p, label)                                                         \
	{                                                                      \
		ENTRY(p, label, "perform_busy", wait, p##_busy, stop_readers), \
		    .args = {1, 8, 64}, .threads = {1}, .batch = 1             \
	}

DEFINE(loop);
DEFINE(floor);
DEFINE(pserialize);
DEFINE(online);
DEFINE(rwlock);
DEFINE_NESTED(loop);
DEFINE_NESTED(floor);
DEFINE_NESTED(pserialize);
DEFINE_NESTED(rwlock);
DEFINE_WAIT(pserialize);
DEFINE_IDLE(pserialize);
DEFINE_BUSY(pserialize);

#ifdef BENCH_URCU
DEFINE(urcu_memb);
DEFINE(urcu_qsbr);
DEFINE(urcu_qsbr_lock);
DEFINE(urcu_bp);
DEFINE_NESTED(urcu_memb);
DEFINE_NESTED(urcu_qsbr_lock);
DEFINE_NESTED(urcu_bp);
DEFINE_WAIT(urcu_memb);
DEFINE_IDLE(urcu_memb);
DEFINE_BUSY(urcu_memb);
DEFINE_WAIT(urcu_qsbr);
DEFINE_BUSY(urcu_qsbr);
DEFINE_WAIT(urcu_bp);
DEFINE_IDLE(urcu_bp);
DEFINE_BUSY(urcu_bp);
#endif

#ifdef BENCH_CK
DEFINE(ck_epoch);
DEFINE_NESTED(ck_epoch);
DEFINE_WAIT(ck_epoch);
DEFINE_IDLE(ck_epoch);
#endif

const struct bench bench_section[] = {
    READ(loop, "loop"),
    READ(floor, "floor"),
    READ(pserialize, "pserialize"),
    READ(rwlock, "pthread_rwlock"),
    NESTED(loop, "loop"),
    NESTED(floor, "floor"),
    NESTED(pserialize, "pserialize"),
    NESTED(rwlock, "pthread_rwlock"),
    ONLINE(loop, "loop"),
    ONLINE(online, "pserialize"),
    IDLE(pserialize, "pserialize"),
    BUSY(pserialize, "pserialize"),
#ifdef BENCH_URCU
    READ(urcu_memb, "urcu_memb"),
    READ(urcu_qsbr, "urcu_qsbr"),
    READ(urcu_qsbr_lock, "urcu_qsbr_lock"),
    READ(urcu_bp, "urcu_bp"),
    NESTED(urcu_memb, "urcu_memb"),
    NESTED(urcu_qsbr_lock, "urcu_qsbr_lock"),
    NESTED(urcu_bp, "urcu_bp"),
    IDLE(urcu_memb, "urcu_memb"),
    IDLE(urcu_bp, "urcu_bp"),
    BUSY(urcu_memb, "urcu_memb"),
    BUSY(urcu_qsbr, "urcu_qsbr"),
    BUSY(urcu_bp, "urcu_bp"),
#endif
#ifdef BENCH_CK
    READ(ck_epoch, "ck_epoch"),
    NESTED(ck_epoch, "ck_epoch"),
    IDLE(ck_epoch, "ck_epoch"),
#endif
    {.name = NULL},
};
