/* SPDX-License-Identifier: BSD-2-Clause */

#include <stdio.h>

#include "libsync/lfqueue/segq.h"
#include "libsync/pserialize/pserialize.h"

int
main(void)
{
	static int event[3000];
	struct lfqueue_segq *log;
	int count = 0;

	if (lfqueue_segq_create(&log) != 0)
		return 1;
	for (int i = 0; i < 3000; i++)
		if (lfqueue_segq_push(log, &event[i]) != 0)
			return 1; /* no memory for a segment */
	while (lfqueue_segq_pop(log) == &event[count])
		count++;
	lfqueue_segq_destroy(log);
	pserialize_barrier(); /* the segments that were used up are free */
	printf("%d events\n", count);
	return count != 3000;
}
