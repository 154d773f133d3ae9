/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * TAIL of libsync/lfqueue/mpsc: the clearing of a node's link comes before the
 * store of its successor.  Otherwise a node is lost.
 * @must_fail WEAK_XCHG
 */

#include "tests/model/genmc/model.h"

#include "libsync/lfqueue/mpsc.c"

static struct lfqueue_mpsc q;
static struct lfqueue_mpsc_node node[2];

static void *
producer(void *arg)
{
	lfqueue_mpsc_push(&q, arg);
	return NULL;
}

int
main(void)
{
	pthread_t t[2];

	lfqueue_mpsc_init(&q);
	for (int i = 0; i < 2; i++)
		model_start(&t[i], producer, &node[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 2; i++)
		assert(lfqueue_mpsc_pop(&q) != NULL);
	assert(lfqueue_mpsc_pop(&q) == NULL);
	assert(lfqueue_mpsc_empty(&q));
	return 0;
}
