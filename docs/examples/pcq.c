/* SPDX-License-Identifier: BSD-2-Clause */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "libsync/lfqueue/pcq.h"

static struct lfqueue_pcq *q;
static int value[4];

static void *
producer(void *arg)
{
	for (int i = 0; i < 100; i++)
		while (!lfqueue_pcq_put(q, arg))
			sched_yield(); /* full: or drop it and count */
	return NULL;
}

int
main(void)
{
	pthread_t t[4];
	int got = 0;

	if (lfqueue_pcq_create(10, &q) != 0)
		return 1;
	for (int i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, producer, &value[i]) != 0)
			return 1;
	while (got < 400) {
		int *v = lfqueue_pcq_get(q);

		if (v == NULL) {
			sched_yield();
			continue;
		}
		(*v)++;
		got++;
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	lfqueue_pcq_destroy(q);
	for (int i = 0; i < 4; i++)
		printf("producer %d: %d\n", i, value[i]);
	return 0;
}
