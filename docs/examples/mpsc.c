/* SPDX-License-Identifier: BSD-2-Clause */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "libsync/lfqueue/mpsc.h"

struct message {
	struct lfqueue_mpsc_node node; /* first: a node is its message */
	int what;
};

static struct lfqueue_mpsc mailbox;
static struct message messages[3];

static void *
sender(void *arg)
{
	lfqueue_mpsc_push(&mailbox, arg);
	return NULL;
}

int
main(void)
{
	pthread_t t[3];
	int sum = 0;

	lfqueue_mpsc_init(&mailbox);
	for (int i = 0; i < 3; i++) {
		messages[i].what = i;
		if (pthread_create(&t[i], NULL, sender, &messages[i]) != 0)
			return 1;
	}
	for (int n = 0; n < 3;) {
		struct message *m = (void *)lfqueue_mpsc_pop(&mailbox);

		if (m == NULL) {
			sched_yield(); /* empty, or a push is under way */
			continue;
		}
		sum += m->what;
		n++;
	}
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	printf("%d\n", sum);
	return sum != 3;
}
