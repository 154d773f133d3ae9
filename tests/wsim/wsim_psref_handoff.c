/* SPDX-License-Identifier: BSD-2-Clause */

/* References that move to other threads, and targets that end later. */

#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/psref/psref.h"
#include "tests/wsim/wsim.h"

struct object {
	struct psref_target target;
	int value;
};

static struct psref_class *class;
static struct psref given;
static SYNC_ATOMIC(int) ready, gone;

static struct object *
make(void)
{
	struct object *o = malloc(sizeof(*o));

	if (class == NULL)
		wsim_assert(psref_class_create("object", &class) == 0);
	o->value = 1;
	psref_target_init(&o->target, class);
	return o;
}

/* Hold o and leave the reference to whoever waits for it. */
static void
give(struct object *o)
{
	const uint64_t s = pserialize_read_enter();

	psref_acquire(&given, &o->target, class);
	pserialize_read_exit(s);
	psref_handoff(&given, class);
	/* release: pairs with the acquire in receiver. */
	sync_store_release(&ready, 1);
}

static void
wait_ready(void)
{
	/* acquire: pairs with the release in give. */
	while (sync_load_acquire(&ready) == 0)
		wsim_yield();
}

static void *
receiver(void *arg)
{
	struct object *o = arg;

	wait_ready();
	o->value++;
	psref_release(&given, &o->target, class);
	return NULL;
}

/* Makes it its own, and lets go of the one that was given. */
static void *
copier(void *arg)
{
	struct object *o = arg;
	struct psref mine;

	wait_ready();
	psref_copy(&mine, &given, class);
	psref_release(&given, &o->target, class);
	o->value++;
	psref_release(&mine, &o->target, class);
	return NULL;
}

static void
destroy(struct object *o)
{
	pserialize_perform();
	psref_target_destroy(&o->target, class);
	wsim_assert(o->value == 2);
	free(o);
}

static void
run(void *(*fn)(void *))
{
	struct object *o = make();

	(void)wsim_spawn(fn, o);
	give(o);
	destroy(o);
	wsim_join_all();
}

WSIM_TEST(receiver_is_waited_for)
{
	run(receiver);
}

WSIM_TEST(receiver_that_copies_is_waited_for)
{
	run(copier);
}

WSIM_TEST(receiver_without_memory_is_waited_for)
{
	struct object *o = make();

	wsim_alloc_fails(1);
	(void)wsim_spawn(receiver, o);
	give(o);
	destroy(o);
	wsim_join_all();
}

static void *
giver(void *arg)
{
	give(arg);
	return NULL;
}

/* The giver ends, with its slots, while the other threads are at it. */
WSIM_TEST(giver_may_end)
{
	struct object *o = make();

	(void)wsim_spawn(giver, o);
	(void)wsim_spawn(receiver, o);
	wait_ready();
	destroy(o);
	wsim_join_all();
}

static void
freed(struct psref_target *t)
{
	struct object *o = (struct object *)(void *)t;

	wsim_assert(o->value == 2);
	free(o);
	/* release: pairs with the acquire below. */
	sync_store_release(&gone, 1);
}

/* Looks on in the section in which it lets go. */
static void *
late_looker(void *arg)
{
	struct object *o = arg;
	uint64_t s;

	wait_ready();
	o->value++;
	s = pserialize_read_enter();
	psref_release(&given, &o->target, class);
	wsim_assert(o->value == 2);
	pserialize_read_exit(s);
	return NULL;
}

WSIM_TEST(destruction_may_be_left_to_the_reclaimer)
{
	struct object *o = make();

	(void)wsim_spawn(late_looker, o);
	give(o);
	psref_target_destroy_async(&o->target, class, freed);
	wsim_join_all();
	/* acquire: pairs with the release in freed. */
	while (sync_load_acquire(&gone) == 0)
		wsim_yield();
}

WSIM_MUST_FAIL(freed_while_given, WSIM_UAF)
{
	struct object *o = make();

	(void)wsim_spawn(receiver, o);
	give(o);
	free(o);
	wsim_join_all();
}
