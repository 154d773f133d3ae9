/* SPDX-License-Identifier: BSD-2-Clause */

/* The stack: few nodes, used again at once. */

#include <stdlib.h>

#include "libsync/lfqueue/stack.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/wsim/wsim.h"

struct object {
	struct lfqueue_stack_node node; /* first: a node is its object */
	int value; /* plain: a stack that does not hand it over is a race */
};

static struct lfqueue_stack s;
static struct object o[3];
static int taken[3];

static void
push(struct object *x)
{
	x->value = 1;
	lfqueue_stack_push(&s, &x->node);
}

static struct object *
pop(void)
{
	struct object *x = (void *)lfqueue_stack_pop(&s);

	if (x != NULL) {
		wsim_assert(x->value == 1);
		x->value = 0;
	}
	return x;
}

static void
begin(int n)
{
	lfqueue_stack_init(&s);
	while (n-- > 0)
		push(&o[n]);
}

static void
settle(int n)
{
	struct object *x;

	while ((x = pop()) != NULL)
		taken[x - o]++;
	while (n-- > 0)
		wsim_assert(taken[n] == 1);
}

static void *
keep_one(void *arg)
{
	struct object *x = pop();

	(void)arg;
	if (x != NULL)
		taken[x - o]++;
	return NULL;
}

/* Take two, give back the first: what a forgotten count allows. */
static void *
turn(void *arg)
{
	struct object *first = pop(), *second = pop();

	(void)arg;
	if (first != NULL)
		push(first);
	if (second != NULL)
		taken[second - o]++;
	return NULL;
}

WSIM_TEST(node_of_an_earlier_top_is_not_taken)
{
	begin(3);
	(void)wsim_spawn(keep_one, NULL);
	(void)wsim_spawn(turn, NULL);
	wsim_join_all();
	settle(3);
}

static void *
take_all_but_one(void *arg)
{
	struct lfqueue_stack_node *n = lfqueue_stack_pop_all(&s), *next;
	struct object *first = (void *)n;

	(void)arg;
	if (n == NULL)
		return NULL;
	for (n = lfqueue_stack_next(n); n != NULL; n = next) {
		next = lfqueue_stack_next(n);
		taken[(struct object *)(void *)n - o]++;
	}
	push(first);
	return NULL;
}

WSIM_TEST(taking_all_is_counted)
{
	begin(3);
	(void)wsim_spawn(keep_one, NULL);
	(void)wsim_spawn(take_all_but_one, NULL);
	wsim_join_all();
	settle(3);
}

static void *
push_one(void *arg)
{
	push(arg);
	return NULL;
}

WSIM_TEST(pushes_and_pops_lose_nothing)
{
	begin(1);
	(void)wsim_spawn(push_one, &o[1]);
	(void)wsim_spawn(push_one, &o[2]);
	(void)keep_one(NULL);
	wsim_join_all();
	settle(3);
}

static void *
pop_and_free(void *arg)
{
	struct lfqueue_stack_node *n = lfqueue_stack_pop(&s);

	(void)arg;
	if (n != NULL) {
		pserialize_perform();
		free(n);
	}
	return NULL;
}

WSIM_TEST(nodes_are_freed_a_grace_period_after)
{
	lfqueue_stack_init(&s);
	lfqueue_stack_push(&s, malloc(sizeof(struct object)));
	lfqueue_stack_push(&s, malloc(sizeof(struct object)));
	(void)wsim_spawn(pop_and_free, NULL);
	(void)pop_and_free(NULL);
	wsim_join_all();
}

WSIM_MUST_FAIL(nodes_are_freed_at_once, WSIM_UAF)
{
	lfqueue_stack_init(&s);
	lfqueue_stack_push(&s, malloc(sizeof(struct object)));
	lfqueue_stack_push(&s, malloc(sizeof(struct object)));
	(void)wsim_spawn(pop_and_free, NULL);
	free(lfqueue_stack_pop(&s));
	wsim_join_all();
}
