/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A stack whose elements are protected while they are popped, retired and
 * freed, by threads that are disturbed at the library's points, and end and
 * begin again.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

#include "libsync/base/point.h"
#include "libsync/hazard/hazard.h"
#include "tests/stress.h"

#define THREADS 4
#define ROUNDS  4

struct element {
	struct hazard_ptr next;
	unsigned long a, b; /* b == ~a while it may be read */
	struct hazard_head head;
};

static struct hazard_ptr top;
static struct hazard_cohort cohort;
static SYNC_ATOMIC(long) pushed, popped, freed;
static SYNC_ATOMIC(unsigned long) wrong;
static unsigned long length;

static void
destroy(struct hazard_head *head)
{
	struct element *e =
	    (struct element *)(void *)((char *)head -
				       offsetof(struct element, head));

	e->a = e->b = 0;
	free(e);
	/* relaxed: only counts. */
	sync_fetch_add_relaxed(&freed, 1);
}

static void
push(unsigned long a)
{
	struct element *e = malloc(sizeof(*e));
	void *seen;

	cr_assert_not_null(e);
	e->a = a;
	e->b = ~a;
	/* relaxed: only compared and stored. */
	seen = sync_load_relaxed(&top.to);
	do {
		sync_init(&e->next.to, seen);
		/* release: pairs with hazard_protect(). */
	} while (!sync_cas_release(&top.to, &seen, e));
	/* relaxed: only counts. */
	sync_fetch_add_relaxed(&pushed, 1);
}

static void
look(const struct element *e)
{
	if (e->a != ~e->b)
		/* relaxed: looked at after the threads were joined. */
		sync_fetch_add_relaxed(&wrong, 1);
}

/* Look at the second element as well, by the rule of hazard.h. */
static void
look_behind(struct hazard *h, struct element *first)
{
	struct element *e = hazard_protect(h, &first->next);

	/* acquire: e is as it was pushed, if first is still the top. */
	if (e != NULL && sync_load_acquire(&top.to) == first)
		look(e);
	hazard_clear(h);
}

static struct element *
pop(struct hazard *h)
{
	struct element *e;

	while ((e = hazard_protect(h, &top)) != NULL) {
		void *expect = e;
		/* relaxed: constant since e was pushed. */
		void *next = sync_load_relaxed(&e->next.to);

		look(e);
		/* acq_rel: hands the elements below on to who sees next. */
		if (sync_cas_acq_rel(&top.to, &expect, next)) {
			/* relaxed: only counts. */
			sync_fetch_add_relaxed(&popped, 1);
			break;
		}
	}
	return e;
}

static void
work(unsigned long i, struct hazard *h, struct hazard *second)
{
	struct element *e;

	push(i);
	if (i % 5 == 0)
		push(i);
	if (i % 3 == 0 && (e = hazard_protect(h, &top)) != NULL) {
		look_behind(second, e);
		hazard_copy(second, h);
		hazard_clear(h);
		sched_yield();
		look(e);
		hazard_clear(second);
	}
	e = pop(h);
	hazard_clear(h);
	if (e == NULL)
		return;
	if (i % 4 == 0)
		hazard_cohort_retire(&cohort, &e->head, e, destroy);
	else
		hazard_retire(&e->head, e, destroy);
}

static void *
worker(void *arg)
{
	struct hazard a, b;

	(void)arg;
	cr_assert_eq(hazard_init(&a), 0);
	cr_assert_eq(hazard_init(&b), 0);
	for (unsigned long i = 0; i < length; i++)
		work(i, &a, &b);
	hazard_fini(&a);
	hazard_fini(&b);
	return NULL;
}

Test(hazard_stress, stress_stack, .timeout = 100)
{
	pthread_t threads[THREADS];
	struct hazard h;
	struct element *e;

	length = stress_n(3000);
	sync_point_yield(1, 50);
	hazard_cohort_init(&cohort);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < THREADS; i++)
			cr_assert_eq(
			    pthread_create(&threads[i], NULL, worker, NULL), 0);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
	}
	cr_assert_eq(hazard_init(&h), 0);
	while ((e = pop(&h)) != NULL)
		hazard_retire(&e->head, e, destroy);
	hazard_fini(&h);
	hazard_cohort_fini(&cohort);
	cr_assert_eq(hazard_reclaim(), 0);
	/* relaxed: everybody has been joined, here and below. */
	cr_assert_eq(sync_load_relaxed(&wrong), 0);
	/* relaxed: as above. */
	cr_assert_eq(sync_load_relaxed(&popped), sync_load_relaxed(&pushed));
	/* relaxed: as above. */
	cr_assert_eq(sync_load_relaxed(&freed), sync_load_relaxed(&pushed));
}
