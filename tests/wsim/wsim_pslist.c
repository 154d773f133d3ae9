/* SPDX-License-Identifier: BSD-2-Clause */

/* Walks of a list that a writer changes. */

#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"
#include "tests/wsim/wsim.h"

struct item {
	struct pslist_entry entry;
	int value;
};

static struct pslist_head list;

static struct item *
make(int value)
{
	struct item *i = malloc(sizeof(*i));

	i->value = value;
	pslist_entry_init(&i->entry);
	return i;
}

static void
finish(struct item *i)
{
	pslist_entry_fini(&i->entry);
	free(i);
}

/* Items are in ascending order; those of `must` are seen by every walk. */
static void *
walk(void *arg)
{
	const unsigned must = *(unsigned *)arg;
	const uint64_t s = pserialize_read_enter();
	const struct item *i;
	unsigned seen = 0;
	int last = 0;

	PSLIST_READER_FOREACH (i, &list, entry) {
		wsim_assert(i->value > last);
		last = i->value;
		seen |= 1u << i->value;
	}
	pserialize_read_exit(s);
	wsim_assert((seen & must) == must);
	return NULL;
}

WSIM_TEST(inserted_items_are_whole)
{
	unsigned must = 1u << 2;
	struct item *two = make(2);

	pslist_head_init(&list);
	pslist_writer_insert_head(&list, &two->entry);
	(void)wsim_spawn(walk, &must);
	pslist_writer_insert_head(&list, &make(1)->entry);
	pslist_writer_insert_after(&two->entry, &make(4)->entry);
	wsim_join_all();
}

WSIM_TEST(removed_items_still_lead_on)
{
	unsigned must = 1u << 1 | 1u << 3;
	struct item *one = make(1), *two = make(2), *three = make(3);

	pslist_head_init(&list);
	pslist_writer_insert_head(&list, &three->entry);
	pslist_writer_insert_head(&list, &two->entry);
	pslist_writer_insert_head(&list, &one->entry);
	(void)wsim_spawn(walk, &must);
	pslist_writer_remove(&two->entry);
	pserialize_perform();
	finish(two);
	wsim_join_all();
}

WSIM_TEST(replaced_next_to_each_other)
{
	unsigned must = 1u << 5;
	struct item *one = make(1), *two = make(2), *five = make(5);

	pslist_head_init(&list);
	pslist_writer_insert_head(&list, &five->entry);
	pslist_writer_insert_head(&list, &two->entry);
	pslist_writer_insert_head(&list, &one->entry);
	(void)wsim_spawn(walk, &must);
	pslist_writer_remove(&two->entry);
	pslist_writer_remove(&one->entry);
	pslist_writer_insert_before(&five->entry, &make(4)->entry);
	pserialize_perform();
	finish(one);
	finish(two);
	wsim_join_all();
}

WSIM_MUST_FAIL(finished_without_grace_period, WSIM_UAF)
{
	unsigned must = 0;
	struct item *one = make(1);

	pslist_head_init(&list);
	pslist_writer_insert_head(&list, &one->entry);
	(void)wsim_spawn(walk, &must);
	pslist_writer_remove(&one->entry);
	free(one);
	wsim_join_all();
}
