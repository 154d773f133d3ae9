/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * ITEM of libsync/lfqueue/spsc: an item is filled before it is seen.
 * @must_fail WEAK_STORE
 * @must_fail WEAK_LOAD
 */

#include "tests/model/genmc/model.h"

#include "libsync/lfqueue/spsc.c"

/* The ring is made by hand below. */
void *
port_alloc(size_t size)
{
	(void)size;
	return NULL;
}

void
port_free(void *p)
{
	(void)p;
}

static void *slots[2];
static struct lfqueue_spsc q;
static int item[2];

static void *
producer(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		item[i] = i + 1;
		assert(lfqueue_spsc_push(&q, &item[i]));
	}
	return NULL;
}

static void *
consumer(void *arg)
{
	int want = 1;

	(void)arg;
	for (int i = 0; i < 3; i++) {
		const int *p = lfqueue_spsc_pop(&q);

		if (p != NULL)
			assert(*p == want++);
	}
	return NULL;
}

int
main(void)
{
	pthread_t t[2];

	q.mask = 1;
	q.slot = slots;
	model_start(&t[0], producer, NULL);
	model_start(&t[1], consumer, NULL);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	return 0;
}
