/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Read sections, and waiting for them, ours beside its peers.  ck_epoch is not
 * among those who wait for busy readers: it spins, for as long as it takes a
 * reader that was preempted to get its processor back.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "benchmarks/bench.h"
#include "benchmarks/section.h"

#define READERS_MAX 8

/* [c] constant  [a] atomic */
struct readers {
	const struct section *section; /* [c] */
	size_t count;                  /* [c] */
	pthread_t thread[READERS_MAX];
	SYNC_ATOMIC(bool) stop; /* [a] */
	struct section_data data;
};

static void *
reader(void *arg)
{
	struct readers *r = arg;

	if (r->section->thread_init != NULL)
		r->section->thread_init();
	/* relaxed: only says stop; pthread_join orders what follows. */
	while (!sync_load_relaxed(&r->stop))
		r->section->read(&r->data, 64);
	if (r->section->thread_fini != NULL)
		r->section->thread_fini();
	return NULL;
}

static void *
start_readers(const struct section *s, size_t count)
{
	struct readers *r = calloc(1, sizeof(*r));

	if (r == NULL || count > READERS_MAX)
		abort();
	r->section = s;
	r->count = count;
	for (size_t i = 0; i < count; i++)
		if (pthread_create(&r->thread[i], NULL, reader, r) != 0)
			abort();
	return r;
}

static void
stop_readers(void *ctx)
{
	struct readers *r = ctx;

	/* relaxed: only says stop; pthread_join orders what follows. */
	sync_store_relaxed(&r->stop, true);
	for (size_t i = 0; i < r->count; i++)
		pthread_join(r->thread[i], NULL);
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
	static void *peer##_readers(size_t arg)                  \
	{                                                        \
		return start_readers(&section_##peer, arg);      \
	}                                                        \
	static void peer##_wait(void *ctx, int thread, size_t n) \
	{                                                        \
		(void)ctx, (void)thread;                         \
		for (size_t i = 0; i < n; i++)                   \
			section_##peer.synchronize();            \
	}                                                        \
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
#define NESTED(p, label)                                                    \
	{                                                                   \
		ENTRY(p, label, "nested_section", nested, make_data, free), \
		    .threads = {                                            \
			    1                                               \
		    }                                                       \
	}
#define WAIT(p, label)                                                         \
	{                                                                      \
		ENTRY(                                                         \
		    p, label, "synchronize", wait, p##_readers, stop_readers), \
		    .threads = {1}, .batch = 16                                \
	}
#define WAIT_BUSY(p, label)                                            \
	{                                                              \
		ENTRY(p, label, "synchronize_busy", wait, p##_readers, \
		    stop_readers),                                     \
		    .args = {1}, .threads = {1}, .batch = 16           \
	}

DEFINE(loop);
DEFINE(pserialize);
DEFINE(urcu_memb);
DEFINE(urcu_qsbr);
DEFINE(urcu_qsbr_lock);
DEFINE(urcu_bp);
DEFINE(ck_epoch);
DEFINE(rwlock);

DEFINE_NESTED(loop);
DEFINE_NESTED(pserialize);
DEFINE_NESTED(urcu_memb);
DEFINE_NESTED(urcu_qsbr_lock);
DEFINE_NESTED(urcu_bp);
DEFINE_NESTED(ck_epoch);
DEFINE_NESTED(rwlock);

DEFINE_WAIT(pserialize);
DEFINE_WAIT(urcu_memb);
DEFINE_WAIT(urcu_qsbr);
DEFINE_WAIT(urcu_bp);
DEFINE_WAIT(ck_epoch);

const struct bench bench_section[] = {
    READ(loop, "loop"),
    READ(pserialize, "pserialize"),
    READ(urcu_memb, "urcu_memb"),
    READ(urcu_qsbr, "urcu_qsbr"),
    READ(urcu_qsbr_lock, "urcu_qsbr_lock"),
    READ(urcu_bp, "urcu_bp"),
    READ(ck_epoch, "ck_epoch"),
    READ(rwlock, "pthread_rwlock"),
    NESTED(loop, "loop"),
    NESTED(pserialize, "pserialize"),
    NESTED(urcu_memb, "urcu_memb"),
    NESTED(urcu_qsbr_lock, "urcu_qsbr_lock"),
    NESTED(urcu_bp, "urcu_bp"),
    NESTED(ck_epoch, "ck_epoch"),
    NESTED(rwlock, "pthread_rwlock"),
    WAIT(pserialize, "pserialize"),
    WAIT(urcu_memb, "urcu_memb"),
    WAIT(urcu_qsbr, "urcu_qsbr"),
    WAIT(urcu_bp, "urcu_bp"),
    WAIT(ck_epoch, "ck_epoch"),
    WAIT_BUSY(pserialize, "pserialize"),
    WAIT_BUSY(urcu_memb, "urcu_memb"),
    WAIT_BUSY(urcu_qsbr, "urcu_qsbr"),
    WAIT_BUSY(urcu_bp, "urcu_bp"),
    {.name = NULL},
};
