/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <stdlib.h>

#include "libsync/lfqueue/stack.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/libsync/lfqueue_many.h"

static struct lfqueue_stack s;
static struct lfqueue_stack_node n[6];

static void
setup(void)
{
	lfqueue_stack_init(&s);
}

TestSuite(lfqueue_stack, .init = setup);

Test(lfqueue_stack, new_stack_is_empty)
{
	cr_assert(lfqueue_stack_empty(&s));
	cr_assert_null(lfqueue_stack_pop(&s));
	cr_assert_null(lfqueue_stack_pop_all(&s));
}

Test(lfqueue_stack, pops_the_newest_first)
{
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 6; i++) {
			lfqueue_stack_push(&s, &n[i]);
			cr_assert_not(lfqueue_stack_empty(&s));
		}
		for (int i = 6; i-- > 0;)
			cr_assert_eq(lfqueue_stack_pop(&s), &n[i]);
		cr_assert(lfqueue_stack_empty(&s));
		cr_assert_null(lfqueue_stack_pop(&s));
	}
}

Test(lfqueue_stack, pop_all_gives_a_chain_from_the_top)
{
	struct lfqueue_stack_node *x;
	int i = 6;

	for (int k = 0; k < 6; k++)
		lfqueue_stack_push(&s, &n[k]);
	x = lfqueue_stack_pop_all(&s);
	for (; x != NULL; x = lfqueue_stack_next(x))
		cr_assert_eq(x, &n[--i]);
	cr_assert_eq(i, 0);
	cr_assert_null(lfqueue_stack_pop(&s));
}

Test(lfqueue_stack, chain_is_pushed_in_one_step)
{
	lfqueue_stack_push(&s, &n[3]);
	lfqueue_stack_chain(&n[2], NULL);
	lfqueue_stack_chain(&n[1], &n[2]);
	lfqueue_stack_chain(&n[0], &n[1]);
	lfqueue_stack_push_all(&s, &n[0], &n[2]);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(lfqueue_stack_pop(&s), &n[i]);
	cr_assert_null(lfqueue_stack_pop(&s));
}

Test(lfqueue_stack, every_taking_is_counted)
{
	lfqueue_stack_push(&s, &n[0]);
	cr_assert_eq(lfqueue_stack_pop(&s), &n[0]);
	lfqueue_stack_push(&s, &n[0]);
	cr_assert_eq(lfqueue_stack_pop_all(&s), &n[0]);
	/* relaxed: one thread. */
	cr_assert_eq(sync_load_relaxed(&s.head.hi), 2);
}

static struct many_msg *
msg_of(struct lfqueue_stack_node *node)
{
	return node == NULL
		   ? NULL
		   : (void *)((char *)node - offsetof(struct many_msg, node));
}

static bool
push(void *stack, struct many_msg *m, unsigned random)
{
	(void)random;
	lfqueue_stack_push(stack, &m->node);
	return true;
}

static struct many_msg *
pop(void *stack, unsigned random)
{
	(void)random;
	return msg_of(lfqueue_stack_pop(stack));
}

/* Now and then all at once, and all but the first go back in one step. */
static struct many_msg *
pop_or_all(void *stack, unsigned random)
{
	struct lfqueue_stack_node *first, *last, *next;

	if (random % 4 != 0)
		return pop(stack, random);
	first = lfqueue_stack_pop_all(stack);
	if (first == NULL)
		return NULL;
	last = first;
	while ((next = lfqueue_stack_next(last)) != NULL)
		last = next;
	if (last != first)
		lfqueue_stack_push_all(stack, lfqueue_stack_next(first), last);
	return msg_of(first);
}

static struct many
many_of(unsigned producers, unsigned consumers, unsigned long each)
{
	return (struct many){.queue = &s,
	    .push = push,
	    .pop = pop,
	    .producers = producers,
	    .consumers = consumers,
	    .each = stress_n(each)};
}

Test(lfqueue_stack, stress_loses_nothing, .timeout = 60)
{
	const struct many run = many_of(3, 3, 10000);

	many_transfer(&run);
}

Test(lfqueue_stack, stress_few_nodes_in_turn, .timeout = 60)
{
	const struct many run = many_of(4, 3, 20000);

	many_recycle(&run);
}

Test(lfqueue_stack, stress_few_nodes_and_all_at_once, .timeout = 60)
{
	struct many run = many_of(4, 3, 20000);

	run.pop = pop_or_all;
	many_recycle(&run);
}

struct object {
	struct lfqueue_stack_node node; /* first: a node is its object */
	struct pserialize_head head;
};

static void
object_free(struct pserialize_head *head)
{
	free((char *)head - offsetof(struct object, head));
}

static void *
churn(void *arg)
{
	for (unsigned long i = stress_n(5000); i > 0; i--) {
		struct object *x = malloc(sizeof(*x));

		cr_assert(x != NULL);
		lfqueue_stack_push(arg, &x->node);
		x = (void *)lfqueue_stack_pop(arg);
		if (x != NULL)
			pserialize_call(&x->head, object_free);
	}
	return NULL;
}

Test(lfqueue_stack, stress_nodes_are_freed_a_grace_period_after, .timeout = 60)
{
	struct object *x;
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, churn, &s), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	while ((x = (void *)lfqueue_stack_pop(&s)) != NULL)
		pserialize_call(&x->head, object_free);
	pserialize_barrier();
}
