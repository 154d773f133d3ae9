/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "libsync/lfqueue/atomicq.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/libsync/lfqueue_many.h"

struct item {
	int number;
	struct lfqueue_atomicq_link link; /* not first */
	struct pserialize_head head;
};

static struct lfqueue_atomicq q;
static struct item it[8];

static void
setup(void)
{
	lfqueue_atomicq_init(&q, offsetof(struct item, link));
}

TestSuite(lfqueue_atomicq, .init = setup);

Test(lfqueue_atomicq, new_queue_is_empty)
{
	cr_assert_null(lfqueue_atomicq_pop(&q));
	cr_assert_null(lfqueue_atomicq_peek(&q));
	cr_assert_null(lfqueue_atomicq_pop_all(&q));
}

Test(lfqueue_atomicq, fifo_pushes_come_out_in_order)
{
	for (int round = 0; round < 3; round++) {
		for (int n = 1; n <= 8; n++) {
			for (int i = 0; i < n; i++)
				lfqueue_atomicq_push_fifo(&q, &it[i]);
			for (int i = 0; i < n; i++) {
				cr_assert_eq(lfqueue_atomicq_peek(&q), &it[i]);
				cr_assert_eq(lfqueue_atomicq_pop(&q), &it[i]);
			}
			cr_assert_null(lfqueue_atomicq_pop(&q));
		}
	}
}

Test(lfqueue_atomicq, lifo_pushes_come_out_in_reverse)
{
	for (int n = 1; n <= 8; n++) {
		for (int i = 0; i < n; i++)
			lfqueue_atomicq_push_lifo(&q, &it[i]);
		for (int i = n; i-- > 0;)
			cr_assert_eq(lfqueue_atomicq_pop(&q), &it[i]);
		cr_assert_null(lfqueue_atomicq_pop(&q));
	}
}

/* Every sequence of six operations against an array. */
Test(lfqueue_atomicq, follows_the_model_in_every_short_sequence)
{
	for (unsigned code = 0; code < 4096; code++) {
		struct item *model[16];
		int head = 8, tail = 8, next = 0;

		for (unsigned k = 0; k < 6; k++) {
			switch (code >> 2 * k & 3) {
			case 0:
				lfqueue_atomicq_push_fifo(&q, &it[next]);
				model[tail++] = &it[next++];
				break;
			case 1:
				lfqueue_atomicq_push_lifo(&q, &it[next]);
				model[--head] = &it[next++];
				break;
			default:
				cr_assert_eq(lfqueue_atomicq_pop(&q),
				    head < tail ? model[head] : NULL);
				head += head < tail;
			}
		}
		for (; head < tail; head++)
			cr_assert_eq(lfqueue_atomicq_pop(&q), model[head]);
		cr_assert_null(lfqueue_atomicq_pop(&q));
	}
}

Test(lfqueue_atomicq, pop_all_gives_every_item_in_order)
{
	for (int n = 1; n <= 8; n++) {
		for (int lifo = 0; lifo <= n; lifo++) {
			struct item *x;
			int i = 0;

			for (int k = lifo; k-- > 0;)
				lfqueue_atomicq_push_lifo(&q, &it[k]);
			for (int k = lifo; k < n; k++)
				lfqueue_atomicq_push_fifo(&q, &it[k]);
			x = lfqueue_atomicq_pop_all(&q);
			for (; x != NULL; x = lfqueue_atomicq_next(&q, x))
				cr_assert_eq(x, &it[i++]);
			cr_assert_eq(i, n);
			cr_assert_null(lfqueue_atomicq_pop(&q));
		}
	}
}

Test(lfqueue_atomicq, popped_item_moves_between_queues_at_once)
{
	struct lfqueue_atomicq other;

	lfqueue_atomicq_init(&other, offsetof(struct item, link));
	lfqueue_atomicq_push_fifo(&q, &it[0]);
	lfqueue_atomicq_push_fifo(&q, &it[1]);
	for (int i = 0; i < 100; i++) {
		lfqueue_atomicq_push_fifo(&other, lfqueue_atomicq_pop(&q));
		lfqueue_atomicq_push_lifo(&other, lfqueue_atomicq_pop(&q));
		cr_assert_null(lfqueue_atomicq_pop(&q));
		lfqueue_atomicq_push_fifo(&q, lfqueue_atomicq_pop(&other));
		lfqueue_atomicq_push_lifo(&q, lfqueue_atomicq_pop(&other));
		cr_assert_null(lfqueue_atomicq_pop(&other));
	}
	cr_assert_eq(lfqueue_atomicq_pop(&q), &it[0]);
	cr_assert_eq(lfqueue_atomicq_pop(&q), &it[1]);
}

Test(lfqueue_atomicq, link_may_hold_anything_at_the_first_push)
{
	for (int i = 0; i < 3; i++) {
		sync_init(&it[i].link.pair.lo, UINT64_MAX - 4);
		sync_init(&it[i].link.pair.hi, UINT64_MAX);
		lfqueue_atomicq_push_fifo(&q, &it[i]);
	}
	for (int i = 0; i < 3; i++)
		cr_assert_eq(lfqueue_atomicq_pop(&q), &it[i]);
}

/* The tag carries from the lower to the upper half and wraps. */
Test(lfqueue_atomicq, goes_on_when_the_tag_overflows)
{
	/* The last value of its lower half, and of both. */
	const uint64_t all = PORT_HIGH_ADDRESSES ? 0x1ffff : 0xfffff;

	for (uint64_t upper = 0; upper <= all; upper += all) {
		sync_init(&q.anchor.lo, upper);
		sync_init(&q.anchor.hi, all - 1);
		lfqueue_atomicq_push_fifo(&q, &it[0]);
		lfqueue_atomicq_push_fifo(&q, &it[1]);
		cr_assert_eq(lfqueue_atomicq_pop(&q), &it[0]);
		cr_assert_eq(lfqueue_atomicq_pop(&q), &it[1]);
		cr_assert_null(lfqueue_atomicq_pop(&q));
		/* relaxed: one thread. */
		cr_assert_eq(
		    sync_load_relaxed(&q.anchor.lo), (upper + 1) & all);
		cr_assert_eq(sync_load_relaxed(&q.anchor.hi), 3 << 1);
	}
}

Test(lfqueue_atomicq, link_that_is_not_aligned_aborts, .signal = SIGABRT)
{
	lfqueue_atomicq_push_fifo(&q, (char *)&it[0] + 8);
}

#if PORT_HIGH_ADDRESSES

#define REGION ((size_t)1 << LFQUEUE_ATOMICQ_REGION)

/* An item at the beginning of each of as many regions as a queue may have, and
 * of one more. */
static struct item *
item_far(unsigned i)
{
	static char *base;
	const size_t size = (LFQUEUE_ATOMICQ_REGIONS + 2) * REGION;
	char *at;

	if (base == NULL) {
		base = mmap(NULL, size, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		cr_assert(base != MAP_FAILED);
	}
	at = base + (REGION - (uintptr_t)base % REGION) + i * REGION;
	cr_assert_eq(mprotect(at, 4096, PROT_READ | PROT_WRITE), 0);
	return (struct item *)(void *)at;
}

Test(lfqueue_atomicq, items_are_far_apart)
{
	struct item *x[LFQUEUE_ATOMICQ_REGIONS], *next;
	const int n = LFQUEUE_ATOMICQ_REGIONS;

	for (int i = 0; i < n; i++)
		x[i] = item_far((unsigned)i);
	for (int i = 0; i < n; i++)
		lfqueue_atomicq_push_fifo(&q, x[i]);
	for (int i = 0; i < n; i++) {
		cr_assert_eq(lfqueue_atomicq_peek(&q), x[i]);
		cr_assert_eq(lfqueue_atomicq_pop(&q), x[i]);
		lfqueue_atomicq_push_lifo(&q, x[i]);
		cr_assert_eq(lfqueue_atomicq_pop(&q), x[i]);
	}
	for (int i = 0; i < n; i++)
		lfqueue_atomicq_push_lifo(&q, x[i]);
	next = lfqueue_atomicq_pop_all(&q);
	for (int i = n; i-- > 0; next = lfqueue_atomicq_next(&q, next))
		cr_assert_eq(next, x[i]);
	cr_assert_null(next);
}

Test(lfqueue_atomicq, item_in_one_region_too_many_aborts, .signal = SIGABRT)
{
	for (unsigned i = 0; i < LFQUEUE_ATOMICQ_REGIONS; i++) {
		lfqueue_atomicq_push_fifo(&q, item_far(i));
		(void)lfqueue_atomicq_pop(&q);
	}
	lfqueue_atomicq_push_fifo(&q, item_far(LFQUEUE_ATOMICQ_REGIONS));
}

#else

Test(lfqueue_atomicq, address_that_does_not_fit_aborts, .signal = SIGABRT)
{
	lfqueue_atomicq_push_fifo(
	    &q, (void *)(uintptr_t)UINT64_C(0xff11000000000000));
}

#endif

static bool
push_fifo(void *queue, struct many_msg *m, unsigned random)
{
	(void)random;
	lfqueue_atomicq_push_fifo(queue, m);
	return true;
}

static bool
push_any(void *queue, struct many_msg *m, unsigned random)
{
	if (random % 2 == 0)
		lfqueue_atomicq_push_lifo(queue, m);
	else
		lfqueue_atomicq_push_fifo(queue, m);
	return true;
}

static struct many_msg *
pop(void *queue, unsigned random)
{
	(void)random;
	return lfqueue_atomicq_pop(queue);
}

/* Now and then all at once, and all but the first are pushed again. */
static struct many_msg *
pop_or_all(void *queue, unsigned random)
{
	struct many_msg *first, *m, *next;

	if (random % 8 != 0)
		return lfqueue_atomicq_pop(queue);
	first = lfqueue_atomicq_pop_all(queue);
	if (first == NULL)
		return NULL;
	for (m = lfqueue_atomicq_next(queue, first); m != NULL; m = next) {
		next = lfqueue_atomicq_next(queue, m);
		push_any(queue, m, random >> 4);
	}
	return first;
}

static struct many
many_of(unsigned producers, unsigned consumers, unsigned long each)
{
	lfqueue_atomicq_init(&q, offsetof(struct many_msg, link));
	return (struct many){.queue = &q,
	    .push = push_fifo,
	    .pop = pop,
	    .producers = producers,
	    .consumers = consumers,
	    .each = stress_n(each)};
}

Test(lfqueue_atomicq, stress_fifo_keeps_each_producers_order, .timeout = 60)
{
	struct many run = many_of(3, 3, 10000);

	run.fifo = true;
	many_transfer(&run);
}

Test(lfqueue_atomicq, stress_both_ends_lose_nothing, .timeout = 60)
{
	struct many run = many_of(2, 2, 15000);

	run.push = push_any;
	many_transfer(&run);
}

Test(lfqueue_atomicq, stress_few_items_in_fifo_turn, .timeout = 60)
{
	const struct many run = many_of(4, 3, 15000);

	many_recycle(&run);
}

Test(lfqueue_atomicq, stress_few_items_at_both_ends, .timeout = 60)
{
	struct many run = many_of(4, 4, 15000);

	run.push = push_any;
	run.pop = pop_or_all;
	many_recycle(&run);
}

static void
item_free(struct pserialize_head *head)
{
	free((char *)head - offsetof(struct item, head));
}

static void *
churn(void *arg)
{
	for (unsigned long i = stress_n(5000); i > 0; i--) {
		struct item *x = aligned_alloc(16, sizeof(*x));

		cr_assert(x != NULL);
		if (many_random() % 2 == 0)
			lfqueue_atomicq_push_fifo(arg, x);
		else
			lfqueue_atomicq_push_lifo(arg, x);
		x = lfqueue_atomicq_pop(arg);
		if (x != NULL)
			pserialize_call(&x->head, item_free);
	}
	return NULL;
}

Test(
    lfqueue_atomicq, stress_items_are_freed_a_grace_period_after, .timeout = 60)
{
	struct item *x;
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, churn, &q), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	while ((x = lfqueue_atomicq_pop(&q)) != NULL)
		pserialize_call(&x->head, item_free);
	pserialize_barrier();
}
