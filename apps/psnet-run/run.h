/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNET_RUN_RUN_H
#define APPS_PSNET_RUN_RUN_H

/*
 * psnet-run: whole topologies in one process, over in-memory wires.  It needs
 * no privilege, so it is the demo without root, and it is where forwarding
 * rate is measured without a device's noise.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/core/stack.h"
#include "stack/route/table.h"

#define RUN_FLOWS_MAX 32768 /* half of what a wire holds */

/* What forwards, and what. */
struct run_forward {
	unsigned int nworkers;
	size_t nroutes;      /* idle ones */
	unsigned int nflows; /* frames in flight per worker, each a flow */
	uint32_t flow_cache; /* IPV4_OPT_FLOW_CACHE */
	unsigned int nrules; /* that these packets do not match */
	double seconds;
};

/* What it came to. */
struct run_rate {
	double mpps;   /* million packets per second */
	double cpu_ns; /* processor time of a packet */
};

/*
 * Forward in a circle.
 * Context: control thread; sleeps.
 * Returns: 0 and the rate, or a negative errno.
 */
int run_forward(const struct run_forward *f, struct run_rate *out);

/*
 * The demonstration: client, router and server over two wires; sends the file
 * in through the router into the file out, with a full table and churn.
 * Context: control thread; sleeps; prints as it goes.
 * Returns: the number of checks that failed.
 */
int run_demo(const char *in, const char *out, size_t nroutes);

/* Ethernet, ARP, IPv4, ICMP: what a router needs; NULL ends. */
extern const struct proto *const run_router_protos[];

/* Protocols of a host that measures: numbers 253 and 254 of RFC 3692. */
extern const struct proto run_proto_probe; /* ICMP, as a client */
extern const struct proto run_proto_bulk;

/* What came back for a probe; type 0xff: nothing. */
struct run_answer {
	uint8_t type, code;
	uint32_t from; /* network order */
	double ms;
};

/*
 * Send an echo request of size payload bytes to dst (network order) and wait
 * up to timeout seconds for the answer, an error included.  ttl 0: default.
 * Context: control thread; sleeps.
 */
struct run_answer run_probe(
    struct stack *st, uint32_t dst, size_t size, uint8_t ttl, double timeout);

/*
 * Start sending size bytes at src to dst (network order); or be ready to
 * receive them at dst.
 * Context: control thread.  Owner: the memory stays the caller's, and must
 *          live until run_bulk_stop().
 */
void run_bulk_send(
    struct stack *st, uint32_t dst, const uint8_t *src, size_t size);
void run_bulk_receive(struct stack *st, uint8_t *dst, size_t size);
void run_bulk_stop(struct stack *st);

/* Bytes that have arrived in order, and chunks that were sent again. */
size_t run_bulk_received(struct stack *st);
uint64_t run_bulk_resent(struct stack *st);

/* The Internet checksum of len bytes (RFC 1071), as stored in a header. */
uint16_t run_checksum(const void *data, size_t len);

/* Load n generated routes over nh in one commit.  Returns: 0 or -errno. */
int run_load_routes(struct stack *st, const struct route_nexthop *nh, size_t n);

void run_sleep(double seconds);
double run_seconds(void);
/* Of the processor, by all threads. */
double run_cpu_seconds(void);

#endif /* APPS_PSNET_RUN_RUN_H */
