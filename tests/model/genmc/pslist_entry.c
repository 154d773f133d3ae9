/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * ENTRY of libsync/pslist: an entry is filled before it is seen, also by the
 * link that a removal makes lead to it.
 * @must_fail WEAK_STORE
 * @must_fail WEAK_LOAD
 */

#include "tests/model/genmc/model.h"

#include "libsync/pslist/pslist.c"

struct item {
	struct pslist_entry entry; /* first */
	int value;
};

static struct pslist_head list;
static struct item item[2];

static void *
writer(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++)
		pslist_entry_init(&item[i].entry);
	item[0].value = 1;
	pslist_writer_insert_head(&list, &item[0].entry);
	item[1].value = 2;
	pslist_writer_insert_after(&item[0].entry, &item[1].entry);
	pslist_writer_remove(&item[0].entry);
	return NULL;
}

static void *
reader(void *arg)
{
	const struct pslist_entry *e = pslist_reader_first(&list);

	(void)arg;
	for (int i = 0; i < 2 && e != NULL; i++) {
		assert(((const struct item *)(const void *)e)->value > 0);
		e = pslist_reader_next(e);
	}
	return NULL;
}

int
main(void)
{
	pthread_t t[2];

	pslist_head_init(&list);
	model_start(&t[0], writer, NULL);
	model_start(&t[1], reader, NULL);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	return 0;
}
