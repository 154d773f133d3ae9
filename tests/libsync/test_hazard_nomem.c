/* SPDX-License-Identifier: BSD-2-Clause */

/* Hazard pointers without memory for them: allocations go through the test. */

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "libsync/hazard/hazard.h"
#include "tests/libsync/gate.h"

/* NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming) */
/* The linker's names. */
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static struct gate empty;

void *
__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return gate_is_open(&empty, 1) ? NULL
				       : __real_aligned_alloc(alignment, size);
}
/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming) */

#define MANY 999

struct object {
	struct hazard_head head;
	struct object *child;
	bool freed;
};

static struct object objects[MANY];
static struct hazard_cohort cohort;

static void
destroy(struct hazard_head *head)
{
	struct object *o = (struct object *)(void *)head;

	cr_assert_not(o->freed);
	o->freed = true;
	if (o->child != NULL)
		hazard_retire(&o->child->head, o->child, destroy);
}

static int
left(void)
{
	int n = 0;

	for (int i = 0; i < MANY; i++)
		n += !objects[i].freed;
	return n;
}

Test(hazard_nomem, place_is_refused_and_later_given)
{
	struct hazard h;

	gate_open(&empty, 1);
	cr_assert_eq(hazard_init(&h), -ENOMEM);
	gate_open(&empty, 0);
	cr_assert_eq(hazard_init(&h), 0);
	hazard_fini(&h);
}

/* The thread has no record, and still keeps to the bound. */
Test(hazard_nomem, objects_are_freed_all_the_same)
{
	gate_open(&empty, 1);
	for (int i = 0; i < MANY; i++) {
		if (i % 3 == 0)
			objects[i].child = &objects[i + 1];
		if (i % 3 != 1)
			hazard_retire(&objects[i].head, &objects[i], destroy);
	}
	cr_assert_leq(left(), 2 * (int)hazard_limit());
	gate_open(&empty, 0);
	while (hazard_reclaim() != 0)
		; /* callbacks retired more */
	cr_assert_eq(left(), 0);
}

static void *
retire_first(void *arg)
{
	(void)arg;
	gate_open(&empty, 1);
	for (int i = 0; i < MANY; i++)
		hazard_retire(&objects[i].head, &objects[i], destroy);
	return NULL;
}

Test(hazard_nomem, protected_object_is_kept)
{
	struct hazard h;
	pthread_t t;

	cr_assert_eq(hazard_init(&h), 0);
	hazard_set(&h, &objects[0]);
	cr_assert_eq(pthread_create(&t, NULL, retire_first, NULL), 0);
	pthread_join(t, NULL);
	cr_assert_not(objects[0].freed);
	cr_assert_leq(left(), (int)hazard_limit());
	hazard_fini(&h);
	cr_assert_eq(hazard_reclaim(), 0);
	cr_assert_eq(left(), 0);
	gate_open(&empty, 0);
}

Test(hazard_nomem, cohort_is_gone_at_its_end)
{
	gate_open(&empty, 1);
	hazard_cohort_init(&cohort);
	for (int i = 0; i < MANY; i++)
		hazard_cohort_retire(
		    &cohort, &objects[i].head, &objects[i], destroy);
	cr_assert_leq(left(), (int)hazard_limit());
	hazard_cohort_fini(&cohort);
	cr_assert_eq(left(), 0);
	gate_open(&empty, 0);
}
