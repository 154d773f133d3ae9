/* SPDX-License-Identifier: BSD-2-Clause */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "libsync/lfqueue/mpmc.h"

static int packets[1000];
static struct lfqueue_mpmc *q;

static void *
receive(void *arg)
{
	size_t next = 0;

	while (next < 1000) {
		void *v[32];
		size_t n = 0;

		for (; n < 32 && next + n < 1000; n++)
			v[n] = &packets[next + n];
		n = lfqueue_mpmc_push_bulk(q, v, n);
		next += n;
		if (n == 0)
			sched_yield(); /* full */
	}
	return arg;
}

int
main(void)
{
	pthread_t t;
	int sum = 0;

	for (int i = 0; i < 1000; i++)
		packets[i] = 1;
	if (lfqueue_mpmc_create(256, LFQUEUE_MPMC_ONE_PRODUCER, &q) != 0)
		return 1;
	if (pthread_create(&t, NULL, receive, NULL) != 0)
		return 1;
	while (sum < 1000) {
		void *v[32];
		const size_t n = lfqueue_mpmc_pop_bulk(q, v, 32);

		for (size_t i = 0; i < n; i++)
			sum += *(int *)v[i];
		if (n == 0)
			sched_yield(); /* empty, or about to be filled */
	}
	pthread_join(t, NULL);
	lfqueue_mpmc_destroy(q);
	printf("%d packets\n", sum);
	return 0;
}
