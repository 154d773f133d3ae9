/* SPDX-License-Identifier: BSD-2-Clause */

/* Counts in cells against who drains them. */

#include <stdlib.h>

#include "libsync/localcount/localcount.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/wsim/wsim.h"

struct object {
	int value;
	struct localcount lc;
};

static struct {
	SYNC_ATOMIC(struct object *) now;
} shared;

static struct object *
make(void)
{
	struct object *o = malloc(sizeof(*o));

	o->value = 1;
	wsim_assert(localcount_init(&o->lc) == 0);
	return o;
}

/* Find the object and hold it, or NULL. */
static struct object *
find(void)
{
	const uint64_t s = pserialize_read_enter();
	/* acquire: pairs with the release of who published it. */
	struct object *o = sync_load_acquire(&shared.now);

	if (o != NULL)
		localcount_acquire(&o->lc);
	pserialize_read_exit(s);
	return o;
}

static void *
user(void *arg)
{
	struct object *o = find();

	(void)arg;
	if (o == NULL)
		return NULL;
	o->value++;
	localcount_release(&o->lc);
	return NULL;
}

static void
publish(struct object *o)
{
	/* release: pairs with the acquires of readers. */
	sync_store_release(&shared.now, o);
}

static void
destroy(struct object *o)
{
	publish(NULL);
	pserialize_perform();
	localcount_drain(&o->lc);
	wsim_assert(o->value >= 1 && o->value <= 3);
	localcount_fini(&o->lc);
	free(o);
}

static void *
looker(void *arg)
{
	struct object *o = find();

	(void)arg;
	if (o == NULL)
		return NULL;
	wsim_assert(o->value == 1);
	localcount_release(&o->lc);
	return NULL;
}

WSIM_TEST(object_is_freed_after_two_users)
{
	struct object *o = make();

	publish(o);
	(void)wsim_spawn(looker, NULL);
	(void)wsim_spawn(looker, NULL);
	destroy(o);
	wsim_join_all();
}

/* Holds what the test's own fibre acquired. */
static void *
copier(void *arg)
{
	struct object *o = arg;

	localcount_acquire(&o->lc);
	localcount_release(&o->lc);
	o->value++;
	localcount_release(&o->lc);
	return NULL;
}

WSIM_TEST(reference_acquired_during_the_drain_counts)
{
	struct object *o = make();

	localcount_acquire(&o->lc);
	(void)wsim_spawn(copier, o);
	destroy(o);
	wsim_join_all();
}

static void *
trier(void *arg)
{
	struct object *o = arg;

	if (localcount_tryacquire(&o->lc)) {
		o->value++;
		localcount_release(&o->lc);
	}
	return NULL;
}

WSIM_TEST(try_fails_or_is_waited_for)
{
	struct object *o = make();
	int t = wsim_spawn(trier, o);

	localcount_drain(&o->lc);
	wsim_assert(o->value == 1 || o->value == 2);
	wsim_join(t);
	wsim_assert(o->value == 1 || o->value == 2);
}

static SYNC_ATOMIC(int) left, drained;

/* Leaves a reference to the test's own fibre, and counts in the next life. */
static void *
leaver(void *arg)
{
	struct object *o = arg;

	localcount_acquire(&o->lc);
	/* release: hands the reference over. */
	sync_store_release(&left, 1);
	/* relaxed: what orders the second life is the count's own. */
	while (sync_load_relaxed(&drained) == 0)
		wsim_yield();
	while (!localcount_tryacquire(&o->lc))
		wsim_yield();
	localcount_release(&o->lc);
	return NULL;
}

/* A second life: cells and total are as new for who sees it live. */
WSIM_TEST(count_begins_again)
{
	struct object *o = make();
	int t = wsim_spawn(leaver, o);

	/* acquire: pairs with the release in leaver. */
	while (sync_load_acquire(&left) == 0)
		wsim_yield();
	localcount_release(&o->lc);
	localcount_drain(&o->lc);
	/* relaxed: as in leaver. */
	sync_store_relaxed(&drained, 1);
	localcount_reinit(&o->lc);
	wsim_join(t);
	localcount_drain(&o->lc);
}

/* A reader that releases in a section may look on until it ends. */
static void *
late_looker(void *arg)
{
	struct object *o = arg;
	const uint64_t s = pserialize_read_enter();

	localcount_release(&o->lc);
	wsim_assert(o->value == 1);
	pserialize_read_exit(s);
	return NULL;
}

WSIM_TEST(object_stays_until_the_section_of_its_release_ends)
{
	struct object *o = make();

	localcount_acquire(&o->lc);
	(void)wsim_spawn(late_looker, o);
	destroy(o);
	wsim_join_all();
}

WSIM_MUST_FAIL(freed_without_drain, WSIM_UAF)
{
	struct object *o = make();

	publish(o);
	(void)wsim_spawn(user, NULL);
	publish(NULL);
	pserialize_perform();
	free(o);
	wsim_join_all();
}
