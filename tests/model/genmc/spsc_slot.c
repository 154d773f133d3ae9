/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * SLOT of libsync/lfqueue/spsc: a slot is read before it is filled again.
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

static void *slots[1];
static struct lfqueue_spsc q;
static int item[3];

static void *
producer(void *arg)
{
	int next = 0;

	(void)arg;
	for (int i = 0; i < 3; i++)
		next += lfqueue_spsc_push(&q, &item[next]);
	return NULL;
}

static void *
consumer(void *arg)
{
	int next = 0;

	(void)arg;
	for (int i = 0; i < 2; i++) {
		const int *p = lfqueue_spsc_pop(&q);

		if (p != NULL)
			assert(p == &item[next++]);
	}
	return NULL;
}

int
main(void)
{
	pthread_t t[2];

	q.slot = slots;
	model_start(&t[0], producer, NULL);
	model_start(&t[1], consumer, NULL);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	return 0;
}
