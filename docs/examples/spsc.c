/* SPDX-License-Identifier: BSD-2-Clause */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "libsync/lfqueue/spsc.h"

static int samples[1000];

static void *
sampler(void *arg)
{
	struct lfqueue_spsc *q = arg;

	for (int i = 0; i < 1000; i++) {
		samples[i] = i;
		while (!lfqueue_spsc_push(q, &samples[i]))
			sched_yield(); /* full */
	}
	return NULL;
}

int
main(void)
{
	struct lfqueue_spsc *q;
	long sum = 0;
	pthread_t t;

	if (lfqueue_spsc_create(64, &q) != 0)
		return 1;
	if (pthread_create(&t, NULL, sampler, q) != 0)
		return 1;
	for (int n = 0; n < 1000;) {
		const int *x = lfqueue_spsc_pop(q);

		if (x == NULL) {
			sched_yield(); /* empty */
			continue;
		}
		sum += *x;
		n++;
	}
	pthread_join(t, NULL);
	lfqueue_spsc_destroy(q);
	printf("%ld\n", sum);
	return sum != 999 * 1000 / 2;
}
