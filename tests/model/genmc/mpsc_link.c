/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * LINK of libsync/lfqueue/mpsc: an object is filled before its node is seen.
 * @must_fail WEAK_STORE
 * @must_fail WEAK_LOAD
 */

#include "tests/model/genmc/model.h"

#include "libsync/lfqueue/mpsc.c"

struct msg {
	struct lfqueue_mpsc_node node; /* first */
	int value;
};

static struct lfqueue_mpsc q;
static struct msg msg[2];

static void *
producer(void *arg)
{
	struct msg *m = arg;

	m->value = 42;
	lfqueue_mpsc_push(&q, &m->node);
	return NULL;
}

int
main(void)
{
	pthread_t t[2];

	lfqueue_mpsc_init(&q);
	for (int i = 0; i < 2; i++)
		model_start(&t[i], producer, &msg[i]);
	for (int i = 0; i < 2; i++) {
		struct lfqueue_mpsc_node *n = lfqueue_mpsc_pop(&q);

		if (n != NULL)
			assert(((struct msg *)(void *)n)->value == 42);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	return 0;
}
