/* SPDX-License-Identifier: BSD-2-Clause */

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "libsync/lfqueue/atomicq.h"
#include "libsync/pserialize/pserialize.h"

struct job {
	int number;
	struct lfqueue_atomicq_link link; /* malloc() aligns it well enough */
	struct pserialize_head head;
};

static struct lfqueue_atomicq jobs;

static void
job_free(struct pserialize_head *head)
{
	free((char *)head - offsetof(struct job, head));
}

static void *
worker(void *arg)
{
	struct job *j;

	(void)arg;
	while ((j = lfqueue_atomicq_pop(&jobs)) != NULL) {
		printf("job %d\n", j->number);
		pserialize_call(&j->head, job_free); /* not free(j) */
	}
	return NULL;
}

int
main(void)
{
	pthread_t t[2];

	lfqueue_atomicq_init(&jobs, offsetof(struct job, link));
	for (int i = 0; i < 6; i++) {
		struct job *j = malloc(sizeof(*j));

		if (j == NULL)
			return 1;
		j->number = i;
		if (i == 5)
			lfqueue_atomicq_push_lifo(&jobs, j); /* urgent */
		else
			lfqueue_atomicq_push_fifo(&jobs, j);
	}
	for (int i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, worker, NULL) != 0)
			return 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	pserialize_barrier();
	return lfqueue_atomicq_pop(&jobs) != NULL;
}
