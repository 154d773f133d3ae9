/* SPDX-License-Identifier: BSD-2-Clause */

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apps/psnet-run/run.h"
#include "stack/proto/ipv4/ipv4.h"

uint16_t
run_checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len % 2 != 0)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

void
run_sleep(double seconds)
{
	struct timespec ts = {.tv_sec = (time_t)seconds};

	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
}

static double
seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double
run_seconds(void)
{
	return seconds(CLOCK_MONOTONIC);
}

double
run_cpu_seconds(void)
{
	return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

/*
 * Distinct prefixes: /24s of 11.0.0.0 upwards, every 16th one covered by the
 * /20 that it starts, so that lookups meet nested prefixes.
 */
int
run_load_routes(struct stack *st, const struct route_nexthop *nh, size_t n)
{
	struct route_config *cfg;
	size_t failed;
	int err;

	if (n == 0)
		return 0;
	if ((cfg = calloc(n, sizeof(*cfg))) == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const uint32_t k = (uint32_t)(i / 17), j = (uint32_t)(i % 17);
		const uint32_t addr =
		    htonl(0x0b000000 + (k << 12) + (j == 0 ? 0 : (j - 1) << 8));

		cfg[i] = (struct route_config){.plen = j == 0 ? 20 : 24,
		    .type = ROUTE_UNICAST,
		    .protocol = ROUTE_PROTO_STATIC,
		    .nnexthops = 1,
		    .nexthops = nh};
		memcpy(cfg[i].prefix, &addr, sizeof(addr));
	}
	err = ipv4_route_load(st, cfg, n, ROUTE_ADD, NULL, NULL, &failed);
	free(cfg);
	return err;
}
