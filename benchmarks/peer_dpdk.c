/* SPDX-License-Identifier: BSD-2-Clause */

#include "benchmarks/peer_dpdk.h"

#include <pthread.h>
#include <rte_eal.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
start(void)
{
	/* The environment keeps the words and may write them. */
	static char words[][24] = {"bench", "--no-huge", "--no-pci",
	    "--no-shconf", "--no-telemetry", "-m", "4096", "--log-level=error"};
	static char *argv[sizeof(words) / sizeof(words[0]) + 1];
	pthread_t self = pthread_self();
	const int argc = (int)(sizeof(words) / sizeof(words[0]));
	cpu_set_t all;

	for (int i = 0; i < argc; i++)
		argv[i] = words[i];
	/* It ties the caller to one processor. */
	if (pthread_getaffinity_np(self, sizeof(all), &all) != 0 ||
	    rte_eal_init(argc, argv) < 0 ||
	    pthread_setaffinity_np(self, sizeof(all), &all) != 0)
		abort();
}

void
peer_dpdk_start(void)
{
	if (pthread_once(&once, start) != 0)
		abort();
}
