/* SPDX-License-Identifier: BSD-2-Clause */

/* References that outlive sections, against the destruction of the target. */

#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"
#include "libsync/psref/psref.h"
#include "tests/wsim/wsim.h"

struct item {
	struct pslist_entry entry;
	struct psref_target target;
	int value;
};

static struct psref_class *class;
static struct pslist_head list;

static struct item *
add(int value)
{
	struct item *i = malloc(sizeof(*i));

	i->value = value;
	pslist_entry_init(&i->entry);
	psref_target_init(&i->target, class);
	pslist_writer_insert_head(&list, &i->entry);
	return i;
}

static void
start(void)
{
	wsim_assert(psref_class_create("item", &class) == 0);
	pslist_head_init(&list);
}

static void
destroy(struct item *i)
{
	pslist_writer_remove(&i->entry);
	pserialize_perform();
	psref_target_destroy(&i->target, class);
	free(i);
}

/* Find the first item and hold it beyond the section. */
static struct item *
hold_first(struct psref *ref)
{
	const uint64_t s = pserialize_read_enter();
	struct item *i = PSLIST_READER_FIRST(&list, struct item, entry);

	if (i != NULL)
		psref_acquire(ref, &i->target, class);
	pserialize_read_exit(s);
	return i;
}

static void *
hold(void *arg)
{
	struct psref ref;
	struct item *i = hold_first(&ref);

	(void)arg;
	if (i == NULL)
		return NULL;
	wsim_assert(i->value == 1);
	psref_release(&ref, &i->target, class);
	return NULL;
}

WSIM_TEST(held_target_is_not_freed)
{
	struct item *i;

	start();
	i = add(1);
	(void)wsim_spawn(hold, NULL);
	destroy(i);
	wsim_join_all();
}

WSIM_TEST(two_holders)
{
	struct item *i;

	start();
	i = add(1);
	(void)wsim_spawn(hold, NULL);
	(void)wsim_spawn(hold, NULL);
	destroy(i);
	wsim_join_all();
}

static void *
hold_twice(void *arg)
{
	(void)hold(arg);
	return hold(arg);
}

/* The slot is used again while the drain looks at it. */
WSIM_TEST(slot_is_used_again)
{
	struct item *i;

	start();
	i = add(1);
	(void)wsim_spawn(hold_twice, NULL);
	destroy(i);
	wsim_join_all();
}

static struct psref_target other;

static void *
hold_two(void *arg)
{
	struct psref ref;

	(void)hold(arg);
	psref_acquire(&ref, &other, class);
	psref_release(&ref, &other, class);
	return NULL;
}

/* The drain sees the slot with another target: the release came before. */
WSIM_TEST(slot_is_used_for_another_target)
{
	struct item *i;

	start();
	psref_target_init(&other, class);
	i = add(1);
	(void)wsim_spawn(hold_two, NULL);
	destroy(i);
	wsim_join_all();
}

static void *
hold_copy(void *arg)
{
	struct psref ref, copy, again;
	struct item *i = hold_first(&ref);

	(void)arg;
	if (i == NULL)
		return NULL;
	psref_copy(&copy, &ref, class);
	psref_release(&ref, &i->target, class);
	psref_copy(&again, &copy, class);
	psref_release(&copy, &i->target, class);
	wsim_assert(i->value == 1);
	psref_release(&again, &i->target, class);
	return NULL;
}

WSIM_TEST(copies_are_found)
{
	struct item *i;

	start();
	i = add(1);
	(void)wsim_spawn(hold_copy, NULL);
	destroy(i);
	wsim_join_all();
}

static void *
look_after_release(void *arg)
{
	struct psref ref;
	struct item *i = hold_first(&ref);
	uint64_t s;

	(void)arg;
	if (i == NULL)
		return NULL;
	s = pserialize_read_enter();
	psref_release(&ref, &i->target, class);
	wsim_assert(i->value == 1);
	pserialize_read_exit(s);
	return NULL;
}

/* Why a drain ends with a grace period. */
WSIM_TEST(target_stays_until_the_section_of_its_release_ends)
{
	struct item *i;

	start();
	i = add(1);
	(void)wsim_spawn(look_after_release, NULL);
	destroy(i);
	wsim_join_all();
}

/* Sleep with a reference in the middle of a walk: the rule of psref.h. */
static void *
walk(void *arg)
{
	struct psref ref;
	struct item *i;
	uint64_t s;
	bool linked;

	(void)arg;
again:
	s = pserialize_read_enter();
	PSLIST_READER_FOREACH (i, &list, entry) {
		psref_acquire(&ref, &i->target, class);
		pserialize_read_exit(s);
		wsim_assert(i->value == 1 || i->value == 2);
		s = pserialize_read_enter();
		linked = pslist_entry_linked(&i->entry);
		psref_release(&ref, &i->target, class);
		if (!linked) {
			pserialize_read_exit(s);
			goto again;
		}
	}
	pserialize_read_exit(s);
	return NULL;
}

/* The reader steps on from what it has just released. */
WSIM_TEST(walk_goes_on_in_the_section_of_the_release)
{
	struct item *i;

	start();
	(void)add(2);
	i = add(1);
	(void)wsim_spawn(walk, NULL);
	destroy(i);
	wsim_join_all();
}

/* The successor of an element that was removed may be gone as well. */
WSIM_TEST(walk_begins_again_behind_a_removed_element)
{
	struct item *first, *second;

	start();
	second = add(2);
	first = add(1);
	(void)wsim_spawn(walk, NULL);
	pslist_writer_remove(&first->entry);
	pslist_writer_remove(&second->entry);
	pserialize_perform();
	psref_target_destroy(&second->target, class);
	free(second);
	psref_target_destroy(&first->target, class);
	free(first);
	wsim_join_all();
}

WSIM_TEST(holds_without_memory)
{
	struct item *i;

	start();
	i = add(1);
	wsim_alloc_fails(1);
	(void)wsim_spawn(hold_copy, NULL);
	destroy(i);
	wsim_join_all();
}

WSIM_MUST_FAIL(freed_without_drain, WSIM_UAF)
{
	struct item *i;

	start();
	i = add(1);
	(void)wsim_spawn(hold, NULL);
	pslist_writer_remove(&i->entry);
	pserialize_perform();
	free(i);
	wsim_join_all();
}
