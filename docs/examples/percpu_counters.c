/* SPDX-License-Identifier: BSD-2-Clause */

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "libsync/percpu/counters.h"

enum {
	PACKETS,
	BYTES,
	COUNTERS
};

#define WORKERS 2

static struct percpu_counters *counters;

static void *
work(void *arg)
{
	const unsigned *worker = arg; /* its own shard */

	for (unsigned i = 0; i < 1000; i++) {
		percpu_counters_add(counters, *worker, PACKETS, 1);
		percpu_counters_add(counters, *worker, BYTES, 60);
	}
	return NULL;
}

int
main(void)
{
	unsigned number[WORKERS] = {0, 1};
	pthread_t thread[WORKERS];
	uint64_t packets, bytes;

	if (percpu_counters_create(WORKERS, COUNTERS, &counters) != 0)
		return 1;
	for (unsigned i = 0; i < WORKERS; i++)
		if (pthread_create(&thread[i], NULL, work, &number[i]) != 0)
			return 1;
	/* Any time: a number that it had, or less than it will have. */
	printf("%" PRIu64 " so far\n", percpu_counters_sum(counters, PACKETS));
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(thread[i], NULL);
	packets = percpu_counters_sum(counters, PACKETS); /* exact now */
	bytes = percpu_counters_sum(counters, BYTES);
	printf("%" PRIu64 " packets, %" PRIu64 " bytes\n", packets, bytes);
	percpu_counters_destroy(counters);
	return packets == 2000 && bytes == 120000 ? 0 : 1;
}
