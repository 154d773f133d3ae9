/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Pools of few objects.  Fibres without magazines go to the depot with every
 * call; those with magazines of one object go there with every other.
 */

#include <pthread.h>

#include "libsync/percpu/pool.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/wsim/wsim.h"

struct object {
	int value; /* plain: whoever has the object has it alone */
};

static struct percpu_pool *p;

static void
make(unsigned objects, bool grace)
{
	const struct percpu_pool_config cfg = {
	    .size = sizeof(struct object),
	    .align = 8,
	    .magazine = 1,
	    .max = objects,
	    .grace = grace,
	};

	wsim_assert(percpu_pool_create(&cfg, &p) == 0);
	wsim_assert(percpu_pool_reserve(p, objects) == 0);
}

/* All objects are there, each once. */
static void
check_all(unsigned objects)
{
	struct object *got[4];

	for (unsigned i = 0; i < objects; i++) {
		got[i] = percpu_pool_alloc(p);
		wsim_assert(got[i] != NULL);
		for (unsigned j = 0; j < i; j++)
			wsim_assert(got[j] != got[i]);
	}
	wsim_assert(percpu_pool_alloc(p) == NULL);
	for (unsigned i = 0; i < objects; i++)
		percpu_pool_free(p, got[i]);
}

static void
use(struct object *o)
{
	if (o == NULL)
		return;
	o->value = wsim_self();
	wsim_yield();
	wsim_assert(o->value == wsim_self());
}

/* Two at a time, given back in either order: what an ABA needs. */
static void *
juggle(void *arg)
{
	struct object *a = percpu_pool_tryalloc(p);
	struct object *b = percpu_pool_tryalloc(p);

	use(a);
	use(b);
	if (a != NULL)
		percpu_pool_free(p, a);
	if (b != NULL)
		percpu_pool_free(p, b);
	return arg;
}

static void *
hold_one(void *arg)
{
	struct object *o = percpu_pool_tryalloc(p);

	use(o);
	if (o != NULL)
		percpu_pool_free(p, o);
	return arg;
}

WSIM_TEST(depot_gives_each_object_to_one)
{
	make(3, false);
	(void)wsim_spawn(juggle, NULL);
	(void)wsim_spawn(hold_one, NULL);
	wsim_join_all();
	check_all(3);
}

static void *
with_magazines(void *arg)
{
	struct object *a = percpu_pool_alloc(p);
	struct object *b = percpu_pool_alloc(p);

	use(a);
	if (a != NULL)
		percpu_pool_free(p, a);
	if (b != NULL)
		percpu_pool_free(p, b);
	return arg;
}

WSIM_TEST(threads_that_end_leave_all_objects)
{
	pthread_t t[2];

	make(3, false);
	for (int i = 0; i < 2; i++)
		wsim_assert(
		    pthread_create(&t[i], NULL, with_magazines, NULL) == 0);
	for (int i = 0; i < 2; i++)
		(void)pthread_join(t[i], NULL);
	check_all(3);
}

static struct {
	SYNC_ATOMIC(struct object *) now;
} shared;

static void *
look(void *arg)
{
	const uint64_t s = pserialize_read_enter();
	/* acquire: pairs with the release in turn_over. */
	const struct object *o = sync_load_acquire(&shared.now);

	if (o != NULL) {
		const int seen = o->value;

		wsim_yield();
		wsim_assert(o->value == seen);
	}
	pserialize_read_exit(s);
	return arg;
}

/* Publish an object, unlink it, free it, and use it again if it may be. */
static void
turn_over(void)
{
	struct object *o = percpu_pool_tryalloc(p);

	o->value = 1;
	/* release: pairs with the acquire in look. */
	sync_store_release(&shared.now, o);
	wsim_yield();
	/* relaxed: the grace period orders it. */
	sync_store_relaxed(&shared.now, NULL);
	percpu_pool_free(p, o);
	for (int i = 0; i < 2; i++) {
		o = percpu_pool_tryalloc(p);
		if (o == NULL)
			continue;
		o->value = 2;
		percpu_pool_free(p, o);
		return;
	}
}

WSIM_TEST(reader_keeps_a_freed_object_for_its_grace)
{
	make(1, true);
	(void)wsim_spawn(look, NULL);
	turn_over();
	wsim_join_all();
}

WSIM_TEST(reader_keeps_what_a_magazine_took_in)
{
	make(1, true);
	wsim_assert(percpu_pool_attach(p) == 0);
	(void)wsim_spawn(look, NULL);
	turn_over();
	wsim_join_all();
}

WSIM_MUST_FAIL(without_grace_a_reader_races, WSIM_RACE)
{
	make(1, false);
	(void)wsim_spawn(look, NULL);
	turn_over();
	wsim_join_all();
}
