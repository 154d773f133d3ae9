/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Many threads on one queue, for the tests of those that allow it.
 *
 * many_transfer: producers push numbered messages, consumers pop them; nothing
 * is lost or comes twice, and a FIFO gives each consumer the messages of each
 * producer in order.  many_recycle: every thread pops one of a few messages
 * and pushes it again, which is where a re-used link or a forgotten tag shows.
 *
 * The plain fields of a message are written by its owner of the moment:
 * ThreadSanitizer reports a queue that does not hand them over.
 */
#ifndef TESTS_LIBSYNC_LFQUEUE_MANY_H
#define TESTS_LIBSYNC_LFQUEUE_MANY_H

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "libsync/lfqueue/atomicq.h"
#include "libsync/lfqueue/stack.h"
#include "tests/stress.h"

#define MANY_MAX 8 /* threads of a kind */

struct many_msg {
	struct lfqueue_atomicq_link link;
	struct lfqueue_stack_node node;
	unsigned producer, owned, taken;
	unsigned long seq;
};

struct many {
	void *queue;
	bool (*push)(void *queue, struct many_msg *m, unsigned random);
	struct many_msg *(*pop)(void *queue, unsigned random);
	unsigned producers, consumers;
	unsigned long each; /* messages of a producer, or rounds of a thread */
	bool fifo;
};

struct many_thread {
	const struct many *run;
	struct many_msg *msg;
	unsigned number;
	pthread_t thread;
};

static SYNC_ATOMIC(unsigned long) many_left;

static unsigned
many_random(void)
{
	static __thread uint32_t x;

	if (x == 0)
		x = (uint32_t)(uintptr_t)&x | 1;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x >> 8;
}

#ifdef SYNC_TEST_POINTS
/* Between a load and the exchange that relies on it: let others run. */
void sync_test_point(const char *name);
void
sync_test_point(const char *name)
{
	(void)name;
	if (many_random() % 4 == 0)
		sched_yield();
}
#endif

static void *
many_produce(void *arg)
{
	const struct many_thread *t = arg;

	for (unsigned long i = 0; i < t->run->each; i++) {
		t->msg[i].producer = t->number;
		t->msg[i].seq = i;
		while (!t->run->push(t->run->queue, &t->msg[i], many_random()))
			sched_yield();
	}
	return NULL;
}

static void *
many_consume(void *arg)
{
	const struct many_thread *t = arg;
	unsigned long next[MANY_MAX] = {0};

	/* relaxed: only a count. */
	while (sync_load_relaxed(&many_left) > 0) {
		struct many_msg *m = t->run->pop(t->run->queue, many_random());

		if (m == NULL) {
			sched_yield();
			continue;
		}
		m->taken++;
		if (t->run->fifo)
			cr_assert_geq(m->seq, next[m->producer]);
		next[m->producer] = m->seq + 1;
		/* relaxed: only a count. */
		sync_fetch_add_relaxed(&many_left, -1UL);
	}
	return NULL;
}

static inline void
many_transfer(const struct many *run)
{
	struct many_thread p[MANY_MAX], c[MANY_MAX];

	sync_init(&many_left, run->producers * run->each);
	for (unsigned i = 0; i < run->producers; i++) {
		p[i] = (struct many_thread){.run = run, .number = i};
		p[i].msg = aligned_alloc(16, run->each * sizeof(*p[i].msg));
		cr_assert(p[i].msg != NULL);
		for (unsigned long k = 0; k < run->each; k++)
			p[i].msg[k] = (struct many_msg){.taken = 0};
	}
	for (unsigned i = 0; i < run->consumers; i++) {
		c[i] = (struct many_thread){.run = run};
		cr_assert_eq(
		    pthread_create(&c[i].thread, NULL, many_consume, &c[i]), 0);
	}
	for (unsigned i = 0; i < run->producers; i++)
		cr_assert_eq(
		    pthread_create(&p[i].thread, NULL, many_produce, &p[i]), 0);
	for (unsigned i = 0; i < run->producers; i++)
		pthread_join(p[i].thread, NULL);
	for (unsigned i = 0; i < run->consumers; i++)
		pthread_join(c[i].thread, NULL);
	cr_assert_null(run->pop(run->queue, 0));
	for (unsigned i = 0; i < run->producers; i++) {
		for (unsigned long k = 0; k < run->each; k++)
			cr_assert_eq(p[i].msg[k].taken, 1);
		free(p[i].msg);
	}
}

static void *
many_turn(void *arg)
{
	const struct many_thread *t = arg;

	for (unsigned long i = 0; i < t->run->each; i++) {
		struct many_msg *m = t->run->pop(t->run->queue, many_random());

		if (m == NULL) {
			sched_yield();
			continue;
		}
		cr_assert_eq(m->owned++, 0);
		if (many_random() % 8 == 0)
			sched_yield();
		cr_assert_eq(--m->owned, 0);
		while (!t->run->push(t->run->queue, m, many_random()))
			sched_yield();
	}
	return NULL;
}

/* run->producers threads, run->consumers messages. */
static inline void
many_recycle(const struct many *run)
{
	struct many_msg m[MANY_MAX] = {{.taken = 0}}, *got;
	struct many_thread t[MANY_MAX];

	for (unsigned i = 0; i < run->consumers; i++)
		cr_assert(run->push(run->queue, &m[i], many_random()));
	for (unsigned i = 0; i < run->producers; i++) {
		t[i] = (struct many_thread){.run = run};
		cr_assert_eq(
		    pthread_create(&t[i].thread, NULL, many_turn, &t[i]), 0);
	}
	for (unsigned i = 0; i < run->producers; i++)
		pthread_join(t[i].thread, NULL);
	for (unsigned i = 0; i < run->consumers; i++) {
		got = run->pop(run->queue, 0);
		cr_assert_not_null(got, "message %u is lost", i);
		got->taken++;
	}
	cr_assert_null(run->pop(run->queue, 0));
	for (unsigned i = 0; i < run->consumers; i++)
		cr_assert_eq(m[i].taken, 1);
}

#endif /* TESTS_LIBSYNC_LFQUEUE_MANY_H */
