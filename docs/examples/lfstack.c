/* SPDX-License-Identifier: BSD-2-Clause */

#include <pthread.h>
#include <stdio.h>

#include "libsync/lfqueue/stack.h"

/* A free list: its buffers live as long as the program. */
struct buffer {
	struct lfqueue_stack_node node; /* first: a node is its buffer */
	char data[64];
};

static struct buffer buffers[8];
static struct lfqueue_stack unused;

static void *
user(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		struct buffer *b = (void *)lfqueue_stack_pop(&unused);

		if (b == NULL)
			continue; /* the others have them all */
		snprintf(b->data, sizeof(b->data), "%d", i);
		lfqueue_stack_push(&unused, &b->node); /* at once is fine */
	}
	return arg;
}

int
main(void)
{
	struct lfqueue_stack_node *n;
	pthread_t t[3];
	int count = 0;

	lfqueue_stack_init(&unused);
	for (int i = 0; i < 8; i++)
		lfqueue_stack_push(&unused, &buffers[i].node);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&t[i], NULL, user, NULL) != 0)
			return 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	n = lfqueue_stack_pop_all(&unused);
	for (; n != NULL; n = lfqueue_stack_next(n))
		count++;
	printf("%d buffers\n", count);
	return count != 8;
}
