/* SPDX-License-Identifier: BSD-2-Clause */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"

struct address {
	unsigned number;
	struct pslist_entry entry;
};

static struct pslist_head addresses;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of writers */

static void
address_add(unsigned number)
{
	struct address *a = malloc(sizeof(*a));

	if (a == NULL)
		abort();
	a->number = number;
	pslist_entry_init(&a->entry);
	pthread_mutex_lock(&lock);
	pslist_writer_insert_head(&addresses, &a->entry);
	pthread_mutex_unlock(&lock);
}

/* A reader: any thread, at any time. */
static int
address_is_ours(unsigned number)
{
	const uint64_t section = pserialize_read_enter();
	const struct address *a;

	PSLIST_READER_FOREACH (a, &addresses, entry) {
		if (a->number == number)
			break;
	}
	pserialize_read_exit(section); /* a may be gone from here on */
	return a != NULL;
}

static void
address_remove(unsigned number)
{
	struct address *a;

	pthread_mutex_lock(&lock);
	PSLIST_WRITER_FOREACH (a, &addresses, entry) {
		if (a->number == number)
			break;
	}
	if (a != NULL)
		pslist_writer_remove(&a->entry);
	pthread_mutex_unlock(&lock);
	if (a == NULL)
		return;
	pserialize_perform(); /* wait until no reader stands on it */
	pslist_entry_fini(&a->entry);
	free(a);
}

int
main(void)
{
	pslist_head_init(&addresses);
	for (unsigned i = 1; i <= 3; i++)
		address_add(i);
	address_remove(2);
	printf("1: %d, 2: %d, 3: %d\n", address_is_ours(1), address_is_ours(2),
	    address_is_ours(3));
	if (!address_is_ours(1) || address_is_ours(2) || !address_is_ours(3))
		return 1;
	address_remove(1);
	address_remove(3);
	pslist_head_fini(&addresses);
	return 0;
}
