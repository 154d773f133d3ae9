/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_PROTO_ICMP_ICMP_IMPL_H
#define STACK_PROTO_ICMP_ICMP_IMPL_H

/*
 * Rate limits of ICMP errors (RFC 1812 4.3.2.8): a token bucket per type and
 * one per destination, at each worker.
 */

#include <stdbool.h>
#include <stdint.h>

struct worker;

#define ICMP_LIMIT_TYPES        4
#define ICMP_LIMIT_DESTINATIONS 1024

/* [o] the worker */
struct icmp_limit_bucket {
	uint64_t filled; /* [o] worker's clock at the last refill, ns */
	uint64_t
	    credit; /* [o] in 1e-9 tokens: one is a second's worth of 1/s */
	bool used;  /* [o] was ever filled */
};

/* One worker's. */
struct icmp_limit {
	uint32_t seed; /* nobody outside can tell who shares a bucket */
	struct icmp_limit_bucket type[ICMP_LIMIT_TYPES];
	struct icmp_limit_bucket destination[ICMP_LIMIT_DESTINATIONS];
};

/*
 * May this worker send an error of kind type (below ICMP_LIMIT_TYPES) to dst
 * (network order) now?  If so it counts as sent.  type_rate is this worker's
 * share, both are errors a second; 0 is no limit.
 * Context: the worker; never sleeps.
 */
bool icmp_limit_pass(struct icmp_limit *l, struct worker *w, unsigned int type,
    uint32_t type_rate, uint32_t dst, uint32_t dst_rate);

#endif /* STACK_PROTO_ICMP_ICMP_IMPL_H */
