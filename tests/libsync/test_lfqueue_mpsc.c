/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "libsync/lfqueue/mpsc.h"
#include "tests/stress.h"

struct msg {
	struct lfqueue_mpsc_node node; /* first: a node is its message */
	unsigned producer;
	unsigned long seq;
};

static struct lfqueue_mpsc q;

static void
setup(void)
{
	lfqueue_mpsc_init(&q);
}

TestSuite(lfqueue_mpsc, .init = setup);

static struct msg *
pop(void)
{
	return (struct msg *)(void *)lfqueue_mpsc_pop(&q);
}

Test(lfqueue_mpsc, new_queue_is_empty)
{
	cr_assert_null(lfqueue_mpsc_pop(&q));
	cr_assert(lfqueue_mpsc_empty(&q));
}

Test(lfqueue_mpsc, pops_in_push_order)
{
	struct msg m[5];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5; i++) {
			lfqueue_mpsc_push(&q, &m[i].node);
			cr_assert_not(lfqueue_mpsc_empty(&q));
		}
		for (int i = 0; i < 5; i++) {
			cr_assert_not(lfqueue_mpsc_empty(&q));
			cr_assert_eq(pop(), &m[i]);
		}
		cr_assert(lfqueue_mpsc_empty(&q));
		cr_assert_null(pop());
	}
}

Test(lfqueue_mpsc, popped_node_can_be_pushed_at_once)
{
	struct msg m[2];

	lfqueue_mpsc_push(&q, &m[0].node);
	lfqueue_mpsc_push(&q, &m[1].node);
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(pop(), &m[i % 2]);
		lfqueue_mpsc_push(&q, &m[i % 2].node);
	}
}

/* Hold a push open by doing its two steps by hand. */
Test(lfqueue_mpsc, push_in_its_window_is_neither_popped_nor_denied)
{
	struct msg m[3];
	struct lfqueue_mpsc_node *prev;

	sync_init(&m[0].node.next, NULL);
	/* seq_cst: as push does. */
	prev = sync_xchg_seq_cst(&q.tail, &m[0].node);
	lfqueue_mpsc_push(&q, &m[1].node);
	cr_assert_null(pop());
	cr_assert_not(lfqueue_mpsc_empty(&q));

	/* release: as push does. */
	sync_store_release(&prev->next, &m[0].node);
	cr_assert_eq(pop(), &m[0]);
	cr_assert_eq(pop(), &m[1]);
	cr_assert_null(pop());
	cr_assert(lfqueue_mpsc_empty(&q));
}

Test(lfqueue_mpsc, window_behind_the_last_node_holds_it_back)
{
	struct msg m[2];
	struct lfqueue_mpsc_node *prev;

	lfqueue_mpsc_push(&q, &m[0].node);
	sync_init(&m[1].node.next, NULL);
	/* seq_cst: as push does. */
	prev = sync_xchg_seq_cst(&q.tail, &m[1].node);
	cr_assert_null(pop());
	cr_assert_null(pop());
	cr_assert_not(lfqueue_mpsc_empty(&q));

	/* release: as push does. */
	sync_store_release(&prev->next, &m[1].node);
	cr_assert_eq(pop(), &m[0]);
	cr_assert_eq(pop(), &m[1]);
	cr_assert_null(pop());
	cr_assert(lfqueue_mpsc_empty(&q));
}

#define PRODUCERS 3

static unsigned long per_producer;
static SYNC_ATOMIC(bool) armed;
static sem_t wakeup;
static bool with_sleep;

static void *
producer(void *arg)
{
	struct msg *m = arg;

	for (unsigned long i = 0; i < per_producer; i++) {
		m[i].seq = i;
		lfqueue_mpsc_push(&q, &m[i].node);
		/* seq_cst: as "Sleeping consumer" in mpsc.h demands. */
		if (with_sleep && sync_load_seq_cst(&armed))
			sem_post(&wakeup);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void
wait_for_push(void)
{
	if (!with_sleep) {
		sched_yield();
		return;
	}
	/* seq_cst: as "Sleeping consumer" in mpsc.h demands. */
	sync_store_seq_cst(&armed, true);
	if (lfqueue_mpsc_empty(&q))
		sem_wait(&wakeup);
	else
		sched_yield();
	/* relaxed: a wake-up too many does no harm. */
	sync_store_relaxed(&armed, false);
}

static void
run_stress(void)
{
	unsigned long next[PRODUCERS] = {0};
	pthread_t t[PRODUCERS];
	struct msg *m[PRODUCERS];

	per_producer = stress_n(30000);
	for (unsigned p = 0; p < PRODUCERS; p++) {
		m[p] = calloc(per_producer, sizeof(*m[p]));
		cr_assert(m[p] != NULL);
		for (unsigned long i = 0; i < per_producer; i++)
			m[p][i].producer = p;
	}
	for (unsigned p = 0; p < PRODUCERS; p++)
		cr_assert_eq(pthread_create(&t[p], NULL, producer, m[p]), 0);
	for (unsigned long got = 0; got < PRODUCERS * per_producer;) {
		struct msg *x = pop();

		if (x == NULL) {
			wait_for_push();
			continue;
		}
		cr_assert_eq(x->seq, next[x->producer]);
		next[x->producer]++;
		got++;
	}
	for (unsigned p = 0; p < PRODUCERS; p++) {
		pthread_join(t[p], NULL);
		cr_assert_eq(next[p], per_producer);
		free(m[p]);
	}
	cr_assert_null(pop());
	cr_assert(lfqueue_mpsc_empty(&q));
}

Test(lfqueue_mpsc, stress_keeps_each_producers_order_and_loses_nothing,
    .timeout = 60)
{
	with_sleep = false;
	run_stress();
}

Test(lfqueue_mpsc, stress_sleeping_consumer_misses_no_push, .timeout = 60)
{
	with_sleep = true;
	cr_assert_eq(sem_init(&wakeup, 0, 0), 0);
	run_stress();
	sem_destroy(&wakeup);
}
