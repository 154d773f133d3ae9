/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * TAIL of libsync/lfqueue/mpsc as one side of "Sleeping consumer" in mpsc.h:
 * empty sees the push, or the producer sees the flag.
 * @must_fail WEAK_XCHG_SEQ_CST
 * @must_fail WEAK_LOAD_SEQ_CST
 */

#include "tests/model/genmc/model.h"

#include "libsync/lfqueue/mpsc.c"

static struct lfqueue_mpsc q;
static struct lfqueue_mpsc_node node;
static SYNC_ATOMIC(bool) armed;
static bool rang, slept;

static void *
producer(void *arg)
{
	(void)arg;
	lfqueue_mpsc_push(&q, &node);
	/* seq_cst: as mpsc.h demands. */
	rang = sync_load_seq_cst(&armed);
	return NULL;
}

static void *
consumer(void *arg)
{
	(void)arg;
	/* seq_cst: as mpsc.h demands. */
	sync_store_seq_cst(&armed, true);
	slept = lfqueue_mpsc_empty(&q);
	return NULL;
}

int
main(void)
{
	pthread_t t[2];

	lfqueue_mpsc_init(&q);
	model_start(&t[0], producer, NULL);
	model_start(&t[1], consumer, NULL);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	assert(rang || !slept);
	return 0;
}
