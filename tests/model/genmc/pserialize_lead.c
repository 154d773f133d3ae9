/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * LEAD of libsync/pserialize: a leader goes on where another one stopped,
 * because a reader stays.
 * @must_fail WEAK_XCHG_RELEASE
 * @must_fail WEAK_CAS_ACQUIRE
 */

#include "tests/model/genmc/pserialize.h"

static void *
leader(void *arg)
{
	model_begin(*(const int *)arg);
	assert(!pserialize_poll_advance());
	model_end();
	return NULL;
}

int
main(void)
{
	static const int number[2] = {1, 2};
	pthread_t t[2];
	uint64_t s, gp;

	model_init(2);
	s = pserialize_read_enter();
	gp = pserialize_poll_start();
	for (int i = 0; i < 2; i++)
		model_start(&t[i], leader, (void *)&number[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	assert(!pserialize_poll(gp));
	pserialize_read_exit(s);
	assert(pserialize_poll_advance());
	assert(pserialize_poll(gp));
	return 0;
}
