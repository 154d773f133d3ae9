/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "tests/stress.h"

Test(pserialize, section_is_seen_inside_and_not_outside)
{
	uint64_t s;

	cr_assert_not(pserialize_in_read_section());
	s = pserialize_read_enter();
	cr_assert(pserialize_in_read_section());
	pserialize_read_exit(s);
	cr_assert_not(pserialize_in_read_section());
}

Test(pserialize, sections_nest)
{
	uint64_t outer = pserialize_read_enter();
	uint64_t inner = pserialize_read_enter();

	pserialize_read_exit(inner);
	cr_assert(pserialize_in_read_section());
	pserialize_read_exit(outer);
	cr_assert_not(pserialize_in_read_section());
}

Test(pserialize, perform_returns_without_readers)
{
	for (int i = 0; i < 100; i++)
		pserialize_perform();
}

struct counted {
	struct pserialize_head head;
	int *sum;
};

static void
count(struct pserialize_head *head)
{
	struct counted *c = (struct counted *)head;

	*c->sum += 1;
	free(c);
}

Test(pserialize, barrier_waits_for_calls)
{
	int sum = 0;

	for (int i = 0; i < 1000; i++) {
		struct counted *c = malloc(sizeof(*c));

		c->sum = &sum;
		pserialize_call(&c->head, count);
	}
	pserialize_barrier();
	cr_assert_eq(sum, 1000);
}
