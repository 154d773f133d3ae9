/* SPDX-License-Identifier: BSD-2-Clause */

/* What is said of the queues' progress: one thread is held at a point. */

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "libsync/lfqueue/atomicq.h"
#include "libsync/lfqueue/mpmc.h"
#include "libsync/lfqueue/pcq.h"
#include "libsync/lfqueue/segq.h"
#include "libsync/lfqueue/stack.h"
#include "tests/libsync/gate.h"

struct item {
	struct lfqueue_atomicq_link link;
	struct lfqueue_stack_node node;
};

static struct item it[8];

/* What a thread does until it is held. */
struct action {
	void (*fn)(void *arg);
	void *arg;
	const char *point;
	struct gate held, go_on;
	pthread_t thread;
};

static __thread struct action *mine;

void sync_test_point(const char *name);
void
sync_test_point(const char *name)
{
	struct action *a = mine;

	if (a != NULL && strcmp(name, a->point) == 0) {
		mine = NULL;
		gate_open(&a->held, 1);
		gate_wait(&a->go_on, 1);
	}
}

static void *
act(void *arg)
{
	mine = arg;
	mine->fn(mine->arg);
	return NULL;
}

/* Begin fn in a thread, which is held at point. */
static void
hold(struct action *a, const char *point, void (*fn)(void *), void *arg)
{
	*a = (struct action){.fn = fn, .arg = arg, .point = point};
	cr_assert_eq(pthread_create(&a->thread, NULL, act, a), 0);
	gate_wait(&a->held, 1);
}

static void
let_go(struct action *a)
{
	gate_open(&a->go_on, 1);
	pthread_join(a->thread, NULL);
}

static void
atomicq_push(void *arg)
{
	lfqueue_atomicq_push_fifo(arg, &it[7]);
}

static void
atomicq_pop(void *arg)
{
	(void)lfqueue_atomicq_pop(arg);
}

static struct lfqueue_atomicq *
atomicq_with(int n)
{
	static struct lfqueue_atomicq q;

	lfqueue_atomicq_init(&q, 0);
	for (int i = 0; i < n; i++)
		lfqueue_atomicq_push_fifo(&q, &it[i]);
	return &q;
}

/* Between the exchange of the anchor and the link. */
Test(lfqueue_held, atomicq_push_without_its_link_holds_up_nobody)
{
	for (int others = 0; others < 4; others++) {
		struct lfqueue_atomicq *q = atomicq_with(3);
		struct action a;
		int i;

		hold(&a, "atomicq_link", atomicq_push, q);
		if (others & 1)
			lfqueue_atomicq_push_fifo(q, &it[3]);
		if (others & 2)
			lfqueue_atomicq_push_lifo(q, &it[4]);
		if (others & 2)
			cr_assert_eq(lfqueue_atomicq_pop(q), &it[4]);
		for (i = 0; i < 3; i++)
			cr_assert_eq(lfqueue_atomicq_pop(q), &it[i]);
		cr_assert_eq(lfqueue_atomicq_pop(q), &it[7]);
		if (others & 1)
			cr_assert_eq(lfqueue_atomicq_pop(q), &it[3]);
		cr_assert_null(lfqueue_atomicq_pop(q));
		let_go(&a);
		cr_assert_null(lfqueue_atomicq_pop(q));
	}
}

Test(lfqueue_held, atomicq_pop_all_takes_an_item_without_its_link)
{
	struct lfqueue_atomicq *q = atomicq_with(3);
	struct item *x;
	struct action a;
	int i = 0;

	hold(&a, "atomicq_link", atomicq_push, q);
	x = lfqueue_atomicq_pop_all(q);
	for (; i < 3; i++, x = lfqueue_atomicq_next(q, x))
		cr_assert_eq(x, &it[i]);
	cr_assert_eq(x, &it[7]);
	cr_assert_null(lfqueue_atomicq_next(q, x));
	let_go(&a);
}

static void
atomicq_push_other(void *arg)
{
	lfqueue_atomicq_push_fifo(arg, &it[6]);
}

static void
atomicq_push_third(void *arg)
{
	lfqueue_atomicq_push_fifo(arg, &it[5]);
}

/*
 * Threads that have seen item 2 as the last but one, with item 1 as its
 * neighbour still, but in two lives of it: the first in the earlier one.  It
 * must not set the link, or the third, which needs the link to go on, finds
 * it changed and believes that it is set.
 */
Test(lfqueue_held, atomicq_link_of_an_earlier_life_is_not_set)
{
	struct lfqueue_atomicq *q = atomicq_with(3);
	struct action first, second, third;

	hold(&first, "atomicq_link", atomicq_push, q);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(lfqueue_atomicq_pop(q), &it[i]);
	cr_assert_eq(lfqueue_atomicq_pop(q), &it[7]);
	for (int i = 0; i < 3; i++)
		lfqueue_atomicq_push_fifo(q, &it[i]);
	hold(&second, "atomicq_link", atomicq_push_other, q);
	hold(&third, "atomicq_link", atomicq_push_third, q);
	let_go(&first);
	let_go(&third);
	let_go(&second);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(lfqueue_atomicq_pop(q), &it[i]);
	cr_assert_eq(lfqueue_atomicq_pop(q), &it[6]);
	cr_assert_eq(lfqueue_atomicq_pop(q), &it[5]);
	cr_assert_null(lfqueue_atomicq_pop(q));
}

/* It has seen 0 in front of 1; then 0 is in front of 2. */
Test(lfqueue_held, atomicq_pop_of_an_earlier_anchor_fails)
{
	struct lfqueue_atomicq *q = atomicq_with(0);
	struct action a;

	for (int i = 3; i-- > 0;)
		lfqueue_atomicq_push_lifo(q, &it[i]);
	hold(&a, "atomicq_pop", atomicq_pop, q);
	cr_assert_eq(lfqueue_atomicq_pop(q), &it[0]);
	cr_assert_eq(lfqueue_atomicq_pop(q), &it[1]);
	lfqueue_atomicq_push_lifo(q, &it[0]);
	let_go(&a); /* takes 0 */
	cr_assert_eq(lfqueue_atomicq_pop(q), &it[2]);
	cr_assert_null(lfqueue_atomicq_pop(q));
}

static void
stack_pop(void *arg)
{
	(void)lfqueue_stack_pop(arg);
}

static void
stack_with(struct lfqueue_stack *s, int n)
{
	lfqueue_stack_init(s);
	while (n-- > 0)
		lfqueue_stack_push(s, &it[n].node);
}

Test(lfqueue_held, stack_pop_of_an_earlier_top_fails)
{
	struct lfqueue_stack s;
	struct action a;

	stack_with(&s, 3);
	hold(&a, "stack_pop", stack_pop, &s);
	cr_assert_eq(lfqueue_stack_pop(&s), &it[0].node);
	cr_assert_eq(lfqueue_stack_pop(&s), &it[1].node);
	lfqueue_stack_push(&s, &it[0].node);
	let_go(&a); /* takes 0 */
	cr_assert_eq(lfqueue_stack_pop(&s), &it[2].node);
	cr_assert_null(lfqueue_stack_pop(&s));
}

Test(lfqueue_held, stack_pop_of_a_top_before_all_were_taken_fails)
{
	struct lfqueue_stack s;
	struct action a;

	stack_with(&s, 2);
	hold(&a, "stack_pop", stack_pop, &s);
	cr_assert_eq(lfqueue_stack_pop_all(&s), &it[0].node);
	lfqueue_stack_push(&s, &it[0].node);
	let_go(&a); /* takes 0 */
	cr_assert_null(lfqueue_stack_pop(&s));
}

static void
pcq_put(void *arg)
{
	cr_assert(lfqueue_pcq_put(arg, &it[7]));
}

static void
pcq_get(void *arg)
{
	cr_assert_eq(lfqueue_pcq_get(arg), &it[0]);
}

Test(lfqueue_held, pcq_put_takes_one_place_and_hides_nothing)
{
	struct lfqueue_pcq *q;
	struct action a;

	cr_assert_eq(lfqueue_pcq_create(3, &q), 0);
	hold(&a, "pcq_put", pcq_put, q);
	for (int round = 0; round < 3; round++) {
		cr_assert(lfqueue_pcq_put(q, &it[0]));
		cr_assert(lfqueue_pcq_put(q, &it[1]));
		cr_assert_not(lfqueue_pcq_put(q, &it[2]));
		cr_assert_eq(lfqueue_pcq_get(q), &it[0]);
		cr_assert_eq(lfqueue_pcq_get(q), &it[1]);
		cr_assert_null(lfqueue_pcq_get(q));
	}
	let_go(&a);
	cr_assert_eq(lfqueue_pcq_get(q), &it[7]);
	lfqueue_pcq_destroy(q);
}

Test(lfqueue_held, pcq_get_takes_one_place_and_hides_nothing)
{
	struct lfqueue_pcq *q;
	struct action a;

	cr_assert_eq(lfqueue_pcq_create(2, &q), 0);
	cr_assert(lfqueue_pcq_put(q, &it[0]));
	hold(&a, "pcq_get", pcq_get, q);
	for (int round = 0; round < 3; round++) {
		cr_assert(lfqueue_pcq_put(q, &it[1]));
		cr_assert_not(lfqueue_pcq_put(q, &it[2]));
		cr_assert_eq(lfqueue_pcq_get(q), &it[1]);
	}
	let_go(&a);
	cr_assert(lfqueue_pcq_put(q, &it[1]));
	cr_assert(lfqueue_pcq_put(q, &it[2]));
	cr_assert_eq(lfqueue_pcq_get(q), &it[1]);
	cr_assert_eq(lfqueue_pcq_get(q), &it[2]);
	lfqueue_pcq_destroy(q);
}

static void
mpmc_push(void *arg)
{
	cr_assert(lfqueue_mpmc_push(arg, &it[7]));
}

static void
mpmc_pop(void *arg)
{
	cr_assert_eq(lfqueue_mpmc_pop(arg), &it[0]);
}

Test(lfqueue_held, mpmc_push_hides_later_items_but_not_from_producers)
{
	struct lfqueue_mpmc *q;
	struct action a;

	cr_assert_eq(lfqueue_mpmc_create(4, 0, &q), 0);
	cr_assert(lfqueue_mpmc_push(q, &it[0]));
	hold(&a, "mpmc_push_claimed", mpmc_push, q);
	cr_assert(lfqueue_mpmc_push(q, &it[1]));
	cr_assert(lfqueue_mpmc_push(q, &it[2]));
	cr_assert_not(lfqueue_mpmc_push(q, &it[3]));
	cr_assert_eq(lfqueue_mpmc_pop(q), &it[0]);
	cr_assert_null(lfqueue_mpmc_pop(q));
	let_go(&a);
	cr_assert_eq(lfqueue_mpmc_pop(q), &it[7]);
	cr_assert_eq(lfqueue_mpmc_pop(q), &it[1]);
	cr_assert_eq(lfqueue_mpmc_pop(q), &it[2]);
	lfqueue_mpmc_destroy(q);
}

/* The item that is not out of its slot yet is nobody else's. */
Test(lfqueue_held, mpmc_pop_keeps_its_slot_but_not_from_consumers)
{
	struct lfqueue_mpmc *q;
	struct action a;

	cr_assert_eq(lfqueue_mpmc_create(2, 0, &q), 0);
	cr_assert(lfqueue_mpmc_push(q, &it[0]));
	cr_assert(lfqueue_mpmc_push(q, &it[1]));
	hold(&a, "mpmc_pop_claimed", mpmc_pop, q);
	cr_assert_not(lfqueue_mpmc_push(q, &it[2]));
	cr_assert_eq(lfqueue_mpmc_pop(q), &it[1]);
	cr_assert_null(lfqueue_mpmc_pop(q));
	cr_assert_not(lfqueue_mpmc_push(q, &it[2]));
	let_go(&a);
	cr_assert(lfqueue_mpmc_push(q, &it[2]));
	cr_assert(lfqueue_mpmc_push(q, &it[3]));
	cr_assert_eq(lfqueue_mpmc_pop(q), &it[2]);
	cr_assert_eq(lfqueue_mpmc_pop(q), &it[3]);
	lfqueue_mpmc_destroy(q);
}

static void
segq_push(void *arg)
{
	cr_assert_eq(lfqueue_segq_push(arg, &it[7]), 0);
}

/* A push that was overtaken goes behind those who did not wait for it. */
Test(lfqueue_held, segq_push_holds_up_nobody)
{
	struct lfqueue_segq *q;
	struct action a;

	cr_assert_eq(lfqueue_segq_create(&q), 0);
	hold(&a, "segq_push", segq_push, q);
	for (int round = 0; round < 20; round++) {
		cr_assert_eq(lfqueue_segq_push(q, &it[0]), 0);
		cr_assert_eq(lfqueue_segq_push(q, &it[1]), 0);
		cr_assert_eq(lfqueue_segq_pop(q), &it[0]);
		cr_assert_eq(lfqueue_segq_pop(q), &it[1]);
		cr_assert_null(lfqueue_segq_pop(q));
	}
	let_go(&a);
	cr_assert_eq(lfqueue_segq_pop(q), &it[7]);
	lfqueue_segq_destroy(q);
}

/* A segment that was linked but is not the tail yet. */
Test(lfqueue_held, segq_push_before_it_moves_the_tail_holds_up_nobody)
{
	struct lfqueue_segq *q;
	struct action a;

	cr_assert_eq(lfqueue_segq_create(&q), 0);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(lfqueue_segq_push(q, &it[i]), 0);
	hold(&a, "segq_appended", segq_push, q);
	cr_assert_eq(lfqueue_segq_push(q, &it[4]), 0);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(lfqueue_segq_pop(q), &it[i]);
	cr_assert_eq(lfqueue_segq_pop(q), &it[7]);
	cr_assert_eq(lfqueue_segq_pop(q), &it[4]);
	cr_assert_null(lfqueue_segq_pop(q));
	let_go(&a);
	lfqueue_segq_destroy(q);
}
