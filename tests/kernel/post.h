/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_POST_H
#define TESTS_KERNEL_POST_H

/* What is on its way from one CPU to another, in a queue with room for all. */

#include "libsync/lfqueue/mpmc.h"
#include "tests/kernel/ktest.h"

/*
 * Put item into q.  Who was stopped while it took one out keeps that place
 * taken when the others have come round to it: wait for it then.
 * Context: as for ktest_relax().
 */
static inline void
ktest_post(struct lfqueue_mpmc *q, void *item)
{
	while (!lfqueue_mpmc_push(q, item) && !ktest_failed())
		ktest_relax();
}

#endif /* TESTS_KERNEL_POST_H */
