/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * GP of libsync/pserialize, in the mode fenced: what follows a poll that finds
 * the end of a grace period, which another thread led, comes after the sections
 * that it waited for.  Also if the poll finds no more than the beginning of the
 * next one, which is asked for here too.
 * @must_fail WEAK_SEQ_STORE
 * @must_fail WEAK_SEQ_ODD
 * @must_fail WEAK_SEQ_LOAD
 */

#include "tests/model/genmc/pserialize.h"

static int object = 1; /* plain: who is not waited for races */
static SYNC_ATOMIC(int *) shared = {&object};

static void *
reader(void *arg)
{
	uint64_t s;
	const int *seen;

	(void)arg;
	model_begin(1);
	s = pserialize_read_enter();
	/* relaxed: the object was there before the threads. */
	seen = sync_load_relaxed(&shared);
	if (seen != NULL)
		assert(*seen == 1);
	pserialize_read_exit(s);
	model_end();
	return NULL;
}

static void *
leader(void *arg)
{
	(void)arg;
	model_begin(2);
	(void)pserialize_poll_advance();
	(void)pserialize_poll_advance();
	model_end();
	return NULL;
}

int
main(void)
{
	pthread_t t[2];
	uint64_t gp;

	model_init(2);
	model_start(&t[0], reader, NULL);
	/* relaxed: the grace period orders it. */
	sync_store_relaxed(&shared, NULL);
	gp = pserialize_poll_start();
	(void)pserialize_poll_advance();
	(void)pserialize_poll_start();
	model_start(&t[1], leader, NULL);
	if (pserialize_poll(gp))
		object = 0;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	return 0;
}
