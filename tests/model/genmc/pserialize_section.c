/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * SECTION of libsync/pserialize, in the mode fenced: a section is over before
 * what it saw is overwritten, and the next one does not see it any more.
 * @must_fail WEAK_STORE
 * @must_fail WEAK_LOAD
 * @must_fail WEAK_FENCE
 */

#include "tests/model/genmc/pserialize.h"

static int object = 1; /* plain: who is not waited for races */
static SYNC_ATOMIC(int *) shared = {&object};

static void *
reader(void *arg)
{
	(void)arg;
	model_begin(1);
	for (int i = 0; i < 2; i++) {
		const uint64_t s = pserialize_read_enter();
		/* relaxed: the object was there before the threads. */
		const int *seen = sync_load_relaxed(&shared);

		if (seen != NULL)
			assert(*seen == 1);
		pserialize_read_exit(s);
	}
	model_end();
	return NULL;
}

static void *
writer(void *arg)
{
	(void)arg;
	model_begin(2);
	/* relaxed: the grace period orders it. */
	sync_store_relaxed(&shared, NULL);
	pserialize_perform();
	object = 0;
	model_end();
	return NULL;
}

int
main(void)
{
	pthread_t t[2];

	model_init(2);
	model_start(&t[0], reader, NULL);
	model_start(&t[1], writer, NULL);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	return 0;
}
