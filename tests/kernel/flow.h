/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_FLOW_H
#define TESTS_KERNEL_FLOW_H

/*
 * Items through a queue: every thread, and the handlers of every CPU, push
 * items of their own, pop what comes, and check that nothing is lost, comes
 * twice, or overtakes what its producer pushed before.
 */

#include "libsync/lfqueue/atomicq.h"
#include "libsync/lfqueue/mpsc.h"
#include "libsync/lfqueue/stack.h"
#include "tests/kernel/ktest.h"

struct flow_item {
	struct lfqueue_atomicq_link link;
	struct lfqueue_stack_node stacked;
	struct lfqueue_mpsc_node node;
	struct ktest_body body;
	uint64_t number; /* of its producer's pushes */
	unsigned producer;
	SYNC_ATOMIC(uint32_t) queued; /* [a] */
};

struct flow {
	/* Returns: false if the queue is full. */
	bool (*push)(struct flow_item *item);

	/* Returns: NULL if the queue is empty. */
	struct flow_item *(*pop)(void);

	bool fifo;         /* a producer's items stay in order */
	bool one_producer; /* the first thread; no handlers push */
	bool one_consumer; /* the last thread; no handlers pop */
	bool handlers;     /* push, and pop, as well */
	uint32_t items;    /* of each producing thread, at least */
};

/* Run it, on a queue that is empty before and after. */
void flow_run(const struct flow *f);

#endif /* TESTS_KERNEL_FLOW_H */
